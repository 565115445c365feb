use crate::xml::{self, Node, ns};

/// A SOAP 1.2 fault as a gateway sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `Sender`, `Receiver` and so on, without its prefix.
    pub code: String,
    /// The subcode without its prefix, where there is one.
    pub subcode: Option<String>,
    /// The text for people.
    pub reason: String,
}

impl Fault {
    /// Reads an `env:Fault` (SOAP 1.2 Part 1, 5.4); what is missing is empty.
    pub(super) fn read(fault: Node<'_, '_>) -> Self {
        let code = xml::child(fault, ns::SOAP, "Code");
        let subcode = code.and_then(|code| xml::child(code, ns::SOAP, "Subcode"));
        let reason = xml::child(fault, ns::SOAP, "Reason")
            .and_then(|reason| xml::child(reason, ns::SOAP, "Text"));
        Self {
            code: code.and_then(local_value).unwrap_or_default(),
            subcode: subcode.and_then(local_value),
            reason: reason.map(|text| xml::text(text).into_owned()).unwrap_or_default(),
        }
    }
}

/// The local part of the QName in `env:Value`.
fn local_value(of: Node<'_, '_>) -> Option<String> {
    let value = xml::text(xml::child(of, ns::SOAP, "Value")?).into_owned();
    Some(value.rsplit_once(':').map_or(value.as_str(), |(_, local)| local).to_owned())
}
