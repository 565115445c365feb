use serde::{Deserialize, Serialize};

use crate::fhir::{CodeableConcept, Coding, oid_of};
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

    /// Writes a code as XDS does; without a code or system it is none that XDS could hold.
    #[must_use]
    pub fn from_coded(coded: &Coded) -> Option<Self> {
        let Coded { code, system, .. } = Self::normalize(&coded.code, &coded.system);
        let whole = !code.is_empty() && !system.is_empty();
        whole.then(|| Self { code, scheme: system, display: coded.display.clone() })
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
        Coded::new(code, oid_of(system).unwrap_or(system))
    }
}

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
