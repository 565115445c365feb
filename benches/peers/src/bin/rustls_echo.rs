//! The echo of `examples/echo.rs` on rustls: what the choice of OpenSSL costs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

// as our echo
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// `rustls_echo ADDRESS PKI BYTES`
#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, pki, bytes] = &arguments[..] else { return Err("ADDRESS PKI BYTES".into()) };
    let (pki, body) = (Path::new(pki), Bytes::from(vec![b'x'; bytes.parse()?]));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.crt"))?)?;
    let chain = CertificateDer::pem_file_iter(pki.join("gateway/tls.crt"))?;
    let config = ServerConfig::builder()
        .with_client_cert_verifier(WebPkiClientVerifier::builder(roots.into()).build()?)
        .with_single_cert(
            chain.collect::<Result<_, _>>()?,
            PrivateKeyDer::from_pem_file(pki.join("gateway/tls.key"))?,
        )?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, body) = (acceptor.clone(), body.clone());
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let stream = acceptor.accept(stream).await?;
            let answer = |request: Request<Incoming>| {
                let body = body.clone();
                async move {
                    let read = request.into_body().collect().await.map(|b| b.to_bytes().len());
                    let body = if read.unwrap_or(0) > 0 { body } else { Bytes::new() };
                    Ok::<_, Infallible>(Response::new(Full::new(body)))
                }
            };
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await?;
            Ok::<(), Failed>(())
        });
    }
}
