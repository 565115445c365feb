//! What is configured of partners and issuers, and read anew while the gateway serves.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use glassgate::client::{Ask, Client, Query, Raw, Settings};
use glassgate::clock::{SystemRandom, uuid};
use glassgate::config;
use glassgate::demo::world::{self, HILLTOP, Partner, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::ids::PatientId;
use glassgate::saml::issue::Order;
use glassgate::server::Server;
use glassgate::soap::{Fault, Packaging, action};

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::asked::{document, numbers, without_uuids};
use crate::record::{Record, kinds};
use crate::tls::list;
use crate::wire::{context_of, exchange, post, shake};
use crate::world::{World, order};

const PATIENCE: Duration = Duration::from_secs(20);
/// What the demo's configuration says of Riverside alone.
const RIVERSIDES: &str = "issuers = [\"https://sts.riverside.example\"]\n";
const HILLTOPS: &str = "issuers = [\"https://sts.hilltop.example\"]\n";

/// A world whose settings change; one test at a time has it.
struct Edited {
    world: World,
    base: String,
}

fn edited() -> MutexGuard<'static, Edited> {
    static EDITED: OnceLock<Mutex<Edited>> = OnceLock::new();
    let make = || {
        let world = World::with("partners", |_| ());
        let base = std::fs::read_to_string(world.stage.layout.config()).unwrap();
        Mutex::new(Edited { world, base })
    };
    // a test that failed leaves settings that the next one replaces
    EDITED.get_or_init(make).lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Edited {
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.world.runtime.block_on(future)
    }

    fn changed(&self, changes: &[(&str, &str)]) -> String {
        changes.iter().fold(self.base.clone(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        })
    }

    fn write(&self, text: &str) {
        std::fs::write(self.world.stage.layout.config(), text).unwrap();
    }

    /// Changes the settings and waits until they are in force, or refused; gives the record of it.
    async fn reload(&self, text: &str) -> Record {
        let before = self.rereadings().len();
        self.write(text);
        self.world.stage.reload().await;
        self.reread(before).await
    }

    async fn under(&self, changes: &[(&str, &str)]) {
        let record = self.reload(&self.changed(changes)).await;
        assert!(record.is("110129", "0"), "{record:?}");
    }

    /// The next record of a rereading after so many.
    async fn reread(&self, before: usize) -> Record {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(record) = self.rereadings().into_iter().nth(before) {
                return record;
            }
            assert!(std::time::Instant::now() < end, "the settings are not read");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn rereadings(&self) -> Vec<Record> {
        self.kept(|record| record.kind == "110129")
    }

    fn kept(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Record> {
        let (mut seq, mut records) = (0, Vec::new());
        loop {
            let batch = self.world.journal.after(seq, usize::MAX).unwrap();
            let Some(last) = batch.last() else { return records };
            seq = last.seq;
            let read = batch.iter().map(|one| Record::read(str::from_utf8(&one.message).unwrap()));
            records.extend(read.filter(|record| wanted(record)));
        }
    }

    async fn post(&self, partner: &Partner, ask: &Ask) -> Raw {
        let body = Query::find_documents(&world::patient_id(1001)).body();
        self.world.post(partner, ask, Transaction::Query, &body, Packaging::Simple).await
    }

    /// Whether it is believed; otherwise everybody hears the same, and audit the reason.
    async fn believed(&self, partner: &Partner, ask: &Ask) -> Result<(), String> {
        let raw = self.post(partner, ask).await;
        let record = self.world.journalled(ask).pop().unwrap();
        if raw.status == 200 {
            assert!(record.is("ITI-38", "0"), "{record:?}");
            return Ok(());
        }
        assert_eq!(raw.status, 400);
        assert!(record.is("110122", "8"), "{record:?}");
        let told = std::str::from_utf8(&raw.body).unwrap();
        let relates = format!("<wsa:RelatesTo>urn:uuid:{}</wsa:RelatesTo>", ask.message_id);
        assert_eq!(told.replace(&relates, ""), Fault::security().envelope(None));
        Err(record.description)
    }
}

/// The same assertion in another message.
fn again(ask: &Ask) -> Ask {
    Ask { message_id: uuid(&SystemRandom).unwrap(), ..ask.clone() }
}

#[test]
fn settings_are_read_anew_without_dropping_a_request() {
    let edited = edited();
    edited.run(async {
        edited.under(&[]).await;
        let world = &edited.world;
        let asking = async {
            for _ in 0..60 {
                let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
                assert_eq!(edited.believed(&RIVERSIDE, &ask).await, Ok(()));
            }
        };
        let reading = async {
            for _ in 0..10 {
                edited.under(&[]).await;
            }
        };
        tokio::join!(asking, reading);

        // what is withdrawn is gone at once, over a connection that stays open
        edited.under(&[(RIVERSIDES, HILLTOPS)]).await;
        let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let why = edited.believed(&RIVERSIDE, &ask).await.unwrap_err();
        assert!(why.starts_with("the issuer is not listed for the partner"), "{why}");
        let certificate = "tls_certificates = [\"pki/partners/riverside/tls.crt\"]";
        let other = "tls_certificates = [\"pki/stranger/tls.crt\"]";
        edited.under(&[(certificate, other)]).await;
        let why = edited.believed(&RIVERSIDE, &again(&ask)).await.unwrap_err();
        assert!(why.starts_with("the TLS client certificate names no partner"), "{why}");
        edited.under(&[]).await;
        assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()));
    });
}

