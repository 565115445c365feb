//! Reading and escaping XML.

use glassgate::xml::{self, Bounds, Document, Node, escape_attribute, escape_text, parse};

/// What is read keeps its bounds and stands where it says; what is escaped reads back.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    reads_back(text);
    let Ok(document) = parse(text, Bounds::REQUEST) else { return };
    let root = document.root();
    assert!(root.descendants().count() <= Bounds::REQUEST.nodes as usize);
    for node in root.descendants() {
        assert!(node.ancestors().count() <= Bounds::REQUEST.depth + 1);
        let reserved = |name: &str| name.eq_ignore_ascii_case("xml");
        assert!(node.range().start == 0 || !node.pi().is_some_and(|pi| reserved(pi.target)));
        if node.is_element() {
            element(&document, node);
        }
    }
}

fn element(document: &Document<'_>, node: Node<'_, '_>) {
    let written = &document.input()[node.range()];
    assert_eq!(local(&written[1..]), node.tag_name().name());
    assert!(!written[1..].starts_with(':'));
    assert!(written.starts_with('<') && written.ends_with('>'));
    if let Some(parent) = node.parent_element() {
        let (outer, inner) = (parent.range(), node.range());
        assert!(outer.start < inner.start && inner.end < outer.end);
    }
    assert!(node.attributes().len() <= Bounds::REQUEST.attributes);
    for attribute in node.attributes() {
        let written = &document.input()[attribute.range()];
        assert_eq!(local(written), attribute.name());
        assert!(!written.starts_with(':'));
        reads_back(attribute.value());
    }
    let pieces = node.children().filter(Node::is_text).filter_map(|child| child.text());
    let whole: String = pieces.collect();
    assert_eq!(xml::text(node), whole.trim());
    reads_back(&whole);
}

/// The local part of the name that a text begins with.
fn local(text: &str) -> &str {
    let end = text.find([' ', '\t', '\r', '\n', '=', '/', '>']).unwrap_or(text.len());
    let name = &text[..end];
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// A document of ours; none where the texts in it spell `xmlns` more often than a document may.
pub(crate) fn ours(written: &str) -> Option<Document<'_>> {
    match parse(written, Bounds::REQUEST) {
        Ok(document) => Some(document),
        Err(xml::Error::TooManyNamespaces { .. }) => None,
        Err(error) => panic!("{error}: {written}"),
    }
}

/// Written by us, a text is read as it was, but for what XML cannot hold.
pub(crate) fn reads_back(text: &str) {
    let mut written = String::from("<a b=\"");
    escape_attribute(&mut written, text);
    written.push_str("\">");
    escape_text(&mut written, text);
    written.push_str("</a>");
    let Some(document) = ours(&written) else { return };
    let illegal =
        |c: char| c < ' ' && !"\t\n\r".contains(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    let legal = text.replace(illegal, "\u{fffd}");
    assert_eq!(xml::attribute(document.root(), "b"), Some(legal.as_str()));
    assert_eq!(document.root().text().unwrap_or(""), legal);
}
