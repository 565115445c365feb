mod office;

use std::pin::Pin;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::*;
use crate::audit::{Endpoint, Event, Record, Shape, Source};
use crate::clock::{SystemRandom, Timestamp};

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(name: &str, key: &PKey<Private>, issuer: Option<&Authority>) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |a| a.certificate.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let extension = match issuer {
        None => BasicConstraints::new().critical().ca().build().unwrap(),
        Some(_) => {
            let context = builder.x509v3_context(None, None);
            SubjectAlternativeName::new().dns(name).ip("127.0.0.1").build(&context).unwrap()
        }
    };
    builder.append_extension(extension).unwrap();
    builder.sign(issuer.map_or(key, |a| &a.key), MessageDigest::sha256()).unwrap();
    builder.build()
}

fn authority(name: &str) -> Authority {
    let key = key();
    Authority { certificate: certificate(name, &key, None), key }
}

/// A syslog receiver over TLS that wants a client certificate.
struct Receiver {
    port: u16,
    messages: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Polite closings seen.
    closings: Arc<AtomicU64>,
    /// Whether a closing is answered.
    answers: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Receiver {
    async fn start(authority: &Authority, port: u16) -> Self {
        let key = key();
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_certificate(&certificate("receiver.example", &key, Some(authority))).unwrap();
        context.set_private_key(&key).unwrap();
        context.cert_store_mut().add_cert(authority.certificate.clone()).unwrap();
        context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let context = context.build();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, messages) = mpsc::unbounded_channel();
        let closings = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let answers = Arc::new(AtomicBool::new(true));
        let (closed, answer) = (Arc::clone(&closings), Arc::clone(&answers));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let ssl = SslStream::new(Ssl::new(&context).unwrap(), tcp).unwrap();
                connections.spawn(receive(ssl, tell.clone(), closed.clone(), answer.clone()));
            }
        });
        Self { port, messages, closings, answers, tasks }
    }

    async fn take(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(timeout(PATIENCE, self.messages.recv()).await.unwrap().unwrap());
        }
        taken
    }

    /// Dies at once with all its connections.
    async fn die(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn receive(
    mut stream: SslStream<tokio::net::TcpStream>,
    tell: mpsc::UnboundedSender<Vec<u8>>,
    closings: Arc<AtomicU64>,
    answers: Arc<AtomicBool>,
) {
    if Pin::new(&mut stream).accept().await.is_err() {
        return;
    }
    let (mut decoder, mut buffer) = (frame::Decoder::new(), [0; 1000]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => {
                assert!(decoder.is_between_messages());
                closings.fetch_add(1, Ordering::SeqCst);
                if answers.load(Ordering::SeqCst) {
                    let _polite = stream.shutdown().await;
                }
                return;
            }
            Ok(count) => decoder.push(&buffer[..count]),
            Err(_) => return,
        }
        while let Some(message) = decoder.next_message().unwrap() {
            if tell.send(message).is_err() {
                return;
            }
        }
    }
}

fn journal(folder: &tempfile::TempDir) -> Journal {
    journal_with(folder, Shape { reserve_bytes: 0, ..Shape::default() })
}

fn journal_with(folder: &tempfile::TempDir, shape: Shape) -> Journal {
    let source = Source {
        enterprise_site: "2.999.1".to_owned(),
        id: "gw".to_owned(),
        host: "gw.example".to_owned(),
        process_id: 1,
    };
    let settings = crate::audit::Settings { path: folder.path().join("audit"), source, shape };
    Journal::open(settings, &SystemRandom).unwrap()
}

async fn record(journal: &Journal, count: usize) {
    for _ in 0..count {
        let gateway = Endpoint { uri: "gw".to_owned(), host: "gw.example".to_owned() };
        let now = Timestamp::from_micros(1);
        let event = Event::application_start(now, &gateway);
        let _receipt = journal.record(now, &[event]).await.unwrap();
    }
}

fn stored(journal: &Journal) -> Vec<Vec<u8>> {
    journal
        .after(0, 1_000)
        .unwrap()
        .into_iter()
        .map(|record: Record| record.message.into())
        .collect()
}

fn target(authority: &Authority, port: u16) -> Target {
    let key = key();
    let own = certificate("gw.example", &key, Some(authority));
    Target::Tls {
        name: "arr".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        server_name: "receiver.example".to_owned(),
        ca_pem: authority.certificate.to_pem().unwrap(),
        identity: Some((own.to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())),
    }
}

fn start(target: Target, journal: &Journal) -> Delivery {
    start_with(Times::default(), target, journal)
}

