//! Break-glass: what it releases, to whom, and what it tells those who may not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::client::Query;
use glassgate::demo::world::{self, HILLTOP, HOME, NURSE, PHYSICIAN, Partner, RIVERSIDE};
use glassgate::ids::Coded;
use glassgate::saml::issue::Order;
use glassgate::soap::Packaging;
use glassgate::xds::{DocumentRequest, Status, StoredQuery};

use crate::asked::{codes, numbered, numbers, without_uuids};
use crate::record::{Record, kinds};
use crate::world::{order, run, shared};

const ERROR: &str = "XDSDocumentUniqueIdError";
const WARNING: &str = "GlassgateBreakGlassNotHonoured";

fn physician() -> Order {
    order(&RIVERSIDE, "BTG")
}

fn nurse() -> Order {
    Order { roles: vec![world::role(NURSE)], ..physician() }
}

fn find(patient: u32) -> Query {
    Query::find_documents(&world::patient_id(patient))
}

fn restricted(patient: u32) -> [String; 2] {
    [5, 6].map(|n| world::document_id(patient, n))
}

/// The documents that records of an override name, with the patients.
fn overridden(records: &[Record]) -> (Vec<String>, Vec<String>) {
    let overrides = || records.iter().filter(|record| record.is("110127", "0"));
    let documents = overrides().flat_map(|record| record.documents.clone()).collect();
    (overrides().flat_map(|record| record.patients.clone()).collect(), documents)
}

/// The answer to a retrieve of one document, without what differs between any two requests.
async fn retrieved(order: &Order, document: &DocumentRequest) -> (String, Vec<Record>) {
    let ask = shared().ask(&RIVERSIDE, order);
    let asked = std::slice::from_ref(document);
    let answer = shared().retrieve_as(&RIVERSIDE, &ask, asked, Packaging::Mtom).await;
    let text = without_uuids(&answer.raw.body).replace(&document.document, "the document");
    (text, answer.records)
}

#[test]
fn a_physician_finds_what_is_withheld_and_the_record_names_just_that() {
    run(async {
        let asked = shared().query(&RIVERSIDE, &physician(), &find(1002)).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
        assert!(asked.answer.errors.is_empty());
        assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")]);
        let (patients, mut documents) = overridden(&asked.records);
        documents.sort();
        assert_eq!((patients, documents), (vec![world::patient_id(1002)], restricted(1002).into()));
        assert_eq!(asked.records[0].purposes, ["BTG"]);
        // what is not asked for is not released, and not recorded as such
        let one = Query::get_documents(HOME, &restricted(1002)[..1]);
        let asked = shared().query(&RIVERSIDE, &physician(), &one).await;
        assert_eq!(numbers(&asked.answer), [5]);
        assert_eq!(overridden(&asked.records).1, restricted(1002)[..1]);
    });
}

#[test]
fn a_physician_retrieves_what_is_withheld_and_the_record_names_just_that() {
    let asked = [numbered(1002, 1), numbered(1002, 5), numbered(1001, 1)];
    run(async {
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &physician(), &asked).await;
        assert_eq!((answer.status, memory.documents.len()), (Status::Success, 3));
        assert!(answer.errors.is_empty());
        assert_eq!(kinds(&records), [("110127", "0"), ("ITI-39", "0"), ("ITI-39", "0")]);
        let withheld = vec![world::document_id(1002, 5)];
        assert_eq!(overridden(&records), (vec![world::patient_id(1002)], withheld));
    });
}

#[test]
fn a_document_asked_for_twice_is_overridden_once() {
    let asked = [5, 1, 5].map(|n| numbered(1002, n));
    run(async {
        let (answer, _, records) = shared().retrieve(&RIVERSIDE, &physician(), &asked).await;
        assert_eq!((answer.status, answer.documents.len()), (Status::Success, 3));
        assert_eq!(overridden(&records).1, [world::document_id(1002, 5)]);
    });
}

#[test]
fn a_nurse_finds_what_treatment_finds_and_is_warned() {
    run(async {
        let asked = shared().query(&RIVERSIDE, &nurse(), &find(1002)).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
        assert_eq!(codes(&asked.answer.errors), [WARNING]);
        assert_eq!(asked.answer.errors[0].context, "break-glass declaration not honoured");
        assert!(asked.answer.errors[0].severity.ends_with(":Warning"));
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        assert_eq!(asked.records[0].patients, [world::patient_id(1002)]);
    });
}

