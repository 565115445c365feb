//! Break-glass under other terms than the demo's: reasons, rates, telling, reviews, unknown patients.

use std::sync::OnceLock;
use std::time::Duration;

use glassgate::audit::review::{Document, Evidence, Filter, Glass, Item, Reviews, Settings};
use glassgate::client::{Ask, Query, Raw};
use glassgate::clock::{Clock as _, SystemClock, SystemRandom};
use glassgate::config;
use glassgate::demo::Layout;
use glassgate::demo::world::{self, HILLTOP, HOME, NURSE, Partner, RIVERSIDE};
use glassgate::dsig::{self, SigningKey};
use glassgate::gateway::Transaction;
use glassgate::ids::PatientId;
use glassgate::saml::issue::{self, Order};
use glassgate::soap::Packaging;
use glassgate::xds::{Availability, QueryAnswer, Status, StoredQuery};

use serde_json::{Value, json};

use crate::asked::{Asked, codes, numbered, numbers, without_uuids};
use crate::record::kinds;
use crate::shelf::ELSEWHERE;
use crate::unseen::{queries, retrieves, same, without_restricted};
use crate::world::{World, order, shared};

const WHY: &str = "urn:example:break-glass:reason";
const UNAVAILABLE: &str = "XDSDocumentUniqueIdError";

/// Riverside states reasons, wants failures and codes of its own; Hilltop wants no word.
const CHANGES: [(&str, &str); 7] = [
    (
        "etreat = \"treatment\"\n",
        "etreat = \"treatment\"\nbreak_glass = { rationale_attribute = \
         \"urn:example:break-glass:reason\", not_honoured = \"failure\", telling = \"warning\", \
         telling_code = \"urn:example#BTG\" }\n",
    ),
    (
        "etreat = \"break-glass\"\n",
        "etreat = \"break-glass\"\nbreak_glass = { not_honoured = \"silent\", telling = \"warning\", \
         members = [\"dr.known\"] }\n",
    ),
    // a test makes more noise than that
    ("clock_skew_s = 60", "clock_skew_s = 60\nfailures_per_s = 10000"),
    ("rate_user = 10000", "rate_user = 3\nrate_block = true\nreview_due_h = 24"),
    ("[consent]\n", "[consent]\nauthorities = [\"urn:example:law\"]\n"),
    ("repository_id = ", "unknown_patient = \"error\"\nrepository_id = "),
    ("[repository]", "[jurisdiction]\nus_42_cfr_part_2_emergency = true\n\n[repository]"),
];

fn terms() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let prepare = |layout: &Layout| {
        overdue(layout);
        protected(layout);
        half_denied(layout);
    };
    WORLD.get_or_init(|| World::changed("terms", prepare, &CHANGES))
}

/// The same, where nobody ever wrote the restricted documents.
fn deleted() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::changed("terms-unseen", without_restricted, &CHANGES))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    terms().runtime.block_on(future)
}

/// A review that nobody looked at for two days before the start, and what one user declared in vain just before it.
fn overdue(layout: &Layout) {
    let path = layout.root().join("audit/reviews.db");
    let reviews = Reviews::open(&Settings { path, due: Duration::from_secs(24 * 3600) }).unwrap();
    let released = Document {
        unique_id: world::document_id(1002, 5),
        labels: vec![],
        rules: vec![],
        grounds: vec![],
    };
    reviews.note(&before("dr.late", 48 * 3600, 0, vec![released])).unwrap();
    for n in 0..3 {
        reviews.note(&before("dr.before", 3600, n, vec![])).unwrap();
    }
}

fn before(subject: &str, seconds: u64, n: u32, documents: Vec<Document>) -> Glass {
    Glass {
        partner: "riverside".to_owned(),
        issuer: RIVERSIDE.issuer.to_owned(),
        subject: subject.to_owned(),
        user_name: format!("<{subject}@https://sts.riverside.example>"),
        organization: None,
        patient: PatientId::parse(&world::patient_id(1002)).ok(),
        declared: "BTG".to_owned(),
        rationale: None,
        evidence: Evidence {
            at: SystemClock.now().minus(Duration::from_secs(seconds)),
            transaction: "ITI-38".to_owned(),
            message_id: None,
            assertion_id: format!("_{subject}-{n}"),
            in_vain: documents.is_empty().then(|| "treatment gets the same".to_owned()),
            documents,
        },
    }
}

