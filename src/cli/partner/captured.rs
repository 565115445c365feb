//! A captured message in whatever form it was kept.

use bytes::Bytes;

use crate::gateway::Transaction;
use crate::soap::{SIMPLE_CONTENT_TYPE, action};

/// A message as it came to a listener.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Captured {
    pub(super) transaction: Transaction,
    pub(super) content_type: Option<String>,
    pub(super) body: Bytes,
}

impl Captured {
    /// Takes an envelope, a multipart, either with its Content-Type above, or a whole HTTP request.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let trimmed = bytes.trim_ascii_start();
        let (content_type, body, path) = if trimmed.starts_with(b"--") {
            let boundary = first_line(trimmed).trim_start_matches("--").to_owned();
            let multipart = "multipart/related; type=\"application/xop+xml\"";
            (Some(format!("{multipart}; boundary=\"{boundary}\"")), trimmed, String::new())
        } else if trimmed.starts_with(b"<") || trimmed.starts_with(b"\xef\xbb\xbf") {
            (Some(SIMPLE_CONTENT_TYPE.to_owned()), trimmed, String::new())
        } else {
            let (head, body) = head_and_body(trimmed);
            let line = head.lines().next().unwrap_or_default();
            if line.contains(" HTTP/1") {
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                (header(&head, "content-type"), body, path)
            } else {
                (Some(line.trim().to_owned()), body, String::new())
            }
        };
        Self {
            transaction: transaction(&path, body),
            content_type,
            body: Bytes::copy_from_slice(body),
        }
    }
}

/// The transaction of a path, else of the action that the message names.
fn transaction(path: &str, body: &[u8]) -> Transaction {
    let retrieve = if path.is_empty() {
        memchr::memmem::find(body, action::RETRIEVE.as_bytes()).is_some()
    } else {
        path.starts_with(Transaction::Retrieve.path())
    };
    if retrieve { Transaction::Retrieve } else { Transaction::Query }
}

fn first_line(bytes: &[u8]) -> String {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).trim_end().to_owned()
}

/// What stands before the first empty line, and what after it.
fn head_and_body(bytes: &[u8]) -> (String, &[u8]) {
    let ends = [&b"\r\n\r\n"[..], &b"\n\n"[..]];
    let found = ends.iter().filter_map(|end| Some((memchr::memmem::find(bytes, end)?, end.len())));
    let (at, length) = found.min().unwrap_or((bytes.len(), 0));
    let head = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
    (head, bytes.get(at.saturating_add(length)..).unwrap_or_default())
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(found, _)| found.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::Message;

    /// The text of the envelope that a capture holds.
    fn envelope(text: &str) -> (Transaction, String) {
        let captured = Captured::read(text.as_bytes());
        let message = Message::unpack(captured.content_type.as_deref(), captured.body).unwrap();
        (captured.transaction, message.xml().to_owned())
    }

    #[test]
    fn every_form_gives_the_same_envelope() {
        let plain = format!("<e>{}</e>", action::RETRIEVE);
        let multipart =
            format!("--b\r\nContent-Type: application/xop+xml\r\n\r\n{plain}\r\n--b--\r\n");
        let content_type = "multipart/related; boundary=b; type=\"application/xop+xml\"";
        let http = format!(
            "POST /xca/retrieve HTTP/1.1\r\nHost: x\r\ncontent-type: {content_type}\r\n\r\n{multipart}"
        );
        for text in [
            &plain,
            &format!("\n{plain}"),
            &multipart,
            &format!("{content_type}\n\n{multipart}"),
            &http,
        ] {
            assert_eq!(envelope(text), (Transaction::Retrieve, plain.clone()), "{text}");
        }
        // where the path is known, it counts, as in the gateway
        let posted = http.replace("/xca/retrieve", "/xca/query");
        assert_eq!(envelope(&posted).0, Transaction::Query);
        assert_eq!(envelope("<e/>").0, Transaction::Query);
        // whatever it is, it is taken; the gateway's own steps say what is wrong
        for odd in ["", "--", "GET / HTTP/1.1", "\r\n\r\n", "x"] {
            let _captured = Captured::read(odd.as_bytes());
        }
    }
}
