use std::collections::HashMap;

use serde_json::Value;

use super::member::patient_of;
use super::{Error, Spoiled};

/// The resources of one Bundle, or a single one, ready to be loaded in order.
pub(super) struct Parcel {
    /// Patients, then consents, then documents.
    pub(super) items: Vec<Item>,
    /// The Binary resources by id.
    pub(super) binaries: HashMap<String, Value>,
    /// The types that are not loaded.
    pub(super) ignored: Vec<String>,
}

/// One resource that is loaded.
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) id: String,
    /// The entry of a Bundle, from 1.
    pub(super) entry: Option<usize>,
    pub(super) value: Value,
}

impl Item {
    pub(super) fn name(&self) -> String {
        format!("{}/{}", kind_of(&self.value).unwrap_or_default(), self.id)
    }
}

/// The types that are loaded, in the order in which they can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Patient,
    Consent,
    /// A patient's clinical resource, kept for its codes.
    Member,
    DocumentReference,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Consent => "Consent",
            Self::Member => "Resources read for labels",
            Self::DocumentReference => "DocumentReference",
        }
    }

    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match kind_of(value)? {
            "Patient" => Self::Patient,
            "Consent" => Self::Consent,
            "DocumentReference" => Self::DocumentReference,
            _ if patient_of(value).is_some() => Self::Member,
            _ => return None,
        })
    }
}

impl Parcel {
    /// Takes a Bundle apart, gives ids to resources that have only a fullUrl, and turns references to a
    /// fullUrl into `Type/id` (FHIR R4 3.1.0.11.2).
    pub(super) fn open(value: Value) -> Result<Self, Spoiled> {
        let mut parcel = Self { items: Vec::new(), binaries: HashMap::new(), ignored: Vec::new() };
        if !is_loaded(&value)? {
            parcel.ignored.push(format!("Bundle of type {}", bundle_type(&value)));
            return Ok(parcel);
        }
        let mut names = HashMap::new();
        for (entry, full_url, value) in entries(value)? {
            let kind = kind_of(&value).ok_or(Error::NoType)?.to_owned();
            let spoil = |reason| Spoiled { entry, resource: kind.clone(), reason };
            let id = id_of(&value, full_url.as_deref());
            if let (Some(url), Some(id)) = (full_url, &id) {
                names.insert(url, format!("{kind}/{id}"));
            }
            parcel.place(entry, &kind, id, value).map_err(spoil)?;
        }
        for item in &mut parcel.items {
            rename(&mut item.value, &names);
        }
        parcel.items.sort_by_key(|item| item.kind);
        Ok(parcel)
    }

    fn place(
        &mut self,
        entry: Option<usize>,
        kind_name: &str,
        id: Option<String>,
        mut value: Value,
    ) -> Result<(), Error> {
        // what nothing can refer to belongs to nothing
        let kind = Kind::of(&value).filter(|kind| *kind != Kind::Member || id.is_some());
        if let Some(kind) = kind {
            let id = id.ok_or(Error::Id)?;
            if let Value::Object(members) = &mut value {
                members.insert("id".to_owned(), Value::String(id.clone()));
            }
            self.items.push(Item { kind, id, entry, value });
        } else if kind_name == "Binary" {
            let id = id.ok_or(Error::Id)?;
            let name = format!("Binary/{id}");
            if self.binaries.insert(id, value).is_some() {
                return Err(Error::AmbiguousBinary(name));
            }
        } else {
            self.ignored.push(kind_name.to_owned());
        }
        Ok(())
    }
}

/// The resources that a value is or has, without a look at whether they can be loaded.
pub(super) fn resources(value: &Value) -> Vec<&Value> {
    if !is_bundle(value) {
        return vec![value];
    }
    if !matches!(is_loaded(value), Ok(true)) {
        return Vec::new();
    }
    let entries = value.get("entry").and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(|entry| entry.get("resource")).collect()
}

/// The id under which a resource is loaded: its own, or the end of its fullUrl.
pub(super) fn id_of(value: &Value, full_url: Option<&str>) -> Option<String> {
    let own = value.get("id").and_then(Value::as_str);
    let id = own.or_else(|| full_url?.rsplit(['/', ':']).next())?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    let ok = (1..=64).contains(&id.len()) && id.bytes().all(allowed);
    ok.then(|| id.to_owned())
}

/// A resource's type.
pub(super) fn kind_of(value: &Value) -> Option<&str> {
    value.get("resourceType").and_then(Value::as_str)
}

