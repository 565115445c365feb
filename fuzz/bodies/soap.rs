//! Requests: entity, envelope and addressing headers.

use glassgate::dsig::{Algorithms, canonicalize, gate, gate_pair};
use glassgate::soap::{Asking, Error, Message, Packaging, Request, message_id};
use glassgate::xml::{self, Bounds, Document, Node, ns, parse};

use super::entity::entity;

/// What is accepted says once, in its headers, what we read of it, and reads the same as we would write it.
pub fn check(bytes: &[u8]) {
    let Some((kind, body)) = entity(bytes) else { return };
    let message = match Message::unpack(Some(kind), body) {
        Ok(message) => message,
        Err(error) => return refused(&error, None),
    };
    assert_eq!(message.packaging(), Packaging::announced(Some(kind)));
    let Ok(document) = parse(message.xml(), Bounds::REQUEST) else { return };
    let id = message_id(&document);
    // structure alone: no key is asked
    let alone = gate(&document, Algorithms::default()).is_ok();
    let pair = gate_pair(&document, Algorithms::default()).is_ok();
    assert!(!(alone && pair), "one assertion and two");
    let request = match Request::read(&document) {
        Ok(request) => request,
        Err(error) => return refused(&error, id.as_deref()),
    };
    assert_eq!(request.message_id, id);
    assert_eq!(header(&document, "Action").as_deref(), Some(request.action.as_str()));
    assert_eq!(header(&document, "MessageID"), request.message_id);
    let place: Vec<_> =
        request.body.ancestors().skip(1).map(|node| node.tag_name().name()).collect();
    assert_eq!(place, ["Body", "Envelope", ""]);
    for include in request.body.descendants().filter(|n| n.has_tag_name((ns::XOP, "Include"))) {
        let _ = xml::attribute(include, "href").and_then(|href| message.attachment(href));
    }
    written_again(&request);
}

/// The one header of that name, wherever in the message a reader might look for it.
fn header(document: &Document<'_>, name: &str) -> Option<String> {
    let is_header = |node: &Node<'_, '_>| {
        let above: Vec<_> = node.ancestors().skip(1).map(|outer| outer.tag_name().name()).collect();
        node.has_tag_name((ns::WSA, name)) && above == ["Header", "Envelope", ""]
    };
    let mut found = document.root().descendants().filter(is_header);
    let first = found.next()?;
    assert!(found.next().is_none(), "two headers {name}");
    Some(xml::text(first).into_owned())
}

fn written_again(request: &Request<'_, '_>) {
    let body_xml = canonicalize(request.body, &[], None);
    let asking = Asking {
        action: &request.action,
        to: "urn:x",
        message_id: request.message_id.as_deref().unwrap_or("urn:uuid:1"),
        security_xml: "",
        body_xml: &body_xml,
    };
    let text = asking.envelope();
    // canonical form may take more declarations than the message did
    let Ok(document) = parse(&text, Bounds::REQUEST) else { return };
    let again = Request::read(&document).expect("we wrote it");
    assert_eq!(again.action, request.action);
    assert_eq!(again.message_id.as_deref(), Some(asking.message_id));
    assert_eq!(canonicalize(again.body, &[], None), body_xml);
}

/// A refusal is told in a fault that can be read.
fn refused(error: &Error, relates_to: Option<&str>) {
    let text = error.fault().envelope(relates_to);
    let document = parse(&text, Bounds::REQUEST).expect("we wrote it");
    let header = xml::child(document.root(), ns::SOAP, "Header").expect("an Action at least");
    let told = xml::only_child(header, ns::WSA, "RelatesTo").map(xml::text);
    assert_eq!(told.as_deref(), relates_to);
    let body = xml::only_child(document.root(), ns::SOAP, "Body").expect("we wrote it");
    assert!(xml::only_child(body, ns::SOAP, "Fault").is_some());
}
