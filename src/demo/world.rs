//! The demo world: who is in it and what they hold; the tests' fixtures are the same.

use std::path::Path;

use super::error::Error;
use super::{documents, people};
use crate::ids::Coded;

/// Lakeside, the community whose gateway this is.
pub const HOME: &str = "urn:oid:2.999.1";
/// Lakeside's document repository.
pub const REPOSITORY: &str = "2.999.1.2";
/// Who numbers Lakeside's patients.
pub const AUTHORITY: &str = "2.999.1.3";
/// Purposes of use, HL7 ActReason.
pub const ACT_REASON: &str = "2.16.840.1.113883.5.8";
/// SNOMED CT, the system of roles.
pub const SNOMED_CT: &str = "2.16.840.1.113883.6.96";
/// The role that may break glass.
pub const PHYSICIAN: (&str, &str) = ("309343006", "Physician");
/// A role that may not.
pub const NURSE: (&str, &str) = ("224535009", "Registered nurse");

/// Riverside, to whom ETREAT is a kind of treatment.
pub const RIVERSIDE: Partner = Partner {
    name: "riverside",
    display: "Riverside",
    home: "urn:oid:2.999.2",
    issuer: "https://sts.riverside.example",
    etreat: "treatment",
};
/// Hilltop, to whom ETREAT means break-glass.
pub const HILLTOP: Partner = Partner {
    name: "hilltop",
    display: "Hilltop",
    home: "urn:oid:2.999.3",
    issuer: "https://sts.hilltop.example",
    etreat: "break-glass",
};
/// All partners.
pub const PARTNERS: [Partner; 2] = [RIVERSIDE, HILLTOP];

/// A community that may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partner {
    /// Its name in paths and configuration.
    pub name: &'static str,
    /// Its name for people.
    pub display: &'static str,
    /// Its home community id.
    pub home: &'static str,
    /// Who issues its assertions.
    pub issuer: &'static str,
    /// What the purpose ETREAT means to it: `treatment` or `break-glass`.
    pub etreat: &'static str,
}

/// A role as an assertion carries it.
#[must_use]
pub fn role((code, display): (&str, &str)) -> Coded {
    Coded::new(code, SNOMED_CT).with_display(display)
}

/// A purpose of use as an assertion carries it.
#[must_use]
pub fn purpose(code: &str) -> Coded {
    Coded::new(code, ACT_REASON)
}

/// A patient id as queries write it, `P-1001^^^&2.999.1.3&ISO`.
#[must_use]
pub fn patient_id(number: u32) -> String {
    format!("P-{number}^^^&{AUTHORITY}&ISO")
}

/// A document's uniqueId; documents of a patient count from 1.
#[must_use]
pub fn document_id(patient: u32, n: u32) -> String {
    format!("2.999.1.4.{patient}.{n}")
}

/// How many bytes the large document of P-1001 has: 64 MiB.
pub const LARGE_BYTES: u64 = 64 * 1024 * 1024;

/// The large document's uniqueId.
#[must_use]
pub fn large_document_id() -> String {
    document_id(1001, 5)
}

