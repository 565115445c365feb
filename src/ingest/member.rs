use serde::Deserialize;
use serde_json::Value;

use super::parcel::Item;
use super::{Error, Settings, label, patient};
use crate::consent::PatientKey;
use crate::fhir;
use crate::ids::PatientId;
use crate::repository::Change;
use crate::repository::embedded::Batch;

/// A clinical resource whose codes are kept.
pub(super) struct Loaded {
    pub(super) patient: PatientId,
    pub(super) key: PatientKey,
    pub(super) change: Change,
}

/// Keeps the codes of a resource that a document may belong to, and what it refers to: nothing else of it.
///
/// Nothing where it turns out to be nobody's.
pub(super) fn load(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: &Item,
) -> Result<Option<Loaded>, Error> {
    let Some(reference) = patient_of(&item.value) else { return Ok(None) };
    let reference = fhir::Reference::deserialize(reference).map_err(Error::Shape)?;
    if reference.reference.as_deref().is_some_and(|name| name.rsplit('/').nth(1) != Some("Patient"))
    {
        return Ok(None);
    }
    let (subject, home) = patient::resolve(batch, settings, &reference)?;
    let codes = label::codes_of(&item.value).to_string();
    let links = label::links(&item.value);
    let change = batch.put_member(subject.key, &item.name(), &codes, &links)?;
    Ok(Some(Loaded { patient: home, key: subject.key, change }))
}

/// The reference to a patient in a clinical resource.
pub(super) fn patient_of(value: &Value) -> Option<&Value> {
    ["subject", "patient"].iter().filter_map(|name| value.get(name)).find(|of| is_patient(of))
}

fn is_patient(reference: &Value) -> bool {
    match reference.get("reference").and_then(Value::as_str) {
        // a fullUrl is replaced before it is loaded
        Some(name) => name.contains("Patient/") || name.starts_with("urn:uuid:"),
        None => reference.get("identifier").is_some(),
    }
}
