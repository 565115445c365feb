use serde::Deserialize;

use super::author::{Author, escape, legal_authenticator, name_components};
use super::code::Code;
use super::ebrim::derived_uuid;
use super::entry::{Availability, Entry};
use super::slot::VALUE_CHARS;
use crate::fhir::{
    CodeableConcept, Date, DocumentReference, Identifier, Patient, Precision, Reference,
};
use crate::ids::{DocumentId, EntryUuid, Oid, PatientId, RepositoryId};

/// What an entry says that its DocumentReference does not.
#[derive(Debug, Clone)]
pub struct EntryContext {
    /// The patient whom the subject stands for.
    pub patient: PatientId,
    /// The repository that holds the bytes.
    pub repository: RepositoryId,
    /// How many bytes there are.
    pub size: u64,
    /// Their SHA-1 in hex.
    pub sha1_hex: String,
}

/// Why a DocumentReference is no document entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// An element is absent that an entry cannot do without.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An element says what an entry cannot hold.
    #[error("{0} is not valid")]
    Invalid(&'static str),
    /// The document should never have been.
    #[error("status is entered-in-error")]
    EnteredInError,
    /// One entry describes one document.
    #[error("{0} contents where an entry holds one")]
    SeveralContents(usize),
}

impl Entry {
    /// Makes an entry of a DocumentReference (IHE MHD, "FHIR Maps"); codes that it does not give stay absent.
    ///
    /// Without an `official` identifier the entryUUID is derived from repository and uniqueId, always the same.
    pub fn from_fhir(
        reference: &DocumentReference,
        context: &EntryContext,
    ) -> Result<Self, EntryError> {
        let content = match reference.content.as_slice() {
            [] => return Err(EntryError::Missing("content")),
            [content] => content,
            several => return Err(EntryError::SeveralContents(several.len())),
        };
        let attachment = &content.attachment;
        let unique_id = unique_id(reference)?;
        let patient_id = context.patient.to_string();
        if patient_id.chars().count() > VALUE_CHARS {
            return Err(EntryError::Invalid("subject"));
        }
        let subject = &reference.subject;
        if subject.reference.is_none() && subject.identifier.is_none() {
            return Err(EntryError::Missing("subject"));
        }
        let source = source_patient(reference);
        let (source_id, source_info) = source.unwrap_or_default();
        Ok(Self {
            entry_uuid: entry_uuid(&reference.identifier)?
                .unwrap_or_else(|| derived_uuid(&[context.repository.as_str(), &unique_id])),
            unique_id,
            status: status(reference.status.as_deref())?,
            class_code: reference.category.iter().flat_map(Code::all).next(),
            type_code: Code::all(&reference.type_).next(),
            format_code: content.format.as_ref().and_then(Code::from_fhir),
            facility_type_code: first(reference.context.facility_type.as_ref()),
            practice_setting_code: first(reference.context.practice_setting.as_ref()),
            confidentiality_codes: reference.security_label.iter().flat_map(Code::all).collect(),
            event_codes: reference.context.event.iter().flat_map(Code::all).collect(),
            authors: reference
                .author
                .iter()
                .filter_map(|author| Author::from_fhir(author, &reference.contained))
                .collect(),
            legal_authenticator: reference
                .authenticator
                .as_ref()
                .and_then(|person| legal_authenticator(person, &reference.contained)),
            title: text(attachment.title.as_deref()),
            comments: text(reference.description.as_deref()),
            creation_time: match &attachment.creation {
                Some(creation) => Some(dtm(creation, "content.attachment.creation")?),
                None => reference.date.as_deref().map(|date| dtm(date, "date")).transpose()?,
            },
            service_start_time: time(reference.context.period.start.as_deref(), "context.period")?,
            service_stop_time: time(reference.context.period.end.as_deref(), "context.period")?,
            language_code: text(attachment.language.as_deref()),
            mime_type: mime_type(attachment.content_type.as_deref())?,
            hash: sha1(&context.sha1_hex)?,
            size: context.size,
            source_patient_id: source_id.unwrap_or_else(|| patient_id.clone()),
            patient_id,
            source_patient_info: source_info,
            repository_unique_id: context.repository.as_str().to_owned(),
            uri: None,
            reference_ids: reference_ids(reference),
        })
    }
}

