//! One demo world for all tests of this binary, and the few words that tests need.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "a module of several test binaries, each of which uses a part"
)]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use glassgate::client::{Ask, Client, Signer};
use glassgate::clock::{SystemClock, SystemRandom};
use glassgate::demo::{Stage, pki, world};
use glassgate::ids::HomeCommunityId;
use glassgate::saml::issue::Order;
use tokio::runtime::Runtime;

/// How long an audit record may take to arrive; a failed test waits for it, a good one does not.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway on a free port with the demo's data, its receiver, and a runtime to ask with.
pub struct World {
    pub stage: Stage,
    pub runtime: Runtime,
    _directory: tempfile::TempDir,
}

/// The world that all tests share; nothing in it may be changed.
pub fn shared() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

/// Runs a test's questions.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    shared().runtime.block_on(future)
}

impl World {
    /// A world of its own, for tests that change it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        pki::copy(&certs, &directory.path().join("pki")).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stage = runtime.block_on(Stage::set(directory.path(), 0)).unwrap();
        Self { stage, runtime, _directory: directory }
    }

    /// A partner's client.
    pub fn client(&self, partner: &world::Partner) -> Client {
        self.stage.client(partner.name).unwrap()
    }

    /// A key of the PKI, such as `partners/riverside/saml`.
    pub fn signer(&self, name: &str) -> Signer {
        let read = |kind: &str| {
            let path: PathBuf = self.stage.layout.pki().join(format!("{name}.{kind}"));
            std::fs::read(path).unwrap()
        };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Signer::from_pem(&read("key"), &read("crt"), clock, random).unwrap()
    }

    /// A request of a partner's user.
    pub fn ask(&self, partner: &world::Partner, order: &Order) -> Ask {
        self.signer(&format!("partners/{}/saml", partner.name)).ask(order).unwrap()
    }

    /// All records of one request; its own, an ITI-38, ITI-39 or 110122, arrives last.
    pub async fn records(&self, ask: &Ask) -> Vec<String> {
        self.records_of(&ask.message_id).await
    }

    /// The same for a request that another client sent.
    pub async fn records_of(&self, message_id: &str) -> Vec<String> {
        let complete = |records: &[String]| {
            let last = records.last().map(|record| event_type(record));
            last.is_some_and(|code| matches!(code.as_str(), "ITI-38" | "ITI-39" | "110122"))
        };
        self.stage.receiver.wait(message_id, PATIENCE, complete).await
    }
}

/// What a partner's physician says of himself; change what the test is about.
pub fn order(partner: &world::Partner, purpose: &str) -> Order {
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
pub fn event_type(record: &str) -> String {
    between(record, "<EventTypeCode csd-code=\"", "\"").unwrap_or_default()
}

/// The EventOutcomeIndicator of a record.
pub fn outcome(record: &str) -> String {
    between(record, "EventOutcomeIndicator=\"", "\"").unwrap_or_default()
}

/// EventTypeCode and outcome of each record.
pub fn kinds(records: &[String]) -> Vec<(String, String)> {
    records.iter().map(|record| (event_type(record), outcome(record))).collect()
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found.to_owned())
}
