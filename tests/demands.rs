//! What settings demand of a partner's messages and of an issuer's certificates: read, refused or warned of.

mod lakeside;

use std::fs;
use std::path::Path;
use std::time::Duration;

use glassgate::audit::delivery::Wanted;
use glassgate::clock::{Clock, SystemClock};
use glassgate::config::{self, Config};
use glassgate::saml::{ConfirmationMethod, Keys};
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509CrlBuilder, X509Extension, X509RevokedBuilder};

/// Settings with those keys of `[[issuer]]` and `[[partner]]`, in a folder with the tests' PKI and two lists.
fn read(issuer: &str, partner: &str) -> Result<Config, String> {
    let entries = format!(
        r#"
[[issuer]]
name = "urn:sts"
certificates = ["pki/partners/riverside/saml.crt"]
{issuer}
[[partner]]
name = "riverside"
home_community_ids = ["2.999.2"]
tls_certificates = ["pki/partners/riverside/tls.crt"]
issuers = ["urn:sts"]
etreat = "treatment"
{partner}
"#
    );
    let directory = lakeside::settings("2.999.1", &entries);
    let pki = directory.path().join("pki");
    let write = |name: &str, bytes: Vec<u8>| fs::write(directory.path().join(name), bytes).unwrap();
    write("none.crl", list(&pki, None));
    write("saml.crl", list(&pki, Some("partners/riverside/saml")));
    write("sts.xml", metadata(&pki).into_bytes());
    config::read(&lakeside::file(&directory)).map_err(|problems| problems.to_string())
}

/// Metadata of the issuer with another certificate of it.
fn metadata(pki: &Path) -> String {
    let pem = fs::read_to_string(pki.join("partners/riverside/saml-ec.crt")).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    format!(
        "<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata' entityID='urn:sts'><IDPSSODescriptor>\
         <KeyDescriptor><KeyInfo xmlns='http://www.w3.org/2000/09/xmldsig#'><X509Data><X509Certificate>{base64}\
         </X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>"
    )
}

/// A revocation list of the tests' CA, good for a day.
fn list(pki: &Path, revoked: Option<&str>) -> Vec<u8> {
    let read = |name: &str| fs::read(pki.join(name)).unwrap();
    let now = SystemClock.now().micros() / 1_000_000;
    let at = |days: i64| Asn1Time::from_unix(now + days * 86_400).unwrap();
    let extension = |id: &str, der: &[u8]| {
        let id = Asn1Object::from_str(id).unwrap();
        X509Extension::new_from_der(&id, false, &Asn1OctetString::new_from_bytes(der).unwrap())
    };
    let mut builder = X509CrlBuilder::new().unwrap();
    builder.set_issuer_name(X509::from_pem(&read("ca.crt")).unwrap().subject_name()).unwrap();
    builder.set_last_update(&at(-1)).unwrap();
    builder.set_next_update(&at(1)).unwrap();
    builder.append_extension(extension("2.5.29.35", b"\x30\x03\x80\x01\x01").unwrap()).unwrap();
    builder.append_extension(extension("2.5.29.20", b"\x02\x01\x01").unwrap()).unwrap();
    // a list without entries cannot be built here: the receiver's certificate stands in every one
    for name in ["receiver/tls"].into_iter().chain(revoked) {
        let certificate = X509::from_pem(&read(&format!("{name}.crt"))).unwrap();
        let mut entry = X509RevokedBuilder::new().unwrap();
        entry.set_serial_number(certificate.serial_number()).unwrap();
        entry.set_revocation_date(&at(-1)).unwrap();
        builder.add_revoked(entry.build()).unwrap();
    }
    let key = PKey::private_key_from_pem(&read("ca.key")).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build().unwrap().to_pem().unwrap()
}

#[test]
fn an_office_gets_what_its_target_says() {
    let receivers = |only: &str| {
        let entries = format!(
            r#"
[[audit.target]]
name = "repository"
transport = "udp"
host = "127.0.0.1"
port = 514
[[audit.target]]
name = "privacy"
transport = "udp"
host = "127.0.0.1"
port = 515
{only}
"#
        );
        config::read(&lakeside::file(&lakeside::settings("2.999.1", &entries)))
    };
    let wanted = |config: Config| config.delivery.targets.into_iter().map(|(_, wanted)| wanted);
    let office = receivers("only = \"break-glass\"").unwrap();
    assert_eq!(wanted(office).collect::<Vec<_>>(), [Wanted::All, Wanted::BreakGlass]);
    assert!(wanted(receivers("").unwrap()).all(|wanted| wanted == Wanted::All));
    assert!(receivers("only = \"alerts\"").is_err());
}

