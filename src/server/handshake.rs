use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslRef};
use openssl::x509::{X509, X509VerifyResult};
use tokio::io::BufWriter;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::stall::Stalling;
use super::{Patience, tls};
use crate::clock::{Clock, SystemClock};
use crate::saml::Peer;
use crate::saml::certificates::subject_line;

/// Four TLS records a write: OpenSSL alone would write each 16 KB record by itself.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

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

/// Takes a connection to TLS and says whose certificate the client showed.
pub(super) async fn shake(
    acceptor: &SslAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    patience: Patience,
) -> Result<(Tls, Peer), Failed> {
    stream.set_nodelay(true).map_err(|_| Failed::Probe)?;
    let mut ssl = Ssl::new(acceptor.context())?;
    let distrusted = watch(&mut ssl, acceptor.context().to_owned());
    let stream = Stalling::new(stream, patience.stall);
    let buffered = BufWriter::with_capacity(WRITE_BUFFER_BYTES, stream);
    let mut stream = SslStream::new(ssl, buffered)?;
    let reason = match timeout(patience.handshake, Pin::new(&mut stream).accept()).await {
        Ok(Ok(())) => {
            let peer = peer(stream.ssl(), address)?;
            return Ok((stream, peer));
        }
        Ok(Err(error)) => error.ssl_error().map(reasons),
        Err(_) => Some("TLS handshake timed out".to_owned()),
    };
    match (distrusted.get(), reason) {
        (Some(Distrusted { subject, why }), Some(reason)) => {
            let reason = why.clone().unwrap_or(reason);
            Err(Failed::Refused { reason, subject: Some(subject.clone()) })
        }
        (None, Some(reason)) if said_hello(stream.ssl()) => {
            Err(Failed::Refused { reason, subject: None })
        }
        _ => Err(Failed::Probe),
    }
}

/// A certificate that is not believed.
struct Distrusted {
    subject: String,
    /// Why not, where OpenSSL would have believed it.
    why: Option<String>,
}

/// Asks the acceptor's authority of a chain that OpenSSL believes; keeps whom it is not believed of, for OpenSSL forgets.
fn watch(ssl: &mut SslRef, context: SslContext) -> Arc<OnceLock<Distrusted>> {
    let distrusted = Arc::new(OnceLock::new());
    let seen = Arc::clone(&distrusted);
    ssl.set_verify_callback(tls::verify_mode(), move |believed, verifying| {
        let chain = verifying.chain().map(|chain| chain.iter().map(ToOwned::to_owned));
        let chain: Vec<X509> = chain.into_iter().flatten().collect();
        let subject = || {
            let leaf = chain.first();
            leaf.map(|leaf| subject_line(leaf.subject_name())).unwrap_or_default()
        };
        if !believed {
            seen.get_or_init(|| Distrusted { subject: subject(), why: None });
            return false;
        }
        // the certificate itself comes last
        let authority = tls::authority(&context).filter(|_| verifying.error_depth() == 0);
        // OpenSSL compares its dates with the same clock
        let judged = authority.map_or(Ok(()), |a| a.judge(&chain, SystemClock.now()).map(drop));
        if let Err(unfit) = &judged {
            let why = Some(unfit.to_string());
            seen.get_or_init(|| Distrusted { subject: subject(), why });
            verifying.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
        }
        judged.is_ok()
    });
    distrusted
}

/// Whether a ClientHello came: its random bytes are kept before anything in it is judged.
fn said_hello(ssl: &SslRef) -> bool {
    let mut random = [0; 32];
    ssl.client_random(&mut random);
    random != [0; 32]
}

fn peer(ssl: &SslRef, address: SocketAddr) -> Result<Peer, Failed> {
    let certificate =
        ssl.peer_certificate().ok_or_else(|| Failed::refused("no client certificate"))?;
    Ok(Peer::of(&certificate, address.ip())?)
}

/// OpenSSL's reasons without its file names and lines.
fn reasons(stack: &ErrorStack) -> String {
    let reasons: Vec<&str> =
        stack.errors().iter().filter_map(openssl::error::Error::reason).collect();
    if reasons.is_empty() { "TLS handshake failed".to_owned() } else { reasons.join("; ") }
}
