use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::rules::{Found, Rules};
use super::system::{CONFIDENTIALITY, canonical};
use super::vocabulary::is_label;
use super::{markup, walk};
use crate::ids::Coded;
use crate::limits;

/// Resources that say who and where, not what is wrong with a person.
pub(super) const ADMINISTRATIVE: [&str; 14] = [
    "Binary",
    "Bundle",
    "Composition",
    "Device",
    "DocumentReference",
    "Endpoint",
    "HealthcareService",
    "Location",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
    "RelatedPerson",
];

/// What the codes of a document, and of what belongs to it, lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Sensitivities that value sets find.
    pub(super) found: Found,
    /// Labels that stand inside, or on what belongs to it: of a part, which says nothing of the whole.
    pub(super) labels: Vec<Coded>,
    /// How confidential the document's own bytes say that all of it is.
    pub(super) header: Vec<Coded>,
    /// Whether the document's bytes are coded clinical data, so that what is not found is not there.
    pub(super) is_coded: bool,
    /// Why the bytes, which should be such, cannot be read.
    pub(super) broken: Option<Broken>,
    /// Whether something that it belongs to is not known, and may say more.
    pub(super) is_partial: bool,
}

/// Why a document that claims to be coded cannot be labelled by its codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not well-formed, or with a DTD.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Elements within elements without end.
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// The ceiling.
        limit: usize,
    },
    /// Too much to read.
    #[error("over {limit} bytes")]
    TooLong {
        /// The ceiling.
        limit: usize,
    },
    /// The bytes do not come.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Evidence {
    /// Why the document's bytes cannot be read for codes, although they should be coded.
    #[must_use]
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Whether something that the document belongs to is not known, although it should be.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Takes in a resource: the document's own metadata, or what belongs to it.
    pub(super) fn resource(&mut self, rules: &Rules, resource: &Value) {
        walk::codings(resource, |system, code| self.coding(rules, system, code));
    }

    /// Takes in the document's bytes, as far as they are a CDA document or FHIR.
    pub(super) fn content(&mut self, rules: &Rules, mime_type: &str, bytes: impl Read) {
        let limit = limits::LABELLED_BYTES;
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut source = BufReader::new(bytes.take(most));
        let read = match first_byte(&mut source) {
            Err(error) => Err(Broken::Unreadable(error.to_string())),
            Ok(Some(b'<')) => self.markup(rules, claims(mime_type, "xml"), &mut source),
            Ok(Some(b'{')) => self.json(rules, claims(mime_type, "json"), &mut source),
            // UTF-16, for one
            Ok(Some(_)) if claims(mime_type, "xml") || claims(mime_type, "json") => {
                Err(Broken::Malformed("it begins as neither XML nor JSON in UTF-8".to_owned()))
            }
            Ok(_) => return,
        };
        let too_long = source.get_ref().limit() == 0;
        match read {
            Ok(is_coded) if !too_long => self.is_coded |= is_coded,
            Ok(_) => self.broken = Some(Broken::TooLong { limit }),
            Err(_) if too_long => self.broken = Some(Broken::TooLong { limit }),
            Err(broken) => self.broken = Some(broken),
        }
    }

    fn markup(
        &mut self,
        rules: &Rules,
        is_xml: bool,
        source: impl BufRead,
    ) -> Result<bool, Broken> {
        let mut clinical = false;
        let known = markup::codings(source, is_xml, |coding| {
            clinical |= coding.is_clinical;
            if coding.is_label {
                // senders leave the system of a confidentialityCode out
                let system = if coding.system.is_empty() { CONFIDENTIALITY } else { coding.system };
                self.label(coding.code, system);
                self.header(coding.is_of_all, coding.code, system);
            } else {
                self.coding(rules, coding.system, coding.code);
                self.header(coding.is_of_all, coding.code, coding.system);
            }
        })?;
        Ok(known && clinical)
    }

    fn json(
        &mut self,
        rules: &Rules,
        is_json: bool,
        mut source: impl Read,
    ) -> Result<bool, Broken> {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).map_err(|error| Broken::Unreadable(error.to_string()))?;
        let value: Value = match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            // rich text begins with a brace too
            Err(_) if !is_json => return Ok(false),
            Err(error) => return Err(Broken::Malformed(error.to_string())),
        };
        if value.get("resourceType").is_none() {
            return Ok(false);
        }
        self.resource(rules, &value);
        walk::security(&value, |system, code| self.header(true, code, system));
        let mut is_coded = false;
        let first = walk::first(&value);
        for resource in walk::resources(&value) {
            if let Some(code) = walk::composition(resource) {
                self.label(code, CONFIDENTIALITY);
                self.header(
                    first.is_some_and(|f| std::ptr::eq(f, resource)),
                    code,
                    CONFIDENTIALITY,
                );
            }
            let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
            if !ADMINISTRATIVE.contains(&kind) {
                resource.values().for_each(|v| walk::codings(v, |_, _| is_coded = true));
            }
        }
        Ok(is_coded)
    }

    fn coding(&mut self, rules: &Rules, system: &str, code: &str) {
        let known = canonical(system.trim());
        self.found.add(rules.find(known, code));
        if is_label(known, code) {
            self.label(code, system);
        }
    }

    /// Notes a confidentiality of the whole document, if it is one.
    fn header(&mut self, is_of_all: bool, code: &str, system: &str) {
        if is_of_all && canonical(system.trim()) == CONFIDENTIALITY {
            self.header.push(Coded::new(code, system));
        }
    }

    fn label(&mut self, code: &str, system: &str) {
        let label = Coded::new(code, system);
        if !self.labels.contains(&label) {
            self.labels.push(label);
        }
    }
}

/// Whether a MIME type says that the bytes are of this syntax, such as `application/fhir+xml`.
fn claims(mime_type: &str, syntax: &str) -> bool {
    let essence = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let before = essence.strip_suffix(syntax);
    before.is_some_and(|before| before.ends_with(['/', '+']))
}

/// The first byte that is no white space and no byte order mark; it stays in the reader.
fn first_byte(source: &mut impl BufRead) -> std::io::Result<Option<u8>> {
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let blank = |b: &u8| b.is_ascii_whitespace() || matches!(b, 0xef | 0xbb | 0xbf);
        match buffer.iter().position(|b| !blank(b)) {
            Some(at) => {
                let first = buffer.get(at).copied();
                source.consume(at);
                return Ok(first);
            }
            None => {
                let all = buffer.len();
                source.consume(all);
            }
        }
    }
}
