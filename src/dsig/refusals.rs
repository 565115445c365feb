//! Signatures out of shape or made by nobody we know, and the code that each is refused with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fixture::{
    assertion, check, ec, envelope, parts, refused, replaced, rsa, section, signed_by, stranger,
    within,
};
use super::sign;

#[test]
fn the_signature_has_one_place_and_one_shape() {
    let (signed, signature, bare) = parts();
    let good = envelope(&signed, "");
    let change = |from: &str, to: &str| replaced(&good, from, to);
    let pi = "<?p?>";
    refused(&[
        ("none", envelope(&bare, ""), "unsigned"),
        ("two", change(&signature, &signature.repeat(2)), "several-signatures"),
        (
            "one down",
            envelope(&within(&bare, "</saml:Subject>", &signature), ""),
            "misplaced-signature",
        ),
        (
            "one more below",
            envelope(&within(&signed, "</saml:Subject>", &signature), ""),
            "several-signatures",
        ),
        (
            "one more in KeyInfo",
            change("</ds:KeyInfo>", &format!("{signature}</ds:KeyInfo>")),
            "several-signatures",
        ),
        (
            "empty",
            change(&signature, "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>"),
            "missing-element",
        ),
        ("Object", change("</ds:Signature>", "<ds:Object/></ds:Signature>"), "unexpected-content"),
        (
            "two SignedInfo",
            change(
                "<ds:SignatureValue>",
                &format!("{}<ds:SignatureValue>", section(&signature, "SignedInfo")),
            ),
            "missing-element",
        ),
        (
            "two SignatureValue",
            change(
                "<ds:KeyInfo>",
                &format!("{}<ds:KeyInfo>", section(&signature, "SignatureValue")),
            ),
            "unexpected-content",
        ),
        (
            "KeyInfo first",
            change("<ds:SignatureValue>", "<ds:KeyInfo/><ds:SignatureValue>"),
            "missing-element",
        ),
        ("no value", change(&section(&signature, "SignatureValue"), ""), "missing-element"),
        ("text", change("<ds:SignatureValue>", "x<ds:SignatureValue>"), "unexpected-text"),
        (
            "no-break space",
            change("<ds:SignatureValue>", "\u{a0}<ds:SignatureValue>"),
            "unexpected-text",
        ),
        (
            "instruction",
            change("<ds:SignatureValue>", &format!("{pi}<ds:SignatureValue>")),
            "unexpected-content",
        ),
        (
            "attribute of Signature",
            change("<ds:Signature ", "<ds:Signature x:Id='s' "),
            "unexpected-attribute",
        ),
        (
            "attribute of SignatureValue",
            change("<ds:SignatureValue", "<ds:SignatureValue xml:space='default'"),
            "unexpected-attribute",
        ),
        (
            "comment in SignatureValue",
            change("</ds:SignatureValue>", "<!-- c --></ds:SignatureValue>"),
            "unexpected-content",
        ),
        (
            "element in SignatureValue",
            change("</ds:SignatureValue>", "<x:y/></ds:SignatureValue>"),
            "unexpected-content",
        ),
        (
            "SignatureValue not base64",
            change("</ds:SignatureValue>", "!</ds:SignatureValue>"),
            "base64",
        ),
        (
            "SignatureValue empty",
            change(&section(&signature, "SignatureValue"), "<ds:SignatureValue/>"),
            "base64",
        ),
        (
            "comment in DigestValue",
            change("<ds:DigestValue>", "<ds:DigestValue><!--c-->"),
            "unexpected-content",
        ),
        (
            "DigestValue empty",
            change(&section(&signature, "DigestValue"), "<ds:DigestValue> </ds:DigestValue>"),
            "base64",
        ),
    ]);
    // white space, comments and an Id change nothing; neither does what KeyInfo says
    let tolerated = change("<ds:SignatureValue>", "\n <!-- c --> <ds:SignatureValue Id='v'> &#10;");
    let tolerated = replaced(&tolerated, "<ds:KeyInfo>", "<ds:KeyInfo Id='k'>not read");
    assert!(check(&tolerated).is_ok());
    let without = replaced(&good, &section(&signature, "KeyInfo"), "");
    assert!(check(&without).is_ok());
}

