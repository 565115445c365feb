//! The AuditMessage as XML (DICOM PS3.15 A.5.1, `dicom2017c.xsd`), in one line.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;

use super::code::Code;
use super::fit::{fit, is_plain};
use super::{Event, Object, Participant, Source};
use crate::ids::Coded;
use crate::limits::AUDIT_MESSAGE_BYTES;
use crate::xml::escape_attribute;

/// Most of a query's record is base64, so it is made by the widest instructions that the processor has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64: LazyLock<base64::engine::Simd> =
    LazyLock::new(|| base64::engine::Simd::standard(base64::engine::general_purpose::PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::STANDARD as BASE64;

/// Bytes of one value: real ones have 200.
const VALUE_BYTES: usize = 400;
/// Bytes of a code, of its system, of its text: real ones have 60.
const CODE_BYTES: usize = 200;
/// Bytes of all codes of a kind: some 14 real ones, and people have one to five.
const CODES_BYTES: usize = 2 * 1024;
/// Bytes of EventOutcomeDescription without the record's id.
const DESCRIPTION_BYTES: usize = 4 * 1024;
/// Bytes of all participants: two nodes, and a user with his roles.
const PARTICIPANTS_BYTES: usize = 6 * 1024;
/// Bytes of all objects.
const OBJECTS_BYTES: usize = 35 * 512;
/// Bytes of all objects but the patient and the node that an alert is about.
pub(super) const PORTION_BYTES: usize = 15 * 1024;
/// Bytes of all details of one object.
const DETAILS_BYTES: usize = 6 * 1024;

/// Bytes of all that no sender chooses, the syslog head included.
const OWN_BYTES: usize = 2_200;

const _: () = assert!(
    OWN_BYTES + DESCRIPTION_BYTES + CODES_BYTES + PARTICIPANTS_BYTES + OBJECTS_BYTES
        <= AUDIT_MESSAGE_BYTES
);

/// Appends the message; for a named journal, gives the place where the record's number goes.
pub(super) fn write(
    out: &mut String,
    event: &Event,
    source: &Source,
    journal: Option<&str>,
) -> usize {
    let mut unlisted = Unlisted::new();
    out.push_str(r#"<?xml version="1.0" encoding="UTF-8"?><AuditMessage>"#);
    out.push_str("<EventIdentification");
    attribute(out, "EventActionCode", event.action.code());
    attribute(out, "EventDateTime", &event.at.to_string());
    attribute(out, "EventOutcomeIndicator", event.outcome.indicator.code());
    out.push('>');
    own(out, "EventID", event.id);
    if let Some(kind) = event.type_code {
        own(out, "EventTypeCode", kind);
    }
    let description_at = out.len();
    codes(out, "PurposeOfUse", &event.purposes, &mut unlisted);
    out.push_str("</EventIdentification>");
    participants(out, event, source, &mut unlisted);
    out.push_str("<AuditSourceIdentification");
    attribute(out, "AuditEnterpriseSiteID", &source.enterprise_site);
    attribute(out, "AuditSourceID", &source.id);
    out.push('>');
    // 4: application server process or thread
    let server = "Application Server Process or Thread";
    coded(out, "AuditSourceTypeCode", "4", "DCM", server);
    out.push_str("</AuditSourceIdentification>");
    objects(out, event, &mut unlisted);
    out.push_str("</AuditMessage>");
    // what had no room is known only now
    let (description, number_at) = description(&event.outcome.description, &unlisted, journal);
    out.insert_str(description_at, &description);
    description_at.saturating_add(number_at)
}

/// Bytes that an object takes in a message.
pub(super) fn length(one: &Object) -> usize {
    let mut out = String::new();
    object(&mut out, one, &mut Unlisted::new());
    out.len()
}

/// How many of what a message has no room for.
type Unlisted = BTreeMap<&'static str, usize>;

/// Writes what fits into `bytes`, in order, and counts the rest.
fn listed<T>(
    out: &mut String,
    what: &'static str,
    all: &[T],
    bytes: usize,
    unlisted: &mut Unlisted,
    write: impl Fn(&mut String, &T, &mut Unlisted),
) {
    let most = out.len().saturating_add(bytes);
    for (n, one) in all.iter().enumerate() {
        let (before, mut inner) = (out.len(), unlisted.clone());
        write(out, one, &mut inner);
        if out.len() > most {
            out.truncate(before);
            *unlisted.entry(what).or_default() += all.len() - n;
            break;
        }
        *unlisted = inner;
    }
}

fn codes(out: &mut String, element: &'static str, all: &[Coded], unlisted: &mut Unlisted) {
    listed(out, element, all, CODES_BYTES, unlisted, |out, one, _| {
        let text = one.display.as_ref().unwrap_or(&one.code);
        coded(out, element, &one.code, &one.system, text);
    });
}

fn participants(out: &mut String, event: &Event, source: &Source, unlisted: &mut Unlisted) {
    let (what, all) = ("ActiveParticipant", &event.participants);
    listed(out, what, all, PARTICIPANTS_BYTES, unlisted, |out, one, unlisted| {
        participant(out, one, source, unlisted);
    });
}

fn objects(out: &mut String, event: &Event, unlisted: &mut Unlisted) {
    listed(out, "ParticipantObject", &event.objects, OBJECTS_BYTES, unlisted, object);
}

/// Ends in the record's id, since no other field of every message is free for one; says where its number goes.
fn description(text: &str, unlisted: &Unlisted, journal: Option<&str>) -> (String, usize) {
    let mut out = String::new();
    let mut notes = Vec::new();
    if !text.is_empty() {
        notes.push(fit(text, DESCRIPTION_BYTES));
    }
    notes.extend(unlisted.iter().map(|(what, count)| format!("{count} more {what}").into()));
    notes.extend(journal.map(|journal| format!("record-id {journal}/").into()));
    if notes.is_empty() {
        return (out, 0);
    }
    out.push_str("<EventOutcomeDescription>");
    value(&mut out, &notes.join("; "));
    let number_at = out.len();
    out.push_str("</EventOutcomeDescription>");
    (out, number_at)
}

fn participant(
    out: &mut String,
    participant: &Participant,
    source: &Source,
    unlisted: &mut Unlisted,
) {
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
        own(out, "RoleIDCode", role);
    }
    codes(out, "RoleIDCode", &participant.roles, unlisted);
    out.push_str("</ActiveParticipant>");
}

fn object(out: &mut String, object: &Object, unlisted: &mut Unlisted) {
    out.push_str("<ParticipantObjectIdentification");
    if !object.id.is_empty() {
        attribute(out, "ParticipantObjectID", &object.id);
    }
    attribute(out, "ParticipantObjectTypeCode", &object.type_code.to_string());
    attribute(out, "ParticipantObjectTypeCodeRole", &object.role.to_string());
    out.push('>');
    own(out, "ParticipantObjectIDTypeCode", object.id_type);
    if let Some(name) = object.name {
        out.push_str("<ParticipantObjectName>");
        value(out, name);
        out.push_str("</ParticipantObjectName>");
    } else if let Some(query) = &object.query {
        out.push_str("<ParticipantObjectQuery>");
        BASE64.encode_string(query, out);
        out.push_str("</ParticipantObjectQuery>");
    }
    let what = "ParticipantObjectDetail";
    listed(out, what, &object.details, DETAILS_BYTES, unlisted, |out, one, _| {
        let (name, value) = one;
        out.push_str("<ParticipantObjectDetail");
        attribute(out, "type", name);
        out.push_str(" value=\"");
        BASE64.encode_string(fit(value, VALUE_BYTES).as_bytes(), out);
        out.push_str("\"/>");
    });
    out.push_str("</ParticipantObjectIdentification>");
}

/// A code of our own vocabulary.
fn own(out: &mut String, element: &str, code: Code) {
    coded(out, element, code.code, code.system, code.text);
}

fn coded(out: &mut String, element: &str, code: &str, system: &str, text: &str) {
    out.push('<');
    out.push_str(element);
    for (name, text) in [("csd-code", code), ("codeSystemName", system), ("originalText", text)] {
        cut_attribute(out, name, text, CODE_BYTES);
    }
    out.push_str("/>");
}

fn attribute(out: &mut String, name: &str, text: &str) {
    cut_attribute(out, name, text, VALUE_BYTES);
}

fn cut_attribute(out: &mut String, name: &str, text: &str, bytes: usize) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    // most texts are looked at once
    if text.len() <= bytes && is_plain(text) {
        out.push_str(text);
    } else {
        value(out, &fit(text, bytes));
    }
    out.push('"');
}

/// Escapes for attributes in text too, and what Unicode calls line ends, so that one record is one line.
fn value(out: &mut String, text: &str) {
    if is_plain(text) {
        return out.push_str(text);
    }
    if text.is_ascii() || !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return escape_attribute(out, text);
    }
    for piece in text.split_inclusive(['\u{85}', '\u{2028}', '\u{2029}']) {
        let line = piece.trim_end_matches(['\u{85}', '\u{2028}', '\u{2029}']);
        escape_attribute(out, line);
        out.push_str(if line.len() < piece.len() { " " } else { "" });
    }
}
