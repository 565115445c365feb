//! Signatures over a message: what they cover, and the code that each wrong one is refused with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::dsig::fixture::{
    certificate_of, ec, envelope, replaced, rsa, rsa_key, section, sign_parts, signed_by, stranger,
};
use crate::dsig::gate;
use crate::xml::{Bounds, parse};

const TIMESTAMP: &str = "<wsu:Timestamp wsu:Id=\"TS\"><wsu:Created>2026-11-22T12:00:00Z</wsu:Created>\
    </wsu:Timestamp>";
const TO_ASSERTION: &str = "<wsse:SecurityTokenReference><wsse:KeyIdentifier ValueType=\"http://docs.oasis-open.org\
    /wss/oasis-wss-saml-token-profile-1.1#SAMLID\">_a</wsse:KeyIdentifier></wsse:SecurityTokenReference>";

/// A message with a Timestamp and a place for a signature; Body and To have ids.
fn draft() -> String {
    let security = format!("{TIMESTAMP}{}<!--here-->", signed_by(rsa()));
    let message = envelope(&security, "<x:query/>");
    let message = replaced(&message, "<soap:Body>", "<soap:Body wsu:Id=\"B\">");
    replaced(&message, "<soap:Header>", "<soap:Header><x:To wsu:Id=\"To\">us</x:To>")
}

fn usual() -> String {
    sign_parts(&draft(), &["TS", "B", "_a", "To"], ec(), TO_ASSERTION)
}

/// What the one signature over a message covers, verified with that key.
fn check(message: &str, key: &Key) -> Result<SignedMessage, Reject> {
    let document = parse(message, Bounds::REQUEST).unwrap();
    let gated = gate(&document, Algorithms::default())?;
    let mut found = message_signatures(&gated, Algorithms::default());
    assert_eq!(found.len(), 1, "{message}");
    found.remove(0)?.verify([key])
}

fn code(message: &str) -> &'static str {
    check(message, ec().key()).map_or_else(|reject| reject.code(), |_| "verified")
}

#[test]
fn each_part_in_its_place_is_covered() {
    let all = check(&usual(), ec().key()).unwrap();
    assert!(all.covers_body() && all.covers_assertion());
    assert_eq!(all.key_fingerprint(), ec().key().fingerprint());
    let octets = all.timestamp().unwrap();
    assert!(octets.starts_with("<wsu:Timestamp xmlns:wsu=") && octets.contains("12:00:00Z"));
    assert!(!format!("{all:?}").contains("12:00"));

    let one = check(&sign_parts(&draft(), &["TS"], rsa(), TO_ASSERTION), rsa().key()).unwrap();
    assert!(one.timestamp().is_some() && !one.covers_body() && !one.covers_assertion());
    let other = check(&sign_parts(&draft(), &["To"], rsa(), TO_ASSERTION), rsa().key()).unwrap();
    assert!(other.timestamp().is_none() && !other.covers_body());
}

#[test]
fn a_signature_may_endorse_another_by_its_id() {
    let message = replaced(&draft(), "<!--here-->", "<!--here--><!--there-->");
    let first = sign_parts(&message, &["TS", "B"], ec(), TO_ASSERTION);
    let (head, tail) = first.rsplit_once("<ds:Signature ").unwrap();
    let named = format!("{head}<ds:Signature Id=\"SIG\" {tail}");
    let endorsed = replaced(&named, "<!--there-->", "<!--here-->");
    let both = sign_parts(&endorsed, &["SIG"], rsa(), TO_ASSERTION);
    let codes = |message: &str| {
        let document = parse(message, Bounds::REQUEST).unwrap();
        let gated = gate(&document, Algorithms::default()).unwrap();
        let found = message_signatures(&gated, Algorithms::default()).into_iter();
        let verified = found.map(|one| one?.verify([ec().key(), rsa().key()]));
        verified
            .map(|one| one.map_or_else(|reject| reject.code(), |_| "verified"))
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(&both), ["verified", "verified"]);
    // what is endorsed must be as it was, and no other element is known by such an Id
    let other = both.replace("<ds:Signature Id=\"SIG\" ", "<ds:Signature Id=\"SIG\"  b='' ");
    assert_eq!(codes(&other)[1], "part-mismatch");
    let moved = replaced(&both, "<ds:Signature Id=\"SIG\" ", "<ds:Signature ");
    let moved = replaced(&moved, "<x:To ", "<x:To Id=\"SIG\" ");
    assert_eq!(codes(&moved)[1], "reference-place");
}

