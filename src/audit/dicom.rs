//! The AuditMessage as XML (DICOM PS3.15 A.5.1, `dicom2017c.xsd`), in one line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Event, Object, Participant, Source};
use crate::xml::escape_attribute;

/// Characters of one value: real ones have 200, and a record of 64 objects must stay below 1 MiB.
const VALUE_CHARS: usize = 1_024;
/// Characters of EventOutcomeDescription: some dozens of reasons.
const DESCRIPTION_CHARS: usize = 8_192;

/// Appends the message; for a named journal, gives the place where the record's number goes.
pub(super) fn write(
    out: &mut String,
    event: &Event,
    source: &Source,
    journal: Option<&str>,
) -> usize {
    out.push_str(r#"<?xml version="1.0" encoding="UTF-8"?><AuditMessage>"#);
    let number_at = identification(out, event, journal);
    for one in &event.participants {
        participant(out, one, source);
    }
    out.push_str("<AuditSourceIdentification");
    attribute(out, "AuditEnterpriseSiteID", &source.enterprise_site);
    attribute(out, "AuditSourceID", &source.id);
    out.push('>');
    // 4: application server process or thread
    let server = "Application Server Process or Thread";
    coded(out, "AuditSourceTypeCode", "4", "DCM", server);
    out.push_str("</AuditSourceIdentification>");
    for one in &event.objects {
        object(out, one);
    }
    out.push_str("</AuditMessage>");
    number_at
}

fn identification(out: &mut String, event: &Event, journal: Option<&str>) -> usize {
    out.push_str("<EventIdentification");
    attribute(out, "EventActionCode", event.action.code());
    attribute(out, "EventDateTime", &event.at.to_string());
    attribute(out, "EventOutcomeIndicator", event.outcome.indicator.code());
    out.push('>');
    coded(out, "EventID", event.id.code, event.id.system, event.id.text);
    if let Some(kind) = event.type_code {
        coded(out, "EventTypeCode", kind.code, kind.system, kind.text);
    }
    let number_at = description(out, &event.outcome.description, journal);
    for purpose in &event.purposes {
        let text = purpose.display.as_ref().unwrap_or(&purpose.code);
        coded(out, "PurposeOfUse", &purpose.code, &purpose.system, text);
    }
    out.push_str("</EventIdentification>");
    number_at
}

/// Ends in the record's id, since no other field of every message is free for one.
fn description(out: &mut String, text: &str, journal: Option<&str>) -> usize {
    if text.is_empty() && journal.is_none() {
        return out.len();
    }
    out.push_str("<EventOutcomeDescription>");
    value(out, text, DESCRIPTION_CHARS);
    if let Some(journal) = journal {
        out.push_str(if text.is_empty() { "record-id " } else { "; record-id " });
        out.push_str(journal);
        out.push('/');
    }
    let number_at = out.len();
    out.push_str("</EventOutcomeDescription>");
    number_at
}

fn participant(out: &mut String, participant: &Participant, source: &Source) {
    out.push_str("<ActiveParticipant");
    attribute(out, "UserID", &participant.user_id);
    if participant.gateway {
        attribute(out, "AlternativeUserID", &source.process_id.to_string());
    }
    if let Some(name) = &participant.user_name {
        attribute(out, "UserName", name);
    }
    attribute(out, "UserIsRequestor", if participant.requestor { "true" } else { "false" });
    if let Some(network) = &participant.network {
        let is_address = network.parse::<std::net::IpAddr>().is_ok();
        attribute(out, "NetworkAccessPointID", network);
        attribute(out, "NetworkAccessPointTypeCode", if is_address { "2" } else { "1" });
    }
    out.push('>');
    if let Some(role) = participant.role {
        coded(out, "RoleIDCode", role.code, role.system, role.text);
    }
    for role in &participant.roles {
        let text = role.display.as_ref().unwrap_or(&role.code);
        coded(out, "RoleIDCode", &role.code, &role.system, text);
    }
    out.push_str("</ActiveParticipant>");
}

fn object(out: &mut String, object: &Object) {
    out.push_str("<ParticipantObjectIdentification");
    if !object.id.is_empty() {
        attribute(out, "ParticipantObjectID", &object.id);
    }
    attribute(out, "ParticipantObjectTypeCode", &object.type_code.to_string());
    attribute(out, "ParticipantObjectTypeCodeRole", &object.role.to_string());
    out.push('>');
    let kind = object.id_type;
    coded(out, "ParticipantObjectIDTypeCode", kind.code, kind.system, kind.text);
    if let Some(query) = &object.query {
        out.push_str("<ParticipantObjectQuery>");
        BASE64.encode_string(query, out);
        out.push_str("</ParticipantObjectQuery>");
    }
    for (name, value) in &object.details {
        out.push_str("<ParticipantObjectDetail");
        attribute(out, "type", name);
        out.push_str(" value=\"");
        BASE64.encode_string(cut(value, VALUE_CHARS), out);
        out.push_str("\"/>");
    }
    out.push_str("</ParticipantObjectIdentification>");
}

fn coded(out: &mut String, element: &str, code: &str, system: &str, text: &str) {
    out.push('<');
    out.push_str(element);
    attribute(out, "csd-code", code);
    attribute(out, "codeSystemName", system);
    attribute(out, "originalText", text);
    out.push_str("/>");
}

fn attribute(out: &mut String, name: &str, text: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    value(out, text, VALUE_CHARS);
    out.push('"');
}

/// Escapes for attributes in text too, and what Unicode calls line ends, so that one record is one line.
fn value(out: &mut String, text: &str, longest: usize) {
    let text = cut(text, longest);
    if !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return escape_attribute(out, text);
    }
    for piece in text.split_inclusive(['\u{85}', '\u{2028}', '\u{2029}']) {
        let line = piece.trim_end_matches(['\u{85}', '\u{2028}', '\u{2029}']);
        escape_attribute(out, line);
        out.push_str(if line.len() < piece.len() { " " } else { "" });
    }
}

fn cut(text: &str, longest: usize) -> &str {
    match text.char_indices().nth(longest) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}
