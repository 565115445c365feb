//! A demo world whose gateway is a process of its own; its receiver is here.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glassgate::audit::Journal;
use glassgate::client::{self, Client, Signer};
use glassgate::clock::{SystemClock, SystemRandom};
use glassgate::config;
use glassgate::demo::receiver::Receiver;
use glassgate::demo::{Layout, Stage, pki};
use tokio::runtime::Runtime;

/// How long a gateway may take to start, or records to arrive; a good run waits for neither.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// The world, its receiver, and a runtime to ask with.
pub(crate) struct House {
    pub(crate) layout: Layout,
    pub(crate) receiver: Receiver,
    pub(crate) signer: Arc<Signer>,
    pub(crate) runtime: Runtime,
    url: String,
    management: String,
    _directory: tempfile::TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        pki::copy(&certs, &directory.path().join("pki")).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stage = runtime.block_on(Stage::set(directory.path(), 0)).unwrap();
        let (layout, receiver, url) =
            (stage.layout.clone(), stage.receiver.clone(), stage.url.clone());
        let management = stage.management_url.strip_prefix("http://").unwrap().to_owned();
        // its ports and its files are the process's now
        runtime.block_on(stage.strike());
        let read = |file| std::fs::read(layout.partner("riverside", file)).unwrap();
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let signer = Signer::from_pem(&read("saml.key"), &read("saml.crt"), clock, random).unwrap();
        let signer = Arc::new(signer);
        Self { layout, receiver, signer, runtime, url, management, _directory: directory }
    }

    /// Riverside's client, with connections of its own.
    pub(crate) fn client(&self) -> Client {
        let read = |file| std::fs::read(self.layout.partner("riverside", file)).unwrap();
        let authorities = std::fs::read(self.layout.pki().join("ca.crt")).unwrap();
        let settings =
            client::Settings::at(&self.url, authorities, read("tls.crt"), read("tls.key"));
        Client::new(&settings).unwrap()
    }

    /// The port where partners connect.
    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// A command of the program, on this world's configuration.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassgate"));
        command.arg(name).arg("--config").arg(self.layout.config());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) fn serve(&self) -> Gateway {
        self.start(&mut self.command("serve"))
    }

    /// The same by a command of the test's own.
    pub(crate) fn start(&self, command: &mut Command) -> Gateway {
        let mut gateway = Gateway(command.spawn().unwrap());
        until("the gateway is ready", || {
            assert!(gateway.0.try_wait().unwrap().is_none(), "the gateway ended");
            self.manage("/readyz").starts_with("HTTP/1.1 200").then_some(())
        });
        gateway
    }

    /// What the management listener says; nothing where nobody listens.
    pub(crate) fn manage(&self, path: &str) -> String {
        let ask = || -> std::io::Result<String> {
            let mut stream = std::net::TcpStream::connect(&self.management)?;
            let host = "HTTP/1.1\r\nHost: localhost\r\nConnection: close";
            stream.write_all(format!("GET {path} {host}\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().unwrap_or_default()
    }

    /// How many connections the gateway counts.
    pub(crate) fn connections(&self) -> usize {
        let metrics = self.manage("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix("glassgate_connections "));
        line.and_then(|count| count.parse().ok()).unwrap()
    }

    /// Changes one text of the configuration.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let toml = std::fs::read_to_string(self.layout.config()).unwrap();
        assert_eq!(toml.matches(from).count(), 1, "{from}");
        std::fs::write(self.layout.config(), toml.replace(from, to)).unwrap();
    }

    /// The records after `seen`, in order and without a gap.
    pub(crate) fn journal(&self, seen: u64) -> Vec<Vec<u8>> {
        let settings = config::read(&self.layout.config()).unwrap().journal;
        let journal = Journal::open(settings, &SystemRandom).unwrap();
        let mut messages = Vec::new();
        loop {
            let last = seen + u64::try_from(messages.len()).unwrap();
            let records = journal.after(last, 1_000).unwrap();
            if records.is_empty() {
                return messages;
            }
            for (record, seq) in records.into_iter().zip(last + 1..) {
                assert_eq!(record.seq, seq, "a gap is a loss");
                messages.push(record.message.into());
            }
        }
    }
}

/// A line for whoever watches; libtest keeps no hold of it.
pub(crate) fn say(line: &str) {
    let _unseen = writeln!(std::io::stderr(), "{line}");
}

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

/// A `glassgate serve`, killed when it is not wanted any more.
pub(crate) struct Gateway(pub(crate) Child);

impl Gateway {
    /// Ends it as an operator does; it sends what is recorded and closes in order.
    pub(crate) fn stop(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = until("the gateway stops", || self.0.try_wait().unwrap());
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
