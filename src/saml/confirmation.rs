use crate::clock::Timestamp;
use crate::xml::{self, Node, ns};

use super::element::{Malformed, only, stated, time};
use super::trust::Partner;
use super::untrusted::quote;

/// Whoever holds the assertion may use it (SAML profiles 3.3).
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// How the sender proves to be the one the assertion was made for (SAML core 2.4.1.1).
#[derive(Debug, Clone)]
pub(super) struct Confirmation {
    method: String,
    not_before: Option<Timestamp>,
    not_on_or_after: Option<Timestamp>,
    recipient: Option<String>,
}

/// Why no subject confirmation holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unconfirmed {
    /// There is none.
    #[error("none stated")]
    Absent,
    /// None by bearer; holder-of-key and sender-vouches are not accepted yet.
    #[error("method {0} is not accepted")]
    Method(String),
    /// NotBefore lies ahead.
    #[error("not valid before {from}, and it is {now}")]
    NotYetValid {
        /// NotBefore.
        from: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// NotOnOrAfter has come.
    #[error("expired at {until}, and it is {now}")]
    Expired {
        /// NotOnOrAfter.
        until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Meant for another endpoint.
    #[error("meant for another recipient: {0}")]
    Recipient(String),
}

impl Unconfirmed {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "no-confirmation",
            Self::Method(_) => "confirmation-method",
            Self::NotYetValid { .. } => "confirmation-not-yet-valid",
            Self::Expired { .. } => "confirmation-expired",
            Self::Recipient(_) => "recipient",
        }
    }
}

impl Confirmation {
    /// Reads every SubjectConfirmation of a Subject.
    pub(super) fn read_all(subject: Node<'_, '_>) -> Result<Vec<Self>, Malformed> {
        xml::children(subject, ns::SAML, "SubjectConfirmation").map(Self::read).collect()
    }

    fn read(node: Node<'_, '_>) -> Result<Self, Malformed> {
        let method = stated(node, "Method").unwrap_or_default().to_owned();
        let mut confirmation =
            Self { method, not_before: None, not_on_or_after: None, recipient: None };
        // InResponseTo and Address are not looked at: there was no request, and gateways forward
        if let Some(data) = only(node, "SubjectConfirmationData")? {
            confirmation.not_before = time(data, "NotBefore")?;
            confirmation.not_on_or_after = time(data, "NotOnOrAfter")?;
            confirmation.recipient = xml::attribute(data, "Recipient").map(|r| r.trim().to_owned());
        }
        Ok(confirmation)
    }

    /// Whether one of them holds; if not, why the first bearer does not, else why the first does not.
    pub(super) fn any_holds(
        all: &[Self],
        partner: &Partner,
        now: Timestamp,
    ) -> Result<(), Unconfirmed> {
        let mut why = Unconfirmed::Absent;
        for confirmation in all {
            match confirmation.holds(partner, now) {
                Ok(()) => return Ok(()),
                Err(method @ Unconfirmed::Method(_)) if why == Unconfirmed::Absent => why = method,
                Err(Unconfirmed::Method(_)) => {}
                Err(bearer) if matches!(why, Unconfirmed::Absent | Unconfirmed::Method(_)) => {
                    why = bearer;
                }
                Err(_) => {}
            }
        }
        Err(why)
    }

    fn holds(&self, partner: &Partner, now: Timestamp) -> Result<(), Unconfirmed> {
        if self.method != BEARER {
            return Err(Unconfirmed::Method(quote(&self.method)));
        }
        let skew = partner.clock_skew;
        if let Some(from) = self.not_before.filter(|from| *from > now.plus(skew)) {
            return Err(Unconfirmed::NotYetValid { from, now });
        }
        if let Some(until) = self.not_on_or_after.filter(|until| now >= until.plus(skew)) {
            return Err(Unconfirmed::Expired { until, now });
        }
        match (&self.recipient, &partner.recipients) {
            (Some(recipient), Some(ours)) if !ours.contains(recipient) => {
                Err(Unconfirmed::Recipient(quote(recipient)))
            }
            _ => Ok(()),
        }
    }
}
