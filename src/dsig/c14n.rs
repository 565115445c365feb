use memchr::{memchr, memchr3};
use roxmltree::{Attribute, NodeId};

use crate::xml::Node;

/// Writes an element in exclusive canonical form 1.0 without comments, leaving out `skip` (W3C xml-exc-c14n 3).
///
/// `inclusive_prefixes` is the PrefixList; `#default` in it means the default namespace.
#[must_use]
pub fn canonicalize(
    element: Node<'_, '_>,
    inclusive_prefixes: &[&str],
    skip: Option<NodeId>,
) -> String {
    let mut writer = Writer {
        out: String::with_capacity(element.range().len().saturating_add(256)),
        source: element.document().input_text(),
        inclusive: inclusive_prefixes,
        rendered: Vec::new(),
        open: Vec::new(),
        due: Vec::new(),
        attributes: Vec::new(),
    };
    let mut node = element;
    loop {
        if skip != Some(node.id()) {
            if node.is_element() {
                writer.start(node);
                if let Some(child) = node.first_child() {
                    node = child;
                    continue;
                }
                writer.end();
            } else {
                writer.leaf(node);
            }
        }
        loop {
            if node.id() == element.id() {
                return writer.out;
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            let Some(parent) = node.parent() else { return writer.out };
            writer.end();
            node = parent;
        }
    }
}

struct Writer<'p, 'd, 'i> {
    out: String,
    source: &'i str,
    inclusive: &'p [&'p str],
    /// Prefix and namespace as the open elements declare them in the output; the last one holds.
    rendered: Vec<(&'p str, &'d str)>,
    open: Vec<Open<'i>>,
    // buffers of `start`, kept between elements
    due: Vec<(&'p str, &'d str)>,
    attributes: Vec<Attribute<'d, 'i>>,
}

/// An element whose end tag is to come.
struct Open<'i> {
    name: &'i str,
    /// How many namespaces were rendered before it.
    rendered: usize,
}

impl<'p, 'd: 'p, 'i: 'd> Writer<'p, 'd, 'i> {
    fn start(&mut self, node: Node<'d, 'i>) {
        let name = name_at(self.source, node.range().start.saturating_add(1));
        self.open.push(Open { name, rendered: self.rendered.len() });
        self.out.push('<');
        self.out.push_str(name);
        self.attributes.clear();
        self.attributes.extend(node.attributes());
        self.namespaces(node, prefix_of(name));
        self.attributes.sort_unstable_by_key(|a| (a.namespace().unwrap_or(""), a.name()));
        for attribute in &self.attributes {
            self.out.push(' ');
            self.out.push_str(name_at(self.source, attribute.range().start));
            self.out.push('=');
            write_value(&mut self.out, attribute.value());
        }
        self.out.push('>');
    }

    /// Declares what the element visibly uses or the PrefixList names, where the output does not have it yet.
    fn namespaces(&mut self, node: Node<'d, 'i>, prefix: &'p str) {
        self.due.clear();
        self.due.push((prefix, node.tag_name().namespace().unwrap_or("")));
        for attribute in &self.attributes {
            let Some(namespace) = attribute.namespace() else { continue };
            let prefix = prefix_of(name_at(self.source, attribute.range().start));
            if prefix != "xml" {
                self.due.push((prefix, namespace));
            }
        }
        for &prefix in self.inclusive {
            if prefix == "#default" {
                self.due.push(("", node.lookup_namespace_uri(None).unwrap_or("")));
            } else if let Some(namespace) = node.lookup_namespace_uri(Some(prefix)) {
                self.due.push((prefix, namespace));
            }
        }
        self.due.sort_unstable();
        self.due.dedup();
        for &(prefix, namespace) in &self.due {
            let last = self.rendered.iter().rev().find(|(p, _)| *p == prefix).map(|(_, n)| *n);
            // no default namespace needs no declaration until there was one
            if last == Some(namespace)
                || (last.is_none() && prefix.is_empty() && namespace.is_empty())
            {
                continue;
            }
            self.rendered.push((prefix, namespace));
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.out.push('=');
            write_value(&mut self.out, namespace);
        }
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.rendered.truncate(open.rendered);
        self.out.push_str("</");
        self.out.push_str(open.name);
        self.out.push('>');
    }

