//! What each step of a request costs, in process: CPU time of one thread, the median of batches.

mod bed;
#[allow(dead_code, reason = "each bench uses its part")]
mod table;
#[path = "bed/twelve.rs"]
mod twelve;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bed::world::{Asker, World, query};
use bed::{Failed, cpu, patient, quantile, say};
use glassgate::config::{self, Config};
use glassgate::consent::{self, Facts, PatientKey, Permit};
use glassgate::gateway::{Arrival, ReplyBody, Transaction};
use glassgate::ids::PatientId;
use glassgate::repository::{Criteria, Repository, embedded::Store};
use glassgate::saml::{self, Means, Peer, Trust};
use glassgate::soap::Message;
use glassgate::xml::{self, Bounds};
use glassgate::{clock, dsig, labels, policy, xds};
use table::{Row, Table};

// as in the program
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a step is repeated.
const TIME: Duration = Duration::from_secs(2);
/// Wall time of a batch: the kernel books CPU time every 4 ms or so, the median skips what disturbs.
const BATCH: Duration = Duration::from_millis(100);
/// Transactions at once.
const AT_ONCE: usize = 16;

fn main() -> Result<(), Failed> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut table = Table::default();
    let world = World::make(Path::new("target/bench/steps"), 0)?;
    let config = config::read(&world.layout.config())?;
    let trust = config::read(&world.layout.config())?.terms.trust;
    let peer = peer(&world)?;
    let openssl_us = openssl_speed()?;
    push(&mut table, "openssl speed rsa2048, one verification", openssl_us, None);
    for (kind, name) in [("saml", "RSA-2048"), ("saml-ec", "ECDSA P-256")] {
        verify(&mut table, &world, &trust, &peer, kind, name, openssl_us)?;
    }
    peers(&mut table, &world)?;
    decide(&mut table, &world, &config, &trust, &peer)?;
    label(&mut table)?;
    whole(&mut table, &world, config, &peer)?;
    table.write(Path::new("docs/performance.md"), "steps")
}

/// CPU microseconds of one call.
fn measure<T>(mut step: impl FnMut() -> T) -> f64 {
    let (begun, mut batches) = (Instant::now(), Vec::new());
    while begun.elapsed() < TIME {
        let (before, start, mut count) = (cpu::of_this_thread(), Instant::now(), 0_u128);
        while start.elapsed() < BATCH {
            black_box(step());
            count += 1;
        }
        let spent = cpu::of_this_thread().saturating_sub(before);
        batches.push(u64::try_from(spent.as_nanos() / count.max(1)).unwrap_or(u64::MAX));
    }
    batches.sort_unstable();
    quantile(&batches, 0.5) as f64 / 1e3
}

fn push(table: &mut Table, what: &str, us: f64, ratio: Option<(&str, f64, &str)>) {
    let (ratio, reach) = match ratio {
        Some((to, ratio, reach)) => (format!("**{ratio:.2}** {to}"), reach.to_owned()),
        None => Default::default(),
    };
    table.push(Row { cells: vec![what.to_owned(), figure(us), ratio, reach] });
}

/// A tenth tells, but of what costs next to nothing.
fn figure(us: f64) -> String {
    if us < 1.0 { format!("{us:.3}") } else { format!("{us:.1}") }
}

