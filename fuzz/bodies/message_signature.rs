//! Messages that are signed beside their assertion, as they are and with values as they should be.

use glassgate::dsig::{
    Algorithms, Gated, SignedMessage, canonicalize, gate, key_in, message_signatures,
};
use glassgate::xml::{self, Bounds, Document, Node, ns, parse};
use openssl::base64::encode_block;
use openssl::sha::sha256;

use super::riverside::Kind;

/// What is covered is what stands in its place, and no other key covers it.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    believed(text);
    signed_anew(text);
    if let Ok(document) = parse(text, Bounds::REQUEST) {
        for info in document.root().descendants().filter(|n| n.has_tag_name((ns::DSIG, "KeyInfo")))
        {
            let _ = key_in(info);
        }
    }
}

/// How many signatures hold once their values are as they should be.
pub fn signed_anew(message: &str) -> usize {
    filled(message).map_or(0, |filled| believed(&filled))
}

/// How many signatures hold.
fn believed(message: &str) -> usize {
    let Ok(document) = parse(message, Bounds::REQUEST) else { return 0 };
    let Ok(gated) = gate(&document, Algorithms::default()) else { return 0 };
    let mut count = 0;
    for signature in message_signatures(&gated, Algorithms::default()).into_iter().flatten() {
        let [rsa, ec] = Kind::BOTH.map(|kind| signature.verify([kind.key()]).ok());
        assert!(rsa.is_none() || ec.is_none(), "two keys made one signature of {message}");
        for (kind, signed) in Kind::BOTH.into_iter().zip([rsa, ec]) {
            let Some(signed) = signed else { continue };
            assert_eq!(signed.key_fingerprint(), kind.key().fingerprint());
            in_place(&document, &gated, &signed);
            count += 1;
        }
    }
    count
}

/// Body, Timestamp and assertion are covered only where a reader finds nothing else in their stead.
fn in_place(document: &Document<'_>, gated: &Gated<'_, '_>, signed: &SignedMessage) {
    let root = document.root();
    let ids: Vec<&str> = root
        .descendants()
        .flat_map(|node| node.attributes())
        .filter(|a| a.name().eq_ignore_ascii_case("id"))
        .map(|a| a.value().trim())
        .collect();
    let alone = |node: Node<'_, '_>, id: Option<&str>| {
        let id = id.expect("it was referred to").trim();
        assert_eq!(ids.iter().filter(|other| **other == id).count(), 1, "{node:?}");
    };
    let wsu = |node: Node<'_, '_>| node.attribute((ns::WSU, "Id")).map(str::to_owned);
    if signed.covers_body() {
        let body = xml::only_child(root, ns::SOAP, "Body").expect("it is covered");
        alone(body, wsu(body).as_deref());
    }
    if signed.covers_assertion() {
        assert!(ids.iter().filter(|id| **id == gated.claimed_id().trim()).count() == 1);
    }
    if let Some(octets) = signed.timestamp() {
        let header =
            xml::only_child(root, ns::SOAP, "Header").expect("it holds the security header");
        let security = xml::only_child(header, ns::WSSE, "Security").expect("there is one");
        let written = xml::only_child(security, ns::WSU, "Timestamp").expect("it is covered");
        alone(written, wsu(written).as_deref());
        let read = parse(octets, Bounds::REQUEST).expect("canonical");
        assert!(read.root().has_tag_name((ns::WSU, "Timestamp")));
        let said = |node: Node<'_, '_>| {
            let texts = xml::children(node, ns::WSU, "Created").chain(xml::children(
                node,
                ns::WSU,
                "Expires",
            ));
            texts.map(|node| xml::text(node).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said(read.root()), said(written));
    }
}

/// The message with the digests and the values of its message signatures as they should be, which no fuzzer could find.
fn filled(message: &str) -> Option<String> {
    let mut text = message.to_owned();
    let count = {
        let document = parse(&text, Bounds::REQUEST).ok()?;
        signatures(&document).map(|signature| references(signature).len()).collect::<Vec<_>>()
    };
    for (at, references_of) in count.iter().take(4).enumerate() {
        for n in 0..*references_of {
            let document = parse(&text, Bounds::REQUEST).ok()?;
            let signature = signatures(&document).nth(at)?;
            let reference = references(signature).into_iter().nth(n)?;
            let id = xml::attribute(reference, "URI")?.strip_prefix('#')?;
            // the first element of that id, wherever it stands: what a careless signer or an attacker would sign
            let target = document.root().descendants().find(|node| {
                node.attribute((ns::WSU, "Id")) == Some(id)
                    || xml::attribute(*node, "ID") == Some(id)
            })?;
            let octets = canonicalize(target, &prefixes(reference), None);
            let digest = encode_block(&sha256(octets.as_bytes()));
            let changed = put(&text, xml::child(reference, ns::DSIG, "DigestValue")?, &digest);
            text = changed;
        }
        let document = parse(&text, Bounds::REQUEST).ok()?;
        let signature = signatures(&document).nth(at)?;
        let signed_info = xml::child(signature, ns::DSIG, "SignedInfo")?;
        let method = xml::child(signed_info, ns::DSIG, "SignatureMethod")?;
        let kind = match xml::attribute(method, "Algorithm")? {
            uri if uri.ends_with("#rsa-sha256") => Kind::Rsa,
            uri if uri.ends_with("#ecdsa-sha256") => Kind::Ec,
            _ => return None,
        };
        let canonicalization = xml::child(signed_info, ns::DSIG, "CanonicalizationMethod")?;
        let octets = canonicalize(signed_info, &prefixes(canonicalization), None);
        let value = encode_block(&kind.sign(octets.as_bytes()));
        let changed = put(&text, xml::child(signature, ns::DSIG, "SignatureValue")?, &value);
        text = changed;
    }
    Some(text)
}

fn signatures<'d, 'i>(document: &'d Document<'i>) -> impl Iterator<Item = Node<'d, 'i>> {
    let security = document.root().descendants().find(|n| n.has_tag_name((ns::WSSE, "Security")));
    let children = security.into_iter().flat_map(|security| security.children());
    children.filter(|node| node.has_tag_name((ns::DSIG, "Signature")))
}

fn references<'d, 'i: 'd>(signature: Node<'d, 'i>) -> Vec<Node<'d, 'i>> {
    let signed_info = xml::child(signature, ns::DSIG, "SignedInfo").into_iter();
    signed_info.flat_map(|info| xml::children(info, ns::DSIG, "Reference")).take(16).collect()
}

fn prefixes<'d>(within: Node<'d, '_>) -> Vec<&'d str> {
    let list = within.descendants().find(|n| n.has_tag_name((ns::EXC_C14N, "InclusiveNamespaces")));
    let list = list.and_then(|list| xml::attribute(list, "PrefixList"));
    list.unwrap_or_default().split_ascii_whitespace().collect()
}

/// The text with another content of an element that is written with start and end tag.
fn put(text: &str, element: Node<'_, '_>, content: &str) -> String {
    let range = element.range();
    let written = &text[range.clone()];
    let (Some(start), Some(end)) = (written.find('>'), written.rfind("</")) else {
        return text.to_owned();
    };
    if end <= start {
        return text.to_owned();
    }
    format!("{}{content}{}", &text[..range.start + start + 1], &text[range.start + end..])
}
