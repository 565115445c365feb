//! What a partner's gateway answers to our client.

use bytes::Bytes;
use glassgate::client::{Client, Memory, Outcome, Raw, Retrieved, Transfer};
use glassgate::soap::Message;
use glassgate::xml::{self, Bounds, ns, parse};
use openssl::sha::sha1;

use super::entity::entity;

/// Answers in pieces of any size say the same, and documents have the size and hash that are told of them.
pub fn check(bytes: &[u8]) {
    let Some((kind, body)) = entity(bytes) else { return };
    query(kind, &body);
    let whole = retrieve(kind, &body, body.len().max(1));
    for length in [1, 13] {
        let pieces = retrieve(kind, &body, length);
        assert_eq!(pieces, whole, "in pieces of {length} bytes");
    }
    let (Some((xml, Outcome::Answered(answer), documents)), Ok(message)) =
        (whole, Message::unpack(Some(kind), body))
    else {
        return;
    };
    assert_eq!(xml.strip_prefix('\u{feff}').unwrap_or(&xml), message.xml());
    assert_eq!(answer.documents.len(), documents.len());
    let mut told: Vec<_> = answer.documents.iter().map(|d| (d.size, d.sha1_hex.clone())).collect();
    let mut came: Vec<_> = documents.iter().map(|d| (d.len() as u64, hex(&sha1(d)))).collect();
    told.sort_unstable();
    came.sort_unstable();
    assert_eq!(told, came);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Arrived = (String, Outcome<Retrieved>, Vec<Vec<u8>>);

/// The envelope, what it says, and the documents; none where anything is refused.
fn retrieve(kind: &str, body: &[u8], length: usize) -> Option<Arrived> {
    let mut memory = Memory::default();
    let mut transfer = Transfer::new(kind, &mut memory).ok()?;
    for piece in body.chunks(length) {
        transfer.take(piece).ok()?;
    }
    let (xml, outcome) = transfer.finish().ok()?;
    Some((xml, outcome, memory.documents))
}

/// The reader of streams finds the documents that the document object model holds.
fn query(kind: &str, body: &Bytes) {
    let raw = Raw { status: 200, content_type: kind.to_owned(), body: body.clone() };
    let Ok(answer) = Client::read_query(raw) else { return };
    let Outcome::Answered(read) = answer.outcome else { return };
    let Ok(document) = parse(&answer.xml, Bounds::REQUEST) else { return };
    let objects =
        document.root().descendants().filter(|n| n.has_tag_name((ns::RIM, "ExtrinsicObject")));
    let ids: Vec<_> =
        objects.map(|object| xml::attribute(object, "id").unwrap_or_default()).collect();
    let found: Vec<_> = read.documents.iter().map(|found| found.entry_uuid.as_str()).collect();
    assert_eq!(found, ids);
}