#[test]
fn a_nurse_retrieves_nothing_withheld_and_is_warned_whatever_she_asks_for() {
    run(async {
        let (withheld, records) = retrieved(&nurse(), &numbered(1002, 5)).await;
        assert_eq!(kinds(&records), [("110147", "4"), ("ITI-39", "8")]);
        let (unknown, records) = retrieved(&nurse(), &numbered(1002, 999)).await;
        assert_eq!(kinds(&records), [("110147", "4"), ("ITI-39", "8")]);
        assert_eq!(withheld, unknown);
        let (errors, (answer, ..)) =
            ([ERROR, WARNING], shared().retrieve(&RIVERSIDE, &nurse(), &[numbered(1002, 5)]).await);
        assert_eq!((answer.status, codes(&answer.errors)), (Status::Failure, errors.into()));
        // a warning spoils no success
        let (answer, ..) = shared().retrieve(&RIVERSIDE, &nurse(), &[numbered(1002, 1)]).await;
        assert_eq!((answer.status, codes(&answer.errors)), (Status::Success, vec![WARNING]));
    });
}

#[test]
fn a_consent_that_forbids_break_glass_holds_against_physicians() {
    run(async {
        let asked = shared().query(&RIVERSIDE, &physician(), &find(1003)).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
        assert_eq!(codes(&asked.answer.errors), [WARNING]);
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        let as_nurse = shared().query(&RIVERSIDE, &nurse(), &find(1003)).await;
        let body = |xml: &str| without_uuids(xml.as_bytes());
        assert_eq!(body(&asked.xml), body(&as_nurse.xml));

        let (withheld, records) = retrieved(&physician(), &numbered(1003, 5)).await;
        assert_eq!(kinds(&records), [("110147", "4"), ("ITI-39", "8")]);
        let (unknown, records) = retrieved(&physician(), &numbered(1003, 999)).await;
        assert_eq!(kinds(&records), [("ITI-39", "8")]);
        assert_eq!(withheld, unknown);
        assert!(withheld.contains(ERROR) && !withheld.contains(WARNING));
        let (answer, ..) = shared()
            .retrieve(&RIVERSIDE, &physician(), &[numbered(1003, 1), numbered(1003, 5)])
            .await;
        assert_eq!(
            (answer.status, codes(&answer.errors)),
            (Status::PartialSuccess, vec![ERROR, WARNING])
        );
    });
}

#[test]
fn who_opted_out_stays_out() {
    run(async {
        let asked = shared().query(&RIVERSIDE, &physician(), &find(1004)).await;
        assert!(numbers(&asked.answer).is_empty());
        assert!(asked.answer.errors.is_empty());
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        for order in [physician(), nurse(), order(&RIVERSIDE, "TREAT")] {
            let (withheld, _) = retrieved(&order, &numbered(1004, 1)).await;
            let (unknown, _) = retrieved(&order, &numbered(1004, 999)).await;
            assert_eq!(withheld, unknown);
        }
    });
}

#[test]
fn with_nothing_to_override_break_glass_is_without_effect() {
    run(async {
        let asked = shared().query(&RIVERSIDE, &physician(), &find(1001)).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5]);
        assert!(asked.answer.errors.is_empty());
        assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
        assert!(asked.records[0].description.contains("break-glass declared, without effect"));
        let (answer, _, records) =
            shared().retrieve(&RIVERSIDE, &physician(), &[numbered(1001, 1)]).await;
        assert_eq!((answer.status, answer.errors.len()), (Status::Success, 0));
        assert_eq!(kinds(&records), [("ITI-39", "0")]);
        assert!(records[0].description.contains("break-glass declared, without effect"));
    });
}

