use std::path::PathBuf;

use super::{Config, OpenError};
use crate::audit::{Document, Endpoint, Event, Import, Journal, Outcome};
use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::ids::PatientId;
use crate::ingest::{self, Changed, Progress, Report};
use crate::repository::embedded::Store;

/// Records written together: each has 32 KiB at most.
const PORTION: usize = 128;

impl Config {
    /// Loads resources into the store and records the load, a record a patient; works beside a running gateway.
    pub fn load(
        &self,
        paths: &[PathBuf],
        operator: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, OpenError> {
        let journal = Journal::open(self.journal.clone(), &SystemRandom)?;
        let store = Store::open(&self.repository)?;
        let from: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let import = |patient: Option<(PatientId, Changed)>, outcome| {
            let (patient, changed) = patient.unzip();
            let changed = changed.unwrap_or_default();
            Import {
                at: SystemClock.now(),
                from: from.join(" "),
                operator: operator.to_owned(),
                endpoint: Endpoint {
                    uri: self.gateway.public_url.clone(),
                    host: self.gateway.host.clone(),
                },
                patient,
                documents: changed.documents.into_iter().map(|id| self.document(id)).collect(),
                resources: changed.resources.into_iter().collect(),
                outcome,
            }
        };
        // the intent first: a load that is cut short is on record all the same
        let intent = Event::import(&import(None, Outcome::success().noting("load begins")));
        let _begun = journal.record_blocking(SystemClock.now(), &intent)?;
        let report = ingest::load(&store, &self.ingest, paths, progress);
        let patients = report.patients.clone().into_iter().map(Some).chain([None]);
        let events: Vec<Event> = patients
            .flat_map(|patient| Event::import(&import(patient, outcome(&report))))
            .collect();
        // many patients do not go into one commit
        for portion in events.chunks(PORTION) {
            let _ended = journal.record_blocking(SystemClock.now(), portion)?;
        }
        Ok(report)
    }

    /// One of our documents, as audit names it.
    fn document(&self, unique_id: String) -> Document {
        let (home, repository) = (&self.ingest.home, &self.ingest.repository);
        Document { unique_id, repository: repository.to_string(), home: Some(home.to_string()) }
    }
}

fn outcome(report: &Report) -> Outcome {
    match (&report.stopped, report.refused.len()) {
        (Some(error), _) => Outcome::major(error.to_string()),
        (None, 0) => Outcome::success().noting("load ends"),
        (None, refused) => Outcome::minor(format!("{refused} bundles or resources refused")),
    }
}
