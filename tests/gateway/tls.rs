//! Who may connect, how, and what becomes of everybody else.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use glassgate::audit::Journal;
use glassgate::clock::{Clock, Random, SystemClock, SystemRandom};
use glassgate::config;
use glassgate::demo::pki;
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::ssl::{SslContext, SslContextBuilder, SslVersion};
use openssl::x509::{X509, X509CrlBuilder, X509Extension, X509RevokedBuilder};
use tokio::io::AsyncWriteExt;

use crate::session::Session;
use crate::wire::{Response, Visitor, context, context_of, exchange, port, shake};
use crate::world::{event_type, outcome, reason, run, shared};

const WSDL: &[u8] = b"GET /xca/query?wsdl HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const RIVERSIDE: &str = "partners/riverside/tls";

/// Fetches the WSDL; nothing comes where the server does not want this client.
async fn fetch(visitor: &Visitor, context: &SslContext) -> Result<Response, String> {
    Ok(exchange(visitor.shake(context).await?, WSDL).await)
}

/// Riverside is served, whatever others did before.
async fn serves_riverside() {
    let response = fetch(&Visitor::new(), &context(RIVERSIDE).build()).await.unwrap();
    assert_eq!(response.status, 200);
}

/// The one record that this visitor left: a node that was not believed, and why.
async fn assert_distrusted(visitor: &Visitor, why: &str) {
    let records = visitor.records().await;
    let [record] = records.as_slice() else { panic!("{why}: {records:?}") };
    assert_eq!((event_type(record).as_str(), outcome(record).as_str()), ("110126", "8"));
    assert!(reason(record).starts_with(why), "{} is not {why}", reason(record));
    let node = format!("ParticipantObjectID=\"{}\"", visitor.address);
    assert!(record.contains(&node), "{record}");
}

fn limited(mut builder: SslContextBuilder, version: SslVersion) -> SslContextBuilder {
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder
}

#[test]
fn only_certificates_of_the_configured_authority_are_let_in() {
    run(async {
        for (identity, why) in [
            ("", "peer did not return a certificate"),
            ("stranger/tls", "certificate verify failed"),
        ] {
            for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
                let visitor = Visitor::new();
                let context = limited(context(identity), version).build();
                if let Ok(response) = fetch(&visitor, &context).await {
                    assert_eq!((response.status, response.body.as_str()), (0, ""), "{identity}");
                }
                assert_distrusted(&visitor, why).await;
            }
        }
        serves_riverside().await;
    });
}

#[test]
fn old_tls_and_weak_suites_are_refused() {
    run(async {
        let mut old = limited(context(RIVERSIDE), SslVersion::TLS1_1);
        // or our own side would not even ask
        old.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        let mut weak = limited(context(RIVERSIDE), SslVersion::TLS1_2);
        weak.set_cipher_list("AES128-SHA:AES256-GCM-SHA384:@SECLEVEL=0").unwrap();
        for (context, why) in [(old, "unsupported protocol"), (weak, "no shared cipher")] {
            let visitor = Visitor::new();
            fetch(&visitor, &context.build()).await.unwrap_err();
            assert_distrusted(&visitor, why).await;
        }
        serves_riverside().await;
    });
}

#[test]
fn what_is_no_tls_harms_nothing() {
    run(async {
        let noise = vec![0xa5; 20_000];
        let plain = b"POST /xca/query HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".as_slice();
        let h2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".as_slice();
        // looks like TLS for five octets
        let header = b"\x16\x03\x01\x02\x00GET / HTTP/1.0\r\n\r\n".as_slice();
        // records that may not come first: data, an alert, a change of cipher, one of no type
        let [data, alert, cipher, unknown] =
            [0x17, 0x15, 0x14, 0x99].map(|kind| [kind, 3, 3, 0, 2, 1, 0]);
        let records = [data.as_slice(), &alert, &cipher, &unknown];
        let mut visitors = Vec::new();
        for bytes in [plain, &noise, h2, header, &random(4_096)].into_iter().chain(records) {
            let visitor = Visitor::new();
            let mut stream = visitor.connect(port()).await;
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(read_octets(stream).await, 0);
            visitors.push(visitor);
        }
        assert_unrecorded(&visitors).await;
        serves_riverside().await;
    });
}

