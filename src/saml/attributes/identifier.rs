use crate::ids::{Oid, PatientId};

use super::value::Value;

/// An identifier in one form: a bare OID, `urn:hl7ii:<root>:<extension>`, or as written.
pub(super) fn of(value: &Value) -> String {
    let element = value.elements.iter().find(|e| e.root.is_some() || e.extension.is_some());
    match element.map(|e| (e.root.as_deref(), e.extension.as_deref())) {
        Some((Some(root), Some(extension))) => instance(root, extension),
        Some((Some(root), None)) => bare(root),
        Some((None, Some(extension))) => extension.to_owned(),
        Some((None, None)) | None => text(value),
    }
}

/// Whether a value is meant for an identifier, readable or not, and no plain name.
pub(super) fn is_one(value: &Value) -> bool {
    !value.elements.is_empty() || value.text.contains(['^', '&']) || hl7ii(&value.text).is_some()
}

/// Whom a resource-id names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Patient {
    /// A patient of an assigning authority.
    Of(PatientId),
    /// Somebody, by a number that no authority is stated of.
    Unassigned,
    /// It cannot be told.
    Unreadable,
}

/// The patient of a resource-id, `id^^^&OID&ISO` in text or an II element.
pub(super) fn patient(value: &Value) -> Patient {
    let element = value.elements.iter().find(|e| e.root.is_some() || e.extension.is_some());
    match element.map(|e| (e.root.as_deref(), e.extension.as_deref())) {
        Some((Some(root), Some(extension))) => assigned(extension, root),
        Some((None, Some(extension))) => unassigned(extension),
        Some((Some(_), None) | (None, None)) => Patient::Unreadable,
        None if value.elements.is_empty() => written(&value.text),
        None => Patient::Unreadable,
    }
}

/// A CX in text: the number first, the authority fourth, a type or nothing after it.
fn written(text: &str) -> Patient {
    if let Some((root, extension)) = hl7ii(text) {
        return assigned(extension, root);
    }
    let components: Vec<&str> = text.split('^').map(str::trim).collect();
    match components.as_slice() {
        [id, "", "", authority, ..] if !authority.is_empty() => match oid(authority) {
            Some(oid) => assigned(id, oid),
            None => Patient::Unreadable,
        },
        [id, rest @ ..] if rest.iter().all(|component| component.is_empty()) => unassigned(id),
        [id, "", "", "", _type] => unassigned(id),
        _ => Patient::Unreadable,
    }
}

/// The OID among `name&OID&ISO`: Swiss senders name the authority too, others give the OID alone or in its place.
fn oid<'t>(authority: &'t str) -> Option<&'t str> {
    let parts: Vec<&'t str> = authority.split('&').map(str::trim).collect();
    match parts.as_slice() {
        [oid] | [_, oid] | [_, oid, ""] => Some(oid),
        [_, oid, kind] if kind.eq_ignore_ascii_case("ISO") => Some(oid),
        _ => None,
    }
}

fn assigned(id: &str, authority: &str) -> Patient {
    let patient = Oid::parse(authority).and_then(|oid| PatientId::new(id.trim(), oid));
    patient.map_or(Patient::Unreadable, Patient::Of)
}

/// A plain number; anything else may hold an authority that we fail to see.
fn unassigned(id: &str) -> Patient {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !id.is_empty() && id.chars().all(plain) { Patient::Unassigned } else { Patient::Unreadable }
}

fn text(value: &Value) -> String {
    if value.text.is_empty() {
        return value.raw.clone();
    }
    match hl7ii(&value.text) {
        Some((root, extension)) => instance(root, extension),
        None => bare(&value.text),
    }
}

/// Root and extension of `urn:hl7ii:<root>:<extension>`.
fn hl7ii(text: &str) -> Option<(&str, &str)> {
    let prefix = "urn:hl7ii:";
    let head = text.get(..prefix.len())?;
    let rest = text.get(prefix.len()..)?;
    head.eq_ignore_ascii_case(prefix).then(|| rest.split_once(':')).flatten()
}

fn instance(root: &str, extension: &str) -> String {
    format!("urn:hl7ii:{}:{extension}", bare(root))
}

/// Drops `urn:oid:` in front of an OID.
fn bare(text: &str) -> String {
    Oid::parse(text).map_or_else(|_| text.to_owned(), |oid| oid.to_string())
}
