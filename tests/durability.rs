//! Whatever happens to the gateway or its receiver, no record of an answered request is lost.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glassgate::audit::Journal;
use glassgate::client::{Client, Query, Signer};
use glassgate::clock::{SystemClock, SystemRandom};
use glassgate::config;
use glassgate::demo::receiver::Receiver;
use glassgate::demo::{Layout, Stage, pki, world};
use glassgate::saml::issue::Order;
use glassgate::xds::Status;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// How long a gateway may take to start, or records to arrive; a good run waits for neither.
const PATIENCE: Duration = Duration::from_secs(20);
/// Queries under way at any time.
const AT_ONCE: usize = 20;

#[test]
fn a_killed_gateway_has_recorded_whatever_it_answered() {
    let house = House::new();
    let mut gateway = house.serve();
    let answered = house.runtime.block_on(async {
        let count = Arc::new(AtomicUsize::new(0));
        let asking: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (client, signer) = (house.client.clone(), Arc::clone(&house.signer));
                tokio::spawn(ask_until_it_dies(client, signer, Arc::clone(&count)))
            })
            .collect();
        let patient = Instant::now();
        while count.load(Ordering::SeqCst) < 200 {
            assert!(patient.elapsed() < PATIENCE, "too few answers");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // SIGKILL, in the midst of them
        gateway.0.kill().unwrap();
        let mut answered = Vec::new();
        for asking in asking {
            answered.extend(asking.await.unwrap());
        }
        answered
    });
    gateway.0.wait().unwrap();
    assert!(answered.len() >= 200);
    let _restarted = house.serve();
    let journal = house.journal();
    let missing: Vec<_> = answered
        .iter()
        .filter(|id| !journal.iter().any(|message| message.contains(id.as_str())))
        .collect();
    assert!(missing.is_empty(), "{} of {} are lost", missing.len(), answered.len());
    // and the receiver gets them too, once the gateway is back
    let arrived = house.received(&journal);
    assert_eq!(arrived, journal);
}

#[test]
fn records_wait_for_a_receiver_and_arrive_in_order() {
    let house = House::new();
    let before = house.journal();
    assert_eq!(house.received(&before), before);
    let port = house.point_to_nobody();
    let gateway = house.serve();
    let answered = house.runtime.block_on(async {
        let asking: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (client, signer) = (house.client.clone(), Arc::clone(&house.signer));
                tokio::spawn(async move { ask(&client, &signer).await.unwrap() })
            })
            .collect();
        let mut answered = Vec::new();
        for asking in asking {
            answered.push(asking.await.unwrap());
        }
        answered
    });
    // an outage may outlive a gateway
    drop(gateway);
    let _gateway = house.serve();
    let journal = house.journal();
    assert!(answered.iter().all(|id| journal.iter().any(|message| message.contains(id))));
    assert!(journal.len() > before.len() + AT_ONCE);
    let arrived = house.runtime.block_on(house.receiver.wait("", PATIENCE, |_| true));
    assert_eq!(distinct(arrived), before, "nobody was there to receive more");
    house.forward(port);
    assert_eq!(house.received(&journal), journal);
}

/// Asks until the gateway is gone; gives the message ids that were answered.
async fn ask_until_it_dies(
    client: Client,
    signer: Arc<Signer>,
    count: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut answered = Vec::new();
    while let Some(id) = ask(&client, &signer).await {
        count.fetch_add(1, Ordering::SeqCst);
        answered.push(id);
    }
    answered
}

/// The message id of a query, if it was answered.
async fn ask(client: &Client, signer: &Signer) -> Option<String> {
    let order = Order {
        issuer: world::RIVERSIDE.issuer.to_owned(),
        subject: "user-7".to_owned(),
        audience: world::HOME.to_owned(),
        lifetime: Duration::from_secs(300),
        purposes: vec![world::purpose("TREAT")],
        ..Order::default()
    };
    let ask = signer.ask(&order).unwrap();
    let query = Query::find_documents(&world::patient_id(1002));
    let answer = client.query(&ask, &query).await.ok()?;
    assert_eq!(answer.outcome.answered().unwrap().status, Status::Success);
    Some(ask.message_id)
}

