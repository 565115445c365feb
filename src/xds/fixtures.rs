//! The stored-query bodies of `fixtures/xds`, and what particular queries must match.

use std::path::{Path, PathBuf};

use super::*;
use crate::xml;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "xml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

fn read(text: &str) -> Result<QueryRequest, Error> {
    read_query(xml::parse(text, xml::Bounds::REQUEST).unwrap().root())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/xds")
}

#[test]
fn good_queries_are_read() {
    for file in files(&root().join("accept")) {
        let read = read(&std::fs::read_to_string(&file).unwrap());
        assert!(read.is_ok(), "{}: {read:?}", file.display());
    }
}

#[test]
fn bad_queries_are_refused_with_the_code_of_their_folder() {
    for folder in std::fs::read_dir(root().join("reject")).unwrap() {
        let folder = folder.unwrap().path();
        let code = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in files(&folder) {
            let error = match read(&std::fs::read_to_string(&file).unwrap()) {
                Err(Error::Refused(error)) => error,
                other => panic!("{}: {other:?}", file.display()),
            };
            assert_eq!(error.code.as_str(), code, "{}: {}", file.display(), error.context);
            assert!(!error.context.contains("P-1001"), "{}", error.context);
        }
    }
}

/// A FindDocuments for P-1001's approved documents with more parameters.
fn find(stored: StoredQuery, more: &[(&str, &str)]) -> FindDocuments {
    let approved = Availability::Approved.urn();
    let mut slots: Vec<(&str, String)> = match stored {
        StoredQuery::GetAll => vec![
            ("$patientId", write_string("P-1001^^^&2.999.1.3&ISO")),
            ("$XDSSubmissionSetStatus", write_list(&[approved])),
            ("$XDSFolderStatus", write_list(&[approved])),
        ],
        _ => vec![("$XDSDocumentEntryPatientId", write_string("P-1001^^^&2.999.1.3&ISO"))],
    };
    slots.push(("$XDSDocumentEntryStatus", write_list(&[approved])));
    slots.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let slots: Vec<_> = slots.into_iter().map(|(name, value)| (name, vec![value])).collect();
    let body = query_request(stored, None, ReturnType::LeafClass, &slots);
    match read(&body).unwrap().query {
        Query::FindDocuments(find) => *find,
        other => panic!("{other:?}"),
    }
}

