//! The algorithms of the profile; whatever is not here is refused (xmldsig-core1 6, RFC 6931).

use openssl::md::{Md, MdRef};
use openssl::sha::{sha256, sha384, sha512};

/// The enveloped signature transform.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// RSA PKCS#1 v1.5 over SHA-256.
pub(super) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// ECDSA over SHA-256, the value r and s side by side.
pub(super) const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// SHA-256.
pub(super) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            SHA256 => Some(Self::Sha256),
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => Some(Self::Sha384),
            "http://www.w3.org/2001/04/xmlenc#sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn of(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha256(octets).to_vec(),
            Self::Sha384 => sha384(octets).to_vec(),
            Self::Sha512 => sha512(octets).to_vec(),
        }
    }

    pub(super) fn md(self) -> &'static MdRef {
        match self {
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// A signature algorithm: the kind of key that it needs, and its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureMethod {
    Rsa(Hash),
    Ecdsa(Hash),
}

impl SignatureMethod {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            RSA_SHA256 => Some(Self::Rsa(Hash::Sha256)),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Some(Self::Rsa(Hash::Sha384)),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Some(Self::Rsa(Hash::Sha512)),
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
            Self::Rsa(hash) | Self::Ecdsa(hash) => hash,
        }
    }
}
