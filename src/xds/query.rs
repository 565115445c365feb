use super::error::{Error, ErrorCode, RegistryError};
use super::find_documents::FindDocuments;
use super::get_documents::GetDocuments;
use super::slot::Slots;
use super::stored::StoredQuery;
use crate::ids::PatientId;
use crate::xml::{self, Node, ns};

/// A cross-community query, read and checked (ITI TF-2 3.38.4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    /// What is asked.
    pub query: Query,
    /// Which stored query asks it.
    pub stored: StoredQuery,
    /// What the answer is made of.
    pub return_type: ReturnType,
    /// `AdhocQuery/@home` as written; present wherever the query needs it.
    pub home: Option<String>,
}

/// What a query asks for, as far as there is an answer here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Documents of one patient.
    FindDocuments(Box<FindDocuments>),
    /// Documents by their ids.
    GetDocuments(GetDocuments),
    /// Folders, submission sets, associations: none of which are here, so Success and nothing.
    Empty(Option<PatientId>),
}

/// What an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnType {
    /// Whole entries, all of one patient.
    LeafClass,
    /// Ids of entries.
    ObjectRef,
}

impl QueryRequest {
    /// The patient, where the query names one.
    #[must_use]
    pub fn patient(&self) -> Option<&PatientId> {
        match &self.query {
            Query::FindDocuments(find) => Some(find.patient()),
            Query::GetDocuments(_) => None,
            Query::Empty(patient) => patient.as_ref(),
        }
    }

    /// The community asked, as written.
    #[must_use]
    pub fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }

    /// Whether the query must name the community.
    #[must_use]
    pub fn needs_home(&self) -> bool {
        self.stored.needs_home()
    }

    /// The stored query's id as a `urn:uuid:`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.stored.id()
    }
}

/// Reads an `AdhocQueryRequest`; `startIndex` and `maxResults` are not for XCA and passed over.
pub fn read_query(body: Node<'_, '_>) -> Result<QueryRequest, Error> {
    if !body.has_tag_name((ns::QUERY, "AdhocQueryRequest")) {
        return Err(Error::WrongBody { expected: "an AdhocQueryRequest" });
    }
    let return_type = match option(body) {
        Some("LeafClass") => ReturnType::LeafClass,
        Some("ObjectRef") => ReturnType::ObjectRef,
        _ => return Err(refuse("returnType must be LeafClass or ObjectRef")),
    };
    let query = xml::only_child(body, ns::RIM, "AdhocQuery")
        .ok_or_else(|| refuse("one AdhocQuery belongs in the request"))?;
    let id = xml::attribute(query, "id").unwrap_or("");
    let stored = StoredQuery::from_id(id).ok_or_else(|| {
        let context = "AdhocQuery id is not that of a stored query for cross-community use";
        RegistryError::new(ErrorCode::XDSUnknownStoredQuery, context)
    })?;
    let home = home(query);
    if home.is_none() && stored.needs_home() {
        let context = "AdhocQuery home is required for a query without a patient id";
        return Err(RegistryError::new(ErrorCode::XDSMissingHomeCommunityId, context).into());
    }
    let slots = Slots::of(query);
    let patient = stored.check(&slots)?;
    let query = match (stored, patient) {
        (
            StoredQuery::FindDocuments
            | StoredQuery::FindDocumentsByReferenceId
            | StoredQuery::GetAll,
            Some(patient),
        ) => Query::FindDocuments(Box::new(FindDocuments::read(stored, patient, &slots)?)),
        (StoredQuery::GetDocuments | StoredQuery::GetDocumentsAndAssociations, _) => {
            Query::GetDocuments(GetDocuments::read(&slots)?)
        }
        (_, patient) => Query::Empty(patient),
    };
    Ok(QueryRequest { query, stored, return_type, home })
}

/// What a query body says of itself, unchecked: for the audit record of a query that is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsWritten {
    /// `AdhocQuery/@id`.
    pub id: Option<String>,
    /// `AdhocQuery/@home`.
    pub home: Option<String>,
    /// The patient, where one can be made out.
    pub patient: Option<PatientId>,
}

/// Reads what can be read of any body.
#[must_use]
pub fn as_written(body: Node<'_, '_>) -> AsWritten {
    let Some(query) = xml::child(body, ns::RIM, "AdhocQuery") else { return AsWritten::default() };
    let id = xml::attribute(query, "id").map(str::to_owned);
    let stored = id.as_deref().and_then(StoredQuery::from_id);
    let patient = stored
        .and_then(StoredQuery::patient_parameter)
        .and_then(|name| Slots::of(query).patient(name).ok());
    AsWritten { id, home: home(query), patient }
}

fn home(query: Node<'_, '_>) -> Option<String> {
    xml::attribute(query, "home").map(str::trim).filter(|home| !home.is_empty()).map(str::to_owned)
}

fn option<'d>(body: Node<'d, '_>) -> Option<&'d str> {
    let option = body.children().find(|n| n.has_tag_name((ns::QUERY, "ResponseOption")))?;
    xml::attribute(option, "returnType")
}

fn refuse(context: &str) -> Error {
    RegistryError::new(ErrorCode::XDSRegistryError, context).into()
}
