//! Loads FHIR R4 resources into the embedded store, so that they can be found as document entries.
//!
//! Patients come first, then consents, then what documents belong to, then documents: what a consent withholds is
//! never visible before it, and no document before its labels.

mod attachment;
mod check;
mod consent;
mod document;
mod error;
mod facts;
mod label;
mod member;
mod parcel;
mod patient;
mod relabel;
mod report;
mod survey;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::consent::PatientKey;
use crate::ids::{HomeCommunityId, Oid, RepositoryId};
use crate::labels::Labeller;
use crate::repository::Change;
use crate::repository::embedded::{Batch, Store};
use parcel::{Item, Kind, Parcel};
use survey::{Survey, Unit};

pub use check::{Checked, check_consents};
pub use error::Error;
pub use relabel::{Batched, Relabelled, Renewed, relabel};
pub use report::{Caution, Changed, Counts, Place, Refused, Report, Warning};

/// Transactions end after this many bundles or resources: one durable write for all of them.
const BATCH_UNITS: usize = 500;

/// Whose documents are loaded.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The home community that entries name.
    pub home: HomeCommunityId,
    /// The repository that holds the documents.
    pub repository: RepositoryId,
    /// The authority that every patient needs an identifier of.
    pub patient_authority: Oid,
    /// How documents are labelled.
    pub labeller: Arc<Labeller>,
}

/// How far a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bundles and single resources done.
    pub done: usize,
    /// All there are.
    pub total: usize,
}

/// Loads files and folders of resources, Bundles (`.json`) and lines of these (`.ndjson`).
///
/// A Bundle is loaded whole or not at all. What is refused spoils nothing else and is reported; only a store
/// that fails stops the load, and what was committed by then is reported too.
pub fn load(
    store: &Store,
    settings: &Settings,
    paths: &[PathBuf],
    progress: &mut dyn FnMut(Progress),
) -> Report {
    let (survey, mut report) = Survey::of(paths);
    let total = survey.units().len();
    let twins = consent::Twins::default();
    let mut loader = Loader { store, settings, survey: &survey, report: &mut report, twins };
    let mut pending = survey.units().to_vec();
    while !pending.is_empty() {
        let before = total - pending.len();
        let waiting = match loader.pass(&pending, &mut |done| {
            progress(Progress { done: before + done, total });
        }) {
            Ok(waiting) => waiting,
            Err(error) => {
                report.stopped = Some(error);
                return report;
            }
        };
        // who waits for a patient waits in vain once a whole pass brought nobody
        if waiting.len() == pending.len() {
            report.refused.extend(waiting.into_iter().map(|(_, refused)| refused));
            break;
        }
        pending = waiting.into_iter().map(|(unit, _)| unit).collect();
    }
    progress(Progress { done: total, total });
    report
}

struct Loader<'l> {
    store: &'l Store,
    settings: &'l Settings,
    survey: &'l Survey,
    report: &'l mut Report,
    twins: consent::Twins,
}

