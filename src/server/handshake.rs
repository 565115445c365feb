use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::sha::sha256;
use openssl::ssl::{Ssl, SslAcceptor, SslRef};
use tokio::io::BufWriter;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::stall::Stalling;
use super::{Patience, tls};
use crate::saml::Peer;

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
    let distrusted = watch(&mut ssl);
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
    let subject = distrusted.get().cloned();
    match reason {
        Some(reason) if subject.is_some() || said_hello(stream.ssl()) => {
            Err(Failed::Refused { reason, subject })
        }
        _ => Err(Failed::Probe),
    }
}

/// Keeps the subject of a certificate that is not believed, for OpenSSL forgets it.
fn watch(ssl: &mut SslRef) -> Arc<OnceLock<String>> {
    let distrusted = Arc::new(OnceLock::new());
    let seen = Arc::clone(&distrusted);
    ssl.set_verify_callback(tls::verify_mode(), move |believed, context| {
        let shown = context.chain().and_then(|chain| chain.get(0));
        if let (false, Some(certificate)) = (believed, shown) {
            seen.get_or_init(|| tls::subject_line(certificate.subject_name()));
        }
        believed
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
    let digest = certificate.digest(MessageDigest::sha256())?;
    let fingerprint = <[u8; 32]>::try_from(&*digest)
        .map_err(|_| Failed::refused("unreadable client certificate"))?;
    let key_fingerprint = sha256(&certificate.public_key()?.public_key_to_der()?);
    let subject = tls::subject_line(certificate.subject_name());
    Ok(Peer { fingerprint, key_fingerprint, address: address.ip(), subject })
}

/// OpenSSL's reasons without its file names and lines.
fn reasons(stack: &ErrorStack) -> String {
    let reasons: Vec<&str> =
        stack.errors().iter().filter_map(openssl::error::Error::reason).collect();
    if reasons.is_empty() { "TLS handshake failed".to_owned() } else { reasons.join("; ") }
}
