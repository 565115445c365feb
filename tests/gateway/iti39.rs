//! Retrieves: every document bit for bit, and for each that does not come its own error.

use std::fs;

use glassgate::client::Query;
use glassgate::demo::world::{self, HOME, RIVERSIDE};
use glassgate::ids::PatientId;
use glassgate::limits;
use glassgate::saml::issue::Order;
use glassgate::soap::Packaging;
use glassgate::xds::{DocumentRequest, Status};

use crate::asked::{codes, document, numbered, without_uuids};
use crate::record::{Record, kinds};
use crate::world::{order, run, shared};

/// What a record of ITI-39 names.
fn named(record: &Record) -> (&str, &[String], &[String]) {
    (&record.outcome, &record.patients, &record.documents)
}

fn ids(documents: &[DocumentRequest]) -> Vec<String> {
    documents.iter().map(|document| document.document.clone()).collect()
}

#[test]
fn every_document_comes_as_it_was_stored_and_as_its_entry_says() {
    run(async {
        for (patient, count) in [(1001, 5), (1002, 6)] {
            let order = order(&RIVERSIDE, "BTG");
            let query = Query::find_documents(&world::patient_id(patient));
            let entries = shared().query(&RIVERSIDE, &order, &query).await.answer.documents;
            assert_eq!(entries.len(), count);
            let asked: Vec<_> = entries.iter().map(|entry| document(&entry.unique_id)).collect();
            let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, &asked).await;
            assert_eq!((answer.status, answer.errors.len()), (Status::Success, 0));
            assert_eq!(answer.documents.len(), count);
            let folder = shared().stage.layout.data().join(format!("p{patient}/documents"));
            for ((entry, received), bytes) in
                entries.iter().zip(&answer.documents).zip(&memory.documents)
            {
                assert_eq!(received.home.as_deref(), Some(HOME));
                assert_eq!(received.repository, world::REPOSITORY);
                assert_eq!(received.document, entry.unique_id);
                assert_eq!(received.mime_type, entry.mime_type);
                assert_eq!(Some(received.size), entry.size);
                assert_eq!(Some(&received.sha1_hex), entry.hash.as_ref());
                let (_, n) = entry.unique_id.rsplit_once('.').unwrap();
                let extension = match entry.mime_type.as_str() {
                    "text/xml" => "xml",
                    "application/pdf" => "pdf",
                    "text/plain" => "txt",
                    "application/fhir+json" => "fhir",
                    other => panic!("{other}"),
                };
                let stored = fs::read(folder.join(format!("{n}.{extension}"))).unwrap();
                assert!(*bytes == stored, "{}", entry.unique_id);
            }
            let last = records.last().unwrap();
            assert_eq!(named(last), ("0", &[world::patient_id(patient)][..], &ids(&asked)[..]));
        }
    });
}

#[test]
fn documents_come_in_the_order_asked_and_as_often() {
    let asked = [numbered(1001, 3), numbered(1001, 1), numbered(1001, 3)];
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, &asked).await;
        assert_eq!(answer.status, Status::Success);
        let received: Vec<_> = answer.documents.iter().map(|d| d.document.clone()).collect();
        assert_eq!(received, ids(&asked));
        assert_eq!(memory.documents[0], memory.documents[2]);
        assert_ne!(memory.documents[0], memory.documents[1]);
        assert_eq!(kinds(&records), [("ITI-39", "0")]);
        assert_eq!(records[0].documents, ids(&asked));
    });
}

#[test]
fn documents_of_several_patients_are_recorded_by_patient() {
    let asked = [numbered(1001, 1), numbered(1005, 1), numbered(1001, 2)];
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let (answer, _, records) = shared().retrieve(&RIVERSIDE, &order, &asked).await;
        assert_eq!((answer.status, answer.documents.len()), (Status::Success, 3));
        let found: Vec<_> = records.iter().map(named).collect();
        let [first, second] = [1001, 1005].map(|patient| [world::patient_id(patient)]);
        let (of_first, of_second) =
            (ids(&[numbered(1001, 1), numbered(1001, 2)]), ids(&asked[1..2]));
        assert_eq!(found, [("0", &first[..], &of_first[..]), ("0", &second[..], &of_second[..])]);
    });
}

#[test]
fn ids_are_repeated_as_they_were_written() {
    let written = DocumentRequest {
        home: Some("2.999.1".to_owned()),
        repository: format!("urn:oid:{}", world::REPOSITORY),
        document: format!("urn:oid:{}", world::document_id(1001, 1)),
    };
    run(async {
        let asked = std::slice::from_ref(&written);
        let (answer, ..) = shared().retrieve(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), asked).await;
        let [received] = answer.documents.as_slice() else { panic!("{:?}", answer.status) };
        assert_eq!(received.home, written.home);
        assert_eq!(received.repository, written.repository);
        assert_eq!(received.document, written.document);
    });
}

