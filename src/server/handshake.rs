use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslRef};
use openssl::x509::{X509, X509VerifyResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::client::Client;
use super::stall::Stalling;
use super::{Patience, tls};
use crate::clock::Timestamp;
use crate::limits::REQUEST_BYTES;
use crate::saml::Peer;
use crate::saml::certificates::{Standing, Unfit, subject_line};

/// Four TLS records a write: OpenSSL alone would write each 16 KB record by itself.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// So long a peer has to read the alert.
const ALERT_TIME: Duration = Duration::from_secs(1);

/// Sockets under TLS.
pub(super) type Tls = SslStream<BufWriter<Stalling<TcpStream>>>;

/// Why there is no TLS connection.
#[derive(Debug)]
pub(super) enum Failed {
    /// The peer went away, or never spoke TLS; port probes do.
    Probe,
    /// TLS said no.
    Refused {
        /// The true reason.
        reason: String,
        /// The subject of the certificate that was not believed, where one was shown.
        subject: Option<String>,
    },
}

impl Failed {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), subject: None }
    }
}

impl From<ErrorStack> for Failed {
    fn from(error: ErrorStack) -> Self {
        Self::refused(reasons(&error))
    }
}

/// Takes a connection to TLS and says whose certificate the client showed; `generation` is the acceptor's.
pub(super) async fn shake(
    (generation, acceptor): (u64, SslAcceptor),
    stream: TcpStream,
    address: SocketAddr,
    patience: Patience,
    now: Timestamp,
) -> Result<(Tls, Client), Failed> {
    stream.set_nodelay(true).map_err(|_| Failed::Probe)?;
    let mut ssl = Ssl::new(acceptor.context())?;
    let judged = watch(&mut ssl, acceptor.context().to_owned(), now);
    let stream = Stalling::new(stream, patience.stall);
    let buffered = BufWriter::with_capacity(WRITE_BUFFER_BYTES, stream);
    let mut stream = SslStream::new(ssl, buffered)?;
    let reason = match timeout(patience.handshake, Pin::new(&mut stream).accept()).await {
        Ok(Ok(())) => {
            let believed = judged.get().and_then(|judged| judged.as_ref().ok());
            let client = client(stream.ssl(), address, believed, generation, now)?;
            return Ok((stream, client));
        }
        Ok(Err(error)) => {
            let reason = error.ssl_error().map(reasons);
            if reason.is_some() {
                let _silent = timeout(ALERT_TIME, part(stream.get_mut())).await;
            }
            reason
        }
        Err(_) => Some("TLS handshake timed out".to_owned()),
    };
    match (judged.get(), reason) {
        (Some(Err(Distrusted { subject, why })), Some(reason)) => {
            let reason = why.clone().unwrap_or(reason);
            Err(Failed::Refused { reason, subject: Some(subject.clone()) })
        }
        (_, Some(reason)) if said_hello(stream.ssl()) => {
            Err(Failed::Refused { reason, subject: None })
        }
        _ => Err(Failed::Probe),
    }
}

/// Waits until the peer has read why, and closed: a close before its octets are read would take the alert with it.
async fn part(stream: &mut BufWriter<Stalling<TcpStream>>) -> io::Result<()> {
    stream.shutdown().await?;
    // what it sends before it reads the alert is a request at most
    tokio::io::copy(&mut stream.take(REQUEST_BYTES as u64), &mut tokio::io::sink()).await?;
    Ok(())
}

/// A certificate that is not believed.
struct Distrusted {
    subject: String,
    /// Why not, where OpenSSL would have believed it.
    why: Option<String>,
}

/// A chain that is believed of whoever has its key.
struct Believed {
    standing: Standing,
    chain: Vec<X509>,
}

/// What the callback found; nothing where it was not called, as when a session is resumed.
type Found = Arc<OnceLock<Result<Believed, Distrusted>>>;

/// Asks the acceptor's authority of a chain that OpenSSL believes; keeps whom it is not believed of, for OpenSSL forgets.
fn watch(ssl: &mut SslRef, context: SslContext, now: Timestamp) -> Found {
    let found = Found::default();
    let seen = Arc::clone(&found);
    ssl.set_verify_callback(tls::verify_mode(), move |believed, verifying| {
        let chain = verifying.chain().map(|chain| chain.iter().map(ToOwned::to_owned));
        let chain: Vec<X509> = chain.into_iter().flatten().collect();
        let subject = || {
            let leaf = chain.first();
            leaf.map(|leaf| subject_line(leaf.subject_name())).unwrap_or_default()
        };
        if !believed {
            seen.get_or_init(|| Err(Distrusted { subject: subject(), why: None }));
            return false;
        }
        // the certificate itself comes last
        if verifying.error_depth() != 0 {
            return true;
        }
        let judged = match tls::clients(&context) {
            Some(clients) => {
                clients.authority.judge(&chain, now).map_err(|unfit| unfit.to_string())
            }
            None => Err(tls::NO_CLIENTS.to_owned()),
        };
        let fit = judged.is_ok();
        if !fit {
            verifying.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
        }
        let judged = judged.map_err(|why| Distrusted { subject: subject(), why: Some(why) });
        seen.get_or_init(|| judged.map(|standing| Believed { standing, chain }));
        fit
    });
    found
}

/// Who connected: judged in the handshake, or now where a session was resumed and nobody looked.
fn client(
    ssl: &SslRef,
    address: SocketAddr,
    believed: Option<&Believed>,
    generation: u64,
    now: Timestamp,
) -> Result<Client, Failed> {
    let certificate =
        ssl.peer_certificate().ok_or_else(|| Failed::refused("no client certificate"))?;
    let peer = Peer::of(&certificate, address.ip())?;
    let clients =
        tls::clients(ssl.ssl_context()).ok_or_else(|| Failed::refused(tls::NO_CLIENTS))?;
    let refused = |unfit: Unfit| Failed::Refused {
        reason: unfit.to_string(),
        subject: Some(peer.subject.clone()),
    };
    let (shown, standing) = match believed {
        Some(Believed { standing, chain }) => {
            let shown = ssl.peer_cert_chain().into_iter().flatten().map(ToOwned::to_owned);
            let shown: Vec<X509> = shown.collect();
            clients.remember(peer.fingerprint, &shown);
            // no sooner: only now it is sure that the certificate is its own
            let standing = clients.authority.ask(standing.clone(), chain, now);
            (shown, standing.map_err(refused)?)
        }
        None => {
            let shown = clients.shown(&peer.fingerprint);
            let standing = clients.authority.check(&certificate, &shown, now);
            (shown, standing.map_err(refused)?)
        }
    };
    Ok(Client::new(peer, certificate, shown, standing, generation))
}

/// Whether a ClientHello came: its random bytes are kept before anything in it is judged.
fn said_hello(ssl: &SslRef) -> bool {
    let mut random = [0; 32];
    ssl.client_random(&mut random);
    random != [0; 32]
}

/// OpenSSL's reasons without its file names and lines.
fn reasons(stack: &ErrorStack) -> String {
    let reasons: Vec<&str> =
        stack.errors().iter().filter_map(openssl::error::Error::reason).collect();
    if reasons.is_empty() { "TLS handshake failed".to_owned() } else { reasons.join("; ") }
}

#[cfg(test)]
mod tests;
