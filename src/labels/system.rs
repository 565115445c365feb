use crate::ids::Coded;

/// The OID of v3-Confidentiality.
pub(super) const CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";
/// The OID of v3-ActCode, where sensitivities are.
pub(super) const ACT_CODE: &str = "2.16.840.1.113883.5.4";

/// Whether a label's system is one by which we can tell how confidential or how sensitive something is.
#[must_use]
pub fn is_readable(label: &Coded) -> bool {
    matches!(canonical(&label.system), CONFIDENTIALITY | ACT_CODE)
}

/// One name for a code system that has several: its OID where it has one that we know, else what was given.
#[must_use]
pub fn canonical(system: &str) -> &str {
    match system {
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
        | "http://terminology.hl7.org/ValueSet/v3-Confidentiality"
        | "http://hl7.org/fhir/v3/Confidentiality"
        // x_BasicConfidentialityKind, the value set that C-CDA binds and senders write as the system
        | "2.16.840.1.113883.1.11.16926"
        | "urn:oid:2.16.840.1.113883.1.11.16926" => CONFIDENTIALITY,
        "http://terminology.hl7.org/CodeSystem/v3-ActCode" | "http://hl7.org/fhir/v3/ActCode" => {
            ACT_CODE
        }
        "http://terminology.hl7.org/CodeSystem/v3-ActReason" | "http://hl7.org/fhir/v3/ActReason" => {
            "2.16.840.1.113883.5.8"
        }
        "http://snomed.info/sct" => "2.16.840.1.113883.6.96",
        "http://loinc.org" => "2.16.840.1.113883.6.1",
        other => other.strip_prefix("urn:oid:").unwrap_or(other),
    }
}
