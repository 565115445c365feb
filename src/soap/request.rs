use std::fmt;

use crate::xml::{self, Document, Node, ns};

use super::action;
use super::error::{Error, quote};
use super::fault::Flaw;

/// WS-Security 1.1, whose SignatureConfirmation some peers send.
const WSSE11: &str = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
/// Roles that are ours beside none at all (SOAP 1.2 Part 1 2.2).
const OUR_ROLES: [&str; 2] = [
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
];

/// The message headers and the body of a request; the Security header stays unread.
pub struct Request<'d, 'i> {
    /// `wsa:Action`, trimmed; whether it is served here is not yet asked.
    pub action: String,
    /// Whether the action was marked `mustUnderstand`, as IHE-WSA101 wants it.
    pub action_must_understand: bool,
    /// `wsa:MessageID`, trimmed and printable.
    pub message_id: Option<String>,
    /// Where the answer goes.
    pub reply_to: ReplyTo,
    /// The one element in the Body.
    pub body: Node<'d, 'i>,
}

/// Where the answer goes: always back on the connection the request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyTo {
    /// Not said, against IHE-WSA102 but common.
    Absent,
    /// The anonymous address.
    Anonymous,
}

impl<'d, 'i: 'd> Request<'d, 'i> {
    /// Reads the envelope by the rules of SOAP 1.2 and WS-Addressing (ITI TF-2 V.3.2, V.9.2.1).
    pub fn read(document: &'d Document<'i>) -> Result<Self, Error> {
        let (header, body) = envelope_parts(document.root())?;
        let blocks = || header.into_iter().flat_map(|h| h.children()).filter(Node::is_element);
        if let Some(block) = blocks().find(|block| is_demanded(*block) && !is_understood(*block)) {
            return Err(Error::NotUnderstood {
                namespace: quote(block.tag_name().namespace().unwrap_or_default()),
                name: quote(block.tag_name().name()),
            });
        }
        let once = |name: &'static str| {
            let mut found = blocks().filter(move |block| block.has_tag_name((ns::WSA, name)));
            match (found.next(), found.next()) {
                (first, None) => Ok(first),
                _ => Err(Error::Addressing { header: name, flaw: Flaw::Cardinality }),
            }
        };
        let action_header = once("Action")?.ok_or(Error::ActionMissing)?;
        let action = value(action_header, "Action")?;
        let message_id = once("MessageID")?.map(|node| value(node, "MessageID")).transpose()?;
        once("To")?;
        once("From")?;
        if let Some(fault_to) = once("FaultTo")? {
            require_anonymous(fault_to, "FaultTo")?;
        }
        let reply_to = match once("ReplyTo")? {
            None => ReplyTo::Absent,
            Some(node) => require_anonymous(node, "ReplyTo").map(|()| ReplyTo::Anonymous)?,
        };
        let mut elements = body.children().filter(Node::is_element);
        let (Some(content), None) = (elements.next(), elements.next()) else {
            return Err(Error::Body(body.children().filter(Node::is_element).count()));
        };
        let action_must_understand = must_understand(action_header);
        Ok(Self { action, action_must_understand, message_id, reply_to, body: content })
    }
}

/// Bodies name patients, so `Debug` shows the headers alone.
impl fmt::Debug for Request<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("action", &self.action)
            .field("message_id", &self.message_id)
            .field("reply_to", &self.reply_to)
            .finish_non_exhaustive()
    }
}

/// The MessageID of a message that may be wrong in any other way, for the RelatesTo of its fault.
#[must_use]
pub fn message_id(document: &Document<'_>) -> Option<String> {
    let header = document.root().children().find(|node| node.tag_name().name() == "Header")?;
    let id = xml::only_child(header, ns::WSA, "MessageID")?;
    let id = xml::text(id);
    is_printable(&id).then(|| id.into_owned())
}

/// Whether a text may be echoed: 1 to 255 of the characters that a URI is made of (RFC 3986 2).
pub(super) fn is_printable(text: &str) -> bool {
    (1..256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&b))
}

/// Header and Body of a SOAP 1.2 envelope that holds nothing else.
fn envelope_parts<'d, 'i: 'd>(
    root: Node<'d, 'i>,
) -> Result<(Option<Node<'d, 'i>>, Node<'d, 'i>), Error> {
    if !root.has_tag_name((ns::SOAP, "Envelope")) {
        return Err(Error::Version);
    }
    let mut elements = root.children().filter(Node::is_element);
    let found = (elements.next(), elements.next(), elements.next());
    let is = |node: Node<'_, '_>, name| node.has_tag_name((ns::SOAP, name));
    match found {
        (Some(body), None, _) if is(body, "Body") => Ok((None, body)),
        (Some(header), Some(body), None) if is(header, "Header") && is(body, "Body") => {
            Ok((Some(header), body))
        }
        _ => Err(Error::Envelope),
    }
}