fn entry() -> Entry {
    let code = |code: &str| Code { code: code.to_owned(), scheme: "2.999".into(), display: None };
    let author = |person: &str| Author { person: Some(person.to_owned()), ..Author::default() };
    Entry {
        entry_uuid: "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0".to_owned(),
        unique_id: "2.999.1.4.1001.1".to_owned(),
        class_code: Some(code("c")),
        type_code: Some(code("t")),
        practice_setting_code: Some(code("p")),
        facility_type_code: Some(code("f")),
        format_code: Some(code("x")),
        event_codes: vec![code("e1"), code("e2")],
        confidentiality_codes: vec![code("N"), code("V")],
        authors: ["^Smitty^Gerald", r#"^Ann "Q"^Å\"#].map(author).to_vec(),
        creation_time: Some("20041224".to_owned()),
        service_start_time: Some("20041223".to_owned()),
        reference_ids: vec!["E_1^^^&2.999.6&ISO^urn:ihe:iti:xds:2015:encounterId".to_owned()],
        ..Entry::default()
    }
}

/// An entry as the store has it, and as it had it before.
fn as_stored(entry: &Entry) -> [Vec<u8>; 2] {
    [Searched::from(entry).write().unwrap(), serde_json::to_vec(entry).unwrap()]
}

/// Whether the entry is found, however it is stored.
fn is_found(stored: &[Vec<u8>; 2], matches: impl Fn(&Searched<'_>) -> bool) -> bool {
    let [now, before] = stored.each_ref().map(|stored| matches(&Searched::read(stored).unwrap()));
    assert_eq!(now, before);
    now
}

#[test]
fn each_parameter_of_find_documents_filters() {
    let stored = as_stored(&entry());
    for (slots, hit) in [
        (&[][..], true),
        (&[("$XDSDocumentEntryClassCode", "('c^^2.999')")], true),
        (&[("$XDSDocumentEntryClassCode", "('c^^urn:oid:2.999')")], true),
        (&[("$XDSDocumentEntryClassCode", "('c^^2.998','d^^2.999')")], false),
        (&[("$XDSDocumentEntryTypeCode", "('z^^2.999','t^^2.999')")], true),
        (&[("$XDSDocumentEntryPracticeSettingCode", "('t^^2.999')")], false),
        (&[("$XDSDocumentEntryHealthcareFacilityTypeCode", "('f^^2.999')")], true),
        (&[("$XDSDocumentEntryFormatCode", "('f^^2.999')")], false),
        (&[("$XDSDocumentEntryEventCodeList", "('e1^^2.999','e9^^2.999')")], true),
        (
            &[
                ("$XDSDocumentEntryEventCodeList", "('e1^^2.999')"),
                ("$XDSDocumentEntryEventCodeList", "('e2^^2.999')"),
            ],
            true,
        ),
        (
            &[
                ("$XDSDocumentEntryEventCodeList", "('e1^^2.999')"),
                ("$XDSDocumentEntryEventCodeList", "('e9^^2.999')"),
            ],
            false,
        ),
        (&[("$XDSDocumentEntryConfidentialityCode", "('R^^2.999')")], false),
        // the edges of NIST 11897
        (&[("$XDSDocumentEntryCreationTimeFrom", "20041224")], true),
        (&[("$XDSDocumentEntryCreationTimeTo", "20041224")], false),
        (&[("$XDSDocumentEntryCreationTimeTo", "'20041225'")], true),
        (&[("$XDSDocumentEntryServiceStartTimeFrom", "20041224")], false),
        // the entry has no serviceStopTime
        (&[("$XDSDocumentEntryServiceStopTimeFrom", "20990101")], true),
        (&[("$XDSDocumentEntryAuthorPerson", "('%Smitty%')")], true),
        (&[("$XDSDocumentEntryAuthorPerson", "('Smitty','^Smi__y^%')")], true),
        (&[("$XDSDocumentEntryAuthorPerson", "('%smitty')")], false),
        // what JSON escapes
        (&[("$XDSDocumentEntryAuthorPerson", r#"('%"Q"^Å\')"#)], true),
        (&[("$XDSDocumentEntryType", "(urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248)")], true),
        (&[("$MetadataLevel", "1")], true),
        (&[("$xdsDocumentEntryClassCode", "('z^^2.999')")], true),
        (&[("$XDSDocumentEntryReferenceIdList", "('unknown here')")], true),
    ] {
        let query = find(StoredQuery::FindDocuments, slots);
        assert_eq!(is_found(&stored, |entry| query.matches(entry)), hit, "{slots:?}");
    }
    let deprecated = Entry { status: Availability::Deprecated, ..entry() };
    let all = find(StoredQuery::FindDocuments, &[]);
    assert!(!is_found(&as_stored(&deprecated), |entry| all.matches(entry)));
}

#[test]
fn reference_ids_and_get_all_have_their_own_parameters() {
    let stored = as_stored(&entry());
    let name = "$XDSDocumentEntryReferenceIdList";
    for (value, hit) in [
        ("('E_1^^^&2.999.6&ISO^urn:ihe:iti:xds:2015:encounterId')", true),
        ("('E_1^^^&2.999.6&ISO%')", true),
        ("('E_1')", false),
    ] {
        let query = find(StoredQuery::FindDocumentsByReferenceId, &[(name, value)]);
        assert_eq!(is_found(&stored, |entry| query.matches(entry)), hit, "{value}");
    }
    for (name, value, hit) in [
        ("$XDSDocumentEntryConfidentialityCode", "('R^^2.999')", false),
        ("$XDSDocumentEntryFormatCode", "('x^^2.999')", true),
        // GetAll knows no class code
        ("$XDSDocumentEntryClassCode", "('z^^2.999')", true),
    ] {
        assert_eq!(
            is_found(&stored, |entry| find(StoredQuery::GetAll, &[(name, value)]).matches(entry)),
            hit,
            "{name}"
        );
    }
}

#[test]
fn get_documents_takes_ids_of_either_kind() {
    let stored = as_stored(&entry());
    for (name, value, hit) in [
        ("$XDSDocumentEntryUniqueId", "('1.2','2.999.1.4.1001.1')", true),
        ("$XDSDocumentEntryUniqueId", "('no id','2.999.1.4.1001')", false),
        ("$XDSDocumentEntryEntryUUID", "('URN:UUID:0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0')", true),
        ("$XDSDocumentEntryEntryUUID", "(urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0)", true),
        ("$XDSDocumentEntryEntryUUID", "('0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0')", false),
    ] {
        let asked = StoredQuery::GetDocumentsAndAssociations;
        let slots = [(name, vec![value.to_owned()])];
        let body = query_request(asked, Some("urn:oid:2.999.1"), ReturnType::ObjectRef, &slots);
        let request = read(&body).unwrap();
        assert_eq!(request.home(), Some("urn:oid:2.999.1"));
        let Query::GetDocuments(get) = request.query else { panic!("{body}") };
        assert_eq!(is_found(&stored, |entry| get.matches(entry)), hit, "{value}");
    }
}

#[test]
fn a_refused_query_still_says_what_it_was() {
    let text = std::fs::read_to_string(
        root().join("reject/XDSStoredQueryMissingParam/status-unknown.xml"),
    );
    let text = text.unwrap();
    let document = xml::parse(&text, xml::Bounds::REQUEST).unwrap();
    let written = as_written(document.root());
    assert_eq!(written.id.as_deref(), Some(StoredQuery::FindDocuments.id()));
    assert_eq!(written.patient.unwrap().id(), "P-1001");
    let other = xml::parse("<a/>", xml::Bounds::REQUEST).unwrap();
    assert_eq!(as_written(other.root()), AsWritten::default());
    assert!(matches!(read_query(other.root()), Err(Error::WrongBody { .. })));
}
