//! The patients and what they decided, as FHIR R4.

use std::path::Path;

use serde_json::{Value, json};

use super::error::Error;
use super::files::{self, Readers};
use super::world::AUTHORITY;

/// Writes `patients.json` and `consents.json`, each unless it is there.
pub(super) fn write(directory: &Path) -> Result<(), Error> {
    let consents = [
        consent(1002, Base::Permit, &[deny_restricted()]),
        consent(1003, Base::Permit, &[deny_restricted(), deny_break_glass()]),
        consent(1004, Base::Deny, &[]),
    ];
    let bundles = [
        ("patients.json", bundle(PATIENTS.iter().map(Patient::resource))),
        ("consents.json", bundle(consents.into_iter())),
    ];
    for (name, bundle) in bundles {
        let path = directory.join(name);
        if !path.exists() {
            files::write(&path, format!("{bundle:#}\n").as_bytes(), Readers::All)?;
        }
    }
    Ok(())
}

/// A person who is cared for at Lakeside.
pub(super) struct Patient {
    pub(super) number: u32,
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) gender: &'static str,
    pub(super) birth_date: &'static str,
}

/// All patients by number.
pub(super) const PATIENTS: &[Patient] = &[
    patient(1001, "Anna", "Bergstrom", "female", "1958-03-14"),
    patient(1002, "Jonas", "Keller", "male", "1979-11-02"),
    patient(1003, "Miriam", "Okafor", "female", "1986-07-23"),
    patient(1004, "Peter", "Lindqvist", "male", "1949-01-30"),
    patient(1005, "Rosa", "Delgado", "female", "1942-09-05"),
];

const fn patient(
    number: u32,
    given: &'static str,
    family: &'static str,
    gender: &'static str,
    birth_date: &'static str,
) -> Patient {
    Patient { number, given, family, gender, birth_date }
}

impl Patient {
    /// The FHIR Patient, with the id that references use.
    pub(super) fn resource(&self) -> Value {
        json!({
            "resourceType": "Patient",
            "id": format!("p{}", self.number),
            "identifier": [self.identifier()],
            "active": true,
            "name": [{
                "use": "official",
                "text": format!("{} {}", self.given, self.family),
                "family": self.family,
                "given": [self.given],
            }],
            "gender": self.gender,
            "birthDate": self.birth_date,
        })
    }

    /// The number that Lakeside gave.
    pub(super) fn identifier(&self) -> Value {
        json!({
            "use": "official",
            "system": format!("urn:oid:{AUTHORITY}"),
            "value": format!("P-{}", self.number),
        })
    }
}

fn bundle(resources: impl Iterator<Item = Value>) -> Value {
    let entries: Vec<Value> = resources
        .map(|resource| {
            let text = |name| resource.get(name).and_then(Value::as_str).unwrap_or_default();
            let url =
                format!("https://fhir.lakeside.example/{}/{}", text("resourceType"), text("id"));
            json!({"fullUrl": url, "resource": resource})
        })
        .collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Takes part in exchange for treatment.
    Permit,
    /// Opted out of exchange.
    Deny,
}

/// A consent in the form of IHE PCF: the base decision is the root provision's type.
fn consent(patient: u32, base: Base, exceptions: &[Value]) -> Value {
    let mut provision = match base {
        Base::Permit => json!({"type": "permit", "purpose": [act_reason("TREAT", "treatment")]}),
        Base::Deny => json!({"type": "deny"}),
    };
    if !exceptions.is_empty()
        && let Some(fields) = provision.as_object_mut()
    {
        fields.insert("provision".to_owned(), exceptions.into());
    }
    json!({
        "resourceType": "Consent",
        "id": format!("c{patient}"),
        "meta": {"versionId": "1"},
        "status": "active",
        "scope": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy",
            "display": "Privacy Consent",
        }]},
        "category": [{"coding": [
            {"system": "http://loinc.org", "code": "59284-0", "display": "Patient Consent"},
        ]}],
        "patient": {"reference": format!("Patient/p{patient}")},
        "dateTime": "2024-01-02T09:00:00Z",
        "performer": [{"reference": format!("Patient/p{patient}")}],
        "organization": [{"display": "Lakeside Hospital"}],
        "policy": [{"uri": "https://lakeside.example/policies/exchange-2024"}],
        "provision": provision,
    })
}

/// Nothing labelled R.
fn deny_restricted() -> Value {
    json!({
        "type": "deny",
        "securityLabel": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
            "code": "R",
            "display": "restricted",
        }],
    })
}

/// Not even in an emergency.
fn deny_break_glass() -> Value {
    json!({"type": "deny", "purpose": [act_reason("BTG", "break the glass")]})
}

fn act_reason(code: &str, display: &str) -> Value {
    json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "code": code,
        "display": display,
    })
}
