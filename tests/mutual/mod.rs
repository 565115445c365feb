//! A partner's side of mutual TLS.

use std::net::Ipv4Addr;
use std::path::Path;
use std::pin::Pin;

use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// TLS that trusts the authority of a PKI alone and shows a certificate of it; an empty name shows none.
pub(crate) fn context_of(pki: &Path, identity: &str) -> SslContextBuilder {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    let mut store = X509StoreBuilder::new().unwrap();
    let authority = std::fs::read(pki.join("ca.crt")).unwrap();
    store.add_cert(X509::from_pem(&authority).unwrap()).unwrap();
    builder.set_cert_store(store.build());
    builder.set_verify(SslVerifyMode::PEER);
    if !identity.is_empty() {
        let file = |kind: &str| pki.join(format!("{identity}.{kind}"));
        builder.set_certificate_chain_file(file("crt")).unwrap();
        builder.set_private_key_file(file("key"), SslFiletype::PEM).unwrap();
    }
    builder
}

/// The handshake; in TLS 1.3 the server's verdict comes with the first octet that is read.
pub(crate) async fn shake(
    stream: TcpStream,
    context: &SslContext,
) -> Result<SslStream<TcpStream>, String> {
    let mut ssl = Ssl::new(context).unwrap();
    ssl.param_mut().set_ip(Ipv4Addr::LOCALHOST.into()).unwrap();
    let mut stream = SslStream::new(ssl, stream).unwrap();
    Pin::new(&mut stream).connect().await.map_err(|error| error.to_string())?;
    Ok(stream)
}