fn unique_id(reference: &DocumentReference) -> Result<String, EntryError> {
    let name = "masterIdentifier";
    let identifier = reference.master_identifier.as_ref().ok_or(EntryError::Missing(name))?;
    let value = text(identifier.value.as_deref()).ok_or(EntryError::Missing(name))?;
    // CDA's form: the root as system, the extension as value
    let written = match identifier.system.as_deref().map(Oid::parse) {
        Some(Ok(root)) => format!("{root}^{value}"),
        _ => value,
    };
    let id = DocumentId::parse(&written).map_err(|_| EntryError::Invalid(name))?;
    Ok(id.as_str().to_owned())
}

fn entry_uuid(identifiers: &[Identifier]) -> Result<Option<String>, EntryError> {
    let official = |i: &&Identifier| i.use_.as_deref() == Some("official");
    let values = identifiers.iter().filter(official).filter_map(|i| i.value.as_deref());
    let urns = values.filter(|v| v.trim().to_ascii_lowercase().starts_with("urn:uuid:"));
    let parsed = urns.map(EntryUuid::parse).next().transpose();
    Ok(parsed.map_err(|_| EntryError::Invalid("identifier"))?.map(|uuid| uuid.as_str().to_owned()))
}

fn status(status: Option<&str>) -> Result<Availability, EntryError> {
    match status {
        Some("current") => Ok(Availability::Approved),
        Some("superseded") => Ok(Availability::Deprecated),
        Some("entered-in-error") => Err(EntryError::EnteredInError),
        Some(_) => Err(EntryError::Invalid("status")),
        None => Err(EntryError::Missing("status")),
    }
}

fn mime_type(content_type: Option<&str>) -> Result<String, EntryError> {
    let name = "content.attachment.contentType";
    let written = text(content_type).ok_or(EntryError::Missing(name))?;
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    // parameters such as charset are no part of an entry's mimeType
    let plain = written.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let ok = plain.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    if ok && plain.len() <= VALUE_CHARS { Ok(plain) } else { Err(EntryError::Invalid(name)) }
}

fn sha1(hex: &str) -> Result<String, EntryError> {
    if hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(hex.to_ascii_lowercase())
    } else {
        Err(EntryError::Invalid("hash"))
    }
}

fn time(date: Option<&str>, name: &'static str) -> Result<Option<String>, EntryError> {
    date.map(|date| dtm(date, name)).transpose()
}

fn dtm(date: &str, name: &'static str) -> Result<String, EntryError> {
    Date::parse(date).map(Date::to_dtm).ok_or(EntryError::Invalid(name))
}

fn first(concept: Option<&CodeableConcept>) -> Option<Code> {
    concept.and_then(|concept| Code::all(concept).next())
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The patient's id and what was known of him at the source, PID-3, -5, -7 and -8 (ITI TF-3 4.2.3.2.22, .23).
fn source_patient(reference: &DocumentReference) -> Option<(Option<String>, Vec<String>)> {
    let source = reference.context.source_patient_info.as_ref()?;
    let patient = contained_patient(source, reference).unwrap_or_default();
    let id = source.identifier.iter().chain(&patient.identifier).find_map(cx);
    let mut info: Vec<String> = id.iter().map(|id| format!("PID-3|{id}")).collect();
    info.extend(patient.name.first().and_then(name_components).map(|n| format!("PID-5|{n}")));
    let birth = patient.birth_date.as_deref().and_then(Date::parse);
    info.extend(
        birth.filter(|b| b.precision < Precision::Time).map(|b| format!("PID-7|{}", b.to_dtm())),
    );
    info.extend(patient.gender.as_deref().and_then(sex).map(|sex| format!("PID-8|{sex}")));
    Some((id, info))
}

fn contained_patient(source: &Reference, reference: &DocumentReference) -> Option<Patient> {
    let id = source.reference.as_deref()?.strip_prefix('#')?;
    let found = reference.contained.iter().find(|value| {
        value.get("id").and_then(|v| v.as_str()) == Some(id)
            && value.get("resourceType").and_then(|v| v.as_str()) == Some("Patient")
    })?;
    Patient::deserialize(found).ok()
}

fn cx(identifier: &Identifier) -> Option<String> {
    let authority = Oid::parse(identifier.system.as_deref()?).ok()?;
    let id = PatientId::new(identifier.value.as_deref()?.trim(), authority).ok()?;
    Some(id.to_string())
}

/// HL7 table 0001.
fn sex(gender: &str) -> Option<&'static str> {
    match gender {
        "male" => Some("M"),
        "female" => Some("F"),
        "other" => Some("O"),
        "unknown" => Some("U"),
        _ => None,
    }
}