/// None of these visitors, who are all gone, left a record.
async fn assert_unrecorded(visitors: &[Visitor]) {
    // the server takes connections in their order, so this record comes after any of theirs
    let last = Visitor::new();
    fetch(&last, &context("stranger/tls").build()).await.ok();
    assert_distrusted(&last, "certificate verify failed").await;
    for visitor in visitors {
        let needle = format!("\"{}\"", visitor.address);
        let none = shared().stage.receiver.wait(&needle, Default::default(), |_| true).await;
        assert_eq!(none, Vec::<String>::new());
    }
}

/// Octets that were never sent before.
fn random(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    SystemRandom.fill(&mut bytes).unwrap();
    bytes
}

/// The HTTP status of whatever comes until the other side closes; TLS alerts are none.
async fn read_octets(mut stream: tokio::net::TcpStream) -> u16 {
    use tokio::io::AsyncReadExt;
    let mut bytes = Vec::new();
    let _reset = stream.read_to_end(&mut bytes).await;
    u16::from(bytes.starts_with(b"HTTP"))
}

#[test]
fn a_port_probe_is_no_event() {
    run(async {
        let mut probes = Vec::new();
        for n in 0..20 {
            let visitor = Visitor::new();
            let stream = visitor.connect(port()).await;
            // by half of them with RST, as scanners do
            if n % 2 == 0 {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            probes.push(visitor);
        }
        assert_unrecorded(&probes).await;
        serves_riverside().await;
    });
}

#[test]
fn the_suites_that_atna_names_and_tls_1_3_are_spoken() {
    run(async {
        // TLS 1.2 floor using BCP195 (ITI TF-2 3.19.6.2.3)
        for suite in [
            "DHE-RSA-AES128-GCM-SHA256",
            "DHE-RSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
        ] {
            let mut builder = limited(context(RIVERSIDE), SslVersion::TLS1_2);
            builder.set_cipher_list(suite).unwrap();
            let stream = Visitor::new().shake(&builder.build()).await.unwrap();
            assert_eq!(stream.ssl().current_cipher().unwrap().name(), suite);
            assert_eq!(exchange(stream, WSDL).await.status, 200);
        }
        let builder = limited(context(RIVERSIDE), SslVersion::TLS1_3);
        let stream = Visitor::new().shake(&builder.build()).await.unwrap();
        assert_eq!(stream.ssl().version_str(), "TLSv1.3");
        assert_eq!(exchange(stream, WSDL).await.status, 200);
    });
}

#[test]
fn the_environment_adds_no_authority() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Served::start(directory.path(), "");
    run(async {
        assert_eq!(gateway.fetch("stranger/tls").await, 0);
        assert_eq!(gateway.fetch(RIVERSIDE).await, 200);
    });
}

