//! The transactions: each stage in order, each record durable before its answer.

mod admission;
mod binding;
mod disclosure;
mod failure;
mod failures;
mod glass;
mod iti38;
mod iti39;
mod record;
mod rehearsal;
mod reply;
mod report;
mod terms;
mod transfer;
mod visit;
mod work;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::audit::{self, Journal};
use crate::clock::{Clock, Random};
use crate::dsig;
use crate::ids::{HomeCommunityId, RepositoryId};
use crate::metrics::Metrics;
use crate::repository::Repository;
use crate::saml::{Peer, Replay};
use crate::soap::{action, wsdl};
use work::Workers;

use failures::Failures;
use terms::InForce;

pub use failure::Refused;
pub use rehearsal::{Finding, Rehearsal, rehearse};
pub use reply::{Reply, ReplyBody, Unavailable};
pub use report::Stranger;
pub use terms::{Manners, ResourceId, Terms};
pub use transfer::Transfer;

/// Who we are and how the transactions behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our community as people call it.
    pub name: String,
    /// Our community.
    pub home: HomeCommunityId,
    /// Our repository.
    pub repository: RepositoryId,
    /// Where partners reach us, `https://host:port` without a slash at its end.
    pub public_url: String,
    /// The host of that address.
    pub host: String,
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// Who we are.
    pub settings: Settings,
    /// Who may ask, and on what terms.
    pub terms: Terms,
    /// Which assertions were believed already.
    pub replay: Replay,
    /// Where documents are.
    pub repository: Arc<dyn Repository>,
    /// Where records become durable.
    pub journal: Journal,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// A responding gateway (ITI TF-1 18.1.1.2).
pub struct Gateway {
    settings: Settings,
    terms: InForce,
    signatures: dsig::Cache,
    replay: Replay,
    failures: Failures,
    repository: Arc<dyn Repository>,
    journal: Journal,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    workers: Workers,
}

/// The two transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transaction {
    /// ITI-38, Cross Gateway Query.
    Query,
    /// ITI-39, Cross Gateway Retrieve.
    Retrieve,
}

/// A request as the server received it.
#[derive(Debug)]
pub struct Arrival {
    /// The TLS client.
    pub peer: Peer,
    /// The Content-Type header.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

impl Gateway {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            settings: parts.settings,
            terms: InForce::new(parts.terms),
            signatures: dsig::Cache::new(),
            replay: parts.replay,
            failures: Failures::new(),
            repository: parts.repository,
            journal: parts.journal,
            metrics: parts.metrics,
            clock: parts.clock,
            random: parts.random,
            workers: Workers::start(),
        }
    }

    /// Answers one request, whatever it is.
    pub async fn answer(
        self: &Arc<Self>,
        transaction: Transaction,
        arrival: Arrival,
    ) -> Result<Reply, Unavailable> {
        match transaction {
            Transaction::Query => iti38::answer(self, arrival).await,
            Transaction::Retrieve => iti39::answer(self, arrival).await,
        }
    }

    /// The terms in force.
    #[must_use]
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.now()
    }

    /// The transaction's WSDL with our address in it.
    #[must_use]
    pub fn wsdl(&self, transaction: Transaction) -> String {
        let address = self.endpoint(transaction).uri;
        match transaction {
            Transaction::Query => wsdl::query(&address),
            Transaction::Retrieve => wsdl::retrieve(&address),
        }
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn endpoint(&self, transaction: Transaction) -> audit::Endpoint {
        self.settings.endpoint(transaction)
    }
}

impl Settings {
    fn endpoint(&self, transaction: Transaction) -> audit::Endpoint {
        let uri = format!("{}{}", self.public_url, transaction.path());
        audit::Endpoint { uri, host: self.host.clone() }
    }
}

impl Transaction {
    /// Where it is posted to.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Query => "/xca/query",
            Self::Retrieve => "/xca/retrieve",
        }
    }

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "ITI-38",
            Self::Retrieve => "ITI-39",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Query => action::QUERY,
            Self::Retrieve => action::RETRIEVE,
        }
    }

    const fn response_action(self) -> &'static str {
        match self {
            Self::Query => action::QUERY_RESPONSE,
            Self::Retrieve => action::RETRIEVE_RESPONSE,
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("settings", &self.settings).finish_non_exhaustive()
    }
}
