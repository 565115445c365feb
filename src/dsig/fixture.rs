//! Keys, assertions and messages for the tests of this room.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use proptest::prelude::*;

use super::{Algorithms, Cache, Reject, SigningKey, canonicalize, gate, sign, verify};
use crate::clock::Timestamp;
use crate::xml::{Bounds, Node, attribute, ns, parse};

pub(crate) fn rsa_key(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

pub(crate) fn ec_key(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A self-signed certificate.
pub(crate) fn certificate_of(key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "test").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn signing_key(key: &PKey<Private>) -> SigningKey {
    let certificate = certificate_of(key).to_pem().unwrap();
    SigningKey::from_pem(&key.private_key_to_pem_pkcs8().unwrap(), &certificate).unwrap()
}

/// The configured RSA key.
pub(crate) fn rsa() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| signing_key(&rsa_key(2048)))
}

/// The configured P-256 key.
pub(crate) fn ec() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| signing_key(&ec_key(Nid::X9_62_PRIME256V1)))
}

/// An RSA key that nobody configured.
pub(crate) fn stranger() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| signing_key(&rsa_key(2048)))
}

/// A P-256 key that nobody configured.
pub(crate) fn stranger_ec() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| signing_key(&ec_key(Nid::X9_62_PRIME256V1)))
}

/// An unsigned assertion about `dr.lake`.
pub(in crate::dsig) fn assertion(id: &str) -> String {
    format!(
        r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:h="urn:hl7-org:v3" ID="{id}" Version="2.0"><saml:Issuer>https://sts.example</saml:Issuer>
 <saml:Subject><saml:NameID>dr.lake</saml:NameID></saml:Subject><!-- c -->
 <saml:AttributeStatement><saml:Attribute Name="role &amp; more"><saml:AttributeValue><h:Role code="1" displayName="&#228;&#10;"/></saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"#
    )
}

/// A SOAP message with that in its security header and that in its body.
pub(in crate::dsig) fn envelope(security: &str, body: &str) -> String {
    format!(
        r#"<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" xmlns:x="urn:x"><soap:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">{security}</wsse:Security></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"#
    )
}

/// One message signed by [`rsa`] or [`ec`].
pub(super) fn signed_message(elliptic: bool) -> &'static str {
    static MESSAGES: OnceLock<[String; 2]> = OnceLock::new();
    let signed = |key| envelope(&sign(&assertion("_a"), "_a", key).unwrap(), "");
    &MESSAGES.get_or_init(|| [signed(rsa()), signed(ec())])[usize::from(elliptic)]
}

/// The way of a message through gate and verifier, with both configured keys.
pub(super) fn check(message: &str) -> Result<String, Reject> {
    check_with(message, Algorithms::default())
}

/// The same where the sender may use these algorithms.
pub(super) fn check_with(message: &str, algorithms: Algorithms) -> Result<String, Reject> {
    let document = parse(message, Bounds::REQUEST).unwrap();
    let keys = [rsa().key().clone(), ec().key().clone()];
    let now = Timestamp::from_micros(0);
    let signed = verify(&gate(&document, algorithms)?, &keys, &Cache::new(), 1, now)?;
    Ok(signed.octets().to_owned())
}

/// [`assertion`] `_a`, signed.
pub(in crate::dsig) fn signed_by(key: &SigningKey) -> String {
    sign(&assertion("_a"), "_a", key).unwrap()
}

/// The genuine signed assertion, its signature alone, and the assertion without it.
pub(super) fn parts() -> (String, String, String) {
    let signed = signed_by(rsa());
    let start = signed.find("<ds:Signature ").unwrap();
    let end = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = signed[start..end].to_owned();
    let bare = signed.replacen(&signature, "", 1);
    (signed, signature, bare)
}

/// Holds the table: what each message is, the message, its code.
pub(super) fn refused(cases: &[(&str, String, &str)]) {
    for (name, message, code) in cases {
        let outcome = check(message).map_err(|reject| reject.code());
        assert_eq!(outcome, Err(*code), "{name}");
    }
}

/// Puts `inside` before the end tag of the first element that ends so.
pub(in crate::dsig) fn within(xml: &str, end_tag: &str, inside: &str) -> String {
    let changed = xml.replacen(end_tag, &format!("{inside}{end_tag}"), 1);
    assert_ne!(changed, xml, "{end_tag}");
    changed
}

