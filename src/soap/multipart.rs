use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use crate::limits;

use super::content_type::{ContentType, is_token};
use super::error::{Error, quote};

/// One body part, its content sharing the entity's bytes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) content_type: Option<ContentType>,
    /// Without angle brackets; empty where the part has none.
    pub(super) content_id: String,
    pub(super) content: Bytes,
}

/// Cuts a multipart at its boundary (RFC 2046 5.1.1); preamble and epilogue are passed over.
pub(super) fn split(body: &Bytes, boundary: &str) -> Result<Vec<Part>, Error> {
    let visible = boundary.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if boundary.is_empty() || boundary.len() > 70 || boundary.ends_with(' ') || !visible {
        return Err(Error::Boundary);
    }
    let delimiter = format!("\r\n--{boundary}");
    let mut lines = Delimiters {
        rest: body,
        finder: memmem::Finder::new(delimiter.as_bytes()),
        at_start: true,
    };
    let mut parts: Vec<Part> = Vec::new();
    let (_preamble, mut end) = lines.next()?;
    while end == Line::Part {
        if parts.len() >= limits::MIME_PARTS {
            return Err(Error::TooManyParts { limit: limits::MIME_PARTS });
        }
        let (raw, next) = lines.next()?;
        let part = read_part(body, raw)?;
        let id = part.content_id.as_str();
        if !id.is_empty() && parts.iter().any(|other| other.content_id == id) {
            return Err(Error::DuplicateContentId);
        }
        parts.push(part);
        end = next;
    }
    Ok(parts)
}

/// The part that a Content-ID or a `cid:` without its scheme names, in whatever spelling.
pub(super) fn find(parts: &[Part], id: &str) -> Option<usize> {
    let named = |wanted: &str| parts.iter().position(|part| part.content_id == wanted);
    if id.is_empty() {
        return None;
    }
    let decoded = percent_decode(id);
    // by the rule first (RFC 2392), then as CXF and others write the Content-ID itself
    named(&decoded)
        .or_else(|| named(id))
        .or_else(|| parts.iter().position(|part| percent_decode(&part.content_id) == decoded))
}

/// Whether an `href` without `cid:` names a Content-ID; either may be percent-encoded (RFC 2392).
#[must_use]
pub fn same_content_id(href: &str, content_id: &str) -> bool {
    href == content_id || percent_decode(href) == percent_decode(content_id)
}

/// A Content-ID without white space and angle brackets around it.
pub(super) fn bare_id(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text)
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// Another part follows.
    Part,
    /// The closing boundary.
    Last,
}

/// Walks from delimiter line to delimiter line.
struct Delimiters<'b, 'n> {
    rest: &'b [u8],
    finder: memmem::Finder<'n>,
    at_start: bool,
}

impl<'b> Delimiters<'b, '_> {
    /// What stands before the next delimiter line, and which kind of line that is.
    fn next(&mut self) -> Result<(&'b [u8], Line), Error> {
        let whole = self.rest;
        // the very first line has no line end before it
        let first = self.finder.needle().get(2..).unwrap_or_default();
        if std::mem::take(&mut self.at_start)
            && let Some(tail) = whole.strip_prefix(first)
            && let Some((line, rest)) = delimiter_line(tail)
        {
            self.rest = rest;
            return Ok((&[], line));
        }
        let length = self.finder.needle().len();
        let mut from = 0_usize;
        while let Some(found) = whole.get(from..).and_then(|tail| self.finder.find(tail)) {
            let start = from.saturating_add(found);
            from = start.saturating_add(length);
            let tail = whole.get(from..).unwrap_or_default();
            // a longer line only begins like the boundary: it is content
            if let Some((line, rest)) = delimiter_line(tail) {
                self.rest = rest;
                return Ok((whole.get(..start).unwrap_or_default(), line));
            }
        }
        Err(Error::Unclosed)
    }
}

/// Reads on behind `--boundary`: `--`, or padding and a line end.
fn delimiter_line(tail: &[u8]) -> Option<(Line, &[u8])> {
    if let Some(rest) = tail.strip_prefix(b"--") {
        return Some((Line::Last, rest));
    }
    let text = tail.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    let rest = tail.get(text..)?.strip_prefix(b"\r\n")?;
    Some((Line::Part, rest))
}

