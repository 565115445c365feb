//! Where a text of JSON stands at an offset: the path of elements, which a person finds in however it was written.

/// What is open at the offset.
enum Open {
    /// An object, in the value of this key.
    Object(String),
    /// A list, in the element of this number.
    List(usize),
}

/// The path of the innermost element at a column of JSON that is written in one line; names alone, no values.
pub(super) fn place(json: &str, column: usize) -> String {
    let (mut open, mut text, mut quoted, mut escaped) = (Vec::new(), Vec::new(), false, false);
    for byte in json.bytes().take(column) {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => quoted = false,
            (true, _) => text.push(byte),
            (false, b'"') => {
                text.clear();
                quoted = true;
            }
            (false, b'{') => open.push(Open::Object(String::new())),
            (false, b'[') => open.push(Open::List(0)),
            (false, b'}' | b']') => drop(open.pop()),
            (false, b':') => {
                if let Some(Open::Object(key)) = open.last_mut() {
                    *key = String::from_utf8_lossy(&text).into_owned();
                }
            }
            (false, b',') => {
                if let Some(Open::List(at)) = open.last_mut() {
                    *at = at.saturating_add(1);
                }
            }
            (false, _) => {}
        }
    }
    let mut path = String::new();
    for inner in open {
        match inner {
            Open::Object(key) if key.is_empty() => {}
            Open::Object(key) if path.is_empty() => path = key,
            Open::Object(key) => path.extend([".", &key]),
            Open::List(at) => path.push_str(&format!("[{at}]")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_element_is_named() {
        let json = r#"{"status":"a\"{[","provision":{"code":[{"text":"x"},{"text":5}]},"end":1}"#;
        for (at, path) in [
            ("\"a", "status"),
            ("5", "provision.code[1].text"),
            ("\"x\"", "provision.code[0].text"),
            ("]}", "provision.code[1]"),
            ("1}", "end"),
            ("{", ""),
        ] {
            assert_eq!(place(json, json.find(at).unwrap()), path, "{at}");
        }
        assert_eq!(place(json, 1), "", "nothing is named yet");
    }
}
