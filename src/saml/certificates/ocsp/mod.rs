//! Whether a certificate was revoked, as its OCSP responder says (RFC 6960): asked behind the requests' back.
//!
//! An [`Inquiry`] is made of a certificate that has chained to a configured root, never before. Whoever believed the
//! certificate holds it, and sees at the next look what was answered since. No answer is no reason to disbelieve.

mod answer;
mod inquiry;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;
use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::limits;

pub use answer::{Answer, Unanswered};
pub use inquiry::{Inquiry, News};

/// Where the responders of some certificates are, and what they said.
#[derive(Debug, Clone)]
pub struct Ocsp {
    /// What is known; one for the whole process.
    pub inquiries: Inquiries,
    /// Asked in place of the responder that a certificate names.
    pub responder: Option<String>,
}

impl Ocsp {
    /// What is known of a certificate that chained, and that it is to be asked for.
    pub(super) fn of(
        &self,
        certificate: &X509Ref,
        issuer: &X509Ref,
        now: Timestamp,
    ) -> Result<Option<Arc<Inquiry>>, ErrorStack> {
        self.inquiries.of(self.name(certificate)?, certificate, issuer, now)
    }

    /// What is known already.
    pub(super) fn known(&self, certificate: &X509Ref) -> Result<Option<Arc<Inquiry>>, ErrorStack> {
        Ok(self.inquiries.known().get(&self.name(certificate)?).cloned())
    }

    fn name(&self, certificate: &X509Ref) -> Result<Name, ErrorStack> {
        let digest = certificate.digest(MessageDigest::sha256())?;
        let responder = self.responder.clone().or_else(|| named(certificate));
        Ok((<[u8; 32]>::try_from(&*digest).unwrap_or_default(), responder))
    }
}

/// The first responder that a certificate names and that is reached by HTTP.
#[must_use]
pub fn named(certificate: &X509Ref) -> Option<String> {
    let named = certificate.ocsp_responders().ok()?;
    named.iter().map(ToString::to_string).find(|url| is_http(url))
}

/// Whether it is an address that may be asked: `http://` or `https://` and a host.
#[must_use]
pub fn is_http(url: &str) -> bool {
    let host = url.split_once("://").filter(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    });
    // a password would stand in metrics and log
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
    plain
        && host.is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']))
}

/// A certificate by its SHA-256, and where it is asked for.
type Name = ([u8; 32], Option<String>);

/// All that is asked, and what was answered; clones share it, and it outlives a reload.
#[derive(Clone, Default)]
pub struct Inquiries(Arc<Shared>);

#[derive(Default)]
struct Shared {
    known: Mutex<HashMap<Name, Arc<Inquiry>>>,
    wanted: Notify,
}

impl Inquiries {
    fn of(
        &self,
        name: Name,
        certificate: &X509Ref,
        issuer: &X509Ref,
        now: Timestamp,
    ) -> Result<Option<Arc<Inquiry>>, ErrorStack> {
        let mut known = self.known();
        if let Some(inquiry) = known.get(&name) {
            inquiry.used();
            return Ok(Some(Arc::clone(inquiry)));
        }
        if known.len() >= limits::OCSP_INQUIRIES {
            known
                .retain(|_, one| one.matters(now) && (Arc::strong_count(one) > 1 || one.revoked()));
        }
        // more certificates of trusted CAs than anybody has: the further ones are not asked for
        if known.len() >= limits::OCSP_INQUIRIES {
            return Ok(None);
        }
        let inquiry = Arc::new(Inquiry::new(certificate, issuer, name.1.clone(), now)?);
        known.insert(name, Arc::clone(&inquiry));
        self.0.wanted.notify_one();
        Ok(Some(inquiry))
    }

    /// What is to be asked now, so many at most; forgets what nobody needs any more.
    #[must_use]
    pub fn due(&self, now: Timestamp, most: usize) -> Vec<Arc<Inquiry>> {
        let mut known = self.known();
        known.retain(|_, one| {
            // whoever believed it holds it, as do the settings that pin it; who was revoked is remembered for his sake
            let needed = Arc::strong_count(one) > 1 || one.revoked() || one.was_used();
            !one.is_due(now) || needed && one.matters(now)
        });
        let mut due: Vec<_> = known.values().filter(|one| one.is_due(now)).cloned().collect();
        // whose responders are silent come last: they keep none of the others waiting
        due.sort_by_key(|one| one.failures());
        due.truncate(most);
        due.iter().for_each(|one| one.asking(now));
        due
    }

    /// Has everything asked anew, whatever was answered.
    pub fn renew(&self, now: Timestamp) {
        for inquiry in self.known().values() {
            inquiry.hasten(now);
        }
        self.0.wanted.notify_one();
    }

    /// Resolves once there is something new to ask.
    pub async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known().len()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, Arc<Inquiry>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows how many there are.
impl fmt::Debug for Inquiries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiries").field("count", &self.count()).finish()
    }
}

/// How long an answer without nextUpdate counts.
const UNDATED: Duration = Duration::from_secs(3600);
/// After how long it is asked again at the latest, whatever nextUpdate says, and how soon at the earliest.
const LATEST: Duration = Duration::from_secs(12 * 3600);
const SOONEST: Duration = Duration::from_secs(60);