pub(crate) fn label(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

/// A document of a patient with these labels.
pub(crate) fn document(patient: u32, n: u32, labels: &Value) -> Value {
    json!({
        "resourceType": "DocumentReference", "id": format!("d{patient}-{n}"), "status": "current",
        "masterIdentifier": {
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:oid:{}", world::document_id(patient, n)),
        },
        "subject": {"reference": format!("Patient/p{patient}")},
        "type": label("http://loinc.org", "11506-3"),
        "securityLabel": labels,
        "content": [{"attachment": {
            "contentType": "text/plain", "data": "bm90ZQ==", "title": "Note",
            "creation": "2026-01-20T16:50:00Z",
        }}],
    })
}

pub(crate) fn consent(patient: u32, id: &str, provision: &Value) -> Value {
    json!({
        "resourceType": "Consent", "id": format!("{id}{patient}"), "status": "active",
        "scope": label("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "patient": {"reference": format!("Patient/p{patient}")},
        "provision": provision,
    })
}

/// Writes a patient, who has a number elsewhere too, with these resources.
pub(crate) fn write(layout: &Layout, number: u32, resources: Vec<Value>) {
    let identifier = |authority: &str, letter: &str| json!({"system": format!("urn:oid:{authority}"), "value": format!("{letter}-{number}")});
    let patient = json!({
        "resourceType": "Patient", "id": format!("p{number}"),
        "identifier": [identifier(world::AUTHORITY, "P"), identifier(ELSEWHERE, "E")],
    });
    let all = [patient].into_iter().chain(resources);
    let entry: Vec<_> = all.map(|one| json!({"resource": one})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entry});
    std::fs::create_dir_all(layout.data()).unwrap();
    std::fs::write(layout.data().join(format!("p{number}.json")), bundle.to_string()).unwrap();
}

pub(crate) const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
pub(crate) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// P-1042 withholds what is labelled R: a document that 42 CFR Part 2 protects, and one that it does not.
fn protected(layout: &Layout) {
    let document =
        |n, code| document(1042, n, &json!([label(CONFIDENTIALITY, "R"), label(ACT_CODE, code)]));
    let withholding = json!({"type": "permit", "provision": [{
        "type": "deny", "securityLabel": [{"system": CONFIDENTIALITY, "code": "R"}],
    }]});
    let all = vec![consent(1042, "c", &withholding), document(1, "42CFRPart2"), document(2, "SUD")];
    write(layout, 1042, all);
}

/// P-1043 denies emergencies alone; of P-1044 a law releases what he denies; P-1045 denies everything.
fn half_denied(layout: &Layout) {
    let normal = json!([label(CONFIDENTIALITY, "N")]);
    let emergency =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "ETREAT"}]);
    let emergency = json!({"type": "deny", "purpose": emergency});
    let out = json!({"type": "deny"});
    let mut law = consent(1044, "law", &json!({"type": "permit"}));
    law["policy"] = json!([{"authority": "urn:example:law"}]);
    write(layout, 1043, vec![consent(1043, "c", &emergency), document(1043, 1, &normal)]);
    write(layout, 1044, vec![consent(1044, "c", &out), law, document(1044, 1, &normal)]);
    write(layout, 1045, vec![consent(1045, "c", &out), document(1045, 1, &normal)]);
    own_permit(layout);
}

