use crate::clock::Timestamp;
use crate::dsig::{self, Key, KeyInfoError};
use crate::xml::{self, Node, ns};

use super::demands::{ConfirmationMethod, Demands};
use super::element::{Malformed, only, stated, time};
use super::message::Proofs;
use super::trust::Partner;
use super::untrusted::quote;

/// Whoever holds the assertion may use it (SAML profiles 3.3).
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// Whoever holds a key that the assertion names may use it (SAML profiles 3.1).
const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
/// KeyInfos of one assertion: its holder has a key or two.
const KEY_INFOS: usize = 8;
/// Whoever brings it vouches for it (SAML profiles 3.2).
const SENDER_VOUCHES: &str = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches";

/// How the sender proves to be the one the assertion was made for (SAML core 2.4.1.1).
#[derive(Debug, Clone)]
pub(super) struct Confirmation {
    method: String,
    not_before: Option<Timestamp>,
    not_on_or_after: Option<Timestamp>,
    recipient: Option<String>,
    /// Of holder-of-key alone: one key a KeyInfo.
    keys: Vec<Key>,
    /// Why a KeyInfo of it gives no key.
    unreadable: Option<KeyInfoError>,
}

/// Why no subject confirmation holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unconfirmed {
    /// There is none.
    #[error("none stated")]
    Absent,
    /// None by a method that was agreed with the partner.
    #[error("method {0} is not accepted")]
    Method(String),
    /// Holder-of-key without a key that can be read.
    #[error("the holder's key cannot be read: {0}")]
    HolderKey(KeyInfoError),
    /// Neither the message nor the TLS client shows to hold the key, in a way that was agreed.
    #[error("the sender does not prove to hold the key that the assertion names")]
    NotHeld,
    /// No signature of the partner covers Timestamp, Body and assertion.
    #[error("the partner does not vouch by a signature over Timestamp, Body and assertion")]
    NotVouched,
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
            Self::HolderKey(_) => "holder-key",
            Self::NotHeld => "key-not-held",
            Self::NotVouched => "not-vouched",
            Self::NotYetValid { .. } => "confirmation-not-yet-valid",
            Self::Expired { .. } => "confirmation-expired",
            Self::Recipient(_) => "recipient",
        }
    }
}

impl Confirmation {
    /// Reads every SubjectConfirmation of a Subject.
    pub(super) fn read_all(subject: Node<'_, '_>) -> Result<Vec<Self>, Malformed> {
        let mut key_infos = 0;
        let all = xml::children(subject, ns::SAML, "SubjectConfirmation");
        all.map(|node| Self::read(node, &mut key_infos)).collect()
    }

    fn read(node: Node<'_, '_>, key_infos: &mut usize) -> Result<Self, Malformed> {
        let method = stated(node, "Method").unwrap_or_default().to_owned();
        let mut confirmation = Self {
            method,
            not_before: None,
            not_on_or_after: None,
            recipient: None,
            keys: Vec::new(),
            unreadable: None,
        };
        // InResponseTo and Address are not looked at: there was no request, and gateways forward
        if let Some(data) = only(node, "SubjectConfirmationData")? {
            confirmation.not_before = time(data, "NotBefore")?;
            confirmation.not_on_or_after = time(data, "NotOnOrAfter")?;
            confirmation.recipient = xml::attribute(data, "Recipient").map(|r| r.trim().to_owned());
            if confirmation.method == HOLDER_OF_KEY {
                for key_info in xml::children(data, ns::DSIG, "KeyInfo") {
                    *key_infos = key_infos.saturating_add(1);
                    if *key_infos > KEY_INFOS {
                        return Err(Malformed::TooManyKeys { limit: KEY_INFOS });
                    }
                    match dsig::key_in(key_info) {
                        Ok(key) => confirmation.keys.push(key),
                        Err(error) => confirmation.unreadable = Some(error),
                    }
                }
            }
        }
        Ok(confirmation)
    }

    /// The keys by which holder-of-key knows the sender.
    pub(super) fn holder_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Whether one of them holds; if not, why the first of an agreed method does not, else why the first does not.
    pub(super) fn any_holds(
        all: &[Self],
        partner: &Partner,
        proofs: &Proofs,
        now: Timestamp,
    ) -> Result<(), Unconfirmed> {
        let mut why = Unconfirmed::Absent;
        for confirmation in all {
            match confirmation.holds(partner, proofs, now) {
                Ok(()) => return Ok(()),
                Err(method @ Unconfirmed::Method(_)) if why == Unconfirmed::Absent => why = method,
                Err(Unconfirmed::Method(_)) => {}
                Err(agreed) if matches!(why, Unconfirmed::Absent | Unconfirmed::Method(_)) => {
                    why = agreed;
                }
                Err(_) => {}
            }
        }
        Err(why)
    }

    fn holds(&self, partner: &Partner, proofs: &Proofs, now: Timestamp) -> Result<(), Unconfirmed> {
        self.proven(&partner.demands, proofs)?;
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

    /// Whether the sender shows what the method asks for.
    fn proven(&self, demands: &Demands, proofs: &Proofs) -> Result<(), Unconfirmed> {
        use ConfirmationMethod as Agreed;
        let agreed = |method| demands.confirmations.allow(method);
        let refused = || Err(Unconfirmed::Method(quote(&self.method)));
        match self.method.as_str() {
            BEARER if agreed(Agreed::Bearer) => Ok(()),
            HOLDER_OF_KEY => {
                let signature = agreed(Agreed::HolderOfKeyBySignature);
                let tls = agreed(Agreed::HolderOfKeyByTls);
                if !signature && !tls {
                    return refused();
                }
                let held =
                    |key: &Key| (signature && proofs.signed_by(key)) || (tls && proofs.tls_by(key));
                match &self.unreadable {
                    _ if self.keys.iter().any(held) => Ok(()),
                    _ if !self.keys.is_empty() => Err(Unconfirmed::NotHeld),
                    Some(error) => Err(Unconfirmed::HolderKey(error.clone())),
                    None => Err(Unconfirmed::HolderKey(KeyInfoError::NoKey)),
                }
            }
            SENDER_VOUCHES if agreed(Agreed::SenderVouchesByTls) => Ok(()),
            SENDER_VOUCHES if agreed(Agreed::SenderVouchesBySignature) => {
                if proofs.vouched() {
                    Ok(())
                } else {
                    Err(Unconfirmed::NotVouched)
                }
            }
            _ => refused(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Bounds;

    #[test]
    fn an_assertion_names_a_few_keys_at_most() {
        let read = |confirmations: usize, keys: usize| {
            let one = format!(
                "<SubjectConfirmation Method='{HOLDER_OF_KEY}'><SubjectConfirmationData>{}\
                 </SubjectConfirmationData></SubjectConfirmation>",
                "<k:KeyInfo/>".repeat(keys)
            );
            let all = one.repeat(confirmations);
            let text =
                format!("<Subject xmlns='{}' xmlns:k='{}'>{all}</Subject>", ns::SAML, ns::DSIG);
            let document = xml::parse(&text, Bounds::REQUEST).unwrap();
            Confirmation::read_all(document.root()).map(|all| all.len())
        };
        assert_eq!(read(2, KEY_INFOS / 2), Ok(2));
        let many = Malformed::TooManyKeys { limit: KEY_INFOS };
        assert_eq!(read(1, KEY_INFOS + 1), Err(many.clone()));
        assert_eq!(read(3, KEY_INFOS / 2), Err(many));
    }
}
