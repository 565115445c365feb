//! What happens to the gateway itself: start, stop, failed handshakes, health.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::{error, info};

use super::{Gateway, Transaction};
use crate::audit::{self, Endpoint, Event, Journal, NodeFailure, Receipt};

impl Gateway {
    /// Records that the gateway started.
    pub async fn report_start(&self) {
        let event = Event::application_start(self.clock.now(), &self.program(), None);
        self.report(vec![event]).await;
        info!(community = self.settings.name, url = self.settings.public_url, "ready");
    }

    /// Records that the gateway stopped.
    pub async fn report_stop(&self) {
        let event = Event::application_stop(self.clock.now(), &self.program(), None);
        self.report(vec![event]).await;
        info!("stopped");
    }

    /// Records a TLS client that was not believed.
    pub async fn report_handshake_failure(&self, address: IpAddr, reason: String) {
        info!(%address, reason, "TLS handshake failed");
        let event = Event::node_authentication_failure(&NodeFailure {
            at: self.clock.now(),
            address,
            endpoint: self.endpoint(Transaction::Query),
            claimed_subject: None,
            reason,
        });
        self.report(vec![event]).await;
    }

    /// Whether a request could be answered now, or what stands in the way.
    pub async fn ready(&self) -> Result<(), String> {
        let repository = Arc::clone(&self.repository);
        match tokio::task::spawn_blocking(move || repository.ready()).await {
            Ok(Ok(())) => writable(&self.journal),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }

    /// Records from where nothing can wait; a runtime that is ending already is waited for.
    pub(super) fn report_later(self: &Arc<Self>, events: Vec<Event>) {
        let gateway = Arc::clone(self);
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move { gateway.report(events).await });
            }
            Err(_) => told(gateway.journal.record_blocking(gateway.clock.now(), &events)),
        }
    }

    async fn report(&self, events: Vec<Event>) {
        told(self.journal.record(self.clock.now(), &events).await);
    }

    fn program(&self) -> Endpoint {
        let (uri, host) = (self.settings.public_url.clone(), self.settings.host.clone());
        Endpoint { uri, host }
    }
}

fn writable(journal: &Journal) -> Result<(), String> {
    if journal.is_writable() {
        Ok(())
    } else {
        Err("the audit journal cannot be written".to_owned())
    }
}

fn told(recorded: Result<Receipt, audit::Error>) {
    if let Err(error) = recorded {
        error!(%error, "an event of the gateway's own could not be recorded");
    }
}
