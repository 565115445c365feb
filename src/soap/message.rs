use std::fmt;

use bytes::Bytes;

use super::content_type::ContentType;
use super::error::{Error, quote};
use super::multipart::{self, Part};
use super::xop;

const SOAP: &str = "application/soap+xml";
const XOP: &str = "application/xop+xml";
const MULTIPART: &str = "multipart/related";

/// How an envelope is put into an HTTP entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packaging {
    /// The envelope alone, `application/soap+xml` (ITI TF-2 V.3.2, SIMPLE SOAP).
    Simple,
    /// The envelope as root of a `multipart/related`, documents beside it (ITI TF-2 V.8).
    Mtom,
}

impl Packaging {
    /// What a Content-Type announces, whether or not the entity can then be taken apart.
    #[must_use]
    pub fn announced(content_type: Option<&str>) -> Self {
        let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        match media_type.trim().eq_ignore_ascii_case(MULTIPART) {
            true => Self::Mtom,
            false => Self::Simple,
        }
    }
}

/// An HTTP entity taken apart: the text of its envelope and the attachments.
pub struct Message {
    packaging: Packaging,
    xml: String,
    attachments: Vec<Part>,
}

impl Message {
    /// Takes an entity apart by its Content-Type; the envelope is UTF-8, nothing else is checked.
    pub fn unpack(content_type: Option<&str>, body: Bytes) -> Result<Self, Error> {
        let content_type = ContentType::parse(content_type.ok_or(Error::ContentTypeMissing)?)?;
        match content_type.media_type.as_str() {
            SOAP => {
                content_type.require_utf8()?;
                let xml = envelope_text(body)?;
                Ok(Self { packaging: Packaging::Simple, xml, attachments: Vec::new() })
            }
            MULTIPART => Self::unpack_multipart(&content_type, &body),
            "text/xml" => Err(Error::Soap11),
            other => Err(Error::MediaType(quote(other))),
        }
    }

    fn unpack_multipart(content_type: &ContentType, body: &Bytes) -> Result<Self, Error> {
        if let Some(root_type) = &content_type.root_type {
            require_xml_type(root_type)?;
        }
        let boundary = content_type.boundary.as_deref().ok_or(Error::Boundary)?;
        let mut parts = multipart::split(body, boundary)?;
        let root = match &content_type.start {
            Some(start) => multipart::find(&parts, multipart::bare_id(start)),
            None => (!parts.is_empty()).then_some(0),
        };
        let root = parts.remove(root.ok_or(Error::RootMissing)?);
        let root_type = root.content_type.ok_or_else(|| Error::RootType(String::new()))?;
        require_xml_type(&root_type.media_type)?;
        root_type.require_utf8()?;
        let mut xml = envelope_text(root.content)?;
        if !parts.is_empty() {
            let part = |href: &str| find(&parts, href).map(AsRef::as_ref);
            if let Some(restored) = xop::restored(&xml, part)? {
                xml = restored;
            }
        }
        Ok(Self { packaging: Packaging::Mtom, xml, attachments: parts })
    }

    /// Which of the two packagings came; the answer takes the same.
    #[must_use]
    pub fn packaging(&self) -> Packaging {
        self.packaging
    }

    /// The text of the envelope, without a byte order mark; in its security header no part is missing.
    #[must_use]
    pub fn xml(&self) -> &str {
        self.xml.strip_prefix('\u{feff}').unwrap_or(&self.xml)
    }

    /// The content of the part that an `xop:Include/@href` names, `cid:` and its Content-ID.
    #[must_use]
    pub fn attachment(&self, cid_href: &str) -> Option<&Bytes> {
        find(&self.attachments, cid_href)
    }
}

fn find<'p>(parts: &'p [Part], cid_href: &str) -> Option<&'p Bytes> {
    let (scheme, id) = cid_href.trim().split_once(':')?;
    let at = multipart::find(parts, id)?;
    parts.get(at).filter(|_| scheme.eq_ignore_ascii_case("cid")).map(|part| &part.content)
}

/// Message text is a patient's affair, so `Debug` shows sizes alone.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("packaging", &self.packaging)
            .field("xml_bytes", &self.xml.len())
            .field("attachments", &self.attachments.len())
            .finish()
    }
}

