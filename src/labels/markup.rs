use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::content::{ADMINISTRATIVE, Broken};

/// Elements within elements: C-CDA has some 25.
const DEPTH: usize = 128;

const HL7: &str = "urn:hl7-org:v3";
const SDTC: &str = "urn:hl7-org:sdtc";
const FHIR: &str = "http://hl7.org/fhir";

/// A coding as it stands in a document, and whether it is one of clinical data rather than of a heading.
pub(super) struct Coding<'t> {
    pub(super) system: &'t str,
    pub(super) code: &'t str,
    pub(super) is_label: bool,
    pub(super) is_clinical: bool,
    /// Whether it speaks of the whole document: in the header of CDA, on a FHIR resource or Bundle itself.
    pub(super) is_of_all: bool,
}

/// Reads a CDA document or FHIR XML as a stream, and calls for each coding.
///
/// `false` where it is neither, though what says that it is XML must have a root; what came before an error has been
/// called for.
pub(super) fn codings(
    source: impl BufRead,
    is_xml: bool,
    mut each: impl FnMut(Coding<'_>),
) -> Result<bool, Broken> {
    let mut reader = NsReader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let (mut buffer, mut open) = (Vec::new(), Vec::<Frame>::new());
    let mut known = None;
    let mut entries = 0_usize;
    loop {
        buffer.clear();
        let (namespace, event) = match reader.read_resolved_event_into(&mut buffer) {
            Ok(read) => read,
            Err(_) if known.is_none() && !is_xml => return Ok(false),
            Err(error) => return Err(Broken::Malformed(error.to_string())),
        };
        match event {
            Event::Start(start) => {
                let vocabulary = Vocabulary::of(&namespace);
                if known.is_none() {
                    let root = start.local_name();
                    // every other byte of UTF-16
                    if root.as_ref().contains('\0') {
                        return Err(Broken::Malformed("it is not in UTF-8".to_owned()));
                    }
                    match (vocabulary, root.as_ref()) {
                        (Some(Vocabulary::Cda), "ClinicalDocument")
                        | (Some(Vocabulary::Fhir), _) => known = Some(()),
                        _ => return Ok(false),
                    }
                }
                if open.len() >= DEPTH {
                    return Err(Broken::TooDeep { limit: DEPTH });
                }
                // a Composition is a document's as the resource itself or in the first entry
                let first = matches!((open.len(), entries), (1, 0) | (4, 1));
                let depth = open.len();
                let is_of_all =
                    if vocabulary == Some(Vocabulary::Cda) { depth == 1 } else { first };
                let frame = Frame::open(&start, vocabulary, is_of_all, open.last_mut(), &mut each)?;
                entries = entries.saturating_add(usize::from(depth == 1 && frame.name == "entry"));
                open.push(frame);
            }
            Event::End(_) => {
                if let Some(Frame { name, system: Some(system), code: Some(code), clinical }) =
                    open.pop()
                {
                    let is_of_all = name == "security"
                        && matches!(open.as_slice(), [_, meta] if meta.name == "meta");
                    let coding = Coding {
                        system: &system,
                        code: &code,
                        is_label: false,
                        is_clinical: clinical,
                        is_of_all,
                    };
                    each(coding);
                }
            }
            // entities could hide a code, and only web pages have an excuse
            Event::DocType(doctype) => {
                let page =
                    doctype.trim_start().get(..4).is_some_and(|n| n.eq_ignore_ascii_case("html"));
                return if page { Ok(false) } else { Err(Broken::Malformed("a DTD".to_owned())) };
            }
            Event::Eof => {
                return match known {
                    None if is_xml => Err(Broken::Malformed("it has no root".to_owned())),
                    None => Ok(false),
                    Some(()) if open.is_empty() => Ok(true),
                    Some(()) => Err(Broken::Malformed("it is cut off".to_owned())),
                };
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    Cda,
    Fhir,
}

impl Vocabulary {
    fn of(namespace: &ResolveResult<'_>) -> Option<Self> {
        match namespace {
            ResolveResult::Bound(Namespace(HL7 | SDTC)) => Some(Self::Cda),
            ResolveResult::Bound(Namespace(FHIR)) => Some(Self::Fhir),
            _ => None,
        }
    }
}

/// An open element; of FHIR, the system and code among its children.
#[derive(Default)]
struct Frame {
    name: String,
    clinical: bool,
    system: Option<String>,
    code: Option<String>,
}

impl Frame {
    fn open(
        start: &BytesStart<'_>,
        vocabulary: Option<Vocabulary>,
        is_of_all: bool,
        parent: Option<&mut Self>,
        each: &mut impl FnMut(Coding<'_>),
    ) -> Result<Self, Broken> {
        let name = start.local_name().as_ref().to_owned();
        let inside = parent.as_ref().is_some_and(|parent| parent.clinical);
        let mut frame = Self { name, clinical: inside, ..Self::default() };
        match vocabulary {
            Some(Vocabulary::Cda) => {
                frame.clinical |= frame.name == "entry";
                let (code, system) = (attribute(start, "code")?, attribute(start, "codeSystem")?);
                let is_label = frame.name == "confidentialityCode";
                if let Some(code) = code.filter(|_| is_label || system.is_some()) {
                    let system = system.unwrap_or_default();
                    each(Coding {
                        system: &system,
                        code: &code,
                        is_label,
                        is_clinical: frame.clinical,
                        is_of_all: is_of_all && is_label,
                    });
                }
            }
            Some(Vocabulary::Fhir) => {
                let holder = parent.as_ref().map_or("resource", |parent| parent.name.as_str());
                if matches!(holder, "resource" | "contained") {
                    frame.clinical = !ADMINISTRATIVE.contains(&frame.name.as_str());
                }
                // of a Composition, which has it as a bare code
                if frame.name == "confidentiality"
                    && let Some(code) = attribute(start, "value")?
                {
                    let is_of_all =
                        is_of_all && parent.as_ref().is_some_and(|p| p.name == "Composition");
                    let (system, is_label, is_clinical) = ("", true, false);
                    each(Coding { system, code: &code, is_label, is_clinical, is_of_all });
                }
                if let Some(parent) = parent {
                    match frame.name.as_str() {
                        "system" => parent.system = attribute(start, "value")?,
                        "code" => parent.code = attribute(start, "value")?,
                        _ => {}
                    }
                }
            }
            None => {}
        }
        Ok(frame)
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, Broken> {
    let mut attributes = start.attributes();
    for attribute in attributes.with_checks(false) {
        let attribute = attribute.map_err(|error| Broken::Malformed(error.to_string()))?;
        if attribute.key.as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|error| Broken::Malformed(error.to_string()))?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}