/// P-1046 denies everything, break-glass excepted; two consents of P-1047 withhold one document.
fn own_permit(layout: &Layout) {
    let restricted = json!([label(CONFIDENTIALITY, "R")]);
    let glass =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG"}]);
    let own = json!({"type": "deny", "provision": [{"type": "permit", "purpose": glass}]});
    write(layout, 1046, vec![consent(1046, "c", &own), document(1046, 1, &restricted)]);
    let level = |code: &str| json!([{"system": CONFIDENTIALITY, "code": code}]);
    let denying =
        json!({"type": "permit", "provision": [{"type": "deny", "securityLabel": level("R")}]});
    let narrow = json!({"type": "permit", "securityLabel": level("N")});
    let both = [consent(1047, "a", &denying), consent(1047, "b", &narrow)];
    write(layout, 1047, both.into_iter().chain([document(1047, 1, &restricted)]).collect());
}

fn reviews_of(user: &str) -> Vec<(Item, Vec<Evidence>)> {
    let settings = config::read(&terms().stage.layout.config()).unwrap().reviews;
    let reviews = Reviews::open(&settings).unwrap();
    let filter = Filter { user: Some(user.to_owned()), ..Filter::default() };
    let items = reviews.list(&filter).unwrap();
    items.into_iter().map(|item| (item.clone(), reviews.evidence(item.id).unwrap())).collect()
}

/// A physician of the partner; a test has a user of its own, as declarations are counted.
fn physician(partner: &Partner, purpose: &str, subject: &str) -> Order {
    Order { subject: subject.to_owned(), ..order(partner, purpose) }
}

/// A request whose assertion states a reason.
fn because(partner: &Partner, order: &Order, why: &str) -> Ask {
    let unsigned = issue::assertion(order, &SystemRandom, SystemClock.now()).unwrap();
    let end = "</saml2:AttributeStatement>";
    assert!(unsigned.xml.contains(end));
    let attribute = format!(
        "<saml2:Attribute Name=\"{WHY}\"><saml2:AttributeValue>{why}</saml2:AttributeValue>\
         </saml2:Attribute>{end}"
    );
    let xml = unsigned.xml.replace(end, &attribute);
    let read = |file| std::fs::read(terms().stage.layout.partner(partner.name, file)).unwrap();
    let key = SigningKey::from_pem(&read("saml.key"), &read("saml.crt")).unwrap();
    let assertion = dsig::sign(&xml, &unsigned.id, &key).unwrap();
    Ask { assertion, ..terms().ask(partner, order) }
}

fn find(patient: u32) -> Query {
    Query::find_documents(&world::patient_id(patient))
}

async fn ask(partner: &Partner, order: &Order, patient: u32) -> Asked<QueryAnswer> {
    terms().query(partner, order, &find(patient)).await
}

#[test]
fn without_a_reason_that_was_agreed_there_is_nothing() {
    let order = physician(&RIVERSIDE, "BTG", "dr.mute");
    run(async {
        let silent = terms().ask(&RIVERSIDE, &order);
        for (ask, reason) in [
            (silent, "no reason for break-glass is stated"),
            (because(&RIVERSIDE, &order, "urgent!"), "too short a one"),
        ] {
            let asked = terms().query_as(&RIVERSIDE, &ask, &find(1002).body()).await;
            assert_eq!(asked.answer.status, Status::Failure);
            assert_eq!(codes(&asked.answer.errors), ["XDSRegistryError"]);
            let context = &asked.answer.errors[0].context;
            assert_eq!(context, "break-glass declaration not honoured");
            assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "8")]);
            assert!(asked.records[0].description.contains(reason), "{:?}", asked.records);
        }
        let (answer, memory, records) =
            terms().retrieve(&RIVERSIDE, &order, &[numbered(1002, 1), numbered(1002, 5)]).await;
        assert_eq!((answer.status, memory.documents.len()), (Status::Failure, 0));
        assert_eq!(codes(&answer.errors), ["XDSRepositoryError"]);
        assert_eq!(kinds(&records), [("110147", "4"), ("ITI-39", "8")]);
        assert!(reviews_of("dr.mute").is_empty());
    });
}

