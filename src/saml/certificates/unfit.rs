use openssl::error::ErrorStack;

use crate::clock::Timestamp;
use crate::dsig::KeyError;

/// Why a certificate is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// No chain to a configured root, or one that breaks a rule of it.
    #[error("certificate {subject}: {reason}")]
    Chain {
        /// Whose.
        subject: String,
        /// As OpenSSL puts it.
        reason: &'static str,
    },
    /// Not yet or no longer valid, or one of its issuers is not.
    #[error("certificate {subject} is valid from {from} to {until}")]
    Dates {
        /// Whose.
        subject: String,
        /// notBefore.
        from: Timestamp,
        /// notAfter.
        until: Timestamp,
    },
    /// Its usage forbids what it is used for.
    #[error("certificate {0} is not for signing")]
    Usage(String),
    /// Too short.
    #[error("certificate {subject} has an RSA key of {bits} bits, at least {minimum} are needed")]
    WeakKey {
        /// Whose.
        subject: String,
        /// Of the modulus.
        bits: u32,
        /// As configured.
        minimum: u32,
    },
    /// Of no kind that signs here.
    #[error("certificate {0}: {1}")]
    Key(String, KeyError),
    /// Nothing says whether it was revoked.
    #[error("no revocation list of {issuer} for certificate {subject}")]
    NoCrl {
        /// Whose.
        subject: String,
        /// Who would have to publish it.
        issuer: String,
    },
    /// The list is past its nextUpdate and the grace after it.
    #[error("the revocation list of {issuer} ended at {until}")]
    StaleCrl {
        /// Who published it.
        issuer: String,
        /// nextUpdate and grace.
        until: Timestamp,
    },
    /// Revoked.
    #[error("certificate {0} was revoked")]
    Revoked(String),
    /// Revoked, as its responder says.
    #[error("certificate {0} was revoked, as its OCSP responder says")]
    SaidRevoked(String),
    /// OpenSSL cannot make sense of something.
    #[error("cannot be checked: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl Unfit {
    /// Whether time or a revocation list brought it about, as it does to any certificate, and not who configured it.
    #[must_use]
    pub fn is_of_its_time(&self) -> bool {
        matches!(
            self,
            Self::Dates { .. } | Self::Revoked(_) | Self::NoCrl { .. } | Self::StaleCrl { .. }
        )
    }
}