/// A demo world whose gateway is a process of its own; its receiver is here.
struct House {
    layout: Layout,
    receiver: Receiver,
    client: Client,
    signer: Arc<Signer>,
    management: String,
    runtime: Runtime,
    _directory: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        pki::copy(&certs, &directory.path().join("pki")).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stage = runtime.block_on(Stage::set(directory.path(), 0)).unwrap();
        let client = stage.client("riverside").unwrap();
        let (layout, receiver) = (stage.layout.clone(), stage.receiver.clone());
        let management = stage.management_url.strip_prefix("http://").unwrap().to_owned();
        // its ports and its files are the process's now
        runtime.block_on(stage.strike());
        let read = |file| std::fs::read(layout.partner("riverside", file)).unwrap();
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let signer = Signer::from_pem(&read("saml.key"), &read("saml.crt"), clock, random).unwrap();
        let signer = Arc::new(signer);
        Self { layout, receiver, client, signer, management, runtime, _directory: directory }
    }

    /// Starts the gateway and waits until it is ready.
    fn serve(&self) -> Gateway {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassgate"));
        command.arg("serve").arg("--config").arg(self.layout.config());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut gateway = Gateway(command.spawn().unwrap());
        let begun = Instant::now();
        while !ready(&self.management) {
            assert!(begun.elapsed() < PATIENCE, "the gateway does not become ready");
            assert!(gateway.0.try_wait().unwrap().is_none(), "the gateway ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        gateway
    }

    /// Every record in the journal, in order and without a gap.
    fn journal(&self) -> Vec<String> {
        let settings = config::read(&self.layout.config()).unwrap().journal;
        let journal = Journal::open(settings, &SystemRandom).unwrap();
        let mut messages = Vec::new();
        loop {
            let seen = u64::try_from(messages.len()).unwrap();
            let records = journal.after(seen, 1_000).unwrap();
            if records.is_empty() {
                return messages;
            }
            for (record, seq) in records.into_iter().zip(seen + 1..) {
                assert_eq!(record.seq, seq, "a gap is a loss");
                messages.push(String::from_utf8(record.message).unwrap());
            }
        }
    }

    /// What the receiver has once it has all of these; what came twice counts once.
    fn received(&self, expected: &[String]) -> Vec<String> {
        let all = |arrived: &[String]| {
            let arrived: BTreeSet<_> = arrived.iter().collect();
            expected.iter().all(|message| arrived.contains(message))
        };
        let arrived = self.runtime.block_on(self.receiver.wait("", PATIENCE, all));
        let mut arrived = distinct(arrived);
        arrived.truncate(expected.len());
        arrived
    }

    /// Turns the gateway's records to a port where nobody listens; the port stays ours.
    fn point_to_nobody(&self) -> TcpSocket {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = |port| format!("port = {port}\n");
        let toml = std::fs::read_to_string(self.layout.config()).unwrap();
        let (from, to) = (self.receiver.address().port(), socket.local_addr().unwrap().port());
        assert_eq!(toml.matches(&port(from)).count(), 1);
        std::fs::write(self.layout.config(), toml.replace(&port(from), &port(to))).unwrap();
        socket
    }

    /// Lets the receiver listen there.
    fn forward(&self, port: TcpSocket) {
        let receiver = self.receiver.address();
        let _inside = self.runtime.enter();
        let listener = port.listen(16).unwrap();
        self.runtime.spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let mut there = TcpStream::connect(receiver).await.unwrap();
                tokio::spawn(async move {
                    let _ended = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
    }
}

/// A `glassgate serve`, killed when it is not wanted any more.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

fn ready(management: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(management)?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Each message once, where it first came: a resend is the same, byte for byte.
fn distinct(messages: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    messages.into_iter().filter(|message| seen.insert(message.clone())).collect()
}