#[test]
fn each_break_glass_opens_one_review_with_reason_and_evidence() {
    let order = physician(&RIVERSIDE, "BTG", "dr.said");
    run(async {
        let ask = because(&RIVERSIDE, &order, "unconscious, no relatives");
        let asked = terms().query_as(&RIVERSIDE, &ask, &find(1002).body()).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")]);
        let [(item, evidence)] = &reviews_of("dr.said")[..] else { panic!("one review") };
        assert_eq!(item.rationale.as_deref(), Some("unconscious, no relatives"));
        assert_eq!(item.patient.as_ref().unwrap().to_string(), world::patient_id(1002));
        assert_eq!((item.partner.as_str(), item.declared.as_str()), ("riverside", "BTG"));
        assert!(evidence[0].message_id.as_ref().unwrap().contains(&ask.message_id));
        let mut documents = evidence[0].documents.clone();
        documents.sort_by(|one, other| one.unique_id.cmp(&other.unique_id));
        assert_eq!(documents[0].labels, ["R", "PSY"]);
        assert_eq!(documents[0].rules, ["Consent/c1002/_history/1#provision.provision[0]"]);
        assert_eq!(documents[1].unique_id, world::document_id(1002, 6));
        // what follows is evidence of the same
        let again = because(&RIVERSIDE, &order, "unconscious, no relatives");
        let documents = [numbered(1002, 5)];
        let fetched = terms().retrieve_as(&RIVERSIDE, &again, &documents, Packaging::Mtom).await;
        assert_eq!(fetched.answer.status, Status::Success);
        let [(again, evidence)] = &reviews_of("dr.said")[..] else { panic!("one review") };
        assert_eq!((again.id, evidence.len()), (item.id, 2));
        assert_eq!(evidence[1].transaction, "ITI-39");
        // where treatment gets everything, that is an item too
        let ask = because(&RIVERSIDE, &order, "unconscious, no relatives");
        let asked = terms().query_as(&RIVERSIDE, &ask, &find(1001).body()).await;
        assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
        let [_, (vain, evidence)] = &reviews_of("dr.said")[..] else { panic!("two reviews") };
        assert_eq!((item.is_override, vain.is_override), (true, false));
        assert_eq!(evidence[0].in_vain.as_deref(), Some("treatment gets the same"));
    });
}

#[test]
fn a_member_breaks_glass_without_a_role_and_owes_the_reason() {
    let member =
        Order { roles: vec![world::role(NURSE)], ..physician(&HILLTOP, "ETREAT", "dr.known") };
    run(async {
        let asked = ask(&HILLTOP, &member, 1002).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
        // the code as received, and what it means here
        assert_eq!(asked.records[0].purposes, ["ETREAT", "BTG"]);
        assert_eq!(asked.records[1].purposes, ["ETREAT"]);
        let [(item, _)] = &reviews_of("dr.known")[..] else { panic!("one review") };
        assert_eq!((item.rationale.as_deref(), item.declared.as_str()), (None, "ETREAT"));
        assert_eq!(item.due.since(item.opened), Duration::from_secs(24 * 3600));
    });
}

#[test]
fn a_partner_may_want_no_word_of_what_is_not_honoured() {
    let nurse =
        Order { roles: vec![world::role(NURSE)], ..physician(&HILLTOP, "ETREAT", "nurse.quiet") };
    run(async {
        let asked = ask(&HILLTOP, &nurse, 1002).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
        assert!(asked.answer.errors.is_empty());
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        // nor of a consent that bars it
        let asked = ask(&HILLTOP, &physician(&HILLTOP, "BTG", "dr.quiet"), 1003).await;
        assert_eq!((numbers(&asked.answer).len(), asked.answer.errors.len()), (4, 0));
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
    });
}

#[test]
fn a_consent_that_bars_is_answered_as_a_role_that_may_not() {
    let physician = physician(&RIVERSIDE, "BTG", "dr.barred");
    let nurse = Order { roles: vec![world::role(NURSE)], ..physician.clone() };
    run(async {
        let barred = because(&RIVERSIDE, &physician, "unconscious, no relatives");
        let barred = terms().query_as(&RIVERSIDE, &barred, &find(1003).body()).await;
        assert_eq!(barred.answer.status, Status::Failure);
        assert_eq!(kinds(&barred.records), [("110147", "4"), ("ITI-38", "8")]);
        assert_eq!(barred.records[0].patients, [world::patient_id(1003)]);
        let refused = ask(&RIVERSIDE, &nurse, 1003).await;
        assert_eq!(without_uuids(&barred.raw.body), without_uuids(&refused.raw.body));
    });
}

