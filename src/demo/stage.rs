//! The demo's gateway and receiver, started for real.

use std::fs::{self, File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use openssl::pkey::PKey;
use openssl::x509::X509;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::error::Error;
use super::files::{self, Readers};
use super::receiver::Receiver;
use super::settings::{self, Layout};
use super::{pki, world};
use crate::client::{self, Client};
use crate::clock::{SystemClock, SystemRandom};
use crate::config::{self, Config};
use crate::gateway::Relabelling;
use crate::ingest::Report;
use crate::server::{self, Identity, Server};

/// A demo that is up.
#[derive(Debug)]
pub struct Stage {
    /// Where its files are.
    pub layout: Layout,
    /// `https://127.0.0.1:port`.
    pub url: String,
    /// Health and metrics, `http://127.0.0.1:port`.
    pub management_url: String,
    /// Where audit records arrive.
    pub receiver: Receiver,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    rereading: JoinHandle<()>,
    ask: mpsc::Sender<()>,
    /// Held while this demo is up.
    _lock: File,
    _relabelling: Relabelling,
}

impl Stage {
    /// Makes or reuses the world in `directory`, loads it, and only then opens the port; 0 takes a free one.
    pub async fn set(directory: &Path, port: u16) -> Result<Self, Error> {
        Self::set_with(directory, port, |toml| toml).await
    }

    /// The same with other settings than the demo's.
    pub async fn set_with(
        directory: &Path,
        port: u16,
        change: impl FnOnce(String) -> String,
    ) -> Result<Self, Error> {
        // first, so that a second demo leaves the one that is up alone
        let (listen, reserved) = reserve(port)?;
        let lock = lock(directory)?;
        let layout = Layout::new(directory);
        let partial = layout.ready();
        if partial.exists() {
            fs::remove_file(&partial).map_err(Error::file(&partial))?;
        }
        pki::create(&layout.pki(), pki::LIFETIME, &SystemClock, &SystemRandom)?;
        world::data(&layout.data())?;

        let received = layout.received();
        let folder = received.parent().unwrap_or(directory);
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let acceptor =
            server::acceptor(&identity(&layout, "receiver/tls")?, &[authority(&layout)?])?;
        let receiver =
            Receiver::start(acceptor, &received).await.map_err(Error::file(&received))?;
        let (management, also_reserved) = reserve(0)?;
        settings::write(&layout, listen, management, receiver.address(), change)?;

        let config = config::read(&layout.config())?;
        let report = load(&config, &layout)?;
        if !report.is_complete() {
            return Err(Error::Load(report.refused.len()));
        }
        let opened = config.open()?;
        let server = Server::bind(opened.server).await?;
        drop((reserved, also_reserved));
        let url = format!("https://{}", server.address());
        let management_url = format!("http://{}", server.management_address());
        let (stop, mut stopped) = watch::channel(false);
        let served = server.serve(opened.gateway, opened.delivery, async move {
            let _sender_gone = stopped.wait_for(|stop| *stop).await;
        });
        let server = tokio::spawn(served);
        let (ask, asked) = mpsc::channel(1);
        let rereading = tokio::spawn(opened.reload.watch(asked));
        let stage = Self {
            layout,
            url,
            management_url,
            receiver,
            stop,
            server,
            rereading,
            ask,
            _lock: lock,
            _relabelling: opened.relabelling,
        };
        Ok(stage)
    }

    /// A client of a partner; `paths` hold its TLS certificate and key.
    pub fn client(&self, partner: &str) -> Result<Client, Error> {
        let read = |path: &Path| fs::read(path).map_err(Error::file(path));
        let settings = client::Settings::at(
            &self.url,
            read(&self.layout.pki().join("ca.crt"))?,
            read(&self.layout.partner(partner, "tls.crt"))?,
            read(&self.layout.partner(partner, "tls.key"))?,
        );
        Ok(Client::new(&settings)?)
    }

    /// Writes `ready.json`, whole or not at all.
    pub fn announce(&self) -> Result<(), Error> {
        let ready = serde_json::json!({
            "url": self.url,
            "pid": std::process::id(),
            "metrics": format!("{}/metrics", self.management_url),
            "syslog": self.receiver.address().to_string(),
        });
        files::write(&self.layout.ready(), format!("{ready}\n").as_bytes(), Readers::All)
    }

    /// What a person may try next.
    #[must_use]
    pub fn invitation(&self) -> String {
        let demo = self.layout.root().display();
        let pki = self.layout.pki();
        let riverside = pki.join("partners/riverside");
        let (ca, cert, key) =
            (pki.join("ca.crt"), riverside.join("tls.crt"), riverside.join("tls.key"));
        format!(
            "\nThe gateway stays up; Ctrl-C stops it. Try in another terminal:\n\n  \
             glassgate query --demo {demo} --patient P-1002\n  \
             glassgate query --demo {demo} --patient P-1002 --purpose BTG --role {physician}\n  \
             glassgate retrieve --demo {demo} --out /tmp {document}\n  \
             glassgate explain --config {config} --patient P-1002 --purpose BTG --role {physician}\n  \
             glassgate review --config {config} list\n  \
             glassgate partner test --config {config} {captured}\n  \
             curl --cacert {ca} --cert {cert} --key {key} '{url}/xca/query?wsdl'\n  \
             curl {management}/metrics\n  \
             tail -f {received}\n",
            config = self.layout.config().display(),
            captured = self.layout.captured().join("tampered.xml").display(),
            physician = world::PHYSICIAN.0,
            document = world::document_id(1001, 1),
            ca = ca.display(),
            cert = cert.display(),
            key = key.display(),
            url = self.url,
            management = self.management_url,
            received = self.layout.received().display(),
        )
    }

    /// Has the settings read anew, as SIGHUP does with `serve`.
    pub async fn reload(&self) {
        let _ended = self.ask.send(()).await;
    }

    /// Stops the gateway; requests under way are finished.
    pub async fn strike(self) {
        self.rereading.abort();
        self.stop.send_replace(true);
        let _ended = self.server.await;
    }
}

/// Keeps a second demo out of the directory, whichever port it takes.
fn lock(directory: &Path) -> Result<File, Error> {
    fs::create_dir_all(directory).map_err(Error::file(directory))?;
    let path = directory.join(".lock");
    let file = File::create(&path).map_err(Error::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Running(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::file(&path)(error)),
    }
}

/// Loads the world's data off the async threads' sight: nothing is served yet.
fn load(config: &Config, layout: &Layout) -> Result<Report, Error> {
    let report =
        tokio::task::block_in_place(|| config.load(&[layout.data()], "demo", &mut |_| ()))?;
    for refused in &report.refused {
        tracing::error!("{refused}");
    }
    Ok(report)
}

/// The port on 127.0.0.1, or a free one for 0; nobody else gets it while the socket lives, and nobody can connect yet.
fn reserve(port: u16) -> Result<(SocketAddr, TcpSocket), Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        // the server binds it a second time
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok((socket.local_addr()?, socket))
    };
    bind().map_err(|source| server::Error::Bind { address, source }.into())
}

fn authority(layout: &Layout) -> Result<X509, Error> {
    let path = layout.pki().join("ca.crt");
    Ok(X509::from_pem(&fs::read(&path).map_err(Error::file(&path))?)?)
}

fn identity(layout: &Layout, name: &str) -> Result<Identity, Error> {
    let read = |kind: &str| {
        let path = layout.pki().join(format!("{name}.{kind}"));
        fs::read(&path).map_err(Error::file(&path))
    };
    Ok(Identity {
        chain: X509::stack_from_pem(&read("crt")?)?,
        key: PKey::private_key_from_pem(&read("key")?)?,
    })
}
