//! What is wrong with a query is said with its own code, and nothing of the patient with it.

use glassgate::client::Query;
use glassgate::demo::world::{self, HOME, RIVERSIDE};
use glassgate::xds::{Availability, Status, StoredQuery};

use crate::asked::codes;
use crate::record::kinds;
use crate::world::{order, run, shared};

const PATIENT: &str = "$XDSDocumentEntryPatientId";
const STATUS: &str = "$XDSDocumentEntryStatus";
const UNIQUE: &str = "$XDSDocumentEntryUniqueId";
const UUID: &str = "$XDSDocumentEntryEntryUUID";

fn find() -> Query {
    Query::find_documents(&world::patient_id(1001))
}

fn get(stored: StoredQuery) -> Query {
    Query::new(stored).of(HOME)
}

/// A query for the patient written so.
fn of(patient: &str) -> Query {
    Query::new(StoredQuery::FindDocuments)
        .list(STATUS, &[Availability::Approved.urn()])
        .written(PATIENT, vec![patient.to_owned()])
}

/// Asks, and expects a Failure with that one code in status, body and record.
async fn refuses(body: &str, code: &str) -> String {
    let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
    let asked = shared().query_as(&RIVERSIDE, &ask, body).await;
    assert_eq!(asked.answer.status, Status::Failure, "{body}");
    assert_eq!(codes(&asked.answer.errors), [code], "{body}");
    assert!(asked.answer.documents.is_empty() && asked.answer.object_refs.is_empty());
    assert!(asked.xml.contains("<rim:RegistryObjectList/>"), "{body}");
    assert!(!asked.answer.errors[0].context.is_empty(), "{body}");
    assert_eq!(kinds(&asked.records), [("ITI-38", "8")], "{body}");
    assert!(asked.records[0].description.starts_with(code), "{}", asked.records[0].description);
    asked.xml
}

#[test]
fn a_required_parameter_that_is_missing() {
    let status = "urn:oasis:names:tc:ebxml-regrep:StatusType:Submitted";
    let code = "XDSStoredQueryMissingParam";
    let no_patient =
        Query::new(StoredQuery::FindDocuments).list(STATUS, &[Availability::Approved.urn()]);
    let no_status = Query::new(StoredQuery::FindDocuments).text(PATIENT, &world::patient_id(1001));
    let related = get(StoredQuery::GetRelatedDocuments).text(UNIQUE, "2.999.1.4.1001.1");
    let by_reference = Query::new(StoredQuery::FindDocumentsByReferenceId)
        .text(PATIENT, &world::patient_id(1001))
        .list(STATUS, &[Availability::Approved.urn()]);
    run(async {
        for query in [
            no_patient,
            no_status.clone(),
            no_status.clone().list(STATUS, &[status]),
            no_status.written(STATUS, vec!["()".to_owned()]),
            get(StoredQuery::GetDocuments),
            get(StoredQuery::GetAssociations),
            get(StoredQuery::GetSubmissionSets),
            get(StoredQuery::GetFolders),
            related,
            by_reference,
        ] {
            refuses(&query.body(), code).await;
        }
    });
}

#[test]
fn a_value_too_many() {
    let (id, uuid) = ("2.999.1.4.1001.1", "urn:uuid:9d6e8e83-3deb-508d-9bfd-f515a9ae2331");
    let time = vec!["(20250101,20250102)".to_owned()];
    run(async {
        for query in [
            of("('P-1001^^^&2.999.1.3&ISO','P-1002^^^&2.999.1.3&ISO')"),
            find().written("$XDSDocumentEntryCreationTimeFrom", time),
            get(StoredQuery::GetDocuments).list(UNIQUE, &[id]).list(UUID, &[uuid]),
            get(StoredQuery::GetFoldersForDocument).list(UNIQUE, &[id, "2.999.1.4.1001.2"]),
        ] {
            refuses(&query.body(), "XDSStoredQueryParamNumber").await;
        }
    });
}

