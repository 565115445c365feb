use super::algorithm::{ENVELOPED, Hash, SignatureMethod};
use super::reject::Reject;
use super::shape::{allow_attributes, base64, elements, is, nothing_in, take};
use crate::xml::{Node, attribute, ns};

/// Prefixes of one PrefixList: room for what a whole envelope declares; each is looked up on every element.
const PREFIXES: usize = 64;

/// A SignedInfo of the one shape that is allowed (xmldsig-core1 4.4).
pub(super) struct SignedInfo<'d, 'i> {
    pub(super) node: Node<'d, 'i>,
    /// The PrefixList for SignedInfo itself.
    pub(super) prefixes: Vec<&'d str>,
    pub(super) method: SignatureMethod,
    /// The PrefixList for the assertion.
    pub(super) assertion_prefixes: Vec<&'d str>,
    pub(super) hash: Hash,
    pub(super) digest_value: Vec<u8>,
}

impl<'d, 'i> SignedInfo<'d, 'i> {
    /// Reads SignedInfo; its one reference must be `#` and `id`.
    pub(super) fn read(node: Node<'d, 'i>, id: &str) -> Result<Self, Reject> {
        let mut rest = elements(node, "SignedInfo")?;

        let canonicalization = take(&mut rest, "CanonicalizationMethod", &["Algorithm"])?;
        let prefixes =
            exclusive(canonicalization, "CanonicalizationMethod", Reject::Canonicalization)?;

        let method = take(&mut rest, "SignatureMethod", &["Algorithm"])?;
        nothing_in(method, "SignatureMethod")?;
        let method = attribute(method, "Algorithm")
            .and_then(SignatureMethod::from_uri)
            .ok_or(Reject::SignatureAlgorithm)?;

        let reference = take(&mut rest, "Reference", &["Id", "URI"])?;
        match rest.next() {
            None => {}
            Some(extra) if is(extra, ns::DSIG, "Reference") => {
                return Err(Reject::SeveralReferences);
            }
            Some(_) => return Err(Reject::UnexpectedContent { inside: "SignedInfo" }),
        }
        if attribute(reference, "URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
            return Err(Reject::ReferenceUri);
        }

        let mut rest = elements(reference, "Reference")?;
        let transforms = take(&mut rest, "Transforms", &[])?;
        let assertion_prefixes = read_transforms(transforms)?;
        let digest_method = take(&mut rest, "DigestMethod", &["Algorithm"])?;
        nothing_in(digest_method, "DigestMethod")?;
        let hash = attribute(digest_method, "Algorithm")
            .and_then(Hash::from_uri)
            .ok_or(Reject::DigestAlgorithm)?;
        let value = take(&mut rest, "DigestValue", &[])?;
        if rest.next().is_some() {
            return Err(Reject::UnexpectedContent { inside: "Reference" });
        }
        let digest_value = base64(value, "DigestValue")?;
        Ok(Self { node, prefixes, method, assertion_prefixes, hash, digest_value })
    }
}

/// Enveloped signature, then exclusive canonicalisation with this PrefixList (SAML core 5.4.4).
fn read_transforms<'d>(transforms: Node<'d, '_>) -> Result<Vec<&'d str>, Reject> {
    let steps: Vec<_> = elements(transforms, "Transforms")?.collect();
    let [enveloped, canonicalization] = steps.as_slice() else { return Err(Reject::Transforms) };
    for step in [*enveloped, *canonicalization] {
        take(&mut std::iter::once(step), "Transform", &["Algorithm"])?;
    }
    if attribute(*enveloped, "Algorithm") != Some(ENVELOPED) {
        return Err(Reject::Transforms);
    }
    nothing_in(*enveloped, "Transform")?;
    exclusive(*canonicalization, "Transform", Reject::Transforms)
}

/// The PrefixList of an element whose algorithm must be exclusive canonicalisation (xml-exc-c14n 4).
fn exclusive<'d>(
    node: Node<'d, '_>,
    name: &'static str,
    otherwise: Reject,
) -> Result<Vec<&'d str>, Reject> {
    if attribute(node, "Algorithm") != Some(ns::EXC_C14N) {
        return Err(otherwise);
    }
    let mut children = elements(node, name)?;
    let Some(list) = children.next() else { return Ok(Vec::new()) };
    if !is(list, ns::EXC_C14N, "InclusiveNamespaces") || children.next().is_some() {
        return Err(Reject::UnexpectedContent { inside: name });
    }
    allow_attributes(list, "InclusiveNamespaces", &["PrefixList"])?;
    nothing_in(list, "InclusiveNamespaces")?;
    let refusal = Reject::PrefixList { limit: PREFIXES };
    let prefixes = attribute(list, "PrefixList").ok_or(refusal)?.split_ascii_whitespace();
    let prefixes: Vec<_> = prefixes.take(PREFIXES.saturating_add(1)).collect();
    if prefixes.len() > PREFIXES { Err(refusal) } else { Ok(prefixes) }
}
