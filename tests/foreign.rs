//! Assertions by others, from `fixtures/foreign`: every attribute is read, no signature is believed as it stands,
//! and real national signatures verify once the indentation that broke them is taken out again.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use glassgate::clock::Timestamp;
use glassgate::dsig::{Cache, Key};
use glassgate::ids::{Coded, HomeCommunityId};
use glassgate::principal::Claims;
use glassgate::saml::{
    self, Assertion, Issuer, Keys, Means, Partner, Peer, Reason, Settings, Trust, Untrusted,
    Verified,
};
use glassgate::xml::{self, Bounds};
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

/// Every sample by its name; the texts are as the files hold them.
fn samples() -> BTreeMap<String, String> {
    let foreign = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign");
    let mut samples = BTreeMap::new();
    for folder in ["saml-norway", "saml-swiss"] {
        for file in std::fs::read_dir(foreign.join(folder)).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            samples.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    samples
}

/// The assertion inside, wherever it stands: in a header, a body, behind an HTTP head.
fn assertion(text: &str) -> Option<&str> {
    let prefix =
        ["saml", "saml2"].into_iter().find(|p| text.contains(&format!("</{p}:Assertion>")))?;
    let (start, close) =
        (text.find(&format!("<{prefix}:Assertion"))?, format!("</{prefix}:Assertion>"));
    Some(&text[start..text.find(&close)? + close.len()])
}

/// A message around it, with the prefix that some assertions took from outside.
fn message(assertion: &str) -> String {
    format!(
        "<e:Envelope xmlns:e='{}' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>\
         <e:Header><w:Security xmlns:w='{}'>{assertion}</w:Security></e:Header><e:Body/></e:Envelope>",
        xml::ns::SOAP,
        xml::ns::WSSE
    )
}

fn read(message: &str) -> Assertion {
    let document = xml::parse(message, Bounds::REQUEST).unwrap();
    let mut nodes = document.root().descendants();
    Assertion::read(nodes.find(|n| n.has_tag_name((xml::ns::SAML, "Assertion"))).unwrap()).unwrap()
}

/// The key of the certificate in KeyInfo, or any key where there is none that can be used.
fn key_of(assertion: &str) -> Key {
    let inside = |tag: &str| {
        let (_, rest) = assertion.split_once(tag)?;
        Some(rest.split('<').next()?.split_whitespace().collect::<String>())
    };
    let base64 = inside("X509Certificate>").unwrap_or_default();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    Key::from_certificate_pem(pem.as_bytes()).unwrap_or_else(|_| some_key())
}

fn some_key() -> Key {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    Key::from_certificate(&builder.build()).unwrap()
}

/// Judges an assertion at that moment, where its issuer and its own certificate are trusted.
fn judge(assertion: &str, now: &str) -> Result<Verified, Untrusted> {
    let message = message(assertion);
    let trust = Trust::new(Settings {
        issuers: vec![Issuer {
            name: read(&message).claims().issuer.clone(),
            keys: Keys::Pinned(vec![key_of(assertion)]),
        }],
        partners: vec![Partner {
            audiences: ["nhn:dokumentdeling-saml", "https://xds-web.test.nhn.no/"]
                .map(Into::into)
                .into(),
            clock_skew: Duration::from_secs(60),
            communities: vec![HomeCommunityId::parse("2.16.578.1.12.4.1.7.1.1").unwrap()],
            tls_fingerprints: vec![[1; 32]],
            issuers: vec![read(&message).claims().issuer.clone()],
            longest_lifetime: Duration::from_secs(4 * 3600),
            ..Partner::named("Foreign")
        }],
        generation: 1,
    });
    let peer = Peer {
        fingerprint: [1; 32],
        key_fingerprint: [0; 32],
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        subject: "CN=foreign".into(),
    };
    let document = xml::parse(&message, Bounds::REQUEST).unwrap();
    let (signatures, now) = (Cache::new(), Timestamp::parse(now).unwrap());
    let means = Means { trust: &trust, signatures: &signatures, replay: None, now };
    saml::verify(&document, &peer, &means, &mut ())
}

#[test]
fn no_foreign_signature_is_believed_as_it_stands() {
    let mut codes = BTreeMap::<&str, Vec<String>>::new();
    for (name, text) in samples() {
        let Some(assertion) = assertion(&text) else { continue };
        let untrusted = judge(assertion, "2025-07-31T19:00:00Z").unwrap_err();
        assert!(matches!(untrusted.reason, Reason::Signature(_)), "{name}: {:?}", untrusted.reason);
        assert!(untrusted.verified_subject.is_none(), "{name}");
        assert!(!untrusted.claimed.unwrap().subject.is_empty(), "{name}");
        codes.entry(untrusted.reason.code()).or_default().push(name);
    }
    let counts: Vec<_> = codes.iter().map(|(code, names)| (*code, names.len())).collect();
    let expected = [("base64", 1), ("signature-algorithm", 4), ("signature-mismatch", 20)];
    assert_eq!(counts, expected, "{codes:#?}");
}

/// Takes the indentation out again that someone put into a signed assertion.
fn unindented(assertion: &str) -> String {
    let mut joined = String::new();
    for line in assertion.lines().map(str::trim) {
        // within a tag a line break stands for a space
        if !joined.is_empty() && !joined.ends_with('>') {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

#[test]
fn real_national_signatures_verify_once_the_indentation_is_gone() {
    let samples = samples();
    for (name, now, subject, purpose) in [
        ("no-SamlToken01.xml", "2025-07-31T19:00:00Z", "06828399789", "TREAT"),
        ("no-iti43-iti40-request.xml", "2025-07-31T19:00:00Z", "06828399789", "TREAT"),
        ("no-iti39-iti40-request-hn.xml", "2025-08-29T09:50:00Z", "27888498775", "13"),
    ] {
        let original = unindented(assertion(&samples[name]).unwrap());
        let verified = judge(&original, now).unwrap();
        let claims = verified.principal().claims();
        assert_eq!((claims.subject.as_str(), &*claims.purposes.coded[0].code), (subject, purpose));
        let late = judge(&original, "2025-09-30T00:00:00Z").unwrap_err();
        assert_eq!(late.reason.code(), "expired", "{name}");
        let changed = original.replace(&format!("NameID>{subject}<"), "NameID>11111111111<");
        let untrusted = judge(&changed, now).unwrap_err();
        assert_eq!(untrusted.reason.code(), "digest-mismatch", "{name}");
    }
}

/// All that an assertion says of its subject, on one line.
fn summary(claims: &Claims) -> String {
    let codes = |codes: &[Coded]| -> Vec<String> {
        codes.iter().map(|c| format!("{}@{}", c.code, c.system)).collect()
    };
    let purposes = [codes(&claims.purposes.coded), claims.purposes.plain.clone()].concat();
    let patients: Vec<String> = claims.patients.iter().map(ToString::to_string).collect();
    let home = claims.home_community.as_ref().map(ToString::to_string);
    [
        claims.name.clone().unwrap_or_default(),
        purposes.join(" "),
        codes(&claims.roles).join(" "),
        patients.join(" "),
        home.unwrap_or_default(),
        claims.organization_ids.join(" "),
        claims.provider_ids.join(" "),
    ]
    .join(" | ")
}

const KJ: &str = "KVART GREVLING | TREAT@2.16.840.1.113883.1.11.20448 | LE@2.16.578.1.12.4.1.1.9060 | \
    29698496140^^^&2.16.578.1.12.4.1.4.1&ISO | urn:oid:2.16.578.1.12.4.1.7.1.1 | \
    urn:hl7ii:2.16.578.1.12.4.1.4.101:960510542 urn:hl7ii:2.16.578.1.12.4.1.4.101:874593842 | \
    565505933 urn:hl7ii:2.16.578.1.12.4.1.4.4:565505933";

/// Helsenorge: a citizen, who is his own provider.
fn hn(name: &str, patient: &str, id: &str) -> String {
    format!(
        "{name} | 13@1.0.14265.1 |  | {patient}^^^&2.16.578.1.12.4.1.4.1&ISO | \
         urn:oid:2.16.578.1.12.4.1.7.1.1 | 994598759 | {id} urn:hl7ii:2.16.578.1.12.4.1.4.1:{id}"
    )
}

fn swiss(name: &str, purpose: &str, role: &str, patient: &str, home: &str, groups: &str) -> String {
    format!(
        "{name} | {purpose}@2.16.756.5.30.1.127.3.10.5 | {role}@2.16.756.5.30.1.127.3.10.6 | \
         {patient}^^^&2.16.756.5.30.1.127.3.10.3&ISO | {home} | {groups} | "
    )
}

#[test]
fn every_foreign_attribute_is_read() {
    let savanne = |patient| hn("Rettferdig Savanne", patient, "27888498775");
    let post = "1.3.6.1.4.1.21367.2017.2.6.19.100.2";
    let net = "urn:oid:1.3.6.1.4.1.21367.2017.2.6.19";
    let (groups, patient) = ("2.2.2.1 2.2.2.2 2.2.2.3", "761337610411353650");
    let stone = swiss("Sarah Stone", "EMER", "HCP", "761337610410098484", net, post);
    let expected: BTreeMap<&str, String> = [
        // the home community of the first five, 3.3.3.1, is no OID
        ("ch-1_", swiss("Martina Musterarzt", "NORM", "HCP", patient, "", groups)),
        ("ch-2_", swiss("Martina Musterarzt", "NORM", "HCP", patient, "", groups)),
        ("ch-3_", swiss("Max Musterverantwortlicher", "AUTO", "HCP", patient, "", "")),
        ("ch-4_", swiss("Iris Musterpatient", "NORM", "PAT", patient, "", "")),
        ("ch-5_", swiss("Peter Muster Stellvertreter", "NORM", "REP", patient, "", "")),
        (
            "ch-GetXAssertion_response_raw.xml",
            swiss("Rosa Sestak", "NORM", "HCP", patient, net, post),
        ),
        ("ch-ITI-18_request_raw.xml", stone.clone()),
        ("ch-ITI-41_request_raw.xml", stone.clone()),
        ("ch-ITI-43_request_raw.xml", stone),
        (
            "ch-assertion_only.xml",
            swiss("Ann Andrews", "NORM", "HCP", "761337610435200998", "", "2.16.10.89.201"),
        ),
        ("no-IT_SamlToken_HN01.xml", hn("Salig Jordb\\u00E6r", "17855599120", "29844697323")),
        ("no-IT_SamlToken_KJ01.xml", KJ.into()),
        ("no-SamlToken01.xml", KJ.into()),
        ("no-SamlToken02.xml", "KVART GREVLING |  |  |  |  |  | ".into()),
        ("no-iti18-iti40-request.xml", KJ.into()),
        ("no-iti38-iti40-request-hn-acp-1.xml", savanne("27888498775")),
        ("no-iti38-iti40-request-hn-acp-2.xml", savanne("27888498775")),
        ("no-iti38-iti40-request-hn.xml", savanne("27888498775")),
        ("no-iti38-iti40-request-kj.xml", KJ.into()),
        ("no-iti39-iti40-request-hn.xml", savanne("21821999925")),
        ("no-iti39-iti40-request-kj-async.xml", KJ.into()),
        ("no-iti39-iti40-request-kj.xml", KJ.into()),
        ("no-iti43-iti40-request.xml", KJ.into()),
        ("no-iti62-iti40-request.xml", KJ.into()),
        ("no-iti86-iti40-request.xml", KJ.into()),
    ]
    .into();
    let mut seen = 0;
    for (name, text) in samples() {
        let Some(assertion) = assertion(&text) else { continue };
        let assertion = read(&message(assertion));
        let key = if name.as_bytes()[4] == b'_' { &name[..5] } else { &name };
        assert_eq!(Some(&summary(assertion.claims())), expected.get(key), "{name}");
        assert_eq!(assertion.claims().unreadable_patients, 0, "{name}");
        seen += 1;
    }
    assert_eq!(seen, expected.len());
}
