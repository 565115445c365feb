use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl::error::ErrorStack;
use openssl::x509::{X509, X509Ref};

use super::super::{moment, quoted};
use super::answer::{self, Answer, Unanswered};
use super::{LATEST, SOONEST};
use crate::clock::Timestamp;
use crate::limits;

/// One certificate, asked for at one responder.
pub struct Inquiry {
    certificate: X509,
    issuer: X509,
    responder: Option<String>,
    subject: String,
    /// The certificate's own end: beyond it nothing is asked.
    until: Timestamp,
    said: Mutex<Said>,
}

/// What is known.
#[derive(Debug, Clone, Copy)]
struct Said {
    revoked: bool,
    /// thisUpdate of the newest answer.
    as_of: Option<Timestamp>,
    /// When to ask.
    next: Timestamp,
    /// How often in a row nothing usable came.
    failures: u32,
    /// Whether somebody looked since it was last asked.
    used: bool,
}

/// What is new once an answer came, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing that anybody has to hear.
    None,
    /// It was revoked.
    Revoked,
    /// It was revoked, and is no longer.
    Restored,
    /// There is no answer, for the first time since there was one.
    Silent,
}

impl Said {
    /// thisUpdate of the newest answer, where that one is older.
    fn newer_than(&self, answer: &Answer) -> Option<Timestamp> {
        self.as_of.filter(|newest| answer.as_of < *newest)
    }
}

impl Inquiry {
    pub(super) fn new(
        certificate: &X509Ref,
        issuer: &X509Ref,
        responder: Option<String>,
        now: Timestamp,
    ) -> Result<Self, ErrorStack> {
        let said = Said { revoked: false, as_of: None, next: now, failures: 0, used: true };
        Ok(Self {
            subject: quoted(certificate.subject_name()),
            until: moment(certificate.not_after())?,
            certificate: certificate.to_owned(),
            issuer: issuer.to_owned(),
            responder,
            said: Mutex::new(said),
        })
    }

    /// Whose certificate it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Where to ask; none where neither the certificate nor the settings say.
    #[must_use]
    pub fn responder(&self) -> Option<&str> {
        self.responder.as_deref()
    }

    /// What to send there, in DER.
    pub fn request(&self) -> Result<Vec<u8>, ErrorStack> {
        answer::request(&self.certificate, &self.issuer)
    }

    /// Whether its responder said that it was revoked; that holds until the responder says otherwise.
    #[must_use]
    pub fn revoked(&self) -> bool {
        self.said().revoked
    }

    /// Reads what came back: believed where the certificate's issuer, or whom it appointed, signed it, and of this time.
    pub fn judge(&self, der: &[u8], now: Timestamp) -> Result<Answer, Unanswered> {
        let answer = answer::judge(der, &self.certificate, &self.issuer, now)?;
        // an older answer may be sent again by whoever stands between
        match self.said().newer_than(&answer) {
            Some(newest) => Err(Unanswered::Older { as_of: answer.as_of, newest }),
            None => Ok(answer),
        }
    }

    /// Remembers what came of asking.
    pub fn hear(&self, heard: Result<&Answer, &Unanswered>, now: Timestamp) -> News {
        let mut said = self.said();
        match heard {
            // a reload had it asked a second time meanwhile, and that answer is newer
            Ok(answer) if said.newer_than(answer).is_some() => News::None,
            Ok(answer) => {
                // half of the time that is left: a responder that is down for a while is not missed
                let left = answer.until.since(now) / 2;
                let news = match (said.revoked, answer.revoked) {
                    (false, true) => News::Revoked,
                    (true, false) => News::Restored,
                    _ => News::None,
                };
                said.revoked = answer.revoked;
                said.as_of = Some(answer.as_of);
                said.failures = 0;
                said.next = now.plus(left.clamp(SOONEST, LATEST));
                news
            }
            Err(_) => {
                let wait = SOONEST.saturating_mul(1 << said.failures.min(6));
                said.failures = said.failures.saturating_add(1);
                said.next = now.plus(wait);
                if said.failures == 1 { News::Silent } else { News::None }
            }
        }
    }

    pub(super) fn used(&self) {
        self.said().used = true;
    }

    pub(super) fn was_used(&self) -> bool {
        self.said().used
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.said().next <= now
    }

    pub(super) fn failures(&self) -> u32 {
        self.said().failures
    }

    pub(super) fn hasten(&self, now: Timestamp) {
        let mut said = self.said();
        said.next = said.next.min(now);
        // settings that are about to hold it may have been read a moment ago
        said.used = true;
    }

    /// Not asked a second time while somebody asks.
    pub(super) fn asking(&self, now: Timestamp) {
        let mut said = self.said();
        said.next = now.plus(limits::OCSP_TIME * 2).max(now.plus(SOONEST));
        said.used = false;
    }

    /// Whether the certificate has not ended.
    pub(super) fn matters(&self, now: Timestamp) -> bool {
        now <= self.until
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").field("subject", &self.subject).finish_non_exhaustive()
    }
}
