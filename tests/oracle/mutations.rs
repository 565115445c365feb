//! Changes to a message, by byte, node, namespace and white space; some change nothing that is signed.

use std::ops::Range;

use glassgate::xml::{Bounds, parse};
use proptest::prelude::*;
use proptest::sample::Index;

/// One change; one that finds nothing to change changes nothing.
#[derive(Debug, Clone)]
pub(super) enum Mutation {
    /// Puts text over the bytes at a place.
    Bytes { at: Index, taken: usize, put: &'static str },
    /// Puts a copy of one node before another.
    Copy { from: Index, to: Index },
    /// Takes a node away.
    Remove { node: Index },
    /// Puts text before a node.
    Insert { node: Index, put: &'static str },
    /// Puts attributes into a start tag.
    Declare { element: Index, put: &'static str },
    /// Writes text another way: as a character reference or a CDATA section.
    Respell { text: Index, cdata: bool },
    /// Changes a value that declares a namespace.
    Rebind { declaration: Index, put: &'static str },
}

impl Mutation {
    pub(super) fn applied(&self, message: &str) -> String {
        self.change(message).unwrap_or_else(|| message.to_owned())
    }

    fn change(&self, message: &str) -> Option<String> {
        match self {
            Self::Bytes { at, taken, put } => {
                let start = at.index(message.len());
                replaced(message, start..(start + taken).min(message.len()), put)
            }
            Self::Copy { from, to } => {
                let nodes = nodes(message, |_| true);
                let (from, to) = (pick(&nodes, from)?, pick(&nodes, to)?);
                replaced(message, to.start..to.start, message.get(from)?)
            }
            Self::Remove { node } => {
                let nodes = nodes(message, |_| true);
                replaced(message, pick(&nodes, node)?, "")
            }
            Self::Insert { node, put } => {
                let start = pick(&nodes(message, |_| true), node)?.start;
                replaced(message, start..start, put)
            }
            Self::Declare { element, put } => {
                let element = pick(&nodes(message, |node| node.is_element()), element)?;
                let name = message.get(element.clone())?.find([' ', '>', '/', '\t', '\r', '\n'])?;
                let end = element.start + name;
                replaced(message, end..end, put)
            }
            Self::Respell { text, cdata } => {
                let text = pick(&nodes(message, |node| node.is_text()), text)?;
                let written = message.get(text.clone())?;
                if *cdata {
                    return replaced(message, text, &format!("<![CDATA[{written}]]>"));
                }
                let first = written.chars().next().filter(|c| !"<&\r".contains(*c))?;
                let end = text.start + first.len_utf8();
                replaced(message, text.start..end, &format!("&#x{:X};", u32::from(first)))
            }
            Self::Rebind { declaration, put } => {
                let places: Vec<_> = message.match_indices("xmlns").collect();
                let (start, _) = places.get(declaration.index(places.len().max(1)))?;
                let open = start + message.get(*start..)?.find(['"', '\''])?;
                let quote = message.get(open..)?.chars().next()?;
                let end = open + 1 + message.get(open + 1..)?.find(quote)?;
                replaced(message, open + 1..end, put)
            }
        }
    }
}

pub(super) fn any_mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    let of = |choices: &'static [&'static str]| prop::sample::select(choices);
    let bytes =
        of(&["", "x", "A", "0", "=", " ", "\"", "<", ">", "&", ":", "/", "#", "ü", "\u{0}"]);
    let space = of(&[" ", "\n", "\t", "\r\n", "\r", "\u{a0}"]);
    let inserted = of(&["<!-- c -->", "<?pi x?>", "<![CDATA[]]>", "text", "<e/>", " ", "\r\n"]);
    let declared = of(&[
        " xmlns:n='urn:n'",
        " xmlns='urn:n'",
        " xmlns=''",
        " xmlns:p='urn:n'",
        " xmlns:p='urn:p'",
        " xmlns:p=''",
        " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
        " k='v'",
        " p:k='v'",
        " ID='_a1'",
        " Id='_b'",
        " xml:id='_a1'",
        "\r\n ",
    ]);
    let names = of(&[
        "urn:n",
        "urn:p",
        "",
        "urn:oasis:names:tc:SAML:2.0:assertion",
        "http://www.w3.org/2000/09/xmldsig#",
        "urn:&#x70;",
        " urn:p",
        "urn:\tp",
    ]);
    prop_oneof![
        (index(), 0_usize..3, bytes).prop_map(|(at, taken, put)| Mutation::Bytes {
            at,
            taken,
            put
        }),
        (index(), space).prop_map(|(at, put)| Mutation::Bytes { at, taken: 0, put }),
        (index(), index()).prop_map(|(from, to)| Mutation::Copy { from, to }),
        index().prop_map(|node| Mutation::Remove { node }),
        (index(), inserted).prop_map(|(node, put)| Mutation::Insert { node, put }),
        (index(), declared).prop_map(|(element, put)| Mutation::Declare { element, put }),
        (index(), any::<bool>()).prop_map(|(text, cdata)| Mutation::Respell { text, cdata }),
        (index(), names).prop_map(|(declaration, put)| Mutation::Rebind { declaration, put }),
    ]
}

fn nodes(
    message: &str,
    wanted: impl Fn(glassgate::xml::Node<'_, '_>) -> bool,
) -> Vec<Range<usize>> {
    let Ok(document) = parse(message, Bounds::REQUEST) else { return Vec::new() };
    let below_root = document.root().descendants().skip(1);
    below_root.filter(|node| wanted(*node)).map(|node| node.range()).collect()
}

fn pick(ranges: &[Range<usize>], index: &Index) -> Option<Range<usize>> {
    (!ranges.is_empty()).then(|| ranges[index.index(ranges.len())].clone())
}

fn replaced(message: &str, range: Range<usize>, put: &str) -> Option<String> {
    let (head, tail) = (message.get(..range.start)?, message.get(range.end..)?);
    Some(format!("{head}{put}{tail}"))
}
