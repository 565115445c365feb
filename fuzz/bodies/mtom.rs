//! Multipart messages as we write them.

use bytes::Bytes;
use glassgate::client::{Memory, Outcome, Transfer};
use glassgate::ids::HomeCommunityId;
use glassgate::soap::{self, Message, Multipart, action};
use glassgate::xds::{DocumentRequest, DocumentResponse, Placement, retrieve_response};

const UUID: &str = "0f3c1a52-6a3e-4d0a-9a44-0c6d1f0d2b11";

/// Documents of any bytes, parted by NUL, arrive as they are: in our reader and, in pieces of any size, in our client.
///
/// The first byte says how long the pieces are; the first document is the MIME type of all.
pub fn check(bytes: &[u8]) {
    let Some((&length, rest)) = bytes.split_first() else { return };
    let mut documents: Vec<&[u8]> = rest.split(|b| *b == 0).take(20).collect();
    let mime_type = String::from_utf8_lossy(documents.remove(0));
    let out = Multipart::new(UUID);
    let closing = out.end();
    // what holds the boundary itself ends there, which is why it is random
    if documents.iter().any(|document| String::from_utf8_lossy(document).contains(UUID)) {
        return;
    }
    // which an envelope may spell so often only
    if mime_type.contains("xmlns") {
        return;
    }
    let envelope = answer(&out, &mime_type, documents.len());
    let mut entity = out.root(&envelope).to_vec();
    for (n, document) in documents.iter().enumerate() {
        entity.extend_from_slice(&out.part_head(n, &mime_type));
        entity.extend_from_slice(document);
    }
    entity.extend_from_slice(&closing);
    let kind = out.content_type(action::RETRIEVE_RESPONSE);

    let mut memory = Memory::default();
    let mut transfer = Transfer::new(&kind, &mut memory).expect("we wrote it");
    for piece in entity.chunks(usize::from(length).max(1)) {
        transfer.take(piece).expect("we wrote it");
    }
    let (xml, outcome) = transfer.finish().expect("we wrote it");
    let Outcome::Answered(read) = outcome else { panic!("we wrote no fault") };
    assert_eq!((xml, read.documents.len()), (envelope.clone(), documents.len()));
    assert_eq!(memory.documents, documents);

    let message = Message::unpack(Some(&kind), Bytes::from(entity)).expect("we wrote it");
    assert_eq!(message.xml(), envelope);
    for (n, document) in documents.iter().enumerate() {
        assert_eq!(message.attachment(&out.href(n)).expect("we wrote it"), *document);
    }
}

fn answer(out: &Multipart, mime_type: &str, count: usize) -> String {
    let home = HomeCommunityId::parse("2.999.1").unwrap();
    let name = |n| DocumentRequest {
        home: Some(home.to_string()),
        repository: "2.999.1.2".to_owned(),
        document: format!("2.999.1.4.1001.{n}"),
    };
    let requests: Vec<_> = (0..count).map(name).collect();
    let responses: Vec<_> = (0..)
        .zip(&requests)
        .map(|(n, request)| DocumentResponse {
            request,
            mime_type,
            placement: Placement::Part(out.href(n)),
        })
        .collect();
    let body = retrieve_response(&home, &[], &responses);
    soap::envelope(action::RETRIEVE_RESPONSE, None, body.len(), |out| out.push_str(&body))
}