#[test]
fn a_value_that_is_written_wrongly() {
    let class = "$XDSDocumentEntryClassCode";
    let time = "$XDSDocumentEntryCreationTimeTo";
    let written = |name: &str, value: &str| find().written(name, vec![value.to_owned()]);
    let long = format!("('{}^^2.999.7')", "x".repeat(256));
    run(async {
        for query in [
            written(class, "('34133-9')"),
            written(class, "('34133-9^LOINC^')"),
            written(class, "('34133-9^^2.16.840.1.113883.6.1'"),
            written(class, "('34133-9^^2.16.840.1.113883.6.1)"),
            written(class, "('it's^^2.999.7')"),
            written(class, "('a^^2.999.7',,'b^^2.999.7')"),
            written(class, &long),
            written(time, "2025-01-01"),
            written(time, "202501011"),
            // AND is for events, labels and reference ids alone
            find().list(class, &["a^^2.999.7"]).list(class, &["b^^2.999.7"]),
        ] {
            refuses(&query.body(), "XDSRegistryError").await;
        }
    });
}

#[test]
fn a_patient_id_that_cannot_be_read_is_not_repeated() {
    run(async {
        for patient in [
            "'SECRET-7'",
            "'SECRET-7^^^AUTHORITY'",
            "'SECRET-7^^^&2.999.1.3&DNS'",
            "'SECRET-7^^^&not.an.oid&ISO'",
            "'SECRET-7^^^&2.999.1.3&ISO",
        ] {
            let answer = refuses(&of(patient).body(), "XDSRegistryError").await;
            assert!(!answer.contains("SECRET-7"), "{answer}");
        }
    });
}

#[test]
fn a_query_that_nobody_knows() {
    let known = StoredQuery::FindDocuments.id();
    run(async {
        // nonsense, one for several patients (ITI-51), and Fetch (ITI-63)
        for id in [
            "urn:uuid:00000000-0000-0000-0000-000000000000",
            "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
            "urn:uuid:f2072993-9478-41df-a603-8f016706efe8",
            "FindDocuments",
            "",
        ] {
            refuses(&find().body().replace(known, id), "XDSUnknownStoredQuery").await;
        }
    });
}

#[test]
fn a_return_type_that_is_none_here() {
    let body = find().body();
    run(async {
        for other in ["LeafClassWithRepositoryItem", "RepositoryItem", ""] {
            let body = body.replace("\"LeafClass\"", &format!("{other:?}"));
            refuses(&body, "XDSRegistryError").await;
        }
    });
}

#[test]
fn a_community_that_is_not_ours_or_not_named() {
    let get = Query::new(StoredQuery::GetDocuments).list(UNIQUE, &["2.999.1.4.1001.1"]);
    run(async {
        for home in ["urn:oid:2.999.77", "2.999.1.1", "Lakeside", "urn:oid:2.999.1&#x20;2"] {
            refuses(&find().of(home).body(), "XDSUnknownCommunity").await;
            refuses(&get.clone().of(home).body(), "XDSUnknownCommunity").await;
        }
        refuses(&get.body(), "XDSMissingHomeCommunityId").await;
        refuses(&get.clone().of("").body(), "XDSMissingHomeCommunityId").await;
        for stored in StoredQuery::ALL.into_iter().filter(|stored| stored.needs_home()) {
            refuses(&Query::new(stored).body(), "XDSMissingHomeCommunityId").await;
        }
    });
}

#[test]
fn a_patient_whom_nobody_knows_is_no_error() {
    run(async {
        for patient in ["P-9999^^^&2.999.1.3&ISO", "P-1001^^^&2.999.66&ISO"] {
            let query = Query::find_documents(patient);
            let asked = shared().query(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &query).await;
            assert_eq!(asked.answer.status, Status::Success);
            assert!(asked.answer.documents.is_empty() && asked.answer.errors.is_empty());
            assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
            assert_eq!(asked.records[0].patients, [patient]);
        }
    });
}
