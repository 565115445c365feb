use serde_json::Value;

use super::document::Described;
use super::{Error, Settings, patient};
use crate::consent::ItemKey;
use crate::ids::PatientId;
use crate::repository::Change;
use crate::repository::embedded::{Batch, Store};

/// Documents labelled again in one transaction, and their bytes: it lasts some milliseconds, and a load may wait for it.
const BATCH_DOCUMENTS: usize = 50;
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// What labelling again did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relabelled {
    /// Documents that have today's labels now.
    pub renewed: usize,
    /// Documents that an earlier version of the program stored: only loading them again gives them labels.
    pub without_source: usize,
    /// Documents that cannot be labelled, each told in the log.
    pub failed: usize,
}

/// One document that was labelled by other rules before.
#[derive(Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Whose it is.
    pub patient: PatientId,
    /// The uniqueId.
    pub unique_id: String,
    /// Its bytes.
    pub size: u64,
    /// The version of the rules before, empty where there were none.
    pub from: String,
}

/// One transaction of it, before it is committed.
#[derive(Debug)]
pub struct Batched<'b> {
    /// The documents in it.
    pub renewed: &'b [Renewed],
    /// Documents that are still to be looked at.
    pub left: usize,
}

/// Documents speak of patients, so `Debug` shows the versions alone.
impl std::fmt::Debug for Renewed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewed").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Labels all documents that other rules labelled; `record` has each batch before it is committed.
///
/// A document that cannot be labelled stays unclassified. It ends early where `goes_on` says no or `record` fails.
pub fn relabel<E: From<crate::repository::embedded::Error>>(
    store: &Store,
    settings: &Settings,
    goes_on: &dyn Fn() -> bool,
    record: &mut dyn FnMut(&Batched<'_>) -> Result<(), E>,
) -> Result<Relabelled, E> {
    let stale = {
        let batch = store.begin()?;
        batch.unclassified(settings.labeller.version())?
    };
    let (mut done, mut left) = (Relabelled::default(), stale.len());
    let mut items = stale.into_iter().peekable();
    while items.peek().is_some() && goes_on() {
        let mut batch = store.begin()?;
        let (mut renewed, mut count, mut bytes) = (Vec::new(), 0, 0_u64);
        while let Some(item) = items.next_if(|_| count < BATCH_DOCUMENTS && bytes < BATCH_BYTES) {
            (count, left) = (count + 1, left.saturating_sub(1));
            match batch.attempt(|batch| renew(batch, settings, item)) {
                Ok(Outcome::Renewed(one)) => {
                    bytes = bytes.saturating_add(one.size);
                    renewed.push(one);
                }
                Ok(Outcome::WithoutSource) => done.without_source += 1,
                Ok(Outcome::Current) => {}
                Err(Error::Store(error)) if !is_damage(&error) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(document = item.0, %error, "a document cannot be labelled");
                    done.failed += 1;
                }
            }
        }
        record(&Batched { renewed: &renewed, left })?;
        batch.commit()?;
        done.renewed += renewed.len();
    }
    Ok(done)
}

fn is_damage(error: &crate::repository::embedded::Error) -> bool {
    use crate::repository::embedded::Error as Store;
    matches!(error, Store::Damaged { .. } | Store::File { .. })
}

/// What came of one document.
pub(super) enum Outcome {
    Renewed(Renewed),
    /// Nothing is kept that it could be labelled from.
    WithoutSource,
    /// It went, or is as it should be.
    Current,
}

/// Labels one stored document anew, and gives it if that changed it; where it cannot be done, its labels count as
/// unknown.
pub(super) fn renew_or_unclassify(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: ItemKey,
) -> Result<Option<Renewed>, Error> {
    match batch.attempt(|batch| renew(batch, settings, item)) {
        Ok(Outcome::Renewed(renewed)) => return Ok(Some(renewed)),
        Ok(Outcome::Current) => {}
        Err(Error::Store(error)) if !is_damage(&error) => return Err(error.into()),
        Ok(Outcome::WithoutSource) | Err(_) => batch.unclassify(item)?,
    }
    Ok(None)
}

/// Labels one stored document anew, by its metadata, its bytes and what belongs to it.
pub(super) fn renew(
    batch: &mut Batch<'_>,
    settings: &Settings,
    item: ItemKey,
) -> Result<Outcome, Error> {
    let Some(stored) = batch.labelled(item)? else { return Ok(Outcome::Current) };
    let Some(source) = &stored.source else { return Ok(Outcome::WithoutSource) };
    let value: Value = serde_json::from_str(source).map_err(Error::Json)?;
    let home = patient::home_identifier(&stored.subject, settings).ok_or_else(|| {
        Error::NoHomeIdentifier { authority: settings.patient_authority.to_string() }
    })?;
    let Some(bytes) = batch.content(item)? else { return Ok(Outcome::Current) };
    let described = Described {
        id: &stored.resource_id,
        value: &value,
        patient: stored.subject.key,
        home: &home,
        size: stored.size,
        sha1_hex: stored.sha1_hex.clone(),
    };
    let (draft, _) = described.draft(batch, settings, bytes)?;
    if batch.relabel(item, &draft)? == Change::Unchanged {
        return Ok(Outcome::Current);
    }
    let (unique_id, size, from) = (stored.unique_id, stored.size, stored.rules);
    Ok(Outcome::Renewed(Renewed { patient: home, unique_id, size, from }))
}
