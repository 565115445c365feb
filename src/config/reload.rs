//! Reading the settings anew while the gateway serves: on demand, and when a file that they name has changed.
//!
//! Partners, issuers, agreements, the domain's policy and the listener's certificates change; a request keeps what
//! it began with. Listeners, stores and targets stay as they are until a restart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::seen::Seen;
use super::{Config, Problem, Problems, Raw, reread};
use crate::clock::{Clock, SystemClock};
use crate::gateway::Gateway;
use crate::server;

/// How often the files are looked at; a change is read once two looks agree, so that no half a file is.
const LOOK: Duration = Duration::from_secs(1);

/// Sections of which a reload changes no key but those below.
const SECTIONS: [&str; 8] =
    ["community", "server", "saml", "labels", "break_glass", "repository", "audit", "log"];

/// Their keys that a reload changes.
const RELOADED: [&str; 13] = [
    "server.certificate",
    "server.key",
    "server.client_ca",
    "server.client_crls",
    "server.client_crl_grace_s",
    "server.client_minimum_rsa_bits",
    "server.client_ocsp",
    "server.client_ocsp_responder",
    "saml.audiences",
    "saml.recipients",
    "saml.clock_skew_s",
    "saml.failures_per_s",
    "break_glass.withheld_sensitivities",
];

/// Of those that it does not change, the ones that audiences and consents are read by: one half of who we are must not
/// be new and the other old.
const IDENTITY: [&str; 2] = ["community.home_community_id", "server.public_url"];

/// The keys that only a restart changes, with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fixed(BTreeMap<String, String>);

/// What can be read anew.
#[derive(Debug)]
pub struct Reload {
    path: PathBuf,
    gateway: Arc<Gateway>,
    listening: server::Settings,
    fixed: Fixed,
    /// The files as they were when they were read.
    files: Vec<Seen>,
}

impl Fixed {
    pub(super) fn of(raw: &Raw) -> Self {
        let mut keys = BTreeMap::new();
        let table = toml::Table::try_from(raw).unwrap_or_default();
        for section in SECTIONS {
            let values = table.get(section).and_then(toml::Value::as_table);
            for (key, value) in values.into_iter().flatten() {
                let key = format!("{section}.{key}");
                if !RELOADED.contains(&key.as_str()) {
                    keys.insert(key, value.to_string());
                }
            }
        }
        Self(keys)
    }

    /// The keys that read otherwise there.
    fn changed(&self, other: &Self) -> Vec<String> {
        let all = self.0.keys().chain(other.0.keys().filter(|key| !self.0.contains_key(*key)));
        all.filter(|key| self.0.get(*key) != other.0.get(*key)).cloned().collect()
    }
}

impl Reload {
    pub(super) fn new(
        path: PathBuf,
        gateway: Arc<Gateway>,
        listening: server::Settings,
        fixed: Fixed,
        files: Vec<Seen>,
    ) -> Self {
        Self { path, gateway, listening, fixed, files }
    }

    /// Reads the settings whenever somebody asks or a file has changed, as long as it is polled.
    pub async fn watch(mut self, mut asked: mpsc::Receiver<()>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = self.files.clone();
        loop {
            let on_demand = tokio::select! {
                Some(()) = asked.recv() => true,
                _ = looks.tick() => false,
            };
            let now = self.look().await;
            if !on_demand && (now == self.files || now != before) {
                before = now;
                continue;
            }
            self.read().await;
            before.clone_from(&self.files);
        }
    }

    /// Reads the settings once: they are adopted as a whole, or the former stay as a whole.
    async fn read(&mut self) {
        let (path, inquiries) = (self.path.clone(), self.listening.inquiries.clone());
        let Ok(found) = tokio::task::spawn_blocking(move || reread(&path, inquiries)).await else {
            error!("no thread to read the settings in");
            return;
        };
        match found {
            Ok(config) => self.adopt(config).await,
            Err(problems) => self.refuse(problems).await,
        }
    }

    async fn adopt(&mut self, config: Config) {
        let changed = self.fixed.changed(&config.fixed);
        let identity = changed.iter().filter(|key| IDENTITY.contains(&key.as_str()));
        let problems: Vec<_> = identity.map(|key| other_identity(key)).collect();
        if !problems.is_empty() {
            let (path, files) = (self.path.clone(), config.files);
            return self.refuse(Problems { path, problems, files }).await;
        }
        for warning in &config.warnings {
            warn!("{warning}");
        }
        let restart = changed.join(", ");
        if !restart.is_empty() {
            warn!(keys = restart, "changed keys that take effect at the next start");
        }
        let settings = config.terms.trust.settings();
        let (partners, issuers) = (settings.partners.len(), settings.issuers.len());
        let mut told = format!("settings adopted: {partners} partners, {issuers} issuers");
        if !restart.is_empty() {
            told.push_str("; at the next start: ");
            told.push_str(&restart);
        }
        self.files = config.files;
        self.listening.acceptor.replace(&config.server.acceptor);
        self.listening.watched.replace(&config.server.watched);
        self.gateway.adopt(config.terms, &told).await;
        self.listening.inquiries.renew(SystemClock.now());
        info!(partners, issuers, "settings adopted");
    }

    async fn refuse(&mut self, problems: Problems) {
        error!("settings refused, the former stay:\n{problems}");
        let told = format!("settings refused, the former stay: {problems}");
        // what the refused file names may be what is mended next, and what the one in force names still counts
        let refused = |file: &Seen| problems.files.iter().any(|other| other.path == file.path);
        self.files.retain(|file| !refused(file));
        self.files.extend(problems.files);
        self.gateway.keep(&told.replace('\n', "; ")).await;
    }

    /// The files as they are now.
    async fn look(&self) -> Vec<Seen> {
        let files = self.files.clone();
        let look = move || files.iter().map(Seen::again).collect();
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

fn other_identity(key: &str) -> Problem {
    let what = "has changed, and audiences and consents rest on it".to_owned();
    let mend = "start the gateway anew, or write it as it was".to_owned();
    Problem { key: key.to_owned(), line: 0, what, mend }
}