#[test]
fn signed_info_says_exactly_what_the_profile_says() {
    let (signed, signature, _) = parts();
    let good = envelope(&signed, "");
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let method = format!("<ds:CanonicalizationMethod Algorithm=\"{exclusive}\"/>");
    let transform = format!("<ds:Transform Algorithm=\"{exclusive}\"/>");
    let enveloped =
        "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    let inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    let change = |from: &str, to: &str| replaced(&good, from, to);
    let list = |body: &str| {
        format!(
            "<ds:Transform Algorithm=\"{exclusive}\"><e:InclusiveNamespaces xmlns:e=\"{exclusive}\" {body}</ds:Transform>"
        )
    };
    let reference = section(&signature, "Reference");
    let mut cases = vec![
        (
            "inclusive c14n",
            change(&method, &method.replace(exclusive, inclusive)),
            "canonicalization",
        ),
        (
            "with comments",
            change(&method, &method.replace("c14n#", "c14n#WithComments")),
            "canonicalization",
        ),
        ("no c14n", change(&method, ""), "missing-element"),
        (
            "child of c14n",
            change(&method, &method.replace("/>", "><x:y/></ds:CanonicalizationMethod>")),
            "unexpected-content",
        ),
        (
            "HMACOutputLength",
            change(
                "xmldsig-more#rsa-sha256\"/>",
                "xmldsig-more#rsa-sha256\"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>",
            ),
            "unexpected-content",
        ),
        ("two references", change(&reference, &reference.repeat(2)), "several-references"),
        ("no reference", change(&reference, ""), "missing-element"),
        (
            "more in SignedInfo",
            change("</ds:SignedInfo>", "<x:y/></ds:SignedInfo>"),
            "unexpected-content",
        ),
        ("empty URI", change("URI=\"#_a\"", "URI=\"\""), "reference-uri"),
        ("no URI", change(" URI=\"#_a\"", ""), "reference-uri"),
        ("other URI", change("URI=\"#_a\"", "URI=\"#_b\""), "reference-uri"),
        ("file URI", change("URI=\"#_a\"", "URI=\"file:///etc/hostname\""), "reference-uri"),
        ("XPointer", change("URI=\"#_a\"", "URI=\"#xpointer(id('_a'))\""), "reference-uri"),
        ("Type", change("URI=\"#_a\"", "URI=\"#_a\" Type=\"x\""), "unexpected-attribute"),
        ("no Transforms", change(&section(&signature, "Transforms"), ""), "missing-element"),
        ("no enveloped", change(enveloped, ""), "transforms"),
        ("no c14n transform", change(&transform, ""), "transforms"),
        (
            "other order",
            change(&format!("{enveloped}{transform}"), &format!("{transform}{enveloped}")),
            "transforms",
        ),
        ("three transforms", change(&transform, &transform.repeat(2)), "transforms"),
        (
            "XPath",
            change(
                enveloped,
                &enveloped
                    .replace(
                        "2000/09/xmldsig#enveloped-signature\"/>",
                        "1999/REC-xpath-19991116\"><ds:XPath>1</ds:XPath></ds:Transform>",
                    )
                    .replace("org/1999", "org/TR/1999"),
            ),
            "transforms",
        ),
        (
            "XSLT third",
            change(
                &transform,
                &format!(
                    "{transform}<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>"
                ),
            ),
            "transforms",
        ),
        (
            "child of enveloped",
            change(enveloped, &enveloped.replace("/>", "><ds:XPath/></ds:Transform>")),
            "unexpected-content",
        ),
        (
            "attribute of Transform",
            change(&transform, &transform.replace("/>", " x:y=''/>")),
            "unexpected-attribute",
        ),
        ("no PrefixList", change(&transform, &list("/>")), "prefix-list"),
        (
            "long PrefixList",
            change(&transform, &list(&format!("PrefixList='{}'/>", "x ".repeat(65)))),
            "prefix-list",
        ),
        (
            "child of the list",
            change(&transform, &list("PrefixList='x'><x:y/></e:InclusiveNamespaces>")),
            "unexpected-content",
        ),
        (
            "two lists",
            change(
                &transform,
                &list(
                    "PrefixList='x'/><e:InclusiveNamespaces xmlns:e='http://www.w3.org/2001/10/xml-exc-c14n#' PrefixList='x'/>",
                ),
            ),
            "unexpected-content",
        ),
        (
            "SHA-1 digest",
            change(
                "http://www.w3.org/2001/04/xmlenc#sha256",
                "http://www.w3.org/2000/09/xmldsig#sha1",
            ),
            "digest-algorithm",
        ),
        (
            "more in Reference",
            change("</ds:Reference>", "<ds:DigestValue>AA==</ds:DigestValue></ds:Reference>"),
            "unexpected-content",
        ),
        (
            "other PrefixList than signed",
            change(&transform, &list("PrefixList='x'/>")),
            "signature-mismatch",
        ),
    ];
    for algorithm in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
        "http://www.w3.org/2007/05/xmldsig-more#md5-rsa-MGF1",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2007/05/xmldsig-more#ecdsa-ripemd160",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "",
    ] {
        let changed = change("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", algorithm);
        cases.push((algorithm, changed, "signature-algorithm"));
    }
    refused(&cases);
}

#[test]
fn the_cryptography_decides_last() {
    let (signed, signature, _) = parts();
    let good = envelope(&signed, "");
    let swap = |hash: &str| good.replacen("#rsa-sha256", hash, 1);
    let zeros = |length: usize| STANDARD.encode(vec![0; length]);
    let elliptic = envelope(&signed_by(ec()), "");
    let value = section(&elliptic, "SignatureValue");
    let with_value = |length| {
        let forged = format!("<ds:SignatureValue>{}</ds:SignatureValue>", zeros(length));
        replaced(&elliptic, &value, &forged)
    };
    refused(&[
        ("stranger", envelope(&signed_by(stranger()), ""), "signature-mismatch"),
        ("other hash", swap("#rsa-sha512"), "signature-mismatch"),
        ("other kind of key", swap("#ecdsa-sha256"), "signature-mismatch"),
        ("psychic", with_value(64), "signature-mismatch"),
        ("short", with_value(63), "signature-mismatch"),
        ("long", with_value(4096), "signature-mismatch"),
        (
            "signature of another assertion",
            {
                let other = sign(&assertion("_b"), "_b", rsa()).unwrap().replace("_b", "_a");
                envelope(&other, "")
            },
            "signature-mismatch",
        ),
        ("text added", replaced(&good, "dr.lake", "dr.lake.x"), "digest-mismatch"),
        ("comment and text", replaced(&good, "dr.lake", "dr.<!-- c -->pond"), "digest-mismatch"),
    ]);
    // comments split text nodes, yet the whole text is signed and read
    let split = check(&replaced(&good, "dr.lake", "dr<!-- c -->.lake")).unwrap();
    assert!(split.contains(">dr.lake<") && !split.contains("<!--"));
    let lexical = replaced(&good, "dr.lake", "dr<![CDATA[.]]>l&#x61;ke");
    assert_eq!(check(&lexical), check(&good));
    let message_signature_first = envelope(&format!("{signature}{signed}"), "");
    assert_eq!(check(&message_signature_first), check(&good));
}
