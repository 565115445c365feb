use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;
use samael::crypto::{
    AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider as _, ReduceMode,
};

use super::algorithm::{Hash, SignatureMethod};
use super::gate::Gated;
use super::key::Key;
use super::reject::Reject;
use super::verifier::Verifier;

/// libxmlsec1 behind samael, on the assertion alone: the second opinion of tests, for SHA-256 only.
///
/// libxml2 refuses to canonicalise where the name of a namespace has no scheme (Canonical XML 1.0, 1.1); we take
/// such names as text.
#[derive(Debug, Clone, Copy)]
pub struct Oracle;

impl Verifier for Oracle {
    fn octets(&self, gated: &Gated<'_, '_>, keys: &[Key]) -> Result<String, Reject> {
        let allowed = match gated.head.method {
            SignatureMethod::Rsa(Hash::Sha256) => AllowedSignatureAlgorithm::RsaSha256,
            SignatureMethod::Ecdsa(Hash::Sha256) => AllowedSignatureAlgorithm::EcdsaSha256,
            _ => return Err(Reject::SignatureAlgorithm),
        };
        if gated.reference.hash != Hash::Sha256 {
            return Err(Reject::DigestAlgorithm);
        }
        let document = gated.alone();
        // one key at a time: it stops at the first of another type
        let believed = gated.fitting(keys)?.into_iter().find_map(|key| {
            let certificate = [CertificateDer::from(certificate(key).ok()?)];
            let mode = ReduceMode::PreDigest;
            Crypto::reduce_xml_to_signed_with_allowed_algorithms(
                &document,
                &certificate,
                mode,
                Some(&[allowed]),
            )
            .ok()
        });
        believed.ok_or(Reject::SignatureMismatch)
    }
}

/// A certificate around that key, signed by nobody: samael takes keys in no other form.
fn certificate(key: &Key) -> Result<Vec<u8>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let nobody = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let (start, end) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(1)?);
    let mut builder = X509::builder()?;
    builder.set_not_before(&start)?;
    builder.set_not_after(&end)?;
    builder.set_pubkey(key.public())?;
    builder.sign(&nobody, MessageDigest::sha256())?;
    builder.build().to_der()
}
