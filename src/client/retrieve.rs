//! Reads an answer to ITI-39 while it arrives: the envelope first, then one document after the other.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use openssl::sha::Sha1;
use reqwest::Response;

use super::ENVELOPE_BYTES;
use super::answer::{Answer, Outcome, read_envelope};
use super::connection::{Raw, chunk, content_type, whole};
use super::error::Error;
use super::multipart::{Event, PartHead, Reader};
use super::sink::{Received, Sink};
use crate::soap::{ContentType, Message, same_content_id};
use crate::xds::{ReportedError, RetrievedContent, Status, read_retrieve_response};

/// What a retrieve gave; the bytes themselves went to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieved {
    /// Success, partial success or failure.
    pub status: Status,
    /// Errors and warnings.
    pub errors: Vec<ReportedError>,
    /// The documents in the answer's order.
    pub documents: Vec<Received>,
}

/// Reads an answer to its end.
pub(super) async fn read(
    mut response: Response,
    sink: &mut dyn Sink,
) -> Result<Answer<Retrieved>, Error> {
    let (status, kind) = (response.status().as_u16(), content_type(&response));
    if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/related") {
        let raw = whole(response).await?;
        let xml = envelope_of(&raw)?;
        let (outcome, parts) = read_root(&xml, sink)?;
        let outcome = complete(outcome, &parts)?;
        return Ok(Answer { status, content_type: kind, xml, outcome });
    }
    let mut transfer = Transfer::new(&kind, sink)?;
    while let Some(piece) = chunk(&mut response).await? {
        transfer.take(&piece)?;
    }
    let (xml, outcome) = transfer.finish()?;
    Ok(Answer { status, content_type: kind, xml, outcome })
}

/// The envelope of an answer that has come whole, in either packaging.
pub(super) fn envelope_of(raw: &Raw) -> Result<String, Error> {
    let no_soap = |_| Error::NotSoap { status: raw.status, content_type: raw.content_type.clone() };
    let message = Message::unpack(Some(&raw.content_type), raw.body.clone()).map_err(no_soap)?;
    Ok(message.xml().to_owned())
}

/// A document that is still to come as a part: where it stands in the answer, and the part's id.
struct Awaited {
    index: usize,
    content_id: String,
}

/// Reads the envelope; documents in base64 go to the sink at once.
fn read_root(xml: &str, sink: &mut dyn Sink) -> Result<(Outcome<Retrieved>, Vec<Awaited>), Error> {
    let mut awaited = Vec::new();
    let outcome = read_envelope(xml, |body| {
        let answer = read_retrieve_response(body)?;
        let mut documents = Vec::new();
        for (index, document) in answer.documents.into_iter().enumerate() {
            let mut received = Received {
                home: document.request.home,
                repository: document.request.repository,
                document: document.request.document,
                mime_type: document.mime_type,
                size: 0,
                sha1_hex: String::new(),
            };
            match document.content {
                RetrievedContent::Part(href) => {
                    let content_id = href.trim().trim_start_matches("cid:").to_owned();
                    awaited.push(Awaited { index, content_id });
                }
                RetrievedContent::Inline(base64) => {
                    let bytes = STANDARD.decode(base64)?;
                    let mut arriving = Arriving::begin(&received, sink)?;
                    arriving.take(&bytes, sink)?;
                    arriving.end(&mut received, sink)?;
                }
            }
            documents.push(received);
        }
        Ok(Retrieved { status: answer.status, errors: answer.errors, documents })
    })?;
    Ok((outcome, awaited))
}

/// Refuses an answer some of whose documents have not come.
fn complete(outcome: Outcome<Retrieved>, awaited: &[Awaited]) -> Result<Outcome<Retrieved>, Error> {
    if let (Some(awaited), Outcome::Answered(answer)) = (awaited.first(), &outcome) {
        let document = answer.documents.get(awaited.index).map(|d| d.document.clone());
        return Err(Error::MissingPart { document: document.unwrap_or_default() });
    }
    Ok(outcome)
}

/// One document on its way into the sink.
struct Arriving {
    size: u64,
    hash: Sha1,
}

impl Arriving {
    fn begin(document: &Received, sink: &mut dyn Sink) -> Result<Self, Error> {
        sink.begin(document)?;
        Ok(Self { size: 0, hash: Sha1::new() })
    }

    fn take(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), Error> {
        self.hash.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(sink.write(bytes)?)
    }

