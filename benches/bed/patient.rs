//! P-3001: twenty entries of 5 to 6 KB each, a consent with exceptions, and a document as large as is wanted; and two
//! patients who look alike, as what one of them withholds the other never had.

use std::fs::{self, File};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::demo::world::{AUTHORITY, document_id};
use serde_json::{Value, json};

use super::Failed;

/// The patient of the query.
pub(crate) const NUMBER: u32 = 3001;
/// The patient who has the large document and nothing else.
pub(crate) const LARGE: u32 = 3002;
/// The patient who has as many entries, and withholds two more.
pub(crate) const WITHHOLDING: u32 = 3003;
/// The patient whose two were never written.
pub(crate) const WITHOUT: u32 = 3004;
/// Entries of the query's answer.
pub(crate) const ENTRIES: u32 = 20;

/// The large document's uniqueId.
pub(crate) fn large_id() -> String {
    document_id(LARGE, 1)
}

/// Writes both patients into a data folder; the large document has `bytes` bytes, none for 0.
pub(crate) fn write(data: &Path, bytes: u64) -> Result<(), Failed> {
    fs::create_dir_all(data)?;
    let resources = [patient(NUMBER), consent(NUMBER)];
    let resources = resources.into_iter().chain((1..=ENTRIES).map(|n| small(NUMBER, n, "N")));
    bundle(&data.join("p3001.json"), resources)?;
    for (number, withheld) in [(WITHHOLDING, 2), (WITHOUT, 0)] {
        let open = (1..=ENTRIES).map(|n| small(number, n, "N"));
        let withheld = (ENTRIES + 1..=ENTRIES + withheld).map(|n| small(number, n, "V"));
        let resources = [patient(number), consent(number)].into_iter().chain(open).chain(withheld);
        bundle(&data.join(format!("p{number}.json")), resources)?;
    }
    if bytes == 0 {
        return Ok(());
    }
    bundle(&data.join("p3002.json"), [patient(LARGE)].into_iter())?;
    let folder = data.join("p3002");
    fs::create_dir_all(&folder)?;
    // zeros cost TLS what other bytes cost, and the disk nothing
    File::create(folder.join("large.bin"))?.set_len(bytes)?;
    let attachment = json!({
        "contentType": "application/octet-stream",
        "url": "large.bin",
        "title": "Image",
        "creation": "2026-01-20T16:50:00Z",
    });
    fs::write(folder.join("1.json"), document(LARGE, 1, &attachment, "N").to_string())?;
    Ok(())
}

fn bundle(path: &Path, resources: impl Iterator<Item = Value>) -> Result<(), Failed> {
    let entries: Vec<Value> = resources.map(|resource| json!({"resource": resource})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    Ok(fs::write(path, bundle.to_string())?)
}

fn patient(number: u32) -> Value {
    json!({
        "resourceType": "Patient",
        "id": format!("p{number}"),
        "identifier": [identifier(number)],
        "name": [{"family": "Hallberg", "given": ["Karin"]}],
        "gender": "female",
        "birthDate": "1961-04-05",
    })
}

fn identifier(number: u32) -> Value {
    json!({"system": format!("urn:oid:{AUTHORITY}"), "value": format!("P-{number}")})
}

/// Treatment is permitted but for what is very restricted, for one type and for one time; none of it is hit.
fn consent(number: u32) -> Value {
    let reason = |code| json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code});
    json!({
        "resourceType": "Consent",
        "id": format!("c{number}"),
        "meta": {"versionId": "1"},
        "status": "active",
        "scope": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy",
        }]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/p{number}")},
        "dateTime": "2024-01-02T09:00:00Z",
        "performer": [{"reference": format!("Patient/p{number}")}],
        "organization": [{"display": "Lakeside Hospital"}],
        "policy": [{"uri": "https://lakeside.example/policies/exchange-2024"}],
        "provision": {"type": "permit", "purpose": [reason("TREAT")], "provision": [
            {"type": "deny", "securityLabel": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V",
            }]},
            {"type": "deny", "code": [coded("http://loinc.org", "11506-3", "Progress note")]},
            {"type": "deny", "dataPeriod": {"start": "1990-01-01", "end": "1995-01-01"}},
        ]},
    })
}

fn small(number: u32, n: u32, label: &str) -> Value {
    let attachment = json!({
        "contentType": "application/pdf",
        "language": "en-US",
        "data": STANDARD.encode(format!("document {n}")),
        "title": "Discharge summary of the department of internal medicine",
        "creation": format!("2025-{:02}-{:02}T12:00:00Z", n % 12 + 1, n),
    });
    document(number, n, &attachment, label)
}

fn document(number: u32, n: u32, attachment: &Value, label: &str) -> Value {
    let snomed = |code, display| coded("http://snomed.info/sct", code, display);
    json!({
        "resourceType": "DocumentReference",
        "id": format!("d{number}-{n}"),
        "contained": [
            practitioner("author", "Vogel", "D-17"),
            {"resourceType": "Organization", "id": "organization",
             "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.1"}],
             "name": "Lakeside Hospital"},
        ],
        "masterIdentifier": {
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:oid:{}", document_id(number, n)),
        },
        "status": "current",
        "type": coded("http://loinc.org", "18842-5", "Discharge summary"),
        "category": [coded("http://loinc.org", "47039-3", "Hospital admission history and physical note")],
        "subject": {"reference": format!("Patient/p{number}")},
        "date": "2025-01-01T12:00:00Z",
        "author": [{"reference": "#author"}],
        "custodian": {"reference": "#organization"},
        "securityLabel": [
            coded("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", label, label),
        ],
        "content": [{"attachment": attachment, "format": {
            "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
            "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
            "display": "MIME type sufficient",
        }}],
        "context": {
            "period": {"start": "2024-12-20T08:00:00Z", "end": "2025-01-01T12:00:00Z"},
            "facilityType": snomed("22232009", "Hospital"),
            "practiceSetting": snomed("419192003", "Internal medicine"),
        },
    })
}

fn practitioner(id: &str, family: &str, number: &str) -> Value {
    json!({
        "resourceType": "Practitioner",
        "id": id,
        "identifier": [{"system": "urn:oid:2.999.1.6", "value": number}],
        "name": [{"text": format!("Dr. Elin {family}"), "family": family, "given": ["Elin"]}],
        "telecom": [{"system": "email", "value": format!("{family}@lakeside.example")}],
    })
}

fn coded(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}
