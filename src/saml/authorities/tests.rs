use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509NameBuilder;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};

use super::*;
use crate::saml::certificates::ocsp::{Inquiries, Ocsp};
use crate::saml::certificates::{Settings, Usage};

const DAY_S: i64 = 86_400;
const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// A certificate with its key, and who may sign under it.
struct Made {
    certificate: X509,
    key: PKey<Private>,
}

struct Wish<'a> {
    name: &'a str,
    issuer: Option<&'a Made>,
    ca: bool,
    signs: bool,
    /// Days from now.
    until: i64,
}

fn make(wish: &Wish<'_>) -> Made {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("O", "Network").unwrap();
    name.append_entry_by_text("CN", wish.name).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name).unwrap();
    let issuer = wish.issuer.map_or(&*name, |made| made.certificate.subject_name());
    builder.set_issuer_name(issuer).unwrap();
    let seconds = NOW.micros() / 1_000_000;
    let time = |days: i64| Asn1Time::from_unix(seconds + days * DAY_S).unwrap();
    builder.set_not_before(&time(-1)).unwrap();
    builder.set_not_after(&time(wish.until)).unwrap();
    builder.set_pubkey(&key).unwrap();
    let mut constraints = BasicConstraints::new();
    constraints.critical();
    if wish.ca {
        constraints.ca();
    }
    builder.append_extension(constraints.build().unwrap()).unwrap();
    let mut usage = KeyUsage::new();
    usage.critical();
    match (wish.ca, wish.signs) {
        (true, _) => usage.key_cert_sign().crl_sign(),
        (false, true) => usage.digital_signature(),
        (false, false) => usage.key_agreement(),
    };
    builder.append_extension(usage.build().unwrap()).unwrap();
    let context = builder.x509v3_context(wish.issuer.map(|made| &*made.certificate), None);
    let subject_id = SubjectKeyIdentifier::new().build(&context).unwrap();
    let mut alternative = SubjectAlternativeName::new();
    let alternative = alternative.dns(&format!("{}.example", wish.name)).build(&context).unwrap();
    let authority_id =
        wish.issuer.map(|_| AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap());
    builder.append_extension(subject_id).unwrap();
    builder.append_extension(alternative).unwrap();
    if let Some(id) = authority_id {
        builder.append_extension(id).unwrap();
    }
    builder.sign(wish.issuer.map_or(&key, |made| &made.key), MessageDigest::sha256()).unwrap();
    Made { certificate: builder.build(), key }
}

fn root() -> Made {
    make(&Wish { name: "root", issuer: None, ca: true, signs: true, until: 3_650 })
}

fn intermediate(root: &Made) -> Made {
    make(&Wish { name: "middle", issuer: Some(root), ca: true, signs: true, until: 900 })
}

fn leaf(issuer: &Made, name: &str) -> Made {
    make(&Wish { name, issuer: Some(issuer), ca: false, signs: true, until: 90 })
}

fn authorities(root: &Made) -> Authorities {
    asking(root, None)
}

fn asking(root: &Made, ocsp: Option<Ocsp>) -> Authorities {
    let subject = Subject::parse("CN=sts, O=Network").unwrap();
    let settings = Settings::new(Usage::Signing, vec![root.certificate.clone()]);
    let settings = Settings { ocsp, ..settings };
    Authorities::new(
        Authority::new(settings).unwrap(),
        Names { subjects: vec![subject], alternative: vec!["Other.Example".into()] },
    )
}

fn der(all: &[&Made]) -> Vec<Vec<u8>> {
    all.iter().map(|made| made.certificate.to_der().unwrap()).collect()
}

fn code(authorities: &Authorities, offered: &[&Made], now: Timestamp) -> &'static str {
    authorities.key(&der(offered), now).map_or_else(|why| why.code(), |_| "good")
}

#[test]
fn a_certificate_of_the_name_that_chains_to_a_root_gives_its_key() {
    let root = root();
    let middle = intermediate(&root);
    let (direct, below) = (leaf(&root, "sts"), leaf(&middle, "sts"));
    let authorities = authorities(&root);
    let key = authorities.key(&der(&[&direct]), NOW).unwrap();
    let own = Key::from_certificate(&direct.certificate).unwrap();
    assert_eq!(key.fingerprint(), own.fingerprint());
    assert_eq!(code(&authorities, &[&below, &middle], NOW), "good");
    assert_eq!(code(&authorities, &[&middle, &below], NOW), "good");
    // by an alternative name, in any case
    assert_eq!(code(&authorities, &[&leaf(&root, "other")], NOW), "good");
}

