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

/// The patient of a resource-id, `id^^^&OID&ISO` in text or an II element.
pub(super) fn patient(value: &Value) -> Option<PatientId> {
    let element =
        value.elements.iter().find_map(|e| Some((e.root.as_deref()?, e.extension.as_deref()?)));
    if let Some((root, extension)) = element {
        return PatientId::new(extension, Oid::parse(root).ok()?).ok();
    }
    let (id, assigner) = value.text.split_once("^^^")?;
    // Swiss senders name the authority too: `id^^^SPID&OID&ISO`; an identifier type may follow
    let mut parts = assigner.split('^').next()?.split('&');
    let (_name, oid, kind, more) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
    if kind != "ISO" || more.is_some() {
        return None;
    }
    PatientId::new(id.trim(), Oid::parse(oid).ok()?).ok()
}

fn text(value: &Value) -> String {
    if value.text.is_empty() {
        return value.raw.clone();
    }
    let prefix = "urn:hl7ii:";
    match value.text.get(..prefix.len()) {
        Some(head) if head.eq_ignore_ascii_case(prefix) => {
            let rest = value.text.get(prefix.len()..).unwrap_or_default();
            rest.split_once(':').map_or_else(|| value.text.clone(), |(r, e)| instance(r, e))
        }
        _ => bare(&value.text),
    }
}

fn instance(root: &str, extension: &str) -> String {
    format!("urn:hl7ii:{}:{extension}", bare(root))
}

/// Drops `urn:oid:` in front of an OID.
fn bare(text: &str) -> String {
    Oid::parse(text).map_or_else(|_| text.to_owned(), |oid| oid.to_string())
}
