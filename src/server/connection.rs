use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use openssl::hash::MessageDigest;
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::io::BufWriter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_openssl::SslStream;
use tracing::{debug, info, warn};

use super::{Patience, Settings, routes, tls};
use crate::gateway::Gateway;
use crate::limits;
use crate::saml::Peer;

/// Four TLS records a write: OpenSSL alone would write each 16 KB record by itself.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Sockets under TLS.
type Tls = SslStream<BufWriter<TcpStream>>;

/// Accepts connections until `stop`, then lets those under way finish.
pub(super) async fn accept(
    listener: TcpListener,
    settings: &Settings,
    patience: Patience,
    gateway: &Arc<Gateway>,
    stop: impl Future<Output = ()> + Send,
) {
    let slots = Arc::new(Semaphore::new(settings.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let router = routes::router(Arc::clone(gateway));
    tokio::pin!(stop);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = &mut stop => break,
            Some(_ended) = connections.join_next() => continue,
            next = next => next,
        };
        let Ok(slot) = slot else { break };
        match accepted {
            Ok((stream, address)) => {
                let connection = Connection {
                    gateway: Arc::clone(gateway),
                    acceptor: settings.acceptor.clone(),
                    router: router.clone(),
                    watcher: graceful.watcher(),
                    address,
                };
                connections.spawn(connection.serve(stream, slot));
            }
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    info!("finishing requests under way");
    let finished = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if timeout(patience.shutdown, finished).await.is_err() {
        warn!("some requests did not finish in time");
    }
    // a transfer that is cut off here is on record before the gateway says that it stopped
    connections.shutdown().await;
}

/// One partner's connection.
struct Connection {
    gateway: Arc<Gateway>,
    acceptor: SslAcceptor,
    router: Router,
    watcher: Watcher,
    address: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream, _slot: OwnedSemaphorePermit) {
        let open = self.gateway.metrics().connections.clone();
        open.inc();
        match timeout(limits::HANDSHAKE_TIME, self.handshake(stream)).await {
            Ok(Ok((stream, peer))) => answer(self.router, self.watcher, stream, peer).await,
            Ok(Err(Handshake::Probe)) => debug!("a connection closed before TLS"),
            Ok(Err(Handshake::Refused(reason))) => self.refused(reason).await,
            Err(_) => self.refused("TLS handshake timed out".to_owned()).await,
        }
        open.dec();
    }

    async fn refused(&self, reason: String) {
        self.gateway.metrics().handshake_failures.inc();
        self.gateway.report_handshake_failure(self.address.ip(), reason).await;
    }

    async fn handshake(&self, stream: TcpStream) -> Result<(Tls, Peer), Handshake> {
        let broken = |error: openssl::error::ErrorStack| Handshake::Refused(error.to_string());
        stream.set_nodelay(true).map_err(|_| Handshake::Probe)?;
        let ssl = Ssl::new(self.acceptor.context()).map_err(broken)?;
        let buffered = BufWriter::with_capacity(WRITE_BUFFER_BYTES, stream);
        let mut stream = SslStream::new(ssl, buffered).map_err(broken)?;
        Pin::new(&mut stream).accept().await.map_err(|error| match error.ssl_error() {
            Some(stack) => Handshake::Refused(reasons(stack)),
            None => Handshake::Probe,
        })?;
        let certificate = stream
            .ssl()
            .peer_certificate()
            .ok_or_else(|| Handshake::Refused("no client certificate".to_owned()))?;
        let digest = certificate.digest(MessageDigest::sha256()).map_err(broken)?;
        let fingerprint = <[u8; 32]>::try_from(&*digest)
            .map_err(|_| Handshake::Refused("unreadable client certificate".to_owned()))?;
        let subject = tls::subject_line(certificate.subject_name());
        Ok((stream, Peer { fingerprint, address: self.address.ip(), subject }))
    }
}

async fn answer(router: Router, watcher: Watcher, stream: Tls, peer: Peer) {
    let service = router.layer(Extension(Arc::new(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HTTP_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        debug!(%error, "a connection ended early");
    }
}

/// Why there is no TLS connection.
enum Handshake {
    /// The peer went away; port probes do.
    Probe,
    /// TLS said no, and why.
    Refused(String),
}

/// OpenSSL's reasons without its file names and lines.
fn reasons(stack: &openssl::error::ErrorStack) -> String {
    let reasons: Vec<&str> =
        stack.errors().iter().filter_map(openssl::error::Error::reason).collect();
    if reasons.is_empty() { "TLS handshake failed".to_owned() } else { reasons.join("; ") }
}