    /// Text and processing instructions; comments are left out.
    fn leaf(&mut self, node: Node<'d, 'i>) {
        if let Some(instruction) = node.pi() {
            self.out.push_str("<?");
            self.out.push_str(instruction.target);
            if let Some(value) = instruction.value {
                self.out.push(' ');
                // the parser leaves line ends as they were here
                self.out.push_str(&value.replace("\r\n", "\n").replace('\r', "\n"));
            }
            self.out.push_str("?>");
        } else if node.is_text() {
            write_text(&mut self.out, node.text().unwrap_or(""));
        }
    }
}

/// The qualified name that starts there; the DOM does not keep prefixes.
fn name_at(source: &str, start: usize) -> &str {
    let rest = source.get(start..).unwrap_or("");
    let end = rest
        .bytes()
        .position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'/' | b'>'))
        .unwrap_or(rest.len());
    rest.get(..end).unwrap_or("")
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

fn write_text(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    if memchr3(b'&', b'<', b'>', bytes).or_else(|| memchr(b'\r', bytes)).is_none() {
        return out.push_str(text);
    }
    escape(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// Appends a value in double quotes.
fn write_value(out: &mut String, value: &str) {
    out.push('"');
    let bytes = value.as_bytes();
    if memchr3(b'&', b'<', b'"', bytes).or_else(|| memchr3(b'\t', b'\n', b'\r', bytes)).is_none() {
        out.push_str(value);
    } else {
        escape(out, value, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'"' => Some("&quot;"),
            b'\t' => Some("&#x9;"),
            b'\n' => Some("&#xA;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }
    out.push('"');
}

fn escape(out: &mut String, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(replacement) = replacement(byte) {
            out.push_str(text.get(copied..at).unwrap_or(""));
            out.push_str(replacement);
            copied = at.saturating_add(1);
        }
    }
    out.push_str(text.get(copied..).unwrap_or(""));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::{Bounds, parse};

    fn canonical(xml: &str, prefixes: &[&str]) -> String {
        canonicalize(parse(xml, Bounds::REQUEST).unwrap().root(), prefixes, None)
    }

    /// The first element of that local name, wherever it stands.
    fn canonical_of(xml: &str, name: &str, prefixes: &[&str]) -> String {
        let document = parse(xml, Bounds::REQUEST).unwrap();
        let node = document.root().descendants().find(|n| n.tag_name().name() == name).unwrap();
        canonicalize(node, prefixes, None)
    }

    #[test]
    fn only_visibly_used_namespaces_are_declared_where_used() {
        let xml = r#"<a:x xmlns:a="urn:a" xmlns:b="urn:b" xmlns:u="urn:u"><b:y b:k="1" k="2"/><a:z/></a:x>"#;
        assert_eq!(
            canonical(xml, &[]),
            r#"<a:x xmlns:a="urn:a"><b:y xmlns:b="urn:b" k="2" b:k="1"></b:y><a:z></a:z></a:x>"#
        );
        assert_eq!(canonical_of(xml, "y", &[]), r#"<b:y xmlns:b="urn:b" k="2" b:k="1"></b:y>"#);
    }

    #[test]
    fn a_rebound_prefix_is_declared_again_and_its_old_meaning_returns() {
        let xml = r#"<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"><p:c/></p:b><p:d/></p:a>"#;
        assert_eq!(
            canonical(xml, &[]),
            r#"<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"><p:c></p:c></p:b><p:d></p:d></p:a>"#
        );
    }

    #[test]
    fn the_default_namespace_is_undeclared_only_after_it_was_declared() {
        let xml = r#"<a xmlns="urn:1"><b xmlns=""><c xmlns=""/><d xmlns="urn:1"/></b></a>"#;
        assert_eq!(
            canonical(xml, &[]),
            r#"<a xmlns="urn:1"><b xmlns=""><c></c><d xmlns="urn:1"></d></b></a>"#
        );
        assert_eq!(canonical_of(xml, "c", &[]), "<c></c>");
        // a prefixed element between does not use the default namespace
        let xml = r#"<a xmlns="urn:1" xmlns:p="urn:p"><p:b xmlns=""><c/></p:b></a>"#;
        assert_eq!(
            canonical(xml, &[]),
            r#"<a xmlns="urn:1"><p:b xmlns:p="urn:p"><c xmlns=""></c></p:b></a>"#
        );
        assert_eq!(
            canonical(xml, &["#default"]),
            r#"<a xmlns="urn:1"><p:b xmlns="" xmlns:p="urn:p"><c></c></p:b></a>"#
        );
    }

    #[test]
    fn the_prefix_list_brings_inherited_namespaces_in() {
        let xml = r#"<e xmlns="urn:d" xmlns:xs="urn:xs" xmlns:n="urn:n"><p:a xmlns:p="urn:p" t="xs:string"><p:b xmlns:xs="urn:other"/></p:a></e>"#;
        assert_eq!(
            canonical_of(xml, "a", &["xs", "#default", "missing"]),
            r#"<p:a xmlns="urn:d" xmlns:p="urn:p" xmlns:xs="urn:xs" t="xs:string"><p:b xmlns:xs="urn:other"></p:b></p:a>"#
        );
        assert_eq!(
            canonical_of(xml, "a", &[]),
            r#"<p:a xmlns:p="urn:p" t="xs:string"><p:b></p:b></p:a>"#
        );
    }

    #[test]
    fn attributes_are_ordered_by_namespace_then_local_name() {
        // c14n 1.0, example 3.3, and xml:* without a declaration
        let xml = r#"<e a:attr="out" b:attr="sorted" attr2="all" attr="I'm" xml:lang="en" xmlns:b="http://www.ietf.org" xmlns:a="http://www.w3.org"/>"#;
        assert_eq!(
            canonical(xml, &["xml"]),
            r#"<e xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out" xml:lang="en"></e>"#
        );
    }

    #[test]
    fn references_cdata_and_line_ends_have_one_form() {
        let xml = "<e a='&#13;&#10;&#9;\r\n\t&quot;&gt;&lt;&amp;&apos;'>\r\n&#13;<![CDATA[<&>\r\n]]>&#x41;\rü</e\r\n>";
        assert_eq!(
            canonical(xml, &[]),
            "<e a=\"&#xD;&#xA;&#x9;  &quot;>&lt;&amp;'\">\n&#xD;&lt;&amp;&gt;\nA\nü</e>"
        );
    }

    #[test]
    fn comments_go_instructions_stay() {
        assert_eq!(
            canonical("<!-- o --><a>x<!-- c -->y<?p  q\r\nr ?><?s?></a>", &[]),
            "<a>xy<?p q\nr ?><?s?></a>"
        );
    }

    #[test]
    fn the_skipped_element_leaves_the_white_space_around_it() {
        let document = parse("<a> <s><b/></s><!-- c -->\n<c/></a>", Bounds::REQUEST).unwrap();
        let skip = document.root().first_element_child().unwrap().id();
        assert_eq!(canonicalize(document.root(), &[], Some(skip)), "<a> \n<c></c></a>");
    }

    #[test]
    fn names_beyond_what_the_dom_measures_are_whole() {
        let long = "n".repeat(70_000);
        let xml = format!("<a xmlns:{long}='urn:l' {long}:{long} = '1'/>");
        assert_eq!(
            canonical(&xml, &[]),
            format!("<a xmlns:{long}=\"urn:l\" {long}:{long}=\"1\"></a>")
        );
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}{}", "<a>".repeat(60_000), "</a>".repeat(60_000));
        let document = roxmltree::Document::parse(&deep).unwrap();
        assert_eq!(canonicalize(document.root_element(), &[], None), deep);
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(xml in crate::dsig::fixture::any_xml()) {
            let once = canonical(&xml, &["p", "#default"]);
            prop_assert_eq!(canonical(&once, &["p", "#default"]), once.clone());
            let exclusive = canonical(&xml, &[]);
            prop_assert_eq!(canonical(&once, &[]), exclusive);
        }
    }
}
