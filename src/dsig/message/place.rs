use crate::dsig::gate::Gated;
use crate::dsig::reject::Reject;
use crate::dsig::shape::is;
use crate::xml::{Node, attribute, ns};

/// What an element is by where it stands; elements that nobody reads by their place cannot be referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The one Timestamp of the security header.
    Timestamp,
    /// The one Body of the Envelope.
    Body,
    /// The assertion that was gated.
    Assertion,
    /// The other assertion of a pair.
    Beside,
    /// Another header block, or a token in the security header.
    Other,
}

/// The one element of that id, which must stand in a place where it is read: elsewhere it would prove nothing.
pub(super) fn find<'d, 'i>(
    gated: &Gated<'d, 'i>,
    id: &str,
) -> Result<(Part, Node<'d, 'i>), Reject> {
    let same = |other: &&&str| other.trim() == id.trim();
    if gated.ids.iter().filter(same).count() != 1 {
        return Err(Reject::ReferenceTarget);
    }
    let assertion = gated.assertion;
    if attribute(assertion, "ID") == Some(id) {
        return Ok((Part::Assertion, assertion));
    }
    if let Some(beside) = gated.beside.filter(|beside| attribute(*beside, "ID") == Some(id)) {
        return Ok((Part::Beside, beside));
    }
    let security = assertion.parent().ok_or(Reject::ReferencePlace)?;
    let header = security.parent().ok_or(Reject::ReferencePlace)?;
    let envelope = header.parent().ok_or(Reject::ReferencePlace)?;
    let named = |node: &Node<'d, 'i>| wsu_id(*node) == Some(id);
    let bodies = || envelope.children().filter(|node| is(*node, ns::SOAP, "Body"));
    if let Some(body) = bodies().find(named) {
        return if bodies().count() == 1 {
            Ok((Part::Body, body))
        } else {
            Err(Reject::ReferencePlace)
        };
    }
    let timestamps = || security.children().filter(|node| is(*node, ns::WSU, "Timestamp"));
    if let Some(timestamp) = timestamps().find(named) {
        let only = timestamps().count() == 1;
        return if only { Ok((Part::Timestamp, timestamp)) } else { Err(Reject::ReferencePlace) };
    }
    // a signature endorses another by its own Id (WS-SecurityPolicy 1.3 section 8.3)
    let signature = |node: &Node<'d, 'i>| {
        is(*node, ns::DSIG, "Signature") && attribute(*node, "Id") == Some(id)
    };
    let tokens = security.children().filter(|node| named(node) || signature(node));
    let mut others = tokens.chain(header.children().filter(named)).filter(Node::is_element);
    let other = others.next().ok_or(Reject::ReferencePlace)?;
    Ok((Part::Other, other))
}

/// The `wsu:Id` of an element.
pub(super) fn wsu_id<'d>(node: Node<'d, '_>) -> Option<&'d str> {
    let named = |name: &str, namespace: Option<&str>| name == "Id" && namespace == Some(ns::WSU);
    node.attributes().find(|a| named(a.name(), a.namespace())).map(|a| a.value())
}