#[test]
fn a_revocation_list_shuts_out_whom_it_names_and_everybody_once_it_is_over() {
    let crls = "client_crls = [\"revoked.crl\"]\nclient_crl_grace_s = 3600";
    for (days, revoked, riverside, hilltop, why) in [
        (
            1,
            "riverside",
            0,
            200,
            "certificate O=riverside, CN=gateway.riverside.example was revoked",
        ),
        (1, "gateway", 200, 200, ""),
        (-1, "gateway", 0, 0, "the revocation list of"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let gateway = Served::prepared(directory.path(), crls, |pki| {
            let name = if revoked == "gateway" { "gateway/tls" } else { RIVERSIDE };
            std::fs::write(directory.path().join("revoked.crl"), list(pki, name, days)).unwrap();
        });
        run(async {
            assert_eq!(gateway.fetch(RIVERSIDE).await, riverside, "{revoked} {days}");
            assert_eq!(gateway.fetch("partners/hilltop/tls").await, hilltop, "{revoked} {days}");
        });
        let config = config::read(&directory.path().join("glassgate.toml")).unwrap();
        assert_eq!(config.warnings.iter().any(|w| w.contains("was due to be renewed")), days < 0);
        let journal = Journal::open(config.journal, &SystemRandom).unwrap();
        let told = |text: &str| {
            let records = journal.after(0, 100).unwrap();
            records.iter().any(|record| String::from_utf8_lossy(&record.message).contains(text))
        };
        assert!(why.is_empty() || told(why), "{why}");
    }
}

#[test]
fn whoever_is_revoked_gets_no_answer_over_a_connection_that_stayed_open() {
    let directory = tempfile::tempdir().unwrap();
    let revoked = directory.path().join("revoked.crl");
    let gateway = Served::prepared(directory.path(), "client_crls = [\"revoked.crl\"]", |pki| {
        std::fs::write(&revoked, list(pki, "gateway/tls", 1)).unwrap();
    });
    run(async {
        let mut open = Vec::new();
        for identity in [RIVERSIDE, "partners/hilltop/tls"] {
            let context = context_of(&gateway.pki, identity).build();
            let visitor = Visitor::new().connect(gateway.port).await;
            let mut stream = shake(visitor, &context).await.unwrap();
            assert!(is_answered(&mut stream).await, "{identity}");
            open.push(stream);
        }
        std::fs::write(&revoked, list(&gateway.pki, RIVERSIDE, 1)).unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while gateway.fetch(RIVERSIDE).await != 0 {
            assert!(std::time::Instant::now() < end, "the list is not read");
            // another partner's connection stays in use meanwhile
            assert!(is_answered(&mut open[1]).await);
        }
        assert!(!is_answered(&mut open[0]).await, "revoked, and answered");
        assert!(is_answered(&mut open[1]).await);
    });
}

#[test]
fn whoever_is_revoked_is_not_let_in_by_a_session_that_was_begun_before() {
    const HILLTOP: &str = "partners/hilltop/tls";
    let directory = tempfile::tempdir().unwrap();
    let revoked = directory.path().join("revoked.crl");
    let gateway = Served::prepared(directory.path(), "client_crls = [\"revoked.crl\"]", |pki| {
        std::fs::write(&revoked, list(pki, "gateway/tls", 1)).unwrap();
    });
    let begin = |name| {
        ["-tls1_2", "-tls1_3"]
            .map(|version| Session::begin(&gateway.pki, name, gateway.port, version))
    };
    let (riversides, hilltops) = (begin(RIVERSIDE), begin(HILLTOP));
    for session in riversides.iter().chain(&hilltops) {
        assert_eq!(session.resume(), Ok("Reused".to_owned()));
    }
    std::fs::write(&revoked, list(&gateway.pki, RIVERSIDE, 1)).unwrap();
    run(async {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while gateway.fetch(RIVERSIDE).await != 0 {
            assert!(std::time::Instant::now() < end, "the list is not read");
        }
    });
    for session in &riversides {
        session.resume().unwrap_err();
    }
    // everybody else shakes hands in full
    for session in &hilltops {
        assert_eq!(session.resume(), Ok("New".to_owned()));
    }
}

/// Asks for a page that is not there, over a connection that is to stay; nothing comes where nobody answers.
pub(crate) async fn is_answered(
    stream: &mut tokio_openssl::SslStream<tokio::net::TcpStream>,
) -> bool {
    use tokio::io::AsyncReadExt;
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // its envelope ends the answer
    while !answer.ends_with(b"</env:Envelope>") {
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(_) => return false,
        }
    }
    answer.starts_with(b"HTTP/1.1 404")
}

#[test]
fn what_is_dangerous_and_allowed_is_on_record_from_the_start() {
    let partner = "[[issuer]]\nname = \"urn:sts\"\ncertificates = [\"pki/partners/riverside/saml.crt\"]\n\
        [[partner]]\nname = \"riverside\"\nhome_community_ids = [\"2.999.2\"]\nissuers = [\"urn:sts\"]\n\
        tls_certificates = [\"pki/partners/riverside/tls.crt\"]\netreat = \"treatment\"\n";
    for (danger, told) in [("danger_allow_sha1 = true", true), ("danger_allow_sha1 = false", false)]
    {
        let directory = tempfile::tempdir().unwrap();
        let config = CONFIG.replace("[repository]", &format!("{partner}{danger}\n[repository]"));
        let gateway = Served::of(directory.path(), &config, |_| ());
        // who is served comes after the start
        run(async { assert_eq!(gateway.fetch(RIVERSIDE).await, 200) });
        let config = config::read(&directory.path().join("glassgate.toml")).unwrap();
        let journal = Journal::open(config.journal, &SystemRandom).unwrap();
        let records = journal.after(0, 10).unwrap();
        let start = String::from_utf8_lossy(&records[0].message).into_owned();
        assert!(start.contains("110120"), "{start}");
        let noted = start.contains("SHA-1 signatures are allowed to riverside");
        assert_eq!(noted, told, "{start}");
    }
}