/// Parts the headers from the content and reads those that matter.
fn read_part(body: &Bytes, raw: &[u8]) -> Result<Part, Error> {
    let (head, content) = if let Some(content) = raw.strip_prefix(b"\r\n") {
        (&[][..], content)
    } else if let Some(end) = memmem::find(raw, b"\r\n\r\n") {
        let content = raw.get(end.saturating_add(4)..).unwrap_or_default();
        (raw.get(..end).unwrap_or_default(), content)
    } else {
        // the headers' last line end may also be that of the delimiter
        (raw.strip_suffix(b"\r\n").ok_or(Error::PartHead)?, &[][..])
    };
    if head.len() > limits::MIME_HEADER_BYTES {
        return Err(Error::PartHeadTooLarge { limit: limits::MIME_HEADER_BYTES });
    }
    let head = std::str::from_utf8(head).map_err(|_| Error::PartHead)?;
    let (mut content_type, mut content_id, mut encoding) = (None, None, None);
    for (name, value) in headers(head)? {
        let slot = match name.to_ascii_lowercase().as_str() {
            "content-type" => &mut content_type,
            "content-id" => &mut content_id,
            "content-transfer-encoding" => &mut encoding,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(Error::PartHead);
        }
    }
    let encoding = encoding.unwrap_or_default();
    if !["", "binary", "8bit", "7bit"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) {
        return Err(Error::TransferEncoding(quote(&encoding)));
    }
    Ok(Part {
        content_type: content_type.map(|text| ContentType::parse(&text)).transpose()?,
        content_id: content_id.map(|text| bare_id(&text).to_owned()).unwrap_or_default(),
        // `content` lies within `body`, so this cannot panic
        content: body.slice_ref(content),
    })
}

/// The header fields of a part, folded lines joined, values trimmed.
fn headers(head: &str) -> Result<Vec<(&str, String)>, Error> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut().ok_or(Error::PartHead)?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(Error::PartHead)?;
        if !is_token(name) {
            return Err(Error::PartHead);
        }
        fields.push((name, value.trim().to_owned()));
    }
    Ok(fields)
}

/// Resolves `%41`; what is no escape, or gives no UTF-8, stays as it is.
fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let hex = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match tail {
            [high, low, after @ ..] if first == b'%' => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                    continue;
                }
                _ => bytes.push(first),
            },
            _ => bytes.push(first),
        }
        rest = tail;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Result<Vec<Part>, Error> {
        split(&Bytes::copy_from_slice(text.as_bytes()), "b")
    }

    #[test]
    fn content_is_everything_between_the_delimiter_lines() {
        let parts =
            cut("pre\r\n--b \t\r\nContent-ID: <1>\r\n\r\nx\r\n--bc\r\n--b\r\n\r\n\r\n--b\r\n\
                         A: b\r\n\r\n--b--end")
            .unwrap();
        let contents: Vec<&[u8]> = parts.iter().map(|part| part.content.as_ref()).collect();
        assert_eq!(contents, [&b"x\r\n--bc"[..], b"", b""]);
        assert_eq!(parts[0].content_id, "1");
    }

    #[test]
    fn headers_are_unfolded_and_bounded() {
        let parts = cut("--b\r\ncontent-type: a/b;\r\n\tcharset=utf-8\r\n\r\n\r\n--b--").unwrap();
        assert!(parts[0].content_type.as_ref().unwrap().require_utf8().is_ok());
        for bad in [
            "x",
            "x\r\n",
            " x: y\r\n\r\n",
            "x y: z\r\n\r\n",
            "Content-ID: 1\r\nContent-ID: 2\r\n\r\n",
        ] {
            assert_eq!(
                cut(&format!("--b\r\n{bad}\r\n--b--")).unwrap_err(),
                Error::PartHead,
                "{bad}"
            );
        }
        let long = format!("--b\r\nx: {}\r\n\r\n\r\n--b--", "y".repeat(limits::MIME_HEADER_BYTES));
        assert!(matches!(cut(&long), Err(Error::PartHeadTooLarge { .. })));
        let many = format!("{}--b--", "--b\r\n\r\n\r\n".repeat(limits::MIME_PARTS + 1));
        assert!(matches!(cut(&many), Err(Error::TooManyParts { .. })));
        let most = format!("{}--b--", "--b\r\n\r\n\r\n".repeat(limits::MIME_PARTS));
        assert_eq!(cut(&most).unwrap().len(), limits::MIME_PARTS);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for bad in ["", "--b", "--b\r\n\r\nx", "--b\r\n\r\nx\r\n--b", "--b\r\n\r\nx\n--b--"] {
            assert_eq!(cut(bad).unwrap_err(), Error::Unclosed, "{bad}");
        }
    }

    #[test]
    fn ids_match_with_and_without_percent_encoding() {
        let parts = cut("--b\r\nContent-ID: <a@http%3A%2F%2Fx>\r\n\r\n\r\n--b\r\n\
                         Content-ID: b@c+d\r\n\r\n\r\n--b--")
        .unwrap();
        for (id, at) in [
            ("a@http%3A%2F%2Fx", 0),
            ("a@http%3a//x", 0),
            ("a@http%253A%252F%252Fx", 0),
            ("b%40c+d", 1),
        ] {
            assert_eq!(find(&parts, id), Some(at), "{id}");
        }
        assert_eq!(find(&parts, ""), None);
        assert_eq!(percent_decode("%4%zz%"), "%4%zz%");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = split(&Bytes::from(bytes), "b");
        }

        #[test]
        fn near_multiparts_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "--b", "\r\n", "--", "Content-ID: <1>", "Content-Type: a/b", ":", " ", "x"]), 0..24)) {
            let _ = cut(&pieces.concat());
        }
    }
}
