//! GetDocuments, and every other stored query that a gateway must know (ITI TF-2 3.38.4.1.2.3).

use glassgate::client::Query;
use glassgate::demo::world::{self, HOME, RIVERSIDE};
use glassgate::xds::{Availability, ReturnType, Status, StoredQuery};

use crate::asked::{Asked, codes, unique_ids};
use crate::record::kinds;
use crate::world::{order, run, shared};

async fn ask(query: &Query) -> Asked<glassgate::xds::QueryAnswer> {
    shared().query(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), query).await
}

async fn uuid_of(patient: u32, n: u32) -> String {
    let asked = ask(&Query::get_documents(HOME, &[world::document_id(patient, n)])).await;
    asked.answer.documents[0].entry_uuid.clone()
}

#[test]
fn documents_are_got_by_either_id() {
    run(async {
        let [one, two] = [1, 2].map(|n| world::document_id(1001, n));
        let [uuid_one, uuid_two] = [uuid_of(1001, 1).await, uuid_of(1001, 2).await];
        let upper = uuid_two.to_uppercase().replace("URN:UUID:", "urn:uuid:");
        for query in [
            Query::get_documents(HOME, &[&one, &two]),
            Query::get_documents(HOME, &[&two, &one, &one]),
            Query::get_documents(HOME, &[format!("urn:oid:{one}"), two.clone()]),
            Query::get_documents(HOME, &[one.as_str(), two.as_str(), "2.999.1.4.1001.999"]),
            Query::get_entries(HOME, &[&uuid_one, &uuid_two]),
            Query::get_entries(HOME, &[&uuid_one, &upper, &uuid_one]),
            Query::get_entries(HOME, &[uuid_one.as_str(), uuid_two.as_str(), "no uuid"]),
        ] {
            let asked = ask(&query).await;
            assert_eq!(asked.answer.status, Status::Success);
            assert_eq!(unique_ids(&asked.answer), [&two, &one], "{}", query.body());
            assert!(asked.answer.documents.iter().all(|d| d.home.as_deref() == Some(HOME)));
            assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
            // the query names no patient, and neither does its record
            assert!(asked.records[0].patients.is_empty());
            let refs = ask(&query.returning(ReturnType::ObjectRef)).await.answer.object_refs;
            let home = || Some(HOME.to_owned());
            assert_eq!(refs, [(uuid_two.clone(), home()), (uuid_one.clone(), home())]);
        }
    });
}

#[test]
fn several_values_of_one_slot_are_one_list() {
    run(async {
        let ids = [1, 3, 4].map(|n| world::document_id(1001, n));
        let [a, b, c] = &ids;
        let values = vec![format!("('{a}','{b}')"), format!("('{c}')")];
        let query = Query::new(StoredQuery::GetDocuments)
            .of(HOME)
            .written("$XDSDocumentEntryUniqueId", values);
        assert_eq!(unique_ids(&ask(&query).await.answer), [c, b, a]);
        // two hundred ids take many Values
        let many: Vec<_> = (1..=200).map(|n| world::document_id(1005, n)).collect();
        let query = Query::get_documents(HOME, &many);
        assert!(query.body().matches("<rim:Value>").count() > 10);
        assert_eq!(ask(&query).await.answer.documents.len(), 200);
    });
}

#[test]
fn whole_entries_of_several_patients_do_not_go_into_one_answer() {
    run(async {
        let ids = [world::document_id(1001, 1), world::document_id(1005, 1)];
        let query = Query::get_documents(HOME, &ids);
        let refused = ask(&query).await;
        assert_eq!(refused.answer.status, Status::Failure);
        assert_eq!(codes(&refused.answer.errors), ["XDSResultNotSinglePatient"]);
        assert!(refused.answer.documents.is_empty());
        assert_eq!(kinds(&refused.records), [("ITI-38", "8")]);
        let refs = ask(&query.returning(ReturnType::ObjectRef)).await;
        assert_eq!((refs.answer.status, refs.answer.object_refs.len()), (Status::Success, 2));
        assert_eq!(kinds(&refs.records), [("ITI-38", "0")]);
    });
}

#[test]
fn every_stored_query_is_answered() {
    let approved = [Availability::Approved.urn()];
    let patient = world::patient_id(1001);
    let unique_id = [world::document_id(1001, 1)];
    let any_uuid = ["urn:uuid:9d6e8e83-3deb-508d-9bfd-f515a9ae2331"];
    let with = |stored| Query::new(stored);
    let of_patient = |stored, name: &str, status: &str| {
        with(stored).text(name, &patient).list(status, &approved)
    };
    let unique = "$XDSDocumentEntryUniqueId";
    let queries = StoredQuery::ALL.map(|stored| match stored {
        StoredQuery::FindDocuments => (Query::find_documents(&patient), 5),
        StoredQuery::FindDocumentsByReferenceId => {
            let find = of_patient(stored, "$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus");
            (find.list("$XDSDocumentEntryReferenceIdList", &["none"]), 0)
        }
        StoredQuery::FindSubmissionSets => {
            (of_patient(stored, "$XDSSubmissionSetPatientId", "$XDSSubmissionSetStatus"), 0)
        }
        StoredQuery::FindFolders => {
            (of_patient(stored, "$XDSFolderPatientId", "$XDSFolderStatus"), 0)
        }
        StoredQuery::GetAll => {
            let all = of_patient(stored, "$patientId", "$XDSDocumentEntryStatus");
            let all = all.list("$XDSSubmissionSetStatus", &approved);
            (all.list("$XDSFolderStatus", &approved), 5)
        }
        StoredQuery::GetDocuments | StoredQuery::GetDocumentsAndAssociations => {
            (with(stored).of(HOME).list(unique, &unique_id), 1)
        }
        StoredQuery::GetFolders => {
            (with(stored).of(HOME).list("$XDSFolderEntryUUID", &any_uuid), 0)
        }
        StoredQuery::GetAssociations | StoredQuery::GetSubmissionSets => {
            (with(stored).of(HOME).list("$uuid", &any_uuid), 0)
        }
        StoredQuery::GetSubmissionSetAndContents => {
            (with(stored).of(HOME).list("$XDSSubmissionSetUniqueId", &unique_id), 0)
        }
        StoredQuery::GetFolderAndContents => {
            (with(stored).of(HOME).text("$XDSFolderUniqueId", &unique_id[0]), 0)
        }
        StoredQuery::GetFoldersForDocument => {
            (with(stored).of(HOME).text(unique, &unique_id[0]), 0)
        }
        StoredQuery::GetRelatedDocuments => {
            let get = with(stored).of(HOME).text(unique, &unique_id[0]);
            let kind = ["urn:ihe:iti:2007:AssociationType:RPLC"];
            (get.list("$AssociationTypes", &kind), 0)
        }
    });
    run(async {
        for ((query, expected), stored) in queries.into_iter().zip(StoredQuery::ALL) {
            let asked = ask(&query).await;
            assert_eq!(asked.answer.status, Status::Success, "{stored:?}");
            assert_eq!(asked.answer.documents.len(), expected, "{stored:?}");
            assert!(asked.xml.contains("<rim:RegistryObjectList"), "{stored:?}");
            assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
            assert_eq!(asked.records[0].queries, [stored.id()]);
            let named = if stored.needs_home() { vec![] } else { vec![patient.clone()] };
            assert_eq!(asked.records[0].patients, named, "{stored:?}");
        }
    });
}