#[test]
fn a_role_counts_by_code_and_system() {
    let (code, _) = PHYSICIAN;
    let roles = |roles: &[Coded]| Order { roles: roles.to_vec(), ..physician() };
    let right = Coded::new(code, world::SNOMED_CT);
    run(async {
        for wrong in [
            roles(&[]),
            roles(&[Coded::new(code, "2.16.840.1.113883.6.101")]),
            roles(&[Coded::new("158965000", world::SNOMED_CT)]),
            roles(&[Coded::new(code, "2.16.840.1.113883.6.9"), world::role(NURSE)]),
        ] {
            let asked = shared().query(&RIVERSIDE, &wrong, &find(1002)).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
            assert_eq!(codes(&asked.answer.errors), [WARNING]);
            assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        }
        for honoured in [
            roles(std::slice::from_ref(&right)),
            roles(&[world::role(NURSE), right]),
            roles(&[Coded::new(code, "http://snomed.info/sct")]),
        ] {
            let asked = shared().query(&RIVERSIDE, &honoured, &find(1002)).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
            assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")]);
        }
        // under TREAT any role may ask, and none
        for role in [vec![], vec![world::role(NURSE)]] {
            let order = Order { roles: role, ..order(&RIVERSIDE, "TREAT") };
            let asked = shared().query(&RIVERSIDE, &order, &find(1002)).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
            assert!(asked.answer.errors.is_empty());
        }
    });
}

#[test]
fn emergency_treatment_is_what_the_agreement_says() {
    let asks = |partner: Partner, purpose: &str, role| {
        let order = Order { roles: vec![world::role(role)], ..order(&partner, purpose) };
        async move {
            let asked = shared().query(&partner, &order, &find(1002)).await;
            let (answer, ..) = shared().retrieve(&partner, &order, &[numbered(1002, 6)]).await;
            assert_eq!(asked.records.last().unwrap().purposes, [order.purposes[0].code.clone()]);
            let codes = |errors| codes(errors).into_iter().map(str::to_owned).collect::<Vec<_>>();
            (numbers(&asked.answer).len(), codes(&asked.answer.errors), codes(&answer.errors))
        }
    };
    let told = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    let treated = (4, told(&[]), told(&[ERROR]));
    run(async {
        assert_eq!(asks(RIVERSIDE, "ETREAT", PHYSICIAN).await, treated);
        assert_eq!(asks(RIVERSIDE, "ETREAT", NURSE).await, treated);
        assert_eq!(asks(HILLTOP, "ETREAT", PHYSICIAN).await, (6, told(&[]), told(&[])));
        let warned = (4, told(&[WARNING]), told(&[ERROR, WARNING]));
        assert_eq!(asks(HILLTOP, "ETREAT", NURSE).await, warned);
        // below it in the vocabulary, it means break-glass to neither
        assert_eq!(asks(HILLTOP, "ERTREAT", PHYSICIAN).await, treated);
    });
}

#[test]
fn a_review_that_cannot_be_opened_holds_no_answer_back_and_is_on_record() {
    let settings = glassgate::config::read(&shared().stage.layout.config()).unwrap().reviews;
    // somebody else is at the file
    let other = rusqlite::Connection::open(&settings.path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let order = Order { subject: "dr.unopened".to_owned(), ..physician() };
    let (asked, message) = run(async {
        let ask = shared().ask(&RIVERSIDE, &order);
        let asked = shared().query_as(&RIVERSIDE, &ask, &find(1002).body()).await;
        (asked, shared().records(&ask).await.remove(0))
    });
    drop(other);
    assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
    assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")]);
    let review = STANDARD.encode("not opened yet");
    assert!(message.contains(&format!("type=\"Review\" value=\"{review}\"")), "{message}");
}

#[test]
fn a_refused_declaration_is_told_and_recorded_whatever_else_is_wrong() {
    let wrong = Query::new(StoredQuery::FindDocuments)
        .text("$XDSDocumentEntryPatientId", &world::patient_id(1002));
    run(async {
        let asked = shared().query(&RIVERSIDE, &nurse(), &wrong).await;
        assert_eq!(asked.answer.status, Status::Failure);
        assert_eq!(codes(&asked.answer.errors), ["XDSStoredQueryMissingParam", WARNING]);
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "8")]);
        assert_eq!(asked.records[0].patients, [world::patient_id(1002)]);
        // known or not, with documents or without: the same
        for patient in [1001, 1004, 1005, 9999] {
            let asked = shared().query(&RIVERSIDE, &nurse(), &find(patient)).await;
            assert_eq!(codes(&asked.answer.errors), [WARNING], "{patient}");
            assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")], "{patient}");
        }
    });
}
