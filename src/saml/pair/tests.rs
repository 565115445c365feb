//! Two assertions of two issuers: what is believed of both, and the code that each wrong pair is refused with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::dsig::{Cache, SigningKey, sign};
use crate::saml::fixture::{self, ASSERTION, NOW};
use crate::saml::replay::Replay;
use crate::saml::{Issuer, Keys, Means, Peer, Settings, Trust, Untrusted, verify};
use crate::xml::{self, Bounds};

const GATEWAY: &str = "urn:initgw:XX:countryB";
/// The user is the one of [`ASSERTION`], whom it names.
pub(super) const RELATIONSHIP: &str = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_b1\" \
IssueInstant=\"2026-11-22T12:00:30Z\" Version=\"2.0\"><saml:Issuer NameQualifier=\"urn:x:trc\">urn:initgw:XX:countryB\
</saml:Issuer><saml:Subject><saml:NameID>john.doe</saml:NameID>\
<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"/></saml:Subject>\
<saml:Conditions NotBefore=\"2026-11-22T12:00:30Z\" NotOnOrAfter=\"2026-11-22T14:00:30Z\">\
<saml:AudienceRestriction><saml:Audience>urn:oid:2.999.1</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
<saml:Advice><saml:AssertionIDRef>_a1</saml:AssertionIDRef></saml:Advice>\
<saml:AuthnStatement AuthnInstant=\"2026-11-22T12:00:30Z\"><saml:AuthnContext><saml:AuthnContextClassRef>\
urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession</saml:AuthnContextClassRef></saml:AuthnContext>\
</saml:AuthnStatement><saml:AttributeStatement>\
<saml:Attribute Name=\"urn:oasis:names:tc:xspa:1.0:subject:subject-id\"><saml:AttributeValue>P-1^^^&amp;2.999.1.3&amp;ISO\
</saml:AttributeValue></saml:Attribute><!--more--></saml:AttributeStatement></saml:Assertion>";
const REFERENCE: &str = "<saml:AssertionIDRef>_a1</saml:AssertionIDRef>";
pub(super) const END: &str = "</saml:AttributeStatement>";

fn identity_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(fixture::signing_key)
}

fn gateway_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(fixture::signing_key)
}

pub(super) fn settings() -> Settings {
    let mut settings = fixture::settings();
    settings.issuers[0].keys = Keys::Pinned(vec![identity_key().key().clone()]);
    let keys = Keys::Pinned(vec![gateway_key().key().clone()]);
    settings.issuers.push(Issuer { name: GATEWAY.to_owned(), keys });
    settings.partners[0].relationship = Some(Relationship {
        issuers: vec![GATEWAY.to_owned()],
        qualifier: None,
        longest_lifetime: Duration::from_secs(2 * 3600),
    });
    settings
}

pub(super) fn identity(text: &str) -> String {
    sign(text, "_a1", identity_key()).unwrap()
}

pub(super) fn relationship(text: &str) -> String {
    sign(text, "_b1", gateway_key()).unwrap()
}

pub(super) fn peer() -> Peer {
    Peer {
        fingerprint: [7; 32],
        key_fingerprint: [0; 32],
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        subject: "CN=client".into(),
    }
}

pub(super) fn ask_with(
    message: &str,
    settings: Settings,
    replay: Option<&Replay>,
) -> Result<Verified, Untrusted> {
    let document = xml::parse(message, Bounds::REQUEST).unwrap();
    let (trust, signatures) = (Trust::new(settings), &Cache::new());
    let now = Timestamp::parse(NOW).unwrap();
    verify(&document, &peer(), &Means { trust: &trust, signatures, replay, now }, &mut ())
}

pub(super) fn ask(security: &str) -> Result<Verified, Untrusted> {
    ask_with(&fixture::message(security), settings(), None)
}

pub(super) fn code<T>(outcome: &Result<T, Untrusted>) -> &'static str {
    outcome.as_ref().map_or_else(|untrusted| untrusted.reason.code(), |_| "believed")
}

pub(super) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

pub(super) fn attribute(name: &str, value: &str) -> String {
    format!(
        "<saml:Attribute Name=\"{name}\"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
    )
}