impl Loader<'_> {
    /// Loads what can be loaded; gives back what refers to a patient who is not known yet.
    fn pass(
        &mut self,
        units: &[Unit],
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<(Unit, Refused)>, Error> {
        let mut waiting = Vec::new();
        let mut count = 0;
        for chunk in units.chunks(BATCH_UNITS) {
            let mut batch = self.store.begin()?;
            let mut loaded = Report::default();
            for unit in chunk {
                match batch.attempt(|batch| self.load(batch, *unit)) {
                    Ok((part, consents)) => {
                        loaded.absorb(part);
                        loaded.warnings.extend(self.twins.among(consents));
                        count += 1;
                        done(count);
                    }
                    Err(Spoiled { reason: Error::Store(error), .. }) => return Err(error.into()),
                    Err(spoiled) => {
                        let waits = matches!(spoiled.reason, Error::UnknownPatient(_));
                        let refused = spoiled.at(self.survey.place(*unit));
                        if waits {
                            waiting.push((*unit, refused));
                        } else {
                            loaded.refused.push(refused);
                            count += 1;
                            done(count);
                        }
                    }
                }
            }
            batch.commit()?;
            self.report.absorb(loaded);
        }
        Ok(waiting)
    }

    /// Loads a unit; gives the consents in it, too.
    fn load(
        &self,
        batch: &mut Batch<'_>,
        unit: Unit,
    ) -> Result<(Report, Vec<(Place, String)>), Spoiled> {
        let parcel = Parcel::open(self.survey.read(unit)?)?;
        let (mut report, mut touched) = (Report::default(), BTreeMap::new());
        for item in &parcel.items {
            let loaded = self.load_item(batch, unit, &parcel, item, &mut touched, &mut report);
            loaded.map_err(|reason| Spoiled {
                entry: item.entry,
                resource: item.name(),
                reason,
            })?;
        }
        // documents that were there before what belongs to them
        for (patient, all) in touched {
            let items = if all { batch.documents(patient)? } else { batch.linked(patient)? };
            for item in items {
                let renewed = relabel::renew_or_unclassify(batch, self.settings, item)?;
                if let Some(renewed) = renewed {
                    let changed = report.patients.entry(renewed.patient).or_default();
                    changed.documents.insert(renewed.unique_id);
                }
            }
        }
        for kind in parcel.ignored {
            *report.ignored.entry(kind).or_default() += 1;
        }
        let consents = parcel.items.iter().filter(|item| item.kind == Kind::Consent);
        let named = |item: &Item| (self.survey.place(unit).entry(item.entry), item.name());
        Ok((report, consents.map(named).collect()))
    }

    fn load_item(
        &self,
        batch: &mut Batch<'_>,
        unit: Unit,
        parcel: &Parcel,
        item: &Item,
        touched: &mut BTreeMap<PatientKey, bool>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let mut unique_id = None;
        let (patient, change) = match item.kind {
            Kind::Patient => {
                let loaded = patient::load(batch, self.settings, item)?;
                if loaded.is_marked_anew {
                    touched.insert(loaded.key, true);
                }
                (loaded.patient, loaded.change)
            }
            Kind::Consent => {
                let loaded = consent::load(batch, self.settings, item)?;
                self.warn(unit, item, loaded.cautions, report);
                (loaded.patient, loaded.change)
            }
            Kind::Member => {
                let Some(loaded) = member::load(batch, self.settings, item)? else {
                    let kind = parcel::kind_of(&item.value).unwrap_or_default().to_owned();
                    *report.ignored.entry(kind).or_default() += 1;
                    return Ok(());
                };
                if loaded.change != Change::Unchanged {
                    touched.entry(loaded.key).or_default();
                }
                (loaded.patient, loaded.change)
            }
            Kind::DocumentReference => {
                let source = attachment::Source { parcel, survey: self.survey, unit };
                let loaded = document::load(batch, self.settings, item, &source)?;
                self.warn(unit, item, loaded.cautions, report);
                unique_id = loaded.unique_id;
                (loaded.patient, loaded.change)
            }
        };
        let changed = report.patients.entry(patient).or_default();
        match unique_id {
            _ if change == Change::Unchanged => {}
            Some(unique_id) => _ = changed.documents.insert(unique_id),
            None => _ = changed.resources.insert(item.name()),
        }
        report.counts.entry(item.kind.as_str()).or_default().add(change);
        Ok(())
    }

    fn warn(
        &self,
        unit: Unit,
        item: &Item,
        cautions: impl IntoIterator<Item = Caution>,
        report: &mut Report,
    ) {
        report.warnings.extend(cautions.into_iter().map(|reason| Warning {
            at: self.survey.place(unit).entry(item.entry),
            resource: item.name(),
            reason,
        }));
    }
}

/// A bundle or resource that is not loaded, and the first thing that is wrong with it.
struct Spoiled {
    entry: Option<usize>,
    resource: String,
    reason: Error,
}

impl Spoiled {
    fn at(self, place: Place) -> Refused {
        Refused { at: place.entry(self.entry), resource: self.resource, reason: self.reason }
    }
}

impl<E: Into<Error>> From<E> for Spoiled {
    fn from(reason: E) -> Self {
        Self { entry: None, resource: String::new(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
