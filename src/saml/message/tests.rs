//! Confirmations and message signatures: what the sender shows, and what is made of it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::nid::Nid;
use openssl::pkey::PKey;

use super::*;
use crate::dsig::fixture::{certificate_of, ec, ec_key, replaced, rsa, sign_parts, stranger};
use crate::dsig::{Cache, SigningKey, sign};
use crate::saml::demands::ConfirmationMethod;
use crate::saml::fixture::{self, ASSERTION, NOW};
use crate::saml::trust::{Keys, Trust};
use crate::saml::{Means, verify};

const HOLDER: &str = "holder-of-key";
const VOUCHES: &str = "sender-vouches";
const TO_ASSERTION: &str = "<wsse:SecurityTokenReference><wsse:KeyIdentifier ValueType=\"http://docs.oasis-open.org\
    /wss/oasis-wss-saml-token-profile-1.1#SAMLID\">_a1</wsse:KeyIdentifier></wsse:SecurityTokenReference>";
const TO_TOKEN: &str =
    "<wsse:SecurityTokenReference><wsse:Reference URI=\"#X\"/></wsse:SecurityTokenReference>";

fn issuer() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(fixture::signing_key)
}

/// An RSAKeyValue or ECKeyValue of that key.
fn key_value(key: &SigningKey) -> String {
    let public = PKey::public_key_from_der(&key.public_der()).unwrap();
    if let Ok(rsa) = public.rsa() {
        let [n, e] = [rsa.n(), rsa.e()].map(|part| STANDARD.encode(part.to_vec()));
        return format!(
            "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{n}</ds:Modulus><ds:Exponent>{e}</ds:Exponent>\
             </ds:RSAKeyValue></ds:KeyValue>"
        );
    }
    // the last 65 bytes of a P-256 SubjectPublicKeyInfo are its point
    let der = key.public_der();
    let point = STANDARD.encode(&der[der.len() - 65..]);
    format!(
        "<ds:KeyValue><k:ECKeyValue xmlns:k=\"http://www.w3.org/2009/xmldsig11#\">\
         <k:NamedCurve URI=\"urn:oid:1.2.840.10045.3.1.7\"/><k:PublicKey>{point}</k:PublicKey>\
         </k:ECKeyValue></ds:KeyValue>"
    )
}

fn x509(key: &SigningKey) -> String {
    let certificate = STANDARD.encode(key.certificate_der());
    format!("<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>")
}

/// The usual assertion, confirmed by that method and naming those keys.
fn assertion(method: &str, key_info: &str) -> String {
    let key_info = match key_info {
        "" => String::new(),
        inside => format!("<ds:KeyInfo xmlns:ds=\"{}\">{inside}</ds:KeyInfo>", ns::DSIG),
    };
    let data = "Recipient=\"https://127.0.0.1:8443/xca/query\"/>";
    let with_key = format!(
        "Recipient=\"https://127.0.0.1:8443/xca/query\">{key_info}</saml:SubjectConfirmationData>"
    );
    replaced(&replaced(ASSERTION, "cm:bearer", &format!("cm:{method}")), data, &with_key)
}

/// A message with an assertion and a Timestamp, and a place for a signature.
fn message(assertion: &str, timestamp: &str) -> String {
    let signed = sign(assertion, "_a1", issuer()).unwrap();
    format!(
        "<e:Envelope xmlns:e=\"{}\" xmlns:wsu=\"{}\" xmlns:wsse=\"{}\"><e:Header><wsse:Security>{timestamp}\
         {signed}<!--here--></wsse:Security></e:Header><e:Body wsu:Id=\"B\"><q/></e:Body></e:Envelope>",
        ns::SOAP,
        ns::WSU,
        ns::WSSE
    )
}

fn timestamp(created: &str, expires: Option<&str>) -> String {
    let expires = expires.map(|at| format!("<wsu:Expires>{at}</wsu:Expires>")).unwrap_or_default();
    format!(
        "<wsu:Timestamp wsu:Id=\"TS\"><wsu:Created>{created}</wsu:Created>{expires}</wsu:Timestamp>"
    )
}

