//! Text that came from outside, as a terminal may have it: it begins no line of its own and moves no cursor.

use std::borrow::Cow;

/// A text for one line, or a line of JSON; what is no plain character stands as `\u009b`.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    replaced(text, is_harmful, |c| format!("\\u{:04x}", u32::from(c)))
}

/// The same of XML, which says the same thereafter; lines and tabs are left if it may have several.
pub(super) fn xml(text: &str, lines: bool) -> Cow<'_, str> {
    let harmful = |c| is_harmful(c) && !(lines && matches!(c, '\n' | '\t'));
    replaced(text, harmful, |c| format!("&#x{:X};", u32::from(c)))
}

/// Control characters (C0, C1), line separators, and what turns the direction of writing.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn replaced(
    text: &str,
    harmful: impl Fn(char) -> bool,
    written: impl Fn(char) -> String,
) -> Cow<'_, str> {
    if !text.contains(&harmful) {
        return Cow::Borrowed(text);
    }
    let each = |c| if harmful(c) { written(c) } else { String::from(c) };
    Cow::Owned(text.chars().map(each).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A forged line, a C1 escape sequence, a turned direction and a line separator.
    const FORGED: &str = "a\n       7  all is well\r\u{1b}[2J\u{9b}31m\u{202e}\u{2028}é\u{7f}";

    #[test]
    fn nothing_begins_a_line_or_moves_the_cursor() {
        let shown = line(FORGED);
        assert_eq!(
            shown,
            "a\\u000a       7  all is well\\u000d\\u001b[2J\\u009b31m\\u202e\\u2028é\\u007f"
        );
        assert!(matches!(line("Zoë \"O'Brien\" — ok"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_and_xml_say_the_same_as_before() {
        let json = serde_json::json!({ "user": FORGED }).to_string();
        let shown = line(&json).into_owned();
        assert!(!shown.contains(is_harmful));
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["user"], FORGED);

        let text = "a\n\u{9b}31m\u{202e}\u{2028}";
        let shown = xml(&format!("<a>{text}</a>"), false).into_owned();
        assert!(!shown.contains(is_harmful), "{shown}");
        let document = roxmltree::Document::parse(&shown).unwrap();
        assert_eq!(document.root_element().text(), Some(text));
        assert_eq!(xml("<a>\n\t</a>\u{9b}", true), "<a>\n\t</a>&#x9B;");
    }
}
