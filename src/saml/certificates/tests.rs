//! Chains, dates, usage, keys and revocation lists, on a fixed clock.

use openssl::asn1::{Asn1Object, Asn1OctetString};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509Crl, X509CrlBuilder, X509Extension, X509Name, X509RevokedBuilder};

use super::*;

/// 2026-11-22T12:00:00Z
const NOW: i64 = 1_795_348_800;
const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn asn1(seconds: i64) -> Asn1Time {
    Asn1Time::from_unix(seconds).unwrap()
}

fn name(text: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", text).unwrap();
    name.build()
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A certificate to be made.
struct Draft<'k> {
    name: &'static str,
    serial: u32,
    key: &'k PKey<Private>,
    days: (i64, i64),
    ca: bool,
    usage: Option<X509Extension>,
    extended: Option<X509Extension>,
    hash: MessageDigest,
}

impl<'k> Draft<'k> {
    fn new(name: &'static str, key: &'k PKey<Private>) -> Self {
        let hash = MessageDigest::sha256();
        Self { name, serial: 7, key, days: (-10, 10), ca: false, usage: None, extended: None, hash }
    }

    fn ca(name: &'static str, key: &'k PKey<Private>) -> Self {
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().ok();
        Self { ca: true, usage, days: (-100, 100), ..Self::new(name, key) }
    }

    fn issued_by(self, issuer: &str, issuer_key: &PKey<Private>) -> X509 {
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(self.serial).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name(self.name)).unwrap();
        builder.set_issuer_name(&name(issuer)).unwrap();
        let (first, last) = self.days;
        builder.set_not_before(&asn1(NOW + first * DAY)).unwrap();
        builder.set_not_after(&asn1(NOW + last * DAY)).unwrap();
        builder.set_pubkey(self.key).unwrap();
        if self.ca {
            builder
                .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
                .unwrap();
        }
        for extension in self.usage.into_iter().chain(self.extended) {
            builder.append_extension(extension).unwrap();
        }
        builder.sign(issuer_key, self.hash).unwrap();
        builder.build()
    }
}

/// A root, an issuing CA, and a signer's key.
struct Pki {
    root_key: PKey<Private>,
    root: X509,
    issuing_key: PKey<Private>,
    issuing: X509,
    leaf_key: PKey<Private>,
}

impl Pki {
    fn new() -> Self {
        let (root_key, issuing_key, leaf_key) = (key(), key(), key());
        let root = Draft::ca("root", &root_key).issued_by("root", &root_key);
        let issuing = Draft::ca("issuing", &issuing_key).issued_by("root", &root_key);
        Self { root_key, root, issuing_key, issuing, leaf_key }
    }

    fn leaf(&self) -> Draft<'_> {
        Draft::new("signer", &self.leaf_key)
    }

    fn issue(&self, draft: Draft<'_>) -> X509 {
        draft.issued_by("issuing", &self.issuing_key)
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::new(Usage::Signing, vec![self.root.clone()]);
        settings.intermediates.push(self.issuing.clone());
        settings
    }

    /// A list by the issuing CA.
    fn crl(&self, first: i64, last: i64, revoked: &[u32]) -> X509Crl {
        crl("issuing", &self.issuing_key, first, last, revoked)
    }
}

fn crl(
    issuer: &str,
    issuer_key: &PKey<Private>,
    first: i64,
    last: i64,
    revoked: &[u32],
) -> X509Crl {
    let mut builder = draft_of_list();
    builder.set_issuer_name(&name(issuer)).unwrap();
    builder.set_last_update(&asn1(NOW + first * DAY)).unwrap();
    builder.set_next_update(&asn1(NOW + last * DAY)).unwrap();
    for serial in revoked {
        let mut entry = X509RevokedBuilder::new().unwrap();
        entry
            .set_serial_number(&BigNum::from_u32(*serial).unwrap().to_asn1_integer().unwrap())
            .unwrap();
        entry.set_revocation_date(&asn1(NOW - DAY)).unwrap();
        builder.add_revoked(entry.build()).unwrap();
    }
    builder.sort().unwrap();
    builder.sign(issuer_key, MessageDigest::sha256()).unwrap();
    builder.build().unwrap()
}