pub(crate) fn replaced(xml: &str, from: &str, to: &str) -> String {
    let changed = xml.replacen(from, to, 1);
    assert_ne!(changed, xml, "{from}");
    changed
}

/// The draft with a signature over the elements of those ids in the place of `<!--here-->`.
pub(crate) fn sign_parts(draft: &str, ids: &[&str], key: &SigningKey, key_info: &str) -> String {
    let document = parse(draft, Bounds::REQUEST).unwrap();
    let c14n = ns::EXC_C14N;
    let references: String = ids
        .iter()
        .map(|id| {
            let has = |n: &Node<'_, '_>| {
                let wsu = n.attribute((ns::WSU, "Id"));
                [wsu, attribute(*n, "ID"), attribute(*n, "Id")].contains(&Some(*id))
            };
            let node = document.root().descendants().find(has);
            let octets = node.map(|node| canonicalize(node, &[], None)).unwrap_or_default();
            let digest = STANDARD.encode(openssl::sha::sha256(octets.as_bytes()));
            format!(
                "<ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{c14n}\"/></ds:Transforms>\
                 <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
                 <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
            )
        })
        .collect();
    let opened = format!(
        "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>\
         <ds:SignatureMethod Algorithm=\"{}\"/>{references}</ds:SignedInfo>",
        ns::DSIG,
        key.algorithm()
    );
    let closed = format!("{opened}</ds:Signature>");
    let signature = parse(&closed, Bounds::REQUEST).unwrap();
    let signed_info = signature.root().first_element_child().unwrap();
    let value = key.value(canonicalize(signed_info, &[], None).as_bytes()).unwrap();
    let signature = format!(
        "{opened}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>",
        STANDARD.encode(value)
    );
    replaced(draft, "<!--here-->", &signature)
}

/// The first element of that name in the ds namespace, as text.
pub(in crate::dsig) fn section(xml: &str, name: &str) -> String {
    let start = xml.find(&format!("<ds:{name}>")).or(xml.find(&format!("<ds:{name} "))).unwrap();
    let end_tag = format!("</ds:{name}>");
    let end = start + xml[start..].find(&end_tag).unwrap() + end_tag.len();
    xml[start..end].to_owned()
}

/// Documents with prefixes rebound, default namespaces undeclared, and every kind of node.
pub(super) fn any_xml() -> impl Strategy<Value = String> {
    let declarations = || {
        let of = |choices: &'static [&'static str]| prop::sample::select(choices);
        (
            of(&["", "", " xmlns='urn:d'", " xmlns=''", " xmlns='urn:p'"]),
            of(&["", "", " xmlns:p='urn:p'", " xmlns:p='urn:&amp;\"'"]),
            of(&["", " xmlns:q='urn:q'", " xmlns:q='urn:y'"]),
        )
            .prop_map(|(a, b, c)| format!("{c}{a}{b}"))
    };
    let attributes = || {
        let of = |choices: &'static [&'static str]| prop::sample::select(choices);
        (
            of(&["", " k='1'", " k = \"a&#13;&#9; \t'&gt;\""]),
            of(&["", " p:k='2'", " p:a=''"]),
            of(&["", " q:k='&lt;é'", " xml:space='preserve'"]),
        )
            .prop_map(|(a, b, c)| format!("{a}{c}{b}"))
    };
    let leaf = prop_oneof![
        "[ -;=?-~]{0,6}".prop_map(|text| text.replace('&', "&amp;")),
        prop::sample::select(
            &[
                "<!-- c -->",
                "<?pi  x y ?>",
                "<?pi?>",
                "<![CDATA[<&]]>",
                "&#13;\r\n",
                "x\ry",
                "&gt;ü",
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let tree = leaf.prop_recursive(6, 48, 5, move |inner| {
        let name = prop::sample::select(&["e", "p:e", "q:f"][..]);
        (name, declarations(), attributes(), prop::collection::vec(inner, 0..5)).prop_map(
            |(name, declarations, attributes, inside)| {
                format!("<{name}{declarations}{attributes}>{}</{name}>", inside.concat())
            },
        )
    });
    prop::collection::vec(tree, 0..4)
        .prop_map(|inside| format!("<r xmlns:q='urn:q' xmlns:p='urn:p'>{}</r>", inside.concat()))
}