#[test]
fn only_the_given_key_counts() {
    let message = usual();
    assert_eq!(check(&message, stranger().key()).unwrap_err().code(), "message-key");
    assert_eq!(check(&message, rsa().key()).unwrap_err().code(), "message-key");
    let document = parse(&message, Bounds::REQUEST).unwrap();
    let gated = gate(&document, Algorithms::default()).unwrap();
    let found = message_signatures(&gated, Algorithms::default());
    let signature = found[0].as_ref().unwrap();
    assert!(matches!(signature.signer(), Signer::Assertion));
    assert_eq!(signature.verify([]).unwrap_err(), Reject::MessageKey);
    assert!(signature.verify([rsa().key(), ec().key()]).is_ok());
}

#[test]
fn the_signer_is_named_by_a_reference_to_assertion_or_token() {
    let certificate = STANDARD.encode(certificate_of(&rsa_key(2048)).to_der().unwrap());
    let x509 =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
    let reference = |uri: &str| {
        format!(
            "<wsse:SecurityTokenReference><wsse:Reference URI=\"{uri}\"/></wsse:SecurityTokenReference>"
        )
    };
    let token = format!(
        "<wsse:BinarySecurityToken wsu:Id=\"X\" ValueType=\"{x509}\">{certificate}\
         </wsse:BinarySecurityToken><!--here-->"
    );
    let with_token = replaced(&draft(), "<!--here-->", &token);
    let signer = |message: &str| {
        let document = parse(message, Bounds::REQUEST).unwrap();
        let gated = gate(&document, Algorithms::default()).unwrap();
        let found = message_signatures(&gated, Algorithms::default()).remove(0);
        match found {
            Ok(signature) => match signature.signer() {
                Signer::Assertion => "assertion".to_owned(),
                Signer::Beside => "beside".to_owned(),
                Signer::Token(_) => "token".to_owned(),
            },
            Err(reject) => reject.code().to_owned(),
        }
    };
    for (draft, key_info, who) in [
        (draft(), TO_ASSERTION.to_owned(), "assertion"),
        (draft(), reference("#_a"), "assertion"),
        (with_token.clone(), reference("#X"), "token"),
        (with_token.clone(), reference("#Y"), "key-info"),
        (with_token.clone(), reference("X"), "key-info"),
        (with_token.replace("#X509v3", "#X509PKIPathv1"), reference("#X"), "key-info"),
        (with_token.replace(&certificate, "AAAA"), reference("#X"), "key-info"),
        (draft(), TO_ASSERTION.replace(">_a<", ">_b<"), "key-info"),
        (draft(), TO_ASSERTION.replace("SAMLID", "EncryptedKeySHA1"), "key-info"),
        (draft(), TO_ASSERTION.repeat(2), "key-info"),
        (draft(), String::new(), "key-info"),
        (
            draft(),
            format!(
                "<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
            ),
            "key-info",
        ),
        (draft(), format!("<ds:KeyValue>{TO_ASSERTION}</ds:KeyValue>"), "key-info"),
    ] {
        assert_eq!(signer(&sign_parts(&draft, &["TS"], rsa(), &key_info)), who, "{key_info}");
    }
}