fn start_with(times: Times, target: Target, journal: &Journal) -> Delivery {
    let times = Times {
        retry_first: Duration::from_millis(5),
        retry_longest: Duration::from_millis(50),
        ..times
    };
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    Delivery::start(Settings { targets: vec![(target, Wanted::All)], times }, journal, &random)
        .unwrap()
}

/// Waits until the standing is as wished.
async fn until(delivery: &Delivery, wished: impl Fn(&Standing) -> bool) {
    let waiting = async {
        while !wished(&delivery.standing().unwrap()[0]) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn records_arrive_in_order_and_a_clean_stop_leaves_nothing_to_repeat() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let journal = journal(&folder);
    let mut receiver = Receiver::start(&authority, 0).await;
    record(&journal, 5).await;
    let delivery = start(target(&authority, receiver.port), &journal);
    record(&journal, 100).await;
    // whoever looks at it, as an open connection to /metrics does, holds it and not its end
    let delivery = Arc::new(delivery);
    let held = Arc::clone(&delivery);
    delivery.shutdown(PATIENCE).await;
    assert!(!held.standing().unwrap()[0].connected);
    assert_eq!(receiver.take(105).await, stored(&journal));
    assert_eq!(receiver.closings.load(Ordering::SeqCst), 1);
    assert_eq!(journal.cursor("arr"), 105);

    let delivery = start(target(&authority, receiver.port), &journal);
    record(&journal, 1).await;
    assert_eq!(receiver.take(1).await, stored(&journal)[105..], "only what is new");
    until(&delivery, |standing| standing.backlog == 0 && standing.connected).await;
    delivery.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn what_another_process_writes_in_between_arrives_in_its_place() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let beside = journal(&folder);
    let journal = journal(&folder);
    let mut receiver = Receiver::start(&authority, 0).await;
    let delivery = start(target(&authority, receiver.port), &journal);
    for _ in 0..20 {
        record(&journal, 2).await;
        record(&beside, 1).await;
    }
    // ours are in memory, the others on disk alone
    assert_eq!((journal.latest_after(3, 9).len(), journal.latest_after(2, 9).len()), (2, 0));
    assert_eq!(receiver.take(60).await, stored(&journal));
    delivery.shutdown(PATIENCE).await;
    assert_eq!(journal.cursor("arr"), 60);
}

#[tokio::test]
async fn an_outage_costs_repetitions_of_the_same_bytes_and_no_record() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let journal = journal(&folder);
    let mut receiver = Receiver::start(&authority, 0).await;
    let port = receiver.port;
    let delivery = start(target(&authority, port), &journal);
    record(&journal, 10).await;
    assert_eq!(receiver.take(10).await, stored(&journal));
    receiver.die().await;

    record(&journal, 10).await;
    until(&delivery, |standing| standing.failures > 1 && !standing.connected).await;
    let mut receiver = Receiver::start(&authority, port).await;
    assert_eq!(receiver.take(20).await, stored(&journal), "all again, in order, same bytes");
    delivery.shutdown(PATIENCE).await;
    assert_eq!(journal.cursor("arr"), 20);
}

#[tokio::test]
async fn a_restart_of_the_gateway_during_an_outage_forgets_nothing() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let receiver = Receiver::start(&authority, 0).await;
    let port = receiver.port;
    receiver.die().await;
    {
        let journal = journal(&folder);
        let delivery = start(target(&authority, port), &journal);
        record(&journal, 3).await;
        until(&delivery, |standing| standing.failures > 0 && standing.backlog == 3).await;
        delivery.shutdown(PATIENCE).await;
    }
    let journal = journal(&folder);
    let mut receiver = Receiver::start(&authority, port).await;
    let delivery = start(target(&authority, port), &journal);
    assert_eq!(receiver.take(3).await, stored(&journal));
    delivery.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn an_end_without_answer_proves_nothing() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let journal = journal(&folder);
    let mut receiver = Receiver::start(&authority, 0).await;
    receiver.answers.store(false, Ordering::SeqCst);
    for run in 1..=2 {
        let delivery = start(target(&authority, receiver.port), &journal);
        record(&journal, 1).await;
        assert_eq!(receiver.take(run).await, stored(&journal), "all again");
        delivery.shutdown(PATIENCE).await;
        assert_eq!(journal.cursor("arr"), 0);
    }
}