#[test]
fn the_fourth_declaration_of_a_user_is_told_and_stopped_where_the_domain_says_so() {
    let order = physician(&HILLTOP, "BTG", "dr.often");
    run(async {
        for patient in [1002, 1001, 1002] {
            let asked = ask(&HILLTOP, &order, patient).await;
            assert!(asked.records.iter().all(|record| record.kind != "110132"));
        }
        let asked = ask(&HILLTOP, &order, 1002).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
        let all = [("110132", "4"), ("110147", "4"), ("ITI-38", "0")];
        assert_eq!(kinds(&asked.records), all);
        assert!(asked.records[0].description.contains("declared 4 times of late by one user"));
        // told once, stopped each time; others are none of it
        let asked = ask(&HILLTOP, &order, 1002).await;
        assert_eq!(kinds(&asked.records), all[1..]);
        let other = ask(&HILLTOP, &physician(&HILLTOP, "BTG", "dr.seldom"), 1002).await;
        assert_eq!(numbers(&other.answer).len(), 6);
    });
}

#[test]
fn what_was_declared_before_the_start_counts_though_it_was_in_vain() {
    let order = physician(&RIVERSIDE, "BTG", "dr.before");
    run(async {
        let ask = because(&RIVERSIDE, &order, "unconscious, no relatives");
        let asked = terms().query_as(&RIVERSIDE, &ask, &find(1002).body()).await;
        let all = [("110132", "4"), ("110147", "4"), ("ITI-38", "8")];
        assert_eq!(kinds(&asked.records), all);
        assert!(asked.records[0].description.contains("declared 4 times of late by one user"));
    });
}

#[test]
fn who_may_break_glass_is_told_where_it_would_release_more() {
    let told = |partner: Partner, order: Order, patient| async move {
        let asked = ask(&partner, &order, patient).await;
        assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
        (numbers(&asked.answer).len(), asked.answer.errors)
    };
    let treat = |partner| physician(partner, "TREAT", "dr.told");
    run(async {
        let (documents, errors) = told(HILLTOP, treat(&HILLTOP), 1002).await;
        assert_eq!((documents, codes(&errors)), (4, vec!["XDSRegistryError"]));
        assert!(errors[0].severity.ends_with(":Warning"));
        assert!(errors[0].context.contains("break-the-glass protocol"));
        let (_, errors) = told(RIVERSIDE, treat(&RIVERSIDE), 1002).await;
        assert_eq!(codes(&errors), ["urn:example#BTG"]);
        // nothing to be had, or not by break-glass
        assert_eq!(told(HILLTOP, treat(&HILLTOP), 1001).await, (5, vec![]));
        assert_eq!(told(HILLTOP, treat(&HILLTOP), 1003).await, (4, vec![]));
        let nurse = Order { roles: vec![world::role(NURSE)], ..treat(&HILLTOP) };
        assert_eq!(told(HILLTOP, nurse, 1002).await, (4, vec![]));

        let (partner, order) = (HILLTOP, treat(&HILLTOP));
        let one = [numbered(1002, 5)];
        let (answer, ..) = terms().retrieve(&partner, &order, &one).await;
        assert_eq!(answer.status, Status::Failure);
        assert_eq!(codes(&answer.errors), [UNAVAILABLE, "XDSRepositoryError"]);
        let (answer, ..) = terms().retrieve(&partner, &order, &[numbered(1002, 1)]).await;
        assert_eq!((answer.status, answer.errors.len()), (Status::Success, 0));
    });
}

