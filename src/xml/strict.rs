//! What the parser lets pass, and the standards do not: other readers would refuse it, or read something else.

use super::Node;

/// How a start tag, cut before an equals sign, declares a default namespace there as the parser has it: it takes `:xmlns`
/// and `p:xmlns` for `xmlns`.
pub(super) fn declared_default(tag: &str) -> Option<&str> {
    let (_, name) = tag.trim_ascii_end().rsplit_once([' ', '\t', '\r', '\n', '"', '\''])?;
    (name == "xmlns" || name.ends_with(":xmlns")).then_some(name)
}

/// Whether a start tag, an end tag or an attribute has a colon in front, which the parser takes for no prefix
/// (Namespaces in XML 1.0 4).
pub(super) fn has_empty_prefix(node: Node<'_, '_>) -> bool {
    if !node.is_element() {
        return false;
    }
    let input = node.document().input_text().as_bytes();
    let is_colon = |at: usize| input.get(at) == Some(&b':');
    let whole = input.get(node.range()).unwrap_or_default();
    // the last tag is its end tag, if it has one
    let end = memchr::memrchr(b'<', whole).and_then(|at| whole.get(at..)).unwrap_or_default();
    is_colon(node.range().start.saturating_add(1))
        || end.starts_with(b"</:")
        || node.attributes().any(|attribute| is_colon(attribute.range().start))
}

/// Whether an element takes the namespace of a prefix away, as version 1.1 alone lets it (Namespaces in XML 1.0 5).
pub(super) fn undeclares_prefix(node: Node<'_, '_>) -> bool {
    node.namespaces().any(|namespace| namespace.name().is_some() && namespace.uri().is_empty())
}

/// Whether any attribute may be empty.
pub(super) fn may_have_empty_attribute(text: &str) -> bool {
    ["\"\"", "''"]
        .iter()
        .any(|empty| memchr::memmem::find(text.as_bytes(), empty.as_bytes()).is_some())
}

/// Whether the parser lets a processing instruction pass that is none (XML 1.0 2.6): `<?xml\t?>` within, `<?a<?>`.
pub(super) fn is_odd_instruction(node: Node<'_, '_>) -> bool {
    let Some(instruction) = node.pi() else { return false };
    let range = node.range();
    let is_late = range.start > 0 && instruction.target.eq_ignore_ascii_case("xml");
    let written = node.document().input_text().get(range).unwrap_or("");
    let rest = written.strip_prefix("<?").and_then(|rest| rest.strip_prefix(instruction.target));
    let is_apart = |rest: &str| rest.starts_with([' ', '\t', '\r', '\n']) || rest.starts_with("?>");
    is_late || !rest.is_some_and(is_apart)
}

/// Whether a line ends where the parser does not see it (XML 1.0 2.11): `&gt;\r<`, `\r&gt;`.
pub(super) fn has_unread_line_end(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\r', bytes).any(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        match bytes.get(at.saturating_add(1)) {
            Some(b'&') => true,
            Some(b'<') => before == Some(&b';'),
            _ => false,
        }
    })
}

/// Whether a number refers to no character (XML 1.0 4.1), for which the parser puts U+FFFD; in comments it counts too.
pub(super) fn has_unknown_character(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), "&#").any(|at| {
        let rest = text.get(at.saturating_add(2)..).unwrap_or("");
        let end = rest.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let digits = rest.get(..end).unwrap_or("");
        let code = match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        code.is_ok_and(|code| char::from_u32(code).is_none())
    })
}

#[cfg(test)]
mod tests {
    use crate::xml::{Bounds, parse};

