use std::borrow::Cow;

use super::strict::{
    declared_default, has_empty_prefix, has_unknown_character, has_unread_line_end,
    is_odd_instruction, may_have_empty_attribute, undeclares_prefix,
};
use crate::limits;

/// An element or text of a parsed document.
pub type Node<'d, 'i> = roxmltree::Node<'d, 'i>;

/// A document that keeps within its bounds; only [`parse`] makes one.
#[derive(Debug)]
pub struct Document<'i>(roxmltree::Document<'i>);

impl<'i> Document<'i> {
    /// The document element.
    #[must_use]
    pub fn root(&self) -> Node<'_, 'i> {
        self.0.root_element()
    }

    /// The text that was parsed.
    #[must_use]
    pub fn input(&self) -> &'i str {
        self.0.input_text()
    }
}

/// How large a document may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Nodes in all.
    pub nodes: u32,
    /// Elements within elements.
    pub depth: usize,
    /// Attributes and namespaces of one element.
    pub attributes: usize,
    /// Namespace declarations of the document.
    pub namespaces: usize,
}

impl Bounds {
    /// The ceilings for whatever a peer sends.
    pub const REQUEST: Self = Self {
        nodes: limits::XML_NODES,
        depth: limits::XML_DEPTH,
        attributes: limits::XML_ATTRIBUTES,
        namespaces: limits::XML_NAMESPACES,
    };
}

/// Why a text is not an acceptable document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not well-formed, or with a DTD.
    #[error("malformed XML: {0}")]
    Malformed(String),
    /// Elements nested too deep.
    #[error("XML nested deeper than {limit}")]
    TooDeep {
        /// The ceiling.
        limit: usize,
    },
    /// Too many nodes in the document.
    #[error("XML has more than {limit} nodes")]
    TooManyNodes {
        /// The ceiling.
        limit: u32,
    },
    /// Too many attributes or namespaces on one element.
    #[error("an XML element has more than {limit} attributes or namespaces")]
    TooManyAttributes {
        /// The ceiling.
        limit: usize,
    },
    /// Too many namespace declarations in the document.
    #[error("XML has more than {limit} namespace declarations")]
    TooManyNamespaces {
        /// The ceiling.
        limit: usize,
    },
}

/// Parses a whole document within bounds; a byte order mark in front is passed over.
pub fn parse(text: &str, bounds: Bounds) -> Result<Document<'_>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    scan(text, bounds)?;
    if has_unread_line_end(text) {
        return Err(Error::Malformed("a carriage return stands alone beside a reference".into()));
    }
    if has_unknown_character(text) {
        return Err(Error::Malformed("a reference names no character".into()));
    }
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: bounds.nodes,
        ..Default::default()
    };
    let document =
        roxmltree::Document::parse_with_options(text, options).map_err(|error| match error {
            roxmltree::Error::NodesLimitReached => Error::TooManyNodes { limit: bounds.nodes },
            other => Error::Malformed(other.to_string()),
        })?;
    // the scan above is coarse; depth is counted exactly here, without recursion
    let mut depth = 0_usize;
    let mut node = document.root();
    let may_undeclare = may_have_empty_attribute(text);
    loop {
        if has_empty_prefix(node) {
            return Err(Error::Malformed("a name begins with a colon".into()));
        }
        if may_undeclare && undeclares_prefix(node) {
            return Err(Error::Malformed("an element takes the namespace from a prefix".into()));
        }
        if is_odd_instruction(node) {
            return Err(Error::Malformed("a processing instruction has no name of its own".into()));
        }
        if let Some(first) = node.first_child() {
            depth = depth.saturating_add(1);
            if depth > bounds.depth {
                return Err(Error::TooDeep { limit: bounds.depth });
            }
            node = first;
            continue;
        }
        loop {
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            match node.parent() {
                Some(parent) => {
                    node = parent;
                    depth = depth.saturating_sub(1);
                }
                None => return Ok(Document(document)),
            }
        }
    }
}

/// Refuses what would make the parser compare attributes or namespaces pair by pair.
fn scan(text: &str, bounds: Bounds) -> Result<(), Error> {
    // whatever stands as `xmlns` counts, in text too
    let declared = memchr::memmem::find_iter(text.as_bytes(), "xmlns");
    let declared: Vec<usize> = declared.take(bounds.namespaces.saturating_add(1)).collect();
    if declared.len() > bounds.namespaces {
        return Err(Error::TooManyNamespaces { limit: bounds.namespaces });
    }
    // hardly any text has one; then each tag is looked at
    let with_colon = memchr::memmem::find(text.as_bytes(), b":xmlns").is_some();
    let mut declared = declared.into_iter().peekable();
    let mut starts = memchr::memchr_iter(b'<', text.as_bytes()).peekable();
    while let Some(start) = starts.next() {
        let end = starts.peek().copied().unwrap_or(text.len());
        let piece = text.get(start.saturating_add(1)..end).unwrap_or("");
        let here = std::iter::from_fn(|| declared.next_if(|at| *at < end)).count();
        // most tags are too short for many attributes, and declare one namespace at most
        if here < 2 && !with_colon && piece.len() <= bounds.attributes {
            continue;
        }
        // a comment or CDATA is no tag; in a tag all before `>` outside of quotes counts
        if piece.starts_with('!') {
            continue;
        }
        let mut quote = None;
        let (mut defaults, mut with_colon) = (0_usize, false);
        let end = piece.bytes().enumerate().find_map(|(at, b)| {
            match (quote, b) {
                (None, b'"' | b'\'') => quote = Some(b),
                (Some(open), b) if b == open => quote = None,
                (None, b'=') => match declared_default(piece.get(..at).unwrap_or("")) {
                    Some("xmlns") => defaults = defaults.saturating_add(1),
                    Some(_) => with_colon = true,
                    None => {}
                },
                (None, b'>') => return Some(at),
                _ => {}
            }
            None
        });
        if with_colon {
            return Err(Error::Malformed("an attribute is named xmlns behind a colon".into()));
        }
        // the parser lets this pass, and readers differ on which of the two holds
        if defaults > 1 {
            return Err(Error::Malformed("an element declares two default namespaces".into()));
        }
        let tag = end.and_then(|end| piece.get(..end)).unwrap_or(piece);
        if tag.len() > bounds.attributes && attributes_in(tag) > bounds.attributes {
            return Err(Error::TooManyAttributes { limit: bounds.attributes });
        }
    }
    Ok(())
}

