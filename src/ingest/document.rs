use std::io::Read;

use serde::Deserialize;
use serde_json::Value;

use super::attachment::{self, Source};
use super::facts::facts;
use super::label;
use super::parcel::Item;
use super::{Caution, Error, Settings, patient};
use crate::consent::PatientKey;
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
    pub(super) cautions: Vec<Caution>,
}

/// Stores a DocumentReference as a labelled and rendered entry, and its bytes; one entered in error is hidden instead.
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
        return Ok(Loaded { patient: home, unique_id: None, change, cautions: Vec::new() });
    }
    let [content] = reference.content.as_slice() else {
        return Err(Error::Contents(reference.content.len()));
    };
    let blob = attachment::store(batch, &content.attachment, source)?;
    let bytes = batch.read_back(&blob)?;
    let described = Described {
        id: &item.id,
        value: &without_bytes(&item.value),
        patient: subject.key,
        home: &home,
        size: blob.size(),
        sha1_hex: blob.sha1_hex(),
    };
    let (draft, cautions) = described.draft(batch, settings, bytes)?;
    let change = batch.put_document(&draft, &blob)?;
    let unique_id = Some(draft.unique_id.as_str().to_owned());
    Ok(Loaded { patient: home, unique_id, change, cautions })
}

/// A DocumentReference and what is known of its bytes: all that its entry is made of.
pub(super) struct Described<'d> {
    pub(super) id: &'d str,
    /// The resource without the bytes.
    pub(super) value: &'d Value,
    pub(super) patient: PatientKey,
    pub(super) home: &'d PatientId,
    pub(super) size: u64,
    pub(super) sha1_hex: String,
}

impl Described<'_> {
    /// Labels the document and renders its entry; gives what its labels hold against release, too.
    pub(super) fn draft(
        &self,
        batch: &Batch<'_>,
        settings: &Settings,
        bytes: impl Read,
    ) -> Result<(Draft, Vec<Caution>), Error> {
        let reference = DocumentReference::deserialize(self.value).map_err(Error::Shape)?;
        let context = EntryContext {
            patient: self.home.clone(),
            repository: settings.repository.clone(),
            size: self.size,
            sha1_hex: self.sha1_hex.clone(),
        };
        let entry = Entry::from_fhir(&reference, &context)?;
        let name = format!("DocumentReference/{}", self.id);
        let links = label::links(self.value.get("context").unwrap_or(&Value::Null));
        let labelling = label::Labelling { batch, labeller: &settings.labeller };
        let stated = label::stated(&reference);
        let evidence =
            labelling.evidence(self.patient, self.value, &links, &entry.mime_type, bytes)?;
        let labelled = settings.labeller.label(&stated, &evidence);
        let cautions = label::cautions(&stated, &evidence, &labelled);
        let entry = entry.with_labels(&labelled.shown);
        let rendered = entry.render(&settings.home);
        let mut facts = facts(&reference, &name, &entry, self.patient);
        facts.labels = labelled.labels;
        facts.unreadable_labels = labelled.unreadable;
        facts.origin = label::origin(self.value);
        let draft = Draft {
            resource_id: self.id.to_owned(),
            patient: self.patient,
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
            facts,
            searched: Searched::from(&entry).write().map_err(Error::Searched)?,
            rendered: rendered.object,
            labels: rendered.labels,
            rules: settings.labeller.version().to_owned(),
            source: self.value.to_string(),
            links,
        };
        Ok((draft, cautions))
    }
}

/// The resource as it is kept: its bytes are stored by themselves.
fn without_bytes(value: &Value) -> Value {
    let mut value = value.clone();
    let contents = value.get_mut("content").and_then(Value::as_array_mut);
    for content in contents.into_iter().flatten() {
        if let Some(attachment) = content.get_mut("attachment").and_then(Value::as_object_mut) {
            attachment.shift_remove("data");
        }
    }
    value
}
