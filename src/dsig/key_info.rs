use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Ref};

use super::key::{Key, KeyError};
use super::reject::Reject;
use super::shape::{base64, is};
use crate::xml::{Node, attribute, children, ns};

/// Elements of XML Signature 1.1.
const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";
/// Keys and certificates of one KeyInfo: a chain and its key; each is parsed.
const KEYS: usize = 8;

/// Why a KeyInfo names no one key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyInfoError {
    /// Neither a certificate nor a key value is in it.
    #[error("KeyInfo holds neither a certificate nor a key value")]
    NoKey,
    /// More of them than anyone needs.
    #[error("KeyInfo holds more than {limit} keys")]
    TooManyKeys {
        /// The ceiling.
        limit: usize,
    },
    /// Certificate and key value, or several certificates that are no chain, differ.
    #[error("KeyInfo holds keys that differ")]
    KeysDiffer,
    /// A part that is no base64, certificate or key.
    #[error("KeyInfo is unreadable: {0}")]
    Unreadable(String),
}

impl From<Reject> for KeyInfoError {
    fn from(reject: Reject) -> Self {
        Self::Unreadable(reject.to_string())
    }
}

impl From<KeyError> for KeyInfoError {
    fn from(error: KeyError) -> Self {
        match error {
            // what OpenSSL says depends on its version, and quotes nothing of use
            KeyError::Unreadable(_) => Self::Unreadable("no key that OpenSSL reads".to_owned()),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

impl From<ErrorStack> for KeyInfoError {
    fn from(error: ErrorStack) -> Self {
        KeyError::from(error).into()
    }
}

/// The one key that a `ds:KeyInfo` holds, by certificate, by value or by both (xmldsig-core1 4.5).
///
/// It is evidence of nothing: only a KeyInfo that a trusted signature covers may be asked.
pub fn key_in(key_info: Node<'_, '_>) -> Result<Key, KeyInfoError> {
    let mut keys = Vec::new();
    let mut count = 0_usize;
    for data in children(key_info, ns::DSIG, "X509Data") {
        let mut certificates = Vec::new();
        for node in children(data, ns::DSIG, "X509Certificate") {
            counted(&mut count)?;
            certificates.push(certificate_in(node)?);
        }
        if let Some(leaf) = leaf_of(&certificates)? {
            keys.push(Key::from_certificate(leaf)?);
        }
    }
    for value in key_info.children().filter(Node::is_element) {
        counted(&mut count)?;
        if is(value, ns::DSIG, "KeyValue") {
            keys.push(key_value(value)?);
        } else if is(value, DSIG11, "DEREncodedKeyValue") {
            let der = base64(value, "DEREncodedKeyValue")?;
            keys.push(Key::from_public(PKey::public_key_from_der(&der)?)?);
        }
    }
    let mut keys = keys.into_iter();
    let key = keys.next().ok_or(KeyInfoError::NoKey)?;
    let same = |other: Key| other.fingerprint() == key.fingerprint();
    if keys.all(same) { Ok(key) } else { Err(KeyInfoError::KeysDiffer) }
}

/// The certificate in an element of base64: X509Certificate or BinarySecurityToken.
pub(super) fn certificate_in(node: Node<'_, '_>) -> Result<X509, KeyInfoError> {
    Ok(X509::from_der(&base64(node, "X509Certificate")?)?)
}

fn counted(count: &mut usize) -> Result<(), KeyInfoError> {
    *count = count.saturating_add(1);
    if *count > KEYS { Err(KeyInfoError::TooManyKeys { limit: KEYS }) } else { Ok(()) }
}

/// Of several certificates the one that issued none of the others: they may be a chain in any order.
fn leaf_of(certificates: &[X509]) -> Result<Option<&X509Ref>, KeyInfoError> {
    if let [only] = certificates {
        return Ok(Some(only));
    }
    let names = |one: &X509Ref, other: &X509Ref| {
        one.subject_name().try_cmp(other.issuer_name()).is_ok_and(std::cmp::Ordering::is_eq)
    };
    let mut leaves = certificates.iter().enumerate().filter(|(at, certificate)| {
        !certificates
            .iter()
            .enumerate()
            .any(|(other, issued)| *at != other && names(certificate, issued))
    });
    match (leaves.next(), leaves.next()) {
        (Some((_, leaf)), None) => Ok(Some(leaf)),
        (None, _) if certificates.is_empty() => Ok(None),
        _ => Err(KeyInfoError::KeysDiffer),
    }
}

fn key_value(node: Node<'_, '_>) -> Result<Key, KeyInfoError> {
    let mut values = node.children().filter(Node::is_element);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(KeyInfoError::Unreadable("KeyValue holds not one value".to_owned()));
    };
    let public = if is(value, ns::DSIG, "RSAKeyValue") {
        rsa(value)?
    } else if is(value, DSIG11, "ECKeyValue") {
        elliptic(value)?
    } else {
        return Err(KeyInfoError::Unreadable("a KeyValue of an unknown kind".to_owned()));
    };
    Ok(Key::from_public(public)?)
}

fn rsa(value: Node<'_, '_>) -> Result<PKey<Public>, KeyInfoError> {
    let number = |name: &'static str| -> Result<BigNum, KeyInfoError> {
        let node = crate::xml::only_child(value, ns::DSIG, name);
        let node = node.ok_or_else(|| KeyInfoError::Unreadable(format!("no {name}")))?;
        Ok(BigNum::from_slice(&base64(node, name)?)?)
    };
    let (modulus, exponent) = (number("Modulus")?, number("Exponent")?);
    Ok(PKey::from_rsa(Rsa::from_public_components(modulus, exponent)?)?)
}

/// A point on a named curve (xmldsig-core1 4.5.2.3).
fn elliptic(value: Node<'_, '_>) -> Result<PKey<Public>, KeyInfoError> {
    let part = |name: &'static str| {
        let node = crate::xml::only_child(value, DSIG11, name);
        node.ok_or_else(|| KeyInfoError::Unreadable(format!("no {name}")))
    };
    let curve = match attribute(part("NamedCurve")?, "URI") {
        Some("urn:oid:1.2.840.10045.3.1.7") => Nid::X9_62_PRIME256V1,
        Some("urn:oid:1.3.132.0.34") => Nid::SECP384R1,
        Some("urn:oid:1.3.132.0.35") => Nid::SECP521R1,
        _ => return Err(KeyError::Unsupported.into()),
    };
    let point = base64(part("PublicKey")?, "PublicKey")?;
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, &point, &mut context)?;
    let key = EcKey::from_public_key(&group, &point)?;
    key.check_key()?;
    Ok(PKey::from_ec_key(key)?)
}
