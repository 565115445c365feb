//! P-2001: a patient with no consent, whose documents differ in one attribute each.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::demo::world::{AUTHORITY, document_id};
use serde_json::{Value, json};

/// The patient's number.
pub(crate) const PATIENT: u32 = 2001;
/// Where the codes are from that only one document has.
pub(crate) const LOCAL: &str = "2.999.7.1";
/// Who has another number for the patient: E-2001.
pub(crate) const ELSEWHERE: &str = "2.999.7.3";

pub(crate) const CLASS: u32 = 1;
pub(crate) const TYPE: u32 = 2;
pub(crate) const SETTING: u32 = 3;
pub(crate) const FACILITY: u32 = 4;
pub(crate) const FORMAT: u32 = 5;
pub(crate) const EVENTS_A_B: u32 = 6;
pub(crate) const EVENT_A: u32 = 7;
pub(crate) const LABEL_K: u32 = 8;
pub(crate) const LABEL_L: u32 = 9;
pub(crate) const DEPRECATED: u32 = 10;
pub(crate) const UNSERVICED: u32 = 11;
/// Made at midnight, 1 June 2025; the others at noon, 1 January.
pub(crate) const JUNE: u32 = 12;
/// Served from midnight, 1 May 2025, to midnight, 2 May; the others on 1 January.
pub(crate) const MAY: u32 = 13;
pub(crate) const AUTHOR: u32 = 14;
pub(crate) const REFERENCE: u32 = 15;
/// Code and display hold quotes, commas and parentheses.
pub(crate) const QUOTED: u32 = 16;

/// All that are current.
pub(crate) fn approved() -> Vec<u32> {
    (CLASS..=QUOTED).filter(|n| *n != DEPRECATED).collect()
}

/// Writes the patient and the documents into a data folder.
pub(crate) fn write(data: &Path) {
    let documents = [
        document(CLASS, &[("/category/0/coding/0", code("c"))]),
        document(TYPE, &[("/type/coding/0", code("t"))]),
        document(SETTING, &[("/context/practiceSetting/coding/0", code("s"))]),
        document(FACILITY, &[("/context/facilityType/coding/0", code("f"))]),
        document(FORMAT, &[("/content/0/format", code("x"))]),
        document(EVENTS_A_B, &[("/context/event", json!([concept("a"), concept("b")]))]),
        document(EVENT_A, &[("/context/event", json!([concept("a")]))]),
        document(LABEL_K, &[("/securityLabel", json!([normal(), concept("k")]))]),
        document(LABEL_L, &[("/securityLabel", json!([normal(), concept("l")]))]),
        document(DEPRECATED, &[("/status", json!("superseded"))]),
        document(UNSERVICED, &[("/context/period", json!({}))]),
        document(JUNE, &[("/content/0/attachment/creation", json!("2025-06-01T00:00:00Z"))]),
        document(
            MAY,
            &[(
                "/context/period",
                json!({"start": "2025-05-01T00:00:00Z", "end": "2025-05-02T00:00:00Z"}),
            )],
        ),
        document(AUTHOR, &[("/author/0/display", json!("Zoë O'Brien"))]),
        document(
            REFERENCE,
            &[(
                "/context/related",
                json!([{"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:2.999.8.1"}}]),
            )],
        ),
        document(QUOTED, &[("/category/0/coding/0", code("it's ('a','b')"))]),
    ];
    let patient = json!({
        "resourceType": "Patient",
        "id": format!("p{PATIENT}"),
        "identifier": [
            {"system": format!("urn:oid:{AUTHORITY}"), "value": format!("P-{PATIENT}")},
            {"system": format!("urn:oid:{ELSEWHERE}"), "value": format!("E-{PATIENT}")},
        ],
    });
    let resources = [patient].into_iter().chain(documents);
    let entries: Vec<Value> = resources.map(|resource| json!({"resource": resource})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(data.join("p2001.json"), bundle.to_string()).unwrap();
}

/// A document like all others but for what the pointers say.
fn document(n: u32, changes: &[(&str, Value)]) -> Value {
    let mut document = json!({
        "resourceType": "DocumentReference",
        "id": format!("d{PATIENT}-{n}"),
        "masterIdentifier": {
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:oid:{}", document_id(PATIENT, n)),
        },
        "status": "current",
        "type": concept("type"),
        "category": [concept("class")],
        "subject": {"reference": format!("Patient/p{PATIENT}")},
        "author": [{"display": "Dr. Vogel"}],
        "securityLabel": [normal()],
        "content": [{
            "attachment": {
                "contentType": "text/plain",
                "data": STANDARD.encode(format!("document {n}")),
                "creation": "2025-01-01T12:00:00Z",
            },
            "format": code("format"),
        }],
        "context": {
            "event": [],
            "period": {"start": "2025-01-01T08:00:00Z", "end": "2025-01-01T09:00:00Z"},
            "facilityType": concept("facility"),
            "practiceSetting": concept("setting"),
            "related": [],
        },
    });
    for (pointer, value) in changes {
        *document.pointer_mut(pointer).unwrap() = value.clone();
    }
    document
}

fn code(code: &str) -> Value {
    json!({"system": format!("urn:oid:{LOCAL}"), "code": code, "display": code})
}

fn concept(of: &str) -> Value {
    json!({"coding": [code(of)]})
}

fn normal() -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    json!({"coding": [{"system": system, "code": "N"}]})
}
