use std::sync::Arc;

use super::Unfit;
use super::ocsp::Inquiry;
use crate::clock::Timestamp;

/// The span of time in which a certificate holds, and what its responders say; only [`Authority`] makes one.
#[derive(Debug, Clone)]
pub struct Standing {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// One for each certificate below the root, where responders are asked.
    pub(super) asked: Vec<Arc<Inquiry>>,
}

impl Standing {
    /// From when on.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// Up to and with when.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whose certificates of the chain nobody can be asked about, as neither they nor the settings name a responder.
    pub fn unasked(&self) -> impl Iterator<Item = &str> {
        let unasked = self.asked.iter().filter(|inquiry| inquiry.responder().is_none());
        unasked.map(|inquiry| inquiry.subject())
    }

    /// Whether no responder has said by now that the certificate, or one of its issuers, was revoked.
    pub fn unrevoked(&self) -> Result<(), Unfit> {
        match self.asked.iter().find(|inquiry| inquiry.revoked()) {
            Some(revoked) => Err(Unfit::SaidRevoked(revoked.subject().to_owned())),
            None => Ok(()),
        }
    }
}