fn verify(
    table: &mut Table,
    world: &World,
    trust: &Trust,
    peer: &Peer,
    kind: &str,
    name: &str,
    openssl_us: f64,
) -> Result<(), Failed> {
    let asker = Asker::new(&world.layout, world.listen, kind)?;
    let entity = entity(&asker, world)?;
    let text = std::str::from_utf8(&entity.body)?;
    if kind == "saml" {
        let unpack =
            || Message::unpack(arrival(peer, &entity).content_type.as_deref(), entity.body.clone());
        push(
            table,
            "unpack and parse the request",
            measure(|| {
                unpack().map(|message| {
                    xml::parse(message.xml(), Bounds::REQUEST).map(|d| d.root().range().len())
                })
            }),
            None,
        );
    }
    let document = xml::parse(text, Bounds::REQUEST)?;
    let pem = std::fs::read(world.layout.partner("riverside", &format!("{kind}.crt")))?;
    let keys = [dsig::Key::from_certificate_pem(&pem)?];
    let now = clock::Clock::now(&clock::SystemClock);
    let signed = |cache: &dsig::Cache| {
        dsig::verify(&dsig::gate(&document, dsig::Algorithms::default())?, &keys, cache, 1, now)
    };
    let cold = measure(|| signed(&dsig::Cache::new()).is_ok());
    let ratio = ("of openssl's verifications a CPU-second", openssl_us / cold, ">= 0.25");
    push(
        table,
        &format!("verify the signature, {name}, new"),
        cold,
        (kind == "saml").then_some(ratio),
    );
    let cache = dsig::Cache::new();
    signed(&cache).map_err(|_| "our own signature does not verify")?;
    push(
        table,
        &format!("verify the signature, {name}, cached"),
        measure(|| signed(&cache).is_ok()),
        None,
    );
    let believe = || {
        let signatures = &dsig::Cache::new();
        let means = Means { trust, signatures, replay: None, now };
        saml::verify(&document, peer, &means, &mut ()).is_ok()
    };
    if !believe() {
        return Err("our own assertion is not believed".into());
    }
    push(table, &format!("believe the assertion, {name}, new"), measure(believe), None);
    Ok(())
}

fn decide(
    table: &mut Table,
    world: &World,
    config: &Config,
    trust: &Trust,
    peer: &Peer,
) -> Result<(), Failed> {
    let asker = Asker::new(&world.layout, world.listen, "saml")?;
    let entity = entity(&asker, world)?;
    let document = xml::parse(std::str::from_utf8(&entity.body)?, Bounds::REQUEST)?;
    let now = clock::Clock::now(&clock::SystemClock);
    let signatures = &dsig::Cache::new();
    let means = Means { trust, signatures, replay: None, now };
    let verified = saml::verify(&document, peer, &means, &mut ())
        .map_err(|_| "our own assertion is not believed")?;
    let access = policy::admit(verified.principal(), &config.terms.policy)?;
    let store = Store::open(&config.repository)?;
    let id = PatientId::parse(&glassgate::demo::world::patient_id(patient::NUMBER))?;
    let state = store.snapshot()?;
    let subject = state.patient(&access, &id)?.ok_or("the patient is not there")?;
    let consents = state.consents(&access, subject.key)?;
    let grant = || {
        consent::grant(
            &access,
            subject.key,
            &subject.references,
            &consents,
            config.terms.consents.domain(),
            now,
        )
    };
    push(table, "weigh the consents", measure(grant), None);
    let grant = grant();
    let criteria = Criteria::All { statuses: vec![], created_from: None, created_to: None };
    push(
        table,
        "find 20 candidates",
        measure(|| state.find(&grant, &criteria).map(|found| found.len())),
        None,
    );
    let found = state.find(&grant, &criteria)?;
    push(
        table,
        "decide 20 entries",
        measure(|| {
            found
                .iter()
                .filter(|candidate| grant.decide(&candidate.facts).outcome().is_ok())
                .count()
        }),
        None,
    );
    let mut entries = Vec::new();
    for candidate in found {
        let permit: Permit = grant.decide(&candidate.facts).outcome().map_err(|_| "denied")?;
        entries.extend(state.release(&permit)?);
    }
    push(
        table,
        "read 20 entries for matching",
        measure(|| entries.iter().filter(|e| xds::Searched::read(&e.searched).is_some()).count()),
        None,
    );
    let serialise = || {
        let room = entries.iter().map(|e| e.rendered.len()).sum();
        glassgate::soap::envelope(glassgate::soap::action::QUERY_RESPONSE, None, room, |out| {
            let objects = entries.iter().map(|e| e.rendered.as_str());
            xds::query_response(out, &config.gateway.home, &[], objects);
        })
    };
    push(table, "serialise 20 entries", measure(serialise), None);
    twelve_provisions(table, config, &access)
}