/// Accepts the media types that a root part may have; plain SOAP is what SwA senders write.
fn require_xml_type(media_type: &str) -> Result<(), Error> {
    // some put parameters inside the quoted `type`
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    match [XOP, SOAP].iter().any(|known| bare.eq_ignore_ascii_case(known)) {
        true => Ok(()),
        false => Err(Error::RootType(quote(media_type))),
    }
}

/// The envelope as text; an XML declaration may not claim another encoding.
fn envelope_text(bytes: Bytes) -> Result<String, Error> {
    let text = String::from_utf8(Vec::from(bytes)).map_err(|_| Error::NotUtf8)?;
    match declared_encoding(&text) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("utf-8") => {
            Err(Error::XmlEncoding(quote(encoding)))
        }
        _ => Ok(text),
    }
}

/// The encoding that `<?xml ... encoding="..."?>` names.
fn declared_encoding(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (declaration, _) = text.strip_prefix("<?xml")?.split_once("?>")?;
    if !declaration.starts_with([' ', '\t', '\r', '\n']) {
        return None;
    }
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::super::outgoing::Multipart;
    use super::*;
    use proptest::prelude::*;

    const UUID: &str = "0f3c1a52-6a3e-4d0a-9a44-0c6d1f0d2b11";

    fn simple(body: impl Into<Bytes>) -> Result<Message, Error> {
        Message::unpack(Some(SOAP), body.into())
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_other_encodings_are_refused() {
        let message = simple("\u{feff}<?xml version='1.0' encoding='UTF-8'?><a/>").unwrap();
        assert!(message.xml().starts_with("<?xml"));
        assert_eq!(
            simple("<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?><a/>").unwrap_err(),
            Error::XmlEncoding("ISO-8859-1".into())
        );
        assert_eq!(simple(&b"\xff\xfe<\0a\0"[..]).unwrap_err(), Error::NotUtf8);
        assert!(simple("<?xml version='1.0'?><encoding x='y'/>").is_ok());
        assert!(simple("<?xml-stylesheet encoding='x'?><a/>").is_ok());
    }

    #[test]
    fn the_root_is_no_attachment() {
        let out = Multipart::new(UUID);
        let mut body = out.root("<a/>").to_vec();
        body.extend_from_slice(&out.part_head(1, "text/plain"));
        body.extend_from_slice(b"hello");
        body.extend_from_slice(&out.end());
        let message = Message::unpack(Some(&out.content_type("urn:x")), body.into()).unwrap();
        assert_eq!((message.packaging(), message.xml()), (Packaging::Mtom, "<a/>"));
        assert_eq!(message.attachment(&out.href(1)).unwrap().as_ref(), b"hello");
        assert_eq!(
            message
                .attachment(&out.href(1).replace("cid:", "CID:").replace('@', "%40"))
                .unwrap()
                .as_ref(),
            b"hello"
        );
        assert!(message.attachment(&out.content_id(1)).is_none());
        assert!(message.attachment("cid:").is_none());
        assert!(message.attachment(&format!("cid:root.{UUID}@glassgate")).is_none());
        assert!(!format!("{message:?}").contains("<a/>"));
    }

    proptest! {
        #[test]
        fn arbitrary_entities_never_panic(kind in "\\PC*", body: Vec<u8>) {
            let _ = Message::unpack(Some(&kind), body.clone().into());
            let _ = simple(body.clone());
            let _ = Message::unpack(Some("multipart/related; boundary=a"), body.into());
        }

        #[test]
        fn what_is_written_reads_back(xml in "<a>[a-z\r\n-]*</a>", documents: Vec<Vec<u8>>) {
            let documents = documents.into_iter().take(49).collect::<Vec<_>>();
            let out = Multipart::new(UUID);
            let mut body = out.root(&xml).to_vec();
            for (n, document) in documents.iter().enumerate() {
                body.extend_from_slice(&out.part_head(n, "application/pdf"));
                body.extend_from_slice(document);
            }
            body.extend_from_slice(&out.end());
            let message = Message::unpack(Some(&out.content_type("urn:x")), body.into()).unwrap();
            prop_assert_eq!(message.xml(), xml);
            for (n, document) in documents.iter().enumerate() {
                prop_assert_eq!(message.attachment(&out.href(n)).unwrap(), document);
            }
        }
    }
}
