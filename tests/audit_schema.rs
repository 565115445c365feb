//! Every kind of audit record is valid by the DICOM schema (DICOM PS3.15 A.5.1, `dicom2017c.xsd`).

use std::path::{Path, PathBuf};
use std::process::Command;

use glassgate::audit::{
    AuthenticationFailure, Claimed, ConsentRule, Document, Endpoint, Event, Import, Journal,
    NodeFailure, Outcome, Peer, Query, Released, Requestor, Retrieved, Settings, Source,
    Transaction,
};
use glassgate::clock::{SystemRandom, Timestamp};
use glassgate::ids::{Coded, PatientId};

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_123_456);
/// What a hostile or careless sender may put into any text.
const NASTY: &str = "a\"'<&>\n\r\t\u{1}\u{85}\u{2028}\u{ffff} é \u{1f512} ]]>";

/// Audit messages by others, and the schema.
fn foreign() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign/atna")
}

fn schema() -> PathBuf {
    foreign().join("dicom2017c.xsd")
}

#[test]
fn messages_by_others_are_valid_and_read() {
    let files = std::fs::read_dir(foreign()).unwrap().map(|file| file.unwrap().path());
    let (messages, others): (Vec<_>, Vec<_>) =
        files.partition(|file| file.extension().is_some_and(|e| e == "xml"));
    assert_eq!((messages.len(), others.len()), (11, 3));
    validate(&messages);
    for message in messages {
        let text = std::fs::read_to_string(&message).unwrap();
        let document = glassgate::xml::parse(&text, glassgate::xml::Bounds::REQUEST).unwrap();
        assert_eq!(document.root().tag_name().name(), "AuditMessage", "{}", message.display());
    }
}