#[test]
fn a_bad_file_changes_nothing_and_says_so() {
    let edited = edited();
    edited.run(async {
        edited.under(&[]).await;
        let ask = edited.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let home = format!("home_community_id = \"{}\"", world::HOME);
        for (text, why) in [
            ("no TOML".to_owned(), "settings refused, the former stay"),
            (edited.changed(&[(RIVERSIDES, "issuers = [\"urn:x\"]\n")]), "`partner[0].issuers`"),
            (edited.changed(&[("riverside/saml.crt", "riverside/gone.crt")]), "gone.crt"),
            // the audiences of another address or community while the former is in force
            (
                edited.changed(&[("public_url = \"", "public_url = \"https://other.example\" #")]),
                "`server.public_url`",
            ),
            (
                edited.changed(&[(&home, "home_community_id = \"urn:oid:2.999.77\"")]),
                "`community.home_community_id`: has changed",
            ),
        ] {
            let record = edited.reload(&text).await;
            assert!(record.is("110129", "4"), "{record:?}");
            assert!(record.description.contains(why), "{}", record.description);
            assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()), "{why}");
        }
        // what waits for a restart is named
        let record = edited
            .reload(&edited.changed(&[("[audit]", "[log]\nlevel = \"warn\"\n[audit]")]))
            .await;
        assert!(record.is("110129", "0"), "{record:?}");
        assert!(record.description.contains("; at the next start: log.level;"), "{record:?}");
    });
}

#[test]
fn a_changed_file_is_noticed_and_so_is_a_certificate() {
    let edited = edited();
    edited.run(async {
        edited.under(&[]).await;
        let before = edited.rereadings().len();
        edited.write(&edited.changed(&[(RIVERSIDES, HILLTOPS)]));
        assert!(edited.reread(before).await.is("110129", "0"));
        let ask = edited.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        assert!(edited.believed(&RIVERSIDE, &ask).await.is_err());
        edited.under(&[]).await;
        assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()));
        // the issuer rolls its key over: the file alone changes
        let file = edited.world.stage.layout.partner("riverside", "saml.crt");
        let (own, other) = (
            std::fs::read(&file).unwrap(),
            edited.world.stage.layout.partner("hilltop", "saml.crt"),
        );
        let before = edited.rereadings().len();
        std::fs::copy(other, &file).unwrap();
        assert!(edited.reread(before).await.is("110129", "0"));
        let why = edited.believed(&RIVERSIDE, &again(&ask)).await.unwrap_err();
        assert!(why.contains("not made by a key of the issuer"), "{why}");
        std::fs::write(&file, own).unwrap();
        edited.under(&[]).await;
    });
}

