use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::x509::X509Ref;

use super::moment;
use crate::clock::Timestamp;

/// How long before its end a certificate is warned of: a month to get another one.
pub const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);

/// A configured certificate whose end somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The setting that names it, as in `partner[0].tls_certificates`.
    pub key: String,
    /// Its file, or its subject.
    pub name: String,
    /// Its last moment.
    pub until: Timestamp,
}

impl Watched {
    /// A certificate, by the setting that names it.
    pub fn new(key: &str, name: &str, certificate: &X509Ref) -> Result<Self, ErrorStack> {
        let until = moment(certificate.not_after())?;
        Ok(Self { key: key.to_owned(), name: name.to_owned(), until })
    }

    /// What to warn of, from a month before its end on.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let Self { key, name, until } = self;
        if now.plus(EXPIRY_WARNING) < *until {
            return None;
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
