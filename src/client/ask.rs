use bytes::Bytes;

use crate::soap::{self, Asking, Multipart, Packaging};

/// Who asks, and how one request is told from others.
#[derive(Clone)]
pub struct Ask {
    /// The signed assertion, octet for octet; empty to send none.
    pub assertion: String,
    /// A lower-case UUID without prefix: it becomes the MessageID and marks multipart boundaries.
    pub message_id: String,
    /// The address in `wsa:To`, where it is not the one that is connected to.
    pub to: Option<String>,
}

/// A request as it goes over HTTP.
#[derive(Debug, Clone)]
pub struct Entity {
    /// The Content-Type header.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

impl Ask {
    /// Puts a body into an envelope, and that into an entity of that packaging.
    #[must_use]
    pub fn entity(&self, action: &str, url: &str, body_xml: &str, packaging: Packaging) -> Entity {
        let envelope = self.envelope(action, url, body_xml);
        match packaging {
            Packaging::Simple => Entity {
                content_type: soap::SIMPLE_CONTENT_TYPE.to_owned(),
                body: Bytes::from(envelope),
            },
            Packaging::Mtom => {
                let multipart = Multipart::new(&self.message_id);
                let body = [multipart.root(&envelope), multipart.end()].concat();
                Entity { content_type: multipart.content_type(action), body: Bytes::from(body) }
            }
        }
    }

    /// Puts a body into an envelope with the assertion in its Security header (ITI TF-2 V.9.2.1).
    #[must_use]
    pub fn envelope(&self, action: &str, url: &str, body_xml: &str) -> String {
        let asking = Asking {
            action,
            to: self.to.as_deref().unwrap_or(url),
            message_id: &format!("urn:uuid:{}", self.message_id),
            security_xml: &self.assertion,
            body_xml,
        };
        asking.envelope()
    }
}

/// The assertion is a credential, so `Debug` shows the message id alone.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Message, Request, action};
    use crate::xml::{Bounds, parse};

    #[test]
    fn either_packaging_reads_back_with_the_assertion_as_it_was() {
        let ask = Ask {
            assertion: "<saml:Assertion xmlns:saml='urn:a' ID=\"_1\" >\n</saml:Assertion>"
                .to_owned(),
            message_id: "8bb1ef3c-4a86-4a2d-9a0c-6f0e3c1d2b11".to_owned(),
            to: None,
        };
        for packaging in [Packaging::Simple, Packaging::Mtom] {
            let url = "https://127.0.0.1:8443/xca/query?a&b";
            let entity = ask.entity(action::QUERY, url, "<q xmlns=\"urn:q\"/>", packaging);
            let message = Message::unpack(Some(&entity.content_type), entity.body).unwrap();
            assert_eq!(message.packaging(), packaging);
            assert!(message.xml().contains(&ask.assertion));
            let document = parse(message.xml(), Bounds::REQUEST).unwrap();
            let request = Request::read(&document).unwrap();
            assert_eq!(request.action, action::QUERY);
            let id = format!("urn:uuid:{}", ask.message_id);
            assert_eq!(request.message_id.as_deref(), Some(id.as_str()));
            assert_eq!(request.body.tag_name().name(), "q");
        }
    }
}