#[test]
fn both_are_believed_in_either_order_and_say_one_thing() {
    let (first, second) = (identity(ASSERTION), relationship(RELATIONSHIP));
    for security in [format!("{first}{second}"), format!("{second}<x/>{first}")] {
        let verified = ask(&security).unwrap();
        let claims = verified.principal().claims();
        assert_eq!(claims.user_name(), "JD<john.doe@https://sts.riverside.example>");
        assert_eq!((claims.assertion_id.as_str(), claims.partner.as_str()), ("_a1", "Riverside"));
        assert_eq!(claims.patients[0].to_string(), "P-1^^^&2.999.1.3&ISO");
        assert_eq!(claims.name, None, "subject-id is the patient's there");
        let confirmed = claims.relationship.clone().unwrap();
        assert_eq!((confirmed.assertion_id.as_str(), confirmed.issuer.as_str()), ("_b1", GATEWAY));
        // how the user was authenticated the identity says
        assert!(claims.authn_context.as_deref().unwrap().ends_with("X509"));
    }
}

#[test]
fn as_many_as_agreed_and_each_in_its_place() {
    let (first, second) = (identity(ASSERTION), relationship(RELATIONSHIP));
    let third = relationship(&changed(RELATIONSHIP, "\"_b1\"", "\"_b1\" x=\"\""));
    let other = sign(&RELATIONSHIP.replace("_b1", "_b2"), "_b2", gateway_key()).unwrap();
    let second_identity = sign(&ASSERTION.replace("_a1", "_a2"), "_a2", identity_key()).unwrap();
    let second_names = sign(&RELATIONSHIP.replace("_a1", "_b2"), "_b1", gateway_key()).unwrap();
    let first_names = changed(
        ASSERTION,
        "<saml:AuthnStatement ",
        "<saml:Advice><saml:AssertionIDRef>_b1\
        </saml:AssertionIDRef></saml:Advice><saml:AuthnStatement ",
    );
    let inside = changed(RELATIONSHIP, REFERENCE, &format!("{REFERENCE}{first}"));
    for (name, security, expected) in [
        ("none", String::new(), "no-assertion"),
        ("identity alone", first.clone(), "single-assertion"),
        ("relationship alone", second.clone(), "single-assertion"),
        ("three", format!("{first}{second}{other}"), "several-assertions"),
        ("two identities", format!("{first}{second_identity}"), "no-relationship"),
        ("two relationships", format!("{second}{other}"), "relationship-reference"),
        (
            "relationship to another",
            format!(
                "{first}{}",
                relationship(&changed(
                    RELATIONSHIP,
                    REFERENCE,
                    "<saml:AssertionIDRef>_a</saml:AssertionIDRef>"
                ))
            ),
            "relationship-reference",
        ),
        ("a relationship to a relationship", format!("{second_names}{other}"), "issuer-not-listed"),
        ("one ID", format!("{second}{third}"), "duplicate-id"),
        (
            "each names the other",
            format!("{}{second}", identity(&first_names)),
            "relationship-mutual",
        ),
        ("identity in Advice", relationship(&inside), "nested-assertion"),
        (
            "identity in Advice and beside",
            format!("{first}{}", relationship(&inside)),
            "nested-assertion",
        ),
        ("relationship elsewhere", format!("{first}<x>{second}</x>"), "misplaced-assertion"),
    ] {
        assert_eq!(code(&ask(&security)), expected, "{name}");
    }
    let body = fixture::message(&first).replace("<e:Body/>", &format!("<e:Body>{second}</e:Body>"));
    assert_eq!(code(&ask_with(&body, settings(), None)), "misplaced-assertion");
    // who sends one may not send two
    let mut alone = settings();
    alone.partners[0].relationship = None;
    let both = fixture::message(&format!("{first}{second}"));
    assert_eq!(code(&ask_with(&both, alone, None)), "several-assertions");
}

