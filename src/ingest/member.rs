use serde::Deserialize;
use serde_json::Value;

use super::parcel::Item;
use super::{Error, Settings, label, patient};
use crate::consent::PatientKey;
use crate::fhir;
use crate::ids::PatientId;
use crate::repository::Change;
use crate::repository::embedded::Batch;

/// Keeps the codes of a resource that a document may belong to, and what it refers to: nothing else of it.
pub(super) fn load(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: &Item,
) -> Result<(PatientId, Change, PatientKey), Error> {
    let reference = patient_of(&item.value).ok_or(Error::NoPatient)?;
    let reference = fhir::Reference::deserialize(reference).map_err(Error::Shape)?;
    let (subject, home) = patient::resolve(batch, settings, &reference)?;
    let codes = label::codes_of(&item.value).to_string();
    let links = label::links(&item.value);
    let change = batch.put_member(subject.key, &item.name(), &codes, &links)?;
    Ok((home, change, subject.key))
}

/// The reference to a patient in a clinical resource.
pub(super) fn patient_of(value: &Value) -> Option<&Value> {
    let named = |name| value.get(name).filter(|reference| is_patient(reference));
    named("subject").or_else(|| named("patient"))
}

fn is_patient(reference: &Value) -> bool {
    match reference.get("reference").and_then(Value::as_str) {
        // a fullUrl is replaced later
        Some(name) => name.starts_with("Patient/") || name.starts_with("urn:uuid:"),
        None => reference.get("identifier").is_some(),
    }
}
