use std::collections::BTreeSet;
use std::time::Duration;

use crate::dsig;

/// What a partner's messages must show beside the issuer's signature; by default what all partners can.
#[derive(Debug, Clone)]
pub struct Demands {
    /// The algorithms of its issuers' signatures and of its own.
    pub algorithms: dsig::Algorithms,
    /// The ways to confirm a subject, of which one must hold.
    pub confirmations: ConfirmationMethods,
    /// Whether each message needs a fresh Timestamp, signed by a key that the sender is known by.
    pub signed_timestamp: bool,
    /// How old a signed Timestamp may be, whatever its Expires says.
    pub longest_age: Duration,
    /// Keys that the partner signs messages with, beside the one of its TLS certificate.
    pub message_keys: Vec<dsig::Key>,
}

/// Five minutes, as WSS4J and the US exchanges have it.
const LONGEST_AGE: Duration = Duration::from_secs(300);

impl Default for Demands {
    fn default() -> Self {
        Self {
            algorithms: dsig::Algorithms::default(),
            confirmations: ConfirmationMethods::default(),
            signed_timestamp: false,
            longest_age: LONGEST_AGE,
            message_keys: Vec::new(),
        }
    }
}

/// A way to confirm that the sender may use an assertion (SAML profiles 3, SAML Token Profile 1.1, 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfirmationMethod {
    /// Whoever holds the assertion may use it.
    Bearer,
    /// A fresh Timestamp is signed with the key that the assertion names.
    HolderOfKeyBySignature,
    /// The TLS client's certificate has the key that the assertion names.
    HolderOfKeyByTls,
    /// The partner signed Timestamp, Body and assertion with a key that it is known by.
    SenderVouchesBySignature,
    /// The partner's TLS certificate is proof enough that it vouches.
    SenderVouchesByTls,
}

impl ConfirmationMethod {
    /// Every one of them.
    pub const ALL: [Self; 5] = [
        Self::Bearer,
        Self::HolderOfKeyBySignature,
        Self::HolderOfKeyByTls,
        Self::SenderVouchesBySignature,
        Self::SenderVouchesByTls,
    ];

    /// Its name in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::HolderOfKeyBySignature => "holder-of-key-by-signature",
            Self::HolderOfKeyByTls => "holder-of-key-by-tls",
            Self::SenderVouchesBySignature => "sender-vouches-by-signature",
            Self::SenderVouchesByTls => "sender-vouches-by-tls",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// The ways that were agreed; by default bearer, and holder-of-key, which proves more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationMethods(BTreeSet<ConfirmationMethod>);

impl ConfirmationMethods {
    /// Whether that one was agreed.
    #[must_use]
    pub fn allow(&self, method: ConfirmationMethod) -> bool {
        self.0.contains(&method)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = ConfirmationMethod> + '_ {
        self.0.iter().copied()
    }
}

impl Default for ConfirmationMethods {
    fn default() -> Self {
        use ConfirmationMethod::{Bearer, HolderOfKeyBySignature, HolderOfKeyByTls};
        [Bearer, HolderOfKeyBySignature, HolderOfKeyByTls].into_iter().collect()
    }
}

impl FromIterator<ConfirmationMethod> for ConfirmationMethods {
    fn from_iter<T: IntoIterator<Item = ConfirmationMethod>>(methods: T) -> Self {
        Self(methods.into_iter().collect())
    }
}
