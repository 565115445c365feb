//! rsyslog and syslog-ng get every record over mutual TLS, byte for byte and valid, though they and the gateway fall
//! and rise again meanwhile (RFC 5425, ITI TF-2 3.20.4.1). `.ci/receivers` unpacks them.

mod kinds;

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use glassgate::audit::delivery::{self, Delivery, Standing, Target, Times};
use glassgate::audit::{Event, Journal, Outcome, Query, Settings, Shape};
use glassgate::clock::{Clock, Random, SystemClock, SystemRandom};
use glassgate::demo::pki;
use kinds::{NASTY, Sender, endpoint, every_kind, source, transaction, validate};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{interval, sleep, timeout};

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_keeps_every_record_over_its_own_restarts() {
    restarts(Program::Rsyslog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_ng_keeps_every_record_over_its_own_restarts() {
    restarts(Program::SyslogNg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_down_for_a_whole_run_gets_all_of_it_later() {
    outage(Program::Rsyslog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_ng_down_for_a_whole_run_gets_all_of_it_later() {
    outage(Program::SyslogNg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_refuses_who_is_not_the_gateway_and_nothing_counts_as_arrived() {
    stranger(Program::Rsyslog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_ng_refuses_who_is_not_the_gateway_and_nothing_counts_as_arrived() {
    stranger(Program::SyslogNg).await;
}

/// The receiver dies twice, once without warning, while records are being made.
async fn restarts(program: Program) {
    let bench = Bench::new(program);
    let journal = bench.journal();
    let delivery = bench.deliver(&journal, "gateway/tls");
    let (stop, stopped) = oneshot::channel();
    let making = tokio::spawn(make(journal.clone(), stopped));
    let mut lives = vec![bench.live(0)];
    let mut confirmed = 0;
    for (nth, signal) in [(1, "TERM"), (2, "KILL")] {
        // so much has arrived that not everything is sent again
        let so_far = bench.until(&delivery, |now| now.confirmed > confirmed).await;
        lives[nth - 1].end(signal);
        let made = journal.last().unwrap();
        let down = |now: &Standing| !now.connected && now.failures > so_far.failures;
        let mourned = |now: &Standing| down(now) && journal.last().unwrap() > made;
        confirmed = bench.until(&delivery, mourned).await.confirmed;
        lives.push(bench.live(nth));
    }
    stop.send(()).unwrap();
    making.await.unwrap();
    let journaled = stored(&journal);
    let last = lives.last().unwrap();
    last.keeps(&journaled[journaled.len() - 1]).await;
    let failures = delivery.standing().unwrap()[0].failures;
    delivery.shutdown(PATIENCE).await;

    let kept: Vec<_> = lives.iter().flat_map(Life::kept).collect();
    let runs = runs(&kept, &journaled);
    assert!(runs.len() > 2 && runs.len() <= 1 + usize::try_from(failures).unwrap(), "{runs:?}");
    assert!(runs[2].0 > 0, "what has arrived for sure is not sent again: {runs:?}");
    assert!(kept.iter().any(|record| record.len() > 16 * 1024), "large ones too");
    assert_valid(&bench, &kept);
}

/// The receiver is down for a whole run of the gateway, and up for the next two.
async fn outage(program: Program) {
    let bench = Bench::new(program);
    {
        let journal = bench.journal();
        let delivery = bench.deliver(&journal, "gateway/tls");
        record(&journal, &all_kinds()).await;
        bench.until(&delivery, |now| now.failures > 3 && now.backlog > 0).await;
        delivery.shutdown(PATIENCE).await;
    }
    let life = bench.live(0);
    for run in 0..2 {
        let journal = bench.journal();
        let delivery = bench.deliver(&journal, "gateway/tls");
        record(&journal, &every_kind(&Sender::of(NASTY))).await;
        let journaled = stored(&journal);
        life.keeps(&journaled[journaled.len() - 1]).await;
        delivery.shutdown(PATIENCE).await;
        let kept = life.kept();
        // rsyslog may close without close_notify; then nobody knows what it has read, and it gets that again
        let again = run == 1 && matches!(bench.program, Program::Rsyslog);
        assert!(runs(&kept, &journaled).len() <= 1 + usize::from(again), "each once");
    }
}

/// A certificate of the right authority but the wrong name.
async fn stranger(program: Program) {
    let bench = Bench::new(program);
    let journal = bench.journal();
    let life = bench.live(0);
    let delivery = bench.deliver(&journal, "partners/riverside/tls");
    record(&journal, &all_kinds()).await;
    bench.until(&delivery, |now| now.failures > 5).await;
    delivery.shutdown(PATIENCE).await;
    // with TLS 1.3 we connect and write before we are refused; a stop in that moment proves nothing either
    for _ in 0..10 {
        let delivery = bench.deliver(&journal, "partners/riverside/tls");
        assert_eq!(delivery.standing().unwrap()[0].confirmed, 0);
        delivery.shutdown(PATIENCE).await;
    }
    assert_eq!(life.kept(), Vec::<Vec<u8>>::new());

    let delivery = bench.deliver(&journal, "gateway/tls");
    let journaled = stored(&journal);
    life.keeps(&journaled[journaled.len() - 1]).await;
    delivery.shutdown(PATIENCE).await;
    assert_eq!(life.kept(), journaled);
}

/// A receiver written by others.
#[derive(Debug, Clone, Copy)]
enum Program {
    Rsyslog,
    SyslogNg,
}

/// One receiver's port and files, and the gateway's journal.
struct Bench {
    program: Program,
    folder: TempDir,
    port: u16,
}

impl Bench {
    fn new(program: Program) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        pki::copy(&certs, &folder.path().join("pki")).unwrap();
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self { program, folder, port: free.local_addr().unwrap().port() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn journal(&self) -> Journal {
        let settings =
            Settings { path: self.path("journal"), source: source(), shape: Shape::default() };
        Journal::open(settings, &SystemRandom).unwrap()
    }

    /// Delivers as whom this certificate names.
    fn deliver(&self, journal: &Journal, identity: &str) -> Delivery {
        let read = |name: String| fs::read(self.path("pki").join(name)).unwrap();
        let target = Target::Tls {
            name: "receiver".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.port,
            server_name: "audit.lakeside.example".to_owned(),
            ca_pem: read("ca.crt".to_owned()),
            identity: Some((read(format!("{identity}.crt")), read(format!("{identity}.key")))),
        };
        let times = Times {
            retry_first: Duration::from_millis(20),
            retry_longest: Duration::from_millis(200),
            settle: Duration::from_secs(2),
            poll: LOOK,
            ..Times::default()
        };
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let settings = delivery::Settings { targets: vec![(target, delivery::Wanted::All)], times };
        Delivery::start(settings, journal, &random).unwrap()
    }

    /// Waits for the target to stand so.
    async fn until(&self, delivery: &Delivery, so: impl Fn(&Standing) -> bool) -> Standing {
        let wait = async {
            loop {
                let standing = delivery.standing().unwrap().remove(0);
                if so(&standing) {
                    return standing;
                }
                sleep(LOOK).await;
            }
        };
        let Ok(standing) = timeout(PATIENCE, wait).await else {
            panic!("{:?} and {:?}", self.program, delivery.standing());
        };
        standing
    }

    /// Starts the receiver, which keeps what comes in a file of this life.
    fn live(&self, nth: usize) -> Life {
        let (kept, said) = (self.path(&format!("kept.{nth}")), self.path(&format!("said.{nth}")));
        let configuration = match self.program {
            Program::Rsyslog => include_str!("../fixtures/receivers/rsyslog.conf"),
            Program::SyslogNg => include_str!("../fixtures/receivers/syslog-ng.conf"),
        };
        let configuration = configuration
            .replace("{pki}", self.path("pki").to_str().unwrap())
            .replace("{folder}", self.folder.path().to_str().unwrap())
            .replace("{kept}", kept.to_str().unwrap())
            .replace("{port}", &self.port.to_string());
        fs::write(self.path("conf"), configuration).unwrap();
        let receivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/receivers");
        let libraries = [folders(&receivers.join("usr/lib")), folders(&receivers.join("lib"))];
        let mut command = match self.program {
            Program::Rsyslog => {
                let modules: Vec<_> =
                    libraries[0].iter().map(|path| path.join("rsyslog")).collect();
                let mut command = Command::new(receivers.join("usr/sbin/rsyslogd"));
                command.args(["-n", "-iNONE", "-M"]).arg(joined(&modules));
                command
            }
            Program::SyslogNg => {
                let modules = folders(&receivers.join("usr/lib/syslog-ng"));
                let mut command = Command::new(receivers.join("usr/sbin/syslog-ng"));
                command.args(["--foreground", "--stderr", "--no-caps"]);
                command.arg("--module-path").arg(joined(&modules));
                command.arg("-R").arg(self.path("persist"));
                command.arg("-p").arg(self.path("pid")).arg("-c").arg(self.path("control"));
                command
            }
        };
        let child = command
            .arg("-f")
            .arg(self.path("conf"))
            .env("LD_LIBRARY_PATH", joined(&libraries.concat()))
            .stdout(File::create(&said).unwrap())
            .stderr(File::options().append(true).open(&said).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; `make test` unpacks it"));
        Life { child, kept, said }
    }
}

/// One life of a receiver; dropped, it is killed.
struct Life {
    child: Child,
    kept: PathBuf,
    said: PathBuf,
}

impl Life {
    /// All that it kept in whole; what it was writing when it was killed has no end of line.
    fn kept(&self) -> Vec<Vec<u8>> {
        let bytes = fs::read(&self.kept).unwrap_or_default();
        let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.pop();
        lines
    }

    /// Waits until it has kept this record.
    async fn keeps(&self, record: &[u8]) {
        let wait = async {
            while self.kept().last().is_none_or(|last| last != record) {
                sleep(LOOK).await;
            }
        };
        let said = || fs::read_to_string(&self.said).unwrap();
        assert!(timeout(PATIENCE, wait).await.is_ok(), "{} records; {}", self.kept().len(), said());
    }

    fn end(&mut self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Makes records until told to stop, by no means as fast as it can.
async fn make(journal: Journal, mut stopped: oneshot::Receiver<()>) {
    let events = all_kinds();
    let mut ticks = interval(LOOK);
    for events in events.chunks(8).cycle() {
        ticks.tick().await;
        record(&journal, events).await;
        if stopped.try_recv().is_ok() {
            return;
        }
    }
}

async fn record(journal: &Journal, events: &[Event]) {
    let _receipt = journal.record(SystemClock.now(), events).await.unwrap();
}

/// Every kind, harmless and nasty, and a long query in letters of two octets.
fn all_kinds() -> Vec<Event> {
    let query = Query { request: "é".repeat(100_000), ..Query::default() };
    let large = Event::query(&transaction(&Sender::of("é")), &query, Outcome::success());
    let start = Event::application_start(SystemClock.now(), &endpoint("gateway"));
    [
        every_kind(&Sender::of("")),
        every_kind(&Sender::of(&NASTY.repeat(100))),
        every_kind(&Sender::of("É\u{1f512}")),
        vec![start, large],
    ]
    .concat()
}

fn stored(journal: &Journal) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    loop {
        let after = u64::try_from(messages.len()).unwrap();
        let records = journal.after(after, 1000).unwrap();
        if records.is_empty() {
            return messages;
        }
        messages.extend(records.into_iter().map(|record| record.message.into()));
    }
}

/// First and last of each run of records that follow one another; there is nothing but such runs, and no gap.
fn runs(kept: &[Vec<u8>], journaled: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let numbers: HashMap<_, _> = journaled.iter().zip(0_usize..).collect();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for record in kept {
        let text = || String::from_utf8_lossy(record).into_owned();
        let number = *numbers.get(record).unwrap_or_else(|| panic!("no record: {}", text()));
        let seen = runs.iter().map(|(_, last)| last + 1).max().unwrap_or(0);
        assert!(number <= seen, "{number} comes before {seen}");
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    assert_eq!(runs.iter().map(|(_, last)| last + 1).max(), Some(journaled.len()), "the end");
    runs
}

fn assert_valid(bench: &Bench, kept: &[Vec<u8>]) {
    let write = |(nth, record): (usize, &Vec<u8>)| {
        let xml = str::from_utf8(record).unwrap().split_once(" - ").unwrap().1;
        let path = bench.path(&format!("{nth}.xml"));
        fs::write(&path, xml).unwrap();
        path
    };
    let mut records = kept.to_vec();
    records.sort_unstable();
    records.dedup();
    validate(&records.iter().enumerate().map(|(n, r)| write((n, r))).collect::<Vec<_>>());
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

fn joined(paths: &[PathBuf]) -> std::ffi::OsString {
    std::env::join_paths(paths).unwrap()
}