#[test]
fn each_by_its_own_issuer_over_its_own_octets() {
    let (first, second) = (identity(ASSERTION), relationship(RELATIONSHIP));
    let stranger = fixture::signing_key();
    let by = |key: &SigningKey| sign(RELATIONSHIP, "_b1", key).unwrap();
    let as_identity = RELATIONSHIP.replace(GATEWAY, "https://sts.riverside.example");
    let gateway_user = ASSERTION.replace("https://sts.riverside.example", GATEWAY);
    for (name, one, other, expected, of_second) in [
        ("unsigned", first.clone(), RELATIONSHIP.to_owned(), "unsigned", false),
        ("identity unsigned", ASSERTION.to_owned(), second.clone(), "unsigned", false),
        ("stranger's", first.clone(), by(&stranger), "signature-mismatch", true),
        ("identity's key", first.clone(), by(identity_key()), "signature-mismatch", true),
        (
            "the gateway's key",
            sign(ASSERTION, "_a1", gateway_key()).unwrap(),
            second.clone(),
            "signature-mismatch",
            false,
        ),
        ("tampered", first.clone(), changed(&second, "P-1^", "P-2^"), "digest-mismatch", true),
        (
            "identity tampered",
            changed(&first, ">john.doe<", ">jane.doe<"),
            second.clone(),
            "digest-mismatch",
            false,
        ),
        (
            "an identity's issuer",
            first.clone(),
            sign(&as_identity, "_b1", identity_key()).unwrap(),
            "relationship-issuer",
            true,
        ),
        (
            "a gateway's user",
            sign(&gateway_user, "_a1", gateway_key()).unwrap(),
            second.clone(),
            "issuer-not-listed",
            false,
        ),
        (
            "the reference changed",
            first.clone(),
            changed(&second, REFERENCE, "<saml:AssertionIDRef> _a1</saml:AssertionIDRef>"),
            "digest-mismatch",
            true,
        ),
        (
            "expired",
            first.clone(),
            relationship(&changed(RELATIONSHIP, "2026-11-22T14:00:30Z", "2026-11-22T12:00:00Z")),
            "expired",
            true,
        ),
        (
            "longer than agreed",
            first.clone(),
            relationship(&changed(RELATIONSHIP, "14:00:30Z", "14:00:31Z")),
            "lifetime",
            true,
        ),
        (
            "another audience",
            first.clone(),
            relationship(&changed(RELATIONSHIP, "2.999.1<", "2.999.5<")),
            "audience",
            true,
        ),
        (
            "another community",
            first.clone(),
            relationship(&changed(
                RELATIONSHIP,
                "<!--more-->",
                &attribute("urn:ihe:iti:xca:2010:homeCommunityId", "2.999.9"),
            )),
            "relationship-home",
            true,
        ),
        (
            "no way to confirm",
            first.clone(),
            relationship(&changed(RELATIONSHIP, "cm:bearer", "cm:other")),
            "confirmation-method",
            true,
        ),
        (
            "malformed",
            first.clone(),
            relationship(&changed(RELATIONSHIP, "<saml:NameID>john.doe</saml:NameID>", "")),
            "malformed-assertion",
            true,
        ),
        (
            "identity expired",
            identity(&changed(ASSERTION, "2026-11-22T13:00:00Z", "2026-11-22T12:00:00Z")),
            second.clone(),
            "expired",
            false,
        ),
    ] {
        for security in [format!("{one}{other}"), format!("{other}{one}")] {
            let untrusted = ask(&security).unwrap_err();
            assert_eq!(untrusted.reason.code(), expected, "{name}");
            let told = untrusted.reason.to_string();
            assert_eq!(told.starts_with("treatment relationship: "), of_second, "{name}: {told}");
            assert!(!format!("{untrusted:?}{told}").contains("doe"), "{name}");
        }
    }
}

#[test]
fn a_refused_relationship_leaves_its_user_known() {
    let (first, second) =
        (identity(ASSERTION), relationship(&changed(RELATIONSHIP, ">john.doe<", ">jane.doe<")));
    let untrusted = ask(&format!("{second}{first}")).unwrap_err();
    assert_eq!(untrusted.reason.code(), "relationship-subject");
    let known = untrusted.verified_subject.unwrap();
    assert_eq!((known.subject.as_str(), known.assertion_id.as_str()), ("john.doe", "_a1"));
}