/// Counts `=` outside of quotes.
fn attributes_in(tag: &str) -> usize {
    let mut quote = None;
    let mut count = 0_usize;
    for b in tag.bytes() {
        match (quote, b) {
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(open), b) if b == open => quote = None,
            (None, b'=') => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

/// The child elements of that name.
pub fn children<'d, 'i: 'd>(
    node: Node<'d, 'i>,
    namespace: &'d str,
    name: &'d str,
) -> impl Iterator<Item = Node<'d, 'i>> {
    node.children().filter(move |n| {
        n.is_element() && n.tag_name().name() == name && n.tag_name().namespace() == Some(namespace)
    })
}

/// The first child element of that name.
#[must_use]
pub fn child<'d, 'i: 'd>(
    node: Node<'d, 'i>,
    namespace: &'d str,
    name: &'d str,
) -> Option<Node<'d, 'i>> {
    children(node, namespace, name).next()
}

/// The child element of that name, where there is just one.
#[must_use]
pub fn only_child<'d, 'i: 'd>(
    node: Node<'d, 'i>,
    namespace: &'d str,
    name: &'d str,
) -> Option<Node<'d, 'i>> {
    let mut found = children(node, namespace, name);
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first) }
}

/// An attribute without a namespace.
#[must_use]
pub fn attribute<'d>(node: Node<'d, '_>, name: &str) -> Option<&'d str> {
    node.attributes().find(|a| a.name() == name && a.namespace().is_none()).map(|a| a.value())
}

/// All text directly inside an element, joined around comments, trimmed.
#[must_use]
pub fn text<'d>(node: Node<'d, '_>) -> Cow<'d, str> {
    let mut pieces = node.children().filter(Node::is_text).filter_map(|n| n.text());
    let Some(first) = pieces.next() else { return Cow::Borrowed("") };
    match pieces.next() {
        None => Cow::Borrowed(first.trim()),
        Some(second) => {
            let mut joined = format!("{first}{second}");
            pieces.for_each(|piece| joined.push_str(piece));
            Cow::Owned(joined.trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_joined_around_comments() {
        let document = parse("<a> x<!-- c -->y<![CDATA[<z]]> </a>", Bounds::REQUEST).unwrap();
        assert_eq!(text(document.root()), "xy<z");
    }

    #[test]
    fn bounds_hold() {
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(parse(&deep(limits::XML_DEPTH), Bounds::REQUEST).is_ok());
        assert!(matches!(
            parse(&deep(limits::XML_DEPTH + 1), Bounds::REQUEST),
            Err(Error::TooDeep { .. })
        ));
        assert!(parse(&deep(100_000), Bounds::REQUEST).is_err());
        let wide = |n: usize| {
            let names: String = (0..n).map(|i| format!(" a{i}='='")).collect();
            format!("<a{names}/>")
        };
        assert!(parse(&wide(limits::XML_ATTRIBUTES), Bounds::REQUEST).is_ok());
        assert!(matches!(
            parse(&wide(limits::XML_ATTRIBUTES + 1), Bounds::REQUEST),
            Err(Error::TooManyAttributes { .. })
        ));
        let named = |n: usize| format!("<a>{}</a>", "<b xmlns='x'/>".repeat(n));
        assert!(parse(&named(limits::XML_NAMESPACES), Bounds::REQUEST).is_ok());
        assert!(matches!(
            parse(&named(limits::XML_NAMESPACES + 1), Bounds::REQUEST),
            Err(Error::TooManyNamespaces { .. })
        ));
        let many = format!("<a>{}</a>", "<b/>".repeat(limits::XML_NODES as usize));
        assert!(matches!(parse(&many, Bounds::REQUEST), Err(Error::TooManyNodes { .. })));
    }

    #[test]
    fn doctypes_are_refused_and_a_byte_order_mark_is_not() {
        assert!(parse("<!DOCTYPE a><a/>", Bounds::REQUEST).is_err());
        assert!(parse("\u{feff}<?xml version='1.0'?><a/>", Bounds::REQUEST).is_ok());
        assert!(parse("<a/><b/>", Bounds::REQUEST).is_err());
        assert!(parse("<a><b></a></b>", Bounds::REQUEST).is_err());
    }
}