#[test]
fn a_partner_s_demands_are_read_and_have_safe_defaults() {
    let config = read("", "").unwrap();
    let usual = &config.terms.trust.settings().partners[0].demands;
    assert!(!usual.algorithms.danger_allow_sha1 && !usual.signed_timestamp);
    let names = |demands: &glassgate::saml::Demands| {
        demands.confirmations.iter().map(ConfirmationMethod::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(usual), "bearer holder-of-key-by-signature holder-of-key-by-tls");
    assert!(usual.message_keys.is_empty());
    assert_eq!(usual.longest_age, Duration::from_secs(300));
    let of_sha1 = |config: &Config| config.warnings.iter().any(|one| one.contains("SHA-1"));
    assert!(!of_sha1(&config), "{:?}", config.warnings);

    let written = "confirmations = [\"sender-vouches-by-signature\"]\nsigned_timestamp = true\n\
                   timestamp_age_s = 60\nmessage_certificates = [\"pki/partners/riverside/saml-ec.crt\"]\n\
                   danger_allow_sha1 = true";
    let config = read("", written).unwrap();
    let demands = &config.terms.trust.settings().partners[0].demands;
    assert_eq!(names(demands), "sender-vouches-by-signature");
    assert!(demands.signed_timestamp && demands.algorithms.danger_allow_sha1);
    assert_eq!((demands.longest_age.as_secs(), demands.message_keys.len()), (60, 1));
    assert!(of_sha1(&config), "{:?}", config.warnings);
}

#[test]
fn wrong_demands_are_refused_with_what_to_do() {
    for (issuer, partner, told) in [
        ("", "confirmations = []", "nobody could ask"),
        ("", "confirmations = [\"holder\"]", "write one of bearer, holder-of-key-by-signature"),
        ("", "timestamp_age_s = 3601", "1 to 3600"),
        ("", "message_certificates = [\"pki/ca.key\"]", "holds no certificate"),
        ("crls = [\"none.crl\"]", "", "has no meaning without `roots`"),
        ("minimum_rsa_bits = 4096", "", "has no meaning without `roots`"),
        ("ocsp = \"ask\"", "", "has no meaning without `roots`"),
        ("roots = [\"pki/ca.crt\"]\nocsp = \"hard\"", "", "unknown variant `hard`"),
        (
            "roots = [\"pki/ca.crt\"]\nocsp = \"ask\"\nocsp_responder = \"ldap://x\"",
            "",
            "`ldap://x` is no address to ask; write http://",
        ),
        (
            "roots = [\"pki/ca.crt\"]\nocsp_responder = \"http://x\"",
            "",
            "has no meaning where no responder is asked; set ocsp to \"ask\", or remove it",
        ),
        ("roots = [\"pki/ca.crt\"]\nminimum_rsa_bits = 1024", "", "write a number from 2048"),
        ("roots = [\"pki/ca.crt\"]\ncrls = [\"pki/ca.crt\"]", "", "no revocation list"),
        ("roots = [\"pki/ca.crt\"]\ncrl_grace_s = 999999999", "", "is out of range"),
    ] {
        let problems = read(issuer, partner).expect_err(told);
        assert!(problems.contains(told), "{told}: {problems}");
    }
}

#[test]
fn responders_are_asked_of_what_settings_name() {
    let roots = "roots = [\"pki/ca.crt\"]\nocsp = \"ask\"\n";
    let asked = read(&format!("{roots}ocsp_responder = \"http://x/ca\""), "").unwrap();
    let nowhere = |config: &Config| {
        config.warnings.iter().any(|one| one.ends_with("name one in `ocsp_responder`"))
    };
    assert!(!nowhere(&asked), "{:?}", asked.warnings);
    let due = asked.server.inquiries.due(SystemClock.now(), usize::MAX);
    assert_eq!(due.iter().map(|one| one.responder()).collect::<Vec<_>>(), [Some("http://x/ca")]);
    // the tests' certificates name none
    assert!(nowhere(&read(roots, "").unwrap()));
    assert_eq!(read("", "").unwrap().server.inquiries.count(), 0);
}

#[test]
fn pinned_certificates_chain_where_the_issuer_has_roots() {
    let keys = |config: &Config| match &config.terms.trust.settings().issuers[0].keys {
        Keys::Pinned(keys) => keys.clone(),
        _ => panic!("it is pinned, and nobody is asked"),
    };
    let far = SystemClock.now().plus(Duration::from_secs(200 * 365 * 86_400));
    let pinned = read("", "").unwrap();
    assert!(keys(&pinned)[0].holds(far), "a pinned certificate has no end");
    let chained = read("roots = [\"pki/ca.crt\"]", "").unwrap();
    assert!(keys(&chained)[0].holds(SystemClock.now()) && !keys(&chained)[0].holds(far));
    let listed =
        read("roots = [\"pki/ca.crt\"]\ncrls = [\"none.crl\"]\ncrl_grace_s = 60", "").unwrap();
    let tomorrow = |seconds: u64| SystemClock.now().plus(Duration::from_secs(86_400 + seconds));
    assert!(keys(&listed)[0].holds(tomorrow(30)) && !keys(&listed)[0].holds(tomorrow(90)));
    // both lists and metadata are watched
    let described = read("metadata = \"sts.xml\"", "").unwrap();
    for (config, key, name) in
        [(&listed, "issuer[0].crls", "none.crl"), (&described, "issuer[0].metadata", "sts.xml")]
    {
        let watched = config.server.watched.now();
        assert!(watched.iter().any(|one| one.key == key && one.name == name), "{watched:?}");
    }
    // what time or a list brings about leaves the key out, and the file is good
    let revoked = read("roots = [\"pki/ca.crt\"]\ncrls = [\"saml.crl\"]", "").unwrap();
    assert!(keys(&revoked).is_empty());
    let told = |one: &String| one.contains("was revoked; it is left out");
    assert!(revoked.warnings.iter().any(told), "{:?}", revoked.warnings);
    for (issuer, told) in [
        ("roots = [\"pki/stranger/ca.crt\"]", "unable to get local issuer certificate"),
        ("roots = [\"pki/ca.crt\"]\nminimum_rsa_bits = 4096", "at least 4096 are needed"),
    ] {
        let problems = read(issuer, "").expect_err(told);
        assert!(problems.contains(told), "{told}: {problems}");
    }
}
