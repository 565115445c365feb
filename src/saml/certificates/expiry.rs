use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::x509::X509Ref;

use super::{Crl, moment};
use crate::clock::Timestamp;

/// How long before its end a certificate is warned of: a month to get another one.
pub const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long before its end a revocation list is warned of: whoever fetches it does so every few hours or days.
pub const LIST_WARNING: Duration = Duration::from_secs(6 * 3600);

/// A configured certificate or revocation list whose end somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The setting that names it, as in `partner[0].tls_certificates`.
    pub key: String,
    /// Its file, or its subject.
    pub name: String,
    /// Its last moment.
    pub until: Timestamp,
    /// Which of them it is.
    pub kind: Kind,
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A certificate, which a successor replaces.
    Certificate,
    /// A revocation list, which is renewed again and again.
    List,
}

/// The certificates of the settings in force; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Watchlist(Arc<RwLock<Vec<Watched>>>);

impl Watchlist {
    /// Watches these until others take their place.
    #[must_use]
    pub fn new(watched: Vec<Watched>) -> Self {
        Self(Arc::new(RwLock::new(watched)))
    }

    /// What is watched now.
    #[must_use]
    pub fn now(&self) -> Vec<Watched> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Watches what another watches.
    pub fn replace(&self, other: &Self) {
        let new = other.now();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

impl Watched {
    /// A certificate, by the setting that names it.
    pub fn new(key: &str, name: &str, certificate: &X509Ref) -> Result<Self, ErrorStack> {
        let until = moment(certificate.not_after())?;
        let (key, name) = (key.to_owned(), name.to_owned());
        Ok(Self { key, name, until, kind: Kind::Certificate })
    }

    /// A revocation list, by the setting that names it: its end is nextUpdate, after which a grace may remain.
    #[must_use]
    pub fn list(key: &str, name: &str, list: &Crl) -> Self {
        let (key, name) = (key.to_owned(), name.to_owned());
        Self { key, name, until: list.next_update(), kind: Kind::List }
    }

    /// What to warn of, from a month before a certificate's end on, and from hours before a list's.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let Self { key, name, until, kind } = self;
        let ahead = match kind {
            Kind::Certificate => EXPIRY_WARNING,
            Kind::List => LIST_WARNING,
        };
        if now.plus(ahead) < *until {
            return None;
        }
        if *kind == Kind::List {
            let due = if *until < now { "was" } else { "is" };
            return Some(format!("{key}: {name} {due} due to be renewed at {until}"));
        }
        let date = until.to_string().chars().take(10).collect::<String>();
        Some(match until.since(now).as_secs() / (24 * 3600) {
            _ if *until < now => format!("{key}: {name} expired on {date}; ask for its successor"),
            days => {
                format!("{key}: {name} expires in {days} days, on {date}; ask for its successor")
            }
        })
    }
}
