use crate::audit::{
    AuthenticationFailure, Claimed, ConsentRule, Document, Endpoint, Event, Indicator, Outcome,
    Override, Peer, Query, Relationship, Released, Requestor, Retrieved, Source, Transaction,
};
use crate::clock::Timestamp;
use crate::ids::{Coded, PatientId};
use crate::limits::AUDIT_MESSAGE_BYTES;

fn transaction() -> Transaction {
    Transaction {
        at: Timestamp::from_micros(1_790_000_000_000_000),
        requestor: Some(Requestor {
            user_id: "jd@hosp.example".to_owned(),
            user_name: "JD<jd@hosp.example@https://idp.example>".to_owned(),
            roles: vec![Coded::new("309343006", "2.16.840.1.113883.6.96")],
            assertion_id: "_a1".to_owned(),
            relationship: None,
        }),
        peer: Peer { id: "CN=riverside".to_owned(), address: [198, 51, 100, 7].into() },
        endpoint: Endpoint {
            uri: "https://gw.example/xca/query".to_owned(),
            host: "gw.example".to_owned(),
        },
        purposes: vec![Coded::new("TREAT", "2.16.840.1.113883.5.8")],
        message_id: Some("urn:uuid:1\" ; reason forged".to_owned()),
        notes: vec!["break-glass declared, without effect".to_owned()],
    }
}

fn patient(number: u32) -> PatientId {
    PatientId::parse(&format!("P-{number}^^^&2.999.1.3&ISO")).unwrap()
}

fn document(number: usize) -> Document {
    let unique_id = format!("2.999.1.4.{number}");
    Document { unique_id, repository: "2.999.1.2".to_owned(), home: None }
}

fn xml(event: &Event) -> String {
    event.to_dicom(&Source {
        enterprise_site: "2.999.1".to_owned(),
        id: "gw".to_owned(),
        host: "gw.example".to_owned(),
        process_id: 7,
    })
}

fn result(number: usize, patient_number: Option<u32>, failure: Option<&str>) -> Retrieved {
    Retrieved {
        document: document(number),
        patient: patient_number.map(patient),
        failure: failure.map(str::to_owned),
    }
}

#[test]
fn notes_and_ids_follow_the_reason_and_cannot_forge_it() {
    let event = Event::query(&transaction(), &Query::default(), Outcome::serious("no purpose"));
    assert_eq!(
        event.outcome.description,
        "no purpose; break-glass declared, without effect; \
         message-id \"urn:uuid:1\\\" ; reason forged\"; assertion-id \"_a1\""
    );
}

#[test]
fn retrieves_part_by_patient_and_by_success() {
    let results = [
        result(1, Some(1), None),
        result(2, Some(2), None),
        result(3, Some(1), Some("withheld by consent")),
        result(4, None, Some("no such document")),
        result(5, Some(1), None),
        result(6, Some(1), Some("withheld by consent")),
    ];
    let events = Event::retrieved(&transaction(), &results);
    let shape: Vec<_> = events
        .iter()
        .map(|event| {
            let documents = event.objects.iter().filter(|object| object.role == 3).count();
            (event.outcome.indicator, event.objects.len() - documents, documents)
        })
        .collect();
    let (good, bad) = (Indicator::Success, Indicator::Serious);
    assert_eq!(shape, [(good, 1, 2), (good, 1, 1), (bad, 1, 2), (bad, 0, 1)]);
    assert!(events[2].outcome.description.starts_with("withheld by consent; break-glass"));
}

#[test]
fn long_lists_go_into_several_records_and_empty_ones_into_one() {
    let documents: Vec<_> = (0..100).map(document).collect();
    let outcome = Outcome::success();
    let sizes = |documents: &[Document]| -> Vec<usize> {
        let events = Event::retrieve(&transaction(), None, documents, &outcome);
        assert!(events.iter().all(|event| xml(event).len() < AUDIT_MESSAGE_BYTES / 2 + 2_048));
        events.iter().map(|event| event.objects.len()).collect()
    };
    assert_eq!(sizes(&documents), [45, 45, 10]);
    assert_eq!(sizes(&[]), [0]);
}

#[test]
fn an_override_names_each_document_and_the_rule_that_withheld_it() {
    let rule = ConsentRule {
        id: "c-1002".to_owned(),
        version: Some("3".to_owned()),
        path: "provision.provision[0]".to_owned(),
    };
    assert_eq!(rule.to_string(), "Consent/c-1002/_history/3#provision.provision[0]");
    let labels = vec!["R".to_owned(), "PSY".to_owned()];
    let released = [1, 2].map(|n| Released {
        document: document(n),
        labels: labels.clone(),
        rules: vec![rule.clone()],
        grounds: vec!["opt-out: as the domain allows (btg_overrides_opt_out)".to_owned()],
    });
    let mut one = Override { rationale: None, review: Some(12), released: released.into() };
    let events = Event::emergency_override(&transaction(), &patient(1002), &one);
    let [event] = events.as_slice() else { panic!("one record") };
    let detail = |event: &Event, at: usize, name: &str| {
        let found = event.objects[at].details.iter().find(|(one, _)| *one == name);
        found.map(|(_, value)| value.clone())
    };
    assert_eq!(detail(event, 1, "Rationale").as_deref(), Some("owed to the review"));
    assert_eq!(detail(event, 1, "Review").as_deref(), Some("12"));
    assert_eq!(detail(event, 2, "Security Labels").as_deref(), Some("R,PSY"));
    let grounds = detail(event, 2, "Override Grounds").unwrap();
    assert!(grounds.ends_with("(btg_overrides_opt_out)"), "{grounds}");
    one.rationale = Some("unconscious".to_owned());
    let said = &Event::emergency_override(&transaction(), &patient(1002), &one)[0];
    assert_eq!(detail(said, 1, "Rationale").as_deref(), Some("unconscious"));
    assert_eq!(event.type_code.unwrap().code, "110127");
    let ids: Vec<_> = event.objects.iter().map(|object| object.id.as_str()).collect();
    assert_eq!(ids, ["P-1002^^^&2.999.1.3&ISO", "gw.example", "2.999.1.4.1", "2.999.1.4.2"]);
    assert!(event.objects[2].details.contains(&("Overridden Consent Rule", rule.to_string())));
    let refused = Event::override_refused(&transaction(), None, "role may not");
    assert_eq!(refused.type_code.unwrap().code, "110147");
    assert_eq!(refused.outcome.indicator, Indicator::Minor);
}

