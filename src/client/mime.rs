//! Parameters of a Content-Type and spellings of a Content-ID.

/// A parameter of a Content-Type, quoted or not (RFC 2045 5.1).
pub(super) fn parameter(content_type: &str, name: &str) -> Option<String> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, tail) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (value, tail) = value.split_once(';').unwrap_or((value, ""));
                (value.trim().to_owned(), tail)
            }
        };
        if key.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(name) {
            return Some(value).filter(|value| !value.is_empty());
        }
        rest = tail;
    }
}

/// A quoted string from behind its opening quote, and what follows the closing one.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

/// Whether an `href` without `cid:` names a Content-ID; either may be percent-encoded (RFC 2392).
pub(super) fn same_id(href: &str, content_id: &str) -> bool {
    href == content_id || percent_decoded(href) == percent_decoded(content_id)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match (escaped, tail) {
            (Some((high, low)), [_, _, after @ ..]) => {
                bytes.push(high << 4 | low);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_every_spelling() {
        let kind = "multipart/related; type=\"a/b; boundary=no\"; Boundary=\"a\\\"b\"; start=x=y;";
        assert_eq!(parameter(kind, "boundary").as_deref(), Some("a\"b"));
        assert_eq!(parameter(kind, "start").as_deref(), Some("x=y"));
        assert_eq!(parameter(kind, "none"), None);
        assert_eq!(parameter("multipart/related; boundary", "boundary"), None);
    }

    #[test]
    fn content_ids_match_in_every_spelling() {
        assert!(same_id("1%40x", "1@x") && same_id("1@x", "1%40x") && same_id("%", "%"));
        assert!(!same_id("1@x", "2@x") && !same_id("%4", "4"));
    }
}