/// With the two extensions that every list has (RFC 5280 5.2): whose key, and which number.
fn draft_of_list() -> X509CrlBuilder {
    let mut builder = X509CrlBuilder::new().unwrap();
    builder.append_extension(extension("2.5.29.35", false, b"\x30\x03\x80\x01\x01")).unwrap();
    builder.append_extension(extension("2.5.29.20", false, b"\x02\x01\x01")).unwrap();
    builder
}

fn extension(id: &str, critical: bool, der: &[u8]) -> X509Extension {
    let id = Asn1Object::from_str(id).unwrap();
    let der = Asn1OctetString::new_from_bytes(der).unwrap();
    X509Extension::new_from_der(&id, critical, &der).unwrap()
}

fn read(list: &X509Crl) -> Crl {
    Crl::read(&list.to_pem().unwrap()).unwrap()
}

fn checked(settings: Settings, certificate: &X509) -> String {
    let authority = Authority::new(settings).unwrap();
    match authority.check(certificate, &[], at(NOW)) {
        Ok(_) => "believed".to_owned(),
        Err(unfit) => unfit.to_string(),
    }
}

#[test]
fn a_chain_ends_in_a_configured_certificate() {
    let pki = Pki::new();
    let leaf = pki.issue(pki.leaf());
    assert_eq!(checked(pki.settings(), &leaf), "believed");
    let missing = Settings { intermediates: Vec::new(), ..pki.settings() };
    let refused = checked(missing.clone(), &leaf);
    assert!(refused.contains("unable to get local issuer certificate"), "{refused}");
    // what the peer shows may stand between, and is no root
    let shown = [pki.issuing.clone(), pki.root.clone()];
    assert!(Authority::new(missing).unwrap().check(&leaf, &shown, at(NOW)).is_ok());
    let stranger = Pki::new();
    let theirs = stranger.issue(stranger.leaf());
    let ours = Authority::new(Settings { intermediates: Vec::new(), ..pki.settings() }).unwrap();
    let shown = [stranger.issuing.clone(), stranger.root.clone()];
    assert!(matches!(ours.check(&theirs, &shown, at(NOW)), Err(Unfit::Chain { .. })));
    // an issuing CA may be the root that is configured
    let partial = Settings::new(Usage::Signing, vec![pki.issuing.clone()]);
    assert_eq!(checked(partial, &leaf), "believed");
    // and no leaf issues another certificate
    let nobody = key();
    let forged = Draft::new("forged", &nobody).issued_by("signer", &pki.leaf_key);
    let authority = Authority::new(pki.settings()).unwrap();
    assert!(matches!(authority.check(&forged, &[leaf], at(NOW)), Err(Unfit::Chain { .. })));
}

#[test]
fn every_certificate_of_a_chain_is_in_its_time() {
    let pki = Pki::new();
    for (days, expected) in
        [((-10, 10), true), ((-10, -1), false), ((1, 10), false), ((0, 10), true), ((-10, 0), true)]
    {
        let leaf = pki.issue(Draft { days, ..pki.leaf() });
        let outcome = Authority::new(pki.settings()).unwrap().check(&leaf, &[], at(NOW));
        match outcome {
            Ok(standing) => {
                assert!(expected, "{days:?}");
                assert_eq!(standing.until(), at(NOW + days.1 * DAY));
                assert_eq!(standing.from(), at(NOW + days.0 * DAY));
            }
            Err(unfit) => {
                assert!(!expected && matches!(unfit, Unfit::Dates { .. }), "{days:?} {unfit}");
            }
        }
    }
    // the issuing CA ends first
    let issuing = Draft { days: (-100, 5), ..Draft::ca("issuing", &pki.issuing_key) };
    let issuing = issuing.issued_by("root", &pki.root_key);
    let settings = Settings { intermediates: vec![issuing], ..pki.settings() };
    let authority = Authority::new(settings).unwrap();
    let leaf = pki.issue(pki.leaf());
    assert_eq!(authority.check(&leaf, &[], at(NOW)).unwrap().until(), at(NOW + 5 * DAY));
    assert!(authority.check(&leaf, &[], at(NOW + 6 * DAY)).is_err());
}