fn is_bundle(value: &Value) -> bool {
    kind_of(value) == Some("Bundle")
}

fn bundle_type(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or("")
}

/// A document or message is content, not a set of records.
fn is_loaded(value: &Value) -> Result<bool, Error> {
    match bundle_type(value) {
        _ if !is_bundle(value) => Ok(true),
        "" | "transaction" | "batch" | "collection" | "searchset" => Ok(true),
        "document" | "message" => Ok(false),
        other => Err(Error::BundleType(other.to_owned())),
    }
}

/// The entry's number, its fullUrl and its resource.
type Entry = (Option<usize>, Option<String>, Value);

fn entries(mut value: Value) -> Result<Vec<Entry>, Spoiled> {
    if !is_bundle(&value) {
        return Ok(vec![(None, None, value)]);
    }
    let entries = match value.get_mut("entry").map(Value::take) {
        Some(Value::Array(entries)) => entries,
        None => Vec::new(),
        Some(_) => return Err(Error::EntryResource.into()),
    };
    let numbered = entries.into_iter().enumerate().map(|(at, mut entry)| {
        let number = Some(at + 1);
        let spoil = |reason| Spoiled { entry: number, resource: String::new(), reason };
        let method = entry.pointer("/request/method").and_then(Value::as_str).unwrap_or("PUT");
        if !matches!(method, "POST" | "PUT") {
            return Err(spoil(Error::Method(method.to_owned())));
        }
        let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
        match entry.get_mut("resource").map(Value::take) {
            Some(resource) if resource.is_object() && !is_bundle(&resource) => {
                Ok((number, full_url, resource))
            }
            _ => Err(spoil(Error::EntryResource)),
        }
    });
    numbered.collect()
}

fn rename(value: &mut Value, names: &HashMap<String, String>) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                for (key, member) in members {
                    match member {
                        Value::String(text) if key == "reference" || key == "url" => {
                            if let Some(name) = names.get(text.as_str()) {
                                text.clone_from(name);
                            }
                        }
                        other => open.push(other),
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_to_a_full_url_become_local_and_patients_come_first() {
        let uuid = "0b2b3f6e-0f55-4a3c-9d6e-0c5d1c1d1a11";
        let urn = format!("urn:uuid:{uuid}");
        let parcel = Parcel::open(
            json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                {"resource": {"resourceType": "Consent", "id": "c", "patient": {"reference": urn},
                    "provision": {"data": [{"reference": {"reference": urn}}]}}},
                {"resource": {"resourceType": "Observation"}},
                {"fullUrl": urn, "request": {"method": "POST"}, "resource": {"resourceType": "Patient"}},
            ]}),
        );
        let parcel = parcel.ok().unwrap();
        let names: Vec<_> = parcel.items.iter().map(Item::name).collect();
        assert_eq!(names, [format!("Patient/{uuid}"), "Consent/c".to_owned()]);
        let consent = &parcel.items[1].value;
        assert_eq!(consent["patient"]["reference"], names[0]);
        assert_eq!(consent["provision"]["data"][0]["reference"]["reference"], names[0]);
        assert_eq!(parcel.ignored, ["Observation"]);
    }

    #[test]
    fn what_a_bundle_cannot_hold_spoils_it() {
        let bundle = |kind: &str, entry: Value| {
            let value = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
            Parcel::open(value).err().map(|spoiled| spoiled.reason)
        };
        let patient = json!({"resource": {"resourceType": "Patient", "id": "a"}});
        assert!(bundle("collection", patient.clone()).is_none());
        assert!(matches!(bundle("history", patient), Some(Error::BundleType(_))));
        let no_id = json!({"resource": {"resourceType": "Patient", "id": "a/../b"}});
        assert!(matches!(bundle("batch", no_id), Some(Error::Id)));
        let delete = json!({"request": {"method": "DELETE", "url": "Consent/c"}});
        assert!(matches!(bundle("transaction", delete), Some(Error::Method(_))));
        let nested = json!({"resource": {"resourceType": "Bundle"}});
        assert!(matches!(bundle("batch", nested), Some(Error::EntryResource)));
    }

    #[test]
    fn a_document_bundle_is_content() {
        let value = json!({"resourceType": "Bundle", "type": "document", "entry": [
            {"resource": {"resourceType": "Patient", "id": "a"}}]});
        assert!(resources(&value).is_empty());
        let parcel = Parcel::open(value).ok().unwrap();
        assert!(parcel.items.is_empty());
        assert_eq!(parcel.ignored, ["Bundle of type document"]);
    }
}