/// A consent of twelve provisions: for a request, and for an entry beside what it costs to come by it at all.
fn twelve_provisions(
    table: &mut Table,
    config: &Config,
    access: &policy::Access,
) -> Result<(), Failed> {
    let now = clock::Clock::now(&clock::SystemClock);
    let (patient, names) = (PatientKey(12), [twelve::PATIENT.to_owned()]);
    let (consents, documents) = ([twelve::consent()], twelve::documents());
    let read =
        || consent::grant(access, patient, &names, &consents, config.terms.consents.domain(), now);
    let cache = consent::Cache::new(config.terms.consents.domain().clone());
    let remembered = || cache.grant(access, patient, &names, &consents, now);
    let grant = remembered();
    let permits = |facts: &Facts| grant.decide(facts).outcome().is_ok();
    let released = documents.iter().filter(|facts| permits(facts)).count();
    if grant.unenforceable().next().is_some() || released != 180 {
        return Err("twelve provisions decide otherwise".into());
    }
    let of = |target: f64, us: f64| Some(("of what is allowed", us / target, "<= 1"));
    let us = measure(read);
    push(table, "12 provisions, a request, consent read anew", us, of(50.0, us));
    let us = measure(remembered);
    push(table, "12 provisions, a request, consent remembered", us, of(50.0, us));
    let entries = documents.len() as f64;
    let us = measure(|| documents.iter().filter(|facts| permits(facts)).count()) / entries;
    push(table, "12 provisions, an entry", us, of(2.0, us));
    let label = |facts: &&Facts| facts.labels.iter().any(|label| label.code == "N");
    let us = measure(|| black_box(&documents).iter().filter(label).count()) / entries;
    push(table, "an entry, iterated over and one label compared", us, None);
    Ok(())
}

/// A resource of a thousand codings, one in ten of which leads to a label, beside a walk that looks none of them up.
fn label(table: &mut Table) -> Result<(), Failed> {
    const CODINGS: usize = 1_000;
    let coding = |n: usize| match n % 10 {
        0 => serde_json::json!({"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F10.20"}),
        1..4 => {
            serde_json::json!({"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": format!("I{n}.1")})
        }
        4..7 => {
            serde_json::json!({"system": "http://loinc.org", "code": format!("{n}-4"), "display": "a test"})
        }
        _ => {
            serde_json::json!({"system": "urn:oid:2.16.840.1.113883.6.96", "code": format!("{n}0001")})
        }
    };
    let resource = |n| serde_json::json!({"code": {"coding": [coding(n)], "text": "as written"}});
    let bundle: serde_json::Value = (0..CODINGS).map(resource).collect();
    let labeller = labels::Labeller::compile(&labels::Settings::default())?;
    let none = labels::Settings { built_in: false, ..labels::Settings::default() };
    let empty = labels::Labeller::compile(&none)?;
    let walk = |labeller: &labels::Labeller| {
        let mut evidence = labels::Evidence::default();
        labeller.resource(&mut evidence, &bundle);
        labeller.label(&labels::Stated::default(), &evidence)
    };
    if walk(&labeller).labels.len() < 2 {
        return Err("no label is found".into());
    }
    let plain = measure(|| {
        let (mut open, mut codes) = (vec![&bundle], 0_usize);
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::Array(items) => open.extend(items),
                serde_json::Value::Object(members) => {
                    codes += usize::from(members.contains_key("code"));
                    open.extend(members.values());
                }
                _ => {}
            }
        }
        codes
    }) / CODINGS as f64;
    let each = |us: f64| us / CODINGS as f64;
    let (ours, unruled) = (each(measure(|| walk(&labeller))), each(measure(|| walk(&empty))));
    push_small(table, "walk a resource, a coding", plain, None);
    push_small(table, "label it without rules, a coding", unruled, None);
    let ratio = ("of plain iteration", ours / plain, "<= 1 µs a coding");
    push_small(table, "label it, a coding", ours, Some(ratio));
    Ok(())
}

/// A step of less than a microsecond.
fn push_small(table: &mut Table, what: &str, us: f64, ratio: Option<(&str, f64, &str)>) {
    let (ratio, reach) = match ratio {
        Some((to, ratio, reach)) => (format!("**{ratio:.2}** {to}"), reach.to_owned()),
        None => Default::default(),
    };
    table.push(Row { cells: vec![what.to_owned(), format!("{us:.3}"), ratio, reach] });
}

