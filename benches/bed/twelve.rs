//! A consent of twelve provisions as a patient with much to withhold might give it, and documents to decide on.

use glassgate::consent::{Facts, ItemKey, PatientKey, Span, Stored};
use glassgate::ids::Coded;
use serde_json::{Value, json};

const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const LOINC: &str = "http://loinc.org";

/// What the patient is called in it.
pub(crate) const PATIENT: &str = "Patient/p12";

/// Treatment, payment and operations, but for labels, types, times, authors, encounters and recipients.
pub(crate) fn consent() -> Stored {
    let coded = |system: &str, code: &str| json!([{"system": system, "code": code}]);
    let actor = |role: &str, reference: &str| json!([{"role": {"coding": coded(PARTICIPATION, role)}, "reference": {"reference": reference, "type": "Organization"}}]);
    let data = |meaning: &str, reference: &str| json!([{"meaning": meaning, "reference": {"reference": reference}}]);
    let purposes: Vec<Value> = ["TREAT", "HPAYMT", "HOPERAT"]
        .iter()
        .map(|code| json!({"system": ACT_REASON, "code": code}))
        .collect();
    let rules = json!([
        {"type": "deny", "securityLabel": coded(CONFIDENTIALITY, "V")},
        {"type": "deny", "securityLabel": coded(ACT_CODE, "PSY"), "provision": [
            {"type": "permit", "actor": actor("IRCP", "urn:oid:2.999.77")}
        ]},
        {"type": "deny", "securityLabel": coded(ACT_CODE, "SUD")},
        {"type": "deny", "securityLabel": coded(ACT_CODE, "HIV")},
        {"type": "deny", "code": [{"coding": coded(LOINC, "57133-1")}]},
        {"type": "deny", "dataPeriod": {"start": "1999", "end": "2001"}},
        {"type": "deny", "data": data("instance", "DocumentReference/secret")},
        {"type": "deny", "data": data("authoredby", "Practitioner/former")},
        {"type": "deny", "data": data("related", "Encounter/e99")},
        {"type": "deny", "actor": actor("IRCP", "urn:oid:2.999.78")},
        {"type": "deny", "purpose": coded(ACT_REASON, "HRESCH")}
    ]);
    let json = json!({
        "resourceType": "Consent",
        "id": "c12",
        "status": "active",
        "scope": {"coding": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")},
        "category": [{"coding": coded(LOINC, "59284-0")}],
        "patient": {"reference": PATIENT},
        "dateTime": "2025-06-01",
        "policy": [{"uri": "http://example.org/policies/basePrivacyConsentPolicy.txt"}],
        "provision": {"type": "permit", "purpose": purposes, "provision": rules}
    });
    Stored { id: "c12".to_owned(), version: "1".to_owned(), json: json.to_string() }
}

/// Two hundred documents, one in ten of them withheld.
pub(crate) fn documents() -> Vec<Facts> {
    let day = 86_400_000_000;
    let document = |n: i64| Facts {
        key: ItemKey(n),
        patient: PatientKey(12),
        resource_type: "DocumentReference".to_owned(),
        reference: format!("DocumentReference/d{n}"),
        identifiers: vec![format!("2.999.1.4.12.{n}"), format!("urn:uuid:{n}")],
        labels: match n % 10 {
            0 => vec![Coded::new("R", CONFIDENTIALITY), Coded::new("PSY", ACT_CODE)],
            _ => vec![Coded::new("N", CONFIDENTIALITY)],
        },
        unreadable_labels: false,
        origin: None,
        classes: vec![
            Coded::new("11488-4", LOINC),
            Coded::new("urn:ihe:pcc:xphr:2007", "1.3.6.1.4.1.19376.1.2.3"),
        ],
        codes: vec![Coded::new("34133-9", LOINC)],
        authors: vec!["Practitioner/house".to_owned()],
        related: vec![format!("Encounter/e{}", n % 7)],
        date: Some(Span {
            first: 1_700_000_000_000_000 + n * day,
            after: 1_700_000_000_000_000 + (n + 1) * day,
        }),
    };
    (0..200).map(document).collect()
}
