//! What second opinions on signatures read.

use super::gate::Gated;
use crate::xml::{Node, escape_attribute};

impl Gated<'_, '_> {
    /// The assertion in a document of its own, within the namespaces that it inherits and nothing else.
    #[must_use]
    pub fn alone(&self) -> String {
        let mut document = String::from("<alone");
        for namespace in self.assertion.parent().iter().flat_map(Node::namespaces) {
            let (prefix, uri) = (namespace.name().unwrap_or(""), namespace.uri());
            if prefix == "xml" {
                continue;
            }
            document.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            document.push_str(prefix);
            document.push_str("=\"");
            escape_attribute(&mut document, uri);
            document.push('"');
        }
        document.push('>');
        let input = self.assertion.document().input_text();
        document.push_str(input.get(self.assertion.range()).unwrap_or(""));
        document.push_str("</alone>");
        document
    }
}
