use std::path::PathBuf;
use std::sync::Arc;

use super::{Config, Reload};
use crate::audit::delivery::Delivery;
use crate::audit::review::{self, Reviews};
use crate::audit::{self, Endpoint, Journal};
use crate::clock::{Clock, Random, SystemClock, SystemRandom};
use crate::gateway::{Gateway, Parts, Relabelling, Renewal};
use crate::metrics::Metrics;
use crate::repository;
use crate::repository::embedded::Store;
use crate::saml::{self, Replay};
use crate::server;

/// A gateway with everything behind it, ready to be served.
#[derive(Debug)]
pub struct Opened {
    /// Answers.
    pub gateway: Arc<Gateway>,
    /// Sends audit records.
    pub delivery: Arc<Delivery>,
    /// Where to listen.
    pub server: server::Settings,
    /// Reads the settings anew.
    pub reload: Reload,
    /// What labels documents anew; it ends when this is dropped.
    pub relabelling: Relabelling,
}

/// Why a checked configuration cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process serves from it.
    #[error("another glassgate serves from {path}; stop it, or give this one its own `{key}`")]
    Claimed {
        /// The folder of the store or of the journal.
        path: PathBuf,
        /// The setting that names it.
        key: &'static str,
    },
    /// Nobody can tell whether another does.
    #[error(
        "{path} cannot be claimed for serving: {source}; `{key}` names a folder that this user may make and write"
    )]
    Claim {
        /// The folder of the store or of the journal.
        path: PathBuf,
        /// The setting that names it.
        key: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store.
    #[error("the document store cannot be opened: {0}")]
    Repository(#[from] repository::embedded::Error),
    /// The memory of assertions.
    #[error(transparent)]
    Replay(#[from] saml::ReplayError),
    /// The thread that labels documents.
    #[error("no thread for labelling: {0}")]
    Thread(#[source] std::io::Error),
    /// The journal or a target.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The review items.
    #[error(transparent)]
    Reviews(#[from] review::Error),
}

impl Config {
    /// Opens store and journal, starts delivery, and joins the gateway; needs a tokio runtime.
    pub fn open(self) -> Result<Opened, OpenError> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let repository = Arc::new(Store::open(&self.repository)?);
        let journal = Journal::open(self.journal, &*random)?;
        let delivery = Delivery::start(self.delivery, &journal, &random)?;
        let replay = Replay::open(&self.replay_memory, SystemClock.now())?;
        let (metrics, clock) = (Arc::new(Metrics::new()), Arc::new(SystemClock));
        let endpoint =
            Endpoint { uri: self.gateway.public_url.clone(), host: self.gateway.host.clone() };
        let relabelling = Relabelling::start(Renewal {
            store: Arc::clone(&repository),
            settings: self.ingest,
            journal: journal.clone(),
            metrics: Arc::clone(&metrics),
            clock: Arc::<SystemClock>::clone(&clock),
            endpoint,
        })
        .map_err(OpenError::Thread)?;
        let gateway = Gateway::new(Parts {
            settings: self.gateway,
            terms: self.terms,
            replay,
            rates: self.rates,
            reviews: Reviews::open(&self.reviews)?,
            repository,
            journal,
            metrics,
            clock,
            random,
        });
        let gateway = Arc::new(gateway);
        gateway.look_after_reviews();
        let listening = self.server.clone();
        let reload =
            Reload::new(self.path, Arc::clone(&gateway), listening, self.fixed, self.files);
        Ok(Opened {
            gateway,
            delivery: Arc::new(delivery),
            server: self.server,
            reload,
            relabelling,
        })
    }
}
