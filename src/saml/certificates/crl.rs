use std::fmt;
use std::sync::Arc;

use memchr::memmem;
use openssl::x509::{CrlStatus, X509, X509Crl, X509KeyUsage, X509Ref};

use super::{moment, subject_line};
use crate::clock::Timestamp;

/// A certificate revocation list that speaks of all that its issuer issued (RFC 5280 5).
#[derive(Clone)]
pub struct Crl {
    list: Arc<X509Crl>,
    this_update: Timestamp,
    next_update: Timestamp,
}

/// Why a file is no revocation list that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Neither PEM nor DER.
    #[error("holds no revocation list, in PEM or DER")]
    Unreadable,
    /// It would count for ever.
    #[error("has no nextUpdate")]
    NoNextUpdate,
    /// It speaks of some certificates alone, or of changes to another list.
    #[error("is a partial or a delta list; a complete one is needed")]
    Partial,
}

/// The ids of issuingDistributionPoint and deltaCRLIndicator, as they stand in DER.
const PARTIAL: [&[u8]; 2] = [b"\x06\x03\x55\x1d\x1c", b"\x06\x03\x55\x1d\x1b"];

impl Crl {
    /// Reads one list in PEM or DER.
    pub fn read(bytes: &[u8]) -> Result<Self, CrlError> {
        let list = X509Crl::from_pem(bytes).or_else(|_| X509Crl::from_der(bytes));
        let list = list.map_err(|_| CrlError::Unreadable)?;
        let der = list.to_der().map_err(|_| CrlError::Unreadable)?;
        if PARTIAL.iter().any(|id| memmem::find(&der, id).is_some()) {
            return Err(CrlError::Partial);
        }
        let this_update = moment(list.last_update()).map_err(|_| CrlError::Unreadable)?;
        let next_update = list.next_update().ok_or(CrlError::NoNextUpdate)?;
        let next_update = moment(next_update).map_err(|_| CrlError::Unreadable)?;
        Ok(Self { list: Arc::new(list), this_update, next_update })
    }

    /// Who published it.
    #[must_use]
    pub fn issuer(&self) -> String {
        subject_line(self.list.issuer_name())
    }

    /// When its successor is due.
    #[must_use]
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    pub(super) fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// Whether that certificate's key signed it, and may sign such lists.
    pub(super) fn is_of(&self, issuer: &X509Ref) -> bool {
        let named = self.list.issuer_name().try_cmp(issuer.subject_name());
        let may = issuer.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        let signed = || issuer.public_key().and_then(|key| self.list.verify(&key));
        may && named.is_ok_and(std::cmp::Ordering::is_eq) && signed().unwrap_or(false)
    }

    pub(super) fn revokes(&self, certificate: &X509) -> bool {
        matches!(self.list.get_by_cert(certificate), CrlStatus::Revoked(_))
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl").field("next_update", &self.next_update).finish_non_exhaustive()
    }
}
