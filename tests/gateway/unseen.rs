//! What is withheld looks, byte for byte, as if it had been deleted, to all who may not break glass.

use std::fs;
use std::sync::OnceLock;

use glassgate::client::{Ask, Query, Raw};
use glassgate::demo::Layout;
use glassgate::demo::world::{self, HILLTOP, HOME, NURSE, Partner, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::saml::issue::Order;
use glassgate::soap::Packaging;
use glassgate::xds::{Availability, DocumentRequest, ReturnType, StoredQuery, retrieve_request};

use crate::asked::{numbered, numbers, without_uuids};
use crate::world::{World, order, run, shared};

/// The documents labelled R, in each of these patients' folders.
const RESTRICTED: [(u32, &str); 2] = [(5, "txt"), (6, "pdf")];
const PATIENTS: [u32; 2] = [1002, 1003];

/// A world in which nobody ever wrote the restricted documents.
fn deleted() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::with("unseen", without_restricted))
}

/// Puts empty Bundles where the documents would be: what is there is left as it is.
pub(crate) fn without_restricted(layout: &Layout) {
    for patient in PATIENTS {
        let folder = layout.data().join(format!("p{patient}"));
        fs::create_dir_all(folder.join("documents")).unwrap();
        for (n, extension) in RESTRICTED {
            let bundle = "{\"resourceType\": \"Bundle\", \"type\": \"collection\"}";
            fs::write(folder.join(format!("{n}.json")), bundle).unwrap();
            fs::write(folder.join(format!("documents/{n}.{extension}")), "").unwrap();
        }
    }
}

fn nurse(partner: &Partner, purpose: &str) -> Order {
    Order { roles: vec![world::role(NURSE)], ..order(partner, purpose) }
}

/// All who may not see what P-1002 withholds.
fn askers() -> [(Partner, Order); 5] {
    [
        (RIVERSIDE, order(&RIVERSIDE, "TREAT")),
        (RIVERSIDE, order(&RIVERSIDE, "ETREAT")),
        (RIVERSIDE, nurse(&RIVERSIDE, "BTG")),
        (HILLTOP, nurse(&HILLTOP, "ETREAT")),
        (RIVERSIDE, order(&RIVERSIDE, "HPAYMT")),
    ]
}

fn find(patient: u32) -> Query {
    Query::find_documents(&world::patient_id(patient))
}

/// Asks both worlds the very same, message id included.
async fn both(
    partner: &Partner,
    ask: &Ask,
    transaction: Transaction,
    body: &str,
    packaging: Packaging,
) {
    let with = shared().post(partner, ask, transaction, body, packaging).await;
    let without = deleted().runtime.spawn({
        let (partner, ask, body) = (*partner, ask.clone(), body.to_owned());
        async move { deleted().post(&partner, &ask, transaction, &body, packaging).await }
    });
    same(&with, &without.await.unwrap(), body);
}

/// A boundary is made of a UUID, and nothing else may differ.
pub(crate) fn same(one: &Raw, other: &Raw, about: &str) {
    assert_eq!(one.status, other.status, "{about}");
    assert_eq!(one.body.len(), other.body.len(), "{about}");
    let content_types = [one, other].map(|raw| without_uuids(raw.content_type.as_bytes()));
    assert_eq!(content_types[0], content_types[1], "{about}");
    if one.content_type.starts_with("multipart/") {
        assert_eq!(without_uuids(&one.body), without_uuids(&other.body), "{about}");
    } else {
        assert_eq!(one.body, other.body, "{about}");
    }
}