#[test]
fn new_connections_see_a_new_certificate_and_are_held_to_new_authorities() {
    let edited = edited();
    edited.run(async {
        let layout = &edited.world.stage.layout;
        let port: u16 = edited.world.stage.url.rsplit(':').next().unwrap().parse().unwrap();
        let context = context_of(&layout.pki(), "partners/riverside/tls").build();
        let connect = async || {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            shake(stream, &context).await.unwrap()
        };
        let shown = async || {
            let subject = connect().await.ssl().peer_certificate().unwrap().subject_name().to_der();
            String::from_utf8_lossy(&subject.unwrap()).into_owned()
        };
        edited.under(&[]).await;
        assert!(shown().await.contains("gateway.lakeside.example"));
        // the first in the file are the listener's
        let certificate =
            ("certificate = \"pki/gateway/tls.crt\"", "certificate = \"pki/receiver/tls.crt\"");
        let key = ("key = \"pki/gateway/tls.key\"", "key = \"pki/receiver/tls.key\"");
        edited.under(&[certificate, key]).await;
        assert!(shown().await.contains("audit.lakeside.example"));
        // an authority that is no longer believed lets nobody in
        edited
            .under(&[("client_ca = \"pki/ca.crt\"", "client_ca = \"pki/stranger/ca.crt\"")])
            .await;
        let request = post("/xca/query", Some("application/soap+xml"), b"");
        assert_eq!(exchange(connect().await, &request).await.status, 0);
        edited.under(&[]).await;
        assert_eq!(exchange(connect().await, &request).await.status, 400);
    });
}

#[test]
fn an_issuer_serves_each_partner_that_lists_it() {
    let edited = edited();
    edited.run(async {
        let world = &edited.world;
        let national = Order { home_community: None, ..order(&RIVERSIDE, "TREAT") };
        let ask = world.ask(&RIVERSIDE, &national);
        edited.under(&[]).await;
        assert!(edited.believed(&HILLTOP, &again(&ask)).await.is_err());
        let both =
            "issuers = [\"https://sts.hilltop.example\", \"https://sts.riverside.example\"]\n";
        edited.under(&[(HILLTOPS, both)]).await;
        assert_eq!(edited.believed(&HILLTOP, &again(&ask)).await, Ok(()));
        assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()));
        // it is still Hilltop that asks: Riverside's community is not its own
        let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let why = edited.believed(&HILLTOP, &ask).await.unwrap_err();
        assert!(why.starts_with("home community urn:oid:2.999.2 is not the partner's"), "{why}");
    });
}

#[test]
fn a_certificate_of_the_network_counts_by_name_and_chain() {
    let edited = edited();
    edited.run(async {
        let pinned = "trust = \"pinned\"\ncertificates = [\"pki/partners/riverside/saml.crt\", \
                      \"pki/partners/riverside/saml-ec.crt\"]";
        let ca = |root: &str| {
            format!(
                "trust = \"ca\"\nroots = [\"{root}\"]\nsubjects = [\"CN=sts.riverside.example, \
                 O=riverside\"]\nalternative_names = [\"sts-ec.riverside.example\"]"
            )
        };
        let world = &edited.world;
        let by = |name: &str| world.signer(name).ask(&order(&RIVERSIDE, "TREAT")).unwrap();
        edited.under(&[(pinned, &ca("pki/ca.crt"))]).await;
        for name in ["partners/riverside/saml", "partners/riverside/saml-ec"] {
            let ask = by(name);
            assert_eq!(edited.believed(&RIVERSIDE, &ask).await, Ok(()), "{name}");
            assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()), "{name}");
        }
        let why = edited.believed(&RIVERSIDE, &by("partners/hilltop/saml")).await.unwrap_err();
        assert!(why.starts_with("certificate: no certificate bears the issuer's name"), "{why}");
        edited.under(&[(pinned, &ca("pki/stranger/ca.crt"))]).await;
        let why = edited.believed(&RIVERSIDE, &by("partners/riverside/saml")).await.unwrap_err();
        assert!(why.starts_with("certificate: no chain to the issuer's roots"), "{why}");
    });
}

#[test]
fn a_pinned_key_that_is_revoked_is_gone_with_the_next_reading() {
    let edited = edited();
    edited.run(async {
        let pki = edited.world.stage.layout.pki();
        let crl = pki.join("issuers.crl");
        let pinned = "certificates = [\"pki/partners/riverside/saml.crt\"";
        let roots = "roots = [\"pki/ca.crt\"]\ncrls = [\"pki/issuers.crl\"]\n";
        std::fs::write(&crl, list(&pki, "gateway/tls", 1)).unwrap();
        edited.under(&[(pinned, &format!("{roots}{pinned}"))]).await;
        let ask = edited.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        assert_eq!(edited.believed(&RIVERSIDE, &ask).await, Ok(()));
        for (revoked, days) in [("partners/riverside/saml", 1), ("gateway/tls", -2)] {
            std::fs::write(&crl, list(&pki, revoked, days)).unwrap();
            edited.under(&[(pinned, &format!("{roots}{pinned}"))]).await;
            let why = edited.believed(&RIVERSIDE, &again(&ask)).await.unwrap_err();
            assert!(why.starts_with("signature: "), "{why}");
            let other = edited.world.ask(&HILLTOP, &order(&HILLTOP, "TREAT"));
            assert_eq!(edited.believed(&HILLTOP, &other).await, Ok(()));
        }
        edited.under(&[]).await;
        assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()));
    });
}

