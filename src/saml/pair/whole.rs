//! What is remembered of each assertion, what the message proves for both, and what a witness sees.

use super::tests::{RELATIONSHIP, ask_with, changed, code, identity, peer, relationship, settings};
use super::*;
use crate::clock::Timestamp;
use crate::dsig::Cache;
use crate::dsig::fixture::{ec, rsa, sign_parts};
use crate::saml::demands::{ConfirmationMethod, Demands};
use crate::saml::fixture::{self, ASSERTION, NOW};
use crate::saml::replay::Replay;
use crate::saml::{Means, Trust, Witness, verify};
use crate::xml::{self, Bounds, ns};

#[test]
fn each_is_remembered_by_itself() {
    let ask = |replay: &Replay, first: &str, second: &str| {
        let mut settings = settings();
        settings.partners[0].one_time = true;
        code(&ask_with(&fixture::message(&format!("{first}{second}")), settings, Some(replay)))
    };
    let (first, second) = (identity(ASSERTION), relationship(RELATIONSHIP));
    let other = relationship(&changed(RELATIONSHIP, "12:00:30Z", "12:00:31Z"));
    let replay = Replay::forgetful();
    assert_eq!(ask(&replay, &first, &second), "believed");
    assert_eq!(ask(&replay, &first, &other), "replayed", "the identity");
    let next = identity(&changed(ASSERTION, "12:00:00Z", "12:00:01Z"));
    assert_eq!(ask(&replay, &next, &second), "replayed", "the relationship");
    // OneTimeUse binds the one that says so
    let mut once =
        changed(RELATIONSHIP, "</saml:Conditions>", "<saml:OneTimeUse/></saml:Conditions>");
    once = changed(&once, "<!--more-->", "");
    let both = fixture::message(&format!("{first}{}", relationship(&once)));
    let replay = Replay::forgetful();
    assert_eq!(code(&ask_with(&both, settings(), Some(&replay))), "believed");
    assert_eq!(code(&ask_with(&both, settings(), Some(&replay))), "replayed");
    let both = fixture::message(&format!("{first}{second}"));
    assert_eq!(code(&ask_with(&both, settings(), Some(&replay))), "believed");
    assert_eq!(code(&ask_with(&both, settings(), Some(&replay))), "believed");
}

/// The vouching partner signs the message with the key of a message certificate.
fn vouched(parts: &[&str], key_info: &str) -> &'static str {
    let vouching = |text: &str| text.replace("cm:bearer", "cm:sender-vouches");
    let (first, second) = (identity(&vouching(ASSERTION)), relationship(&vouching(RELATIONSHIP)));
    let draft = format!(
        "<e:Envelope xmlns:e=\"{}\" xmlns:wsu=\"{}\" xmlns:wsse=\"{}\"><e:Header><wsse:Security>\
         <wsu:Timestamp wsu:Id=\"TS\"><wsu:Created>2026-11-22T12:00:30Z</wsu:Created></wsu:Timestamp>{first}{second}\
         <wsse:BinarySecurityToken wsu:Id=\"X\" ValueType=\"http://docs.oasis-open.org/wss/2004/01/\
         oasis-200401-wss-x509-token-profile-1.0#X509v3\">{}</wsse:BinarySecurityToken><!--here-->\
         </wsse:Security></e:Header><e:Body wsu:Id=\"B\"><q/></e:Body></e:Envelope>",
        ns::SOAP,
        ns::WSU,
        ns::WSSE,
        openssl::base64::encode_block(ec().certificate_der()),
    );
    let mut settings = settings();
    settings.partners[0].demands = Demands {
        confirmations: [ConfirmationMethod::SenderVouchesBySignature].into_iter().collect(),
        message_keys: vec![ec().key().clone()],
        ..Demands::default()
    };
    code(&ask_with(&sign_parts(&draft, parts, ec(), key_info), settings, None))
}

#[test]
fn who_vouches_signs_both() {
    let token =
        "<wsse:SecurityTokenReference><wsse:Reference URI=\"#X\"/></wsse:SecurityTokenReference>";
    assert_eq!(vouched(&["TS", "B", "_a1", "_b1"], token), "believed");
    for parts in [&["TS", "B", "_a1"][..], &["TS", "B", "_b1"], &["TS", "_a1", "_b1"]] {
        assert_eq!(vouched(parts, token), "not-vouched", "{parts:?}");
    }
    // a KeyInfo that refers to an assertion means the key that it names, and these name none
    for named in ["#_a1", "#_b1"] {
        let named = token.replace("#X", named);
        assert_eq!(vouched(&["TS", "B", "_a1", "_b1"], &named), "not-vouched");
    }
}

