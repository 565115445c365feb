//! Bodies of ITI-39 requests.

use glassgate::ids::HomeCommunityId;
use glassgate::limits;
use glassgate::xds::{
    DocumentRequest, DocumentResponse, Placement, RegistryError, RetrievedContent, read_retrieve,
    read_retrieve_response, retrieve_request, retrieve_response,
};
use glassgate::xml::{Bounds, parse};

use super::xml::ours;

/// What is asked reads the same as our client would write it, and an answer echoes it.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(document) = parse(text, Bounds::REQUEST) else { return };
    let Ok(asked) = read_retrieve(document.root()) else { return };
    assert!((1..=limits::RETRIEVE_DOCUMENTS).contains(&asked.documents.len()));
    let written = retrieve_request(&asked.documents);
    let Some(document) = ours(&written) else { return };
    assert_eq!(read_retrieve(document.root()).as_ref(), Ok(&asked));

    let home = HomeCommunityId::parse("2.999.1").unwrap();
    let whole = asked.documents.iter().filter(|request| request.incomplete().is_none());
    let responses: Vec<_> = whole
        .clone()
        .map(|request| DocumentResponse {
            request,
            mime_type: &request.repository,
            placement: Placement::Part(request.document.clone()),
        })
        .collect();
    let errors: Vec<_> = asked.documents.iter().filter_map(DocumentRequest::incomplete).collect();
    let unavailable =
        whole.clone().map(|r| RegistryError::document_unavailable(&r.document, &home));
    let errors: Vec<_> = errors.into_iter().chain(unavailable).collect();
    let written = retrieve_response(&home, &errors, &responses);
    let Some(document) = ours(&written) else { return };
    let answer = read_retrieve_response(document.root()).expect("we wrote it");
    assert_eq!(answer.errors.len(), errors.len());
    assert!(answer.documents.iter().map(|document| &document.request).eq(whole));
    for document in answer.documents {
        assert_eq!(document.mime_type, document.request.repository);
        assert_eq!(document.content, RetrievedContent::Part(document.request.document));
    }
}