/// All who may not see what P-1002 withholds, nor hear of it.
fn others() -> Vec<(Partner, Order)> {
    let nurse = |partner: &Partner, purpose: &str| Order {
        roles: vec![world::role(NURSE)],
        ..physician(partner, purpose, "nurse.other")
    };
    vec![
        (RIVERSIDE, nurse(&RIVERSIDE, "TREAT")),
        (RIVERSIDE, nurse(&RIVERSIDE, "BTG")),
        (HILLTOP, nurse(&HILLTOP, "TREAT")),
        (HILLTOP, nurse(&HILLTOP, "ETREAT")),
        (HILLTOP, nurse(&HILLTOP, "BTG")),
    ]
}

/// Asks both worlds the very same.
async fn both(
    partner: Partner,
    ask: &Ask,
    transaction: Transaction,
    body: &str,
    packaging: Packaging,
) -> [Raw; 2] {
    let with = terms().post(&partner, ask, transaction, body, packaging).await;
    let without = deleted().runtime.spawn({
        let (ask, body) = (ask.clone(), body.to_owned());
        async move { deleted().post(&partner, &ask, transaction, &body, packaging).await }
    });
    [with, without.await.unwrap()]
}

#[test]
fn nobody_else_can_tell_whatever_the_entitled_are_told() {
    let _made = (deleted(), shared());
    let told = terms().ask(&HILLTOP, &physician(&HILLTOP, "TREAT", "dr.told"));
    run(async {
        for (partner, order) in others() {
            let ask = terms().ask(&partner, &order);
            for body in queries(1002).await {
                let simple = Packaging::Simple;
                let [with, without] = both(partner, &ask, Transaction::Query, &body, simple).await;
                same(&with, &without, &body);
            }
            for body in retrieves(1002) {
                let mtom = Packaging::Mtom;
                let [with, without] = both(partner, &ask, Transaction::Retrieve, &body, mtom).await;
                same(&with, &without, &body);
            }
        }
        // the comparison can fail
        let (body, simple) = (find(1002).body(), Packaging::Simple);
        let [with, without] = both(HILLTOP, &told, Transaction::Query, &body, simple).await;
        assert_ne!(without_uuids(&with.body), without_uuids(&without.body));
    });
}

#[test]
fn an_unknown_patient_and_one_who_opted_out_get_one_error_and_no_other_patient_does() {
    run(async {
        let mut askers = others();
        askers.push((HILLTOP, physician(&HILLTOP, "TREAT", "dr.told")));
        askers.push((HILLTOP, physician(&HILLTOP, "BTG", "dr.unknown")));
        for (partner, order) in askers {
            let ask = terms().ask(&partner, &order);
            let mut answers = Vec::new();
            for patient in [9999, 1004] {
                let body = find(patient).body();
                let asked = terms()
                    .post(&partner, &ask, Transaction::Query, &body, Packaging::Simple)
                    .await;
                answers.push(asked);
            }
            same(&answers[0], &answers[1], "an unknown patient");
            if partner == HILLTOP {
                let text = String::from_utf8(answers[0].body.to_vec()).unwrap();
                assert!(
                    text.contains("XDSUnknownPatientId") && text.contains(":Failure"),
                    "{text}"
                );
            }
        }
        // without documents, or with withheld ones alone
        let treat = physician(&HILLTOP, "TREAT", "dr.told");
        let nothing = Query::new(StoredQuery::FindDocuments)
            .text("$XDSDocumentEntryPatientId", &world::patient_id(1001))
            .list("$XDSDocumentEntryStatus", &[Availability::Deprecated.urn()]);
        let asked = terms().query(&HILLTOP, &treat, &nothing).await;
        assert!(numbers(&asked.answer).is_empty());
        // by their ids documents of both are what nobody has
        for patient in [1004, 9999] {
            let get = Query::get_documents(HOME, &[world::document_id(patient, 1)]);
            let asked = terms().query(&HILLTOP, &treat, &get).await;
            assert!(numbers(&asked.answer).is_empty(), "{patient}");
        }
    });
}