/// Queries that meet what a patient withholds in every way there is.
pub(crate) async fn queries(patient: u32) -> Vec<String> {
    let btg = order(&RIVERSIDE, "BTG");
    let of_1002 = shared().query(&RIVERSIDE, &btg, &find(1002)).await.answer.documents;
    let uuid = |n: u32| {
        let id = world::document_id(1002, n);
        let found = of_1002.iter().find(|document| document.unique_id == id);
        found.map(|document| document.entry_uuid.clone()).unwrap()
    };
    let [good, psychiatry, hiv] = [1, 5, 6].map(|n| world::document_id(patient, n));
    let other = world::document_id(1001, 1);
    let find = || find(patient);
    let mut queries = vec![
        find(),
        find().list("$XDSDocumentEntryClassCode", &["11488-4^^2.16.840.1.113883.6.1"]),
        find().list("$XDSDocumentEntryConfidentialityCode", &["R^^2.16.840.1.113883.5.25"]),
        find().list("$XDSDocumentEntryConfidentialityCode", &["HIV^^2.16.840.1.113883.5.4"]),
        find().written("$XDSDocumentEntryCreationTimeFrom", vec!["20250801".to_owned()]),
        find().list("$XDSDocumentEntryStatus", &[Availability::Deprecated.urn()]),
        Query::get_documents(HOME, &[&psychiatry]),
        Query::get_documents(HOME, &[&psychiatry, &good, &hiv]),
        // consent filters before patients are counted
        Query::get_documents(HOME, &[&other, &hiv]),
        Query::new(StoredQuery::GetDocumentsAndAssociations)
            .of(HOME)
            .list("$XDSDocumentEntryUniqueId", &[&good, &hiv]),
        Query::new(StoredQuery::GetRelatedDocuments)
            .of(HOME)
            .text("$XDSDocumentEntryUniqueId", &hiv)
            .list("$AssociationTypes", &["urn:ihe:iti:2007:AssociationType:RPLC"]),
    ];
    queries.extend(every_stored_query(patient, &hiv));
    if patient == 1002 {
        queries.push(Query::get_entries(HOME, &[uuid(5)]));
        queries.push(Query::get_entries(HOME, &[uuid(6), uuid(1), uuid(5)]));
    }
    let refs = queries.iter().map(|query| query.clone().returning(ReturnType::ObjectRef));
    queries.iter().cloned().chain(refs).map(|query| query.body()).collect()
}

/// Each stored query once, about what a patient withholds; and once more wrong, so that it ends in an error.
fn every_stored_query(patient: u32, unique_id: &str) -> Vec<Query> {
    let status = [Availability::Approved.urn()];
    let about = |stored: StoredQuery| {
        let query = Query::new(stored).of(HOME);
        let patient = world::patient_id(patient);
        match stored {
            StoredQuery::FindDocuments | StoredQuery::FindDocumentsByReferenceId => query
                .text("$XDSDocumentEntryPatientId", &patient)
                .list("$XDSDocumentEntryStatus", &status)
                .list("$XDSDocumentEntryReferenceIdList", &["order-7"]),
            StoredQuery::FindSubmissionSets => query
                .text("$XDSSubmissionSetPatientId", &patient)
                .list("$XDSSubmissionSetStatus", &status),
            StoredQuery::FindFolders => {
                query.text("$XDSFolderPatientId", &patient).list("$XDSFolderStatus", &status)
            }
            StoredQuery::GetAll => query
                .text("$patientId", &patient)
                .list("$XDSDocumentEntryStatus", &status)
                .list("$XDSSubmissionSetStatus", &status)
                .list("$XDSFolderStatus", &status),
            StoredQuery::GetDocuments | StoredQuery::GetDocumentsAndAssociations => {
                query.list("$XDSDocumentEntryUniqueId", &[unique_id])
            }
            StoredQuery::GetFolders => query.list("$XDSFolderUniqueId", &[unique_id]),
            StoredQuery::GetAssociations | StoredQuery::GetSubmissionSets => {
                query.list("$uuid", &["urn:uuid:00000000-0000-4000-8000-000000000000"])
            }
            StoredQuery::GetSubmissionSetAndContents => {
                query.text("$XDSSubmissionSetUniqueId", unique_id)
            }
            StoredQuery::GetFolderAndContents => query.text("$XDSFolderUniqueId", unique_id),
            StoredQuery::GetFoldersForDocument => {
                query.text("$XDSDocumentEntryUniqueId", unique_id)
            }
            StoredQuery::GetRelatedDocuments => query
                .text("$XDSDocumentEntryUniqueId", unique_id)
                .list("$AssociationTypes", &["urn:ihe:iti:2007:AssociationType:RPLC"]),
        }
    };
    let right = StoredQuery::ALL.into_iter().map(about);
    let wrong = StoredQuery::ALL.into_iter().map(|stored| {
        // the same patient or document twice is one too many; nothing at all is one too few
        let query = about(stored);
        if matches!(stored, StoredQuery::FindDocuments) {
            query.text("$XDSDocumentEntryPatientId", "x")
        } else {
            Query::new(stored).of(HOME)
        }
    });
    let elsewhere = about(StoredQuery::FindDocuments).of("urn:oid:2.999.77");
    right.chain(wrong).chain([elsewhere]).collect()
}

