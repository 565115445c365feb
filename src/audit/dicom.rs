//! The AuditMessage as XML (DICOM PS3.15 A.5.1, `dicom2017c.xsd`), in one line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Event, Object, Participant, Source};
use crate::limits::AUDIT_MESSAGE_BYTES;
use crate::xml::escape_attribute;

/// Bytes of a value and items of a list: real values have 200, and the last pair makes every message fit.
const CUTS: [Cut; 6] = [
    Cut { bytes: 1_024, items: usize::MAX },
    Cut { bytes: 512, items: 64 },
    Cut { bytes: 256, items: 32 },
    Cut { bytes: 128, items: 16 },
    Cut { bytes: 64, items: 8 },
    Cut { bytes: 40, items: 2 },
];
/// EventOutcomeDescription, in values: some dozens of reasons.
const DESCRIPTION: usize = 8;
/// ParticipantObjectQuery, in values.
const QUERY: usize = 24;
/// Digits of the largest record number, which is put in later.
const NUMBER_BYTES: usize = 20;

/// Appends the message; for a named journal, gives the place where the record's number goes.
///
/// With what stands before it, it keeps to `AUDIT_MESSAGE_BYTES`; where that costs more than the first cut, it says so.
pub(super) fn write(
    out: &mut String,
    event: &Event,
    source: &Source,
    journal: Option<&str>,
) -> usize {
    let (start, mut number_at) = (out.len(), 0);
    for cut in &CUTS {
        out.truncate(start);
        number_at = Writer { out: &mut *out, cut }.message(event, source, journal);
        if out.len() + NUMBER_BYTES <= AUDIT_MESSAGE_BYTES {
            break;
        }
    }
    number_at
}

struct Cut {
    bytes: usize,
    items: usize,
}

struct Writer<'a> {
    out: &'a mut String,
    cut: &'a Cut,
}

