//! Delivery of the journal by syslog: one task a target, in order, at least once (ITI TF-2 3.20.4.1).
//!
//! A record is on its way again after a lost connection until it counts as arrived (`window.rs`). It is sent as it
//! stands in the journal, so a repetition is the same bytes, and it ends in a `record-id` that counts without gaps.

pub mod frame;
mod link;
pub(super) mod syslog;
mod task;
mod tls;
mod udp;
mod wanted;
mod window;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Error, Journal};
use crate::clock::Random;
use link::Opener;
use task::Task;

pub use wanted::Wanted;

/// Where records go, and how patiently.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// All targets, and which records each gets.
    pub targets: Vec<(Target, Wanted)>,
    /// Delays and limits.
    pub times: Times,
}

/// Delays and limits of delivery.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Wait before the first new attempt; doubled by each failure, half of it random.
    pub retry_first: Duration,
    /// The longest wait before a new attempt.
    pub retry_longest: Duration,
    /// How long connecting, a write, or the receiver's close may take.
    pub patience: Duration,
    /// How long a sent record stays open before it may count as arrived: time for the receiver to store it.
    pub settle: Duration,
    /// How long silence must last to count as arrival: after 15.4 minutes Linux gives up on unacknowledged bytes.
    pub silence: Duration,
    /// How often the journal is read for what other processes wrote.
    pub poll: Duration,
    /// How long a record waits for others, to be read and sent with them.
    pub gather: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            retry_first: Duration::from_millis(250),
            retry_longest: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            settle: Duration::from_secs(5),
            silence: Duration::from_secs(16 * 60),
            poll: Duration::from_secs(1),
            gather: Duration::from_millis(10),
        }
    }
}

/// An audit record repository.
#[derive(Clone)]
pub enum Target {
    /// Syslog over TLS (RFC 5425); the one that counts.
    Tls {
        /// Names the target's cursor: renaming it sends everything again.
        name: String,
        /// Host name or IP address to connect to.
        host: String,
        /// Port, 6514 by convention.
        port: u16,
        /// What the receiver's certificate must say, a host name or an IP address.
        server_name: String,
        /// The only certificate authorities believed, PEM.
        ca_pem: Vec<u8>,
        /// Our certificate (chain) and key, PEM, where the receiver wants them.
        identity: Option<(Vec<u8>, Vec<u8>)>,
    },
    /// Syslog over UDP (RFC 5426), best effort.
    Udp {
        /// Names the target's cursor.
        name: String,
        /// Host name or IP address.
        host: String,
        /// Port, 514 by convention.
        port: u16,
    },
}

impl Target {
    /// The target's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tls { name, .. } | Self::Udp { name, .. } => name,
        }
    }
}

/// Keys stay out of logs.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, host, port) = match self {
            Self::Tls { host, port, .. } => ("tls", host, port),
            Self::Udp { host, port, .. } => ("udp", host, port),
        };
        write!(f, "Target({}: {kind} {host}:{port})", self.name())
    }
}

/// The running delivery; dropped without `shutdown`, it stops where it is.
#[derive(Debug)]
pub struct Delivery {
    journal: Journal,
    tasks: Mutex<JoinSet<()>>,
    targets: Vec<(String, Arc<Counters>)>,
    stop: watch::Sender<bool>,
}

impl Delivery {
    /// Checks every target and starts its task; needs a tokio runtime.
    pub fn start(
        settings: Settings,
        journal: &Journal,
        random: &Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let (mut tasks, mut targets) = (JoinSet::new(), Vec::new());
        let mut names = HashSet::new();
        let stop = watch::Sender::new(false);
        let mut ready = Vec::new();
        for (target, wanted) in settings.targets {
            let name = target.name().to_owned();
            if !names.insert(name.clone()) {
                return Err(Error::TargetTwice { target: name });
            }
            let confirmed = journal.cursor(&name);
            let counters = Arc::new(Counters {
                sent_up_to: confirmed.into(),
                confirmed: confirmed.into(),
                ..Counters::default()
            });
            targets.push((name.clone(), Arc::clone(&counters)));
            ready.push(Task {
                name,
                opener: Opener::new(target)?,
                wanted,
                journal: journal.clone(),
                times: settings.times,
                random: Arc::clone(random),
                counters,
                stop: stop.subscribe(),
            });
        }
        for task in ready {
            tasks.spawn(task.run());
        }
        Ok(Self { journal: journal.clone(), tasks: Mutex::new(tasks), targets, stop })
    }

    /// How each target stands, for `/metrics`; reads the journal and so blocks shortly.
    pub fn standing(&self) -> Result<Vec<Standing>, Error> {
        let last = self.journal.last()?;
        Ok(self.targets.iter().map(|(name, counters)| counters.standing(name, last)).collect())
    }

    /// Sends what is recorded, closes every connection in order, and gives up `within` this time.
    ///
    /// Whoever else holds the delivery may look at it still.
    pub async fn shutdown(&self, within: Duration) {
        self.stop.send_replace(true);
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, ended).await.is_err() {
            tracing::warn!("audit records are left for the next start to deliver");
        }
    }
}

/// How a target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The target's name.
    pub target: String,
    /// Messages sent since start, repetitions included; those that the target does not get are none.
    pub sent: u64,
    /// The last record that the target surely has; kept over restarts.
    pub confirmed: u64,
    /// Durable records not sent yet.
    pub backlog: u64,
    /// Records too large for this target's transport.
    pub skipped: u64,
    /// Connections refused or lost since start.
    pub failures: u64,
    /// Whether a connection stands.
    pub connected: bool,
}

/// What a task counts.
#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    sent_up_to: AtomicU64,
    confirmed: AtomicU64,
    skipped: AtomicU64,
    failures: AtomicU64,
    connected: AtomicBool,
}

impl Counters {
    fn standing(&self, target: &str, last: u64) -> Standing {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Standing {
            target: target.to_owned(),
            sent: number(&self.sent),
            confirmed: number(&self.confirmed),
            backlog: last.saturating_sub(number(&self.sent_up_to)),
            skipped: number(&self.skipped),
            failures: number(&self.failures),
            connected: self.connected.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests;
