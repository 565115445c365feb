//! Listeners, TLS, routes, health and shutdown.

mod client;
mod connection;
mod expiry;
mod handshake;
mod management;
mod ocsp;
mod open_files;
mod routes;
mod stall;
mod strangers;
mod tls;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::audit::delivery::Delivery;
use crate::gateway::Gateway;
use crate::limits;
use crate::saml::certificates::Watchlist;
use crate::saml::certificates::ocsp::Inquiries;

pub use open_files::{raise_open_files, suffices};
pub use tls::{Acceptor, Identity, TlsError, acceptor, acceptor_for};

/// How long the last records may take to be sent; the rest waits in the journal for the next start.
const DELIVERY_TIME: Duration = Duration::from_secs(5);

/// Where the gateway listens.
#[derive(Clone)]
pub struct Settings {
    /// Partners connect here, by mutual TLS.
    pub listen: SocketAddr,
    /// `/healthz`, `/readyz` and `/metrics`, in plain HTTP; a loopback address.
    pub management: SocketAddr,
    /// The gateway's certificate and the CAs whose clients may connect.
    pub acceptor: Acceptor,
    /// Open connections at once.
    pub connections: usize,
    /// Configured certificates whose end metrics and log tell.
    pub watched: Watchlist,
    /// Certificates of which OCSP responders are asked.
    pub inquiries: Inquiries,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("management", &self.management)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// How long others may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A TLS handshake.
    pub handshake: Duration,
    /// The head of the next request.
    pub head: Duration,
    /// A request's body.
    pub body: Duration,
    /// A client that takes no byte of an answer.
    pub stall: Duration,
    /// Requests under way, once the server is to stop.
    pub shutdown: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            handshake: limits::HANDSHAKE_TIME,
            head: limits::HEAD_TIME,
            body: limits::BODY_TIME,
            stall: limits::STALL_TIME,
            shutdown: limits::SHUTDOWN_TIME,
        }
    }
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is taken or not ours to take.
    #[error("cannot listen on {address}: {source}; {}", advice(source.kind()))]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Bound listeners; nothing is accepted before [`Server::serve`].
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    patience: Patience,
    partners: TcpListener,
    management: TcpListener,
}

impl Server {
    /// Takes the ports.
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        let partners = listen(settings.listen).await?;
        let management = listen(settings.management).await?;
        Ok(Self { settings, patience: Patience::default(), partners, management })
    }

    /// Waits for others as long as told, not as long as [`limits`] say.
    #[must_use]
    pub fn with(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Where partners connect; tells the port where `:0` was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.partners.local_addr().unwrap_or(self.settings.listen)
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn management_address(&self) -> SocketAddr {
        self.management.local_addr().unwrap_or(self.settings.management)
    }

    /// Serves until `stop` resolves, then finishes the requests under way and sends what is recorded.
    pub async fn serve(
        self,
        gateway: Arc<Gateway>,
        delivery: Arc<Delivery>,
        stop: impl Future<Output = ()> + Send,
    ) {
        gateway.report_start().await;
        let state =
            management::State { gateway: Arc::clone(&gateway), delivery: Arc::clone(&delivery) };
        let management = tokio::spawn(management::serve(self.management, state));
        let expiry =
            tokio::spawn(expiry::watch(self.settings.watched.clone(), Arc::clone(&gateway)));
        let asking = tokio::spawn(ocsp::ask(self.settings.inquiries.clone(), Arc::clone(&gateway)));
        let unrecorded =
            connection::accept(self.partners, &self.settings, self.patience, &gateway, stop).await;
        expiry.abort();
        asking.abort();
        gateway.report_turned_away(true).await;
        gateway.report_stop(unrecorded).await;
        management.abort();
        let _ended = management.await;
        delivery.shutdown(DELIVERY_TIME).await;
    }
}

/// What to do about a port that cannot be had.
fn advice(kind: std::io::ErrorKind) -> &'static str {
    match kind {
        std::io::ErrorKind::AddrInUse => {
            "stop what listens there, perhaps another gateway, or choose another port"
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "name an address of this machine, or 0.0.0.0 for all that it has"
        }
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose a higher port"
        }
        _ => "see `server.listen` and `server.management`",
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
}
