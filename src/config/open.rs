use std::sync::Arc;

use super::{Config, Reload};
use crate::audit::delivery::Delivery;
use crate::audit::{self, Journal};
use crate::clock::{Clock, Random, SystemClock, SystemRandom};
use crate::gateway::{Gateway, Parts};
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
}

/// Why a checked configuration cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error("the document store cannot be opened: {0}")]
    Repository(#[from] repository::embedded::Error),
    /// The memory of assertions.
    #[error(transparent)]
    Replay(#[from] saml::ReplayError),
    /// The journal or a target.
    #[error(transparent)]
    Audit(#[from] audit::Error),
}

impl Config {
    /// Opens store and journal, starts delivery, and joins the gateway; needs a tokio runtime.
    pub fn open(self) -> Result<Opened, OpenError> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let repository = Arc::new(Store::open(&self.repository)?);
        let journal = Journal::open(self.journal, &*random)?;
        let delivery = Delivery::start(self.delivery, &journal, &random)?;
        let replay = Replay::open(&self.replay_memory, SystemClock.now())?;
        let gateway = Gateway::new(Parts {
            settings: self.gateway,
            terms: self.terms,
            replay,
            repository,
            journal,
            metrics: Arc::new(Metrics::new()),
            clock: Arc::new(SystemClock),
            random,
        });
        let gateway = Arc::new(gateway);
        let listening = self.server.clone();
        let reload =
            Reload::new(self.path, Arc::clone(&gateway), listening, self.fixed, self.files);
        Ok(Opened { gateway, delivery: Arc::new(delivery), server: self.server, reload })
    }
}