fn usual_timestamp() -> String {
    timestamp("2026-11-22T12:00:30Z", Some("2026-11-22T12:05:30Z"))
}

/// With a certificate as token in the header.
fn with_token(message: &str, key: &SigningKey) -> String {
    let kind =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
    let certificate = STANDARD.encode(key.certificate_der());
    let token = format!(
        "<wsse:BinarySecurityToken wsu:Id=\"X\" ValueType=\"{kind}\">{certificate}</wsse:BinarySecurityToken>"
    );
    replaced(message, "<!--here-->", &format!("{token}<!--here-->"))
}

/// The code of the refusal, or the notes of what was believed.
fn outcome(message: &str, demands: &Demands, tls: Option<&SigningKey>) -> String {
    outcome_at(message, demands, tls, NOW)
}

fn outcome_at(message: &str, demands: &Demands, tls: Option<&SigningKey>, now: &str) -> String {
    let mut settings = fixture::settings();
    settings.issuers[0].keys = Keys::Pinned(vec![issuer().key().clone()]);
    settings.partners[0].demands = demands.clone();
    let document = xml::parse(message, Bounds::REQUEST).unwrap();
    let peer = Peer {
        fingerprint: [7; 32],
        key_fingerprint: tls.map_or([0; 32], |key| *key.key().fingerprint()),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        subject: "CN=client".into(),
    };
    let now = Timestamp::parse(now).unwrap();
    // twice over one cache: a remembered assertion excuses nothing of the message
    let (trust, cache) = (Trust::new(settings), Cache::new());
    let means = Means { trust: &trust, signatures: &cache, replay: None, now };
    let ask = || match verify(&document, &peer, &means, &mut ()) {
        Ok(verified) if verified.notes().is_empty() => "believed".to_owned(),
        Ok(verified) => verified.notes().join("; "),
        Err(untrusted) => untrusted.reason.code().to_owned(),
    };
    let first = ask();
    assert_eq!(ask(), first);
    first
}

fn agreed(methods: &[ConfirmationMethod]) -> Demands {
    Demands { confirmations: methods.iter().copied().collect(), ..Demands::default() }
}

#[test]
fn a_holder_of_key_signs_the_timestamp() {
    let signed = |key_info: &str, key| {
        let draft = message(&assertion(HOLDER, key_info), &usual_timestamp());
        outcome(&sign_parts(&draft, &["TS"], key, TO_ASSERTION), &Demands::default(), None)
    };
    for key in [rsa(), ec()] {
        assert_eq!(signed(&x509(key), key), "believed");
        assert_eq!(signed(&key_value(key), key), "believed");
        assert_eq!(signed(&format!("{}{}", x509(key), key_value(key)), key), "believed");
        // a key of the message's choice, or another one beside it, is none
        assert_eq!(signed(&x509(stranger()), key), "message-signature");
    }
    assert_eq!(signed(&format!("{}{}", x509(ec()), key_value(rsa())), rsa()), "holder-key");
    assert_eq!(signed("", rsa()), "holder-key");
    assert_eq!(signed("<ds:KeyName>rsa</ds:KeyName>", rsa()), "holder-key");
    assert_eq!(
        signed("<ds:X509Data><ds:X509Certificate>AA</ds:X509Certificate></ds:X509Data>", rsa()),
        "holder-key"
    );
}

#[test]
fn a_holder_of_key_is_the_tls_client() {
    let unsigned = message(&assertion(HOLDER, &x509(rsa())), "");
    let by_value = message(&assertion(HOLDER, &key_value(rsa())), "");
    let any = Demands::default();
    assert_eq!(outcome(&unsigned, &any, Some(rsa())), "believed");
    assert_eq!(outcome(&by_value, &any, Some(rsa())), "believed");
    assert_eq!(outcome(&unsigned, &any, Some(ec())), "key-not-held");
    assert_eq!(outcome(&unsigned, &any, None), "key-not-held");
}

