use super::algorithm::{Algorithms, Hash, SignatureMethod};
use super::reject::Reject;
use super::shape::{allow_attributes, elements, is, nothing_in, number};
use crate::xml::{Node, attribute, ns};

/// The namespace of RFC 6931's algorithms of 2007, and of their parameters.
const MORE: &str = "http://www.w3.org/2007/05/xmldsig-more#";

/// Reads a SignatureMethod, with the parameters of RSASSA-PSS where it has them (RFC 6931 2.3.9, 2.3.10).
pub(super) fn read_method(
    node: Node<'_, '_>,
    algorithms: Algorithms,
) -> Result<SignatureMethod, Reject> {
    let uri = attribute(node, "Algorithm").unwrap_or_default();
    let method = if uri.strip_prefix(MORE) == Some("rsa-pss") {
        SignatureMethod::Pss(read_parameters(node)?)
    } else {
        nothing_in(node, "SignatureMethod")?;
        SignatureMethod::from_uri(uri).ok_or(Reject::SignatureAlgorithm)?
    };
    algorithms.allow(method.hash()).then_some(method).ok_or(Reject::SignatureAlgorithm)
}

/// The one digest of parameters that name no other for the mask, and a salt as long as it.
fn read_parameters(method: Node<'_, '_>) -> Result<Hash, Reject> {
    let mut children = elements(method, "SignatureMethod")?;
    // without parameters the defaults hold, which are those of SHA-256
    let Some(parameters) = children.next() else { return Ok(Hash::Sha256) };
    if !is(parameters, MORE, "RSAPSSParams") || children.next().is_some() {
        return Err(Reject::UnexpectedContent { inside: "SignatureMethod" });
    }
    allow_attributes(parameters, "RSAPSSParams", &[])?;
    let mut rest = elements(parameters, "RSAPSSParams")?.peekable();
    let hash = match rest.next_if(|node| is(*node, ns::DSIG, "DigestMethod")) {
        Some(digest) => digest_method(digest)?,
        None => Hash::Sha256,
    };
    let mask = match rest.next_if(|node| is(*node, MORE, "MaskGenerationFunction")) {
        Some(function) => mask_digest(function)?,
        None => Hash::Sha256,
    };
    let salt = match rest.next_if(|node| is(*node, MORE, "SaltLength")) {
        Some(length) => number(length, "SaltLength")?,
        None => hash.bytes(),
    };
    let trailer = match rest.next_if(|node| is(*node, MORE, "TrailerField")) {
        Some(field) => number(field, "TrailerField")?,
        None => 1,
    };
    if rest.next().is_some() {
        return Err(Reject::UnexpectedContent { inside: "RSAPSSParams" });
    }
    let usual = mask == hash && salt == hash.bytes() && trailer == 1 && hash != Hash::Sha1;
    usual.then_some(hash).ok_or(Reject::SignatureAlgorithm)
}

fn mask_digest(function: Node<'_, '_>) -> Result<Hash, Reject> {
    allow_attributes(function, "MaskGenerationFunction", &["Algorithm"])?;
    let uri =
        attribute(function, "Algorithm").unwrap_or("http://www.w3.org/2007/05/xmldsig-more#MGF1");
    if uri.strip_prefix(MORE) != Some("MGF1") {
        return Err(Reject::SignatureAlgorithm);
    }
    let mut children = elements(function, "MaskGenerationFunction")?;
    match (children.next(), children.next()) {
        (None, _) => Ok(Hash::Sha256),
        (Some(digest), None) if is(digest, ns::DSIG, "DigestMethod") => digest_method(digest),
        _ => Err(Reject::UnexpectedContent { inside: "MaskGenerationFunction" }),
    }
}

fn digest_method(node: Node<'_, '_>) -> Result<Hash, Reject> {
    allow_attributes(node, "DigestMethod", &["Algorithm"])?;
    nothing_in(node, "DigestMethod")?;
    let uri = attribute(node, "Algorithm").unwrap_or_default();
    Hash::from_uri(uri).ok_or(Reject::SignatureAlgorithm)
}
