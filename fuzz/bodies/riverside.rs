//! The two keys of Riverside in `certs/`: public, so what they sign is evidence of nothing.

use std::sync::OnceLock;

use glassgate::dsig::{Key, SigningKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

/// Which of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RSA, 2048 bits.
    Rsa,
    /// P-256.
    Ec,
}

impl Kind {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Rsa, Self::Ec];

    /// What verifies.
    pub fn key(self) -> &'static Key {
        let [rsa, ec] = keys();
        if self == Self::Rsa { rsa } else { ec }
    }

    /// What signs.
    pub fn signing_key(self) -> SigningKey {
        SigningKey::from_pem(self.private(), self.certificate()).unwrap()
    }

    /// The certificate in PEM.
    pub fn certificate(self) -> &'static [u8] {
        match self {
            Self::Rsa => include_bytes!("../../certs/partners/riverside/saml.crt"),
            Self::Ec => include_bytes!("../../certs/partners/riverside/saml-ec.crt"),
        }
    }

    fn private(self) -> &'static [u8] {
        match self {
            Self::Rsa => include_bytes!("../../certs/partners/riverside/saml.key"),
            Self::Ec => include_bytes!("../../certs/partners/riverside/saml-ec.key"),
        }
    }

    /// A signature value as XML signatures hold it.
    pub fn sign(self, octets: &[u8]) -> Vec<u8> {
        static KEYS: OnceLock<[PKey<Private>; 2]> = OnceLock::new();
        let read = |kind: Self| PKey::private_key_from_pem(kind.private()).unwrap();
        let [rsa, ec] = KEYS.get_or_init(|| Self::BOTH.map(read));
        let key = if self == Self::Rsa { rsa } else { ec };
        let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
        let value = signer.sign_oneshot_to_vec(octets).unwrap();
        if self == Self::Rsa {
            return value;
        }
        let pair = EcdsaSig::from_der(&value).unwrap();
        [pair.r(), pair.s()].map(|part| part.to_vec_padded(32).unwrap()).concat()
    }
}

/// What verifies either.
pub fn keys() -> &'static [Key; 2] {
    static KEYS: OnceLock<[Key; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        Kind::BOTH.map(|kind| Key::from_certificate_pem(kind.certificate()).unwrap())
    })
}