#[test]
fn what_is_good_for_one_time_is_used_once() {
    let edited = edited();
    edited.run(async {
        let world = &edited.world;
        let once = format!("{RIVERSIDES}one_time = true\n");
        edited.under(&[(RIVERSIDES, &once)]).await;
        let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        assert_eq!(edited.believed(&RIVERSIDE, &ask).await, Ok(()));
        let why = edited.believed(&RIVERSIDE, &again(&ask)).await.unwrap_err();
        assert!(why.starts_with("the assertion was used before"), "{why}");
        assert!(!why.contains("unverified"), "a trusted key did sign: {why}");
        // at the other transaction too
        let documents = [document(&world::document_id(1001, 1))];
        let retrieve = again(&ask);
        let body = glassgate::xds::retrieve_request(&documents);
        let raw =
            world.post(&RIVERSIDE, &retrieve, Transaction::Retrieve, &body, Packaging::Mtom).await;
        assert_eq!(raw.status, 400);
        // of many at once one is the first
        let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let asks: Vec<Ask> = (0..6).map(|_| again(&ask)).collect();
        let outcomes =
            futures_util::future::join_all(asks.iter().map(|ask| edited.post(&RIVERSIDE, ask)));
        let believed = outcomes.await.iter().filter(|raw| raw.status == 200).count();
        assert_eq!(believed, 1);
        // what was refused was not used
        let wrong = Order { audience: "urn:x".into(), ..order(&RIVERSIDE, "TREAT") };
        let ask = world.ask(&RIVERSIDE, &wrong);
        for _ in 0..2 {
            let why = edited.believed(&RIVERSIDE, &again(&ask)).await.unwrap_err();
            assert!(why.starts_with("meant for another audience"), "{why}");
        }
    });
}

/// A gateway of its own on a settings file, until it is told to stop.
async fn serve(config: &Path) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let opened = config::read(config).unwrap().open().unwrap();
    let server = Server::bind(opened.server).await.unwrap();
    let url = format!("https://{}", server.address());
    let (stop, stopped) = oneshot::channel();
    let serving = server.serve(opened.gateway, opened.delivery, async move {
        let _stop = stopped.await;
    });
    (url, stop, tokio::spawn(serving))
}

#[test]
fn what_was_used_once_is_known_after_a_restart() {
    let edited = edited();
    edited.run(async {
        let layout = &edited.world.stage.layout;
        let mut text = edited.changed(&[(RIVERSIDES, &format!("{RIVERSIDES}one_time = true\n"))]);
        for key in ["listen", "management"] {
            let line = text.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap();
            text = text.replace(&line.to_owned(), &format!("{key} = \"127.0.0.1:0\""));
        }
        let text = text.replace("journal = \"audit/journal\"", "journal = \"audit/once\"");
        let config = layout.root().join("once.toml");
        std::fs::write(&config, text).unwrap();
        let ask = edited.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let mut statuses = Vec::new();
        for _ in 0..2 {
            let (url, stop, serving) = serve(&config).await;
            let read = |file: &str| std::fs::read(layout.partner("riverside", file)).unwrap();
            let ca = std::fs::read(layout.pki().join("ca.crt")).unwrap();
            let settings = Settings::at(&url, ca, read("tls.crt"), read("tls.key"));
            let client = Client::new(&settings).unwrap();
            let body = Query::find_documents(&world::patient_id(1001)).body();
            let entity = ask.entity(action::QUERY, client.query_url(), &body, Packaging::Simple);
            statuses.push(client.post(client.query_url(), entity).await.unwrap().status);
            drop(client);
            stop.send(()).unwrap();
            serving.await.unwrap();
        }
        assert_eq!(statuses, [200, 400]);
    });
}

