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
}

/// Reads a CDA document or FHIR XML as a stream, and calls for each coding.
///
/// `false` where it is neither; what came before an error has been called for.
pub(super) fn codings(
    source: impl BufRead,
    mut each: impl FnMut(Coding<'_>),
) -> Result<bool, Broken> {
    let mut reader = NsReader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let (mut buffer, mut open) = (Vec::new(), Vec::<Frame>::new());
    let mut known = None;
    loop {
        buffer.clear();
        let (namespace, event) = match reader.read_resolved_event_into(&mut buffer) {
            Ok(read) => read,
            Err(_) if known.is_none() => return Ok(false),
            Err(error) => return Err(Broken::Malformed(error.to_string())),
        };
        match event {
            Event::Start(start) => {
                let vocabulary = Vocabulary::of(&namespace);
                if known.is_none() {
                    let root = start.local_name();
                    match (vocabulary, root.as_ref()) {
                        (Some(Vocabulary::Cda), "ClinicalDocument")
                        | (Some(Vocabulary::Fhir), _) => known = Some(()),
                        _ => return Ok(false),
                    }
                }
                if open.len() >= DEPTH {
                    return Err(Broken::TooDeep { limit: DEPTH });
                }
                let frame = Frame::open(&start, vocabulary, open.last_mut(), &mut each)?;
                open.push(frame);
            }
            Event::End(_) => {
                if let Some(Frame { system: Some(system), code: Some(code), clinical, .. }) =
                    open.pop()
                {
                    let coding = Coding {
                        system: &system,
                        code: &code,
                        is_label: false,
                        is_clinical: clinical,
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
                    each(Coding { system: "", code: &code, is_label: true, is_clinical: false });
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
