use crate::clock::Timestamp;
use crate::dsig::{self, Gated, Key, SignedMessage, Signer};
use crate::xml::{self, Bounds, Node, ns};

use super::demands::Demands;
use super::trust::Peer;
use super::untrusted::quote;

/// What the message itself proves of its sender; only [`Proofs::examine`] makes one.
#[derive(Debug)]
pub(super) struct Proofs {
    /// The keys that the partner is known by, beside those that an assertion names.
    partner_keys: Vec<[u8; 32]>,
    tls_key: [u8; 32],
    /// Signatures that verified with a known key, their Timestamp being fresh.
    fresh: Vec<SignedMessage>,
    /// Why each other signature proves nothing.
    unverified: Vec<String>,
}

/// Why a message is refused for its own signature or Timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is understood, and it is wrong.
    #[error("{0}")]
    Signature(dsig::Reject),
    /// The signed Timestamp cannot be read.
    #[error("unreadable Timestamp: {0}")]
    Timestamp(String),
    /// Created lies ahead.
    #[error("Timestamp created at {created}, and it is {now}")]
    Ahead {
        /// Created.
        created: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Expires has come, or the Timestamp is too old.
    #[error("Timestamp expired at {until}, and it is {now}")]
    Expired {
        /// Expires, or Created and the longest age.
        until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// The partner's messages must have one.
    #[error("no fresh Timestamp is signed by a key that the sender is known by")]
    Unsigned,
}

impl Unproven {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signature(_) => "message-signature",
            Self::Timestamp(_) => "timestamp-unreadable",
            Self::Ahead { .. } => "timestamp-not-yet-valid",
            Self::Expired { .. } => "timestamp-expired",
            Self::Unsigned => "timestamp-unsigned",
        }
    }
}

/// The keys by which holder-of-key confirmations know the sender.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed<'a> {
    /// Of the assertion that was gated.
    pub(super) own: &'a [&'a Key],
    /// Of the other one of a pair.
    pub(super) beside: &'a [&'a Key],
}

/// How far clocks may differ, and when it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) skew: std::time::Duration,
    pub(super) now: Timestamp,
}

impl Proofs {
    /// Verifies each signature over the message that is understood and made with a key known from elsewhere.
    ///
    /// `confirmed` are keys that believed assertions name; a key from the message itself only chooses.
    pub(super) fn examine(
        gated: &Gated<'_, '_>,
        confirmed: Confirmed<'_>,
        peer: &Peer,
        demands: &Demands,
        moment: Moment,
    ) -> Result<Self, Unproven> {
        let in_force = demands.message_keys.iter().filter(|key| key.holds(moment.now));
        let mut partner_keys: Vec<_> = in_force.map(|key| *key.fingerprint()).collect();
        partner_keys.push(peer.key_fingerprint);
        let mut proofs = Self {
            partner_keys,
            tls_key: peer.key_fingerprint,
            fresh: Vec::new(),
            unverified: Vec::new(),
        };
        for found in dsig::message_signatures(gated, demands.algorithms) {
            let signature = match found {
                Ok(signature) => signature,
                Err(reject) => {
                    proofs.unverified.push(reject.to_string());
                    continue;
                }
            };
            let keys = match signature.signer() {
                Signer::Assertion => confirmed.own,
                Signer::Beside => confirmed.beside,
                Signer::Token(key) if proofs.knows(key, confirmed) => &[key][..],
                Signer::Token(_) => {
                    proofs.unverified.push("the token's key is not known".to_owned());
                    continue;
                }
            };
            if keys.is_empty() {
                proofs.unverified.push("the assertion names no key".to_owned());
                continue;
            }
            let verified = signature.verify(keys.iter().copied());
            let signed = verified.map_err(Unproven::Signature)?;
            match signed.timestamp() {
                Some(octets) => fresh(octets, demands, moment)?,
                None => {
                    proofs.unverified.push("no Timestamp is signed".to_owned());
                    continue;
                }
            }
            proofs.fresh.push(signed);
        }
        if proofs.fresh.is_empty() && demands.signed_timestamp {
            return Err(Unproven::Unsigned);
        }
        Ok(proofs)
    }

    /// A message without signatures, from a TLS client whose key is no one's.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            partner_keys: Vec::new(),
            tls_key: [0; 32],
            fresh: Vec::new(),
            unverified: Vec::new(),
        }
    }

    /// Whether the sender has shown to hold that key by a fresh signature.
    pub(super) fn signed_by(&self, key: &Key) -> bool {
        self.fresh.iter().any(|signed| signed.key_fingerprint() == key.fingerprint())
    }

    /// Whether the TLS client has that key.
    pub(super) fn tls_by(&self, key: &Key) -> bool {
        self.tls_key == *key.fingerprint()
    }

    /// Whether the partner signed what it vouches for: Timestamp, Body and assertion, of a pair both.
    pub(super) fn vouched(&self) -> bool {
        self.fresh.iter().any(|signed| {
            let partner = self.partner_keys.contains(signed.key_fingerprint());
            partner && signed.covers_body() && signed.covers_assertion()
        })
    }

    /// What audit notes of signatures that prove nothing.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> + '_ {
        self.unverified.iter().map(|why| format!("message signature unverified: {why}"))
    }

    fn knows(&self, key: &Key, confirmed: Confirmed<'_>) -> bool {
        let fingerprint = key.fingerprint();
        let mut named = confirmed.own.iter().chain(confirmed.beside);
        self.partner_keys.contains(fingerprint)
            || named.any(|other| other.fingerprint() == fingerprint)
    }
}

/// Whether a signed Timestamp holds now, read from the octets that were digested (WS-Security 1.1 section 10).
fn fresh(octets: &str, demands: &Demands, moment: Moment) -> Result<(), Unproven> {
    let document = xml::parse(octets, Bounds::REQUEST)
        .map_err(|error| Unproven::Timestamp(error.to_string()))?;
    let created = time(document.root(), "Created")?
        .ok_or_else(|| Unproven::Timestamp("no Created".to_owned()))?;
    let expires = time(document.root(), "Expires")?;
    let Moment { skew, now } = moment;
    if created > now.plus(skew) {
        return Err(Unproven::Ahead { created, now });
    }
    let oldest = created.plus(demands.longest_age);
    let until = expires.map_or(oldest, |expires| expires.min(oldest));
    if now >= until.plus(skew) { Err(Unproven::Expired { until, now }) } else { Ok(()) }
}

fn time(timestamp: Node<'_, '_>, name: &'static str) -> Result<Option<Timestamp>, Unproven> {
    let mut found = xml::children(timestamp, ns::WSU, name);
    let Some(node) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(Unproven::Timestamp(format!("more than one {name}")));
    }
    let text = xml::text(node);
    let unreadable = || Unproven::Timestamp(format!("{name} is no xs:dateTime: {}", quote(&text)));
    Timestamp::parse(&text).map(Some).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests;