#[test]
fn a_home_is_told_as_it_was_written() {
    let edited = edited();
    edited.run(async {
        edited.under(&[]).await;
        let world = &edited.world;
        let ask = || world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let find = Query::find_documents(&world::patient_id(1001));
        for home in ["urn:oid:2.999.1", "2.999.1", "URN:OID:2.999.1"] {
            let body = find.clone().of(home).body();
            let entries = world.query_as(&RIVERSIDE, &ask(), &body).await.answer.documents;
            assert_eq!(entries.len(), 5);
            assert!(entries.iter().all(|entry| entry.home.as_deref() == Some(home)), "{home}");
            let body = body.replace("LeafClass", "ObjectRef");
            let refs = world.query_as(&RIVERSIDE, &ask(), &body).await.xml;
            assert_eq!(refs.matches(&format!(" home=\"{home}\"")).count(), 5, "{refs}");
        }
        // who names none is told ours
        let entries = world.query_as(&RIVERSIDE, &ask(), &find.body()).await.answer.documents;
        assert!(entries.iter().all(|entry| entry.home.as_deref() == Some(world::HOME)));
    });
}

#[test]
fn an_id_over_other_octets_is_refused_only_where_ids_are_unique() {
    let edited = edited();
    edited.run(async {
        let constant = |subject: &str| {
            let (id, subject) = (Some("_forever".to_owned()), subject.to_owned());
            edited.world.ask(&RIVERSIDE, &Order { id, subject, ..order(&RIVERSIDE, "TREAT") })
        };
        edited.under(&[]).await;
        assert_eq!(edited.believed(&RIVERSIDE, &constant("one")).await, Ok(()));
        assert_eq!(edited.believed(&RIVERSIDE, &constant("two")).await, Ok(()));
        let counted = "glassgate_repeated_ids_total{partner=\"riverside\"} 1\n";
        assert!(edited.world.metrics().await.contains(counted));
        edited.under(&[(RIVERSIDES, &format!("{RIVERSIDES}unique_ids = true\n"))]).await;
        let why = edited.believed(&RIVERSIDE, &constant("three")).await.unwrap_err();
        assert!(why.starts_with("the assertion's ID was used before"), "{why}");
        // once more the same is no other
        let ask = edited.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        assert_eq!(edited.believed(&RIVERSIDE, &ask).await, Ok(()));
        assert_eq!(edited.believed(&RIVERSIDE, &again(&ask)).await, Ok(()));
    });
}

#[test]
fn a_required_resource_id_answers_like_a_patient_without_documents() {
    let edited = edited();
    edited.run(async {
        let world = &edited.world;
        let required = format!("{RIVERSIDES}resource_id = \"require\"\n");
        edited.under(&[(RIVERSIDES, &required)]).await;
        let speaking = |patient: Option<&str>| {
            let resource_id = patient.map(|cx| PatientId::parse(cx).unwrap());
            world.ask(&RIVERSIDE, &Order { resource_id, ..order(&RIVERSIDE, "TREAT") })
        };
        let his = world::patient_id(1001);
        let body = Query::find_documents(&his).body();
        let named = world.query_as(&RIVERSIDE, &speaking(Some(&his)), &body).await;
        assert_eq!(numbers(&named.answer), [1, 2, 3, 4, 5]);
        let nobody = Query::find_documents("NOBODY^^^&2.999.1.3&ISO").body();
        let nobody = world.query_as(&RIVERSIDE, &speaking(Some(&his)), &nobody).await;
        let other = world::patient_id(1002);
        for (stated, why) in [
            (None, "resource_id requires it"),
            (Some("P-1001^^^&2.999.77&ISO"), "resource_id requires it"),
            (Some(other.as_str()), "another patient's"),
        ] {
            let asked = world.query_as(&RIVERSIDE, &speaking(stated), &body).await;
            assert_eq!(without_uuids(&asked.raw.body), without_uuids(&nobody.raw.body));
            assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
            assert!(asked.records[0].description.contains(why), "{:?}", asked.records);
            // and at retrieve like an unknown id
            let documents = [document(&world::document_id(1001, 1))];
            let ask = speaking(stated);
            let asked = world.retrieve_as(&RIVERSIDE, &ask, &documents, Packaging::Simple).await;
            let unknown = [document("2.999.1.4.1001.99")];
            let missing =
                world.retrieve_as(&RIVERSIDE, &again(&ask), &unknown, Packaging::Simple).await;
            let text = without_uuids(&asked.raw.body).replace("2.999.1.4.1001.1", "X");
            let absent = without_uuids(&missing.raw.body).replace("2.999.1.4.1001.99", "X");
            assert_eq!(text, absent);
        }
        // where it is only compared, what is not comparable passes, with a note
        edited.under(&[]).await;
        let foreign = speaking(Some("P-1001^^^&2.999.77&ISO"));
        let asked = world.query_as(&RIVERSIDE, &foreign, &body).await;
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5]);
        let note = "of an authority that the patient has no identifier of";
        assert!(asked.records[0].description.contains(note), "{:?}", asked.records);
    });
}

