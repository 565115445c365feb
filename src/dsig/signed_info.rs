use super::algorithm::{Algorithms, ENVELOPED, Hash, SignatureMethod};
use super::pss::read_method;
use super::reject::Reject;
use super::shape::{allow_attributes, base64, elements, is, nothing_in, take};
use crate::xml::{Node, attribute, ns};

/// Prefixes of one PrefixList: room for what a whole envelope declares; each is looked up on every element.
const PREFIXES: usize = 64;
/// References of a signature over a message: Timestamp, Body, assertion, token and every header of WS-Addressing.
const REFERENCES: usize = 16;

/// A SignedInfo as far as it is the same for every signature, its references still unread (xmldsig-core1 4.4).
pub(super) struct Head<'d, 'i> {
    pub(super) node: Node<'d, 'i>,
    /// The PrefixList for SignedInfo itself.
    pub(super) prefixes: Vec<&'d str>,
    pub(super) method: SignatureMethod,
    references: Vec<Node<'d, 'i>>,
}

/// A reference to an element of the same document.
pub(super) struct Reference<'d> {
    /// What stands behind the `#`.
    pub(super) id: &'d str,
    /// The PrefixList for the element.
    pub(super) prefixes: Vec<&'d str>,
    pub(super) hash: Hash,
    pub(super) digest_value: Vec<u8>,
}

/// What a reference takes away from the element before it is canonicalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// The signature inside it (SAML core 5.4.4).
    Signature,
    Nothing,
}

impl<'d, 'i> Head<'d, 'i> {
    fn read(node: Node<'d, 'i>, algorithms: Algorithms) -> Result<Self, Reject> {
        let mut rest = elements(node, "SignedInfo")?;

        let canonicalization = take(&mut rest, "CanonicalizationMethod", &["Algorithm"])?;
        let prefixes =
            exclusive(canonicalization, "CanonicalizationMethod", Reject::Canonicalization)?;
        let method = read_method(take(&mut rest, "SignatureMethod", &["Algorithm"])?, algorithms)?;

        let mut references = Vec::new();
        for reference in rest {
            if !is(reference, ns::DSIG, "Reference") {
                return Err(match references.is_empty() {
                    true => Reject::Missing { expected: "Reference" },
                    false => Reject::UnexpectedContent { inside: "SignedInfo" },
                });
            }
            if references.len() == REFERENCES {
                return Err(Reject::TooManyReferences { limit: REFERENCES });
            }
            references.push(reference);
        }
        if references.is_empty() {
            return Err(Reject::Missing { expected: "Reference" });
        }
        Ok(Self { node, prefixes, method, references })
    }

    /// Reads the SignedInfo of an assertion; its one reference must be `#` and `id`.
    pub(super) fn of_assertion(
        node: Node<'d, 'i>,
        id: &str,
        algorithms: Algorithms,
    ) -> Result<(Self, Reference<'d>), Reject> {
        let head = Self::read(node, algorithms)?;
        let [reference] = head.references.as_slice() else { return Err(Reject::SeveralReferences) };
        let reference = Reference::read(*reference, Takes::Signature, algorithms)?;
        if reference.id == id { Ok((head, reference)) } else { Err(Reject::ReferenceUri) }
    }

    /// Reads the SignedInfo of a signature over parts of a message.
    pub(super) fn of_message(
        node: Node<'d, 'i>,
        algorithms: Algorithms,
    ) -> Result<(Self, Vec<Reference<'d>>), Reject> {
        let head = Self::read(node, algorithms)?;
        let read =
            |reference: &Node<'d, 'i>| Reference::read(*reference, Takes::Nothing, algorithms);
        let references = head.references.iter().map(read).collect::<Result<_, _>>()?;
        Ok((head, references))
    }
}

impl<'d> Reference<'d> {
    fn read(node: Node<'d, '_>, takes: Takes, algorithms: Algorithms) -> Result<Self, Reject> {
        allow_attributes(node, "Reference", &["Id", "URI"])?;
        let id = attribute(node, "URI").and_then(|uri| uri.strip_prefix('#'));
        let id = id.filter(|id| !id.is_empty()).ok_or(Reject::ReferenceUri)?;
        let mut rest = elements(node, "Reference")?;
        let prefixes = read_transforms(take(&mut rest, "Transforms", &[])?, takes)?;
        let digest_method = take(&mut rest, "DigestMethod", &["Algorithm"])?;
        nothing_in(digest_method, "DigestMethod")?;
        let hash = attribute(digest_method, "Algorithm")
            .and_then(Hash::from_uri)
            .filter(|hash| algorithms.allow(*hash))
            .ok_or(Reject::DigestAlgorithm)?;
        let value = take(&mut rest, "DigestValue", &[])?;
        if rest.next().is_some() {
            return Err(Reject::UnexpectedContent { inside: "Reference" });
        }
        let digest_value = base64(value, "DigestValue")?;
        Ok(Self { id, prefixes, hash, digest_value })
    }
}

/// Enveloped signature in an assertion (SAML core 5.4.4), then exclusive canonicalisation with this PrefixList.
fn read_transforms<'d>(transforms: Node<'d, '_>, takes: Takes) -> Result<Vec<&'d str>, Reject> {
    let steps: Vec<_> = elements(transforms, "Transforms")?.collect();
    let (enveloped, canonicalization) = match (steps.as_slice(), takes) {
        ([enveloped, canonicalization], Takes::Signature) => (Some(*enveloped), *canonicalization),
        ([canonicalization], Takes::Nothing) => (None, *canonicalization),
        _ => return Err(Reject::Transforms),
    };
    for step in enveloped.into_iter().chain([canonicalization]) {
        take(&mut std::iter::once(step), "Transform", &["Algorithm"])?;
    }
    if let Some(enveloped) = enveloped {
        if attribute(enveloped, "Algorithm") != Some(ENVELOPED) {
            return Err(Reject::Transforms);
        }
        nothing_in(enveloped, "Transform")?;
    }
    exclusive(canonicalization, "Transform", Reject::Transforms)
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