#[test]
fn only_the_agreed_ways_count() {
    use ConfirmationMethod::{Bearer, HolderOfKeyBySignature, HolderOfKeyByTls};
    let unsigned = message(&assertion(HOLDER, &x509(rsa())), &usual_timestamp());
    let signed = sign_parts(&unsigned, &["TS"], rsa(), TO_ASSERTION);
    for (methods, message, tls, expected) in [
        (&[Bearer][..], &signed, Some(rsa()), "confirmation-method"),
        (&[HolderOfKeyByTls], &signed, None, "key-not-held"),
        (&[HolderOfKeyByTls], &signed, Some(rsa()), "believed"),
        (&[HolderOfKeyBySignature], &unsigned, Some(rsa()), "key-not-held"),
        (&[HolderOfKeyBySignature], &signed, None, "believed"),
        (&[], &signed, Some(rsa()), "confirmation-method"),
    ] {
        assert_eq!(outcome(message, &agreed(methods), tls), expected, "{methods:?}");
    }
    let bearer = message(ASSERTION, "");
    assert_eq!(outcome(&bearer, &agreed(&[HolderOfKeyBySignature]), None), "confirmation-method");
    assert_eq!(outcome(&bearer, &agreed(&[Bearer]), None), "believed");
}

#[test]
fn a_timestamp_is_fresh_or_refused() {
    let signed = |timestamp: &str| {
        let draft = message(&assertion(HOLDER, &x509(ec())), timestamp);
        sign_parts(&draft, &["TS"], ec(), TO_ASSERTION)
    };
    let any = Demands::default();
    for (created, expires, now, expected) in [
        ("2026-11-22T12:00:30Z", None, NOW, "believed"),
        ("2026-11-22T12:02:00Z", None, NOW, "believed"),
        ("2026-11-22T12:02:00.001Z", None, NOW, "timestamp-not-yet-valid"),
        ("2026-11-22T11:55:00.001Z", None, NOW, "believed"),
        ("2026-11-22T11:55:00Z", None, NOW, "timestamp-expired"),
        ("2026-11-22T12:00:00Z", Some("2026-11-22T12:00:00.001Z"), NOW, "believed"),
        ("2026-11-22T11:59:00Z", Some("2026-11-22T12:00:00Z"), NOW, "timestamp-expired"),
        // an Expires far ahead makes no Timestamp younger
        ("2026-11-22T11:00:00Z", Some("2026-11-23T12:00:00Z"), NOW, "timestamp-expired"),
        ("noon", None, NOW, "timestamp-unreadable"),
        ("2026-11-22T12:00:30Z", Some(""), NOW, "timestamp-unreadable"),
    ] {
        let message = signed(&timestamp(created, expires));
        assert_eq!(outcome_at(&message, &any, None, now), expected, "{created} {expires:?}");
    }
    let none = signed("<wsu:Timestamp wsu:Id=\"TS\"/>");
    assert_eq!(outcome(&none, &any, None), "timestamp-unreadable");
    let older = Demands { longest_age: std::time::Duration::from_secs(3600), ..Demands::default() };
    let hour = signed(&timestamp("2026-11-22T11:30:00Z", None));
    assert_eq!(outcome(&hour, &older, None), "believed");

    // without a signature it proves nothing, and nobody looks at it
    let over = timestamp("2026-11-22T11:00:00Z", Some("2026-11-22T11:05:00Z"));
    for harmless in ["", &over, &timestamp("?", Some("?"))] {
        assert_eq!(outcome(&message(ASSERTION, harmless), &any, None), "believed");
    }
}