/// Whole transactions without server and TLS; all threads count, the journal's too.
fn whole(table: &mut Table, world: &World, mut config: Config, peer: &Peer) -> Result<(), Failed> {
    let asker = Asker::new(&world.layout, world.listen, "saml")?;
    let ask = asker.ask()?;
    let body = query(&glassgate::demo::world::patient_id(patient::NUMBER)).body();
    let query = ask.entity(
        glassgate::soap::action::QUERY,
        "urn:x",
        &body,
        glassgate::soap::Packaging::Simple,
    );
    let body = bed::world::retrieve(&glassgate::demo::world::document_id(patient::NUMBER, 1));
    let retrieve = ask.entity(
        glassgate::soap::action::RETRIEVE,
        "urn:x",
        &body,
        glassgate::soap::Packaging::Mtom,
    );
    // the receiver would count too: it runs in this process
    config.delivery.targets.clear();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opened = config.open()?;
        for (transaction, entity, name) in [
            (Transaction::Query, query, "ITI-38, 20 entries, warm, in process, 16 at once"),
            (
                Transaction::Retrieve,
                retrieve,
                "ITI-39, small document, warm, in process, 16 at once",
            ),
        ] {
            let before = cpu::of_process(std::process::id());
            let begun = Instant::now();
            let mut asking = tokio::task::JoinSet::new();
            for _ in 0..AT_ONCE {
                let (gateway, peer, entity) =
                    (Arc::clone(&opened.gateway), peer.clone(), entity.clone());
                asking.spawn(async move {
                    let mut count = 0_u32;
                    while begun.elapsed() < TIME * 2 {
                        let reply = gateway.answer(transaction, arrival(&peer, &entity)).await;
                        let Ok(reply) = reply else { return Err("no answer") };
                        if let (200, _, _, ReplyBody::Stream(transfer)) = reply.into_parts() {
                            black_box(futures_util::StreamExt::count(*transfer).await);
                        }
                        count += 1;
                    }
                    Ok(count)
                });
            }
            let mut count = 0;
            while let Some(one) = asking.join_next().await {
                count += one??;
            }
            let spent = cpu::of_process(std::process::id()).saturating_sub(before);
            push(table, name, spent.as_secs_f64() * 1e6 / f64::from(count.max(1)), None);
        }
        told_by_time(table, &opened.gateway, peer, &ask).await
    })
}

