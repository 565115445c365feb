use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::parcel::Item;
use super::report::{Place, Warning};
use super::{Caution, Error, Settings, patient};
use crate::consent::{check, is_set_aside};
use crate::fhir;
use crate::ids::PatientId;
use crate::repository::Change;
use crate::repository::embedded::Batch;

/// A consent that is stored.
pub(super) struct Loaded {
    pub(super) patient: PatientId,
    pub(super) change: Change,
    /// Why it denies more than it may seem to.
    pub(super) cautions: Vec<Caution>,
}

/// Stores a Consent as it is, but for the reference to its patient, which becomes `Patient/id`.
///
/// Only its patient must be readable: a consent that cannot be enforced is stored too, so that it denies.
pub(super) fn load(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: &Item,
) -> Result<Loaded, Error> {
    let mut value = item.value.clone();
    let named = patient_of(&value).ok_or(Error::NoPatient)?;
    let field = value.get_mut(named).ok_or(Error::NoPatient)?;
    let reference = fhir::Reference::deserialize(&*field).map_err(Error::Shape)?;
    let (subject, home) = patient::resolve(batch, settings, &reference)?;
    if let (Value::Object(field), Some(local)) = (field, subject.references.first()) {
        field.insert("reference".to_owned(), Value::String(local.clone()));
    }
    let json = value.to_string();
    let change = batch.put_consent(&item.id, subject.key, &json)?;
    Ok(Loaded { patient: home, change, cautions: cautions(&json) })
}

/// The consents of one load by their names, since of two with one name the later replaces the other.
#[derive(Default)]
pub(super) struct Twins(HashMap<String, Place>);

impl Twins {
    /// Warns of those that replace one that came before.
    pub(super) fn among(&mut self, consents: Vec<(Place, String)>) -> Vec<Warning> {
        let warning = |(at, resource): (Place, String)| {
            let before = self.0.insert(resource.clone(), at.clone())?;
            Some(Warning { at, resource, reason: Caution::Twin(before.to_string()) })
        };
        consents.into_iter().filter_map(warning).collect()
    }
}

/// The element that names the patient; R5 calls him subject.
pub(super) fn patient_of(value: &Value) -> Option<&'static str> {
    ["patient", "subject"].into_iter().find(|element| value.get(element).is_some())
}

/// What of a consent is not understood.
pub(super) fn cautions(json: &str) -> Vec<Caution> {
    match check(json) {
        Ok(_) if is_set_aside(json) => vec![Caution::SetAside],
        Ok(unread) => unread.into_iter().map(Caution::Unread).collect(),
        Err(unenforceable) => vec![Caution::Unenforceable(unenforceable)],
    }
}
