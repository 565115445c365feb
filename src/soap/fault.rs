use std::fmt;

use crate::xml::{escape_attribute, escape_text, ns};

use super::action;
use super::envelope::{close, element, open};
use super::request::is_printable;

/// A SOAP 1.2 fault: what the sender is told instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Code, subcodes and HTTP status.
    pub kind: FaultKind,
    /// The English text: constant, so it holds no time and no id.
    pub reason: &'static str,
    /// The action that is not served, for [`FaultKind::ActionNotSupported`].
    pub problem_action: Option<String>,
}

/// What kind of fault it is (SOAP 1.2 Part 1, 5.4; WS-Addressing 1.0 SOAP Binding 6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Not a SOAP 1.2 envelope.
    VersionMismatch,
    /// A header block that must be understood and is not.
    MustUnderstand {
        /// Namespace of the block, empty where it has none.
        namespace: String,
        /// Local name of the block.
        name: String,
    },
    /// The message is at fault.
    Sender,
    /// The gateway is at fault.
    Receiver,
    /// No such action here.
    ActionNotSupported,
    /// `wsa:Action` is missing.
    MessageAddressingHeaderRequired,
    /// A WS-Addressing header breaks the rules.
    InvalidAddressingHeader {
        /// Local name of the header.
        header: &'static str,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Answers go back on the same connection only.
    OnlyAnonymousAddressSupported {
        /// `ReplyTo` or `FaultTo`.
        header: &'static str,
    },
    /// Every trust failure (WS-Security 1.1 section 12).
    FailedAuthentication,
    /// No such path (HTTP 404).
    NotFound,
    /// Not a POST (HTTP 405).
    MethodNotAllowed,
    /// The body took too long (HTTP 408).
    Timeout,
    /// The body is larger than allowed (HTTP 413).
    TooLarge,
    /// Neither SOAP 1.2 nor MTOM (HTTP 415).
    UnsupportedMediaType,
}

/// What is wrong with a WS-Addressing header (WS-Addressing 1.0 SOAP Binding 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It stands there more than once.
    Cardinality,
    /// An endpoint reference without `wsa:Address`.
    MissingAddress,
    /// An empty or unprintable address.
    Address,
    /// A value that is empty, longer than 255 characters or no URI by its characters.
    Value,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cardinality => "cardinality",
            Self::MissingAddress => "endpoint reference, without an address",
            Self::Address => "address",
            Self::Value => "value",
        })
    }
}

/// The fault of that kind with its standard text.
impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        let reason = match kind {
            FaultKind::VersionMismatch => "Only SOAP 1.2 envelopes are supported",
            FaultKind::MustUnderstand { .. } => "A mandatory SOAP header block was not understood",
            FaultKind::Sender => "The message could not be processed",
            FaultKind::Receiver => "The receiver could not process the message",
            FaultKind::ActionNotSupported => "The [action] cannot be processed at the receiver",
            FaultKind::MessageAddressingHeaderRequired => {
                "A required header representing a Message Addressing Property is not present"
            }
            FaultKind::InvalidAddressingHeader { .. } => {
                "A header representing a Message Addressing Property is not valid and the message \
                 cannot be processed"
            }
            FaultKind::OnlyAnonymousAddressSupported { .. } => {
                "Answers go back on the same connection, only the anonymous address is supported"
            }
            FaultKind::FailedAuthentication => {
                "The security token could not be authenticated or authorized"
            }
            FaultKind::NotFound => "There is no service at this address",
            FaultKind::MethodNotAllowed => "Requests are sent by POST",
            FaultKind::Timeout => "The request did not arrive in time",
            FaultKind::TooLarge => "The request is larger than this receiver accepts",
            FaultKind::UnsupportedMediaType => {
                "Requests are application/soap+xml, or multipart/related with application/xop+xml, \
                 in UTF-8"
            }
        };
        Self { kind, reason, problem_action: None }
    }
}

impl Fault {
    /// The one answer to every trust failure, whatever the true reason.
    #[must_use]
    pub fn security() -> Self {
        Self::from(FaultKind::FailedAuthentication)
    }

    /// A plain `env:Sender` with a text of its own.
    #[must_use]
    pub const fn sender(reason: &'static str) -> Self {
        Self { kind: FaultKind::Sender, reason, problem_action: None }
    }

