use bytes::Bytes;

use super::content_type::is_media_type;

/// Writes an MTOM entity piece by piece: `root`, then `part_head` and content for each, `end`.
#[derive(Debug, Clone)]
pub struct Multipart {
    uuid: String,
}

impl Multipart {
    /// Starts an entity; boundary and Content-IDs come from one random lower-case UUID.
    #[must_use]
    pub fn new(uuid: &str) -> Self {
        Self { uuid: uuid.to_owned() }
    }

    /// The Content-Type header of the entity (ITI TF-2 V.9.3); `action` is one of [`super::action`].
    #[must_use]
    pub fn content_type(&self, action: &str) -> String {
        format!(
            "multipart/related; boundary=\"{}\"; type=\"application/xop+xml\"; start=\"<{}>\"; \
             start-info=\"application/soap+xml\"; action=\"{action}\"",
            self.boundary(),
            self.root_id()
        )
    }

    /// The root part with the envelope in it.
    #[must_use]
    pub fn root(&self, envelope: &str) -> Bytes {
        Bytes::from(format!(
            "--{}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n\
             Content-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n{envelope}",
            self.boundary(),
            self.root_id()
        ))
    }

    /// The Content-ID of attachment `n`, without angle brackets.
    #[must_use]
    pub fn content_id(&self, n: usize) -> String {
        format!("{n}.{}@glassgate", self.uuid)
    }

    /// The `href` of the `xop:Include` for attachment `n`.
    #[must_use]
    pub fn href(&self, n: usize) -> String {
        format!("cid:{}", self.content_id(n))
    }

    /// What stands between the previous part's last byte and the first byte of attachment `n`.
    #[must_use]
    pub fn part_head(&self, n: usize, mime_type: &str) -> Bytes {
        // a stored type may be anything: it must not write headers of its own
        let mime_type = match is_media_type(mime_type) {
            true => mime_type,
            false => "application/octet-stream",
        };
        Bytes::from(format!(
            "\r\n--{}\r\nContent-Type: {mime_type}\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: <{}>\r\n\r\n",
            self.boundary(),
            self.content_id(n)
        ))
    }

    /// The closing boundary, after the last part's last byte.
    #[must_use]
    pub fn end(&self) -> Bytes {
        Bytes::from(format!("\r\n--{}--\r\n", self.boundary()))
    }

    fn boundary(&self) -> String {
        format!("MIMEBoundary_{}", self.uuid)
    }

    fn root_id(&self) -> String {
        format!("root.{}@glassgate", self.uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_type_writes_no_header() {
        let out = Multipart::new("u");
        let head = out.part_head(1, "text/plain\r\nX: y");
        assert!(
            head.starts_with(b"\r\n--MIMEBoundary_u\r\nContent-Type: application/octet-stream\r\n")
        );
    }

    #[test]
    fn the_content_type_names_the_root() {
        assert_eq!(
            Multipart::new("u").content_type("urn:x"),
            "multipart/related; boundary=\"MIMEBoundary_u\"; type=\"application/xop+xml\"; \
             start=\"<root.u@glassgate>\"; start-info=\"application/soap+xml\"; action=\"urn:x\""
        );
    }
}
