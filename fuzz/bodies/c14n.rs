//! Exclusive canonicalisation.

use glassgate::dsig::canonicalize;
use glassgate::xml::{Bounds, Document, Node, parse};

/// The canonical form says what the document says, and is its own canonical form.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(document) = parse(text, Bounds::REQUEST) else { return };
    let root = document.root();
    let octets = canonicalize(root, &[], None);
    stable(root, &octets, &[]);

    let declared = root.descendants().flat_map(|node| node.namespaces());
    let mut prefixes: Vec<&str> = declared.map(|declared| declared.name().unwrap_or("")).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes.truncate(4);
    prefixes.extend(["#default", "unbound"]);
    stable(root, &canonicalize(root, &prefixes, None), &prefixes);

    let Some(child) = root.first_element_child() else { return };
    let alone = canonicalize(child, &[], None);
    stable(child, &alone, &[]);
    if let Some(whole) = without(&document, child) {
        assert_eq!(canonicalize(root, &[], Some(child.id())), whole);
    }
}

/// The octets are a document with the same content, and canonical.
fn stable(element: Node<'_, '_>, octets: &str, prefixes: &[&str]) {
    assert!(!octets.contains('\r'), "{octets:?}");
    // each element may have to declare what one declared for all
    let Ok(again) =
        parse(octets, Bounds { namespaces: usize::MAX, attributes: usize::MAX, ..Bounds::REQUEST })
    else {
        panic!("not well-formed: {octets}");
    };
    assert_eq!(canonicalize(again.root(), prefixes, None), octets);
    assert_eq!(content(again.root()), content(element));
}

/// The canonical form of the document with that element cut out; none where cutting joins what stood apart.
fn without(document: &Document<'_>, element: Node<'_, '_>) -> Option<String> {
    let (text, range) = (document.input(), element.range());
    let cut = format!("{}{}", &text[..range.start], &text[range.end..]);
    let document = parse(&cut, Bounds::REQUEST).ok().filter(|_| !cut.contains('\r'))?;
    Some(canonicalize(document.root(), &[], None))
}

/// All that canonical form keeps, in a form of no standard.
fn content(element: Node<'_, '_>) -> Vec<String> {
    let mut content: Vec<String> = Vec::new();
    let mut in_text = false;
    for node in element.descendants() {
        if let Some(text) = node.text().filter(|_| node.is_text()) {
            match content.last_mut().filter(|_| in_text) {
                Some(last) => last.push_str(text),
                None => content.push(format!("text {text}")),
            }
            in_text = true;
            continue;
        }
        // a comment parts nothing once it is gone
        if node.is_comment() {
            continue;
        }
        in_text = false;
        if let Some(pi) = node.pi() {
            let value = pi.value.unwrap_or("").replace("\r\n", "\n").replace('\r', "\n");
            content.push(format!("pi {} {value}", pi.target));
            continue;
        }
        let mut attributes: Vec<String> = node
            .attributes()
            .map(|a| format!("{:?} {} {:?}", a.namespace(), a.name(), a.value()))
            .collect();
        attributes.sort_unstable();
        let above = node.ancestors().count() - element.ancestors().count();
        let (namespace, name) = (node.tag_name().namespace(), node.tag_name().name());
        // undeclared is the same as never declared
        content.push(format!("{above} {:?} {name} {attributes:?}", namespace.unwrap_or("")));
    }
    content.retain(|piece| piece != "text ");
    content
}
