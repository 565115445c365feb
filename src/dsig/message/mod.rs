//! Signatures over parts of a message, beside the assertion in wsse:Security (WS-Security 1.1 section 8).

mod place;
mod signer;

#[cfg(test)]
mod tests;

use std::fmt;

use super::algorithm::Algorithms;
use super::c14n::canonicalize;
use super::gate::Gated;
use super::key::Key;
use super::reject::Reject;
use super::shape::{allow_attributes, base64, elements, is, take};
use super::signed_info::{Head, Reference};
use crate::xml::{Node, ns};
use place::{Part, find};

pub use signer::Signer;

/// Signatures of one message: a sender's, and those of endorsers; the widest stack writes two.
const SIGNATURES: usize = 4;

/// A signature over parts of a message, of a shape that is understood; nothing is believed yet.
pub struct MessageSignature<'g, 'd, 'i> {
    gated: &'g Gated<'d, 'i>,
    head: Head<'d, 'i>,
    references: Vec<Reference<'d>>,
    value: Vec<u8>,
    signer: Signer,
}

/// What a key signed of a message; only [`MessageSignature::verify`] makes one.
pub struct SignedMessage {
    key: [u8; 32],
    timestamp: Option<String>,
    body: bool,
    assertion: bool,
    beside: bool,
}

/// The signatures over the message, each as far as it is understood; the sender may use these algorithms.
pub fn message_signatures<'g, 'd, 'i>(
    gated: &'g Gated<'d, 'i>,
    algorithms: Algorithms,
) -> Vec<Result<MessageSignature<'g, 'd, 'i>, Reject>> {
    let Some(security) = gated.assertion.parent() else { return Vec::new() };
    let signatures = || security.children().filter(|node| is(*node, ns::DSIG, "Signature"));
    if signatures().count() > SIGNATURES {
        return vec![Err(Reject::TooManySignatures { limit: SIGNATURES })];
    }
    signatures().map(|node| MessageSignature::read(gated, node, algorithms)).collect()
}

impl<'g, 'd, 'i> MessageSignature<'g, 'd, 'i> {
    fn read(
        gated: &'g Gated<'d, 'i>,
        node: Node<'d, 'i>,
        algorithms: Algorithms,
    ) -> Result<Self, Reject> {
        allow_attributes(node, "Signature", &["Id"])?;
        let mut rest = elements(node, "Signature")?;
        let signed_info = take(&mut rest, "SignedInfo", &["Id"])?;
        let (head, references) = Head::of_message(signed_info, algorithms)?;
        let value = base64(take(&mut rest, "SignatureValue", &["Id"])?, "SignatureValue")?;
        let signer = Signer::read(take(&mut rest, "KeyInfo", &["Id"])?, gated)?;
        if rest.next().is_some() {
            return Err(Reject::UnexpectedContent { inside: "Signature" });
        }
        Ok(Self { gated, head, references, value, signer })
    }

    /// Whose key is said to have made it.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Verifies with exactly these keys, which are known from elsewhere than this message's KeyInfo.
    ///
    /// Each reference must lead to the one element of its id, and that element stand where it is read.
    pub fn verify<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<SignedMessage, Reject> {
        let signed_info = canonicalize(self.head.node, &self.head.prefixes, None);
        let made = |key: &&Key| key.made(&self.value, signed_info.as_bytes(), self.head.method);
        let key = keys.into_iter().find(made).ok_or(Reject::MessageKey)?;
        let mut signed = SignedMessage {
            key: *key.fingerprint(),
            timestamp: None,
            body: false,
            assertion: false,
            // where nothing stands beside the assertion, nothing is missed
            beside: self.gated.beside.is_none(),
        };
        let mut seen = Vec::new();
        for reference in &self.references {
            let (part, node) = find(self.gated, reference.id)?;
            if seen.contains(&node.id()) {
                return Err(Reject::ReferenceTarget);
            }
            seen.push(node.id());
            let octets = canonicalize(node, &reference.prefixes, None);
            if reference.hash.of(octets.as_bytes()) != reference.digest_value {
                return Err(Reject::PartMismatch);
            }
            match part {
                Part::Timestamp => signed.timestamp = Some(octets),
                Part::Body => signed.body = true,
                Part::Assertion => signed.assertion = true,
                Part::Beside => signed.beside = true,
                Part::Other => {}
            }
        }
        Ok(signed)
    }
}

impl SignedMessage {
    /// The fingerprint of the key that signed.
    #[must_use]
    pub fn key_fingerprint(&self) -> &[u8; 32] {
        &self.key
    }

    /// The one wsu:Timestamp of the security header as it was digested, where it is covered.
    #[must_use]
    pub fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }

    /// Whether the Envelope's Body is covered.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        self.body
    }

    /// Whether the assertion is covered, of a pair both.
    #[must_use]
    pub fn covers_assertion(&self) -> bool {
        self.assertion && self.beside
    }
}

/// Shows nothing of the message.
impl fmt::Debug for MessageSignature<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSignature").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// Shows what is covered, and no text of it.
impl fmt::Debug for SignedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedMessage")
            .field("timestamp", &self.timestamp.is_some())
            .field("body", &self.body)
            .field("assertion", &self.covers_assertion())
            .finish_non_exhaustive()
    }
}