#[test]
fn nothing_else_counts() {
    let (root, stranger) = (root(), root());
    let middle = intermediate(&root);
    let authorities = authorities(&root);
    let good = leaf(&root, "sts");
    assert_eq!(code(&authorities, &[], NOW), "no-certificate");
    assert_eq!(code(&authorities, &[&good; 9], NOW), "too-many-certificates");
    assert_eq!(code(&authorities, &[&leaf(&root, "somebody")], NOW), "certificate-name");
    assert_eq!(code(&authorities, &[&leaf(&stranger, "sts")], NOW), "certificate-chain");
    assert_eq!(code(&authorities, &[&leaf(&stranger, "sts"), &stranger], NOW), "certificate-chain");
    assert_eq!(code(&authorities, &[&leaf(&middle, "sts")], NOW), "certificate-chain");
    // whom a leaf vouches for is nobody
    assert_eq!(code(&authorities, &[&leaf(&good, "sts"), &good], NOW), "good", "the first of both");
    let forged = leaf(&leaf(&root, "somebody"), "sts");
    assert_eq!(code(&authorities, &[&forged], NOW), "certificate-chain");
    let unsigning =
        make(&Wish { name: "sts", issuer: Some(&root), ca: false, signs: false, until: 90 });
    assert_eq!(code(&authorities, &[&unsigning], NOW), "certificate-usage");
    let error = authorities.key(&[b"no certificate".to_vec()], NOW).unwrap_err();
    assert_eq!(error.code(), "certificate-name");
}

#[test]
fn a_chain_ends_with_its_first_certificate_though_it_was_found_before() {
    let root = root();
    let authorities = authorities(&root);
    let good = leaf(&root, "sts");
    let at = |days: i64| Timestamp::from_micros(NOW.micros() + days * DAY_S * 1_000_000);
    let last = at(90).minus(Duration::from_secs(60));
    assert_eq!(code(&authorities, &[&good], last), "good");
    assert!(authorities.remembered(&name_of(&der(&[&good])), last).is_some());
    assert_eq!(
        code(&authorities, &[&good], at(90).plus(Duration::from_secs(1))),
        "certificate-chain"
    );
    assert_eq!(code(&authorities, &[&good], at(-2)), "certificate-chain");
}

#[test]
fn nobody_is_asked_about_a_certificate_before_its_key_signed() {
    let root = root();
    let (shown, signing) = (leaf(&root, "sts"), leaf(&root, "sts"));
    let inquiries = Inquiries::default();
    let responder = Some("http://ocsp.example".to_owned());
    let authorities = asking(&root, Some(Ocsp { inquiries: inquiries.clone(), responder }));
    // anybody may put it into KeyInfo
    assert_eq!(code(&authorities, &[&shown], NOW), "good");
    let key = authorities.key(&der(&[&signing]), NOW).unwrap();
    assert_eq!(inquiries.count(), 0);
    authorities.signed(key.fingerprint(), NOW).unwrap();
    assert_eq!(inquiries.count(), 1);
    authorities.signed(key.fingerprint(), NOW).unwrap();
    assert_eq!((code(&authorities, &[&signing], NOW), inquiries.count()), ("good", 1));
}

#[test]
fn subjects_are_read_as_people_and_openssl_write_them() {
    let one = Subject::parse("CN=sts, O=Network").unwrap();
    assert_eq!(Subject::parse("O = Network, CN = sts"), Some(one.clone()));
    assert_eq!(Subject::parse("O=Network,CN=sts"), Some(one.clone()));
    assert_ne!(Subject::parse("CN=sts"), Some(one.clone()));
    assert_eq!(one.to_string(), "CN=sts, O=Network");
    let comma = Subject::parse("O=Hospital, Inc., CN=sts").unwrap();
    assert_eq!(comma.to_string(), "CN=sts, O=Hospital, Inc.");
    for bad in ["", "sts", "=x", "CN=", "CN=a, O="] {
        assert_eq!(Subject::parse(bad), None, "{bad}");
    }
}
