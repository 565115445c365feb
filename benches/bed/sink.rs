//! A syslog receiver that keeps nothing, and does not even decrypt: it shares the machine with what is measured, as no
//! receiver does, and all that it did would be measured too.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use glassgate::server::{Identity, acceptor};
use openssl::pkey::PKey;
use openssl::ssl::SslAcceptor;
use openssl::x509::X509;

use super::Failed;

/// Takes the place of a demo's receiver, with its certificate, until the program ends.
pub(crate) fn start(pki: &Path, address: SocketAddr) -> Result<(), Failed> {
    let read = |name: &str| std::fs::read(pki.join(name));
    let identity = Identity {
        chain: X509::stack_from_pem(&read("receiver/tls.crt")?)?,
        key: PKey::private_key_from_pem(&read("receiver/tls.key")?)?,
    };
    let acceptor = acceptor(&identity, &[X509::from_pem(&read("ca.crt")?)?])?;
    let listener = TcpListener::bind(address)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let acceptor = acceptor.clone();
            std::thread::spawn(move || swallow(&acceptor, stream));
        }
    });
    Ok(())
}

fn swallow(acceptor: &SslAcceptor, stream: TcpStream) {
    let Ok(mut stream) = acceptor.accept(stream) else { return };
    let mut bytes = vec![0; 64 * 1024];
    while stream.get_mut().read(&mut bytes).is_ok_and(|count| count > 0) {}
    // says that all has arrived
    let _closed = stream.shutdown();
}
