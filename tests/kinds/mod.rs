//! Every kind of audit record, and the DICOM schema's word on it (DICOM PS3.15 A.5.1, `dicom2017c.xsd`).

use std::path::{Path, PathBuf};
use std::process::Command;

use glassgate::audit::review::{Item, Judgement, State, Verdict};
use glassgate::audit::{
    AuthenticationFailure, Claimed, ConsentRule, Document, Endpoint, Event, Explained, Import,
    NodeFailure, Operated, Operator, Outcome, Override, Peer, Query, Refusals, Relabelling,
    Relationship, Released, RepeatedFailures, Requestor, Retrieved, Source, Transaction,
};
use glassgate::clock::Timestamp;
use glassgate::ids::{Coded, PatientId};

/// When everything happened.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_123_456);
/// What a hostile or careless sender may put into any text.
pub(crate) const NASTY: &str = "a\"'<&>\n\r\t\u{1}\u{85}\u{2028}\u{ffff} é \u{1f512} ]]>";

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign/atna/dicom2017c.xsd")
}

/// Whether `xmllint` finds all of them valid by the schema.
pub(crate) fn validate(files: &[PathBuf]) {
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema"])
        .arg(schema())
        .args(files)
        .output()
        .expect("xmllint is missing; `make test` installs libxml2-utils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The reporting gateway.
pub(crate) fn source() -> Source {
    Source {
        enterprise_site: "2.999.1".to_owned(),
        id: "lakeside".to_owned(),
        host: "gateway.lakeside.example".to_owned(),
        process_id: 4242,
    }
}

/// What a sender chooses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sender {
    /// Put wherever a text can be put.
    pub(crate) text: String,
    /// Roles and purposes beyond the first of each.
    pub(crate) codes: usize,
    /// Documents, and rules of each that were overridden, beyond the first.
    pub(crate) documents: usize,
    pub(crate) rules: usize,
}

impl Sender {
    /// Someone who writes this and little else.
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), codes: 1, documents: 0, rules: 1 }
    }

    fn codes(&self, first: Coded) -> Vec<Coded> {
        let other = Coded::new(&self.text, &self.text).with_display(&self.text);
        std::iter::once(first).chain(vec![other; self.codes]).collect()
    }
}

/// A request, with this sender's text in all that he says.
pub(crate) fn transaction(sender: &Sender) -> Transaction {
    let text = &sender.text;
    Transaction {
        at: NOW,
        requestor: Some(Requestor {
            user_id: format!("jd@hosp.example{text}"),
            user_name: format!("JD<jd@hosp.example@https://idp.example>{text}"),
            roles: sender
                .codes(Coded::new("309343006", "2.16.840.1.113883.6.96").with_display("Physician")),
            assertion_id: format!("_a{text}"),
            relationship: Some(Relationship {
                assertion_id: format!("_b{text}"),
                issuer: format!("urn:initgw{text}"),
            }),
        }),
        peer: Peer { id: format!("CN=riverside{text}"), address: [198, 51, 100, 7].into() },
        endpoint: endpoint("gateway.lakeside.example"),
        purposes: sender
            .codes(Coded::new("BTG", "2.16.840.1.113883.5.8").with_display("break the glass")),
        message_id: Some(format!("urn:uuid:0{text}")),
        notes: vec![format!("break-glass declared, without effect{text}")],
    }
}

/// A gateway of this name.
pub(crate) fn endpoint(host: &str) -> Endpoint {
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
        ..transaction(&Sender::default())
    }
}

