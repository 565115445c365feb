//! A blocking HTTP/1.1 client over mutual TLS that costs next to nothing: the machine is shared with what it measures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use openssl::ssl::{Ssl, SslConnector, SslContext, SslFiletype, SslMethod, SslStream};

use super::Failed;

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes connections as one partner.
#[derive(Clone)]
pub(crate) struct Dialer {
    context: SslContext,
    address: SocketAddr,
}

/// One connection, kept open.
pub(crate) struct Connection {
    stream: SslStream<TcpStream>,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    /// Whether the word stood in the first bytes of the body.
    pub(crate) contains: bool,
}

impl Dialer {
    /// `pki` is a demo's; the partner's certificate is shown to whoever asks for one.
    pub(crate) fn new(pki: &Path, partner: &str, address: SocketAddr) -> Result<Self, Failed> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        builder.set_ca_file(pki.join("ca.crt"))?;
        let partner = pki.join("partners").join(partner);
        builder.set_certificate_chain_file(partner.join("tls.crt"))?;
        builder.set_private_key_file(partner.join("tls.key"), SslFiletype::PEM)?;
        Ok(Self { context: builder.build().into_context(), address })
    }

    pub(crate) fn dial(&self) -> Result<Connection, Failed> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut ssl = Ssl::new(&self.context)?;
        ssl.param_mut().set_host("localhost")?;
        let stream = ssl.connect(stream).map_err(|error| error.to_string())?;
        Ok(Connection { stream, buffer: vec![0; 256 * 1024] })
    }
}

impl Connection {
    /// Sends a whole request and reads the whole answer; the body is looked at and thrown away.
    pub(crate) fn exchange(&mut self, request: &[u8], word: &str) -> io::Result<Answer> {
        self.begin(request)?;
        let mut held = 0;
        let (head, status, length) = loop {
            held += self.read(held)?;
            if let Some(end) = find(&self.buffer[..held], b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                break (end + 4, status(&head), length(&head)?);
            }
        };
        // the status of an answer stands in its first bytes, behind the MIME head and the envelope's
        let enough = (head + 3_000).min(head + usize::try_from(length).unwrap_or(usize::MAX));
        while held < enough {
            held += self.read(held)?;
        }
        let contains = find(&self.buffer[head..held], word.as_bytes()).is_some();
        let mut left = length.saturating_sub((held - head) as u64);
        while left > 0 {
            left = left.saturating_sub(self.read(0)? as u64);
        }
        Ok(Answer { status, bytes: length, contains })
    }

    /// Sends a whole request.
    pub(crate) fn begin(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Reads what has come, behind the first `held` bytes of the buffer.
    pub(crate) fn read(&mut self, held: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[held..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A file of a web server.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, word)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn length(head: &str) -> io::Result<u64> {
    let named = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(named).ok_or_else(|| io::Error::other("no Content-Length"))
}
