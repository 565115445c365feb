use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::program::{all_between, glassgate, played, run, tool};

/// A demo that stays up, in the directory of the one that was played.
struct Running {
    child: Child,
    world: &'static Path,
    url: String,
    /// Kept, so that the demo may go on writing.
    _told: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start() -> Self {
        let world = played().world.as_path();
        let mut command = glassgate(["demo", "--port", "0", "--dir"]);
        command.arg(world).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // a log that nobody reads any more must not matter
        drop(child.stderr.take());
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let invited = told.by_ref().map(Result::unwrap).any(|line| line.contains("tail -f"));
        assert!(invited, "the demo ended");
        let ready = std::fs::read(world.join("ready.json")).unwrap();
        let ready: Value = serde_json::from_slice(&ready).unwrap();
        assert_eq!(ready["pid"], child.id());
        let url = ready["url"].as_str().unwrap().to_owned();
        Self { child, world, url, _told: told }
    }

    /// Runs a command as the demo's invitation says.
    fn ask(&self, command: &str, arguments: &[&str]) -> crate::program::Run {
        let demo = [command, "--demo"].map(OsStr::new).into_iter();
        let arguments = arguments.iter().map(OsStr::new);
        run(demo.chain([self.world.as_os_str()]).chain(arguments))
    }

