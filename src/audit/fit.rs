//! Texts of others, cut so that a record stays as small as every receiver takes it.

use std::borrow::Cow;

/// The width of a quotation mark: nothing takes more for each of its bytes.
const WIDEST: usize = 6;

/// A text that takes at most `bytes` in XML; of a longer one the beginning, the size and the SHA-256.
pub(super) fn fit(text: &str, bytes: usize) -> Cow<'_, str> {
    // most are so short that they need no look
    let is_short = text.len().saturating_mul(WIDEST) <= bytes;
    if is_short || text.len() <= bytes && is_plain(text) || beginning(text, bytes) == text {
        return Cow::Borrowed(text);
    }
    let note = format!("... of {} bytes, sha-256 {}", text.len(), sha256_hex(text));
    let start = beginning(text, bytes.saturating_sub(note.len()));
    Cow::Owned(format!("{start}{note}"))
}

/// Whether a text is its own escape, and one line: most are.
pub(super) fn is_plain(text: &str) -> bool {
    // without a way out of the loop, so that many bytes are compared at once
    let plain =
        |b: u8| (b' '..0x7f).contains(&b) & (b != b'"') & (b != b'&') & (b != b'<') & (b != b'>');
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

/// As much of a text as takes at most `bytes` in XML.
fn beginning(text: &str, bytes: usize) -> &str {
    let mut room = bytes;
    let fits = |&(_, c): &(usize, char)| match room.checked_sub(width(c)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    let end = text.char_indices().take_while(fits).last().map_or(0, |(at, c)| at + c.len_utf8());
    text.get(..end).unwrap_or_default()
}

/// Bytes of a character at most, in XML and before base64.
pub(super) fn width(c: char) -> usize {
    match c {
        '"' => WIDEST,
        '&' | '\t' | '\n' | '\r' => 5,
        '<' | '>' => 4,
        c => {
            if c.is_control() {
                3
            } else {
                c.len_utf8()
            }
        }
    }
}

/// The SHA-256 of a text in hexadecimal, by which what was cut can be recognised.
pub(super) fn sha256_hex(text: &str) -> String {
    openssl::sha::sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::escape_attribute;

    proptest! {
        #[test]
        fn what_fits_is_whole_and_what_does_not_is_cut_to_fit(text in any::<String>(), bytes in 120_usize..300) {
            let text = text.repeat(9);
            let fitted = fit(&text, bytes);
            let mut escaped = String::new();
            escape_attribute(&mut escaped, &fitted);
            prop_assert!(escaped.len() <= bytes && fitted.len() <= bytes);
            prop_assert!(fitted == text || fitted.contains(&sha256_hex(&text)));
        }
    }

    #[test]
    fn what_just_fits_is_whole_and_one_more_is_cut() {
        for (letter, bytes) in [("a", 300), ("\"", 300), ("&", 300), ("\u{e4}", 300)] {
            let mut escaped = String::new();
            escape_attribute(&mut escaped, letter);
            let text = letter.repeat(bytes / escaped.len());
            assert_eq!(fit(&text, bytes), text);
            assert!(fit(&(text + letter), bytes).contains("sha-256"), "{letter}");
        }
    }

    #[test]
    fn a_cut_text_says_its_size_and_digest() {
        let cut = fit(&"a".repeat(1_000), 200).into_owned();
        assert_eq!(cut.len(), 200);
        assert!(cut.contains("aaa... of 1000 bytes, sha-256 41edece42d63e8d9bf515a9ba6932e1c"));
    }
}
