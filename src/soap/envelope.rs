use crate::xml::{escape_text, ns};

use super::action;

/// The Content-Type of an envelope that travels alone.
pub const SIMPLE_CONTENT_TYPE: &str = "application/soap+xml; charset=UTF-8";

/// Writes a response: Action, RelatesTo, and what `write_body` appends, of some `room` bytes (ITI TF-2 V.9.2.2).
#[must_use]
pub fn envelope(
    action: &str,
    relates_to: Option<&str>,
    room: usize,
    write_body: impl FnOnce(&mut String),
) -> String {
    let mut out = open(action, room);
    if let Some(id) = relates_to {
        element(&mut out, "RelatesTo", id);
    }
    close(&mut out, write_body);
    out
}

/// A request to another gateway (ITI TF-2 V.9.2.1).
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// One of [`action`].
    pub action: &'a str,
    /// The address that it goes to.
    pub to: &'a str,
    /// `urn:uuid:` and a lower-case UUID.
    pub message_id: &'a str,
    /// What stands in `wsse:Security`: the signed assertion, octet for octet.
    pub security_xml: &'a str,
    /// The body's element.
    pub body_xml: &'a str,
}

impl Asking<'_> {
    /// Writes the whole request; the answer is wanted on the same connection.
    #[must_use]
    pub fn envelope(&self) -> String {
        let room = self.body_xml.len().saturating_add(self.security_xml.len());
        let mut out = open(self.action, room);
        element(&mut out, "MessageID", self.message_id);
        element(&mut out, "To", self.to);
        out.push_str("<wsa:ReplyTo><wsa:Address>");
        out.push_str(action::ANONYMOUS);
        out.push_str("</wsa:Address></wsa:ReplyTo>");
        out.push_str("<wsse:Security env:mustUnderstand=\"1\" xmlns:wsse=\"");
        out.push_str(ns::WSSE);
        out.push_str("\">");
        out.push_str(self.security_xml);
        out.push_str("</wsse:Security>");
        close(&mut out, |out| out.push_str(self.body_xml));
        out
    }
}

/// The assertion is a credential, so `Debug` shows where the request goes alone.
impl std::fmt::Debug for Asking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("action", &self.action).field("to", &self.to).finish()
    }
}

/// Begins an envelope up to and with its Action, `env` and `wsa` bound; `room` bytes will follow.
pub(super) fn open(action: &str, room: usize) -> String {
    let mut out = String::with_capacity(room.saturating_add(768));
    out.push_str("<env:Envelope xmlns:env=\"");
    out.push_str(ns::SOAP);
    out.push_str("\" xmlns:wsa=\"");
    out.push_str(ns::WSA);
    out.push_str("\"><env:Header><wsa:Action env:mustUnderstand=\"1\">");
    escape_text(&mut out, action);
    out.push_str("</wsa:Action>");
    out
}

/// Ends the Header and writes the Body.
pub(super) fn close(out: &mut String, write_body: impl FnOnce(&mut String)) {
    out.push_str("</env:Header><env:Body>");
    write_body(out);
    out.push_str("</env:Body></env:Envelope>");
}

/// Appends an element of WS-Addressing that holds text.
pub(super) fn element(out: &mut String, name: &str, text: &str) {
    out.push_str("<wsa:");
    out.push_str(name);
    out.push('>');
    escape_text(out, text);
    out.push_str("</wsa:");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::super::{ReplyTo, Request};
    use super::*;
    use crate::xml;

    #[test]
    fn a_response_relates_to_its_request() {
        let body = |out: &mut String| out.push_str("<a xmlns=\"urn:a\"/>");
        let text = envelope(action::QUERY_RESPONSE, Some("urn:uuid:1&2"), 20, body);
        let document = xml::parse(&text, xml::Bounds::REQUEST).unwrap();
        let header = xml::child(document.root(), ns::SOAP, "Header").unwrap();
        let relates_to = xml::only_child(header, ns::WSA, "RelatesTo").unwrap();
        assert_eq!(xml::text(relates_to), "urn:uuid:1&2");
        let action = xml::only_child(header, ns::WSA, "Action").unwrap();
        assert_eq!(action.attribute((ns::SOAP, "mustUnderstand")), Some("1"));
        assert!(!text.contains("MessageID") && !text.contains("Timestamp"));
    }

    #[test]
    fn a_request_reads_back() {
        let asking = Asking {
            action: action::QUERY,
            to: "https://127.0.0.1/a?b&c",
            message_id: "urn:uuid:0f3c1a52-6a3e-4d0a-9a44-0c6d1f0d2b11",
            security_xml: "<s/>",
            body_xml: "<q/>",
        };
        let text = asking.envelope();
        let document = xml::parse(&text, xml::Bounds::REQUEST).unwrap();
        let request = Request::read(&document).unwrap();
        assert_eq!(request.action, action::QUERY);
        assert_eq!(request.message_id.as_deref(), Some(asking.message_id));
        assert_eq!(request.reply_to, ReplyTo::Anonymous);
        assert_eq!(request.body.tag_name().name(), "q");
    }
}