#[test]
fn whoever_vouches_signs_timestamp_body_and_assertion() {
    use ConfirmationMethod::{SenderVouchesBySignature, SenderVouchesByTls};
    let draft = with_token(&message(&assertion(VOUCHES, ""), &usual_timestamp()), rsa());
    let signed = |ids: &[&str]| sign_parts(&draft, ids, rsa(), TO_TOKEN);
    let by_signature = agreed(&[SenderVouchesBySignature]);
    let configured = Demands { message_keys: vec![rsa().key().clone()], ..by_signature.clone() };
    let all = ["TS", "B", "_a1"];
    for (ids, demands, tls, expected) in [
        (&all[..], &by_signature, Some(rsa()), "believed"),
        (&all, &configured, None, "believed"),
        (&all, &by_signature, Some(ec()), "not-vouched"),
        (&["TS", "B"], &configured, None, "not-vouched"),
        (&["TS", "_a1"], &configured, None, "not-vouched"),
        (&["B", "_a1"], &configured, None, "not-vouched"),
        (&all, &Demands::default(), Some(rsa()), "confirmation-method"),
    ] {
        assert_eq!(outcome(&signed(ids), demands, tls), expected, "{ids:?}");
    }
    let plain = message(&assertion(VOUCHES, ""), "");
    assert_eq!(outcome(&plain, &by_signature, Some(rsa())), "not-vouched");
    assert_eq!(outcome(&plain, &agreed(&[SenderVouchesByTls]), Some(ec())), "believed");
    // the holder of a key that an assertion names is nobody who vouches
    let named = format!(
        "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\">\
         <saml:SubjectConfirmationData><ds:KeyInfo xmlns:ds=\"{}\">{}</ds:KeyInfo></saml:SubjectConfirmationData>\
         </saml:SubjectConfirmation></saml:Subject>",
        ns::DSIG,
        x509(ec())
    );
    let both = replaced(&assertion(VOUCHES, ""), "</saml:Subject>", &named);
    let both = sign_parts(&message(&both, &usual_timestamp()), &all, ec(), TO_ASSERTION);
    assert_eq!(outcome(&both, &by_signature, None), "not-vouched");
}

#[test]
fn a_signature_is_required_wrong_or_noted() {
    let any = Demands::default();
    let required = Demands { signed_timestamp: true, ..Demands::default() };
    let bearer = message(ASSERTION, &usual_timestamp());
    let token = with_token(&bearer, rsa());
    let by_token = sign_parts(&token, &["TS"], rsa(), TO_TOKEN);
    let body_alone = sign_parts(&token, &["B"], rsa(), TO_TOKEN);
    let by_assertion = sign_parts(&bearer, &["TS"], rsa(), TO_ASSERTION);
    let by_certificate = sign_parts(&bearer, &["TS"], rsa(), &x509(rsa()));
    let unverified = |why: &str| format!("message signature unverified: {why}");
    for (message, tls, noted) in [
        (&by_token, None, unverified("the token's key is not known")),
        (&by_token, Some(rsa()), "believed".to_owned()),
        (&body_alone, Some(rsa()), unverified("no Timestamp is signed")),
        (&by_assertion, Some(rsa()), unverified("the assertion names no key")),
        (
            &by_certificate,
            Some(rsa()),
            unverified(
                "KeyInfo refers neither to the assertion nor to a BinarySecurityToken with a certificate",
            ),
        ),
    ] {
        assert_eq!(outcome(message, &any, tls), noted);
        let strict = if noted == "believed" { "believed" } else { "timestamp-unsigned" };
        assert_eq!(outcome(message, &required, tls), strict);
    }
    assert_eq!(outcome(&bearer, &required, Some(rsa())), "timestamp-unsigned");
    let wrong = replaced(&by_token, "12:00:30Z", "12:00:31Z");
    assert_eq!(outcome(&wrong, &any, Some(rsa())), "message-signature");
    assert_eq!(
        outcome(&wrong, &any, None),
        unverified("the token's key is not known"),
        "what nobody can verify is neither right nor wrong"
    );
    let known = Demands { message_keys: vec![rsa().key().clone()], ..required };
    assert_eq!(outcome(&by_token, &known, None), "believed");
    assert_eq!(outcome(&wrong, &known, None), "message-signature");
}

#[test]
fn one_message_signature_does_not_serve_another_assertion() {
    // the genuine holder's header, with another user's assertion of the same issuer and another key
    let other_key = ec_key(Nid::X9_62_PRIME256V1);
    let certificate = STANDARD.encode(certificate_of(&other_key).to_der().unwrap());
    let other = assertion(
        HOLDER,
        &format!(
            "<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
        ),
    );
    let stolen = sign_parts(&message(&other, &usual_timestamp()), &["TS"], rsa(), TO_ASSERTION);
    assert_eq!(outcome(&stolen, &Demands::default(), None), "message-signature");
}