fn validate(files: &[PathBuf]) {
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema"])
        .arg(schema())
        .args(files)
        .output()
        .expect("xmllint is missing; `make test` installs libxml2-utils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn source() -> Source {
    Source {
        enterprise_site: "2.999.1".to_owned(),
        id: "lakeside".to_owned(),
        host: "gateway.lakeside.example".to_owned(),
        process_id: 4242,
    }
}

fn transaction(text: &str) -> Transaction {
    Transaction {
        at: NOW,
        requestor: Some(Requestor {
            user_id: format!("jd@hosp.example{text}"),
            user_name: format!("JD<jd@hosp.example@https://idp.example>{text}"),
            roles: vec![
                Coded::new("309343006", "2.16.840.1.113883.6.96").with_display("Physician"),
                Coded::new(text, text),
            ],
            assertion_id: format!("_a{text}"),
        }),
        peer: Peer { id: format!("CN=riverside{text}"), address: [198, 51, 100, 7].into() },
        endpoint: endpoint("gateway.lakeside.example"),
        purposes: vec![
            Coded::new("BTG", "2.16.840.1.113883.5.8").with_display("break the glass"),
            Coded::new(text, text),
        ],
        message_id: Some(format!("urn:uuid:0{text}")),
        notes: vec![format!("break-glass declared, without effect{text}")],
    }
}

fn endpoint(host: &str) -> Endpoint {
    Endpoint { uri: format!("https://{host}/xca/query"), host: host.to_owned() }
}

fn anonymous() -> Transaction {
    let peer = Peer { id: String::new(), address: "2001:db8::7".parse().unwrap() };
    Transaction {
        requestor: None,
        peer,
        purposes: Vec::new(),
        message_id: None,
        notes: Vec::new(),
        endpoint: endpoint("127.0.0.1"),
        ..transaction("")
    }
}

/// Every kind of record, with this text wherever a sender could have put it.
fn every_kind(text: &str) -> Vec<Event> {
    let transaction = transaction(text);
    let patient = PatientId::parse("P-1002^^^&2.999.1.3&ISO").unwrap();
    let document = Document {
        unique_id: format!("2.999.1.4.1002.1{text}"),
        repository: format!("2.999.1.2{text}"),
        home: Some(format!("urn:oid:2.999.1{text}")),
    };
    let query = Query {
        patient: Some(patient.clone()),
        id: format!("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d{text}"),
        request: format!("<query:AdhocQueryRequest/>{text}"),
        home: Some("urn:oid:2.999.1".to_owned()),
    };
    let rule = ConsentRule {
        id: format!("c-1002{text}"),
        version: Some("1".to_owned()),
        path: "provision.provision[0]".to_owned(),
    };
    let result = |failure: Option<&str>| Retrieved {
        document: document.clone(),
        patient: Some(patient.clone()),
        failure: failure.map(|reason| format!("{reason}{text}")),
    };
    let mut failure = AuthenticationFailure {
        at: NOW,
        peer: transaction.peer.clone(),
        endpoint: transaction.endpoint.clone(),
        requestor: None,
        claimed: Some(Claimed {
            issuer: text.to_owned(),
            subject: text.to_owned(),
            assertion_id: text.to_owned(),
        }),
        reason: format!("signature mismatch{text}"),
        message_id: Some(text.to_owned()),
    };
    let mut events = vec![
        Event::query(&transaction, &query, Outcome::success()),
        Event::query(&anonymous(), &Query::default(), Outcome::serious(text)),
        Event::override_refused(&transaction, Some(&patient), &format!("role may not{text}")),
        Event::override_refused(&anonymous(), None, text),
        Event::user_authentication_failure(&failure),
        Event::node_authentication_failure(&NodeFailure {
            at: NOW,
            address: [198, 51, 100, 8].into(),
            endpoint: endpoint("127.0.0.1"),
            claimed_subject: Some(format!("CN=stranger{text}")),
            reason: "unable to get local issuer certificate".to_owned(),
        }),
        Event::application_start(NOW, &endpoint("10.0.0.1"), Some(text)),
        Event::application_stop(NOW, &endpoint("gateway"), None),
    ];
    failure.requestor = transaction.requestor.clone();
    events.push(Event::user_authentication_failure(&failure));
    events.push(Event::query(&transaction, &query, Outcome::major(text)));
    events.extend(Event::retrieved(&transaction, &[result(None), result(Some("withheld"))]));
    events.extend(Event::retrieve(&anonymous(), None, &[], &Outcome::minor("refused")));
    let sent = std::slice::from_ref(&document);
    events.extend(Event::transfer_failed(&transaction, Some(&patient), sent, 65_536, 67_108_864));
    let released = [Released { document: document.clone(), rules: vec![rule.clone(), rule] }];
    events.extend(Event::emergency_override(&transaction, &patient, &released));
    events.extend(Event::import(&Import {
        at: NOW,
        from: format!("/srv/data{text}"),
        operator: "root".to_owned(),
        endpoint: endpoint("gateway"),
        patient: Some(patient),
        documents: vec![document],
        resources: vec![format!("Consent/c-1002{text}")],
        outcome: Outcome::success(),
    }));
    events
}

#[test]
fn every_kind_is_valid_as_rendered_and_as_journaled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let journal = Journal::open(Settings { path, source: source() }, &SystemRandom).unwrap();
    let mut files = Vec::new();
    let mut write = |xml: &str| {
        assert!(!xml.contains(['\n', '\r', '\u{85}', '\u{2028}']), "more than one line: {xml}");
        let path = folder.path().join(format!("{}.xml", files.len()));
        std::fs::write(&path, xml).unwrap();
        files.push(path);
    };
    for events in ["", NASTY, &NASTY.repeat(2_000)].map(every_kind) {
        events.iter().for_each(|event| write(&event.to_dicom(&source())));
        let _receipt = journal.record_blocking(NOW, &events).unwrap();
    }
    let mut seq = 0;
    loop {
        let records = journal.after(seq, 100).unwrap();
        let Some(last) = records.last() else { break };
        seq = last.seq;
        for record in &records {
            assert!(record.message.len() < glassgate::audit::delivery::frame::FRAME_BYTES);
            let message = str::from_utf8(&record.message).unwrap();
            write(message.split_once(" - ").unwrap().1);
        }
    }
    assert_eq!(files.len(), 2 * usize::try_from(seq).unwrap());
    validate(&files);
}

#[test]
#[should_panic(expected = "RoleIDCode")]
fn the_schema_refuses_what_is_wrong() {
    let event = Event::application_start(NOW, &endpoint("gateway"), None);
    let xml = event.to_dicom(&source()).replace("csd-code=\"110150\"", "code=\"110150\"");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.xml");
    std::fs::write(&path, xml).unwrap();
    validate(&[path]);
}
