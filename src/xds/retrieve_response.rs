use super::error::{RegistryError, Status, write_errors};
use super::retrieve::DocumentRequest;
use crate::ids::HomeCommunityId;
use crate::xml;

const OPEN: &str = concat!(
    "<xds:RetrieveDocumentSetResponse xmlns:xds=\"urn:ihe:iti:xds-b:2007\"",
    " xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\"><rs:RegistryResponse status=\""
);

/// One document of an answer.
#[derive(Debug, Clone)]
pub struct DocumentResponse<'r> {
    /// What was asked; its ids are repeated exactly.
    pub request: &'r DocumentRequest,
    /// The entry's MIME type.
    pub mime_type: &'r str,
    /// Where its bytes are.
    pub placement: Placement,
}

/// Where a document's bytes are.
#[derive(Debug, Clone)]
pub enum Placement {
    /// In a part of the multipart message: `cid:` and the part's Content-ID.
    Part(String),
    /// In the element itself: base64, or a text that stands for it until it is sent.
    Text(String),
}

/// Writes the answer to a retrieve: status and errors, then the documents (ITI TF-2 3.43.5).
///
/// The status follows from errors and documents; an error without a location gets `home`.
#[must_use]
pub fn retrieve_response(
    home: &HomeCommunityId,
    errors: &[RegistryError],
    documents: &[DocumentResponse<'_>],
) -> String {
    let mut out = String::with_capacity(documents.len().saturating_mul(640).saturating_add(1024));
    out.push_str(OPEN);
    out.push_str(Status::derive(errors, !documents.is_empty()).urn());
    if errors.is_empty() {
        out.push_str("\"/>");
    } else {
        out.push_str("\">");
        write_errors(&mut out, errors, home);
        out.push_str("</rs:RegistryResponse>");
    }
    for document in documents {
        let request = document.request;
        out.push_str("<xds:DocumentResponse>");
        if let Some(home) = &request.home {
            element(&mut out, "HomeCommunityId", home);
        }
        element(&mut out, "RepositoryUniqueId", &request.repository);
        element(&mut out, "DocumentUniqueId", &request.document);
        element(&mut out, "mimeType", document.mime_type);
        out.push_str("<xds:Document>");
        match &document.placement {
            Placement::Part(href) => {
                // no white space around the Include (ITI TF-2 V.8.3)
                out.push_str("<xop:Include xmlns:xop=\"");
                out.push_str(xml::ns::XOP);
                out.push_str("\" href=\"");
                xml::escape_attribute(&mut out, href);
                out.push_str("\"/>");
            }
            Placement::Text(text) => xml::escape_text(&mut out, text),
        }
        out.push_str("</xds:Document></xds:DocumentResponse>");
    }
    out.push_str("</xds:RetrieveDocumentSetResponse>");
    out
}

fn element(out: &mut String, name: &str, value: &str) {
    for piece in ["<xds:", name, ">"] {
        out.push_str(piece);
    }
    xml::escape_text(out, value);
    for piece in ["</xds:", name, ">"] {
        out.push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::{ErrorCode, RetrievedContent, read_retrieve_response};

    #[test]
    fn documents_echo_their_request_in_the_order_of_the_schema() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let request = DocumentRequest {
            home: Some("urn:oid:2.999.1".to_owned()),
            repository: "2.999.1.2".to_owned(),
            document: "a<b^&c".to_owned(),
        };
        let mime_type = "text/plain";
        let documents = [DocumentResponse {
            request: &request,
            mime_type,
            placement: Placement::Part("cid:1@x".to_owned()),
        }];
        let errors = [RegistryError::document_unavailable("9", &home)];
        let answer = retrieve_response(&home, &errors, &documents);
        let document = xml::parse(&answer, xml::Bounds::REQUEST).unwrap();
        let names: Vec<_> = document
            .root()
            .descendants()
            .filter(roxmltree::Node::is_element)
            .map(|n| n.tag_name().name().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "RetrieveDocumentSetResponse",
                "RegistryResponse",
                "RegistryErrorList",
                "RegistryError",
                "DocumentResponse",
                "HomeCommunityId",
                "RepositoryUniqueId",
                "DocumentUniqueId",
                "mimeType",
                "Document",
                "Include"
            ]
        );
        let read = read_retrieve_response(document.root()).unwrap();
        assert_eq!(read.status, Status::PartialSuccess);
        assert_eq!(read.errors.first().unwrap().code, ErrorCode::XDSDocumentUniqueIdError.as_str());
        let first = read.documents.first().unwrap();
        assert_eq!((&first.request, first.mime_type.as_str()), (&request, mime_type));
        assert_eq!(first.content, RetrievedContent::Part("cid:1@x".to_owned()));
    }
}