#[test]
fn what_is_signed_must_stand_where_it_is_read() {
    let usual = usual();
    let stamp =
        |id: &str, hour: u8| TIMESTAMP.replace("TS", id).replace("T12", &format!("T{hour}"));
    let forged = stamp("TS2", 13);
    let one = sign_parts(&draft(), &["TS"], ec(), TO_ASSERTION);
    let body = sign_parts(&draft(), &["B"], ec(), TO_ASSERTION);
    let moved = |message: &str, from: &str, to: &str| {
        replaced(&replaced(message, from, ""), to, &format!("{to}{from}"))
    };
    for (name, message, expected) in [
        ("untouched", usual.clone(), "verified"),
        ("Timestamp changed", replaced(&usual, "T12:00:00Z", "T13:00:00Z"), "part-mismatch"),
        ("Body changed", replaced(&usual, "<x:query/>", "<x:query a=''/>"), "part-mismatch"),
        ("header changed", replaced(&usual, ">us<", ">them<"), "part-mismatch"),
        ("assertion's comment changed", replaced(&usual, "<!-- c -->", ""), "verified"),
        (
            "two Timestamps",
            replaced(&one, TIMESTAMP, &format!("{TIMESTAMP}{forged}")),
            "reference-place",
        ),
        (
            "the signed one in a wrapper",
            replaced(&one, TIMESTAMP, &format!("{forged}<x:y>{TIMESTAMP}</x:y>")),
            "reference-place",
        ),
        ("the signed one in the Body", moved(&one, TIMESTAMP, "<x:query/>"), "reference-place"),
        ("the signed one in another header", moved(&one, TIMESTAMP, "<soap:Header>"), "verified"),
        (
            "the signed Body in a header, another Body",
            {
                let original = "<soap:Body wsu:Id=\"B\"><x:query/></soap:Body>";
                let message = replaced(&body, original, "<soap:Body><x:evil/></soap:Body>");
                let within = format!("<soap:Header><x:Old>{original}</x:Old>");
                replaced(&message, "<soap:Header>", &within)
            },
            "reference-place",
        ),
        (
            "two Bodies",
            replaced(&body, "</soap:Envelope>", "<soap:Body><x:evil/></soap:Body></soap:Envelope>"),
            "reference-place",
        ),
        ("the id twice", replaced(&one, "<x:query/>", "<x:query Id='TS'/>"), "reference-target"),
        (
            "the id twice, padded",
            replaced(&one, "<x:query/>", "<x:q xml:id=' TS '/>"),
            "reference-target",
        ),
        ("no such id", sign_parts(&draft(), &["none"], ec(), TO_ASSERTION), "reference-target"),
        (
            "one element twice",
            sign_parts(&draft(), &["TS", "TS"], ec(), TO_ASSERTION),
            "reference-target",
        ),
        (
            "an id of another kind",
            sign_parts(
                &replaced(&draft(), "wsu:Id=\"TS\"", "ID=\"TS\""),
                &["TS"],
                ec(),
                TO_ASSERTION,
            ),
            "reference-place",
        ),
        (
            "an element in the Body",
            sign_parts(
                &replaced(&draft(), "<x:query/>", "<x:query wsu:Id='Q'/>"),
                &["Q"],
                ec(),
                TO_ASSERTION,
            ),
            "reference-place",
        ),
    ] {
        assert_eq!(code(&message), expected, "{name}");
    }
    // a Timestamp that stands in another header is some header block, and no Timestamp
    let elsewhere = check(&moved(&one, TIMESTAMP, "<soap:Header>"), ec().key()).unwrap();
    assert_eq!(elsewhere.timestamp(), None);
}

#[test]
fn another_shape_is_not_understood() {
    let usual = sign_parts(&draft(), &["TS"], ec(), TO_ASSERTION);
    let start = usual.rfind("<ds:Signature ").unwrap();
    let signature = &usual[start..usual.find("</wsse:Security>").unwrap()];
    let change = |from: &str, to: &str| replaced(&usual, signature, &replaced(signature, from, to));
    let transform = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let str_transform = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";
    let many = vec!["TS"; 17];
    for (name, message, expected) in [
        (
            "HMAC",
            change("xmldsig-more#ecdsa-sha256", "xmldsig-more#hmac-sha256"),
            "signature-algorithm",
        ),
        (
            "SHA-1",
            change("xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha1"),
            "signature-algorithm",
        ),
        (
            "SHA-1 digest",
            change("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"),
            "digest-algorithm",
        ),
        (
            "STR transform",
            change(transform, &transform.replace(ns::EXC_C14N, str_transform)),
            "transforms",
        ),
        (
            "enveloped",
            change(
                transform,
                &format!(
                    "<ds:Transform Algorithm=\"{}enveloped-signature\"/>{transform}",
                    ns::DSIG
                ),
            ),
            "transforms",
        ),
        ("external", change("URI=\"#TS\"", "URI=\"http://x/\""), "reference-uri"),
        ("whole document", change("URI=\"#TS\"", "URI=\"\""), "reference-uri"),
        ("Object", change("</ds:Signature>", "<ds:Object/></ds:Signature>"), "unexpected-content"),
        ("no KeyInfo", change(&section(signature, "KeyInfo"), ""), "missing-element"),
        ("many", sign_parts(&draft(), &many, ec(), TO_ASSERTION), "too-many-references"),
    ] {
        assert_eq!(code(&message), expected, "{name}");
    }
    let crowd = replaced(&usual, signature, &signature.repeat(5));
    assert_eq!(code(&crowd), "too-many-signatures");
}

#[test]
fn no_changed_byte_changes_what_is_covered() {
    let usual = usual();
    let genuine = check(&usual, ec().key()).unwrap();
    for at in (0..usual.len()).step_by(3) {
        let mut bytes = usual.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let Ok(document) = parse(&changed, Bounds::REQUEST) else { continue };
        let Ok(gated) = gate(&document, Algorithms::default()) else { continue };
        for found in message_signatures(&gated, Algorithms::default()).into_iter().flatten() {
            if let Ok(signed) = found.verify([ec().key()]) {
                assert_eq!(signed.timestamp(), genuine.timestamp(), "{at}");
                assert!(signed.covers_body() && signed.covers_assertion(), "{at}");
            }
        }
    }
}
