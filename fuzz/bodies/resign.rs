//! Signs a changed message anew, which no fuzzer could.

use std::ops::Range;

use glassgate::dsig::canonicalize;
use glassgate::xml::{self, Bounds, Node, ns, parse};
use openssl::base64::encode_block;
use openssl::sha::sha256;

use super::riverside::Kind;

/// The message with digest and signature values as they should be; none where it has no signature with SHA-256.
///
/// It is signed in its place, so that a PrefixList finds what the Envelope declares.
pub fn resigned(message: &str) -> Option<String> {
    let digested = {
        let document = parse(message, Bounds::REQUEST).ok()?;
        let assertion = first(document.root(), ns::SAML, "Assertion")?;
        let signature = xml::child(assertion, ns::DSIG, "Signature")?;
        let method = first(signature, ns::DSIG, "DigestMethod")?;
        xml::attribute(method, "Algorithm").filter(|uri| uri.ends_with("#sha256"))?;
        let transforms = first(signature, ns::DSIG, "Transforms")?;
        let octets = canonicalize(assertion, &prefix_list(transforms), Some(signature.id()));
        put(document.input(), signature, "DigestValue", &sha256(octets.as_bytes()))?
    };
    let document = parse(&digested, Bounds::REQUEST).ok()?;
    let signature = first(document.root(), ns::DSIG, "Signature")?;
    let signed_info = xml::child(signature, ns::DSIG, "SignedInfo")?;
    let kind =
        match xml::attribute(xml::child(signed_info, ns::DSIG, "SignatureMethod")?, "Algorithm")? {
            uri if uri.ends_with("#rsa-sha256") => Kind::Rsa,
            uri if uri.ends_with("#ecdsa-sha256") => Kind::Ec,
            _ => return None,
        };
    let method = xml::child(signed_info, ns::DSIG, "CanonicalizationMethod")?;
    let octets = canonicalize(signed_info, &prefix_list(method), None);
    put(document.input(), signature, "SignatureValue", &kind.sign(octets.as_bytes()))
}

fn first<'d, 'i>(within: Node<'d, 'i>, namespace: &str, name: &str) -> Option<Node<'d, 'i>> {
    within.descendants().find(|node| node.has_tag_name((namespace, name)))
}

fn prefix_list<'d>(within: Node<'d, '_>) -> Vec<&'d str> {
    let list = first(within, ns::EXC_C14N, "InclusiveNamespaces");
    let list = list.and_then(|list| xml::attribute(list, "PrefixList"));
    list.unwrap_or_default().split_ascii_whitespace().collect()
}

/// The text with a value in base64 for what the first element of that name holds.
fn put(text: &str, signature: Node<'_, '_>, name: &str, value: &[u8]) -> Option<String> {
    let element = first(signature, ns::DSIG, name)?;
    let Range { start, .. } = element.first_child()?.range();
    let Range { end, .. } = element.last_child()?.range();
    Some(format!("{}{}{}", &text[..start], encode_block(value), &text[end..]))
}