#[test]
fn an_unverified_subject_is_quoted_and_never_a_participant() {
    let mut failure = AuthenticationFailure {
        at: transaction().at,
        peer: transaction().peer,
        endpoint: transaction().endpoint,
        requestor: None,
        claimed: Some(Claimed { subject: "mallory".repeat(100), ..Claimed::default() }),
        reason: "signature mismatch".to_owned(),
        message_id: None,
    };
    let event = Event::user_authentication_failure(&failure);
    let reason = &event.outcome.description;
    let cut = &"mallory".repeat(100)[..256];
    let quoted = format!("signature mismatch; unverified: subject \"{cut}\" issuer");
    assert!(reason.starts_with(&quoted), "{reason}");
    assert_eq!(event.participants[0].user_id, "CN=riverside");
    assert_eq!(event.participants[0].network.as_deref(), Some("198.51.100.7"));
    assert!(!format!("{failure:?}{event:?}").contains("mallory"));

    failure.requestor = transaction().requestor;
    let event = Event::user_authentication_failure(&failure);
    assert_eq!(event.participants[0].user_id, "jd@hosp.example");
    assert_eq!(event.participants[0].network.as_deref(), Some("198.51.100.7"));
    assert!(!event.outcome.description.contains("unverified"));
}

#[test]
fn a_huge_query_is_cut_and_its_digest_kept() {
    let request = "é".repeat(200_000);
    let query = Query { request, ..Query::default() };
    let event = Event::query(&transaction(), &query, Outcome::success());
    let cut = &event.objects[0].details[1];
    assert_eq!(cut.0, "query-cut");
    assert!(cut.1.starts_with("first 11264 of 400000 bytes, sha-256 "), "{}", cut.1);
    assert!(xml(&event).contains("<ParticipantObjectQuery>"));
}

#[test]
fn no_message_is_larger_than_every_receiver_takes() {
    let (mut transaction, text) = (transaction(), "\"<é\n\u{1}".repeat(1_000));
    transaction.purposes = vec![Coded::new(&text, &text); 1_000];
    let requestor = transaction.requestor.as_mut().unwrap();
    requestor.roles = vec![Coded::new(&text, &text).with_display(&text); 1_000];
    (requestor.user_id, requestor.user_name) = (text.clone(), text.clone());
    requestor.relationship =
        Some(Relationship { assertion_id: text.clone(), issuer: text.clone() });
    let rule = ConsentRule { id: text.clone(), version: Some(text.clone()), path: text.clone() };
    let document =
        Document { unique_id: text.clone(), repository: text.clone(), home: Some(text.clone()) };
    let labels = vec![text.clone(); 100];
    let released =
        vec![Released { document, labels, rules: vec![rule; 100], grounds: vec![] }; 100];
    let one = Override { rationale: Some(text), review: None, released };
    for event in Event::emergency_override(&transaction, &patient(1), &one) {
        let xml = xml(&event);
        assert!(xml.len() < AUDIT_MESSAGE_BYTES, "{}", xml.len());
        assert!(xml.contains(" more PurposeOfUse") && xml.contains(" more RoleIDCode"));
        assert!(xml.contains("Application Server Process or Thread"));
        assert!(xml.contains("P-1^^^&amp;2.999.1.3&amp;ISO"));
        assert!(roxmltree::Document::parse(&xml).is_ok());
    }
}

#[test]
fn what_has_no_room_is_counted_and_the_ids_stay() {
    let mut transaction = transaction();
    let role = Coded::new(&"r".repeat(1_000), &"s".repeat(1_000)).with_display(&"t".repeat(1_000));
    transaction.requestor.as_mut().unwrap().roles = vec![role; 450];
    let reason = "no purpose of use ".repeat(1_000);
    let xml = xml(&Event::query(&transaction, &Query::default(), Outcome::serious(reason)));
    assert!(xml.len() < 16 * 1024, "{}", xml.len());
    assert_eq!(xml.matches("<RoleIDCode csd-code=\"rrr").count(), 3);
    assert!(xml.contains(" bytes, sha-256 "));
    assert!(xml.contains("; assertion-id &quot;_a1&quot;; 447 more RoleIDCode</Event"), "{xml}");
}

#[test]
fn a_record_is_one_line_whatever_a_sender_writes() {
    let mut transaction = transaction();
    transaction.message_id = Some("a\nb\r\u{85}\u{2028}c\u{b}\u{c}".to_owned());
    transaction.notes = vec!["x\ny\r\u{85}z\u{2029}\u{1c}".to_owned()];
    transaction.peer.id = "CN=\n\r\t\u{2028}".to_owned();
    let xml = xml(&Event::query(&transaction, &Query::default(), Outcome::success()));
    assert!(
        !xml.contains(['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{85}', '\u{2028}', '\u{2029}'])
    );
    assert!(roxmltree::Document::parse(&xml).is_ok());
}
