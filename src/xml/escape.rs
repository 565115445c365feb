/// Appends text content; what XML 1.0 cannot hold becomes U+FFFD.
pub fn escape_text(out: &mut String, text: &str) {
    escape(out, text, false);
}

/// Appends an attribute value for double quotes; white space survives normalisation.
pub fn escape_attribute(out: &mut String, text: &str) {
    escape(out, text, true);
}

fn escape(out: &mut String, text: &str, attribute: bool) {
    out.reserve(text.len());
    let mut rest = text;
    // what stands for itself is copied in one piece
    while let Some((plain, c, after)) = rest.bytes().position(is_special).and_then(|at| {
        let (plain, special) = rest.split_at_checked(at)?;
        let mut chars = special.chars();
        Some((plain, chars.next()?, chars.as_str()))
    }) {
        out.push_str(plain);
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            '"' if attribute => out.push_str("&quot;"),
            '\n' if attribute => out.push_str("&#xA;"),
            '\t' if attribute => out.push_str("&#x9;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
        rest = after;
    }
    out.push_str(rest);
}

/// Whether a character that begins with this byte may need more than a copy; 0xEF leads U+FFFE and U+FFFF.
fn is_special(byte: u8) -> bool {
    matches!(byte, 0..b' ' | b'&' | b'<' | b'>' | b'"' | 0xef)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(value in "[\\PC\u{fffe}\u{ffff}\u{ef00}&<>\"]*") {
            let mut xml = String::from("<a b=\"");
            escape_attribute(&mut xml, &value);
            xml.push_str("\">");
            escape_text(&mut xml, &value);
            xml.push_str("</a>");
            let document = roxmltree::Document::parse(&xml).unwrap();
            let root = document.root_element();
            let legal: String = value.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            prop_assert_eq!(root.attribute("b"), Some(legal.as_str()));
            prop_assert_eq!(root.text().unwrap_or(""), legal.as_str());
        }
    }

    #[test]
    fn control_characters_and_line_ends_are_safe() {
        let mut out = String::new();
        escape_text(&mut out, "a\u{1}\r\n<");
        assert_eq!(out, "a\u{fffd}&#xD;\n&lt;");
    }
}
