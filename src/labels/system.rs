use crate::fhir::oid_of;
use crate::ids::Coded;

/// The OID of v3-Confidentiality.
pub(super) const CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";
/// The OID of v3-ActCode, where sensitivities are.
pub(super) const ACT_CODE: &str = "2.16.840.1.113883.5.4";
/// The OID of v3-ActReason, where purposes are.
pub(super) const ACT_REASON: &str = "2.16.840.1.113883.5.8";

/// Whether a label's system is one of which we know what it says of confidentiality and sensitivity.
#[must_use]
pub fn is_readable(label: &Coded) -> bool {
    matches!(canonical(&label.system), CONFIDENTIALITY | ACT_CODE | ACT_REASON)
}

/// One name for a code system that has several: its OID where it has one that we know, else what was given.
#[must_use]
pub fn canonical(system: &str) -> &str {
    match system {
        "http://terminology.hl7.org/ValueSet/v3-Confidentiality"
        // x_BasicConfidentialityKind, the value set that C-CDA binds and senders write as the system
        | "2.16.840.1.113883.1.11.16926"
        | "urn:oid:2.16.840.1.113883.1.11.16926" => CONFIDENTIALITY,
        // the value set, which FHIR's page on security labels shows as the system
        "http://terminology.hl7.org/CodeSystem/v3-PurposeOfUse"
        | "http://terminology.hl7.org/ValueSet/v3-PurposeOfUse"
        | "2.16.840.1.113883.1.11.20448"
        | "urn:oid:2.16.840.1.113883.1.11.20448" => ACT_REASON,
        other => match other.get(..8) {
            Some(urn) if urn.eq_ignore_ascii_case("urn:oid:") => other.get(8..).unwrap_or(other),
            None => other,
            Some(_) => oid_of(other).unwrap_or(other),
        },
    }
}
