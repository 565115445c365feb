//! What may stand where inside a signature: exact elements, known attributes, base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reject::Reject;
use crate::xml::{Node, ns, text};

pub(super) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element()
        && node.tag_name().name() == name
        && node.tag_name().namespace() == Some(namespace)
}

/// The child elements; between them only white space and comments may stand.
pub(super) fn elements<'d, 'i>(
    node: Node<'d, 'i>,
    name: &'static str,
) -> Result<impl Iterator<Item = Node<'d, 'i>> + use<'d, 'i>, Reject> {
    for child in node.children() {
        let blank = |text: &str| text.bytes().all(is_space);
        if child.is_pi() {
            return Err(Reject::UnexpectedContent { inside: name });
        }
        if child.is_text() && !child.text().is_some_and(blank) {
            return Err(Reject::UnexpectedText { inside: name });
        }
    }
    Ok(node.children().filter(Node::is_element))
}

/// Takes the next element, which must be that one in the namespace of signatures.
pub(super) fn take<'d, 'i>(
    rest: &mut impl Iterator<Item = Node<'d, 'i>>,
    expected: &'static str,
    attributes: &[&str],
) -> Result<Node<'d, 'i>, Reject> {
    let node = rest.next().filter(|node| is(*node, ns::DSIG, expected));
    let node = node.ok_or(Reject::Missing { expected })?;
    allow_attributes(node, expected, attributes)?;
    Ok(node)
}

/// Refuses attributes other than those, which have no namespace.
pub(super) fn allow_attributes(
    node: Node<'_, '_>,
    element: &'static str,
    allowed: &[&str],
) -> Result<(), Reject> {
    let known = node.attributes().all(|a| a.namespace().is_none() && allowed.contains(&a.name()));
    if known { Ok(()) } else { Err(Reject::UnexpectedAttribute { element }) }
}

/// Refuses child elements.
pub(super) fn nothing_in(node: Node<'_, '_>, name: &'static str) -> Result<(), Reject> {
    match elements(node, name)?.next() {
        None => Ok(()),
        Some(_) => Err(Reject::UnexpectedContent { inside: name }),
    }
}

/// Decodes an element that holds base64 text, with white space, and nothing else.
pub(super) fn base64(node: Node<'_, '_>, element: &'static str) -> Result<Vec<u8>, Reject> {
    let mut compact = Vec::new();
    for child in node.children() {
        let text = child.text().filter(|_| child.is_text());
        let text = text.ok_or(Reject::UnexpectedContent { inside: element })?;
        compact.extend(text.bytes().filter(|b| !is_space(*b)));
    }
    match STANDARD.decode(compact) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Reject::Base64 { element }),
    }
}

/// Reads an element that holds a small number and nothing else.
pub(super) fn number(node: Node<'_, '_>, element: &'static str) -> Result<usize, Reject> {
    allow_attributes(node, element, &[])?;
    nothing_in_but_text(node, element)?;
    text(node).parse().map_err(|_| Reject::UnexpectedContent { inside: element })
}

fn nothing_in_but_text(node: Node<'_, '_>, element: &'static str) -> Result<(), Reject> {
    let plain = node.children().all(|child| child.is_text());
    if plain { Ok(()) } else { Err(Reject::UnexpectedContent { inside: element }) }
}

/// White space of XML, which is less than that of Unicode.
fn is_space(byte: u8) -> bool {
    b" \t\r\n".contains(&byte)
}
