//! Which assertions are believed, and what is told of the others: one fault to the sender, the true reason to audit.

mod accepted;
mod foreign;
mod holder;
mod moved;
mod refused;

use glassgate::client::{Answer, Ask, Client, Entity, Query};
use glassgate::clock::{Clock, SystemClock, SystemRandom, Timestamp, uuid};
use glassgate::demo::world::{self, Partner};
use glassgate::dsig::{SigningKey, sign};
use glassgate::saml::issue::{self, Order};
use glassgate::soap::{Packaging, action};
use glassgate::xds::{QueryAnswer, Status};

use crate::world::{between, kinds, order, shared};

const SAML: &str = "partners/riverside/saml";

/// The envelope that carries this text in its Security header, and its message id.
struct Letter {
    ask: Ask,
    envelope: String,
}

impl Letter {
    fn new(security: String) -> Self {
        let message_id = uuid(&SystemRandom).unwrap();
        let ask = Ask { assertion: security, message_id, to: None };
        let body = Query::find_documents(&world::patient_id(1001)).body();
        let envelope = ask.envelope(action::QUERY, "https://gateway.example/xca/query", &body);
        Self { ask, envelope }
    }

    /// Changes the envelope; `from` must be there.
    fn edited(mut self, from: &str, to: &str) -> Self {
        assert!(self.envelope.contains(from), "{from}");
        self.envelope = self.envelope.replacen(from, to, 1);
        self
    }

    async fn send(&self, partner: &Partner) -> Answer<QueryAnswer> {
        let client = shared().client(partner);
        let soap = self.ask.entity(action::QUERY, "", "<q/>", Packaging::Simple);
        let entity = Entity { body: self.envelope.clone().into(), ..soap };
        Client::read_query(client.post(client.query_url(), entity).await.unwrap()).unwrap()
    }

    /// Sends it as Riverside, who gets all five documents; gives the record.
    async fn is_believed(&self) -> String {
        let answer = self.send(&world::RIVERSIDE).await;
        let found = answer.outcome.answered().unwrap_or_else(|| panic!("{}", answer.xml));
        assert_eq!((answer.status, found.status), (200, Status::Success));
        assert_eq!(found.documents.len(), 5);
        let records = shared().records(&self.ask).await;
        let success = ("ITI-38".to_owned(), "0".to_owned());
        assert!(kinds(&records).iter().all(|kind| *kind == success), "{records:?}");
        records.last().unwrap().clone()
    }
}

/// What a Riverside physician's assertion is ordered as.
fn riverside() -> Order {
    order(&world::RIVERSIDE, "TREAT")
}

fn key(name: &str) -> SigningKey {
    let path = shared().stage.layout.pki().join(name);
    let read = |kind: &str| std::fs::read(path.with_extension(kind)).unwrap();
    SigningKey::from_pem(&read("key"), &read("crt")).unwrap()
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// An assertion before it is signed.
#[derive(Clone)]
struct Draft {
    xml: String,
    id: String,
}

impl Draft {
    fn new(order: &Order) -> Self {
        let unsigned = issue::assertion(order, &SystemRandom, now()).unwrap();
        Self { xml: unsigned.xml, id: unsigned.id }
    }

    /// Changes it; `from` must be there.
    fn edited(&self, from: &str, to: &str) -> Self {
        assert!(self.xml.contains(from), "{from} is not in {}", self.xml);
        Self { xml: self.xml.replacen(from, to, 1), id: self.id.clone() }
    }

    fn piece(&self, start: &str, end: &str) -> String {
        piece(&self.xml, start, end)
    }

    fn signed(&self) -> String {
        self.signed_by(SAML)
    }

    fn signed_by(&self, name: &str) -> String {
        sign(&self.xml, &self.id, &key(name)).unwrap()
    }
}

fn signed(order: &Order) -> String {
    Draft::new(order).signed()
}

/// From a start to an end, both included; for pieces whose inside differs each time.
fn piece(text: &str, start: &str, end: &str) -> String {
    format!("{start}{}{end}", between(text, start, end).unwrap())
}
