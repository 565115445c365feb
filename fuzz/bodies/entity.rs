//! HTTP entities in the form of `fixtures/soap`.

use bytes::Bytes;

/// Content-Type and body: the first line, and what follows the empty one.
pub(crate) fn entity(bytes: &[u8]) -> Option<(&str, Bytes)> {
    let line = bytes.iter().position(|b| *b == b'\n')?;
    let (kind, rest) = bytes.split_at(line);
    let body = rest.strip_prefix(b"\n\n")?;
    Some((std::str::from_utf8(kind).ok()?, Bytes::copy_from_slice(body)))
}
