//! Where libxml2, libxmlsec1 and we part by design: the names of namespaces, the white space of a PrefixList.

use glassgate::xml::{Document, attribute};

/// Whether a namespace's name is no absolute URI, or holds `&`, which libxml2 2.9 reads as `&#38;`.
///
/// It refuses to canonicalise those, as Canonical XML 1.0 wants of relative ones; we take every name as text.
pub(crate) fn odd_namespace(document: &Document<'_>) -> bool {
    let absolute = |name: &str| {
        let scheme = name.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        });
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#@!$'()*+,;=".contains(&b);
        let authority =
            name.split_once("//").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        let whole = scheme && authority.is_none_or(usual) && name.bytes().all(plain);
        whole && name.bytes().filter(|b| *b == b'#').count() < 2
    };
    let mut nodes = document.root().descendants();
    nodes.any(|node| node.namespaces().any(|n| !n.uri().is_empty() && !absolute(n.uri())))
}

/// Whether an authority is a host of letters, digits, points and dashes, and a port if any: more is for URI parsers.
fn usual(authority: &str) -> bool {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    let ported = port.bytes().all(|b| b.is_ascii_digit()) && (1..=5).contains(&port.len());
    named && ported && !host.is_empty()
}

/// Whether a PrefixList has more white space than one between two prefixes.
///
/// libxmlsec1 1.2 takes each blank too many for `#default`; the list is of type NMTOKENS, so it means nothing.
pub(crate) fn odd_prefix_list(document: &Document<'_>) -> bool {
    let mut lists = document.root().descendants().filter_map(|n| attribute(n, "PrefixList"));
    lists.any(|list| list.split_ascii_whitespace().collect::<Vec<_>>().join(" ") != list)
}
