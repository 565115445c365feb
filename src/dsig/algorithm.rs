//! The algorithms of the profile; whatever is not here is refused (xmldsig-core1 6, RFC 6931).

use openssl::md::{Md, MdRef};
use openssl::sha::{sha1, sha256, sha384, sha512};

/// The enveloped signature transform.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// RSA PKCS#1 v1.5 over SHA-256.
pub(super) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// ECDSA over SHA-256, the value r and s side by side.
pub(super) const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// SHA-256.
pub(super) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// Which algorithms a sender may use; by default those of which none is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// Takes SHA-1 too, in signatures and digests: whoever finds a collision may write assertions.
    pub danger_allow_sha1: bool,
}

impl Algorithms {
    pub(super) fn allow(self, hash: Hash) -> bool {
        hash != Hash::Sha1 || self.danger_allow_sha1
    }
}

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            "http://www.w3.org/2000/09/xmldsig#sha1" => Some(Self::Sha1),
            SHA256 => Some(Self::Sha256),
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => Some(Self::Sha384),
            "http://www.w3.org/2001/04/xmlenc#sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn of(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1(octets).to_vec(),
            Self::Sha256 => sha256(octets).to_vec(),
            Self::Sha384 => sha384(octets).to_vec(),
            Self::Sha512 => sha512(octets).to_vec(),
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn md(self) -> &'static MdRef {
        match self {
            Self::Sha1 => Md::sha1(),
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// A signature algorithm: the kind of key that it needs, and its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureMethod {
    /// PKCS#1 v1.5.
    Rsa(Hash),
    /// PSS with MGF1 over the same digest and a salt as long as it.
    Pss(Hash),
    Ecdsa(Hash),
}

impl SignatureMethod {
    /// The algorithms whose name says all; PSS with parameters is read in [`super::pss`].
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1" => Some(Self::Rsa(Hash::Sha1)),
            RSA_SHA256 => Some(Self::Rsa(Hash::Sha256)),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Some(Self::Rsa(Hash::Sha384)),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Some(Self::Rsa(Hash::Sha512)),
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1" => {
                Some(Self::Pss(Hash::Sha256))
            }
            "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1" => {
                Some(Self::Pss(Hash::Sha384))
            }
            "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1" => {
                Some(Self::Pss(Hash::Sha512))
            }
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1" => Some(Self::Ecdsa(Hash::Sha1)),
            ECDSA_SHA256 => Some(Self::Ecdsa(Hash::Sha256)),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => {
                Some(Self::Ecdsa(Hash::Sha384))
            }
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512" => {
                Some(Self::Ecdsa(Hash::Sha512))
            }
            _ => None,
        }
    }

    pub(super) fn hash(self) -> Hash {
        match self {
            Self::Rsa(hash) | Self::Pss(hash) | Self::Ecdsa(hash) => hash,
        }
    }
}
