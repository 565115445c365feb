use std::num::NonZeroUsize;
use std::sync::{LazyLock, Mutex};

use lru::LruCache;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::x509::X509;

use super::key::{Key, KeyError};
use super::reject::Reject;
use super::shape::{base64, is};
use crate::xml::{Node, attribute, children, ns};

/// Elements of XML Signature 1.1.
const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";
/// Keys and certificates of one KeyInfo: a chain and its key; each is parsed.
const KEYS: usize = 8;
/// Keys of certificates kept: those of the gateways and users who are busy now, some 2 KB each.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

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
            certificates.push(base64(node, "X509Certificate")?);
        }
        if let Some(leaf) = leaf_of(&certificates)? {
            keys.push(key_of(leaf)?);
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

/// The key of the certificate in an element of base64: X509Certificate or BinarySecurityToken.
pub(super) fn certificate_key_in(node: Node<'_, '_>) -> Result<Key, KeyInfoError> {
    key_of(&base64(node, "X509Certificate")?)
}

/// The key of a certificate (DER); each of the last few is parsed once, as that costs more than all the rest.
fn key_of(der: &[u8]) -> Result<Key, KeyInfoError> {
    static PARSED: LazyLock<Mutex<LruCache<[u8; 32], Key>>> =
        LazyLock::new(|| Mutex::new(LruCache::new(REMEMBERED)));
    let name = sha256(der);
    let remembered = || PARSED.lock().ok()?.get(&name).cloned();
    if let Some(key) = remembered() {
        return Ok(key);
    }
    let certificate = X509::from_der(der)?;
    let key = Key::from_certificate(&certificate)?;
    if let Ok(mut parsed) = PARSED.lock() {
        parsed.put(name, key.clone());
    }
    Ok(key)
}

fn counted(count: &mut usize) -> Result<(), KeyInfoError> {
    *count = count.saturating_add(1);
    if *count > KEYS { Err(KeyInfoError::TooManyKeys { limit: KEYS }) } else { Ok(()) }
}

/// Of several certificates the one that issued none of the others: they may be a chain in any order.
fn leaf_of(certificates: &[Vec<u8>]) -> Result<Option<&[u8]>, KeyInfoError> {
    let several = match certificates {
        [] => return Ok(None),
        [only] => return Ok(Some(only)),
        several => several,
    };
    let parsed = several.iter().map(|der| X509::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let issued = |one: &X509, other: &X509| {
        one.subject_name().try_cmp(other.issuer_name()).is_ok_and(std::cmp::Ordering::is_eq)
    };
    let is_leaf = |at: usize, one: &X509| {
        !parsed.iter().enumerate().any(|(other, of)| at != other && issued(one, of))
    };
    let mut leaves =
        several.iter().zip(&parsed).enumerate().filter(|(at, (_, one))| is_leaf(*at, one));
    match (leaves.next(), leaves.next()) {
        (Some((_, (der, _))), None) => Ok(Some(der)),
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

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::pkey::Private;
    use openssl::x509::X509Name;

    use super::*;
    use crate::dsig::fixture::{ec, ec_key, rsa, stranger};
    use crate::xml::{Bounds, parse};

    fn key(inside: &str) -> Result<Key, KeyInfoError> {
        let text =
            format!("<ds:KeyInfo xmlns:ds='{}' xmlns:k='{DSIG11}'>{inside}</ds:KeyInfo>", ns::DSIG);
        key_in(parse(&text, Bounds::REQUEST).unwrap().root())
    }

    fn certificates(list: &[&[u8]]) -> String {
        let one = |der: &&[u8]| {
            format!("<ds:X509Certificate>{}</ds:X509Certificate>", STANDARD.encode(der))
        };
        format!("<ds:X509Data>{}</ds:X509Data>", list.iter().map(one).collect::<String>())
    }

    fn issued(subject: &str, issuer: &str, key: &PKey<Private>) -> Vec<u8> {
        let name = |text: &str| {
            let mut name = X509Name::builder().unwrap();
            name.append_entry_by_text("CN", text).unwrap();
            name.build()
        };
        let mut builder = X509::builder().unwrap();
        builder.set_subject_name(&name(subject)).unwrap();
        builder.set_issuer_name(&name(issuer)).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        builder.set_pubkey(key).unwrap();
        builder.sign(key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    #[test]
    fn a_chain_names_the_key_of_its_leaf_in_any_order() {
        let keys = [(); 3].map(|()| ec_key(Nid::X9_62_PRIME256V1));
        let leaf = issued("leaf", "issuing", &keys[0]);
        let issuing = issued("issuing", "root", &keys[1]);
        let root = issued("root", "root", &keys[2]);
        let alone = key(&certificates(&[&leaf])).unwrap();
        for list in [[&leaf, &issuing, &root], [&root, &leaf, &issuing], [&issuing, &root, &leaf]] {
            let found = key(&certificates(&list.map(Vec::as_slice))).unwrap();
            assert_eq!(found.fingerprint(), alone.fingerprint());
        }
        let other = issued("other", "issuing", &keys[1]);
        let two = certificates(&[&leaf, &other, &issuing]);
        assert_eq!(key(&two).unwrap_err(), KeyInfoError::KeysDiffer);
        let many = certificates(&[leaf.as_slice(); KEYS + 1]);
        assert_eq!(key(&many).unwrap_err(), KeyInfoError::TooManyKeys { limit: KEYS });
    }

    #[test]
    fn keys_of_every_form_are_the_same_or_refused() {
        let der = |signing: &crate::dsig::SigningKey| {
            let spki = STANDARD.encode(signing.public_der());
            format!("<k:DEREncodedKeyValue>{spki}</k:DEREncodedKeyValue>")
        };
        let certificate =
            |signing: &crate::dsig::SigningKey| certificates(&[signing.certificate_der()]);
        for signing in [rsa(), ec()] {
            for inside in [
                der(signing),
                certificate(signing),
                format!("{}{}", certificate(signing), der(signing)),
            ] {
                assert_eq!(key(&inside).unwrap().fingerprint(), signing.key().fingerprint());
                // and a second time, when it is remembered
                assert_eq!(key(&inside).unwrap().fingerprint(), signing.key().fingerprint());
            }
        }
        let differ = format!("{}{}", certificate(rsa()), der(stranger()));
        assert_eq!(key(&differ).unwrap_err(), KeyInfoError::KeysDiffer);
        for none in [
            "",
            "<ds:KeyName>x</ds:KeyName>",
            "<ds:X509Data/>",
            "<ds:X509Data><ds:X509SKI>AA==</ds:X509SKI></ds:X509Data>",
        ] {
            assert_eq!(key(none).unwrap_err(), KeyInfoError::NoKey, "{none}");
        }
        let short = crate::dsig::fixture::rsa_key(1024).public_key_to_der().unwrap();
        let off_curve = STANDARD.encode([&[4_u8][..], &[1; 64]].concat());
        for unreadable in [
            "<ds:KeyValue/>".to_owned(),
            "<ds:KeyValue><ds:DSAKeyValue/></ds:KeyValue>".to_owned(),
            "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus></ds:RSAKeyValue></ds:KeyValue>".to_owned(),
            "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>".to_owned(),
            format!("<k:DEREncodedKeyValue>{}</k:DEREncodedKeyValue>", STANDARD.encode(short)),
            format!("<ds:KeyValue><k:ECKeyValue><k:NamedCurve URI='urn:oid:1.2.840.10045.3.1.7'/><k:PublicKey>{off_curve}</k:PublicKey></k:ECKeyValue></ds:KeyValue>"),
            "<ds:KeyValue><k:ECKeyValue><k:NamedCurve URI='urn:oid:1.3.132.0.10'/><k:PublicKey>BA==</k:PublicKey></k:ECKeyValue></ds:KeyValue>".to_owned(),
        ] {
            assert!(matches!(key(&unreadable), Err(KeyInfoError::Unreadable(_))), "{unreadable}");
        }
    }
}