#[test]
fn purposes_count_in_the_systems_that_were_agreed() {
    let edited = edited();
    edited.run(async {
        let nhin = format!("{RIVERSIDES}code_systems = [\"2.16.840.1.113883.3.18.7.1\"]\n");
        edited.under(&[(RIVERSIDES, &nhin)]).await;
        let ask = edited.world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let raw = edited.post(&RIVERSIDE, &ask).await;
        assert_eq!(raw.status, 200);
        assert!(std::str::from_utf8(&raw.body).unwrap().contains("the request is not permitted"));
        let record = edited.world.journalled(&ask).pop().unwrap();
        assert!(record.description.starts_with("purpose of use in code system"), "{record:?}");
    });
}

#[test]
fn too_many_failures_turn_the_next_requests_away_but_for_who_breaks_the_glass() {
    let edited = edited();
    edited.run(async {
        let world = &edited.world;
        edited.under(&[("clock_skew_s = 60", "clock_skew_s = 60\nfailures_per_s = 10")]).await;
        let treat = || world.ask(&HILLTOP, &order(&HILLTOP, "TREAT"));
        let forged = || Ask { assertion: "<x/>".into(), ..treat() };
        let alerts = || edited.kept(|record| record.description.contains(" requests failed, "));
        let flood = async {
            // until there is an alert, and for as long again
            let (mut refused, mut busy, mut left) = (0, 0, 200);
            while left > 0 {
                match edited.post(&HILLTOP, &forged()).await.status {
                    400 => refused += 1,
                    503 => busy += 1,
                    other => panic!("{other}"),
                }
                left -= usize::from(refused > 20);
                assert!(refused < 2_000);
            }
            busy
        };
        let others = async {
            let mut busy = 0;
            while busy == 0 {
                let ask = treat();
                let raw = edited.post(&HILLTOP, &ask).await;
                if raw.status == 503 {
                    busy += 1;
                    assert!(std::str::from_utf8(&raw.body).unwrap().contains("env:Receiver"));
                    assert_eq!(world.journalled(&ask), [], "no record of what was not read");
                }
            }
            // whoever says that he breaks the glass is heard, and recorded, whatever becomes of it
            let nurse = vec![world::role(world::NURSE)];
            let nurse = Order { roles: nurse, ..order(&HILLTOP, "BTG") };
            let nurse = world.ask(&HILLTOP, &nurse);
            assert_eq!(edited.post(&HILLTOP, &nurse).await.status, 200);
            assert_ne!(world.journalled(&nurse), []);
            // a physician who breaks the glass gets through, and another partner is not concerned
            let physician = world.ask(&HILLTOP, &order(&HILLTOP, "BTG"));
            assert_eq!(edited.post(&HILLTOP, &physician).await.status, 200);
            let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
            assert_eq!(edited.believed(&RIVERSIDE, &ask).await, Ok(()));
        };
        let (busy, ()) = tokio::join!(flood, others);
        assert!(busy > 0);
        // many failures are one alert
        let [alert] = &alerts()[..] else { panic!("{:?}", alerts()) };
        assert_eq!(alert.outcome, "8");
        let told = "20 requests failed, ";
        assert!(alert.description.starts_with(told), "{}", alert.description);
        assert!(alert.description.contains("the last one: signature: "), "{}", alert.description);
    });
}

#[test]
fn who_is_turned_away_hears_when_to_come_again() {
    let edited = edited();
    edited.run(async {
        edited.under(&[("clock_skew_s = 60", "clock_skew_s = 60\nfailures_per_s = 1")]).await;
        let port = edited.world.stage.url.rsplit(':').next().unwrap().parse().unwrap();
        let context =
            context_of(&edited.world.stage.layout.pki(), "partners/riverside/tls").build();
        // what cannot be read counts, and is turned away, as well
        let body = "<no soap/>";
        let request = post("/xca/query", Some("application/soap+xml"), body.as_bytes());
        let mut attempts = 0..100;
        let response = loop {
            assert!(attempts.next().is_some());
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            let response = exchange(shake(stream, &context).await.unwrap(), &request).await;
            if response.status == 503 {
                break response;
            }
            assert_eq!(response.status, 400);
        };
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.fault_codes(), ["env:Receiver"]);
        // the next test begins with what is left
        edited.under(&[]).await;
    });
}
