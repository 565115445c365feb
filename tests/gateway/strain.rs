//! A gateway with little patience: clients that do not read, do not go, or are strangers, and what a stop makes of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use glassgate::audit::Journal;
use glassgate::audit::delivery::Delivery;
use glassgate::client::{Ask, Signer};
use glassgate::clock::{SystemClock, SystemRandom};
use glassgate::config;
use glassgate::demo::{Layout, world};
use glassgate::gateway::Gateway;
use glassgate::server::{Patience, Server, Settings};
use glassgate::soap::{Packaging, action};
use glassgate::xds::retrieve_request;
use openssl::ssl::SslContext;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_openssl::SslStream;

use crate::asked::document;
use crate::wire::{Visitor, context_of, exchange, post, shake};
use crate::world::{World, event_type, order, reason};

/// Longer than anything here takes, also on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// How long is waited for what does not come.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// A limit that a client without fault keeps, on a busy machine too.
pub(crate) const FAIR: Duration = Duration::from_secs(2);

/// Data, keys and a receiver; one gateway at a time.
pub(crate) struct House {
    pub(crate) layout: Layout,
    pub(crate) journal: Journal,
    pub(crate) runtime: Runtime,
}

/// The house, for one test after the other.
pub(crate) fn house() -> MutexGuard<'static, House> {
    static HOUSE: OnceLock<Mutex<House>> = OnceLock::new();
    let house = HOUSE.get_or_init(|| {
        let World { stage, runtime, journal, .. } = World::with("strain", |_| ());
        let layout = stage.layout.clone();
        runtime.block_on(stage.strike());
        Mutex::new(House { layout, journal, runtime })
    });
    house.lock().unwrap_or_else(PoisonError::into_inner)
}

impl House {
    /// Starts a gateway; its records are those after `first`.
    pub(crate) async fn serve(
        &self,
        patience: Patience,
        change: impl FnOnce(&mut Settings),
    ) -> Served {
        let first = self.journal.last().unwrap();
        let mut opened = config::read(&self.layout.config()).unwrap().open().unwrap();
        change(&mut opened.server);
        let server = Server::bind(opened.server).await.unwrap().with(patience);
        let (port, management) = (server.address().port(), server.management_address());
        let (stop, stopped) = oneshot::channel();
        let (gateway, delivery) = (opened.gateway, opened.delivery);
        let serving = server.serve(Arc::clone(&gateway), Arc::clone(&delivery), async {
            let _told = stopped.await;
        });
        let serving = tokio::spawn(serving);
        Served { port, management, gateway, delivery, first, stop, serving }
    }

    /// The records of a gateway, in order.
    pub(crate) fn records(&self, served: u64) -> Vec<String> {
        let records = self.journal.after(served, 1_000).unwrap().into_iter();
        records.map(|record| String::from_utf8(record.message.into()).unwrap()).collect()
    }

    pub(crate) fn context(&self, identity: &str) -> SslContext {
        context_of(&self.layout.pki(), identity).build()
    }

    /// A request of Riverside's physician for the large document.
    pub(crate) fn ask_for_large(&self) -> (Ask, Vec<u8>) {
        let read = |kind: &str| -> Vec<u8> {
            let path: PathBuf = self.layout.partner("riverside", &format!("saml.{kind}"));
            std::fs::read(path).unwrap()
        };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let signer = Signer::from_pem(&read("key"), &read("crt"), clock, random).unwrap();
        let ask = signer.ask(&order(&world::RIVERSIDE, "TREAT")).unwrap();
        let body = retrieve_request(&[document(&world::large_document_id())]);
        let path = "/xca/retrieve";
        let entity = ask.entity(action::RETRIEVE, path, &body, Packaging::Mtom);
        let request = post(path, Some(&entity.content_type), &entity.body);
        (ask, request)
    }

    /// Asks for it, and reads no more than how the answer begins.
    pub(crate) async fn begin_large(&self, served: &Served) -> (Ask, SslStream<TcpStream>) {
        let (ask, request) = self.ask_for_large();
        let mut stream = self.riverside(served).await;
        stream.write_all(&request).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
        (ask, stream)
    }

    pub(crate) async fn riverside(&self, served: &Served) -> SslStream<TcpStream> {
        let tcp = Visitor::new().connect(served.port).await;
        shake(tcp, &self.context("partners/riverside/tls")).await.unwrap()
    }
}

