use super::error::Error;
use super::fault::Fault;
use crate::xds::{AnswerError, QueryAnswer, read_query_response};
use crate::xml::{self, Bounds, Node, ns};

/// What came back.
#[derive(Clone)]
pub struct Answer<T> {
    /// The HTTP status.
    pub status: u16,
    /// The Content-Type as written.
    pub content_type: String,
    /// The envelope as it came.
    pub xml: String,
    /// What it says.
    pub outcome: Outcome<T>,
}

/// Answers name patients, so `Debug` shows the HTTP side alone.
impl<T> std::fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// What an envelope holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The body that was asked for; it may still report errors.
    Answered(T),
    /// A SOAP fault.
    Fault(Fault),
}

impl<T> Outcome<T> {
    /// The body, unless there is a fault.
    pub fn answered(&self) -> Option<&T> {
        match self {
            Self::Answered(body) => Some(body),
            Self::Fault(_) => None,
        }
    }

    /// The fault, where there is one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Answered(_) => None,
            Self::Fault(fault) => Some(fault),
        }
    }
}

/// Reads an answer to a query, in one pass unless it is a fault: answers may be huge.
pub(super) fn read_query(text: &str) -> Result<Outcome<QueryAnswer>, Error> {
    match read_query_response(text) {
        Ok(answer) => Ok(Outcome::Answered(answer)),
        Err(error @ AnswerError::WrongBody { .. }) => read_envelope(text, |_| Err(error.into())),
        Err(error) => Err(error.into()),
    }
}

/// Finds the one element of the body, and reads it unless it is a fault.
pub(super) fn read_envelope<T>(
    text: &str,
    read: impl FnOnce(Node<'_, '_>) -> Result<T, Error>,
) -> Result<Outcome<T>, Error> {
    let document = xml::parse(text, Bounds::REQUEST)?;
    let envelope = document.root();
    if !envelope.has_tag_name((ns::SOAP, "Envelope")) {
        return Err(Error::Envelope);
    }
    let body = xml::only_child(envelope, ns::SOAP, "Body").ok_or(Error::Envelope)?;
    let mut elements = body.children().filter(Node::is_element);
    let (Some(element), None) = (elements.next(), elements.next()) else {
        return Err(Error::Envelope);
    };
    if element.has_tag_name((ns::SOAP, "Fault")) {
        return Ok(Outcome::Fault(Fault::read(element)));
    }
    read(element).map(Outcome::Answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Outcome<String>, Error> {
        let envelope =
            format!("<e:Envelope xmlns:e=\"{}\"><e:Body>{body}</e:Body></e:Envelope>", ns::SOAP);
        read_envelope(&envelope, |element| Ok(element.tag_name().name().to_owned()))
    }

    #[test]
    fn a_fault_is_read_with_its_subcode() {
        let fault = "<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode>\
             <e:Value xmlns:w=\"urn:w\">w:FailedAuthentication</e:Value></e:Subcode></e:Code>\
             <e:Reason><e:Text xml:lang=\"en\">no</e:Text></e:Reason></e:Fault>";
        let outcome = read(fault).unwrap();
        let expected = Fault {
            code: "Sender".to_owned(),
            subcode: Some("FailedAuthentication".to_owned()),
            reason: "no".to_owned(),
        };
        assert_eq!(outcome.fault(), Some(&expected));
        assert_eq!(outcome.answered(), None);
    }

    #[test]
    fn faults_of_our_own_are_read() {
        let text = crate::soap::Fault::security().envelope(None);
        let outcome = read_envelope(&text, |_| Ok(())).unwrap();
        let fault = outcome.fault().unwrap();
        assert_eq!(fault.code, "Sender");
        assert_eq!(fault.subcode.as_deref(), Some("FailedAuthentication"));
        assert_eq!(fault.reason, crate::soap::Fault::security().reason);
    }

    #[test]
    fn an_answer_to_a_query_is_read_or_the_fault_in_its_place() {
        let home = crate::ids::HomeCommunityId::parse("2.999.1").unwrap();
        let text = crate::soap::envelope(crate::soap::action::QUERY_RESPONSE, None, 0, |out| {
            crate::xds::query_response(out, &home, &[], []);
        });
        assert!(read_query(&text).unwrap().answered().unwrap().documents.is_empty());
        let fault = crate::soap::Fault::security().envelope(None);
        assert!(read_query(&fault).unwrap().fault().is_some());
        let other = text.replace("AdhocQueryResponse", "Other");
        assert!(matches!(read_query(&other), Err(Error::Body(AnswerError::WrongBody { .. }))));
    }

    #[test]
    fn the_body_holds_just_one_element() {
        assert_eq!(read("<a/>").unwrap(), Outcome::Answered("a".to_owned()));
        for bad in ["", "<a/><b/>", "text"] {
            assert!(matches!(read(bad), Err(Error::Envelope)), "{bad}");
        }
        assert!(matches!(read_envelope("<a/>", |_| Ok(())), Err(Error::Envelope)));
    }
}