#[test]
fn who_denies_something_else_or_is_overruled_is_no_unknown_patient() {
    run(async {
        for patient in [1043, 1044] {
            let treat = physician(&HILLTOP, "TREAT", "dr.told");
            let asked = ask(&HILLTOP, &treat, patient).await;
            assert_eq!(numbers(&asked.answer), [1], "{patient}");
        }
        let asked = ask(&HILLTOP, &physician(&HILLTOP, "TREAT", "dr.told"), 1045).await;
        assert_eq!(codes(&asked.answer.errors), ["XDSUnknownPatientId"]);
    });
}

#[test]
fn an_assertion_about_another_patient_does_not_tell_who_is_known() {
    // the second number is one that only a patient who is known can be compared by
    let speaking = PatientId::parse(&format!("E-1^^^&{ELSEWHERE}&ISO")).ok();
    let about = Order { resource_id: speaking, ..physician(&HILLTOP, "TREAT", "dr.told") };
    run(async {
        let asking = terms().ask(&HILLTOP, &about);
        let mut answers = Vec::new();
        for patient in [9999, 1045, 1043] {
            let body = find(patient).body();
            let simple = Packaging::Simple;
            answers.push(terms().post(&HILLTOP, &asking, Transaction::Query, &body, simple).await);
        }
        same(&answers[0], &answers[1], "opted out");
        same(&answers[0], &answers[2], "another patient");
    });
}

#[test]
fn a_review_names_every_rule_that_was_overridden_and_what_permits_it() {
    let order = physician(&RIVERSIDE, "BTG", "dr.thorough");
    run(async {
        for (patient, rules, grounds) in [
            (
                1046,
                vec!["Consent/c1046/_history/1#provision"],
                "own-permit: the consent permits break-glass (Consent/c1046/_history/1#provision.provision[0])",
            ),
            (
                1047,
                vec![
                    "Consent/a1047/_history/1#provision.provision[0]",
                    "Consent/b1047/_history/1#provision",
                ],
                "withholding: overrode what a consent withholds",
            ),
        ] {
            let ask = because(&RIVERSIDE, &order, "unconscious after an accident");
            let asked = terms().query_as(&RIVERSIDE, &ask, &find(patient).body()).await;
            assert_eq!(numbers(&asked.answer), [1], "{patient}");
            let all = reviews_of("dr.thorough");
            let (_, evidence) = all
                .iter()
                .find(|(item, _)| {
                    item.patient.as_ref().unwrap().to_string() == world::patient_id(patient)
                })
                .unwrap();
            let [document] = &evidence[0].documents[..] else { panic!("{evidence:?}") };
            let mut named = document.rules.clone();
            named.sort();
            assert_eq!(named, rules);
            assert_eq!(document.grounds, [grounds]);
        }
    });
}

#[test]
fn a_review_that_nobody_looks_at_is_told() {
    run(async {
        let records = terms().mentions("review-overdue").await;
        assert_eq!(records.len(), 1);
        assert!(records[0].contains("dr.late") && records[0].contains("P-1002"));
        assert!(records[0].contains("the user still owes the reason"));
    });
}