/// Every kind of record, with a sender's text wherever he could have put it.
pub(crate) fn every_kind(sender: &Sender) -> Vec<Event> {
    let text = sender.text.as_str();
    let transaction = transaction(sender);
    let patient = PatientId::parse("P-1002^^^&2.999.1.3&ISO").unwrap();
    let document = |n: usize| Document {
        unique_id: format!("2.999.1.4.1002.{n}-{text}"),
        repository: format!("2.999.1.2{text}"),
        home: Some(format!("urn:oid:2.999.1{text}")),
    };
    let documents: Vec<_> = (0..=sender.documents).map(document).collect();
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
    let result = |document: &Document, failure: Option<&str>| Retrieved {
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
            unrecorded: 41,
            elsewhere: 7,
        }),
        Event::repeated_failures(&RepeatedFailures {
            at: NOW,
            endpoint: endpoint("127.0.0.1"),
            sender: format!("riverside{text}"),
            failures: 20,
            turned_away: 7,
            reason: text.to_owned(),
        }),
        Event::security_configuration(NOW, &endpoint("gateway"), Outcome::minor(text)),
        Event::message_explained(&Explained {
            at: NOW,
            endpoint: endpoint("gateway"),
            operator: format!("ops{text}"),
            file: format!("captured.xml{text}"),
            shown: false,
            verdict: text.to_owned(),
        }),
        Event::application_start(NOW, &endpoint("10.0.0.1")),
        Event::application_stop(NOW, &endpoint("gateway")),
    ];
    failure.requestor = transaction.requestor.clone();
    events.push(Event::user_authentication_failure(&failure));
    events.push(Event::query(&transaction, &query, Outcome::major(text)));
    let results = documents.iter().map(|document| result(document, None));
    let results: Vec<_> =
        results.chain(documents.iter().map(|d| result(d, Some("withheld")))).collect();
    events.extend(Event::retrieved(&transaction, &results));
    events.extend(Event::retrieve(&anonymous(), None, &[], &Outcome::minor("refused")));
    let aborted = Event::transfer_failed(&transaction, Some(&patient), &documents, 65_536, 1 << 26);
    events.extend(aborted);
    let released = |document: &Document| Released {
        document: document.clone(),
        labels: vec!["R".to_owned(), format!("PSY{text}")],
        rules: vec![rule.clone(); 1 + sender.rules],
        grounds: vec!["withholding: overrode what a consent withholds".to_owned()],
    };
    let rationale = (!text.is_empty()).then(|| format!("unconscious{text}"));
    let released = documents.iter().map(released).collect();
    let one = Override { rationale, review: Some(i64::MAX), released };
    events.extend(Event::emergency_override(&transaction, &patient, &one));
    events.extend(Event::part_2_emergency(&transaction, &patient, &one.released));
    events.extend(of_operators(text, &patient, &documents));
    events.push(Event::unusual_rate(&transaction, "the 4th declaration of a user in 24 h", true));
    events.push(Event::refusals(&Refusals {
        at: NOW,
        peer: transaction.peer.clone(),
        endpoint: endpoint("gateway"),
        counts: [("digest-mismatch", 41), ("expired", 1)].into(),
    }));
    events.extend(Event::relabelled(&Relabelling {
        at: NOW,
        endpoint: endpoint("gateway"),
        patient: patient.clone(),
        documents: documents.clone(),
        from: String::new(),
        to: format!("1-0123456789abcdef{text}"),
    }));
    events.extend(Event::import(&Import {
        at: NOW,
        from: format!("/srv/data{text}"),
        operator: "root".to_owned(),
        endpoint: endpoint("gateway"),
        patient: Some(patient),
        documents,
        resources: vec![format!("Consent/c-1002{text}")],
        outcome: Outcome::success(),
    }));
    events
}

/// What operators look at and decide.
fn of_operators(text: &str, patient: &PatientId, documents: &[Document]) -> Vec<Event> {
    let operated = Operated {
        at: NOW,
        operator: Operator { account: "eve".to_owned(), uid: 1000 },
        endpoint: endpoint("gateway"),
    };
    let item = Item {
        id: 1,
        opened: NOW,
        due: NOW,
        state: State::Justified,
        partner: "riverside".to_owned(),
        issuer: text.to_owned(),
        subject: format!("user-7{text}"),
        user_name: format!("<user-7@https://idp.example>{text}"),
        organization: None,
        patient: Some(patient.clone()),
        is_override: true,
        declared: "BTG".to_owned(),
        rationale: None,
        escalated: None,
    };
    let judgement = Judgement {
        at: NOW,
        operator: "eve".to_owned(),
        verdict: Verdict::Justified,
        note: Some(text.to_owned()),
        rationale: Some(text.to_owned()),
    };
    let consents = [format!("Consent/c-1002{text}")];
    let mut events = Event::explanation(&operated, patient, text, &[], documents, &consents);
    events.push(Event::audit_log_used(&operated, "file:///srv/reviews.db", text, Some(patient)));
    events.push(Event::review_judged(&operated, &item, &judgement));
    events.push(Event::review_overdue(NOW, &endpoint("gateway"), &item));
    events
}
