use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::x509::X509;

use super::algorithm::{ECDSA_SHA256, ENVELOPED, Hash, RSA_SHA256, SHA256};
use super::c14n::canonicalize;
use super::key::{Key, KeyError, Kind};
use crate::xml::{self, Bounds, attribute, ns};

/// A private key with the certificate that tells others about it.
pub struct SigningKey {
    private: PKey<Private>,
    kind: Kind,
    certificate: Vec<u8>,
    public: Key,
}

/// Why an element cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Not a document on its own.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// Its `ID` is not the one that was given.
    #[error("the element to sign does not have the given ID")]
    Id,
    /// The signature goes after the first child, in SAML the Issuer.
    #[error("the element to sign has no child element")]
    NoChild,
    /// OpenSSL refuses.
    #[error("cannot sign: {0}")]
    Crypto(#[from] ErrorStack),
}

impl SigningKey {
    /// Joins a PEM private key (no passphrase) and its PEM certificate: RSA from 2048 bits, or P-256 and longer.
    pub fn from_pem(key: &[u8], certificate: &[u8]) -> Result<Self, KeyError> {
        // without a callback OpenSSL would ask for a passphrase on the terminal
        let private = PKey::private_key_from_pem_callback(key, |_| Ok(0))?;
        let public = Key::from_certificate_pem(certificate)?;
        let certificate = X509::from_pem(certificate)?;
        if !certificate.public_key()?.public_eq(&private) {
            return Err(KeyError::NotAPair);
        }
        let kind = Kind::of(&private)?;
        if kind == Kind::Pss {
            return Err(KeyError::Unsupported);
        }
        Ok(Self { private, kind, certificate: certificate.to_der()?, public })
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.public
    }

    #[cfg(test)]
    pub(crate) fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    #[cfg(test)]
    pub(crate) fn public_der(&self) -> Vec<u8> {
        self.private.public_key_to_der().unwrap()
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa | Kind::Pss => RSA_SHA256,
            Kind::Ec { .. } => ECDSA_SHA256,
        }
    }

    /// The signature value over octets, with SHA-256; r and s side by side for ECDSA.
    pub(super) fn value(&self, octets: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.private)?;
        context.sign_init()?;
        if self.kind == Kind::Rsa {
            context.set_rsa_padding(Padding::PKCS1)?;
        }
        context.set_signature_md(Hash::Sha256.md())?;
        let mut value = Vec::new();
        context.sign_to_vec(&Hash::Sha256.of(octets), &mut value)?;
        let Kind::Ec { coordinate } = self.kind else { return Ok(value) };
        let length = i32::try_from(coordinate).unwrap_or(i32::MAX);
        let pair = EcdsaSig::from_der(&value)?;
        Ok([pair.r().to_vec_padded(length)?, pair.s().to_vec_padded(length)?].concat())
    }
}

/// Shows the public half's fingerprint alone.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public).finish()
    }
}

/// Signs one element, given as a document, and gives it back with a ds:Signature after its first child element.
///
/// The signature is enveloped, over the exclusive canonical form, with the certificate in KeyInfo.
pub fn sign(element_xml: &str, id: &str, key: &SigningKey) -> Result<String, SignError> {
    let document = xml::parse(element_xml, Bounds::REQUEST)?;
    let element = document.root();
    if id.is_empty() || attribute(element, "ID") != Some(id) {
        return Err(SignError::Id);
    }
    let first_child = element.first_element_child().ok_or(SignError::NoChild)?;
    let digest = Hash::Sha256.of(canonicalize(element, &[], None).as_bytes());
    let opened = opened_signature(id, key.algorithm(), &STANDARD.encode(digest));
    let canonical = {
        let closed = format!("{opened}</ds:Signature>");
        let signature = xml::parse(&closed, Bounds::REQUEST)?;
        let signed_info = signature.root().first_element_child().ok_or(SignError::NoChild)?;
        canonicalize(signed_info, &[], None)
    };
    let value = STANDARD.encode(key.value(canonical.as_bytes())?);
    let certificate = STANDARD.encode(&key.certificate);

    // what stands before or after the element is no part of it
    let (element, after) = (element.range(), first_child.range().end);
    let head = document.input().get(element.start..after).unwrap_or("");
    let tail = document.input().get(after..element.end).unwrap_or("");
    Ok(format!(
        "{head}{opened}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
         </ds:Signature>{tail}"
    ))
}

/// The start tag of a signature and its SignedInfo.
fn opened_signature(id: &str, algorithm: &str, digest: &str) -> String {
    let mut uri = String::new();
    xml::escape_attribute(&mut uri, id);
    format!(
        "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"{c14n}\"/><ds:SignatureMethod Algorithm=\"{algorithm}\"/>\
         <ds:Reference URI=\"#{uri}\"><ds:Transforms><ds:Transform Algorithm=\"{ENVELOPED}\"/>\
         <ds:Transform Algorithm=\"{c14n}\"/></ds:Transforms><ds:DigestMethod Algorithm=\"{SHA256}\"/>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        ns::DSIG,
        c14n = ns::EXC_C14N
    )
}

#[cfg(test)]
mod tests {
    use openssl::nid::Nid;

    use super::*;
    use crate::dsig::fixture::{assertion, certificate_of, check, ec, ec_key, envelope, rsa};

    #[test]
    fn only_the_element_with_that_id_is_signed() {
        for bad in ["<a ID='_b'><c/></a>", "<a><c/></a>", "<a Id='_a'><c/></a>"] {
            assert!(matches!(sign(bad, "_a", ec()), Err(SignError::Id)), "{bad}");
        }
        assert!(matches!(sign("<a ID=''><c/></a>", "", ec()), Err(SignError::Id)));
        assert!(matches!(sign("<a ID='_a'>x</a>", "_a", ec()), Err(SignError::NoChild)));
        assert!(matches!(sign("<a ID='_a'>", "_a", ec()), Err(SignError::Xml(_))));
    }

    #[test]
    fn a_prolog_is_left_out_and_any_id_can_be_signed() {
        let id = "a&\"<'\u{e9}";
        let mut written = String::new();
        crate::xml::escape_attribute(&mut written, id);
        let declared = format!("<?xml version='1.0'?><!-- c -->\n{}\n", assertion(&written));
        let signed = sign(&declared, id, rsa()).unwrap();
        assert!(signed.starts_with("<saml:Assertion") && signed.ends_with("</saml:Assertion>"));
        assert!(signed.contains("</saml:Issuer><ds:Signature"));
        assert!(check(&envelope(&signed, "")).is_ok());
    }

    #[test]
    fn keys_and_certificates_must_be_a_pair() {
        let (key, other) = (ec_key(Nid::X9_62_PRIME256V1), ec_key(Nid::X9_62_PRIME256V1));
        let pem = key.private_key_to_pem_pkcs8().unwrap();
        let certificate = certificate_of(&key).to_pem().unwrap();
        assert!(SigningKey::from_pem(&pem, &certificate).is_ok());
        let another = certificate_of(&other).to_pem().unwrap();
        assert!(matches!(SigningKey::from_pem(&pem, &another), Err(KeyError::NotAPair)));
        let locked = key
            .private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"secret")
            .unwrap();
        assert!(matches!(
            SigningKey::from_pem(&locked, &certificate),
            Err(KeyError::Unreadable(_))
        ));
    }
}