#[test]
fn a_key_that_the_second_one_names_is_held_by_its_reference() {
    let certificate = openssl::base64::encode_block(ec().certificate_der());
    let named = format!(
        "cm:holder-of-key\"><saml:SubjectConfirmationData><ds:KeyInfo xmlns:ds=\"{}\"><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
         </saml:SubjectConfirmationData></saml:SubjectConfirmation>",
        ns::DSIG
    );
    let second = relationship(&changed(RELATIONSHIP, "cm:bearer\"/>", &named));
    let message = |reference: &str, key| {
        let draft = format!(
            "<e:Envelope xmlns:e=\"{}\" xmlns:wsu=\"{}\" xmlns:wsse=\"{}\"><e:Header><wsse:Security>\
             <wsu:Timestamp wsu:Id=\"TS\"><wsu:Created>2026-11-22T12:00:30Z</wsu:Created></wsu:Timestamp>{}{second}\
             <!--here--></wsse:Security></e:Header><e:Body><q/></e:Body></e:Envelope>",
            ns::SOAP,
            ns::WSU,
            ns::WSSE,
            identity(ASSERTION),
        );
        let reference = format!(
            "<wsse:SecurityTokenReference><wsse:Reference URI=\"#{reference}\"/></wsse:SecurityTokenReference>"
        );
        code(&ask_with(&sign_parts(&draft, &["TS"], key, &reference), settings(), None))
    };
    assert_eq!(message("_b1", ec()), "believed");
    // the first names no key, so that its reference proves nothing
    assert_eq!(message("_a1", ec()), "key-not-held");
    assert_eq!(message("_b1", rsa()), "message-signature");
}

#[test]
fn no_changed_byte_changes_what_is_believed_of_two() {
    let (first, second) = (identity(ASSERTION), relationship(RELATIONSHIP));
    let whole = fixture::message(&format!("{first}{second}"));
    let said = |message: &str| {
        let verified = ask_with(message, settings(), None).ok()?;
        let claims = verified.principal().claims();
        let ids = (claims.assertion_id.clone(), claims.relationship.clone());
        Some((claims.user_name(), claims.patients.clone(), claims.purposes.clone(), ids))
    };
    let genuine = said(&whole);
    assert!(genuine.is_some());
    let start = whole.find("<saml:Assertion").unwrap();
    let end = whole.rfind("</saml:Assertion>").unwrap();
    for at in (start..end).step_by(3) {
        let mut bytes = whole.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        if xml::parse(&changed, Bounds::REQUEST).is_ok() {
            let found = said(&changed);
            assert!(found.is_none() || found == genuine, "{at}");
        }
    }
}

/// Notes what was checked of which assertion.
#[derive(Default)]
struct Notes(Vec<(Which, Check, bool)>);

impl Witness for Notes {
    fn saw(&mut self, which: Which, check: Check, outcome: Result<(), &Reason>) {
        self.0.push((which, check, outcome.is_ok()));
    }

    fn wants_all(&self) -> bool {
        true
    }
}

#[test]
fn a_witness_sees_the_checks_of_both() {
    let late = |text: &str, end: &str| changed(text, end, "2026-11-22T12:00:00Z");
    let security = format!(
        "{}{}",
        identity(&late(ASSERTION, "2026-11-22T13:00:00Z")),
        relationship(&late(RELATIONSHIP, "2026-11-22T14:00:30Z"))
    );
    let message = fixture::message(&security);
    let document = xml::parse(&message, Bounds::REQUEST).unwrap();
    let (trust, signatures, mut notes) = (Trust::new(settings()), &Cache::new(), Notes::default());
    let means =
        Means { trust: &trust, signatures, replay: None, now: Timestamp::parse(NOW).unwrap() };
    let untrusted = verify(&document, &peer(), &means, &mut notes).unwrap_err();
    assert_eq!(
        untrusted.reason.to_string(),
        "expired at 2026-11-22T12:00:00.000000Z, and it is 2026-11-22T12:01:00.000000Z"
    );
    for which in [Which::Identity, Which::Relationship] {
        for check in
            [Check::Issuer, Check::Signature, Check::Reading, Check::Audience, Check::Confirmation]
        {
            assert!(notes.0.contains(&(which, check, true)), "{which:?} {check:?}");
        }
        assert!(notes.0.contains(&(which, Check::Validity, false)), "{which:?}");
    }
    assert!(notes.0.contains(&(Which::Relationship, Check::Relationship, true)));
}
