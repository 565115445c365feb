//! Messages that hide, copy or move a signed assertion, and the code that each is refused with.

use super::fixture::{assertion, check, envelope, parts, refused, replaced, within};
use crate::xml::ns::WSSE;

#[test]
fn wrapped_assertions_are_refused() {
    let (signed, signature, bare) = parts();
    for id in ["_evil", "_a"] {
        let forged = assertion(id).replace("dr.lake", "attacker");
        let object = |inside: &str| {
            within(&signature, "</ds:Signature>", &format!("<ds:Object>{inside}</ds:Object>"))
        };
        let carrying = |signature: &str| within(&forged, "</saml:Assertion>", signature);
        refused(&[
            (
                "xsw1, original in the Object of a message signature",
                envelope(&format!("{forged}{}", object(&bare)), ""),
                "misplaced-assertion",
            ),
            (
                "xsw2, detached signature between forged and original",
                envelope(&format!("{forged}{signature}{bare}"), ""),
                "several-assertions",
            ),
            (
                "xsw3, forged before",
                envelope(&format!("{forged}{signed}"), ""),
                "several-assertions",
            ),
            (
                "xsw3b, forged after",
                envelope(&format!("{signed}{forged}"), ""),
                "several-assertions",
            ),
            (
                "xsw4, original inside forged",
                envelope(&within(&forged, "</saml:Assertion>", &signed), ""),
                "nested-assertion",
            ),
            (
                "xsw5, signature moved to forged",
                envelope(&format!("{}{bare}", carrying(&signature)), ""),
                "several-assertions",
            ),
            (
                "xsw6, original inside the moved signature",
                envelope(&carrying(&within(&signature, "</ds:Signature>", &bare)), ""),
                "nested-assertion",
            ),
            (
                "xsw7, forged in Extensions",
                envelope(&format!("<x:Extensions>{forged}</x:Extensions>{signed}"), ""),
                "misplaced-assertion",
            ),
            (
                "xsw8, original in the Object of the moved signature",
                envelope(&carrying(&object(&bare)), ""),
                "nested-assertion",
            ),
            ("xsw9, original in the Body", envelope(&forged, &signed), "misplaced-assertion"),
            (
                "xsw10, original in another header",
                envelope(&forged, "").replacen(
                    "<soap:Header>",
                    &format!("<soap:Header><x:Old>{signed}</x:Old>"),
                    1,
                ),
                "misplaced-assertion",
            ),
            (
                "xsw11, two security headers",
                replaced(
                    &envelope(&forged, ""),
                    "</soap:Header>",
                    &format!("<s:Security xmlns:s='{WSSE}'>{signed}</s:Security></soap:Header>"),
                ),
                "several-securities",
            ),
            (
                "forged inside the original's Advice",
                envelope(
                    &within(
                        &signed,
                        "</saml:Assertion>",
                        &format!("<saml:Advice>{forged}</saml:Advice>"),
                    ),
                    "",
                ),
                "nested-assertion",
            ),
            (
                "two headers",
                replaced(
                    &envelope(&forged, ""),
                    "<soap:Body>",
                    &format!("<soap:Header>{signed}</soap:Header><soap:Body>"),
                ),
                "several-headers",
            ),
            (
                "a header in the Body",
                envelope(&signed, &format!("<soap:Header>{forged}</soap:Header>")),
                "several-headers",
            ),
            (
                "a message signature beside an unsigned assertion",
                envelope(&format!("{forged}{signature}"), ""),
                "unsigned",
            ),
            (
                "forged with the genuine signature, other content",
                envelope(&carrying(&signature), ""),
                if id == "_a" { "digest-mismatch" } else { "reference-uri" },
            ),
        ]);
    }
}

#[test]
fn the_assertion_has_one_place_and_one_id() {
    let (signed, ..) = parts();
    let good = envelope(&signed, "");
    let with_body = |body: &str| envelope(&signed, body);
    let mut cases = vec![
        ("no envelope", "<a/>".to_owned(), "not-envelope"),
        (
            "SOAP 1.1",
            replaced(
                &good,
                "http://www.w3.org/2003/05/soap-envelope",
                "http://schemas.xmlsoap.org/soap/envelope/",
            ),
            "not-envelope",
        ),
        (
            "no header",
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'/>".to_owned(),
            "no-header",
        ),
        (
            "header one down",
            replaced(
                &replaced(&good, "<soap:Header>", "<x:y><soap:Header>"),
                "</soap:Header>",
                "</soap:Header></x:y>",
            ),
            "misplaced-header",
        ),
        ("no security", good.replace("wsse:Security", "wsse:Other"), "no-security"),
        (
            "security one down",
            replaced(
                &replaced(&good, "<wsse:Security", "<x:y><wsse:Security"),
                "</wsse:Security>",
                "</wsse:Security></x:y>",
            ),
            "misplaced-security",
        ),
        ("nothing", envelope("", ""), "no-assertion"),
        ("the assertion in the Body alone", envelope("", &signed), "misplaced-assertion"),
        (
            "SAML 1.1",
            with_body("<a:Assertion xmlns:a='urn:oasis:names:tc:SAML:1.0:assertion'/>"),
            "foreign-assertion",
        ),
        (
            "encrypted",
            with_body("<a:EncryptedAssertion xmlns:a='urn:oasis:names:tc:SAML:2.0:assertion'/>"),
            "encrypted-assertion",
        ),
        ("empty ID", envelope(&assertion(""), ""), "no-id"),
        ("blank ID", envelope(&assertion(" "), ""), "no-id"),
        ("no ID", envelope(&assertion("_a").replacen(" ID=", " Id=", 1), ""), "no-id"),
        (
            "ID in a namespace",
            envelope(&assertion("_a").replacen(" ID=", " saml:ID=", 1), ""),
            "no-id",
        ),
    ];
    for attribute in [
        "ID='_a'",
        "Id='_a'",
        "id='_a'",
        "xml:id='_a'",
        "wsu:Id='_a'",
        "x:iD='_a'",
        "xml:id=' _a '",
        "wsu:Id='&#x5f;a'",
    ] {
        cases.push(("duplicate", with_body(&format!("<x:y {attribute}/>")), "duplicate-id"));
        let on_assertion = format!("<saml:Assertion {attribute}");
        if !attribute.starts_with("ID") {
            let twice = replaced(&good, "<saml:Assertion", &on_assertion);
            cases.push(("duplicate on the assertion", twice, "duplicate-id"));
        }
    }
    refused(&cases);
    // what looks like an assertion elsewhere, another id, and another signature do no harm
    let harmless = "<x:Assertion wsu:Id='_b'/><y Identity='_a'><ds:Signature \
        xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/></y>";
    assert!(check(&with_body(harmless)).is_ok());
}