/// Whether a header block binds this receiver; only SOAP's own attribute can demand that.
fn is_demanded(block: Node<'_, '_>) -> bool {
    let role = block.attribute((ns::SOAP, "role")).map(str::trim).unwrap_or_default();
    is_true(block.attribute((ns::SOAP, "mustUnderstand")))
        && (role.is_empty() || OUR_ROLES.contains(&role))
}

/// WS-Addressing is read here; Security is left to the signature gate and the assertion's rules.
fn is_understood(block: Node<'_, '_>) -> bool {
    let name = block.tag_name();
    match name.namespace() {
        Some(ns::WSA | WSSE11) => true,
        Some(ns::WSSE) => name.name() == "Security",
        _ => false,
    }
}

/// Reads `mustUnderstand` in SOAP's namespace, in none, and in WS-Addressing's, as senders write it.
fn must_understand(block: Node<'_, '_>) -> bool {
    is_true(block.attribute((ns::SOAP, "mustUnderstand")))
        || is_true(xml::attribute(block, "mustUnderstand"))
        || is_true(block.attribute((ns::WSA, "mustUnderstand")))
}

fn is_true(value: Option<&str>) -> bool {
    matches!(value.map(str::trim), Some("1" | "true"))
}

/// The trimmed text of a header that holds a URI.
fn value(node: Node<'_, '_>, header: &'static str) -> Result<String, Error> {
    let text = xml::text(node);
    match is_printable(&text) {
        true => Ok(text.into_owned()),
        false => Err(Error::Addressing { header, flaw: Flaw::Value }),
    }
}

