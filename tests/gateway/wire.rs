//! Connections made by hand, octet by octet, each from an address by which audit tells it from all others.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use glassgate::xml::{self, Bounds, Node, ns};
use openssl::ssl::{SslContext, SslContextBuilder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_openssl::SslStream;

pub(crate) use crate::mutual::{context_of, shake};
use crate::world::{between, shared};

/// A gateway that is silent for longer is a failed test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who connects from an address of 127.0.0.0/8 that nobody else has.
pub(crate) struct Visitor {
    pub(crate) address: Ipv4Addr,
}

impl Visitor {
    /// A visitor at the next address.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(1);
        let [high, low] = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self { address: Ipv4Addr::new(127, 77, high, low) }
    }

    /// A TCP connection to a port of this machine.
    pub(crate) async fn connect(&self, port: u16) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((self.address, 0))).unwrap();
        socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap()
    }

    /// A TLS connection to the shared gateway, once both sides are content.
    pub(crate) async fn shake(&self, context: &SslContext) -> Result<SslStream<TcpStream>, String> {
        shake(self.connect(port()).await, context).await
    }

    /// Riverside's request and its answer.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Response {
        let stream = self.shake(&context("partners/riverside/tls").build()).await.unwrap();
        exchange(stream, request).await
    }

    /// The records that name this address.
    pub(crate) async fn records(&self) -> Vec<String> {
        let needle = format!("NetworkAccessPointID=\"{}\"", self.address);
        shared().mentions(&needle).await
    }
}

/// The port of the shared gateway.
pub(crate) fn port() -> u16 {
    shared().stage.url.rsplit(':').next().unwrap().parse().unwrap()
}

/// TLS that trusts the demo's authority alone and shows a certificate of its PKI; an empty name shows none.
pub(crate) fn context(identity: &str) -> SslContextBuilder {
    context_of(&shared().stage.layout.pki(), identity)
}

/// Sends a request and reads until the other side closes.
pub(crate) async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> Response {
    // the server may answer and close before it has read all
    let _unsent = stream.write_all(request).await;
    let _unsent = stream.flush().await;
    read(stream).await
}

/// Reads an answer until the other side closes.
pub(crate) async fn read(mut stream: impl AsyncRead + Unpin) -> Response {
    let mut bytes = Vec::new();
    let whole = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _reset = whole.expect("the gateway neither answers nor closes");
    Response::parse(&String::from_utf8(bytes).unwrap())
}

/// A POST that wants the connection closed after it.
pub(crate) fn post(path: &str, content_type: Option<&str>, body: &[u8]) -> Vec<u8> {
    let content_type = content_type.map(|text| format!("Content-Type: {text}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n",
        content_type.unwrap_or_default(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The status line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| {
            line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(named)?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// The envelope, alone or as the root of a multipart.
    pub(crate) fn envelope(&self) -> String {
        if self.body.starts_with("--") {
            let inner = between(&self.body, "<env:Envelope", "</env:Envelope>").unwrap();
            return format!("<env:Envelope{inner}</env:Envelope>");
        }
        self.body.clone()
    }

    /// Code and subcodes of the SOAP 1.2 fault that the body must be.
    pub(crate) fn fault_codes(&self) -> Vec<String> {
        let envelope = self.envelope();
        let document = xml::parse(&envelope, Bounds::REQUEST).unwrap();
        let body = xml::only_child(document.root(), ns::SOAP, "Body").unwrap();
        let fault = xml::only_child(body, ns::SOAP, "Fault").unwrap();
        let reason = xml::only_child(fault, ns::SOAP, "Reason").unwrap();
        assert!(!xml::text(xml::only_child(reason, ns::SOAP, "Text").unwrap()).is_empty());
        let mut codes = Vec::new();
        let mut code = xml::only_child(fault, ns::SOAP, "Code");
        while let Some(found) = code {
            codes.push(local_name(xml::only_child(found, ns::SOAP, "Value").unwrap()));
            code = xml::only_child(found, ns::SOAP, "Subcode");
        }
        codes
    }
}

/// `wsa:ActionNotSupported`, with the prefix that specifications use for the namespace.
fn local_name(value: Node<'_, '_>) -> String {
    let text = xml::text(value).into_owned();
    let (prefix, local) = text.split_once(':').unwrap();
    let prefix = match value.lookup_namespace_uri(Some(prefix)) {
        Some(ns::SOAP) => "env",
        Some(ns::WSA) => "wsa",
        Some(ns::WSSE) => "wsse",
        other => panic!("{text} in {other:?}"),
    };
    format!("{prefix}:{local}")
}
