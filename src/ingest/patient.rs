use serde::Deserialize;

use super::parcel::Item;
use super::{Error, Settings, label};
use crate::consent::PatientKey;
use crate::fhir;
use crate::ids::{Oid, PatientId};
use crate::repository::embedded::Batch;
use crate::repository::{Change, Subject};

/// A patient who is stored.
pub(super) struct Loaded {
    pub(super) patient: PatientId,
    pub(super) key: PatientKey,
    pub(super) change: Change,
    /// Whether he became, or ceased to be, one for tests, which his documents say too.
    pub(super) is_marked_anew: bool,
}

/// Stores a Patient under all identifiers that have an OID, the home authority's first.
pub(super) fn load(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: &Item,
) -> Result<Loaded, Error> {
    let patient = fhir::Patient::deserialize(&item.value).map_err(Error::Shape)?;
    let mut identifiers: Vec<_> = patient.identifier.iter().filter_map(read_identifier).collect();
    let foreign = |id: &PatientId| *id.authority() != settings.patient_authority;
    // his entries carry the one that he was loaded with, and who asks by it must go on finding them
    let before = batch.patient_by_id(&item.id)?;
    let was_marked = match &before {
        Some(before) => label::is_for_tests(batch, before.key)?,
        None => false,
    };
    let known = before.and_then(|known| home_identifier(&known, settings));
    if known.as_ref().is_some_and(|known| !identifiers.contains(known)) {
        return Err(Error::HomeIdentifierGone);
    }
    identifiers.sort_by_key(|id| (foreign(id), known.as_ref() != Some(id)));
    let home = identifiers.first().filter(|id| !foreign(id)).cloned().ok_or_else(|| {
        Error::NoHomeIdentifier { authority: settings.patient_authority.to_string() }
    })?;
    let (key, change) = batch.put_patient(&item.id, &item.value.to_string(), &identifiers)?;
    let is_marked_anew = label::is_for_tests(batch, key)? != was_marked;
    Ok(Loaded { patient: home, key, change, is_marked_anew })
}

/// The stored patient whom a reference names, and his home identifier.
pub(super) fn resolve(
    batch: &Batch<'_>,
    settings: &Settings,
    reference: &fhir::Reference,
) -> Result<(Subject, PatientId), Error> {
    let local = reference.reference.as_deref().and_then(patient_reference);
    let identifier = reference.identifier.as_ref().and_then(read_identifier);
    let unknown = |name: &str| Error::UnknownPatient(name.to_owned());
    let by_reference = match local {
        Some(id) => {
            let subject = batch.patient_by_id(id)?;
            Some(subject.ok_or_else(|| unknown(&format!("Patient/{id}")))?)
        }
        None => None,
    };
    let by_identifier = match &identifier {
        Some(id) => {
            let subject = batch.patient_by_identifier(id)?;
            Some(subject.ok_or_else(|| {
                unknown(&format!("a Patient with this identifier of urn:oid:{}", id.authority()))
            })?)
        }
        None => None,
    };
    let subject = match (by_reference, by_identifier) {
        (Some(one), Some(other)) if one.key != other.key => return Err(Error::TwoPatients),
        (Some(subject), _) | (None, Some(subject)) => subject,
        (None, None) => {
            return Err(reference.reference.as_deref().map_or(Error::NoPatient, unknown));
        }
    };
    let home = home_identifier(&subject, settings).ok_or_else(|| Error::NoHomeIdentifier {
        authority: settings.patient_authority.to_string(),
    })?;
    Ok((subject, home))
}

pub(super) fn home_identifier(subject: &Subject, settings: &Settings) -> Option<PatientId> {
    subject.identifiers.iter().find(|id| *id.authority() == settings.patient_authority).cloned()
}

/// The id in `Patient/id` or `Patient/id/_history/1`.
fn patient_reference(reference: &str) -> Option<&str> {
    reference.strip_prefix("Patient/")?.split('/').next()
}

/// An identifier in a system that is an OID.
fn read_identifier(identifier: &fhir::Identifier) -> Option<PatientId> {
    let authority = Oid::parse(identifier.system.as_deref()?).ok()?;
    PatientId::new(identifier.value.as_deref()?.trim(), authority).ok()
}
