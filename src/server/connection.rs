use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::client::Client;
use super::handshake::{self, Failed, Tls};
use super::strangers::{Strangers, Unrecorded};
use super::tls::Acceptor;
use super::{Patience, Settings, routes};
use crate::clock::{Clock, SystemClock};
use crate::gateway::{Gateway, Stranger};
use crate::limits;

/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stop`, then lets those under way finish; gives the failures that are not recorded.
pub(super) async fn accept(
    listener: TcpListener,
    settings: &Settings,
    patience: Patience,
    gateway: &Arc<Gateway>,
    stop: impl Future<Output = ()> + Send,
) -> u64 {
    let slots = Arc::new(Semaphore::new(settings.connections));
    let handshakes = Arc::new(Semaphore::new(limits::HANDSHAKES));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let strangers = Arc::new(Mutex::new(Strangers::new()));
    let router = routes::router(Arc::clone(gateway), patience.body);
    tokio::pin!(stop);
    loop {
        let next = async {
            let handshake = Arc::clone(&handshakes).acquire_owned().await;
            (handshake, listener.accept().await)
        };
        let (handshake, accepted) = tokio::select! {
            () = &mut stop => break,
            Some(_ended) = connections.join_next() => continue,
            next = next => next,
        };
        let Ok(handshake) = handshake else { break };
        match accepted {
            Ok((stream, address)) => {
                let connection = Connection {
                    gateway: Arc::clone(gateway),
                    acceptor: settings.acceptor.clone(),
                    router: router.clone(),
                    address,
                    patience,
                    slots: Arc::clone(&slots),
                    strangers: Arc::clone(&strangers),
                };
                connections.spawn(connection.serve(stream, handshake, graceful.watcher()));
            }
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    slots.close();
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
    locked(&strangers).unrecorded()
}

/// One partner's connection.
struct Connection {
    gateway: Arc<Gateway>,
    acceptor: Acceptor,
    router: Router,
    address: SocketAddr,
    patience: Patience,
    /// Strangers take none: it is for who has shaken hands.
    slots: Arc<Semaphore>,
    strangers: Arc<Mutex<Strangers>>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, handshake: OwnedSemaphorePermit, watcher: Watcher) {
        let open = self.gateway.metrics().connections.clone();
        open.inc();
        let (acceptor, now) = (self.acceptor.in_force(), SystemClock.now());
        match handshake::shake(acceptor, stream, self.address, self.patience, now).await {
            // no slot means that the gateway stops
            Ok((stream, client)) => {
                if let Ok(_slot) = self.slots.acquire().await {
                    drop(handshake);
                    self.answer(watcher, stream, &client).await;
                }
                if let Some(why) = client.lapsed() {
                    self.refused(why.clone(), Some(client.peer.subject.clone())).await;
                }
            }
            Err(Failed::Probe) => {
                self.gateway.metrics().probes.inc();
                debug!("a connection ended before TLS");
            }
            Err(Failed::Refused { reason, subject }) => self.refused(reason, subject).await,
        }
        open.dec();
    }

    async fn answer(&self, watcher: Watcher, stream: Tls, client: &Client) {
        let router = self.router.clone().layer(Extension(Arc::new(client.peer.clone())));
        let router = TowerToHyperService::new(router);
        // the certificate may end, or be revoked, while the connection stays
        let believed = service_fn(|request| {
            let held = client.holds(&self.acceptor, SystemClock.now());
            let answer = held.then(|| router.call(request));
            async {
                match answer {
                    Some(answer) => Ok(answer.await.unwrap_or_else(|never| match never {})),
                    None => Err(Lapsed),
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.head)
            .max_buf_size(limits::HTTP_HEAD_BYTES)
            // TLS copies each record anyway: no copy of whole bodies before
            .writev(true)
            .serve_connection(TokioIo::new(stream), believed);
        if let Err(error) = watcher.watch(connection).await {
            debug!(%error, "a connection ended early");
        }
    }

    async fn refused(&self, reason: String, subject: Option<String>) {
        self.gateway.metrics().handshake_failures.inc();
        let address = self.address.ip();
        let unrecorded = locked(&self.strangers).count(address, Instant::now());
        let Some(Unrecorded { here, elsewhere }) = unrecorded else {
            debug!(%address, reason, "TLS handshake failed again");
            return;
        };
        let stranger = Stranger { address, reason, subject, unrecorded: here, elsewhere };
        self.gateway.report_stranger(stranger).await;
    }
}

/// A request of a client that is no longer believed: it gets no answer.
#[derive(Debug, thiserror::Error)]
#[error("the client is no longer believed")]
struct Lapsed;

fn locked(strangers: &Mutex<Strangers>) -> MutexGuard<'_, Strangers> {
    strangers.lock().unwrap_or_else(PoisonError::into_inner)
}