    /// The HTTP status: 400 where the sender is at fault, else 500 (SOAP 1.2 Part 2, Table 20).
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self.kind {
            FaultKind::VersionMismatch | FaultKind::MustUnderstand { .. } | FaultKind::Receiver => {
                500
            }
            FaultKind::Sender
            | FaultKind::ActionNotSupported
            | FaultKind::MessageAddressingHeaderRequired
            | FaultKind::InvalidAddressingHeader { .. }
            | FaultKind::OnlyAnonymousAddressSupported { .. }
            | FaultKind::FailedAuthentication => 400,
            FaultKind::NotFound => 404,
            FaultKind::MethodNotAllowed => 405,
            FaultKind::Timeout => 408,
            FaultKind::TooLarge => 413,
            FaultKind::UnsupportedMediaType => 415,
        }
    }

    /// The `wsa:Action` of the fault message.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self.kind {
            FaultKind::ActionNotSupported
            | FaultKind::MessageAddressingHeaderRequired
            | FaultKind::InvalidAddressingHeader { .. }
            | FaultKind::OnlyAnonymousAddressSupported { .. } => action::WSA_FAULT,
            _ => action::SOAP_FAULT,
        }
    }

    /// Writes the fault message; an unprintable `relates_to` is left out.
    #[must_use]
    pub fn envelope(&self, relates_to: Option<&str>) -> String {
        let mut out = open(self.action(), 1024);
        if let Some(id) = relates_to.filter(|id| is_printable(id)) {
            element(&mut out, "RelatesTo", id);
        }
        self.write_headers(&mut out);
        let mut body = String::from("<env:Fault><env:Code><env:Value>env:");
        body.push_str(self.code());
        body.push_str("</env:Value>");
        let subcodes = self.subcodes();
        for subcode in subcodes {
            body.push_str("<env:Subcode><env:Value");
            if subcode.starts_with("wsse:") {
                body.push_str(" xmlns:wsse=\"");
                body.push_str(ns::WSSE);
                body.push('"');
            }
            body.push('>');
            body.push_str(subcode);
            body.push_str("</env:Value>");
        }
        subcodes.iter().for_each(|_| body.push_str("</env:Subcode>"));
        body.push_str("</env:Code><env:Reason><env:Text xml:lang=\"en\">");
        escape_text(&mut body, self.reason);
        body.push_str("</env:Text></env:Reason>");
        self.write_detail(&mut body);
        body.push_str("</env:Fault>");
        close(&mut out, |out| out.push_str(&body));
        out
    }

    const fn code(&self) -> &'static str {
        match self.kind {
            FaultKind::VersionMismatch => "VersionMismatch",
            FaultKind::MustUnderstand { .. } => "MustUnderstand",
            FaultKind::Receiver => "Receiver",
            _ => "Sender",
        }
    }

    /// Subcodes, the outer first.
    const fn subcodes(&self) -> &'static [&'static str] {
        match self.kind {
            FaultKind::ActionNotSupported => &["wsa:ActionNotSupported"],
            FaultKind::MessageAddressingHeaderRequired => &["wsa:MessageAddressingHeaderRequired"],
            FaultKind::InvalidAddressingHeader { flaw, .. } => match flaw {
                Flaw::Cardinality => &["wsa:InvalidAddressingHeader", "wsa:InvalidCardinality"],
                Flaw::MissingAddress => &["wsa:InvalidAddressingHeader", "wsa:MissingAddressInEPR"],
                Flaw::Address => &["wsa:InvalidAddressingHeader", "wsa:InvalidAddress"],
                Flaw::Value => &["wsa:InvalidAddressingHeader"],
            },
            FaultKind::OnlyAnonymousAddressSupported { .. } => {
                &["wsa:InvalidAddressingHeader", "wsa:OnlyAnonymousAddressSupported"]
            }
            FaultKind::FailedAuthentication => &["wsse:FailedAuthentication"],
            _ => &[],
        }
    }

    /// Header blocks that SOAP 1.2 Part 1 5.4.7 and 5.4.8 ask for.
    fn write_headers(&self, out: &mut String) {
        match &self.kind {
            FaultKind::VersionMismatch => out.push_str(
                "<env:Upgrade><env:SupportedEnvelope qname=\"env:Envelope\"/></env:Upgrade>",
            ),
            FaultKind::MustUnderstand { namespace, name } => {
                out.push_str("<env:NotUnderstood qname=\"");
                if !namespace.is_empty() {
                    out.push_str("b:");
                }
                escape_attribute(out, name);
                if !namespace.is_empty() {
                    out.push_str("\" xmlns:b=\"");
                    escape_attribute(out, namespace);
                }
                out.push_str("\"/>");
            }
            _ => {}
        }
    }

    /// The detail that WS-Addressing 1.0 SOAP Binding 6.3 asks for.
    fn write_detail(&self, out: &mut String) {
        let header = match &self.kind {
            FaultKind::MessageAddressingHeaderRequired => "Action",
            FaultKind::InvalidAddressingHeader { header, .. }
            | FaultKind::OnlyAnonymousAddressSupported { header } => header,
            FaultKind::ActionNotSupported => {
                if let Some(action) = self.problem_action.as_deref().filter(|a| is_printable(a)) {
                    out.push_str("<env:Detail><wsa:ProblemAction>");
                    element(out, "Action", action);
                    out.push_str("</wsa:ProblemAction></env:Detail>");
                }
                return;
            }
            _ => return,
        };
        out.push_str("<env:Detail><wsa:ProblemHeaderQName>wsa:");
        out.push_str(header);
        out.push_str("</wsa:ProblemHeaderQName></env:Detail>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    fn every_kind() -> Vec<Fault> {
        let flaws = [Flaw::Cardinality, Flaw::MissingAddress, Flaw::Address, Flaw::Value];
        let invalid = |flaw| FaultKind::InvalidAddressingHeader { header: "To", flaw };
        let mut kinds = vec![
            FaultKind::VersionMismatch,
            FaultKind::MustUnderstand { namespace: "urn:a\"&".into(), name: "b".into() },
            FaultKind::MustUnderstand { namespace: String::new(), name: "b".into() },
            FaultKind::Sender,
            FaultKind::Receiver,
            FaultKind::ActionNotSupported,
            FaultKind::MessageAddressingHeaderRequired,
            FaultKind::OnlyAnonymousAddressSupported { header: "ReplyTo" },
            FaultKind::FailedAuthentication,
            FaultKind::NotFound,
            FaultKind::MethodNotAllowed,
            FaultKind::Timeout,
            FaultKind::TooLarge,
            FaultKind::UnsupportedMediaType,
        ];
        kinds.extend(flaws.map(invalid));
        kinds.into_iter().map(Fault::from).collect()
    }

    #[test]
    fn every_fault_has_code_and_reason_in_schema_order() {
        for fault in every_kind() {
            let text = fault.envelope(Some("urn:uuid:1"));
            let document = xml::parse(&text, xml::Bounds::REQUEST).unwrap();
            let body = xml::only_child(document.root(), ns::SOAP, "Body").unwrap();
            let found = xml::only_child(body, ns::SOAP, "Fault").unwrap();
            let names: Vec<_> = found.children().map(|n| n.tag_name().name()).collect();
            assert_eq!(names.get(..2).unwrap(), ["Code", "Reason"], "{text}");
            assert!(names.len() == 2 || names == ["Code", "Reason", "Detail"], "{text}");
            assert!(text.contains("<wsa:RelatesTo>urn:uuid:1</wsa:RelatesTo>"), "{text}");
            assert!((400..=500).contains(&fault.http_status()));
            assert!(
                !fault.reason.contains(|c: char| c.is_ascii_digit())
                    || text.contains("SOAP 1.2")
                    || fault.kind == FaultKind::UnsupportedMediaType
            );
        }
    }

    #[test]
    fn the_answer_to_a_trust_failure_is_constant() {
        let fault = Fault::security();
        assert_eq!((fault.http_status(), fault.action()), (400, action::SOAP_FAULT));
        assert_eq!(
            fault.envelope(None),
            "<env:Envelope xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:wsa=\"http://www.w3.org/2005/08/addressing\"><env:Header>\
             <wsa:Action env:mustUnderstand=\"1\">http://www.w3.org/2005/08/addressing/soap/fault\
             </wsa:Action></env:Header><env:Body><env:Fault><env:Code><env:Value>env:Sender\
             </env:Value><env:Subcode><env:Value xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/\
             oasis-200401-wss-wssecurity-secext-1.0.xsd\">wsse:FailedAuthentication</env:Value>\
             </env:Subcode></env:Code><env:Reason><env:Text xml:lang=\"en\">The security token \
             could not be authenticated or authorized</env:Text></env:Reason></env:Fault>\
             </env:Body></env:Envelope>"
        );
    }

    #[test]
    fn details_name_the_problem() {
        let fault = super::super::Error::ActionNotSupported("urn:a?b&c".into()).fault();
        let text = fault.envelope(Some("not printable"));
        assert!(text.contains(
            "<wsa:ProblemAction><wsa:Action>urn:a?b&amp;c</wsa:Action></wsa:ProblemAction>"
        ));
        assert!(!text.contains("RelatesTo"));
        let fault = Fault::from(FaultKind::OnlyAnonymousAddressSupported { header: "ReplyTo" });
        assert_eq!(fault.action(), action::WSA_FAULT);
        assert!(
            fault.envelope(None).contains(
                "wsa:OnlyAnonymousAddressSupported</env:Value></env:Subcode></env:Subcode>"
            )
        );
        let fault =
            Fault::from(FaultKind::MustUnderstand { namespace: "urn:\"".into(), name: "x".into() });
        assert!(
            fault
                .envelope(None)
                .contains("<env:NotUnderstood qname=\"b:x\" xmlns:b=\"urn:&quot;\"/>")
        );
    }
}
