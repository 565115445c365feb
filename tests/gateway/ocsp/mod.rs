//! OCSP: what responders say is asked behind the requests' back, and holds from then on.

mod answers;
mod responder;

use std::time::{Duration, Instant};

use glassgate::client::{Ask, Query};
use glassgate::clock::{SystemRandom, uuid};
use glassgate::demo::world::{self, HILLTOP, Partner, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::soap::{Fault, Packaging};

use crate::record::kinds;
use crate::session::Session;
use crate::tls::is_answered;
use crate::wire::{Visitor, context_of, exchange, shake};
use crate::world::{World, order};
use responder::{By, Manner, Responder, Status};

/// A failed test waits for it, a good one does not.
const PATIENCE: Duration = Duration::from_secs(30);
const SAML: &str = "partners/riverside/saml";
const TLS: &str = "partners/riverside/tls";

/// A gateway that asks a responder about the certificates of `[[issuer]]` or of `[server]`.
struct Asking {
    world: World,
    responder: Responder,
}

impl Asking {
    /// `asking` stands in place of `place`, with the responder's address for `URL`.
    fn new(name: &str, manner: Manner, place: &str, asking: &str) -> Self {
        let responder = Responder::start(manner);
        let asking = asking.replace("URL", &responder.url);
        let world = World::amended(
            name,
            |_| (),
            |toml| {
                assert!(toml.contains(place), "{place}");
                toml.replacen(place, &asking, 1)
            },
        );
        Self { world, responder }
    }

    /// How often asking came to that.
    async fn count(&self, outcome: &str) -> u64 {
        let line = format!(
            "glassgate_ocsp_answers_total{{responder=\"{}\",outcome=\"{outcome}\"}} ",
            self.responder.url
        );
        let metrics = self.world.metrics().await;
        let count = metrics.lines().find_map(|text| text.strip_prefix(&line));
        count.map_or(0, |count| count.parse().unwrap())
    }

    async fn until(&self, outcome: &str, count: u64) {
        let end = Instant::now() + PATIENCE;
        while self.count(outcome).await < count {
            assert!(Instant::now() < end, "{outcome}: {}", self.world.metrics().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The responder is so from now on, and has been asked since.
    async fn changes(&self, manner: Manner, outcome: &str) {
        let before = self.count(outcome).await;
        self.responder.is(manner);
        self.world.stage.reload().await;
        self.until(outcome, before + 1).await;
    }

    /// Whether it is believed; otherwise everybody hears the same, and audit the reason.
    async fn believed(&self, partner: &Partner, ask: &Ask) -> Result<(), String> {
        let body = Query::find_documents(&world::patient_id(1001)).body();
        let raw = self.world.post(partner, ask, Transaction::Query, &body, Packaging::Simple).await;
        let records = self.world.journalled(ask);
        if raw.status == 200 {
            assert!(records.last().unwrap().is("ITI-38", "0"), "{records:?}");
            return Ok(());
        }
        assert_eq!((raw.status, kinds(&records)), (400, vec![("110122", "8")]));
        let told = std::str::from_utf8(&raw.body).unwrap();
        let relates = format!("<wsa:RelatesTo>urn:uuid:{}</wsa:RelatesTo>", ask.message_id);
        assert_eq!(told.replace(&relates, ""), Fault::security().envelope(None));
        Err(records.last().unwrap().description.clone())
    }
}

/// The same assertion in another message.
fn again(ask: &Ask) -> Ask {
    Ask { message_id: uuid(&SystemRandom).unwrap(), ..ask.clone() }
}

const PINNED: &str =
    "certificates = [\"pki/partners/riverside/saml.crt\", \"pki/partners/riverside/saml-ec.crt\"]";
/// One certificate, so that one answer is all that there is to wait for.
const ONE: &str = "certificates = [\"pki/partners/riverside/saml.crt\"]";
const GOOD: Manner = Manner::Says(Status::Good, By::Authority);

#[test]
fn a_signer_who_is_revoked_is_refused_from_the_answer_on() {
    let pinned =
        format!("{ONE}\nroots = [\"pki/ca.crt\"]\nocsp = \"ask\"\nocsp_responder = \"URL\"");
    let ca = "roots = [\"pki/ca.crt\"]\nsubjects = [\"O=riverside, CN=sts.riverside.example\"]\n\
              ocsp = \"ask\"\nocsp_responder = \"URL\"";
    let trusts = "trust = \"pinned\"\n".to_owned() + PINNED;
    for (name, asking) in [("ocsp-pinned", pinned), ("ocsp-ca", format!("trust = \"ca\"\n{ca}"))] {
        let place = if name == "ocsp-ca" { trusts.as_str() } else { PINNED };
        let asking = Asking::new(name, GOOD, place, &asking);
        asking.world.runtime.block_on(async {
            let ask = asking.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
            assert_eq!(asking.believed(&RIVERSIDE, &ask).await, Ok(()), "{name}");
            asking.until("good", 1).await;
            // its signature is remembered by now
            assert_eq!(asking.believed(&RIVERSIDE, &again(&ask)).await, Ok(()), "{name}");

            asking.changes(Manner::Says(Status::Revoked(SAML), By::Delegate), "revoked").await;
            for purpose in ["TREAT", "BTG"] {
                let fresh = asking.world.ask(&RIVERSIDE, &order(&RIVERSIDE, purpose));
                for ask in [again(&ask), fresh] {
                    let why = asking.believed(&RIVERSIDE, &ask).await.unwrap_err();
                    let told = "certificate O=riverside, CN=sts.riverside.example was revoked, \
                                as its OCSP responder says";
                    assert!(why.contains(told), "{name}: {why}");
                }
            }
            let refused = "partner=\"riverside\",outcome=\"certificate-revoked-by-ocsp\"} 4";
            assert!(
                asking.world.metrics().await.contains(refused),
                "{}",
                asking.world.metrics().await
            );
            let other = asking.world.ask(&HILLTOP, &order(&HILLTOP, "TREAT"));
            assert_eq!(asking.believed(&HILLTOP, &other).await, Ok(()));

            // a silent responder does not restore what it took, and neither does a reload
            asking.changes(Manner::Closes, "unreachable").await;
            assert!(asking.believed(&RIVERSIDE, &again(&ask)).await.is_err());
            asking.changes(GOOD, "good").await;
            assert_eq!(asking.believed(&RIVERSIDE, &again(&ask)).await, Ok(()), "{name}");
        });
    }
}

#[test]
fn a_responder_without_a_usable_answer_changes_nothing() {
    let asking =
        format!("{ONE}\nroots = [\"pki/ca.crt\"]\nocsp = \"ask\"\nocsp_responder = \"URL\"");
    let asking = Asking::new("ocsp-soft", Manner::Closes, PINNED, &asking);
    asking.world.runtime.block_on(async {
        asking.until("unreachable", 1).await;
        let revoked = Status::Revoked(SAML);
        for (manner, outcome) in [
            (Manner::Garbage, "unreadable"),
            (Manner::Huge, "too-large"),
            (Manner::Redirects, "http-status"),
            (Manner::Says(Status::Unknown, By::Authority), "unknown"),
            (Manner::Says(revoked, By::Stranger), "unverified"),
        ] {
            asking.changes(manner, outcome).await;
            let ask = asking.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
            assert_eq!(asking.believed(&RIVERSIDE, &ask).await, Ok(()), "{outcome}");
        }
        assert_eq!(asking.count("revoked").await + asking.count("good").await, 0);
    });
}

#[test]
fn a_responder_that_hangs_keeps_nobody_waiting() {
    let ca = "trust = \"ca\"\nroots = [\"pki/ca.crt\"]\n\
              subjects = [\"O=riverside, CN=sts.riverside.example\"]\n\
              ocsp = \"ask\"\nocsp_responder = \"URL\"";
    let trusts = "trust = \"pinned\"\n".to_owned() + PINNED;
    let asking = Asking::new("ocsp-hangs", Manner::Hangs, &trusts, ca);
    asking.world.runtime.block_on(async {
        let begun = Instant::now();
        for purpose in ["BTG", "TREAT", "BTG"] {
            let ask = asking.world.ask(&RIVERSIDE, &order(&RIVERSIDE, purpose));
            assert_eq!(asking.believed(&RIVERSIDE, &ask).await, Ok(()), "{purpose}");
        }
        // they were answered before the responder was given up
        assert_eq!(asking.count("unreachable").await, 0);
        assert!(begun.elapsed() < glassgate::limits::OCSP_TIME, "{:?}", begun.elapsed());
        asking.until("unreachable", 1).await;
        assert!(begun.elapsed() >= glassgate::limits::OCSP_TIME);
    });
}

#[test]
fn a_client_that_is_revoked_is_shut_out_of_open_new_and_resumed_connections() {
    let asking =
        "client_ca = \"pki/ca.crt\"\nclient_ocsp = \"ask\"\nclient_ocsp_responder = \"URL\"";
    let asking = Asking::new("ocsp-tls", GOOD, "client_ca = \"pki/ca.crt\"", asking);
    let pki = asking.world.stage.layout.pki();
    let port: u16 = asking.world.stage.url.rsplit(':').next().unwrap().parse().unwrap();
    // of whom settings name they are asked before he comes
    asking.world.runtime.block_on(asking.until("good", 2));
    let sessions =
        [Session::begin(&pki, TLS, port, "-tls1_2"), Session::begin(&pki, TLS, port, "-tls1_3")];
    asking.world.runtime.block_on(async {
        let connect = async |name: &str| {
            let stream = Visitor::new().connect(port).await;
            shake(stream, &context_of(&pki, name).build()).await.unwrap()
        };
        let (mut open, mut other) = (connect(TLS).await, connect("partners/hilltop/tls").await);
        assert!(is_answered(&mut open).await && is_answered(&mut other).await);
        for session in &sessions {
            assert_eq!(session.resume(), Ok("Reused".to_owned()));
        }

        asking.changes(Manner::Says(Status::Revoked(TLS), By::Authority), "revoked").await;
        assert!(!is_answered(&mut open).await, "revoked, and answered");
        assert!(is_answered(&mut other).await);
        let visitor = Visitor::new();
        let stream = shake(visitor.connect(port).await, &context_of(&pki, TLS).build()).await;
        if let Ok(stream) = stream {
            assert_eq!(
                exchange(stream, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.status,
                0
            );
        }
        for session in &sessions {
            assert!(session.resume().is_err());
        }
        let told = "certificate O=riverside, CN=gateway.riverside.example was revoked, \
                    as its OCSP responder says";
        let records = asking.world.mentions(told).await;
        assert!(records.iter().all(|record| record.contains("110126")), "{records:?}");
    });
}