impl Writer<'_> {
    fn message(&mut self, event: &Event, source: &Source, journal: Option<&str>) -> usize {
        self.out.push_str(r#"<?xml version="1.0" encoding="UTF-8"?><AuditMessage>"#);
        let number_at = self.identification(event, journal);
        for one in &event.participants {
            self.participant(one, source);
        }
        self.out.push_str("<AuditSourceIdentification");
        self.attribute("AuditEnterpriseSiteID", &source.enterprise_site);
        self.attribute("AuditSourceID", &source.id);
        self.out.push('>');
        // 4: application server process or thread
        let server = "Application Server Process or Thread";
        self.coded("AuditSourceTypeCode", "4", "DCM", server);
        self.out.push_str("</AuditSourceIdentification>");
        for one in &event.objects {
            self.object(one);
        }
        self.out.push_str("</AuditMessage>");
        number_at
    }

    fn identification(&mut self, event: &Event, journal: Option<&str>) -> usize {
        self.out.push_str("<EventIdentification");
        self.attribute("EventActionCode", event.action.code());
        self.attribute("EventDateTime", &event.at.to_string());
        self.attribute("EventOutcomeIndicator", event.outcome.indicator.code());
        self.out.push('>');
        self.coded("EventID", event.id.code, event.id.system, event.id.text);
        if let Some(kind) = event.type_code {
            self.coded("EventTypeCode", kind.code, kind.system, kind.text);
        }
        let number_at = self.description(&event.outcome.description, journal);
        for purpose in event.purposes.iter().take(self.cut.items) {
            let text = purpose.display.as_ref().unwrap_or(&purpose.code);
            self.coded("PurposeOfUse", &purpose.code, &purpose.system, text);
        }
        self.out.push_str("</EventIdentification>");
        number_at
    }

    /// Ends in the record's id, since no other field of every message is free for one.
    fn description(&mut self, text: &str, journal: Option<&str>) -> usize {
        let bytes = self.cut.bytes;
        let shortened = CUTS.first().is_some_and(|whole| bytes < whole.bytes);
        if text.is_empty() && journal.is_none() && !shortened {
            return self.out.len();
        }
        self.out.push_str("<EventOutcomeDescription>");
        self.value(text, DESCRIPTION * bytes);
        let mut between = if text.is_empty() { "" } else { "; " };
        if shortened {
            self.out.push_str(&format!("{between}values cut to {bytes} bytes"));
            between = "; ";
        }
        if let Some(journal) = journal {
            self.out.push_str(&format!("{between}record-id {journal}/"));
        }
        let number_at = self.out.len();
        self.out.push_str("</EventOutcomeDescription>");
        number_at
    }

    fn participant(&mut self, participant: &Participant, source: &Source) {
        self.out.push_str("<ActiveParticipant");
        self.attribute("UserID", &participant.user_id);
        if participant.gateway {
            self.attribute("AlternativeUserID", &source.process_id.to_string());
        }
        if let Some(name) = &participant.user_name {
            self.attribute("UserName", name);
        }
        self.attribute("UserIsRequestor", if participant.requestor { "true" } else { "false" });
        if let Some(network) = &participant.network {
            let is_address = network.parse::<std::net::IpAddr>().is_ok();
            self.attribute("NetworkAccessPointID", network);
            self.attribute("NetworkAccessPointTypeCode", if is_address { "2" } else { "1" });
        }
        self.out.push('>');
        if let Some(role) = participant.role {
            self.coded("RoleIDCode", role.code, role.system, role.text);
        }
        for role in participant.roles.iter().take(self.cut.items) {
            let text = role.display.as_ref().unwrap_or(&role.code);
            self.coded("RoleIDCode", &role.code, &role.system, text);
        }
        self.out.push_str("</ActiveParticipant>");
    }

    fn object(&mut self, object: &Object) {
        self.out.push_str("<ParticipantObjectIdentification");
        if !object.id.is_empty() {
            self.attribute("ParticipantObjectID", &object.id);
        }
        self.attribute("ParticipantObjectTypeCode", &object.type_code.to_string());
        self.attribute("ParticipantObjectTypeCodeRole", &object.role.to_string());
        self.out.push('>');
        let kind = object.id_type;
        self.coded("ParticipantObjectIDTypeCode", kind.code, kind.system, kind.text);
        if let Some(query) = &object.query {
            self.out.push_str("<ParticipantObjectQuery>");
            BASE64.encode_string(fitting(query, QUERY * self.cut.bytes, char::len_utf8), self.out);
            self.out.push_str("</ParticipantObjectQuery>");
        }
        for (name, value) in object.details.iter().take(self.cut.items) {
            self.out.push_str("<ParticipantObjectDetail");
            self.attribute("type", name);
            self.out.push_str(" value=\"");
            BASE64.encode_string(fitting(value, self.cut.bytes, char::len_utf8), self.out);
            self.out.push_str("\"/>");
        }
        self.out.push_str("</ParticipantObjectIdentification>");
    }

    fn coded(&mut self, element: &str, code: &str, system: &str, text: &str) {
        self.out.push('<');
        self.out.push_str(element);
        self.attribute("csd-code", code);
        self.attribute("codeSystemName", system);
        self.attribute("originalText", text);
        self.out.push_str("/>");
    }

    fn attribute(&mut self, name: &str, text: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.value(text, self.cut.bytes);
        self.out.push('"');
    }

    /// Escapes for attributes in text too, and what Unicode calls line ends, so that one record is one line.
    fn value(&mut self, text: &str, longest: usize) {
        let text = fitting(text, longest, escaped_bytes);
        if !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
            return escape_attribute(self.out, text);
        }
        for piece in text.split_inclusive(['\u{85}', '\u{2028}', '\u{2029}']) {
            let line = piece.trim_end_matches(['\u{85}', '\u{2028}', '\u{2029}']);
            escape_attribute(self.out, line);
            self.out.push_str(if line.len() < piece.len() { " " } else { "" });
        }
    }
}

/// As much of the text as fits.
fn fitting(text: &str, longest: usize, bytes: fn(char) -> usize) -> &str {
    let mut sum = 0;
    let mut over = |c| {
        sum += bytes(c);
        sum > longest
    };
    let end = text.char_indices().find_map(|(at, c)| over(c).then_some(at));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Bytes of a character once it is escaped, at most.
fn escaped_bytes(c: char) -> usize {
    match c {
        '"' | '&' | '<' | '>' | '\n' | '\r' | '\t' => "&quot;".len(),
        c if c.is_control() => char::REPLACEMENT_CHARACTER.len_utf8(),
        c => c.len_utf8(),
    }
}
