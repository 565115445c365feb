//! Clients that are slow or gone: each is cut off by its own time limit, and others are served meanwhile.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use glassgate::client::Ask;
use glassgate::config;
use glassgate::server::Patience;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mutual::shake;
use crate::strain::{FAIR, House, LONG, SHORT, Served, house};
use crate::wire::{Visitor, exchange, post};
use crate::world::{event_type, reason};

/// Between two octets of a client that drips.
const DRIP: Duration = Duration::from_millis(10);
const WSDL: &[u8] = b"GET /xca/query?wsdl HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Nobody else waits for what this client does.
async fn serves_others(house: &House, served: &Served) {
    assert_eq!(exchange(house.riverside(served).await, WSDL).await.status, 200);
}

/// Waits until so many connections are open.
async fn connections(served: &Served, count: i64) {
    let counted = async {
        while served.gateway.metrics().connections.get() != count {
            tokio::time::sleep(DRIP).await;
        }
    };
    tokio::time::timeout(LONG, counted).await.expect("connections stay open");
}

/// Sends these octets one by one, over and over, until the other side closes; gives what it said.
async fn drip(stream: impl AsyncRead + AsyncWrite, octets: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut said = Vec::new();
    let dripping = async {
        for octet in octets.iter().cycle() {
            if to.write_all(&[*octet]).await.is_err() || to.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(DRIP).await;
        }
        std::future::pending::<()>().await;
    };
    let closed = async {
        let _reset = from.read_to_end(&mut said).await;
    };
    let cut_off = async {
        tokio::select! {
            () = dripping => {}
            () = closed => {}
        }
    };
    tokio::time::timeout(LONG, cut_off).await.expect("nobody cuts it off");
    said
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { handshake: FAIR, ..Patience::default() };
        let served = house.serve(patience, |_| ()).await;
        let mut hello = hello(&house).await;
        let (silent, half, whole) = (Visitor::new(), Visitor::new(), Visitor::new());
        let mut streams = Vec::new();
        for visitor in [&silent, &half, &whole] {
            streams.push(visitor.connect(served.port).await);
        }
        streams[2].write_all(&hello).await.unwrap();
        hello.truncate(hello.len() / 2);
        streams[1].write_all(&hello).await.unwrap();
        serves_others(&house, &served).await;
        connections(&served, 0).await;
        // and one that never stops beginning
        let dripping = Visitor::new().connect(served.port).await;
        assert!(!drip(dripping, &[0x16, 0x03, 0x01]).await.starts_with(b"HTTP"));
        connections(&served, 0).await;
        assert!(served.gateway.metrics().probes.get() >= 2);
        let first = served.first;
        served.stop().await;
        // only who began TLS is worth a record
        let records = house.records(first);
        let of = |visitor: &Visitor| {
            let needle = format!("NetworkAccessPointID=\"{}\"", visitor.address);
            records.iter().filter(|record| record.contains(&needle)).collect::<Vec<_>>()
        };
        assert_eq!((of(&silent).len(), of(&half).len(), of(&whole).len()), (0, 0, 1));
        assert!(reason(of(&whole)[0]).starts_with("TLS handshake timed out"));
    });
}

/// What a partner's client begins with.
async fn hello(house: &House) -> Vec<u8> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let context = house.context("partners/riverside/tls");
    let shaking = tokio::spawn(async move { shake(stream, &context).await.map(|_| ()) });
    let (mut there, _) = listener.accept().await.unwrap();
    let mut bytes = vec![0; 16 * 1024];
    let count = there.read(&mut bytes).await.unwrap();
    shaking.abort();
    bytes.truncate(count);
    bytes
}

#[test]
fn a_head_that_drips_or_does_not_come_is_cut_off_without_a_record() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { head: FAIR, ..Patience::default() };
        let served = house.serve(patience, |_| ()).await;
        let head = b"POST /xca/query HTTP/1.1\r\nHost: x\r\nX-Slow: ";
        // whoever vanishes without a FIN looks just like this one
        let vanished = house.riverside(&served).await;
        let mut begun = house.riverside(&served).await;
        begun.write_all(head).await.unwrap();
        serves_others(&house, &served).await;
        let said = drip(begun, b"x").await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{said:?}");
        connections(&served, 0).await;
        drop(vanished);
        // also between two requests
        let mut kept = house.riverside(&served).await;
        kept.write_all(b"GET /xca/query?wsdl HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        connections(&served, 0).await;
        let first = served.first;
        served.stop().await;
        let records = house.records(first);
        let kinds: Vec<_> = records.iter().map(|record| event_type(record)).collect();
        assert_eq!(kinds, ["110120", "110121"]);
    });
}