/// How long a caller waits where two documents are withheld, beside where they were never written; by turns.
async fn told_by_time(
    table: &mut Table,
    gateway: &Arc<glassgate::gateway::Gateway>,
    peer: &Peer,
    ask: &glassgate::client::Ask,
) -> Result<(), Failed> {
    let entity = |number| {
        let body = query(&glassgate::demo::world::patient_id(number)).body();
        let (action, simple) = (glassgate::soap::action::QUERY, glassgate::soap::Packaging::Simple);
        ask.entity(action, "urn:x", &body, simple)
    };
    let pair = [patient::WITHHOLDING, patient::WITHOUT].map(entity);
    let (begun, mut waited) = (Instant::now(), [Vec::new(), Vec::new()]);
    let mut round = 0_usize;
    while begun.elapsed() < TIME * 4 {
        // who comes first in a round comes second in the next
        round += 1;
        for turn in [round % 2, 1 - round % 2] {
            let (asked, arrival) = (Instant::now(), arrival(peer, &pair[turn]));
            black_box(gateway.answer(Transaction::Query, arrival).await.map_err(|_| "no answer")?);
            waited[turn].push(u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }
    let [withheld, without] = waited.map(|mut waited| {
        waited.sort_unstable();
        quantile(&waited, 0.5) as f64 / 1e3
    });
    push(table, "wait for ITI-38, 20 entries, two withheld, one at a time", withheld, None);
    let ratio = ("withheld beside never written", withheld / without, "<= 1.05");
    push(table, "wait for ITI-38, 20 entries, the two never written", without, Some(ratio));
    Ok(())
}

fn entity(asker: &Asker, world: &World) -> Result<glassgate::client::Entity, Failed> {
    let body = query(&glassgate::demo::world::patient_id(patient::NUMBER)).body();
    let url = format!("https://{}/xca/query", world.listen);
    let action = glassgate::soap::action::QUERY;
    Ok(asker.ask()?.entity(action, &url, &body, glassgate::soap::Packaging::Simple))
}

fn arrival(peer: &Peer, entity: &glassgate::client::Entity) -> Arrival {
    Arrival {
        peer: peer.clone(),
        content_type: Some(entity.content_type.clone()),
        body: entity.body.clone(),
    }
}

fn peer(world: &World) -> Result<Peer, Failed> {
    let pem = std::fs::read(world.layout.partner("riverside", "tls.crt"))?;
    let certificate = openssl::x509::X509::from_pem(&pem)?;
    let digest = certificate.digest(openssl::hash::MessageDigest::sha256())?;
    Ok(Peer {
        fingerprint: <[u8; 32]>::try_from(&*digest)?,
        key_fingerprint: [0; 32],
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        subject: "CN=gateway.riverside.example".to_owned(),
    })
}

/// Microseconds of one RSA-2048 verification, as OpenSSL itself measures it.
fn openssl_speed() -> Result<f64, Failed> {
    let output =
        Command::new("openssl").args(["speed", "-seconds", "2", "-mr", "rsa2048"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    // +F2:number:bits:sign:verify, seconds or rates by version
    let last = text
        .lines()
        .find_map(|line| line.strip_prefix("+F2:"))
        .ok_or("openssl speed says nothing")?;
    let verify: f64 = last.rsplit(':').next().unwrap_or_default().trim().parse()?;
    Ok(if verify > 1.0 { 1e6 / verify } else { verify * 1e6 })
}

/// Other people's verifiers on one of our assertions, beside our own.
fn peers(table: &mut Table, world: &World) -> Result<(), Failed> {
    let asker = Asker::new(&world.layout, world.listen, "saml")?;
    let folder = Path::new("target/bench/steps");
    let (file, certificate) =
        (folder.join("assertion.xml"), world.layout.partner("riverside", "saml.crt"));
    std::fs::write(&file, &asker.ask()?.assertion)?;
    let keys = [dsig::Key::from_certificate_pem(&std::fs::read(&certificate)?)?];
    let entity = entity(&asker, world)?;
    let text = std::str::from_utf8(&entity.body)?;
    let now = clock::Clock::now(&clock::SystemClock);
    // of the whole message, where the others get the assertion alone
    let ours_us = measure(|| {
        let document = xml::parse(text, Bounds::REQUEST).ok()?;
        let gated = dsig::gate(&document, dsig::Algorithms::default()).ok()?;
        dsig::verify(&gated, &keys, &dsig::Cache::new(), 1, now).ok()
    });
    push(table, "parse and verify, RSA-2048, new", ours_us, None);
    let python =
        std::env::var("GLASSGATE_PYTHON").unwrap_or_else(|_| "target/python/bin/python".to_owned());
    let modules = std::env::var("GLASSGATE_NODE_MODULES")
        .unwrap_or_else(|_| "target/node/node_modules".to_owned());
    for (name, program, script) in [
        ("Python signxml", python.as_str(), Some("benches/peers/signxml_verify.py")),
        ("Node xml-crypto", "node", Some("benches/peers/xml_crypto_verify.js")),
        ("samael (libxmlsec1)", "target/peers/release/samael_verify", None),
    ] {
        let name = format!("{name} verifies the same assertion");
        let mut command = Command::new(program);
        command.args(script).arg(&file).arg(&certificate).env("NODE_PATH", &modules);
        match command.output() {
            Ok(output) if output.status.success() => {
                let us: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
                if us <= 0.0 {
                    return Err(format!("{name} in no time").into());
                }
                push(table, &name, us, Some(("ours, of parse and verify", us / ours_us, "")));
            }
            Ok(output) => {
                say(&String::from_utf8_lossy(&output.stderr));
                table.missing(&name);
            }
            Err(_) => table.missing(&name),
        }
    }
    Ok(())
}
