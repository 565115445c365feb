//! Cross-enterprise document sharing: entries, stored queries, retrieve, and their answers (ITI TF-2 3.18, 3.38,
//! 3.39, 3.43; ITI TF-3 4.2).

mod answer;
mod author;
mod code;
mod ebrim;
mod entry;
mod entry_fhir;
mod error;
mod filter;
mod find_documents;
mod get_documents;
mod query;
mod query_response;
mod request;
mod retrieve;
mod retrieve_response;
mod searched;
mod slot;
mod stored;

#[cfg(test)]
mod fixtures;

pub use answer::{
    AnswerError, FoundDocument, QueryAnswer, ReportedError, RetrieveAnswer, RetrievedContent,
    RetrievedDocument, read_query_response, read_retrieve_response,
};
pub use author::Author;
pub use code::Code;
pub use ebrim::{Rendered, labels_in, object_ref};
pub use entry::{Availability, Entry};
pub use entry_fhir::{EntryContext, EntryError};
pub use error::{Error, ErrorCode, RegistryError, Severity, Status};
pub use find_documents::FindDocuments;
pub use get_documents::{GetDocuments, Ids};
pub use query::{AsWritten, Query, QueryRequest, ReturnType, as_written, read_query};
pub use query_response::query_response;
pub use request::{query_request, retrieve_request};
pub use retrieve::{DocumentRequest, RetrieveRequest, read_retrieve};
pub use retrieve_response::{DocumentResponse, Placement, retrieve_response};
pub use searched::Searched;
pub use slot::{write_list, write_string};
pub use stored::StoredQuery;