#[test]
fn the_noise_of_one_sender_is_counted_and_each_refusal_answered() {
    const ALL: usize = glassgate::limits::REFUSAL_RECORDS + 40;
    run(async {
        let url = format!("{}{}", terms().stage.url, Transaction::Query.path());
        let ask = terms().ask(&HILLTOP, &order(&HILLTOP, "TREAT"));
        let forged = Ask { assertion: ask.assertion.replace("user-7", "user-8"), ..ask };
        let send = || {
            let (url, forged) = (url.clone(), forged.clone());
            tokio::spawn(async move {
                let action = glassgate::soap::action::QUERY;
                let entity = forged.entity(action, &url, &find(1002).body(), Packaging::Simple);
                terms().client(&HILLTOP).post(&url, entity).await.unwrap()
            })
        };
        let sent: Vec<_> = (0..ALL).map(|_| send()).collect();
        for answer in sent {
            assert_eq!(answer.await.unwrap().status, 400);
        }
        let own = terms().journalled(&forged);
        assert_eq!(own.len(), glassgate::limits::REFUSAL_RECORDS);
        assert!(own.iter().all(|record| record.is("110122", "8")));
        let counted: usize = terms()
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|message| crate::record::Record::read(message))
            .filter(|record| record.is("refusals", "8"))
            .map(|record| {
                let words: Vec<_> = record.description.split(' ').collect();
                assert!(record.description.contains("digest-mismatch"), "{record:?}");
                words[0].parse::<usize>().unwrap()
            })
            .sum();
        assert_eq!(counted, ALL - glassgate::limits::REFUSAL_RECORDS);
        // a refused break-glass has its record all the same, and whoever is admitted is served
        let nurse =
            Order { roles: vec![world::role(NURSE)], ..physician(&HILLTOP, "BTG", "nurse.noise") };
        let asked = ask_of(&nurse).await;
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        let beside = Order {
            purposes: ["BTG", "HPAYMT"].map(world::purpose).to_vec(),
            ..physician(&HILLTOP, "BTG", "dr.noise")
        };
        let asked = ask_of(&beside).await;
        assert_eq!(kinds(&asked.records), [("ITI-38", "8")]);
        // also one that a trusted key signed, and that is not believed for another reason
        for (purpose, kinds_of) in [("BTG", vec![("110122", "8")]), ("TREAT", vec![])] {
            let audience = "urn:example:another".to_owned();
            let order = Order { audience, ..physician(&HILLTOP, purpose, "dr.noise") };
            let ask = terms().ask(&HILLTOP, &order);
            let (body, simple) = (find(1002).body(), Packaging::Simple);
            let refused = terms().post(&HILLTOP, &ask, Transaction::Query, &body, simple).await;
            assert_eq!(refused.status, 400);
            assert_eq!(kinds(&terms().journalled(&ask)), kinds_of, "{purpose}");
        }
    });
}

async fn ask_of(order: &Order) -> Asked<QueryAnswer> {
    ask(&HILLTOP, order, 1002).await
}

#[test]
fn a_law_permits_what_it_protects_in_an_emergency_and_no_glass_is_broken() {
    run(async {
        for (purpose, found) in [("ETREAT", vec![1]), ("ERTREAT", vec![1]), ("TREAT", vec![])] {
            let nurse = Order {
                roles: vec![world::role(NURSE)],
                ..physician(&RIVERSIDE, purpose, "nurse.emergency")
            };
            let asked = ask(&RIVERSIDE, &nurse, 1042).await;
            assert_eq!(numbers(&asked.answer), found, "{purpose}");
            assert!(asked.answer.errors.is_empty());
            let code = "42-cfr-part-2-emergency";
            let by_law: Vec<_> = asked.records.iter().filter(|r| r.is(code, "0")).collect();
            assert_eq!(by_law.len(), found.len());
            for record in by_law {
                assert_eq!(record.documents, [world::document_id(1042, 1)]);
                assert_eq!(record.patients, [world::patient_id(1042)]);
            }
            assert!(asked.records.iter().all(|record| record.kind != "110127"));
        }
        assert!(reviews_of("nurse.emergency").is_empty());
    });
}

#[test]
fn break_glass_writes_nothing() {
    const PROVIDE: &str = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";
    run(async {
        let url = format!("{}{}", terms().stage.url, Transaction::Query.path());
        let ask = terms().ask(&RIVERSIDE, &physician(&RIVERSIDE, "BTG", "dr.writes"));
        let entity = ask.entity(PROVIDE, &url, &find(1002).body(), Packaging::Simple);
        let answer = terms().client(&RIVERSIDE).post(&url, entity).await.unwrap();
        assert_eq!(answer.status, 400);
        assert!(String::from_utf8(answer.body.to_vec()).unwrap().contains("ActionNotSupported"));
        assert_eq!(kinds(&terms().journalled(&ask)), [("ITI-38", "8")]);
        let nowhere = format!("{}/xca/provide", terms().stage.url);
        let entity = ask.entity(PROVIDE, &nowhere, &find(1002).body(), Packaging::Simple);
        let answer = terms().client(&RIVERSIDE).post(&nowhere, entity).await.unwrap();
        assert_eq!(answer.status, 404);
    });
}