#[test]
fn a_body_that_drips_is_refused_and_recorded() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { body: SHORT, ..Patience::default() };
        let served = house.serve(patience, |_| ()).await;
        let mut stream = house.riverside(&served).await;
        let request = post("/xca/retrieve", Some("application/soap+xml"), &[b' '; 100_000]);
        stream.write_all(&request[..request.len() - 90_000]).await.unwrap();
        serves_others(&house, &served).await;
        let said = String::from_utf8(drip(stream, b" ").await).unwrap();
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("env:Sender"), "{said}");
        connections(&served, 0).await;
        let first = served.first;
        served.stop().await;
        let records = house.records(first);
        assert_eq!(event_type(&records[1]), "ITI-39");
        assert!(reason(&records[1]).starts_with("the request body took longer than the limit"));
    });
}

#[test]
fn at_the_ceiling_a_partner_waits_for_the_next_place() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { head: FAIR, ..Patience::default() };
        let served = house.serve(patience, |settings| settings.connections = 1).await;
        let idle = house.riverside(&served).await;
        let waiting = async { exchange(house.riverside(&served).await, WSDL).await.status };
        assert_eq!(tokio::time::timeout(LONG, waiting).await, Ok(200));
        drop(idle);
        served.stop().await;
    });
}

#[test]
fn a_client_that_resets_or_is_killed_midway_is_recorded() {
    let house = house();
    house.runtime.block_on(async {
        let served = house.serve(Patience::default(), |_| ()).await;
        let (reset, stream) = house.begin_large(&served).await;
        stream.get_ref().set_zero_linger().unwrap();
        drop(stream);
        connections(&served, 0).await;
        let killed = killed(&house, &served);
        connections(&served, 0).await;
        assert_eq!(served.gateway.metrics().transfers_aborted.get(), 2);
        let first = served.first;
        served.stop().await;
        let records = house.records(first);
        for ask in [reset, killed] {
            let of_it = records.iter().filter(|record| record.contains(&ask.message_id));
            let [answered, aborted] = of_it.collect::<Vec<_>>()[..] else { panic!("{records:?}") };
            assert_eq!(
                (event_type(answered), event_type(aborted)),
                ("ITI-39".into(), "ITI-39".into())
            );
            assert!(reason(aborted).starts_with("transfer aborted after "));
        }
    });
}

#[test]
fn a_client_that_hangs_up_during_the_commit_is_recorded_and_counted() {
    let house = house();
    house.runtime.block_on(async {
        let served = house.serve(Patience::default(), |_| ()).await;
        let path = config::read(&house.layout.config()).unwrap().journal.path;
        let lock = std::fs::File::open(path.join("lock")).unwrap();
        let mut stream = house.riverside(&served).await;
        let (ask, request) = house.ask_for_large();
        lock.lock().unwrap();
        stream.write_all(&request).await.unwrap();
        // long enough for all that comes before the commit
        tokio::time::sleep(FAIR).await;
        drop(stream);
        connections(&served, 0).await;
        lock.unlock().unwrap();
        let counted = async {
            loop {
                let metrics = served.gateway.metrics().encode().unwrap();
                let counts =
                    metrics.lines().filter(|l| l.starts_with("glassgate_transactions_total"));
                match counts.collect::<Vec<_>>()[..] {
                    [] => tokio::time::sleep(DRIP).await,
                    [count] => return count.to_owned(),
                    _ => panic!("{metrics}"),
                }
            }
        };
        let count = tokio::time::timeout(LONG, counted).await.expect("it is counted");
        assert!(
            count.contains("\"ITI-39\"") && count.ends_with("outcome=\"success\"} 1"),
            "{count}"
        );
        let first = served.first;
        served.stop().await;
        let records = house.records(first);
        let of_it = records.iter().filter(|record| record.contains(&ask.message_id));
        assert_eq!(of_it.count(), 1);
    });
}

/// A process that asks for the large document and is killed while that comes.
fn killed(house: &House, served: &Served) -> Ask {
    let (ask, request) = house.ask_for_large();
    let file = |name: &str| house.layout.pki().join(name);
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", served.port)])
        .arg("-cert")
        .arg(file("partners/riverside/tls.crt"))
        .arg("-key")
        .arg(file("partners/riverside/tls.key"))
        .arg("-CAfile")
        .arg(file("ca.crt"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), &request).unwrap();
    // its pipe is full after a few more octets
    let mut begun = [0; 12];
    child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    child.kill().unwrap();
    child.wait().unwrap();
    ask
}