#[test]
fn one_bad_document_spoils_no_other() {
    let [good, unknown, withheld] = [1, 999, 5].map(|n| numbered(1002, n));
    let foreign = DocumentRequest { repository: "2.999.1.77".to_owned(), ..numbered(1002, 2) };
    let elsewhere =
        DocumentRequest { home: Some("urn:oid:2.999.2".to_owned()), ..numbered(1002, 3) };
    let homeless = DocumentRequest { home: None, ..numbered(1002, 4) };
    let asked = [unknown, withheld, good, foreign, elsewhere, homeless];
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, &asked).await;
        assert_eq!(answer.status, Status::PartialSuccess);
        assert_eq!(
            codes(&answer.errors),
            [
                "XDSDocumentUniqueIdError",
                "XDSDocumentUniqueIdError",
                "XDSUnknownRepositoryId",
                "XDSUnknownCommunity",
                "XDSMissingHomeCommunityId",
            ]
        );
        assert_eq!(answer.documents.len(), 1);
        assert_eq!(
            (answer.documents[0].document.as_str(), memory.documents.len()),
            ("2.999.1.4.1002.1", 1)
        );
        let patient = [world::patient_id(1002)];
        let nobodys: Vec<_> = [0, 3, 4, 5].map(|at: usize| asked[at].document.clone()).into();
        let mut found: Vec<_> = records.iter().map(named).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("0", &patient[..], &ids(&asked[2..3])[..]),
                ("8", &[][..], &nobodys[..]),
                ("8", &patient[..], &ids(&asked[1..2])[..]),
            ]
        );
        let reason = |id: &str| {
            let record = records.iter().find(|record| record.documents.contains(&id.to_owned()));
            record.unwrap().description.clone()
        };
        assert!(reason("2.999.1.4.1002.5").contains("withheld by Consent/c1002"));
    });
}

#[test]
fn a_withheld_document_is_its_patients_in_the_record_however_it_is_written() {
    let written = DocumentRequest {
        document: format!("urn:oid:{}", world::document_id(1002, 5)),
        ..numbered(1002, 5)
    };
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let asked = std::slice::from_ref(&written);
        let (answer, _, records) = shared().retrieve(&RIVERSIDE, &order, asked).await;
        assert_eq!(codes(&answer.errors), ["XDSDocumentUniqueIdError"]);
        let found: Vec<_> = records.iter().map(named).collect();
        assert_eq!(found, [("8", &[world::patient_id(1002)][..], &ids(asked)[..])]);
    });
}

#[test]
fn nothing_to_deliver_is_a_failure() {
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let asked = [numbered(1001, 999)];
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, &asked).await;
        assert_eq!((answer.status, memory.documents.len()), (Status::Failure, 0));
        assert_eq!(codes(&answer.errors), ["XDSDocumentUniqueIdError"]);
        assert_eq!(kinds(&records), [("ITI-39", "8")]);
        let ask = shared().ask(&RIVERSIDE, &order);
        let none = shared().retrieve_as(&RIVERSIDE, &ask, &[], Packaging::Mtom).await;
        assert_eq!(codes(&none.answer.errors), ["XDSRepositoryError"]);
        assert_eq!(kinds(&none.records), [("ITI-39", "8")]);
    });
}

#[test]
fn as_many_documents_as_the_limit_allows_and_no_more() {
    let count = u32::try_from(limits::RETRIEVE_DOCUMENTS).unwrap();
    let many: Vec<_> = (1..=count + 1).map(|n| numbered(1005, n)).collect();
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let allowed = &many[..limits::RETRIEVE_DOCUMENTS];
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, allowed).await;
        assert_eq!((answer.status, memory.documents.len()), (Status::Success, allowed.len()));
        // a record holds 64 documents at most, and all records together every one
        assert!(records.iter().all(|record| record.is("ITI-39", "0")));
        let recorded: Vec<_> = records.iter().flat_map(|r| r.documents.clone()).collect();
        assert_eq!(recorded, ids(allowed));
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, &many).await;
        assert_eq!((answer.status, memory.documents.len()), (Status::Failure, 0));
        assert_eq!(codes(&answer.errors), ["XDSRepositoryError"]);
        assert_eq!(kinds(&records), [("ITI-39", "8")]);
    });
}

#[test]
fn a_document_of_another_patient_than_the_assertions_is_like_none() {
    let speaking_of = |patient: &str| Order {
        resource_id: PatientId::parse(patient).ok(),
        ..order(&RIVERSIDE, "TREAT")
    };
    let (theirs, nowhere) = (numbered(1001, 1), numbered(1001, 9));
    run(async {
        let mut answers = Vec::new();
        for asked in [&theirs, &nowhere] {
            let ask = shared().ask(&RIVERSIDE, &speaking_of(&world::patient_id(1002)));
            let asked = std::slice::from_ref(asked);
            let answer = shared().retrieve_as(&RIVERSIDE, &ask, asked, Packaging::Mtom).await;
            assert_eq!(codes(&answer.answer.errors), ["XDSDocumentUniqueIdError"]);
            assert_eq!(kinds(&answer.records), [("ITI-39", "8")]);
            let text = without_uuids(&answer.raw.body);
            answers.push(text.replace(&nowhere.document, &theirs.document));
        }
        assert_eq!(answers[0], answers[1]);
        for patient in [world::patient_id(1001), "P-1002^^^&2.999.2.3&ISO".to_owned()] {
            let asked = std::slice::from_ref(&theirs);
            let (answer, ..) = shared().retrieve(&RIVERSIDE, &speaking_of(&patient), asked).await;
            assert_eq!(answer.status, Status::Success, "{patient}");
        }
    });
}

#[test]
fn what_policy_refuses_delivers_nothing() {
    run(async {
        let order = order(&RIVERSIDE, "HPAYMT");
        let asked = [numbered(1001, 1)];
        let (answer, memory, records) = shared().retrieve(&RIVERSIDE, &order, &asked).await;
        assert_eq!((answer.status, memory.documents.len()), (Status::Failure, 0));
        assert_eq!(codes(&answer.errors), ["XDSRepositoryError"]);
        assert_eq!(kinds(&records), [("ITI-39", "8")]);
        assert_eq!(
            (&records[0].documents, &records[0].purposes),
            (&ids(&asked), &vec!["HPAYMT".to_owned()])
        );
    });
}
