use std::borrow::Cow;

use super::error::{Error, ErrorCode, RegistryError};
use crate::limits;
use crate::xml::{self, Node, ns};

/// A request for documents, in the order asked (ITI TF-2 3.39.4.1, 3.43.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrieveRequest {
    /// At least one and at most [`limits::RETRIEVE_DOCUMENTS`].
    pub documents: Vec<DocumentRequest>,
}

/// One document asked for; the answer repeats the three ids as they are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRequest {
    /// The community as written, trimmed.
    pub home: Option<String>,
    /// The repository as written, trimmed; empty where none is given.
    pub repository: String,
    /// The document as written, trimmed; empty where none is given.
    pub document: String,
}

impl DocumentRequest {
    /// The error of a request that leaves an id out; such a document is not looked for.
    #[must_use]
    pub fn incomplete(&self) -> Option<RegistryError> {
        let (code, context) = if self.home.is_none() {
            let context = "HomeCommunityId is required in every DocumentRequest";
            (ErrorCode::XDSMissingHomeCommunityId, context)
        } else if self.repository.is_empty() {
            (
                ErrorCode::XDSRepositoryError,
                "RepositoryUniqueId is required in every DocumentRequest",
            )
        } else if self.document.is_empty() {
            (ErrorCode::XDSRepositoryError, "DocumentUniqueId is required in every DocumentRequest")
        } else {
            return None;
        };
        Some(RegistryError::new(code, context))
    }
}

/// Reads a `RetrieveDocumentSetRequest`; ask each document whether it is [`DocumentRequest::incomplete`].
pub fn read_retrieve(body: Node<'_, '_>) -> Result<RetrieveRequest, Error> {
    if !body.has_tag_name((ns::XDS, "RetrieveDocumentSetRequest")) {
        return Err(Error::WrongBody { expected: "a RetrieveDocumentSetRequest" });
    }
    let refuse = |context: String| RegistryError::new(ErrorCode::XDSRepositoryError, context);
    let mut documents = Vec::new();
    for node in xml::children(body, ns::XDS, "DocumentRequest") {
        if documents.len() == limits::RETRIEVE_DOCUMENTS {
            let limit = limits::RETRIEVE_DOCUMENTS;
            return Err(refuse(format!("ask for at most {limit} documents at once")).into());
        }
        // some write the home with a small h
        let home = id(node, "HomeCommunityId").or_else(|| id(node, "homeCommunityId"));
        documents.push(DocumentRequest {
            home: home.map(Cow::into_owned),
            repository: id(node, "RepositoryUniqueId").unwrap_or_default().into_owned(),
            document: id(node, "DocumentUniqueId").unwrap_or_default().into_owned(),
        });
    }
    if documents.is_empty() {
        return Err(refuse("at least one DocumentRequest belongs in the request".to_owned()).into());
    }
    Ok(RetrieveRequest { documents })
}

/// The one id of that name; an id given twice counts as none.
fn id<'d>(node: Node<'d, '_>, name: &'d str) -> Option<Cow<'d, str>> {
    xml::only_child(node, ns::XDS, name).map(xml::text).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::retrieve_request;

    fn read(body: &str) -> Result<RetrieveRequest, Error> {
        read_retrieve(xml::parse(body, xml::Bounds::REQUEST).unwrap().root())
    }

    fn wrap(inner: &str) -> String {
        format!(
            "<R:RetrieveDocumentSetRequest xmlns:R='{}'>{inner}</R:RetrieveDocumentSetRequest>",
            ns::XDS
        )
    }

    #[test]
    fn ids_are_read_as_written() {
        let read = read(&wrap(
            "<R:DocumentRequest><R:homeCommunityId> 2.999.1 </R:homeCommunityId>\
             <R:RepositoryUniqueId>urn:oid:2.999</R:RepositoryUniqueId>\
             <R:DocumentUniqueId>a^b</R:DocumentUniqueId></R:DocumentRequest>",
        ));
        let request = DocumentRequest {
            home: Some("2.999.1".to_owned()),
            repository: "urn:oid:2.999".to_owned(),
            document: "a^b".to_owned(),
        };
        assert_eq!(request.incomplete(), None);
        assert_eq!(read.unwrap().documents, std::slice::from_ref(&request));
        let written = retrieve_request(&[request.clone(), request.clone()]);
        let document = xml::parse(&written, xml::Bounds::REQUEST).unwrap();
        assert_eq!(read_retrieve(document.root()).unwrap().documents, [request.clone(), request]);
    }

    #[test]
    fn an_id_left_out_is_an_error_of_that_document() {
        let id = |name: &str| format!("<R:{name}>1</R:{name}>");
        let [home, repository, document] =
            ["HomeCommunityId", "RepositoryUniqueId", "DocumentUniqueId"].map(id);
        for (ids, code) in [
            (format!("{repository}{document}"), ErrorCode::XDSMissingHomeCommunityId),
            (format!("{home}{document}"), ErrorCode::XDSRepositoryError),
            (format!("{home}{repository}"), ErrorCode::XDSRepositoryError),
            (format!("{home}{repository}{document}{document}"), ErrorCode::XDSRepositoryError),
        ] {
            let request = read(&wrap(&format!("<R:DocumentRequest>{ids}</R:DocumentRequest>")));
            let request = request.unwrap();
            let error = request.documents.first().unwrap().incomplete().unwrap();
            assert_eq!(error.code, code, "{ids}");
        }
    }

    #[test]
    fn none_and_too_many_are_refused() {
        let many = "<R:DocumentRequest/>".repeat(limits::RETRIEVE_DOCUMENTS);
        assert!(read(&wrap(&many)).is_ok());
        for inner in [String::new(), format!("{many}<R:DocumentRequest/>")] {
            let Err(Error::Refused(error)) = read(&wrap(&inner)) else { panic!("{inner}") };
            assert_eq!(error.code, ErrorCode::XDSRepositoryError);
        }
        assert!(matches!(read("<a/>"), Err(Error::WrongBody { .. })));
    }
}
