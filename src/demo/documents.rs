//! Which documents every patient has, as FHIR R4 DocumentReferences with their bytes beside them.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::{Sha1, sha1};
use serde_json::{Value, json};

use super::error::Error;
use super::files::{self, Readers};
use super::papers::Paper;
use super::people::{PATIENTS, Patient};
use super::sheets::{
    Code, DISCHARGE, Form, HIV, IMAGING, LABORATORY, Label, PATIENT_SUMMARY, PROGRESS, PSYCHIATRY,
    REFERRAL, SUMMARY, Sheet,
};
use super::world::document_id;
use crate::clock::Timestamp;

/// Writes every patient's documents, each file unless it is there.
pub(super) fn write(directory: &Path) -> Result<(), Error> {
    for patient in PATIENTS {
        if patient.number == MANY {
            write_many(directory, patient)?;
            continue;
        }
        for (n, (sheet, created)) in (1..).zip(shelf(patient.number)) {
            let paper = Paper {
                sheet,
                patient,
                id: document_id(patient.number, n),
                created: (*created).to_owned(),
            };
            write_one(&directory.join(format!("p{}", patient.number)), n, &paper)?;
        }
    }
    Ok(())
}

/// The unique ids of a patient's documents, and whether each is labelled R.
pub(super) fn shelved(patient: u32) -> Vec<(String, bool)> {
    let restricted = |sheet: &Sheet| matches!(sheet.label, Label::Restricted(_));
    (1..)
        .zip(shelf(patient))
        .map(|(n, (sheet, _))| (document_id(patient, n), restricted(sheet)))
        .collect()
}

/// The patient with 500 documents.
const MANY: u32 = 1005;
const HOW_MANY: u32 = 500;

type Shelf = &'static [(&'static Sheet, &'static str)];

fn shelf(patient: u32) -> Shelf {
    match patient {
        1001 => &[
            (&SUMMARY, "2024-03-05T08:15:00Z"),
            (&LABORATORY, "2024-09-17T10:40:00Z"),
            (&PROGRESS, "2025-02-11T14:05:00Z"),
            (&PATIENT_SUMMARY, "2025-10-01T07:30:00Z"),
            (&IMAGING, "2026-01-20T16:50:00Z"),
        ],
        1002 => &[
            (&DISCHARGE, "2024-01-24T11:00:00Z"),
            (&LABORATORY, "2024-06-03T09:20:00Z"),
            (&PROGRESS, "2024-11-28T15:45:00Z"),
            (&PATIENT_SUMMARY, "2025-04-15T08:00:00Z"),
            (&PSYCHIATRY, "2025-08-19T13:10:00Z"),
            (&HIV, "2026-02-09T10:25:00Z"),
        ],
        1003 => &[
            (&DISCHARGE, "2024-02-13T12:30:00Z"),
            (&LABORATORY, "2024-07-22T08:55:00Z"),
            (&PROGRESS, "2025-01-08T16:20:00Z"),
            (&PATIENT_SUMMARY, "2025-06-30T09:15:00Z"),
            (&PSYCHIATRY, "2025-12-04T11:40:00Z"),
            (&HIV, "2026-05-18T14:35:00Z"),
        ],
        1004 => &[
            (&SUMMARY, "2024-04-09T10:10:00Z"),
            (&LABORATORY, "2025-03-26T09:05:00Z"),
            (&REFERRAL, "2026-06-15T13:55:00Z"),
        ],
        _ => &[],
    }
}

fn write_one(folder: &Path, n: u32, paper: &Paper<'_>) -> Result<(), Error> {
    let url = format!("documents/{n}.{}", paper.sheet.form.extension());
    let (content, resource) = (folder.join(&url), folder.join(format!("{n}.json")));
    if content.exists() && resource.exists() {
        return Ok(());
    }
    let mut measured = Measured::default();
    files::stream(&content, Readers::All, |out| {
        let mut tee = Tee { out, measured: &mut measured };
        paper.write(&mut tee)
    })?;
    let (size, hash) = measured.finish();
    let mut attachment = attachment(paper, size, &hash);
    if let Some(fields) = attachment.as_object_mut() {
        fields.insert("url".to_owned(), url.into());
    }
    let reference = reference(paper, &attachment);
    files::write(&resource, format!("{reference:#}\n").as_bytes(), Readers::All)
}

/// One line a document, bytes inline, spread evenly over the two and a half years.
fn write_many(directory: &Path, patient: &Patient) -> Result<(), Error> {
    let path = directory.join(format!("p{}.ndjson", patient.number));
    if path.exists() {
        return Ok(());
    }
    files::stream(&path, Readers::All, |out| {
        let sheets = [&PROGRESS, &LABORATORY, &SUMMARY, &PROGRESS, &REFERRAL];
        for (n, sheet) in (1..=HOW_MANY).zip(sheets.into_iter().cycle()) {
            let created = moment_of_many(n);
            let paper = Paper { sheet, patient, id: document_id(patient.number, n), created };
            let mut bytes = Vec::new();
            paper.write(&mut bytes)?;
            let mut attachment = attachment(&paper, bytes.len() as u64, &sha1(&bytes));
            if let Some(fields) = attachment.as_object_mut() {
                fields.insert("data".to_owned(), STANDARD.encode(&bytes).into());
            }
            writeln!(out, "{}", reference(&paper, &attachment))?;
        }
        Ok(())
    })
}