#[test]
fn usage_and_keys_fit_the_purpose() {
    let pki = Pki::new();
    let usage = |usage: &mut KeyUsage| usage.critical().build().ok();
    for (made, signing) in [
        (None, "believed"),
        (usage(KeyUsage::new().digital_signature()), "believed"),
        (usage(KeyUsage::new().non_repudiation()), "believed"),
        (usage(KeyUsage::new().key_encipherment()), "certificate CN=signer is not for signing"),
    ] {
        let leaf = pki.issue(Draft { usage: made, ..pki.leaf() });
        assert_eq!(checked(pki.settings(), &leaf), signing);
    }
    for (extended, client) in [
        (None, true),
        (ExtendedKeyUsage::new().client_auth().build().ok(), true),
        (ExtendedKeyUsage::new().server_auth().build().ok(), false),
    ] {
        let leaf = pki.issue(Draft { extended, ..pki.leaf() });
        let settings = Settings { purpose: Usage::TlsClient, ..pki.settings() };
        assert_eq!(checked(settings, &leaf) == "believed", client);
    }
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let leaf = pki.issue(Draft { key: &rsa, ..pki.leaf() });
    assert_eq!(checked(pki.settings(), &leaf), "believed");
    let longer = Settings { minimum_rsa_bits: 3072, ..pki.settings() };
    assert!(checked(longer, &leaf).ends_with("an RSA key of 2048 bits, at least 3072 are needed"));
    // what is configured cannot go below what is safe, and neither can a chain
    let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let leaf = pki.issue(Draft { key: &short, ..pki.leaf() });
    let lower = Settings { minimum_rsa_bits: 512, ..pki.settings() };
    assert_ne!(checked(lower, &leaf), "believed");
    let old = pki.issue(Draft { hash: MessageDigest::sha1(), ..pki.leaf() });
    assert_ne!(checked(pki.settings(), &old), "believed");
}

#[test]
fn a_list_revokes_and_ends() {
    let pki = Pki::new();
    let leaf = pki.issue(pki.leaf());
    let root_list = || read(&crl("root", &pki.root_key, -1, 30, &[]));
    let with = |lists: Vec<Crl>| Settings { crls: lists, ..pki.settings() };
    let list = |first, last, revoked: &[u32]| read(&pki.crl(first, last, revoked));
    for (lists, expected) in [
        (vec![root_list(), list(-1, 2, &[8])], "believed"),
        (vec![root_list(), list(-1, 2, &[7])], "certificate CN=signer was revoked"),
        // the newest list in force counts
        (vec![root_list(), list(-3, 2, &[7]), list(-1, 2, &[])], "believed"),
        (
            vec![root_list(), list(-3, 2, &[]), list(-1, 2, &[7])],
            "certificate CN=signer was revoked",
        ),
        (vec![root_list(), list(-1, 2, &[]), list(1, 3, &[7])], "believed"),
        // a day of grace, and not a moment more
        (vec![root_list(), list(-9, -1, &[])], "believed"),
        (
            vec![root_list(), list(-9, -2, &[])],
            "the revocation list of CN=issuing ended at 2026-11-21T12:00:00.000000Z",
        ),
        (vec![root_list(), list(-9, -2, &[7])], "certificate CN=signer was revoked"),
        // every certificate below the root needs one
        (vec![list(-1, 2, &[])], "no revocation list of CN=root for certificate CN=issuing"),
        (vec![root_list()], "no revocation list of CN=issuing for certificate CN=signer"),
        (
            vec![root_list(), list(1, 2, &[])],
            "no revocation list of CN=issuing for certificate CN=signer",
        ),
    ] {
        assert_eq!(checked(with(lists), &leaf), expected);
    }
    // the CA itself
    let revoked = read(&crl("root", &pki.root_key, -1, 30, &[7]));
    let outcome = checked(with(vec![revoked, list(-1, 2, &[])]), &leaf);
    assert_eq!(outcome, "certificate CN=issuing was revoked");
    // a list that another key signed is nobody's
    let forged = read(&crl("issuing", &pki.leaf_key, -1, 2, &[]));
    let outcome = checked(with(vec![root_list(), forged]), &leaf);
    assert_eq!(outcome, "no revocation list of CN=issuing for certificate CN=signer");
    // and what was found ends with it
    let authority = Authority::new(with(vec![root_list(), list(-1, 2, &[])])).unwrap();
    let standing = authority.check(&leaf, &[], at(NOW)).unwrap();
    assert_eq!(standing.until(), at(NOW + 3 * DAY));
    let (key, _) = authority.key(&leaf, &[], at(NOW)).unwrap();
    for (seconds, holds) in [(0, true), (3 * DAY, true), (3 * DAY + 1, false), (-11 * DAY, false)] {
        assert_eq!(key.holds(at(NOW + seconds)), holds, "{seconds}");
    }
}