    fn end(self, document: &mut Received, sink: &mut dyn Sink) -> Result<(), Error> {
        document.size = self.size;
        for byte in self.hash.finish() {
            // writing to a String cannot fail
            let _ = write!(document.sha1_hex, "{byte:02x}");
        }
        Ok(sink.end(document)?)
    }
}

/// A multipart answer on its way.
pub struct Transfer<'s> {
    reader: Reader,
    sink: &'s mut dyn Sink,
    start: Option<String>,
    root: Root,
    awaited: Vec<Awaited>,
    part: Part,
}

enum Root {
    Arriving(Vec<u8>),
    Read(String, Outcome<Retrieved>),
}

enum Part {
    Root,
    Document {
        index: usize,
        arriving: Arriving,
    },
    /// Nothing in the envelope points at it.
    Unasked,
}

impl<'s> Transfer<'s> {
    /// Begins to read an answer of that Content-Type; its documents go to the sink.
    pub fn new(content_type: &str, sink: &'s mut dyn Sink) -> Result<Self, Error> {
        let content_type = ContentType::parse(content_type).map_err(|_| Error::Boundary)?;
        let boundary = content_type.boundary.ok_or(Error::Boundary)?;
        let start = content_type.start.map(|start| start.trim_matches(['<', '>']).to_owned());
        Ok(Self {
            reader: Reader::new(&boundary),
            sink,
            start,
            root: Root::Arriving(Vec::new()),
            awaited: Vec::new(),
            part: Part::Root,
        })
    }

