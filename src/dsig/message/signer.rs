use super::place::wsu_id;
use crate::dsig::gate::Gated;
use crate::dsig::key::Key;
use crate::dsig::key_info::certificate_key_in;
use crate::dsig::reject::Reject;
use crate::dsig::shape::is;
use crate::xml::{Node, attribute, ns, text};

/// How a reference says that it holds the ID of a SAML assertion (SAML Token Profile 1.1, 3.3).
const SAML_IDS: [&str; 2] = [
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID",
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID",
];
/// A certificate as token (X.509 Token Profile 1.1, 3.1).
const X509_V3: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";

/// Whose key is said to have signed; the message's word alone.
#[derive(Debug)]
pub enum Signer {
    /// Whoever the assertion confirms as holder of a key.
    Assertion,
    /// Whoever the other assertion of a pair confirms so.
    Beside,
    /// The owner of this key, by the certificate in a BinarySecurityToken: it counts where it is known from elsewhere.
    Token(Key),
}

impl Signer {
    /// Reads a KeyInfo with one SecurityTokenReference to the assertion or to a certificate in the header.
    pub(super) fn read(key_info: Node<'_, '_>, gated: &Gated<'_, '_>) -> Result<Self, Reject> {
        let reference =
            only_element(key_info).filter(|node| is(*node, ns::WSSE, "SecurityTokenReference"));
        let inner = reference.and_then(only_element).ok_or(Reject::KeyInfo)?;
        if is(inner, ns::WSSE, "KeyIdentifier") {
            let kind = attribute(inner, "ValueType").unwrap_or_default();
            let named = Self::by_id(&text(inner), gated).filter(|_| SAML_IDS.contains(&kind));
            return named.ok_or(Reject::KeyInfo);
        }
        if !is(inner, ns::WSSE, "Reference") {
            return Err(Reject::KeyInfo);
        }
        let id =
            attribute(inner, "URI").and_then(|uri| uri.strip_prefix('#')).ok_or(Reject::KeyInfo)?;
        if let Some(named) = Self::by_id(id, gated) {
            return Ok(named);
        }
        let security = gated.assertion.parent().ok_or(Reject::KeyInfo)?;
        let mut tokens = security
            .children()
            .filter(|node| is(*node, ns::WSSE, "BinarySecurityToken") && wsu_id(*node) == Some(id));
        let (Some(token), None) = (tokens.next(), tokens.next()) else {
            return Err(Reject::KeyInfo);
        };
        if attribute(token, "ValueType") != Some(X509_V3) {
            return Err(Reject::KeyInfo);
        }
        certificate_key_in(token).map(Self::Token).map_err(|_| Reject::KeyInfo)
    }

    /// Whoever the assertion of that ID confirms.
    fn by_id(id: &str, gated: &Gated<'_, '_>) -> Option<Self> {
        if id == gated.claimed_id() {
            return Some(Self::Assertion);
        }
        (Some(id) == gated.id_beside()).then_some(Self::Beside)
    }
}

/// The one child element.
fn only_element<'d, 'i>(node: Node<'d, 'i>) -> Option<Node<'d, 'i>> {
    let mut elements = node.children().filter(Node::is_element);
    elements.next().filter(|_| elements.next().is_none())
}
