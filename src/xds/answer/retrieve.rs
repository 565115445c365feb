use super::{AnswerError, ReportedError};
use crate::xds::error::Status;
use crate::xds::retrieve::DocumentRequest;
use crate::xml::{self, Node, ns};

/// What a gateway answers to a retrieve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrieveAnswer {
    /// How it ended.
    pub status: Status,
    /// Errors and warnings.
    pub errors: Vec<ReportedError>,
    /// The documents.
    pub documents: Vec<RetrievedDocument>,
}

/// One document of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievedDocument {
    /// The ids that the answer echoes.
    pub request: DocumentRequest,
    /// The MIME type.
    pub mime_type: String,
    /// Where the bytes are.
    pub content: RetrievedContent,
}

/// Where the bytes of a document are; senders mix both forms freely (ITI TF-2 V.8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetrievedContent {
    /// In a MIME part: the `cid:` reference as written.
    Part(String),
    /// In the message: base64, without white space.
    Inline(String),
}

/// Reads a `RetrieveDocumentSetResponse`, given itself or any element around it.
pub fn read_retrieve_response(root: Node<'_, '_>) -> Result<RetrieveAnswer, AnswerError> {
    let find = |node: Node<'_, '_>, name| node.has_tag_name((ns::XDS, name));
    let response = root
        .descendants()
        .find(|node| find(*node, "RetrieveDocumentSetResponse"))
        .ok_or(AnswerError::WrongBody { expected: "RetrieveDocumentSetResponse" })?;
    let registry = xml::child(response, ns::RS, "RegistryResponse")
        .ok_or(AnswerError::WrongBody { expected: "RegistryResponse" })?;
    let written = xml::attribute(registry, "status").unwrap_or("");
    let status =
        Status::parse(written).ok_or_else(|| AnswerError::UnknownStatus(written.to_owned()))?;
    let errors = registry
        .descendants()
        .filter(|node| node.has_tag_name((ns::RS, "RegistryError")))
        .map(reported)
        .collect();
    let documents = xml::children(response, ns::XDS, "DocumentResponse").map(document).collect();
    Ok(RetrieveAnswer { status, errors, documents })
}

fn reported(node: Node<'_, '_>) -> ReportedError {
    let value = |name| xml::attribute(node, name).map(str::to_owned);
    ReportedError {
        code: value("errorCode").unwrap_or_default(),
        context: value("codeContext").unwrap_or_default(),
        severity: value("severity").unwrap_or_default(),
        location: value("location"),
    }
}

fn document(node: Node<'_, '_>) -> RetrievedDocument {
    let value = |name| {
        let found = node.children().find(|child| child.has_tag_name((ns::XDS, name)));
        found.map(|child| xml::text(child).into_owned())
    };
    RetrievedDocument {
        request: DocumentRequest {
            // some write the home with a small h
            home: value("HomeCommunityId").or_else(|| value("homeCommunityId")),
            repository: value("RepositoryUniqueId").unwrap_or_default(),
            document: value("DocumentUniqueId").unwrap_or_default(),
        },
        mime_type: value("mimeType").unwrap_or_default(),
        content: content(node),
    }
}

fn content(node: Node<'_, '_>) -> RetrievedContent {
    let document = xml::child(node, ns::XDS, "Document");
    let include = document
        .and_then(|document| document.children().find(|n| n.has_tag_name((ns::XOP, "Include"))));
    if let Some(href) = include.and_then(|include| xml::attribute(include, "href")) {
        return RetrievedContent::Part(href.to_owned());
    }
    let base64 = document.map(xml::text).unwrap_or_default();
    RetrievedContent::Inline(base64.split_ascii_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_bytes_and_an_envelope_are_read() {
        let answer = format!(
            "<e><x:RetrieveDocumentSetResponse xmlns:x='{}'><r:RegistryResponse xmlns:r='{}' status='{}'/>\
             <x:DocumentResponse><x:homeCommunityId>1.2</x:homeCommunityId>\
             <x:Document> YQ=\n= </x:Document></x:DocumentResponse></x:RetrieveDocumentSetResponse></e>",
            ns::XDS,
            ns::RS,
            Status::Success.urn()
        );
        let document = xml::parse(&answer, xml::Bounds::REQUEST).unwrap();
        let read = read_retrieve_response(document.root()).unwrap();
        let first = read.documents.first().unwrap();
        assert_eq!(first.content, RetrievedContent::Inline("YQ==".to_owned()));
        assert_eq!(first.request.home.as_deref(), Some("1.2"));
        let other = xml::parse("<a/>", xml::Bounds::REQUEST).unwrap();
        assert!(matches!(read_retrieve_response(other.root()), Err(AnswerError::WrongBody { .. })));
    }
}
