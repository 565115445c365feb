//! Labels documents anew in the background when the rules changed, and records which.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{error, info, warn};

use crate::audit::{self, Document, Endpoint, Event, Journal};
use crate::clock::Clock;
use crate::ids::PatientId;
use crate::ingest::{self, Batched, Relabelled};
use crate::metrics::Metrics;
use crate::repository::embedded::{self, Holdings, Store};

/// How long it waits after a failure, such as a full disk, until it tries again.
const PAUSE: Duration = Duration::from_secs(60);

/// How often a log is told how far it has come.
const TELLING: Duration = Duration::from_secs(60);

/// What labels documents anew: a thread of its own, which ends when this is dropped.
pub struct Relabelling {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What it works with.
#[derive(Debug)]
pub struct Renewal {
    /// Where the documents are.
    pub store: Arc<Store>,
    /// How they are labelled.
    pub settings: ingest::Settings,
    /// Where it is recorded.
    pub journal: Journal,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The gateway, as audit names it.
    pub endpoint: Endpoint,
}

/// Why it stops before its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] embedded::Error),
    #[error(transparent)]
    Audit(#[from] audit::Error),
}

impl Relabelling {
    /// Starts; what other rules labelled stays unclassified until it comes to it.
    pub fn start(renewal: Renewal) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || renewal.run(&|| !stopped.load(Ordering::SeqCst));
        let thread = thread::Builder::new().name("relabel".to_owned()).spawn(work)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Relabelling {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // a batch under way takes some milliseconds
            let _ended = thread.join();
        }
    }
}

impl fmt::Debug for Relabelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relabelling")
    }
}

impl Renewal {
    fn run(&self, goes_on: &dyn Fn() -> bool) {
        match self.store.holdings() {
            Ok(Holdings { patients, consents, documents }) => {
                info!(patients, consents, documents, "the store is open");
            }
            Err(error) => warn!(%error, "what is stored cannot be counted"),
        }
        while goes_on() {
            match self.renew(goes_on) {
                Ok(done) => return self.tell(done),
                Err(error) => {
                    error!(%error, "documents stay unclassified, trying again later");
                    thread::park_timeout(PAUSE);
                }
            }
        }
    }

    fn renew(&self, goes_on: &dyn Fn() -> bool) -> Result<Relabelled, Error> {
        let mut told = self.clock.now();
        ingest::relabel(&self.store, &self.settings, goes_on, &mut |batch: &Batched<'_>| {
            let left = i64::try_from(batch.left).unwrap_or(i64::MAX);
            self.metrics.unclassified.set(left);
            if self.clock.now().since(told) >= TELLING {
                told = self.clock.now();
                info!(left, "documents are being labelled anew");
            }
            // before it takes effect, so that nothing changes without a record
            let events = self.events(batch);
            if !events.is_empty() {
                let _recorded = self.journal.record_blocking(self.clock.now(), &events)?;
            }
            Ok::<_, Error>(())
        })
    }

    fn events(&self, batch: &Batched<'_>) -> Vec<Event> {
        let mut groups: BTreeMap<(&PatientId, &str), Vec<Document>> = BTreeMap::new();
        for renewed in batch.renewed {
            let document = Document {
                unique_id: renewed.unique_id.clone(),
                repository: self.settings.repository.to_string(),
                home: Some(self.settings.home.to_string()),
            };
            groups.entry((&renewed.patient, &renewed.from)).or_default().push(document);
        }
        let relabelled = groups.into_iter().flat_map(|((patient, from), documents)| {
            Event::relabelled(&audit::Relabelling {
                at: self.clock.now(),
                endpoint: self.endpoint.clone(),
                patient: patient.clone(),
                documents,
                from: from.to_owned(),
                to: self.settings.labeller.version().to_owned(),
            })
        });
        relabelled.collect()
    }

    fn tell(&self, done: Relabelled) {
        let Relabelled { renewed, without_source, failed } = done;
        let left = without_source.saturating_add(failed);
        self.metrics.unclassified.set(i64::try_from(left).unwrap_or(i64::MAX));
        let rules = self.settings.labeller.version();
        if renewed > 0 {
            info!(renewed, rules, "documents are labelled anew");
        }
        if without_source > 0 {
            warn!(
                documents = without_source,
                "an earlier version stored these documents, so they stay unclassified: load them again"
            );
        }
    }
}
