use std::path::PathBuf;

use super::{Config, OpenError};
use crate::audit::{Endpoint, Event, Import, Journal, Outcome};
use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::ingest::{self, Progress, Report};
use crate::repository::embedded::Store;

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
        let report = ingest::load(&store, &self.ingest, paths, progress);
        let now = SystemClock.now();
        let from: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let imported = |patient| Import {
            at: now,
            from: from.join(" "),
            operator: operator.to_owned(),
            endpoint: Endpoint {
                uri: self.gateway.public_url.clone(),
                host: self.gateway.host.clone(),
            },
            patient,
            documents: Vec::new(),
            resources: Vec::new(),
            outcome: outcome(&report),
        };
        let mut imports: Vec<Import> =
            report.patients.iter().cloned().map(|patient| imported(Some(patient))).collect();
        if imports.is_empty() {
            imports.push(imported(None));
        }
        let events: Vec<Event> = imports.iter().flat_map(Event::import).collect();
        let _durable = journal.record_blocking(now, &events)?;
        Ok(report)
    }
}

fn outcome(report: &Report) -> Outcome {
    match (&report.stopped, report.refused.len()) {
        (Some(error), _) => Outcome::major(error.to_string()),
        (None, 0) => Outcome::success(),
        (None, refused) => Outcome::minor(format!("{refused} bundles or resources refused")),
    }
}
