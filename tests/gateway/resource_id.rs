//! The assertion's resource-id binds in every shape, and by every number that a patient has.

use glassgate::client::{Ask, Query};
use glassgate::clock::{Clock, SystemClock, SystemRandom, uuid};
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::dsig::{SigningKey, sign};
use glassgate::ids::PatientId;
use glassgate::saml::issue::{self, Order};
use glassgate::soap::Packaging;

use crate::asked::{numbered, numbers, without_uuids};
use crate::record::{Record, kinds};
use crate::shelf;
use crate::world::{order, run, shared};

/// A treating physician whose assertion speaks of this patient, written just so.
fn speaking_of(written: &str) -> Ask {
    let resource_id = PatientId::parse("PLACE^^^&2.999.1.3&ISO").ok();
    let order = Order { resource_id, ..order(&RIVERSIDE, "TREAT") };
    let plain = shared().ask(&RIVERSIDE, &order);
    let unsigned = issue::assertion(&order, &SystemRandom, SystemClock.now()).unwrap();
    let xml =
        unsigned.xml.replace("PLACE^^^&amp;2.999.1.3&amp;ISO", &written.replace('&', "&amp;"));
    assert_ne!(xml, unsigned.xml);
    let pki = shared().stage.layout.pki();
    let pem = |kind: &str| std::fs::read(pki.join("partners/riverside/saml").with_extension(kind));
    let key = SigningKey::from_pem(&pem("key").unwrap(), &pem("crt").unwrap()).unwrap();
    Ask { assertion: sign(&xml, &unsigned.id, &key).unwrap(), ..plain }
}

/// The same assertion with another request.
fn again(ask: &Ask) -> Ask {
    Ask { message_id: uuid(&SystemRandom).unwrap(), ..ask.clone() }
}

/// What a query for all documents of a patient finds, with the last record.
async fn found(ask: &Ask, patient: &str) -> (Vec<u32>, Record) {
    let body = Query::find_documents(patient).body();
    let mut asked = shared().query_as(&RIVERSIDE, &again(ask), &body).await;
    assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
    (numbers(&asked.answer), asked.records.pop().unwrap())
}

#[test]
fn however_it_is_written_another_patients_gets_nothing() {
    let (theirs, his) = (world::patient_id(1002), world::patient_id(1001));
    run(async {
        for legible in ["^^^&2.999.1.3&iso", "^^^&2.999.1.3", "^^^2.999.1.3", "^^^L&2.999.1.3&ISO"]
        {
            let ask = speaking_of(&format!("P-1001{legible}"));
            let (none, record) = found(&ask, &theirs).await;
            assert!(none.is_empty(), "{legible}");
            assert!(record.description.contains("another patient's"), "{legible}");
            assert_eq!(found(&ask, &his).await.0, [1, 2, 3, 4, 5], "{legible}");
        }
        for unreadable in ["P-1001^^^Lakeside", "P-1001^^^&2.999.1.3&DNS", "P-1001|2.999.1.3"] {
            let ask = speaking_of(unreadable);
            for patient in [&theirs, &his] {
                let (none, record) = found(&ask, patient).await;
                assert!(none.is_empty(), "{unreadable}");
                assert!(record.description.contains("unreadable"), "{unreadable}");
            }
            let mut answers = Vec::new();
            for document in [numbered(1001, 1), numbered(9999, 1)] {
                let asked = std::slice::from_ref(&document);
                let ask = again(&ask);
                let asked = shared().retrieve_as(&RIVERSIDE, &ask, asked, Packaging::Mtom).await;
                assert_eq!(kinds(&asked.records), [("ITI-39", "8")]);
                answers.push(without_uuids(&asked.raw.body).replace(&document.document, "id"));
            }
            assert_eq!(answers[0], answers[1]);
        }
    });
}

#[test]
fn a_number_of_no_authority_is_noted_and_binds_nothing() {
    run(async {
        for plain in ["P-1001", "P-1001^^^"] {
            let (four, record) = found(&speaking_of(plain), &world::patient_id(1002)).await;
            assert_eq!(four, [1, 2, 3, 4], "{plain}");
            assert!(record.description.contains("no authority"), "{plain}");
        }
    });
}

#[test]
fn every_number_that_the_patient_has_is_compared() {
    let elsewhere = |number: &str| format!("{number}^^^&{}&ISO", shelf::ELSEWHERE);
    let (home, other) = (world::patient_id(shelf::PATIENT), elsewhere("E-2001"));
    run(async {
        for asked in [&home, &other] {
            for same in [&home, &other] {
                assert_eq!(found(&speaking_of(same), asked).await.0, shelf::approved());
            }
            for another in [elsewhere("E-2002"), world::patient_id(1001)] {
                let (none, record) = found(&speaking_of(&another), asked).await;
                assert!(none.is_empty(), "{another} {asked}");
                assert!(record.description.contains("another patient's"));
            }
        }
    });
}
