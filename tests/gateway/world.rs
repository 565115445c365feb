//! One demo world for all tests of this binary, and the few words that tests need.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use glassgate::audit::Journal;
use glassgate::client::{Ask, Client, Signer};
use glassgate::clock::{SystemClock, SystemRandom};
use glassgate::config;
use glassgate::demo::{Layout, Stage, pki, world};
use glassgate::ids::HomeCommunityId;
use glassgate::saml::issue::Order;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::record::Record;
use crate::shelf;

/// How long an audit record may take to arrive; a failed test waits for it, a good one does not.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway on a free port with the demo's data, its receiver, and a runtime to ask with.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) runtime: Runtime,
    /// The gateway's own journal, to be read.
    pub(crate) journal: Journal,
    /// What was read of it so far; record 1 stands first.
    pub(crate) seen: Mutex<Vec<String>>,
    clients: Vec<(&'static str, Client)>,
}

/// The world that all tests share; nothing in it may be changed.
pub(crate) fn shared() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::with("gateway", |_| ()))
}

/// Runs a test's questions.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    shared().runtime.block_on(future)
}

impl World {
    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        let address = self.stage.management_url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// A world of that name, into whose data something is put beforehand; what is there is left as it is.
    pub(crate) fn with(name: &str, prepare: impl FnOnce(&Layout)) -> Self {
        Self::changed(name, prepare, &[])
    }

    /// The same with other settings: each first text is replaced wherever it stands, and must stand somewhere.
    pub(crate) fn changed(
        name: &str,
        prepare: impl FnOnce(&Layout),
        changes: &[(&str, &str)],
    ) -> Self {
        Self::amended(name, prepare, |toml| {
            changes.iter().fold(toml, |toml, (from, to)| {
                assert!(toml.contains(from), "{from} is not in {toml}");
                toml.replace(from, to)
            })
        })
    }

    /// The same with another configuration.
    pub(crate) fn amended(
        name: &str,
        prepare: impl FnOnce(&Layout),
        amend: impl FnOnce(String) -> String,
    ) -> Self {
        // nothing drops a static: the next run clears up after this one
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _none = std::fs::remove_dir_all(&directory);
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        let layout = Layout::new(&directory);
        pki::copy(&certs, &layout.pki()).unwrap();
        shelf::write(&layout.data());
        prepare(&layout);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stage = runtime.block_on(Stage::set_with(&directory, 0, amend)).unwrap();
        let config = config::read(&layout.config()).unwrap();
        let journal = Journal::open(config.journal, &SystemRandom).unwrap();
        let client = |partner: world::Partner| (partner.name, stage.client(partner.name).unwrap());
        let clients = world::PARTNERS.map(client).to_vec();
        let seen = Mutex::default();
        Self { stage, runtime, journal, seen, clients }
    }

    /// A partner's client; its connections are kept.
    pub(crate) fn client(&self, partner: &world::Partner) -> Client {
        let (_, client) = self.clients.iter().find(|(name, _)| *name == partner.name).unwrap();
        client.clone()
    }

    /// A key of the PKI, such as `partners/riverside/saml`.
    pub(crate) fn signer(&self, name: &str) -> Signer {
        let read = |kind: &str| {
            let path: PathBuf = self.stage.layout.pki().join(format!("{name}.{kind}"));
            std::fs::read(path).unwrap()
        };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Signer::from_pem(&read("key"), &read("crt"), clock, random).unwrap()
    }

    /// A request of a partner's user.
    pub(crate) fn ask(&self, partner: &world::Partner, order: &Order) -> Ask {
        self.signer(&format!("partners/{}/saml", partner.name)).ask(order).unwrap()
    }

    /// The records that mention `needle`, once there is one.
    pub(crate) async fn mentions(&self, needle: &str) -> Vec<String> {
        self.stage.receiver.wait(needle, PATIENCE, |records| !records.is_empty()).await
    }

    /// All records of one request; its own, an ITI-38, ITI-39 or 110122, arrives last.
    pub(crate) async fn records(&self, ask: &Ask) -> Vec<String> {
        self.records_of(&ask.message_id).await
    }

    /// The same for a request that another client sent.
    pub(crate) async fn records_of(&self, message_id: &str) -> Vec<String> {
        let complete = |records: &[String]| {
            let last = records.last().map(|record| event_type(record));
            last.is_some_and(|code| matches!(code.as_str(), "ITI-38" | "ITI-39" | "110122"))
        };
        self.stage.receiver.wait(message_id, PATIENCE, complete).await
    }
}

/// What a partner's physician says of himself; change what the test is about.
pub(crate) fn order(partner: &world::Partner, purpose: &str) -> Order {
    Order {
        issuer: partner.issuer.to_owned(),
        subject: "user-7".to_owned(),
        audience: world::HOME.to_owned(),
        lifetime: Duration::from_secs(300),
        purposes: vec![world::purpose(purpose)],
        roles: vec![world::role(world::PHYSICIAN)],
        home_community: HomeCommunityId::parse(partner.home).ok(),
        ..Order::default()
    }
}

/// The EventTypeCode of a record.
pub(crate) fn event_type(record: &str) -> String {
    between(record, "<EventTypeCode csd-code=\"", "\"").unwrap_or_default()
}

/// The EventOutcomeIndicator of a record.
pub(crate) fn outcome(record: &str) -> String {
    between(record, "EventOutcomeIndicator=\"", "\"").unwrap_or_default()
}

/// EventTypeCode and outcome of each record.
pub(crate) fn kinds(records: &[String]) -> Vec<(String, String)> {
    records.iter().map(|record| (event_type(record), outcome(record))).collect()
}

/// The EventOutcomeDescription of a record.
pub(crate) fn reason(record: &str) -> String {
    Record::read(record).description
}

/// What stands between two texts, the first time.
pub(crate) fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found.to_owned())
}
