use std::fmt;

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::sha256;
use openssl::sign::RsaPssSaltlen;
use openssl::x509::{X509, X509Ref};

use super::algorithm::SignatureMethod;
use crate::clock::Timestamp;

/// RSA keys below this are refused (NIST SP 800-131A: 112 bits of security).
const RSA_BITS: u32 = 2048;

/// A public key that signatures are verified with, parsed once.
#[derive(Clone)]
pub struct Key {
    public: PKey<Public>,
    kind: Kind,
    fingerprint: [u8; 32],
    /// When it may be used, first and last.
    period: Option<(Timestamp, Timestamp)>,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a PEM certificate, or not a PEM private key without a passphrase.
    #[error("unreadable: {0}")]
    Unreadable(#[from] ErrorStack),
    /// A signer is named by exactly one certificate, never by a chain.
    #[error("holds {found} certificates instead of one")]
    Certificates {
        /// How many were found.
        found: usize,
    },
    /// Too short.
    #[error("the RSA key has {bits} bits, at least 2048 are needed")]
    WeakRsa {
        /// The length of the modulus.
        bits: u32,
    },
    /// Neither RSA nor on P-256, P-384 or P-521.
    #[error("the key is neither RSA nor on the curve P-256, P-384 or P-521")]
    Unsupported,
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    NotAPair,
}

impl Key {
    /// Takes the key of the one certificate in a PEM text; its dates and issuer do not matter here.
    pub fn from_certificate_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let certificates = X509::stack_from_pem(pem)?;
        match certificates.as_slice() {
            [certificate] => Self::from_certificate(certificate),
            several => Err(KeyError::Certificates { found: several.len() }),
        }
    }

    /// Takes the key of a certificate.
    pub fn from_certificate(certificate: &X509Ref) -> Result<Self, KeyError> {
        Self::from_public(certificate.public_key()?)
    }

    /// Takes a public key that stands by itself.
    pub fn from_public(public: PKey<Public>) -> Result<Self, KeyError> {
        let kind = Kind::of(&public)?;
        let fingerprint = sha256(&public.public_key_to_der()?);
        Ok(Self { public, kind, fingerprint, period: None })
    }

    /// The same key, kept to a span of time: its certificate's, or that of a revocation list.
    #[must_use]
    pub fn within(self, from: Timestamp, until: Timestamp) -> Self {
        Self { period: Some((from, until)), ..self }
    }

    /// Whether it may be used now.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.period.is_none_or(|(from, until)| from <= now && now <= until)
    }

    /// SHA-256 of the SubjectPublicKeyInfo (RFC 5280 4.1).
    #[must_use]
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    #[cfg(feature = "oracle")]
    pub(super) fn public(&self) -> &PKeyRef<Public> {
        &self.public
    }

    pub(super) fn fits(&self, method: SignatureMethod) -> bool {
        matches!(
            (self.kind, method),
            (Kind::Rsa, SignatureMethod::Rsa(_) | SignatureMethod::Pss(_))
                | (Kind::Pss, SignatureMethod::Pss(_))
                | (Kind::Ec { .. }, SignatureMethod::Ecdsa(_))
        )
    }

    /// Whether this key made that signature; whatever OpenSSL cannot make sense of is a no.
    pub(super) fn made(&self, signature: &[u8], octets: &[u8], method: SignatureMethod) -> bool {
        if !self.fits(method) {
            return false;
        }
        let digest = method.hash().of(octets);
        let verified = match self.kind {
            Kind::Rsa | Kind::Pss => self.check(&digest, signature, method),
            Kind::Ec { coordinate } => der(signature, coordinate)
                .and_then(|der| der.map_or(Ok(false), |der| self.check(&digest, &der, method))),
        };
        verified.unwrap_or(false)
    }

    fn check(
        &self,
        digest: &[u8],
        signature: &[u8],
        method: SignatureMethod,
    ) -> Result<bool, ErrorStack> {
        let mut context = PkeyCtx::new(&self.public)?;
        context.verify_init()?;
        match method {
            SignatureMethod::Rsa(_) => context.set_rsa_padding(Padding::PKCS1)?,
            SignatureMethod::Pss(hash) => {
                context.set_rsa_padding(Padding::PKCS1_PSS)?;
                context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                context.set_rsa_mgf1_md(hash.md())?;
            }
            SignatureMethod::Ecdsa(_) => {}
        }
        context.set_signature_md(method.hash().md())?;
        context.verify(digest, signature)
    }
}

/// Shows the fingerprint alone.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(")?;
        self.fingerprint.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    /// RSA that its certificate keeps to PSS (RFC 4055 1.2).
    Pss,
    /// Bytes of r and of s, each.
    Ec {
        coordinate: usize,
    },
}

impl Kind {
    pub(super) fn of<T: openssl::pkey::HasPublic>(key: &PKeyRef<T>) -> Result<Self, KeyError> {
        match key.id() {
            Id::RSA | Id::RSA_PSS if key.bits() < RSA_BITS => {
                Err(KeyError::WeakRsa { bits: key.bits() })
            }
            Id::RSA => Ok(Self::Rsa),
            Id::RSA_PSS => Ok(Self::Pss),
            Id::EC => match key.ec_key()?.group().curve_name() {
                Some(Nid::X9_62_PRIME256V1) => Ok(Self::Ec { coordinate: 32 }),
                Some(Nid::SECP384R1) => Ok(Self::Ec { coordinate: 48 }),
                Some(Nid::SECP521R1) => Ok(Self::Ec { coordinate: 66 }),
                _ => Err(KeyError::Unsupported),
            },
            _ => Err(KeyError::Unsupported),
        }
    }
}

/// Puts r and s, side by side in XML signatures (RFC 4050 3.3), into the DER that OpenSSL takes.
fn der(signature: &[u8], coordinate: usize) -> Result<Option<Vec<u8>>, ErrorStack> {
    let Some((r, s)) = signature.split_at_checked(coordinate) else { return Ok(None) };
    if s.len() != coordinate {
        return Ok(None);
    }
    let pair = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    pair.to_der().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsig::fixture::{certificate_of, ec_key, rsa_key};

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        let short = certificate_of(&rsa_key(1024));
        assert!(matches!(Key::from_certificate(&short), Err(KeyError::WeakRsa { bits: 1024 })));
        let koblitz = certificate_of(&ec_key(Nid::SECP256K1));
        assert!(matches!(Key::from_certificate(&koblitz), Err(KeyError::Unsupported)));
        for curve in [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1] {
            assert!(Key::from_certificate(&certificate_of(&ec_key(curve))).is_ok());
        }
    }

    #[test]
    fn exactly_one_certificate_is_a_key() {
        let one = certificate_of(&ec_key(Nid::X9_62_PRIME256V1)).to_pem().unwrap();
        let key = Key::from_certificate_pem(&one).unwrap();
        assert_eq!(format!("{key:?}").len(), "Key()".len() + 64);
        let two = [one.clone(), one].concat();
        assert!(matches!(
            Key::from_certificate_pem(&two),
            Err(KeyError::Certificates { found: 2 })
        ));
        assert!(Key::from_certificate_pem(b"").is_err());
    }

    #[test]
    fn ecdsa_values_have_exactly_two_coordinates() {
        assert!(der(&[1; 64], 32).unwrap().is_some());
        for length in [0, 31, 32, 63, 65, 128] {
            assert!(der(&vec![1; length], 32).unwrap().is_none(), "{length}");
        }
    }
}