/// Writes the patients, consents and documents as FHIR R4 JSON; what is there is left as it is.
///
/// `patients.json` and `consents.json` are Bundles, `p1001/` and its like hold one DocumentReference a file with the
/// bytes below `documents/`, `p1005.ndjson` has its bytes inline. Two runs write the same bytes.
pub fn data(directory: &Path) -> Result<(), Error> {
    people::write(directory)?;
    documents::write(directory)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::fhir::{Bundle, Consent, Date, DocumentReference, Patient, Resource};
    use crate::ids::{EntryUuid, HomeCommunityId, Oid, PatientId};

    fn resources(directory: &Path) -> Vec<(PathBuf, DocumentReference)> {
        let mut found = Vec::new();
        for patient in 1001..=1004 {
            let folder = directory.join(format!("p{patient}"));
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    let text = fs::read_to_string(&path).unwrap();
                    let Resource::DocumentReference(reference) =
                        serde_json::from_str(&text).unwrap()
                    else {
                        panic!("{}", path.display())
                    };
                    found.push((path, *reference));
                }
            }
        }
        for line in fs::read_to_string(directory.join("p1005.ndjson")).unwrap().lines() {
            found.push((directory.join("p1005.ndjson"), serde_json::from_str(line).unwrap()));
        }
        found
    }

    fn bytes(path: &Path, reference: &DocumentReference) -> Vec<u8> {
        let attachment = &reference.content[0].attachment;
        match (&attachment.url, &attachment.data) {
            (Some(url), None) => fs::read(path.parent().unwrap().join(url)).unwrap(),
            (None, Some(data)) => STANDARD.decode(data).unwrap(),
            _ => panic!("either by URL or inline"),
        }
    }

    #[test]
    fn the_constants_are_what_they_say() {
        for partner in PARTNERS {
            assert!(HomeCommunityId::parse(partner.home).is_ok());
        }
        assert!(HomeCommunityId::parse(HOME).is_ok() && Oid::parse(REPOSITORY).is_ok());
        assert_eq!(PatientId::parse(&patient_id(1001)).unwrap().id(), "P-1001");
    }

    #[test]
    fn the_world_is_whole_and_made_the_same_twice() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        data(one.path()).unwrap();
        data(two.path()).unwrap();
        let found = resources(one.path());
        for (path, reference) in &found {
            let name = reference.master_identifier.clone().unwrap().value.unwrap();
            let content = bytes(path, reference);
            let attachment = &reference.content[0].attachment;
            assert_eq!(attachment.size, Some(content.len() as u64), "{name}");
            let hash = STANDARD.encode(openssl::sha::sha1(&content));
            assert_eq!(attachment.hash.as_deref(), Some(hash.as_str()), "{name}");
            let created = Date::parse(attachment.creation.as_deref().unwrap()).unwrap();
            let between = ("20240101000000".to_owned(), "20260630235959".to_owned());
            assert!(created.to_dtm() >= between.0 && created.to_dtm() <= between.1, "{name}");
            assert_eq!(reference.status.as_deref(), Some("current"));
            let official = &reference.identifier[0];
            assert_eq!(official.use_.as_deref(), Some("official"));
            assert!(EntryUuid::parse(official.value.as_deref().unwrap()).is_ok());
            let same = two.path().join(path.strip_prefix(one.path()).unwrap());
            assert_eq!(fs::read(path).unwrap(), fs::read(same).unwrap());
        }
        let mut per_patient = BTreeMap::new();
        let mut restricted = BTreeMap::new();
        for (_, reference) in &found {
            let patient = reference.subject.reference.clone().unwrap();
            *per_patient.entry(patient.clone()).or_insert(0) += 1;
            let confidentiality = reference.security_label[0].coding[0].code.clone().unwrap();
            assert!(confidentiality == "N" || confidentiality == "R");
            if confidentiality == "R" {
                *restricted.entry(patient).or_insert(0) += 1;
            }
        }
        let counts =
            |counted: &BTreeMap<String, i32>| counted.values().copied().collect::<Vec<_>>();
        assert_eq!(counts(&per_patient), [5, 6, 6, 3, 500]);
        assert_eq!(counts(&restricted), [2, 2]);
        let ids: std::collections::HashSet<_> =
            found.iter().map(|(_, r)| r.identifier[0].value.clone()).collect();
        assert_eq!(ids.len(), found.len());
    }

    #[test]
    fn the_large_document_has_its_size_and_what_is_there_is_kept() {
        let world = tempfile::tempdir().unwrap();
        data(world.path()).unwrap();
        let large = world.path().join("p1001/documents/5.pdf");
        assert_eq!(fs::metadata(&large).unwrap().len(), LARGE_BYTES);
        let patients = world.path().join("patients.json");
        fs::write(&patients, "{}").unwrap();
        let before = fs::metadata(&large).unwrap().modified().unwrap();
        data(world.path()).unwrap();
        assert_eq!(fs::read(&patients).unwrap(), b"{}");
        assert_eq!(fs::metadata(&large).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn patients_and_consents_are_read_by_the_narrow_model() {
        let world = tempfile::tempdir().unwrap();
        data(world.path()).unwrap();
        let read = |name: &str| -> Vec<serde_json::Value> {
            let text = fs::read_to_string(world.path().join(name)).unwrap();
            let bundle: Bundle = serde_json::from_str(&text).unwrap();
            bundle.entry.into_iter().map(|entry| entry.resource.unwrap()).collect()
        };
        let patients: Vec<Patient> =
            read("patients.json").into_iter().map(|p| serde_json::from_value(p).unwrap()).collect();
        assert_eq!(patients.len(), 5);
        assert_eq!(patients[0].identifier[0].system.as_deref(), Some("urn:oid:2.999.1.3"));
        assert_eq!(patients[0].identifier[0].value.as_deref(), Some("P-1001"));
        let consents: Vec<Consent> =
            read("consents.json").into_iter().map(|c| serde_json::from_value(c).unwrap()).collect();
        let whose: Vec<_> =
            consents.iter().map(|c| c.patient.reference.as_deref().unwrap()).collect();
        assert_eq!(whose, ["Patient/p1002", "Patient/p1003", "Patient/p1004"]);
        let roots: Vec<_> = consents
            .iter()
            .map(|c| c.provision.as_ref().unwrap())
            .map(|root| (root.type_.as_deref().unwrap(), root.provision.len()))
            .collect();
        assert_eq!(roots, [("permit", 1), ("permit", 2), ("deny", 0)]);
        assert!(consents.iter().all(|c| {
            c.status.as_deref() == Some("active")
                && c.provision.as_ref().is_some_and(|root| root.other.is_empty())
        }));
    }
}
