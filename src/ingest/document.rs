use serde::Deserialize;

use super::attachment::{self, Source};
use super::facts::facts;
use super::parcel::Item;
use super::{Caution, Error, Settings, patient};
use crate::fhir::DocumentReference;
use crate::ids::{DocumentId, EntryUuid, PatientId};
use crate::repository::embedded::Batch;
use crate::repository::{Change, Draft, Status};
use crate::xds::{Availability, Entry, EntryContext, EntryError, Searched};

/// A document that is stored or hidden.
pub(super) struct Loaded {
    pub(super) patient: PatientId,
    /// The uniqueId, unless it is hidden.
    pub(super) unique_id: Option<String>,
    pub(super) change: Change,
    pub(super) caution: Option<Caution>,
}

/// Stores a DocumentReference as a rendered entry, and its bytes; one entered in error is hidden instead.
pub(super) fn load(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: &Item,
    source: &Source<'_>,
) -> Result<Loaded, Error> {
    let reference = DocumentReference::deserialize(&item.value).map_err(Error::Shape)?;
    let (subject, home) = patient::resolve(batch, settings, &reference.subject)?;
    if reference.status.as_deref() == Some("entered-in-error") {
        let hidden = batch.hide_document(&item.id, subject.key)?;
        let change = hidden.ok_or(Error::NothingToHide)?;
        return Ok(Loaded { patient: home, unique_id: None, change, caution: None });
    }
    let [content] = reference.content.as_slice() else {
        return Err(Error::Contents(reference.content.len()));
    };
    let blob = attachment::store(batch, &content.attachment, source)?;
    let context = EntryContext {
        patient: home.clone(),
        repository: settings.repository.clone(),
        size: blob.size(),
        sha1_hex: blob.sha1_hex(),
    };
    let entry = Entry::from_fhir(&reference, &context)?;
    let draft = Draft {
        resource_id: item.id.clone(),
        patient: subject.key,
        unique_id: DocumentId::parse(&entry.unique_id)
            .map_err(|_| EntryError::Invalid("masterIdentifier"))?,
        entry_uuid: EntryUuid::parse(&entry.entry_uuid)
            .map_err(|_| EntryError::Invalid("identifier"))?,
        status: match entry.status {
            Availability::Approved => Status::Approved,
            Availability::Deprecated => Status::Deprecated,
        },
        created: entry.creation_time.clone().unwrap_or_default(),
        mime_type: entry.mime_type.clone(),
        facts: facts(&reference, &item.name(), &entry, subject.key),
        searched: Searched::from(&entry).write().map_err(Error::Searched)?,
        rendered: entry.extrinsic_object(&settings.home),
    };
    let change = batch.put_document(&draft, &blob)?;
    let caution = (!draft.facts.labels_are_readable()).then_some(Caution::Label);
    Ok(Loaded { patient: home, unique_id: Some(entry.unique_id), change, caution })
}
