//! Syslog over TLS 1.2 and 1.3 (RFC 5425, ITI TF-2 3.19.6.2.3).

use std::io;
use std::net::IpAddr;
use std::pin::Pin;

use futures_util::FutureExt;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509CheckFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpSocket, TcpStream};
use tokio_openssl::SslStream;

use super::link::{Sent, addresses, no_address};
use super::{frame, window};
use crate::audit::Record;
use crate::audit::journal::READ_BYTES;

/// BCP 195 suites of TLS 1.2: ephemeral keys and AEAD, the four that ATNA names among them.
const CIPHERS: &str = "ECDHE+AESGCM:DHE+AESGCM:ECDHE+CHACHA20";

/// What is written to the socket at once: each write wakes up the receiver.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes of room kept from one batch of records to the next.
const KEPT_BYTES: usize = 2 * READ_BYTES;

/// Believes the given authorities only, whatever the environment says; `None` where there are none.
pub(super) fn context(
    ca_pem: &[u8],
    identity: Option<&(Vec<u8>, Vec<u8>)>,
) -> Result<Option<SslContext>, ErrorStack> {
    let authorities = X509::stack_from_pem(ca_pem)?;
    if authorities.is_empty() {
        return Ok(None);
    }
    let mut store = X509StoreBuilder::new()?;
    for authority in authorities {
        store.add_cert(authority)?;
    }
    // unlike `SslConnector` this reads no default paths
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_cert_store(store.build());
    context.set_verify(SslVerifyMode::PEER);
    context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    context.set_cipher_list(CIPHERS)?;
    if let Some((certificates, key)) = identity {
        let mut chain = X509::stack_from_pem(certificates)?.into_iter();
        if let Some(own) = chain.next() {
            context.set_certificate(&own)?;
        }
        for issuer in chain {
            context.add_extra_chain_cert(issuer)?;
        }
        context.set_private_key(PKey::private_key_from_pem(key)?.as_ref())?;
        context.check_private_key()?;
    }
    Ok(Some(context.build()))
}

/// A TLS target, checked.
pub(super) struct Connector {
    pub(super) context: SslContext,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) server_name: String,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connector({}:{})", self.host, self.port)
    }
}

impl Connector {
    /// Connects to the first address that answers, and checks the receiver's name.
    pub(super) async fn connect(&self) -> io::Result<Link> {
        let mut failure = no_address();
        for address in addresses(&self.host, self.port).await? {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_send_buffer_size(window::SEND_BUFFER_BYTES)?;
            match socket.connect(address).await {
                Ok(stream) => return self.handshake(stream).await,
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn handshake(&self, stream: TcpStream) -> io::Result<Link> {
        let mut ssl = Ssl::new(&self.context)?;
        match self.server_name.parse::<IpAddr>() {
            Ok(address) => ssl.param_mut().set_ip(address)?,
            Err(_) => {
                ssl.param_mut().set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
                ssl.param_mut().set_host(&self.server_name)?;
                ssl.set_hostname(&self.server_name)?;
            }
        }
        let buffered = BufWriter::with_capacity(WRITE_BUFFER_BYTES, stream);
        let mut stream = SslStream::new(ssl, buffered)?;
        Pin::new(&mut stream).connect().await.map_err(io::Error::other)?;
        Ok(Link { stream, frames: Vec::new() })
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: SslStream<BufWriter<TcpStream>>,
    /// Room for what is sent next.
    frames: Vec<u8>,
}

impl Link {
    pub(super) async fn send(&mut self, records: &[Record]) -> io::Result<Sent> {
        let room = records.iter().map(|record| frame::length(&record.message)).sum();
        let mut sent = Sent::default();
        let mut frames = std::mem::take(&mut self.frames);
        frames.reserve(room);
        for record in records {
            // a receiver would close, and close again whenever it came
            if record.message.len() > frame::FRAME_BYTES {
                tracing::error!(seq = record.seq, "audit record is too large and stays behind");
                sent.skipped += 1;
                continue;
            }
            frame::encode(&mut frames, &record.message);
            sent.messages += 1;
        }
        self.stream.write_all(&frames).await?;
        self.stream.flush().await?;
        sent.bytes = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        frames.clear();
        frames.shrink_to(KEPT_BYTES);
        self.frames = frames;
        Ok(sent)
    }

    /// Reads and forgets: a syslog receiver has nothing to say but the end.
    pub(super) async fn closed(&mut self) -> io::Error {
        let mut ignored = [0_u8; 512];
        loop {
            match self.stream.read(&mut ignored).await {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    /// Sends close_notify; only the receiver's own close_notify in answer proves that it read so far.
    pub(super) async fn close(&mut self) -> bool {
        // what the receiver ended before is no answer
        self.closed().now_or_never().is_none()
            && self.stream.shutdown().await.is_ok()
            && self.answered().await
    }

    /// Whether the connection ends by close_notify; to `read`, a plain end of the stream looks the same.
    async fn answered(&mut self) -> bool {
        let mut ignored = [0_u8; 512];
        loop {
            match Pin::new(&mut self.stream).peek(&mut ignored).await {
                Ok(_) if self.stream.read(&mut ignored).await.is_ok() => {}
                Ok(_) => return false,
                Err(error) => return error.code() == ErrorCode::ZERO_RETURN,
            }
        }
    }
}
