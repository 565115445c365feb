use serde::{Deserialize, Serialize};

use crate::fhir::{CodeableConcept, Coding};
use crate::ids::Coded;

/// A code as document entries hold it, its scheme in XDS's form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The code.
    pub code: String,
    /// A bare OID where the system has one, otherwise its URI.
    pub scheme: String,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

impl Code {
    /// Reads a FHIR coding; without code or system it is none that XDS could hold.
    #[must_use]
    pub fn from_fhir(coding: &Coding) -> Option<Self> {
        let coded = coding.coded()?;
        let Coded { code, system, display } = Self::normalize(&coded.code, &coded.system);
        let display = display.or(coded.display);
        if system.is_empty() { None } else { Some(Self { code, scheme: system, display }) }
    }

    /// All codings of a concept; the concept's text stands in for a missing display name.
    pub(super) fn all(concept: &CodeableConcept) -> impl Iterator<Item = Self> + '_ {
        concept
            .coding
            .iter()
            .filter_map(Self::from_fhir)
            .map(|code| Self { display: code.display.or_else(|| concept.text.clone()), ..code })
    }

    /// Brings both spellings of a system, URI and OID, to one.
    pub(super) fn normalize(code: &str, system: &str) -> Coded {
        let system = system.trim();
        let oid = OIDS.iter().find(|(uri, _)| *uri == system).map(|(_, oid)| *oid);
        Coded::new(code, oid.unwrap_or(system))
    }
}

/// Code systems that FHIR names by URI and XDS by OID (FHIR R4 "Code Systems", HL7 Terminology).
const OIDS: [(&str, &str); 22] = [
    ("http://loinc.org", "2.16.840.1.113883.6.1"),
    ("http://snomed.info/sct", "2.16.840.1.113883.6.96"),
    ("http://hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.3"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "2.16.840.1.113883.6.90"),
    ("http://hl7.org/fhir/sid/icd-9-cm", "2.16.840.1.113883.6.103"),
    ("http://www.cms.gov/Medicare/Coding/ICD10", "2.16.840.1.113883.6.4"),
    ("http://www.ama-assn.org/go/cpt", "2.16.840.1.113883.6.12"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88"),
    ("http://unitsofmeasure.org", "2.16.840.1.113883.6.8"),
    ("http://www.whocc.no/atc", "2.16.840.1.113883.6.73"),
    ("http://nucc.org/provider-taxonomy", "2.16.840.1.113883.6.101"),
    ("http://dicom.nema.org/resources/ontology/DCM", "1.2.840.10008.2.16.4"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActClass", "2.16.840.1.113883.5.6"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "2.16.840.1.113883.5.4"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "2.16.840.1.113883.5.8"),
    ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "2.16.840.1.113883.5.25"),
    ("http://hl7.org/fhir/v3/Confidentiality", "2.16.840.1.113883.5.25"),
    ("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "2.16.840.1.113883.5.111"),
    ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "2.16.840.1.113883.5.90"),
    ("http://terminology.hl7.org/NamingSystem/IHE-FormatCode", "1.3.6.1.4.1.19376.1.2.3"),
    ("http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "1.3.6.1.4.1.19376.1.2.3"),
    ("http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem", "1.3.6.1.4.1.19376.1.2.3"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_and_oid_name_one_system() {
        let coding = |system: &str| Coding {
            system: Some(system.to_owned()),
            code: Some("34133-9".to_owned()),
            display: None,
        };
        for system in ["http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"] {
            let code = Code::from_fhir(&coding(system)).unwrap();
            for asked in ["2.16.840.1.113883.6.1", "URN:OID:2.16.840.1.113883.6.1"] {
                assert_eq!(
                    Code::normalize("34133-9", asked).system,
                    code.scheme,
                    "{system} {asked}"
                );
            }
        }
        assert_eq!(Code::from_fhir(&coding("urn:local")).unwrap().scheme, "urn:local");
        assert_eq!(Code::from_fhir(&coding("")), None);
    }
}