/// A revocation list of the tests' CA with one certificate in it, due to be renewed in so many days.
pub(crate) fn list(pki: &Path, revoked: &str, days: i64) -> Vec<u8> {
    let read = |name: &str| std::fs::read(pki.join(name)).unwrap();
    let ca = X509::from_pem(&read("ca.crt")).unwrap();
    let key = PKey::private_key_from_pem(&read("ca.key")).unwrap();
    let certificate = X509::from_pem(&read(&format!("{revoked}.crt"))).unwrap();
    let now = SystemClock.now().micros() / 1_000_000;
    let at = |days: i64| Asn1Time::from_unix(now + days * 86_400).unwrap();
    let extension = |id: &str, der: &[u8]| {
        let id = Asn1Object::from_str(id).unwrap();
        X509Extension::new_from_der(&id, false, &Asn1OctetString::new_from_bytes(der).unwrap())
    };
    let mut builder = X509CrlBuilder::new().unwrap();
    builder.set_issuer_name(ca.subject_name()).unwrap();
    builder.set_last_update(&at(-2)).unwrap();
    builder.set_next_update(&at(days)).unwrap();
    builder.append_extension(extension("2.5.29.35", b"\x30\x03\x80\x01\x01").unwrap()).unwrap();
    builder.append_extension(extension("2.5.29.20", b"\x02\x01\x01").unwrap()).unwrap();
    let mut entry = X509RevokedBuilder::new().unwrap();
    entry.set_serial_number(certificate.serial_number()).unwrap();
    entry.set_revocation_date(&at(-2)).unwrap();
    builder.add_revoked(entry.build()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build().unwrap().to_pem().unwrap()
}

/// `glassgate serve` in a process whose environment trusts the stranger's authority.
struct Served {
    pki: PathBuf,
    child: Child,
    port: u16,
    /// Kept, so that the gateway may go on writing.
    _log: Lines<BufReader<ChildStderr>>,
}

impl Served {
    fn start(directory: &Path, server: &str) -> Self {
        Self::prepared(directory, server, |_| ())
    }

    /// With more keys of `[server]`, and with what they need laid beside the PKI.
    fn prepared(directory: &Path, server: &str, prepare: impl FnOnce(&Path)) -> Self {
        let config = CONFIG.replace("[server]", &format!("[server]\n{server}"));
        Self::of(directory, &config, prepare)
    }

    fn of(directory: &Path, toml: &str, prepare: impl FnOnce(&Path)) -> Self {
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        let pki = directory.join("pki");
        pki::copy(&certs, &pki).unwrap();
        prepare(&pki);
        let config = directory.join("glassgate.toml");
        std::fs::write(&config, toml).unwrap();
        let stranger = pki.join("stranger/ca.crt");
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassgate"));
        for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"] {
            command.env(name, &stranger);
        }
        command.env("SSL_CERT_DIR", pki.join("stranger"));
        command.args(["serve", "--config"]).arg(&config).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = log.by_ref().map(Result::unwrap).find_map(|line| {
            let (_, rest) = line.split_once("listening address=127.0.0.1:")?;
            rest.split(' ').next()?.parse().ok()
        });
        Self { pki, child, port: port.expect("the gateway does not start"), _log: log }
    }

    /// The status that a client gets; zero where it is not let in.
    async fn fetch(&self, identity: &str) -> u16 {
        let context = context_of(&self.pki, identity).build();
        let stream = shake(Visitor::new().connect(self.port).await, &context).await;
        match stream {
            Ok(stream) => exchange(stream, WSDL).await.status,
            Err(_) => 0,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const CONFIG: &str = r#"
[community]
name = "Lakeside"
home_community_id = "urn:oid:2.999.1"
repository_id = "2.999.1.2"
patient_authority = "2.999.1.3"

[server]
listen = "127.0.0.1:0"
certificate = "pki/gateway/tls.crt"
key = "pki/gateway/tls.key"
client_ca = "pki/ca.crt"
management = "127.0.0.1:0"

[repository]
directory = "store"

[audit]
journal = "journal"
source_id = "t"
"#;

#[test]
fn metrics_tell_when_each_configured_certificate_ends() {
    run(async {
        let response = shared().metrics().await;
        let certificate =
            std::fs::read(shared().stage.layout.pki().join("gateway/tls.crt")).unwrap();
        let certificate = X509::from_pem(&certificate).unwrap();
        let ends = Asn1Time::from_unix(0).unwrap().diff(certificate.not_after()).unwrap();
        let ends = i64::from(ends.days) * 86_400 + i64::from(ends.secs);
        let line = format!(
            "glassgate_certificate_not_after_seconds{{setting=\"server.certificate\",file=\"pki/gateway/tls.crt\"}} {ends}"
        );
        assert!(response.contains(&line), "{line}\n{response}");
    });
}