/// Every 43 hours from 2 January 2024 on; number 500 falls into June 2026.
fn moment_of_many(n: u32) -> String {
    const START_SECONDS: i64 = 1_704_186_000;
    let at = Timestamp::from_micros((START_SECONDS + i64::from(n) * 43 * 3_600) * 1_000_000);
    at.to_string().replace(".000000Z", "Z")
}

/// The metadata as IHE MHD maps them to a DocumentEntry (ITI.MHD, 32_fhir_maps).
fn reference(paper: &Paper<'_>, attachment: &Value) -> Value {
    let (sheet, patient) = (paper.sheet, paper.patient);
    let day = paper.created.split('T').next().unwrap_or_default();
    let subject = json!({"reference": format!("Patient/p{}", patient.number)});
    let mut source = patient.resource();
    if let Some(fields) = source.as_object_mut() {
        fields.insert("id".to_owned(), "source".into());
    }
    json!({
        "resourceType": "DocumentReference",
        "id": format!("d{}", paper.id.trim_start_matches("2.999.1.4.").replace('.', "-")),
        "contained": [author(), organization(), source],
        "masterIdentifier": {
            "use": "usual",
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:oid:{}", paper.id),
        },
        "identifier": [{
            "use": "official",
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:uuid:{}", entry_uuid(&paper.id)),
        }],
        "status": "current",
        "type": concept(LOINC, sheet.kind),
        "category": [concept(LOINC, sheet.class)],
        "subject": subject,
        "date": paper.created,
        "author": [{"reference": "#author"}, {"reference": "#organization"}],
        "description": sheet.title,
        "securityLabel": labels(sheet.label),
        "content": [{"attachment": attachment, "format": format(sheet.form)}],
        "context": {
            "period": {"start": day, "end": paper.created},
            "facilityType": concept(SNOMED, Code("22232009", "Hospital")),
            "practiceSetting": concept(SNOMED, sheet.setting),
            "sourcePatientInfo": {
                "reference": "#source",
                "identifier": patient.identifier(),
            },
        },
    })
}

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";

fn attachment(paper: &Paper<'_>, size: u64, hash: &[u8]) -> Value {
    json!({
        "contentType": paper.sheet.form.mime_type(),
        "language": "en-US",
        "size": size,
        "hash": STANDARD.encode(hash),
        "title": paper.sheet.title,
        "creation": paper.created,
    })
}

/// The IHE format code; where the MIME type says all, the code says so (ITI TF-3 4.2.3.2.9).
fn format(form: Form) -> Value {
    let Code(code, display) = match form {
        Form::Ccda => Code("urn:hl7-org:sdwg:ccda-structuredBody:2.1", "C-CDA 2.1 structured body"),
        _ => Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "MIME type sufficient"),
    };
    let system = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode";
    json!({"system": system, "code": code, "display": display})
}

fn labels(label: Label) -> Value {
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    match label {
        Label::Normal => json!([concept(confidentiality, Code("N", "normal"))]),
        Label::Restricted(reason) => json!([
            concept(confidentiality, Code("R", "restricted")),
            concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", reason),
        ]),
    }
}

fn concept(system: &str, Code(code, display): Code) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}

fn author() -> Value {
    json!({
        "resourceType": "Practitioner",
        "id": "author",
        "identifier": [{"system": "urn:oid:2.999.1.6", "value": "D-17"}],
        "name": [{"text": "Dr. Elin Vogel", "family": "Vogel", "given": ["Elin"], "prefix": ["Dr."]}],
    })
}

fn organization() -> Value {
    json!({
        "resourceType": "Organization",
        "id": "organization",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": super::world::HOME}],
        "name": "Lakeside Hospital",
    })
}

/// The name-based UUID of a document's OID (RFC 9562 5.5, namespace OID).
fn entry_uuid(oid: &str) -> String {
    const OID_NAMESPACE: u128 = 0x6ba7_b812_9dad_11d1_80b4_00c0_4fd4_30c8;
    let mut hash = Sha1::new();
    hash.update(&OID_NAMESPACE.to_be_bytes());
    hash.update(oid.as_bytes());
    let digest = hash.finish();
    let mut number = digest.iter().take(16).fold(0_u128, |number, b| number << 8 | u128::from(*b));
    number = number & !(0xf << 76) | (5 << 76);
    number = number & !(0b11 << 62) | (0b10 << 62);
    let hex = format!("{number:032x}");
    let mut uuid = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    uuid
}

/// Size and SHA-1 of what passes.
struct Measured {
    size: u64,
    hash: Sha1,
}

impl Default for Measured {
    fn default() -> Self {
        Self { size: 0, hash: Sha1::new() }
    }
}

impl Measured {
    fn finish(self) -> (u64, [u8; 20]) {
        (self.size, self.hash.finish())
    }
}

struct Tee<'a> {
    out: &'a mut dyn Write,
    measured: &'a mut Measured,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.measured.hash.update(bytes);
        self.measured.size = self.measured.size.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_uuids_are_name_based() {
        // checked with Python: uuid.uuid5(uuid.NAMESPACE_OID, "2.999.1.4.1001.1")
        assert_eq!(entry_uuid("2.999.1.4.1001.1"), "9d6e8e83-3deb-508d-9bfd-f515a9ae2331");
    }

    #[test]
    fn many_documents_stay_within_the_worlds_years() {
        assert_eq!(moment_of_many(1), "2024-01-04T04:00:00Z");
        assert!(moment_of_many(HOW_MANY).as_str() < "2026-07-01");
    }
}