    /// SIGTERM; gives the exit code.
    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        tool(Command::new("kill").args(["-TERM", &pid])).succeeds();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn a_demo_stays_up_answers_the_other_commands_and_ends_in_order() {
    let demo = Running::start();
    assert_eq!(std::fs::read(demo.world.join("pki/ca.crt")).unwrap(), authority());
    queries(&demo);
    retrieves(&demo);
    asserts(&demo);
    refuses_a_second(&demo);
    let log = demo.world.join("audit/received.log");
    assert_eq!(demo.terminate(), Some(0));
    let received = std::fs::read_to_string(log).unwrap();
    // appended to what the first demo left
    assert!(received.starts_with(&played().received));
    let last = received.lines().last().unwrap();
    assert!(last.contains("<EventTypeCode csd-code=\"110121\""), "{last}");
}

/// The authority's certificate as the first demo's clients knew it.
fn authority() -> Vec<u8> {
    std::fs::read(played().world.join("pki/ca.crt")).unwrap()
}

fn queries(demo: &Running) {
    let table = demo.ask("query", &["--patient", "P-1002"]).succeeds();
    assert_eq!(table.matches("2.999.1.4.1002.").count(), 4, "{table}");
    let glass = ["--patient", "P-1002", "--purpose", "BTG", "--role", "309343006", "--json"];
    let lines = demo.ask("query", &glass).succeeds();
    let mut found: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|document| document["unique_id"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    let all: Vec<_> = (1..=6).map(|n| format!("2.999.1.4.1002.{n}")).collect();
    assert_eq!(found, all);
    let hilltop = ["--partner", "hilltop", "--document", "2.999.1.4.1001.2", "--raw"];
    let raw = demo.ask("query", &hilltop).succeeds();
    assert!(raw.contains("AdhocQueryResponse") && raw.contains("2.999.1.4.1001.2"), "{raw}");
    let refused = demo.ask("query", &["--patient", "P-1001", "--purpose", "HPAYMT"]).fails();
    let (error, reference) = refused.split_once('\n').unwrap();
    assert_eq!(error, "XDSRegistryError: the request is not permitted");
    // whoever runs the gateway finds it by the id that the sender is told
    let id = all_between(reference, "message-id urn:uuid:", ":")[0];
    assert!(reference.contains(&format!("glassgate audit --text {id}")), "{reference}");
    let config = demo.world.join("glassgate.toml");
    let found = [OsStr::new("audit"), OsStr::new("--config"), config.as_os_str()];
    let found = run(found.into_iter().chain(["--text", id].map(OsStr::new))).succeeds();
    assert!(found.contains("purpose of use HPAYMT is outside"), "{found}");
    let late = ["--patient", "P-1001", "--issuer", "https://sts.hilltop.example"];
    let refused = demo.ask("query", &late).fails();
    assert!(refused.contains("SOAP fault Sender: The security token could not"), "{refused}");
    assert!(refused.contains("\nmessage-id urn:uuid:"), "{refused}");

    // what stands in the way is told with the address, the file, and what to do
    let pki = played().world.join("pki");
    let (theirs, own) = (pki.join("stranger/ca.crt"), pki.join("stranger/tls.crt"));
    let (theirs, own) = (theirs.to_str().unwrap(), own.to_str().unwrap());
    let key = own.replace(".crt", ".key");
    let address = demo.url.strip_prefix("https://").unwrap();
    for (arguments, parts) in [
        (vec!["--url", "https://127.0.0.1:1"], ["127.0.0.1:1: nobody listens there", "--url"]),
        (vec!["--ca", theirs], [": its certificate is not trusted (", theirs]),
        (vec!["--cert", own, "--key", &key], [": it refuses our certificate (unknown ca)", own]),
        (vec!["--url", "http://127.0.0.1"], ["--url is https://host:port", "http://127.0.0.1"]),
        (vec!["--ca", &key], ["holds no certificate", "--ca"]),
        (vec!["--key", own], ["holds no private key without a passphrase", "--key"]),
    ] {
        let told = demo.ask("query", &[&["--patient", "P-1001"][..], &arguments].concat()).fails();
        assert!(parts.iter().all(|part| told.contains(part)), "{parts:?} is not in {told}");
        assert!(
            arguments[0] != "--ca" || told.contains(address) || told.contains("holds"),
            "{told}"
        );
        assert!(!told.contains("routines"), "{told}");
    }
}

fn retrieves(demo: &Running) {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let wanted = ["2.999.1.4.1001.1", "2.999.1.4.1001.5"];
    let told = demo.ask("retrieve", &["--json", "--out", folder, wanted[0], wanted[1]]).succeeds();
    for ((line, id), original) in told.lines().zip(wanted).zip(["1.xml", "5.pdf"]) {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["unique_id"], id);
        let kept = std::fs::read(told["file"].as_str().unwrap()).unwrap();
        let original = std::fs::read(demo.world.join("data/p1001/documents").join(original));
        assert!(kept == original.unwrap(), "{id} is not as it was loaded");
    }
    assert_eq!(told.lines().count(), 2);
    let withheld = demo.ask("retrieve", &["--out", folder, "2.999.1.4.1002.5"]).fails();
    let nowhere = demo.ask("retrieve", &["--out", folder, "2.999.1.4.1002.9"]).fails();
    let told = |text: &str| text.lines().next().unwrap().to_owned();
    assert_eq!(told(&withheld).replace("1002.5", "1002.9"), told(&nowhere));
    assert!(nowhere.contains("\nmessage-id urn:uuid:"), "{nowhere}");
    assert!(nowhere.contains("XDSDocumentUniqueIdError"), "{nowhere}");
}

fn asserts(demo: &Running) {
    let printed = demo.ask("assert", &["--purpose", "BTG", "--subject", "dr.o'neil"]).succeeds();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &printed).unwrap();
    let certificate = demo.world.join("pki/partners/riverside/saml.crt");
    let mut xmlsec1 = Command::new("xmlsec1");
    xmlsec1.args(["--verify", "--enabled-key-data", "key-name", "--id-attr:ID"]);
    xmlsec1.args(["urn:oasis:names:tc:SAML:2.0:assertion:Assertion", "--pubkey-cert-pem"]);
    tool(xmlsec1.arg(certificate).arg(file.path())).succeeds();
    assert!(printed.contains("dr.o'neil") || printed.contains("dr.o&apos;neil"), "{printed}");
    let stranger = demo.ask("assert", &["--partner", "nobody"]).fails();
    assert!(!stranger.is_empty());
}

/// A port that is taken is told before anything of the demo that is up was touched.
fn refuses_a_second(demo: &Running) {
    let port = demo.url.rsplit(':').next().unwrap();
    let read = |name: &str| std::fs::read(demo.world.join(name)).unwrap();
    let before = (read("ready.json"), read("glassgate.toml"));
    let elsewhere = tempfile::tempdir().unwrap();
    for directory in [demo.world, elsewhere.path()] {
        let arguments = ["demo", "--once", "--port", port, "--dir"].map(OsStr::new);
        let refused = run(arguments.into_iter().chain([directory.as_os_str()])).fails();
        let told = format!("cannot listen on 127.0.0.1:{port}: Address already in use");
        assert!(refused.contains(&told), "{refused}");
    }
    let config = demo.world.join("glassgate.toml");
    let refused = run(["serve".as_ref(), "--config".as_ref(), config.as_os_str()]).fails();
    assert!(refused.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{refused}");
    assert!(!refused.contains("the store is open"), "{refused}");
    assert_eq!((read("ready.json"), read("glassgate.toml")), before);
    demo.ask("query", &["--patient", "P-1001"]).succeeds();
}