#[test]
fn only_complete_lists_are_read() {
    let pki = Pki::new();
    let whole = pki.crl(-1, 1, &[]);
    assert!(Crl::read(&whole.to_der().unwrap()).is_ok());
    assert_eq!(read(&whole).issuer(), "CN=issuing");
    assert_eq!(Crl::read(b"-----BEGIN").unwrap_err(), CrlError::Unreadable);
    let mut builder = draft_of_list();
    builder.set_issuer_name(&name("issuing")).unwrap();
    builder.set_last_update(&asn1(NOW)).unwrap();
    builder.set_next_update(&asn1(NOW + DAY)).unwrap();
    builder.append_extension(extension("2.5.29.28", true, b"\x30\x03\x81\x01\xff")).unwrap();
    builder.sign(&pki.issuing_key, MessageDigest::sha256()).unwrap();
    let partial = builder.build().unwrap().to_pem().unwrap();
    assert_eq!(Crl::read(&partial).unwrap_err(), CrlError::Partial);
}

#[test]
fn an_end_is_warned_of_a_month_before() {
    let pki = Pki::new();
    let watched = |last| {
        let leaf = pki.issue(Draft { days: (-100, last), ..pki.leaf() });
        Watched::new("server.certificate", "tls.crt", &leaf).unwrap().warning(at(NOW))
    };
    assert_eq!(watched(31), None);
    let soon =
        "server.certificate: tls.crt expires in 30 days, on 2026-12-22; ask for its successor";
    assert_eq!(watched(30).as_deref(), Some(soon));
    let over = "server.certificate: tls.crt expired on 2026-11-21; ask for its successor";
    assert_eq!(watched(-1).as_deref(), Some(over));
}

#[test]
fn the_key_of_a_coming_certificate_holds_from_its_time_on() {
    let pki = Pki::new();
    let coming = pki.issue(Draft { days: (3, 10), ..pki.leaf() });
    let authority = Authority::new(pki.settings()).unwrap();
    let (key, _) = authority.key(&coming, &[], at(NOW)).unwrap();
    assert!(!key.holds(at(NOW)) && key.holds(at(NOW + 4 * DAY)));
    let over = pki.issue(Draft { days: (-10, -3), ..pki.leaf() });
    let unfit = authority.key(&over, &[], at(NOW)).unwrap_err();
    assert!(unfit.is_of_its_time(), "{unfit}");
}

#[test]
fn a_subject_that_a_message_brings_is_cut_and_harmless_to_print() {
    let pki = Pki::new();
    let evil = "x\r\n2026-11-22T12:00:00Z INFO all is well";
    let foreign = Draft::new(evil, &pki.leaf_key).issued_by(evil, &pki.leaf_key);
    let authority = Authority::new(pki.settings()).unwrap();
    let told = authority.check(&foreign, &[], at(NOW)).unwrap_err().to_string();
    assert!(!told.contains(char::is_control), "{told:?}");
    assert!(told.contains("CN=x\u{fffd}\u{fffd}2026"), "{told:?}");
    // as it stands in audit
    let told = crate::saml::Unchained::from(authority.check(&foreign, &[], at(NOW)).unwrap_err());
    assert!(told.to_string().contains("unverified: certificate CN=x"), "{told}");
}

#[test]
fn a_list_is_warned_of_hours_before_it_is_due_and_after() {
    let pki = Pki::new();
    let list = Crl::read(&pki.crl(-1, 1, &[7]).to_pem().unwrap()).unwrap();
    let watched = Watched::list("issuer[0].crls", "a.crl", &list);
    let warning = |seconds| watched.warning(at(NOW + seconds));
    assert_eq!(warning(DAY - 7 * 3600), None);
    let due =
        |verb| Some(format!("issuer[0].crls: a.crl {verb} due to be renewed at {}", at(NOW + DAY)));
    assert_eq!(warning(DAY - 5 * 3600), due("is"));
    assert_eq!(warning(DAY + 1), due("was"));
}
