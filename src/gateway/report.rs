//! What happens to the gateway itself: start, stop, failed handshakes, health.

use std::net::IpAddr;
use std::sync::Arc;

use tracing::{error, info};

use super::terms::Terms;
use super::{Gateway, Transaction};
use crate::audit::{self, Endpoint, Event, NodeFailure, Outcome, Room};
use crate::metrics::ReloadLabels;

/// A TLS client that was not believed.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Where it came from.
    pub address: IpAddr,
    /// The true reason.
    pub reason: String,
    /// The subject of the certificate that was not believed, where one was shown.
    pub subject: Option<String>,
    /// Earlier failures of this address that are not recorded.
    pub unrecorded: u64,
    /// Earlier failures of other addresses that are not recorded.
    pub elsewhere: u64,
}

impl Gateway {
    /// Records that the gateway started.
    pub async fn report_start(&self) {
        let mut event = Event::application_start(self.clock.now(), &self.program());
        if let Some(dangers) = self.terms().dangers() {
            event.outcome = event.outcome.noting(&dangers);
        }
        self.report(&[event]).await;
        let (partners, issuers) = {
            let terms = self.terms();
            let settings = terms.trust.settings();
            (settings.partners.len(), settings.issuers.len())
        };
        let (community, url) = (&self.settings.name, &self.settings.public_url);
        info!(community, url, partners, issuers, "ready");
    }

    /// Records that the gateway stopped, and how many failed handshakes no record told of.
    pub async fn report_stop(&self, unrecorded: u64) {
        let mut event = Event::application_stop(self.clock.now(), &self.program());
        if unrecorded > 0 {
            let note = format!("{unrecorded} failed TLS handshakes are not recorded");
            event.outcome = event.outcome.noting(&note);
        }
        self.report(&[event]).await;
        info!("stopped");
    }

    /// Puts other terms in force, for requests that begin from now on, and records it.
    pub async fn adopt(&self, terms: Terms, told: &str) {
        let outcome = Outcome::success().noting(told);
        let outcome = match terms.dangers() {
            Some(dangers) => outcome.noting(&dangers),
            None => outcome,
        };
        self.terms.replace(terms);
        self.reread(outcome, "adopted").await;
    }

    /// Records that other terms could not be read, so that the former stay in force.
    pub async fn keep(&self, told: &str) {
        self.reread(Outcome::minor(told), "refused").await;
    }

    async fn reread(&self, outcome: Outcome, what: &'static str) {
        self.metrics.reloads.get_or_create(&ReloadLabels { outcome: what }).inc();
        let now = self.clock.now();
        self.report(&[Event::security_configuration(now, &self.program(), outcome)]).await;
    }

    /// Records a TLS client that was not believed.
    pub async fn report_stranger(&self, stranger: Stranger) {
        let Stranger { address, reason, subject, unrecorded, elsewhere } = stranger;
        info!(%address, reason, unrecorded, elsewhere, "TLS handshake failed");
        let event = Event::node_authentication_failure(&NodeFailure {
            at: self.clock.now(),
            address,
            endpoint: self.endpoint(Transaction::Query),
            claimed_subject: subject,
            reason,
            unrecorded,
            elsewhere,
        });
        self.report(&[event]).await;
    }

    /// Whether a request could be answered now, or what stands in the way.
    pub async fn ready(&self) -> Result<(), String> {
        let repository = Arc::clone(&self.repository);
        match tokio::task::spawn_blocking(move || repository.ready()).await {
            Ok(Ok(())) => self.journal.writable().await.map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }

    /// Records from where nothing can wait: the journal has it before it closes.
    pub(super) fn report_now(&self, events: &[Event]) {
        self.journal.hand_over(self.clock.now(), events, Room::Ordinary, |recorded| {
            if let Err(error) = recorded {
                lost(&error);
            }
        });
    }

    pub(super) async fn report(&self, events: &[Event]) {
        if let Err(error) = self.journal.record(self.clock.now(), events).await {
            lost(&error);
        }
    }

    pub(super) fn program(&self) -> Endpoint {
        let (uri, host) = (self.settings.public_url.clone(), self.settings.host.clone());
        Endpoint { uri, host }
    }
}

fn lost(error: &audit::Error) {
    error!(%error, "an event of the gateway's own could not be recorded");
}