    #[test]
    fn line_ends_are_read_as_line_feeds_or_not_at_all() {
        for (inside, read) in [
            ("&gt;\r\n", Some(">\n")),
            ("&#13;\r\n", Some("\r\n")),
            ("\r\n&#13;", Some("\n\r")),
            ("x\ry\r", Some("x\ny\n")),
            ("&gt;\ry&gt;\r\r", Some(">\ny>\n\n")),
            ("<![CDATA[\r]]>&#13;\n\r", Some("\n\r\n\n")),
            ("&gt;\r", None),
            ("\r&gt;", None),
            ("\r\n\r&#13;\n", None),
        ] {
            let xml = format!("<a>{inside}</a>");
            let document = parse(&xml, Bounds::REQUEST);
            let text = document.as_ref().ok().map(|document| {
                document.root().children().filter_map(|node| node.text()).collect::<String>()
            });
            assert_eq!(text.as_deref(), read, "{inside:?}");
        }
    }

    #[test]
    fn a_default_namespace_is_declared_once() {
        for twice in
            ["<a xmlns='1' xmlns='2'/>", "<a><b xmlns = '1'\tk='2'\nxmlns\n=\"1\"></b></a>"]
        {
            assert!(parse(twice, Bounds::REQUEST).is_err(), "{twice}");
        }
        for once in
            ["<a xmlns='1'><b xmlns='2'/></a>", "<a xmlns='1' k=' xmlns=' xmlns:p='x=' p:xml=''/>"]
        {
            assert!(parse(once, Bounds::REQUEST).is_ok(), "{once}");
        }
    }

    #[test]
    fn names_do_not_begin_with_a_colon_and_no_attribute_is_named_xmlns_behind_one() {
        for bad in [
            "<:a/>",
            "<a></:a>",
            "<a><b/>b</:a\n>",
            "<a :ID='1'/>",
            "<a><b :xmlns='u'/></a>",
            "<a\n:xmlns = 'u' xmlns='v'/>",
            "<a xmlns:p='u' p:xmlns='v'/>",
        ] {
            let error = parse(bad, Bounds::REQUEST).unwrap_err();
            assert!(error.to_string().ends_with(" colon"), "{bad}");
        }
        assert!(
            parse("<a k=' :xmlns='>:b<!-- <:c> </:a> --><b:b xmlns:b='b'/></a>", Bounds::REQUEST)
                .is_ok()
        );
    }

    #[test]
    fn a_prefix_keeps_a_namespace_while_the_default_may_go() {
        for bad in ["<a xmlns:p=''/>", "<a xmlns:p='u'><b><p:c xmlns:p = \"\"/></b></a>"] {
            let error = parse(bad, Bounds::REQUEST).unwrap_err();
            assert!(error.to_string().ends_with(" prefix"), "{bad}");
        }
        for good in ["<a xmlns='u' k=''><b xmlns=''/></a>", "<a xmlns:p='u'>xmlns:p=''</a>"] {
            assert!(parse(good, Bounds::REQUEST).is_ok(), "{good}");
        }
    }

    #[test]
    fn references_name_characters() {
        assert!(parse("<a b='&#x10FFFF;'>&#00000065;&#xfffd;&#x90;</a>", Bounds::REQUEST).is_ok());
        for none in ["&#x110000;", "&#19914815;", "&#xD800;", "&#0;", "&#x;", "&#99999999999;"] {
            let (text, value) = (format!("<a>{none}</a>"), format!("<a b='{none}'/>"));
            assert!(parse(&text, Bounds::REQUEST).is_err(), "{none}");
            assert!(parse(&value, Bounds::REQUEST).is_err(), "{none}");
        }
    }

    #[test]
    fn processing_instructions_have_a_name_of_their_own() {
        for good in
            ["<?xml\tversion='1.0'?><a/>", "<a><?xmlx?></a>", "<?b?><a/><?b ??>", "<a><?b\r?></a>"]
        {
            assert!(parse(good, Bounds::REQUEST).is_ok(), "{good:?}");
        }
        for bad in [
            "<a><?xml version='1.0'?></a>",
            "<a>x<?xml\t?></a>",
            "<a/><?XML\n?>",
            "<a><?b<?></a>",
            "<a><?b??></a>",
        ] {
            assert!(parse(bad, Bounds::REQUEST).is_err(), "{bad:?}");
        }
    }
}
