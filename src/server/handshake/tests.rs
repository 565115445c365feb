use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use openssl::pkey::PKey;
use openssl::ssl::{SslContextBuilder, SslMethod, SslVersion};
use tokio::net::TcpListener;

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::server::tls::{Acceptor, Identity, acceptor};

/// Longer than any certificate of the tests holds.
const LONG: Duration = Duration::from_secs(200 * 365 * 24 * 3600);

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs").join(name);
    std::fs::read(path).unwrap()
}

fn identity(name: &str) -> Identity {
    Identity {
        chain: X509::stack_from_pem(&read(&format!("{name}.crt"))).unwrap(),
        key: PKey::private_key_from_pem(&read(&format!("{name}.key"))).unwrap(),
    }
}

fn acceptor_of(ca: &str) -> SslAcceptor {
    acceptor(&identity("gateway/tls"), &X509::stack_from_pem(&read(ca)).unwrap()).unwrap()
}

/// A connection of Riverside to a server, as the server sees it.
async fn connect(server: &Acceptor, version: SslVersion, now: Timestamp) -> (Tls, Client) {
    let Identity { chain, key } = identity("partners/riverside/tls");
    let mut builder = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
    builder.set_certificate(&chain[0]).unwrap();
    builder.set_private_key(&key).unwrap();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    let ssl = Ssl::new(&builder.build()).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = async {
        let (stream, address) = listener.accept().await.unwrap();
        shake(server.in_force(), stream, address, Patience::default(), now).await.unwrap()
    };
    let visiting = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = SslStream::new(ssl, stream).unwrap();
        Pin::new(&mut stream).connect().await.unwrap();
        stream
    };
    tokio::join!(served, visiting).0
}

#[tokio::test]
async fn a_client_is_believed_until_its_certificate_ends_or_the_settings_say_otherwise() {
    let now = SystemClock.now();
    let server = Acceptor::new(acceptor_of("ca.crt"));
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let (_tls, client) = connect(&server, version, now).await;
        assert!(client.holds(&server, now));
        assert_eq!(client.lapsed(), None);
        assert!(!client.holds(&server, now.plus(LONG)));
        assert!(client.lapsed().unwrap().contains(" ended at "), "{:?}", client.lapsed());

        // the same again is no change, another authority is
        let (_tls, client) = connect(&server, version, now).await;
        server.replace(&Acceptor::new(acceptor_of("ca.crt")));
        assert!(client.holds(&server, now));
        server.replace(&Acceptor::new(acceptor_of("stranger/ca.crt")));
        assert!(!client.holds(&server, now));
        server.replace(&Acceptor::new(acceptor_of("ca.crt")));
    }
}

#[tokio::test]
async fn whom_no_callback_looked_at_is_judged_when_the_session_is_resumed() {
    let now = SystemClock.now();
    let server = Acceptor::new(acceptor_of("ca.crt"));
    let (tls, first) = connect(&server, SslVersion::TLS1_3, now).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let resumed = |now| client(tls.ssl(), address, None, 0, now);
    assert_eq!(resumed(now).unwrap().peer.fingerprint, first.peer.fingerprint);
    let Err(Failed::Refused { reason, subject }) = resumed(now.plus(LONG)) else {
        panic!("believed")
    };
    assert!(reason.contains(" is valid from "), "{reason}");
    assert_eq!(subject, Some(first.peer.subject));
}