/// Encounters, studies and other documents by identifier, as far as their kind shows (ITI TF-3 4.2.3.2.28).
fn reference_ids(reference: &DocumentReference) -> Vec<String> {
    let context = &reference.context;
    let encounters = context.encounter.iter().filter_map(|r| r.identifier.as_ref());
    let encounters = encounters.filter_map(|identifier| {
        let cx = cx(identifier)?;
        Some(format!("{cx}^urn:ihe:iti:xds:2015:encounterId"))
    });
    let related = context.related.iter().filter_map(|r| r.identifier.as_ref());
    let related = related.filter_map(|identifier| {
        let kind = match identifier.system.as_deref()? {
            "urn:dicom:uid" => "urn:ihe:iti:xds:2016:studyInstanceUID",
            "urn:ietf:rfc:3986" => "urn:ihe:iti:xds:2013:uniqueId",
            _ => return None,
        };
        let id = DocumentId::parse(identifier.value.as_deref()?).ok()?;
        Some(format!("{}^^^^{kind}", escape(id.as_str())))
    });
    encounters.chain(related).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn context() -> EntryContext {
        EntryContext {
            patient: PatientId::parse("P-1001^^^&2.999.1.3&ISO").unwrap(),
            repository: RepositoryId::parse("2.999.1.2").unwrap(),
            size: 17,
            sha1_hex: "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709".to_owned(),
        }
    }

    fn full() -> Value {
        json!({
            "resourceType": "DocumentReference",
            "contained": [{"resourceType": "Patient", "id": "p", "birthDate": "1980-02-03", "gender": "female",
                "identifier": [{"system": "urn:oid:2.999.5", "value": "77"}],
                "name": [{"family": "Doe", "given": ["Jane"]}]}],
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.1.4.1001.1"},
            "identifier": [{"use": "official", "value": "urn:uuid:0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0"}],
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9", "display": "Summary"}]},
            "category": [{"coding": [{"system": "urn:oid:2.999.1.9", "code": "REPORTS"}], "text": "Reports"}],
            "subject": {"reference": "Patient/p1001"},
            "date": "2026-01-02T03:04:05Z",
            "author": [{"display": "Dr. Roe"}],
            "authenticator": {"display": "Dr. Chief"},
            "description": "A comment",
            "securityLabel": [{"coding": [{"code": "R",
                "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"}]}],
            "content": [{
                "attachment": {"contentType": "text/xml; charset=utf-8", "language": "en", "title": "Summary",
                    "creation": "2025-05-01T10:00:00+02:00"},
                "format": {"system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "code": "urn:x"}}],
            "context": {
                "encounter": [{"identifier": {"system": "urn:oid:2.999.6", "value": "E1"}}],
                "event": [{"coding": [{"system": "http://loinc.org", "code": "T-1"}]}],
                "period": {"start": "2025-04-30", "end": "2025-05"},
                "facilityType": {"coding": [{"system": "http://snomed.info/sct", "code": "225732001"}]},
                "practiceSetting": {"coding": [{"system": "http://snomed.info/sct", "code": "408467006"}]},
                "sourcePatientInfo": {"reference": "#p"},
                "related": [{"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}}]
            }
        })
    }

    fn read(value: &Value) -> Result<Entry, EntryError> {
        Entry::from_fhir(&DocumentReference::deserialize(value).unwrap(), &context())
    }

    #[test]
    fn every_attribute_is_mapped() {
        let entry = read(&full()).unwrap();
        assert_eq!(entry.unique_id, "2.999.1.4.1001.1");
        assert_eq!(entry.entry_uuid, "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0");
        assert_eq!(entry.patient_id, "P-1001^^^&2.999.1.3&ISO");
        assert_eq!(entry.class_code.unwrap().display.as_deref(), Some("Reports"));
        assert_eq!(entry.type_code.unwrap().scheme, "2.16.840.1.113883.6.1");
        assert_eq!(entry.format_code.unwrap().scheme, "1.3.6.1.4.1.19376.1.2.3");
        assert_eq!(entry.confidentiality_codes.first().unwrap().scheme, "2.16.840.1.113883.5.25");
        assert_eq!(entry.event_codes.len(), 1);
        assert!(entry.facility_type_code.is_some() && entry.practice_setting_code.is_some());
        assert_eq!(entry.authors.len(), 1);
        assert_eq!(entry.legal_authenticator.as_deref(), Some("^Dr. Chief"));
        assert_eq!(entry.creation_time.as_deref(), Some("20250501080000"));
        assert_eq!(entry.service_start_time.as_deref(), Some("20250430"));
        assert_eq!(entry.service_stop_time.as_deref(), Some("202505"));
        assert_eq!(entry.mime_type, "text/xml");
        assert_eq!(entry.hash, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(entry.source_patient_id, "77^^^&2.999.5&ISO");
        let info = ["PID-3|77^^^&2.999.5&ISO", "PID-5|Doe^Jane", "PID-7|19800203", "PID-8|F"];
        assert_eq!(entry.source_patient_info, info);
        assert_eq!(
            entry.reference_ids,
            [
                "E1^^^&2.999.6&ISO^urn:ihe:iti:xds:2015:encounterId",
                "1.2.3^^^^urn:ihe:iti:xds:2016:studyInstanceUID"
            ]
        );
        assert_eq!(
            (entry.title.as_deref(), entry.comments.as_deref()),
            (Some("Summary"), Some("A comment"))
        );
    }

    #[test]
    fn what_is_not_stated_is_not_invented() {
        let mut bare = full();
        for element in ["identifier", "type", "category", "author", "securityLabel", "context"] {
            bare.as_object_mut().unwrap().remove(element);
        }
        bare["content"] = json!([{"attachment": {"contentType": "application/pdf"}}]);
        let entry = read(&bare).unwrap();
        assert_eq!(entry.entry_uuid, read(&bare).unwrap().entry_uuid);
        assert!(EntryUuid::parse(&entry.entry_uuid).is_ok());
        assert_eq!((entry.class_code.is_none(), entry.language_code.is_none()), (true, true));
        assert_eq!(entry.source_patient_id, entry.patient_id);
        assert_eq!(entry.creation_time.as_deref(), Some("20260102030405"));
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
        assert!(!format!("{entry:?}").contains("P-1001"));
    }

    #[test]
    fn unusable_references_are_refused_by_name() {
        for (element, value, error) in [
            ("masterIdentifier", json!(null), EntryError::Missing("masterIdentifier")),
            ("masterIdentifier", json!({"value": "a b"}), EntryError::Invalid("masterIdentifier")),
            ("status", json!(null), EntryError::Missing("status")),
            ("status", json!("entered-in-error"), EntryError::EnteredInError),
            ("subject", json!({}), EntryError::Missing("subject")),
            ("content", json!([]), EntryError::Missing("content")),
            ("content", json!([{}, {}]), EntryError::SeveralContents(2)),
            ("content", json!([{}]), EntryError::Missing("content.attachment.contentType")),
        ] {
            let mut reference = full();
            reference[element] = value;
            assert_eq!(read(&reference), Err(error), "{element}");
        }
    }

    #[test]
    fn a_root_and_extension_make_one_id() {
        let mut reference = full();
        reference["masterIdentifier"] = json!({"system": "urn:oid:2.999.1.4", "value": "abc"});
        assert_eq!(read(&reference).unwrap().unique_id, "2.999.1.4^abc");
    }
}
