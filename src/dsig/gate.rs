use std::borrow::Cow;
use std::fmt;

use super::algorithm::Algorithms;
use super::c14n::canonicalize;
use super::key::Key;
use super::reject::Reject;
use super::shape::{allow_attributes, base64, elements, is, take};
use super::signed_info::{Head, Reference};
use crate::xml::{Document, Node, attribute, children, ns, only_child, text};

/// Where SAML of any version keeps its elements.
const SAML_FAMILY: &str = "urn:oasis:names:tc:SAML:";

/// An assertion whose place and signature have the one shape that is allowed; nothing is believed yet.
pub struct Gated<'d, 'i> {
    pub(super) assertion: Node<'d, 'i>,
    pub(super) head: Head<'d, 'i>,
    pub(super) reference: Reference<'d>,
    pub(super) signature_value: Vec<u8>,
    /// Every value of the message that could serve as an id.
    pub(super) ids: Vec<&'d str>,
    pub(super) signature: Node<'d, 'i>,
    /// The other assertion of a pair.
    pub(super) beside: Option<Node<'d, 'i>>,
    id: &'d str,
}

/// Checks the structure of a whole SOAP message, before any cryptography; the sender may use these algorithms.
pub fn gate<'d, 'i>(
    document: &'d Document<'i>,
    algorithms: Algorithms,
) -> Result<Gated<'d, 'i>, Reject> {
    let (assertions, ids) = find_assertions(document.root())?;
    let assertion = only(&assertions, Reject::NoAssertion, Reject::SeveralAssertions)?;
    gate_one(assertion, None, ids, algorithms)
}

/// The same for a message of two assertions, in the order in which they stand.
pub fn gate_pair<'d, 'i>(
    document: &'d Document<'i>,
    algorithms: Algorithms,
) -> Result<[Gated<'d, 'i>; 2], Reject> {
    let (assertions, ids) = find_assertions(document.root())?;
    match assertions.as_slice() {
        [] => Err(Reject::NoAssertion),
        [_] => Err(Reject::SingleAssertion),
        [first, second] => Ok([
            gate_one(*first, Some(*second), ids.clone(), algorithms)?,
            gate_one(*second, Some(*first), ids, algorithms)?,
        ]),
        _ => Err(Reject::SeveralAssertions),
    }
}

fn gate_one<'d, 'i>(
    assertion: Node<'d, 'i>,
    beside: Option<Node<'d, 'i>>,
    ids: Vec<&'d str>,
    algorithms: Algorithms,
) -> Result<Gated<'d, 'i>, Reject> {
    let id = attribute(assertion, "ID").filter(|id| !id.trim().is_empty()).ok_or(Reject::NoId)?;
    if ids.iter().filter(|other| other.trim() == id.trim()).count() != 1 {
        return Err(Reject::DuplicateId);
    }
    let signature = find_signature(assertion)?;

    allow_attributes(signature, "Signature", &["Id"])?;
    let mut rest = elements(signature, "Signature")?;
    let signed_info = take(&mut rest, "SignedInfo", &["Id"])?;
    let (head, reference) = Head::of_assertion(signed_info, id, algorithms)?;
    let value = take(&mut rest, "SignatureValue", &["Id"])?;
    match (rest.next(), rest.next()) {
        (None, _) => {}
        // not read here: keys come from configuration
        (Some(key_info), None) if is(key_info, ns::DSIG, "KeyInfo") => {}
        _ => return Err(Reject::UnexpectedContent { inside: "Signature" }),
    }
    let signature_value = base64(value, "SignatureValue")?;
    Ok(Gated { assertion, head, reference, signature_value, ids, signature, beside, id })
}