    /// Takes the next piece, of any size.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.reader.push(piece);
        while let Some(event) = self.reader.poll()? {
            match event {
                Event::Head(head) => self.begin(&head)?,
                Event::Content(bytes) => self.content(&bytes)?,
                Event::End => self.end()?,
            }
        }
        Ok(())
    }

    fn begin(&mut self, head: &PartHead) -> Result<(), Error> {
        let Root::Read(_, outcome) = &self.root else {
            let other = |start: &String| *start != head.content_id;
            return match self.start.as_ref().is_some_and(other) {
                true => Err(Error::RootNotFirst),
                false => Ok(()),
            };
        };
        let found =
            self.awaited.iter().position(|a| same_content_id(&a.content_id, &head.content_id));
        let awaited = found.map(|found| self.awaited.remove(found));
        self.part = match (awaited, outcome) {
            (Some(Awaited { index, .. }), Outcome::Answered(answer)) => {
                match answer.documents.get(index) {
                    Some(document) => {
                        let arriving = Arriving::begin(document, self.sink)?;
                        Part::Document { index, arriving }
                    }
                    None => Part::Unasked,
                }
            }
            _ => Part::Unasked,
        };
        Ok(())
    }

    fn content(&mut self, bytes: &Bytes) -> Result<(), Error> {
        match (&mut self.part, &mut self.root) {
            (Part::Root, Root::Arriving(envelope)) => {
                if envelope.len().saturating_add(bytes.len()) > ENVELOPE_BYTES {
                    return Err(Error::TooLarge { limit: ENVELOPE_BYTES });
                }
                envelope.extend_from_slice(bytes);
                Ok(())
            }
            (Part::Document { arriving, .. }, _) => arriving.take(bytes, self.sink),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        match (std::mem::replace(&mut self.part, Part::Unasked), &mut self.root) {
            (Part::Root, Root::Arriving(envelope)) => {
                let envelope = std::mem::take(envelope);
                let xml = String::from_utf8(envelope).map_err(|_| Error::NotUtf8)?;
                let (outcome, awaited) = read_root(&xml, self.sink)?;
                self.awaited = awaited;
                self.root = Root::Read(xml, outcome);
                Ok(())
            }
            (Part::Document { index, arriving }, Root::Read(_, Outcome::Answered(answer))) => {
                match answer.documents.get_mut(index) {
                    Some(document) => arriving.end(document, self.sink),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The envelope, and what it says, once all has come.
    pub fn finish(self) -> Result<(String, Outcome<Retrieved>), Error> {
        self.reader.finish()?;
        let Root::Read(xml, outcome) = self.root else { return Err(Error::Envelope) };
        Ok((xml, complete(outcome, &self.awaited)?))
    }
}

/// Answers are a patient's affair, so `Debug` counts the documents still to come.
impl std::fmt::Debug for Transfer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer").field("awaited", &self.awaited.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Memory;
    use crate::soap::{self, Multipart, action};
    use crate::xds::{DocumentRequest, DocumentResponse, Placement, retrieve_response};

    const UUID: &str = "8bb1ef3c-4a86-4a2d-9a0c-6f0e3c1d2b11";

    /// An answer of our own gateway with these documents.
    fn answer(documents: &[&[u8]]) -> (String, Vec<u8>) {
        let multipart = Multipart::new(UUID);
        let requests: Vec<DocumentRequest> = (1..=documents.len())
            .map(|n| DocumentRequest {
                home: Some("urn:oid:2.999.1".to_owned()),
                repository: "2.999.1.2".to_owned(),
                document: format!("2.999.1.4.1001.{n}"),
            })
            .collect();
        let responses: Vec<DocumentResponse<'_>> = (1..)
            .zip(&requests)
            .map(|(n, request)| {
                let placement = Placement::Part(multipart.href(n));
                DocumentResponse { request, mime_type: "text/plain", placement }
            })
            .collect();
        let home = crate::ids::HomeCommunityId::parse("2.999.1").unwrap();
        let body = retrieve_response(&home, &[], &responses);
        let envelope =
            soap::envelope(action::RETRIEVE_RESPONSE, None, 0, |out| out.push_str(&body));
        let mut entity = multipart.root(&envelope).to_vec();
        for (n, document) in (1..).zip(documents) {
            entity.extend_from_slice(&multipart.part_head(n, "text/plain"));
            entity.extend_from_slice(document);
        }
        entity.extend_from_slice(&multipart.end());
        (multipart.content_type(action::RETRIEVE_RESPONSE), entity)
    }

    fn received(
        kind: &str,
        pieces: &[&[u8]],
        sink: &mut dyn Sink,
    ) -> Result<(String, Outcome<Retrieved>), Error> {
        let mut transfer = Transfer::new(kind, sink)?;
        for piece in pieces {
            transfer.take(piece)?;
        }
        transfer.finish()
    }

    #[test]
    fn documents_reach_the_sink_with_size_and_hash_however_they_are_cut() {
        let documents: [&[u8]; 3] = [b"abc", b"", b"\r\n--MIMEBoundary_x\r\n"];
        let (kind, entity) = answer(&documents);
        for length in [1, 2, 7, 64, entity.len()] {
            let pieces: Vec<&[u8]> = entity.chunks(length).collect();
            let mut sink = Memory::default();
            let (xml, outcome) = received(&kind, &pieces, &mut sink).unwrap();
            assert!(xml.contains("RetrieveDocumentSetResponse"));
            let answer = outcome.answered().unwrap();
            assert_eq!(answer.status, Status::Success);
            assert_eq!(sink.documents, documents);
            let first = &answer.documents[0];
            assert_eq!((first.size, first.document.as_str()), (3, "2.999.1.4.1001.1"));
            assert_eq!(first.sha1_hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
            assert_eq!(answer.documents[1].sha1_hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        }
    }

    #[test]
    fn what_breaks_off_or_lacks_a_part_is_refused() {
        let (kind, entity) = answer(&[b"abc", b"def"]);
        let cut = &entity[..entity.len() - 10];
        assert!(matches!(received(&kind, &[cut], &mut Memory::default()), Err(Error::Truncated)));
        let text = String::from_utf8(entity).unwrap().replace(&format!("<2.{UUID}"), "<other");
        let read = received(&kind, &[text.as_bytes()], &mut Memory::default());
        assert!(
            matches!(read, Err(Error::MissingPart { document }) if document == "2.999.1.4.1001.2")
        );
        let other = kind.replace("start=\"<root", "start=\"<other");
        let read = received(&other, &[text.as_bytes()], &mut Memory::default());
        assert!(matches!(read, Err(Error::RootNotFirst)));
    }

    #[test]
    fn documents_in_base64_reach_the_sink_too() {
        let (_, entity) = answer(&[b"abc"]);
        let message = String::from_utf8(entity).unwrap();
        let start = message.find("<xop:Include").unwrap();
        let end = start + message[start..].find("/>").unwrap() + 2;
        let envelope =
            &message[message.find("<env:").unwrap()..message.find("</env:Envelope>").unwrap()];
        let envelope = envelope.replace(&message[start..end], "YW\nJj") + "</env:Envelope>";
        let mut sink = Memory::default();
        let (outcome, awaited) = read_root(&envelope, &mut sink).unwrap();
        assert!(awaited.is_empty());
        assert_eq!(sink.documents, [b"abc"]);
        assert_eq!(outcome.answered().unwrap().documents[0].size, 3);
    }
}