/// Retrieves that meet what a patient withholds.
pub(crate) fn retrieves(patient: u32) -> Vec<String> {
    let of = |ns: &[u32]| ns.iter().map(|n| numbered(patient, *n)).collect::<Vec<_>>();
    let foreign = DocumentRequest { repository: "2.999.9".to_owned(), ..numbered(patient, 5) };
    let mut across = of(&[6]);
    across.push(numbered(1001, 1));
    let away =
        DocumentRequest { home: Some("urn:oid:2.999.77".to_owned()), ..numbered(patient, 6) };
    let homeless = DocumentRequest { home: None, ..numbered(patient, 6) };
    let errors = vec![away, numbered(patient, 6), homeless, numbered(patient, 1)];
    let many = vec![numbered(patient, 5); glassgate::limits::RETRIEVE_DOCUMENTS + 1];
    let twice = of(&[5, 5, 1, 1]);
    let lists = [of(&[5]), of(&[5, 6]), of(&[1, 5]), of(&[6, 2, 999, 5]), across, vec![foreign]];
    let lists = lists.into_iter().chain([errors, many, twice]).collect::<Vec<_>>();
    lists.iter().map(|list| retrieve_request(list)).collect()
}

#[test]
fn the_two_worlds_differ_to_a_physician_who_breaks_glass() {
    run(async {
        let btg = order(&RIVERSIDE, "BTG");
        let asked = shared().query(&RIVERSIDE, &btg, &find(1002)).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
    });
    deleted().runtime.block_on(async {
        let btg = order(&RIVERSIDE, "BTG");
        let asked = deleted().query(&RIVERSIDE, &btg, &find(1002)).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4]);
    });
}

#[test]
fn withheld_and_deleted_are_one_to_a_query() {
    let _made = deleted();
    run(async {
        for (partner, order) in askers() {
            for body in queries(1002).await {
                let ask = shared().ask(&partner, &order);
                for packaging in [Packaging::Simple, Packaging::Mtom] {
                    both(&partner, &ask, Transaction::Query, &body, packaging).await;
                }
            }
        }
    });
}

#[test]
fn withheld_and_deleted_are_one_to_a_retrieve() {
    let _made = deleted();
    run(async {
        for (partner, order) in askers() {
            for body in retrieves(1002) {
                let ask = shared().ask(&partner, &order);
                for packaging in [Packaging::Simple, Packaging::Mtom] {
                    both(&partner, &ask, Transaction::Retrieve, &body, packaging).await;
                }
            }
        }
    });
}

#[test]
fn where_break_glass_is_forbidden_a_physician_cannot_tell_either() {
    let _made = deleted();
    let physician = order(&RIVERSIDE, "BTG");
    run(async {
        for body in queries(1003).await {
            let ask = shared().ask(&RIVERSIDE, &physician);
            both(&RIVERSIDE, &ask, Transaction::Query, &body, Packaging::Simple).await;
        }
        for body in retrieves(1003) {
            let ask = shared().ask(&RIVERSIDE, &physician);
            both(&RIVERSIDE, &ask, Transaction::Retrieve, &body, Packaging::Mtom).await;
        }
    });
}

#[test]
fn who_opted_out_is_like_a_patient_whom_nobody_knows() {
    run(async {
        for (partner, order) in [
            (RIVERSIDE, order(&RIVERSIDE, "TREAT")),
            (RIVERSIDE, order(&RIVERSIDE, "BTG")),
            (RIVERSIDE, nurse(&RIVERSIDE, "BTG")),
            (HILLTOP, order(&HILLTOP, "ETREAT")),
        ] {
            let ask = shared().ask(&partner, &order);
            for returning in [ReturnType::LeafClass, ReturnType::ObjectRef] {
                let mut answers = Vec::new();
                for patient in [1004, 9999] {
                    let body = find(patient).returning(returning).body();
                    let simple = Packaging::Simple;
                    answers.push(
                        shared().post(&partner, &ask, Transaction::Query, &body, simple).await,
                    );
                }
                same(&answers[0], &answers[1], "find");
            }
            let get =
                |patient| Query::get_documents(HOME, &[world::document_id(patient, 1)]).body();
            let mut answers = Vec::new();
            for patient in [1004, 9999] {
                let simple = Packaging::Simple;
                answers.push(
                    shared().post(&partner, &ask, Transaction::Query, &get(patient), simple).await,
                );
            }
            same(&answers[0], &answers[1], "get");
            let mut texts = Vec::new();
            for patient in [1004, 9999] {
                let documents = [numbered(patient, 1)];
                let asked = shared().retrieve_as(&partner, &ask, &documents, Packaging::Mtom).await;
                texts.push(without_uuids(&asked.raw.body).replace(&documents[0].document, "id"));
            }
            assert_eq!(texts[0], texts[1]);
        }
    });
}