impl<'d> Gated<'d, '_> {
    /// The Issuer as written, unverified: only to choose keys by, or to quote as unverified.
    #[must_use]
    pub fn claimed_issuer(&self) -> Cow<'d, str> {
        only_child(self.assertion, ns::SAML, "Issuer").map_or(Cow::Borrowed(""), text)
    }

    /// The NameID as written, unverified, or nothing.
    #[must_use]
    pub fn claimed_subject(&self) -> Cow<'d, str> {
        only_child(self.assertion, ns::SAML, "Subject")
            .and_then(|subject| only_child(subject, ns::SAML, "NameID"))
            .map_or(Cow::Borrowed(""), text)
    }

    /// The assertion's ID as written, unverified.
    #[must_use]
    pub fn claimed_id(&self) -> &'d str {
        self.id
    }

    /// The IDs that the assertion's Advice names as written, unverified: only to tell two assertions apart.
    pub fn claimed_references(&self) -> impl Iterator<Item = Cow<'d, str>> {
        let advice = children(self.assertion, ns::SAML, "Advice");
        advice.flat_map(|advice| children(advice, ns::SAML, "AssertionIDRef")).map(text)
    }

    /// The ID of the other assertion of a pair, as written.
    pub(super) fn id_beside(&self) -> Option<&'d str> {
        self.beside.and_then(|beside| attribute(beside, "ID"))
    }

    /// The keys of the type that the signature asks for.
    pub(super) fn fitting<'k>(&self, keys: &'k [Key]) -> Result<Vec<&'k Key>, Reject> {
        if keys.is_empty() {
            return Err(Reject::NoKey);
        }
        let fits = |key: &&Key| key.fits(self.head.method);
        let fitting: Vec<_> = keys.iter().filter(fits).collect();
        if fitting.is_empty() { Err(Reject::KeyUnfit) } else { Ok(fitting) }
    }

    /// What both transforms leave of the assertion.
    pub(super) fn canonical_assertion(&self) -> String {
        let prefixes = &self.reference.prefixes;
        canonicalize(self.assertion, prefixes, Some(self.signature.id()))
    }
}

/// Shows nothing of the message.
impl fmt::Debug for Gated<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").finish_non_exhaustive()
    }
}

/// The assertions of a message, and its ids.
type Found<'d, 'i> = (Vec<Node<'d, 'i>>, Vec<&'d str>);

/// Finds the assertions, all in their one place, and every value of the message that could serve as an id.
fn find_assertions<'d, 'i>(root: Node<'d, 'i>) -> Result<Found<'d, 'i>, Reject> {
    if !is(root, ns::SOAP, "Envelope") {
        return Err(Reject::NotEnvelope);
    }
    let (mut headers, mut securities, mut assertions) = (Vec::new(), Vec::new(), Vec::new());
    let mut ids = Vec::new();
    for node in root.descendants().filter(Node::is_element) {
        let is_id = |name: &str| name.eq_ignore_ascii_case("id");
        ids.extend(node.attributes().filter(|a| is_id(a.name())).map(|a| a.value()));
        let namespace = node.tag_name().namespace().unwrap_or("");
        match node.tag_name().name() {
            "Header" if namespace == ns::SOAP => headers.push(node),
            "Security" if namespace == ns::WSSE => securities.push(node),
            "Assertion" if namespace == ns::SAML => assertions.push(node),
            "Assertion" if namespace.starts_with(SAML_FAMILY) => {
                return Err(Reject::ForeignAssertion);
            }
            "EncryptedAssertion" if namespace.starts_with(SAML_FAMILY) => {
                return Err(Reject::EncryptedAssertion);
            }
            _ => {}
        }
    }

    let header = only(&headers, Reject::NoHeader, Reject::SeveralHeaders)?;
    if header.parent() != Some(root) {
        return Err(Reject::MisplacedHeader);
    }
    let security = only(&securities, Reject::NoSecurity, Reject::SeveralSecurities)?;
    if security.parent() != Some(header) {
        return Err(Reject::MisplacedSecurity);
    }
    for assertion in &assertions {
        if assertion.ancestors().skip(1).any(|outer| is(outer, ns::SAML, "Assertion")) {
            return Err(Reject::NestedAssertion);
        }
        if assertion.parent() != Some(security) {
            return Err(Reject::MisplacedAssertion);
        }
    }
    Ok((assertions, ids))
}

fn find_signature<'d, 'i>(assertion: Node<'d, 'i>) -> Result<Node<'d, 'i>, Reject> {
    let signatures: Vec<_> =
        assertion.descendants().filter(|node| is(*node, ns::DSIG, "Signature")).collect();
    let signature = only(&signatures, Reject::Unsigned, Reject::SeveralSignatures)?;
    if signature.parent() != Some(assertion) {
        return Err(Reject::MisplacedSignature);
    }
    Ok(signature)
}

fn only<'d, 'i>(
    found: &[Node<'d, 'i>],
    none: Reject,
    several: Reject,
) -> Result<Node<'d, 'i>, Reject> {
    match found {
        [] => Err(none),
        [one] => Ok(*one),
        _ => Err(several),
    }
}