#[tokio::test]
async fn a_receiver_of_another_authority_or_name_gets_nothing() {
    let (folder, ours, theirs) =
        (tempfile::tempdir().unwrap(), authority("ca"), authority("stranger"));
    let journal = journal(&folder);
    record(&journal, 1).await;
    let mut stranger = Receiver::start(&theirs, 0).await;
    let mut receiver = Receiver::start(&ours, 0).await;
    let named = |port, name: &str| match target(&ours, port) {
        Target::Tls { name: target, host, ca_pem, identity, .. } => {
            let server_name = name.to_owned();
            Target::Tls { name: target, host, port, server_name, ca_pem, identity }
        }
        udp @ Target::Udp { .. } => udp,
    };
    for target in [named(stranger.port, "receiver.example"), named(receiver.port, "other.example")]
    {
        let delivery = start(target, &journal);
        until(&delivery, |standing| standing.failures > 1).await;
        delivery.shutdown(PATIENCE).await;
    }
    assert!(stranger.messages.try_recv().is_err() && receiver.messages.try_recv().is_err());
    let delivery = start(named(receiver.port, "127.0.0.1"), &journal);
    assert_eq!(receiver.take(1).await, stored(&journal), "an address is a name too");
    delivery.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn udp_gets_one_datagram_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let target = Target::Udp { name: "arr".to_owned(), host: "127.0.0.1".to_owned(), port };
    let delivery = start(target, &journal);
    record(&journal, 3).await;
    for expected in stored(&journal) {
        let mut datagram = vec![0; 65_536];
        let length = timeout(PATIENCE, receiver.recv(&mut datagram)).await.unwrap().unwrap();
        assert_eq!(datagram[..length], expected);
    }
    delivery.shutdown(PATIENCE).await;
    assert_eq!(journal.cursor("arr"), 3);
}

#[tokio::test]
async fn a_cursor_that_cannot_be_saved_ends_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    // three batches; after each the cursor is tried
    record(&journal, 130).await;
    drop(journal);
    // no segment can be begun, as on a full disk
    let blocked = folder.path().join("audit/next");
    std::fs::create_dir(&blocked).unwrap();
    let full = Shape { segment_bytes: 0, step_bytes: 0, reserve_bytes: 2 << 20 };
    let journal = journal_with(&folder, full);
    let target = Target::Udp { name: "arr".to_owned(), host: "127.0.0.1".to_owned(), port };
    let times = Times { poll: Duration::from_micros(1), ..Times::default() };
    let delivery = start_with(times, target, &journal);
    until(&delivery, |standing| standing.confirmed == 130).await;
    let standing = delivery.standing().unwrap().remove(0);
    assert_eq!((standing.failures, standing.sent, journal.cursor("arr")), (0, 130, 0));
    std::fs::remove_dir(&blocked).unwrap();
    let saved = async {
        while journal.cursor("arr") < 130 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, saved).await.unwrap();
}

#[tokio::test]
async fn a_record_that_no_receiver_takes_holds_up_no_other() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let journal = journal(&folder);
    let mut receiver = Receiver::start(&authority, 0).await;
    record(&journal, 1).await;
    // no event makes one, but a file may hold it
    journal.record_text("x".repeat(2 << 20)).await;
    record(&journal, 1).await;
    let delivery = start(target(&authority, receiver.port), &journal);
    let stored = [journal.after(0, 1).unwrap(), journal.after(2, 1).unwrap()].concat();
    let stored: Vec<_> = stored.into_iter().map(|record| record.message).collect();
    assert!(receiver.take(2).await == stored);
    until(&delivery, |standing| standing.backlog == 0 && standing.skipped == 1).await;
    delivery.shutdown(PATIENCE).await;
    assert_eq!(journal.cursor("arr"), 3);
}

#[tokio::test]
async fn wrong_settings_are_refused_at_start() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let journal = journal(&folder);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let start = |targets: Vec<Target>| {
        let targets = targets.into_iter().map(|target| (target, Wanted::All)).collect();
        let settings = Settings { targets, times: Times::default() };
        Delivery::start(settings, &journal, &random).err()
    };
    let good = || target(&authority, 1);
    assert!(matches!(start(vec![good(), good()]), Some(Error::TargetTwice { .. })));
    for (ca, bad_identity) in
        [(b"none".to_vec(), false), (authority.certificate.to_pem().unwrap(), true)]
    {
        let Target::Tls { name, host, port, server_name, identity, .. } = good() else { return };
        let identity = identity.map(|(own, private)| {
            (own, if bad_identity { key().private_key_to_pem_pkcs8().unwrap() } else { private })
        });
        let bad = Target::Tls { name, host, port, server_name, ca_pem: ca, identity };
        assert!(!format!("{bad:?}").contains("PRIVATE"));
        assert!(matches!(
            start(vec![bad]),
            Some(Error::TargetWithoutCa { .. } | Error::TargetTls { .. })
        ));
    }
}
