use super::error::{Error, quote};

/// A Content-Type header taken apart; only what packaging depends on is kept (RFC 2045 5.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ContentType {
    /// `type/subtype` in lower case.
    pub(super) media_type: String,
    /// What parts a multipart's parts.
    pub boundary: Option<String>,
    /// The Content-ID of its root, with or without brackets.
    pub start: Option<String>,
    /// The `type` parameter: the media type of a multipart's root.
    pub(super) root_type: Option<String>,
    charset: Option<String>,
}

impl ContentType {
    /// Reads a header value; other parameters (`action`, `start-info`) must be well-formed only.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (media_type, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let media_type = media_type.trim().to_ascii_lowercase();
        if !is_media_type(&media_type) {
            return Err(Error::ContentType);
        }
        let mut read = Self { media_type, ..Self::default() };
        while let Some((name, value, tail)) = parameter(rest)? {
            let slot = match name.to_ascii_lowercase().as_str() {
                "boundary" => Some(&mut read.boundary),
                "start" => Some(&mut read.start),
                "type" => Some(&mut read.root_type),
                "charset" => Some(&mut read.charset),
                _ => None,
            };
            // a second value would let two readers see two messages
            if slot.is_some_and(|slot| slot.replace(value).is_some()) {
                return Err(Error::ContentType);
            }
            rest = tail;
        }
        Ok(read)
    }

    /// Refuses any charset but UTF-8, which is also the default (RFC 3902, ITI TF-2 V.3.2).
    pub(super) fn require_utf8(&self) -> Result<(), Error> {
        match &self.charset {
            Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => {
                Err(Error::Charset(quote(charset)))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the text is `type/subtype` with nothing around it (RFC 2045 5.1).
pub(super) fn is_media_type(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Whether the text is a token of RFC 9110 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The next parameter as name, value and what follows it.
fn parameter(text: &str) -> Result<Option<(&str, String, &str)>, Error> {
    let text = text.trim_start_matches([' ', '\t', ';']);
    if text.is_empty() {
        return Ok(None);
    }
    let (name, rest) = text.split_once('=').ok_or(Error::ContentType)?;
    let name = name.trim_end();
    if !is_token(name) {
        return Err(Error::ContentType);
    }
    let rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, tail) = unquote(quoted)?;
        let tail = tail.trim_start();
        return match tail.is_empty() || tail.starts_with(';') {
            true => Ok(Some((name, value, tail))),
            false => Err(Error::ContentType),
        };
    }
    // boundaries and ids are often left unquoted although they hold `:`, `=` or `<`
    let (value, tail) = rest.split_once(';').unwrap_or((rest, ""));
    let value = value.trim_end();
    match !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && b != b'"') {
        true => Ok(Some((name, value.to_owned(), tail))),
        false => Err(Error::ContentType),
    }
}

/// Reads a quoted string from behind its opening quote, and returns what follows the closing one.
fn unquote(text: &str) -> Result<(String, &str), Error> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next() {
            Some('"') => return Ok((value, chars.as_str())),
            Some('\\') => value.push(chars.next().ok_or(Error::ContentType)?),
            Some(c) if !c.is_control() => value.push(c),
            _ => return Err(Error::ContentType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_read_in_every_spelling() {
        let read = ContentType::parse(
            "Multipart/Related; BOUNDARY=uuid:0a-1+id=5; type = \"application/xop+xml\";\
             start=<http://tempuri.org/0>; start-info=\"application/soap+xml; action=\\\"urn:x\\\"\";",
        )
        .unwrap();
        assert_eq!(read.media_type, "multipart/related");
        assert_eq!(read.boundary.as_deref(), Some("uuid:0a-1+id=5"));
        assert_eq!(read.root_type.as_deref(), Some("application/xop+xml"));
        assert_eq!(read.start.as_deref(), Some("<http://tempuri.org/0>"));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            "",
            "xml",
            "a/b c",
            "a/b; boundary",
            "a/b; boundary=",
            "a/b; boundary=\"x",
            "a/b; boundary=\"x\" y",
            "a/b; boundary=x y",
            "a/b; boundary=x\"y",
            "a/b; boundary=x; Boundary=y",
            "a/b; b c=d",
            "a/b; c=\"x\\",
        ] {
            assert_eq!(ContentType::parse(bad), Err(Error::ContentType), "{bad}");
        }
    }

    #[test]
    fn only_utf_8_is_a_charset() {
        let check = |text| ContentType::parse(text).unwrap().require_utf8();
        assert_eq!(check("a/b; charset=\"UTF-8\""), Ok(()));
        assert_eq!(check("a/b"), Ok(()));
        assert_eq!(check("a/b;charset=utf-16"), Err(Error::Charset("utf-16".into())));
    }

    proptest! {
        #[test]
        fn quoted_values_read_back(value in "[ -~]{1,70}", raw in "\\PC*") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = ContentType::parse(&format!("a/b; boundary=\"{escaped}\"")).unwrap();
            prop_assert_eq!(read.boundary, Some(value));
            let _ = ContentType::parse(&raw);
        }
    }
}