/// Refuses an endpoint reference to anywhere but the connection itself; `none` is elsewhere too.
fn require_anonymous(node: Node<'_, '_>, header: &'static str) -> Result<(), Error> {
    let mut addresses = xml::children(node, ns::WSA, "Address");
    let flaw = match (addresses.next(), addresses.next()) {
        (Some(address), None) => match xml::text(address) {
            text if text == action::ANONYMOUS => return Ok(()),
            text if is_printable(&text) => return Err(Error::NotAnonymous { header }),
            _ => Flaw::Address,
        },
        (None, _) => Flaw::MissingAddress,
        _ => Flaw::Cardinality,
    };
    Err(Error::Addressing { header, flaw })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Bounds;
    use proptest::prelude::*;

    fn envelope(header: &str, body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='{}' xmlns:a='{}' xmlns:x='urn:x'>{header}<s:Body>{body}</s:Body>\
             </s:Envelope>",
            ns::SOAP,
            ns::WSA
        )
    }

    fn refusal(header: &str) -> Option<Error> {
        let text = envelope(&format!("<s:Header>{header}</s:Header>"), "<q/>");
        let document = xml::parse(&text, Bounds::REQUEST).unwrap();
        Request::read(&document).err()
    }

    const ACTION: &str = "<a:Action>urn:a</a:Action>";

    #[test]
    fn must_understand_is_read_in_three_namespaces() {
        for (attribute, expected) in [
            ("s:mustUnderstand='1'", true),
            ("mustUnderstand=' true '", true),
            ("a:mustUnderstand='1'", true),
            ("x:mustUnderstand='1'", false),
            ("s:mustUnderstand='0'", false),
            ("", false),
        ] {
            let action =
                format!("<s:Header><a:Action {attribute}>\n urn:a\n</a:Action></s:Header>");
            let text = envelope(&action, "<q/>");
            let document = xml::parse(&text, Bounds::REQUEST).unwrap();
            let request = Request::read(&document).unwrap();
            assert_eq!(
                (request.action.as_str(), request.action_must_understand),
                ("urn:a", expected)
            );
            assert_eq!((request.reply_to, request.message_id), (ReplyTo::Absent, None));
        }
    }

    #[test]
    fn only_what_binds_us_must_be_understood() {
        let next = OUR_ROLES[0];
        for (block, refused) in [
            ("<x:B s:mustUnderstand='1'/>".to_owned(), true),
            (format!("<x:B s:mustUnderstand='true' s:role='{next}'/>"), true),
            ("<B s:mustUnderstand='1'/>".to_owned(), true),
            ("<x:B s:mustUnderstand='1' s:role='urn:other'/>".to_owned(), false),
            ("<x:B mustUnderstand='1'/>".to_owned(), false),
            ("<x:B s:mustUnderstand='0'/>".to_owned(), false),
            ("<a:Unheard s:mustUnderstand='1'/>".to_owned(), false),
            (format!("<w:Security xmlns:w='{}' s:mustUnderstand='1'/>", ns::WSSE), false),
            (format!("<w:Other xmlns:w='{}' s:mustUnderstand='1'/>", ns::WSSE), true),
        ] {
            let got = refusal(&format!("{ACTION}{block}"));
            assert_eq!(matches!(got, Some(Error::NotUnderstood { .. })), refused, "{block}");
            assert_eq!(got.is_some(), refused, "{block}");
        }
    }

    #[test]
    fn each_addressing_header_stands_once() {
        let anonymous = format!("<a:Address>{}</a:Address>", action::ANONYMOUS);
        for header in ["Action", "MessageID", "ReplyTo", "To", "From", "FaultTo"] {
            let content = if header.ends_with("To") { anonymous.as_str() } else { "urn:a" };
            let twice = format!("<a:{header}>{content}</a:{header}>").repeat(2);
            let action = if header == "Action" { "" } else { ACTION };
            assert_eq!(
                refusal(&format!("{action}{twice}")),
                Some(Error::Addressing { header, flaw: Flaw::Cardinality })
            );
        }
        assert_eq!(refusal(""), Some(Error::ActionMissing));
        assert_eq!(refusal("<x:Action>urn:a</x:Action>"), Some(Error::ActionMissing));
    }

    #[test]
    fn answers_go_back_on_the_same_connection() {
        let epr = |header: &str, content: &str| {
            refusal(&format!("{ACTION}<a:{header}>{content}</a:{header}>"))
        };
        let anonymous = format!("<a:Address>\n {}\n</a:Address>", action::ANONYMOUS);
        for header in ["ReplyTo", "FaultTo"] {
            assert_eq!(epr(header, &anonymous), None);
            for elsewhere in ["https://sink.example/", "http://www.w3.org/2005/08/addressing/none"]
            {
                let address = format!("<a:Address>{elsewhere}</a:Address>");
                assert_eq!(epr(header, &address), Some(Error::NotAnonymous { header }));
            }
            for (content, flaw) in [
                ("", Flaw::MissingAddress),
                ("<x:Address>urn:a</x:Address>", Flaw::MissingAddress),
                ("<a:Address/>", Flaw::Address),
                ("<a:Address>a b</a:Address>", Flaw::Address),
                ("<a:Address>urn:a</a:Address><a:Address>urn:b</a:Address>", Flaw::Cardinality),
            ] {
                assert_eq!(
                    epr(header, content),
                    Some(Error::Addressing { header, flaw }),
                    "{content}"
                );
            }
        }
    }

    #[test]
    fn message_ids_are_printable_or_refused() {
        let long = "x".repeat(256);
        for (id, good) in [
            ("urn:uuid:1", true),
            ("\n 1@x \n", true),
            ("", false),
            ("a b", false),
            ("å", false),
            (long.as_str(), false),
        ] {
            let text = envelope(
                &format!("<s:Header>{ACTION}<a:MessageID>{id}</a:MessageID></s:Header>"),
                "<q/>",
            );
            let document = xml::parse(&text, Bounds::REQUEST).unwrap();
            assert_eq!(Request::read(&document).is_ok(), good, "{id}");
            assert_eq!(message_id(&document), good.then(|| id.trim().to_owned()));
        }
    }

    proptest! {
        #[test]
        fn near_envelopes_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:a='http://www.w3.org/2005/08/addressing'>",
            "<s:Header>", "</s:Header>", "<s:Body>", "</s:Body>", "</s:Envelope>", "<a:Action>", "</a:Action>", "<a:ReplyTo/>", "x",
        ]), 0..12)) {
            if let Ok(document) = xml::parse(&pieces.concat(), Bounds::REQUEST) {
                let _ = (Request::read(&document), message_id(&document));
            }
        }
    }

    #[test]
    fn an_envelope_holds_header_and_body_and_nothing_else() {
        let header = format!("<s:Header>{ACTION}</s:Header>");
        for (text, code) in [
            (envelope(&header, ""), "body"),
            (envelope(&header, "<a/><b/>"), "body"),
            (envelope("", "<a/>"), "action-missing"),
            (envelope(&header.repeat(2), "<a/>"), "envelope"),
            (envelope("<s:Body/>", "<a/>"), "envelope"),
            (envelope("<x:Header/>", "<a/>"), "envelope"),
            (format!("<s:Envelope xmlns:s='{}'/>", ns::SOAP), "envelope"),
            (
                envelope(&header, "<a/>")
                    .replace(ns::SOAP, "http://schemas.xmlsoap.org/soap/envelope/"),
                "version",
            ),
            ("<html/>".to_owned(), "version"),
        ] {
            let document = xml::parse(&text, Bounds::REQUEST).unwrap();
            assert_eq!(Request::read(&document).unwrap_err().code(), code, "{text}");
        }
    }
}
