use crate::xml::{self, Bounds, Node, ns};

use super::super::untrusted::quote;

/// Bytes of XML written as text that are worth parsing: the longest seen has 300.
const FRAGMENT_BYTES: usize = 16 * 1024;
/// XML Schema instances: `xsi:type`, `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// How often a value may be escaped: some senders escape XML twice.
const ESCAPES: usize = 2;

/// The content of an AttributeValue, whether it was written as XML or as escaped XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// The elements directly inside.
    pub(super) elements: Vec<Element>,
    /// The text directly inside, unescaped as far as it goes, trimmed.
    pub(super) text: String,
    /// How it was written, cut.
    pub(super) raw: String,
}

/// What an HL7 V3 data type (CE, CD, II) says in its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    /// The name without its prefix; senders use all kinds of namespaces.
    pub(super) name: String,
    pub(super) code: Option<String>,
    pub(super) code_system: Option<String>,
    pub(super) display: Option<String>,
    pub(super) root: Option<String>,
    pub(super) extension: Option<String>,
}

impl Value {
    /// Reads a value; one with neither element nor text is none.
    pub(super) fn read(node: Node<'_, '_>) -> Option<Self> {
        let elements = Element::children(node);
        let text = xml::text(node);
        if !elements.is_empty() {
            let written = node.document().input_text().get(node.range()).unwrap_or_default();
            return Some(Self { elements, text: text.into_owned(), raw: quote(written) });
        }
        if text.is_empty() {
            return None;
        }
        let mut value = Self { elements, text: text.clone().into_owned(), raw: quote(&text) };
        for _ in 0..ESCAPES {
            if !value.unescape() {
                break;
            }
        }
        Some(value)
    }

    /// Reads the text as XML once more; false where it is none, or nothing is left to do.
    fn unescape(&mut self) -> bool {
        if !self.text.contains(['<', '&']) || self.text.len() > FRAGMENT_BYTES {
            return false;
        }
        let fragment = without_declaration(&self.text);
        // xsi is bound for the senders who forget it
        let wrapped =
            format!("<value xmlns:xsi=\"{XSI}\" xmlns:hl7=\"{}\">{fragment}</value>", ns::HL7);
        let Ok(document) = xml::parse(&wrapped, Bounds::REQUEST) else { return false };
        let text = xml::text(document.root()).into_owned();
        self.elements = Element::children(document.root());
        if self.elements.is_empty() && text.is_empty() {
            return false;
        }
        self.text = text;
        self.elements.is_empty()
    }
}

impl Element {
    fn children(parent: Node<'_, '_>) -> Vec<Self> {
        parent.children().filter(Node::is_element).map(Self::read).collect()
    }

    fn read(node: Node<'_, '_>) -> Self {
        let stated = |name| {
            let text = xml::attribute(node, name).map(str::trim).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        Self {
            name: node.tag_name().name().to_owned(),
            code: stated("code"),
            code_system: stated("codeSystem"),
            display: stated("displayName"),
            root: stated("root"),
            extension: stated("extension"),
        }
    }
}

fn without_declaration(fragment: &str) -> &str {
    match fragment.strip_prefix("<?xml ") {
        Some(rest) => rest.split_once("?>").map_or(fragment, |(_, body)| body),
        None => fragment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Coded;
    use crate::saml::attributes::coded;
    use proptest::prelude::*;

    fn read(content: &str) -> Option<Value> {
        let text = format!("<v>{content}</v>");
        let document = xml::parse(&text, Bounds::REQUEST).unwrap();
        Value::read(document.root())
    }

    proptest! {
        #[test]
        fn no_purpose_vanishes(text in "[<>&;!/=a-c\" -]{0,40}|\\PC*") {
            let mut content = String::new();
            xml::escape_text(&mut content, &text);
            let mut coded: Vec<Coded> = Vec::new();
            let mut plain = Vec::new();
            match read(&content) {
                Some(value) => {
                    coded::add_purposes(&value, &mut coded, &mut plain);
                    prop_assert!(coded.len() + plain.len() > 0);
                }
                None => prop_assert!(text.trim().is_empty()),
            }
        }
    }

    #[test]
    fn fragments_cannot_break_out_and_have_a_ceiling() {
        for text in
            ["</value><a/><value>", "<a>", "<!DOCTYPE a><a/>", "<x:a/>", "<!-- a -->", "&#32;"]
        {
            let mut content = String::new();
            xml::escape_text(&mut content, text);
            let value = read(&content).unwrap();
            assert_eq!((value.elements.len(), value.text.as_str()), (0, text), "{text}");
        }
        let long = format!("&lt;a&gt;{}&lt;/a&gt;", "x".repeat(FRAGMENT_BYTES));
        assert!(read(&long).unwrap().elements.is_empty());
        assert_eq!(read(" <!-- c --> "), None);
    }
}