/// A running gateway.
pub(crate) struct Served {
    pub(crate) port: u16,
    management: SocketAddr,
    pub(crate) gateway: Arc<Gateway>,
    delivery: Arc<Delivery>,
    pub(crate) first: u64,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn stop(self) -> Arc<Delivery> {
        self.stop.send(()).unwrap();
        tokio::time::timeout(LONG, self.serving).await.unwrap().unwrap();
        self.delivery
    }
}

#[test]
fn a_transfer_that_a_stop_cuts_off_is_recorded_before_the_stop() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { shutdown: SHORT, ..Patience::default() };
        let served = house.serve(patience, |_| ()).await;
        let first = served.first;
        let (ask, _stream) = house.begin_large(&served).await;
        served.stop().await;
        let records = house.records(first);
        let kinds: Vec<_> = records.iter().map(|record| event_type(record)).collect();
        assert_eq!(kinds, ["110120", "ITI-39", "ITI-39", "110121"]);
        assert!(records[2].contains(&ask.message_id));
        let reason = reason(&records[2]);
        assert!(reason.starts_with("transfer aborted after "), "{reason}");
    });
}

#[test]
fn whoever_looks_at_metrics_holds_up_no_record() {
    let house = house();
    house.runtime.block_on(async {
        let served = house.serve(Patience::default(), |_| ()).await;
        let mut idle = TcpStream::connect(served.management).await.unwrap();
        idle.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut text = String::new();
        while !text.ends_with("# EOF\n") {
            let mut bytes = [0; 4_096];
            let count = idle.read(&mut bytes).await.unwrap();
            text.push_str(str::from_utf8(&bytes[..count]).unwrap());
        }
        for name in ["backlog", "sent", "confirmed", "skipped", "failures", "connected"] {
            assert!(text.contains(&format!("glassgate_audit_{name}{{target=\"")), "{text}");
        }
        let delivery = served.stop().await;
        let standing = delivery.standing().unwrap().remove(0);
        assert!(!standing.connected && standing.backlog == 0);
        assert_eq!(standing.confirmed, house.journal.last().unwrap());
    });
}

#[test]
fn a_client_that_stops_reading_is_cut_off_and_recorded() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { stall: SHORT, ..Patience::default() };
        let served = house.serve(patience, |_| ()).await;
        let first = served.first;
        let (ask, _stream) = house.begin_large(&served).await;
        let gone = async {
            while served.gateway.metrics().connections.get() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
        served.stop().await;
        let records = house.records(first);
        assert_eq!(event_type(&records[2]), "ITI-39");
        assert!(records[2].contains(&ask.message_id));
        assert!(reason(&records[2]).starts_with("transfer aborted after "));
    });
}

#[test]
fn strangers_who_say_nothing_take_no_partners_place() {
    let house = house();
    house.runtime.block_on(async {
        let patience = Patience { handshake: 2 * LONG, shutdown: SHORT, ..Patience::default() };
        let served = house.serve(patience, |settings| settings.connections = 1).await;
        let mut silent = Vec::new();
        for _ in 0..3 {
            silent.push(Visitor::new().connect(served.port).await);
        }
        let wsdl = b"GET /xca/query?wsdl HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let fetched = async { exchange(house.riverside(&served).await, wsdl).await.status };
        assert_eq!(tokio::time::timeout(LONG, fetched).await, Ok(200));
        served.stop().await;
    });
}

#[test]
fn strangers_are_counted_and_do_not_fill_the_journal() {
    let house = house();
    house.runtime.block_on(async {
        let served = house.serve(Patience::default(), |_| ()).await;
        let first = served.first;
        let stranger = Visitor::new();
        for _ in 0..40 {
            let mut plain = stranger.connect(served.port).await;
            plain.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
            let _closed = plain.read_to_end(&mut Vec::new()).await;
        }
        for _ in 0..40 {
            let tcp = stranger.connect(served.port).await;
            if let Ok(mut stream) = shake(tcp, &house.context("stranger/tls")).await {
                let _closed = stream.read_to_end(&mut Vec::new()).await;
            }
        }
        let metrics = Arc::clone(&served.gateway);
        served.stop().await;
        assert_eq!(metrics.metrics().probes.get(), 40);
        assert_eq!(metrics.metrics().handshake_failures.get(), 40);
        let records = house.records(first);
        let kinds: Vec<_> = records.iter().map(|record| event_type(record)).collect();
        assert_eq!(kinds, ["110120", "110126", "110121"]);
        let [failed, stopped] = [reason(&records[1]), reason(&records[2])];
        assert!(failed.contains("; unverified: subject \"O=stranger, CN="), "{failed}");
        assert!(stopped.starts_with("39 failed TLS handshakes are not recorded"), "{stopped}");
    });
}
