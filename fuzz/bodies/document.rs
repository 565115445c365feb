//! FHIR resources as they are loaded, and the entries made of them.

use glassgate::client;
use glassgate::fhir::{DocumentReference, Resource};
use glassgate::ids::{HomeCommunityId, Oid, PatientId, RepositoryId};
use glassgate::xds::{
    Availability, Entry, EntryContext, Query, QueryRequest, Searched, StoredQuery, query_response,
    read_query, read_query_response,
};
use glassgate::xml::{self, Bounds, ns, parse};

/// A DocumentReference that makes an entry can be found by what it says, and is written so that it reads back.
pub fn check(bytes: &[u8]) {
    // every resource is read by its type
    let _ = serde_json::from_slice::<Resource>(bytes);
    let Ok(reference) = serde_json::from_slice::<DocumentReference>(bytes) else { return };
    let patient = PatientId::new("P-1", Oid::parse("2.999.1.3").unwrap()).unwrap();
    let context = EntryContext {
        patient: patient.clone(),
        repository: RepositoryId::parse("2.999.1.2").unwrap(),
        size: 17,
        sha1_hex: "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned(),
    };
    let Ok(entry) = Entry::from_fhir(&reference, &context) else { return };
    let stored = serde_json::to_string(&entry).expect("we made it");
    assert_eq!(serde_json::from_str::<Entry>(&stored).ok().as_ref(), Some(&entry));

    let home = HomeCommunityId::parse("2.999.1").unwrap();
    let object = entry.extrinsic_object(&home);
    let mut answer = String::new();
    query_response(&mut answer, &home, &[], [object.as_str()]);
    within_the_schema(&answer);
    let read = read_query_response(&answer).expect("we wrote it");
    let [found] = read.documents.as_slice() else { panic!("{} documents", read.documents.len()) };
    assert_eq!(found.entry_uuid, entry.entry_uuid);
    assert_eq!(found.unique_id, entry.unique_id);
    assert_eq!(found.patient_id, patient.to_string());
    assert_eq!(found.mime_type, entry.mime_type);
    assert_eq!(found.creation_time, entry.creation_time);
    assert_eq!(found.confidentiality_codes.len(), entry.confidentiality_codes.len());

    let asked = client::Query::get_documents("2.999.1", &[&entry.unique_id]);
    assert!(is_found(&asked, &entry), "not found by its id");
    let asked = client::Query::get_entries("2.999.1", &[&entry.entry_uuid]);
    assert!(is_found(&asked, &entry), "not found by its entryUUID");
    let both = [Availability::Approved.urn(), Availability::Deprecated.urn()];
    let asked = client::Query::new(StoredQuery::FindDocuments)
        .text("$XDSDocumentEntryPatientId", &patient.to_string())
        .list("$XDSDocumentEntryStatus", &both);
    assert!(is_found(&asked, &entry), "not found by its patient");
}

fn is_found(asked: &client::Query, entry: &Entry) -> bool {
    let body = asked.body();
    let document = parse(&body, Bounds::REQUEST).expect("we wrote it");
    let QueryRequest { query, .. } = read_query(document.root()).expect("we wrote it");
    let stored = Searched::from(entry).write().expect("it is stored so");
    let searched = Searched::read(&stored).expect("we wrote it");
    match query {
        Query::FindDocuments(find) => find.matches(&searched),
        Query::GetDocuments(get) => get.matches(&searched),
        Query::Empty(_) => false,
    }
}

/// No Value is longer than `LongName`, no text than `FreeFormText` (rim.xsd).
fn within_the_schema(answer: &str) {
    let wide = Bounds {
        nodes: u32::MAX,
        attributes: usize::MAX,
        namespaces: usize::MAX,
        ..Bounds::REQUEST
    };
    let document = parse(answer, wide).expect("we wrote it");
    for node in document.root().descendants() {
        if node.has_tag_name((ns::RIM, "Value")) {
            assert!(xml::text(node).chars().count() <= 256, "{answer}");
        }
        if node.has_tag_name((ns::RIM, "LocalizedString")) {
            assert!(
                xml::attribute(node, "value").is_some_and(|text| text.chars().count() <= 1024),
                "{answer}"
            );
        }
    }
}
