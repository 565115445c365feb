//! The limit that a gateway on this stack could reach: reads a body, answers as many bytes as told, over its TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use bytes::Bytes;
use futures_util::StreamExt;
use glassgate::server::{Identity, acceptor};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslAcceptor};
use openssl::x509::X509;
use tokio::io::BufWriter;
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// `echo ADDRESS PKI BYTES`
#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, pki, bytes] = &arguments[..] else { return Err("ADDRESS PKI BYTES".into()) };
    let body = Bytes::from(vec![b'x'; bytes.parse()?]);
    let answer = move |request: Request| {
        let body = body.clone();
        async move {
            let mut chunks = request.into_body().into_data_stream();
            let mut read = 0;
            while let Some(Ok(chunk)) = chunks.next().await {
                read += chunk.len();
            }
            if read > 0 { Body::from(body) } else { Body::empty() }
        }
    };
    let router = Router::new().fallback(any(answer));
    let pki = Path::new(pki);
    let read = |name: &str| std::fs::read(pki.join(name));
    let identity = Identity {
        chain: X509::stack_from_pem(&read("gateway/tls.crt")?)?,
        key: PKey::private_key_from_pem(&read("gateway/tls.key")?)?,
    };
    let acceptor = acceptor(&identity, &[X509::from_pem(&read("ca.crt")?)?])?;
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, acceptor.clone(), router.clone()));
    }
}

/// As the gateway's `server` does: buffered under TLS, one connection of HTTP/1.1.
async fn serve(stream: TcpStream, acceptor: SslAcceptor, router: Router) -> Result<(), Failed> {
    stream.set_nodelay(true)?;
    let ssl = Ssl::new(acceptor.context())?;
    let mut stream = SslStream::new(ssl, BufWriter::with_capacity(64 * 1024, stream))?;
    Pin::new(&mut stream).accept().await?;
    let service = TowerToHyperService::new(router);
    Ok(http1::Builder::new().writev(true).serve_connection(TokioIo::new(stream), service).await?)
}
