//! What an event is about: patient, query, document, node (ITI TF-2 3.18.5.1.2, 3.43.6.1.2).

use std::fmt;

use super::code::{self, Code};
use super::dicom;
use crate::ids::PatientId;

/// ParticipantObjectIdentification.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// ParticipantObjectID; empty where the request did not say.
    pub id: String,
    /// ParticipantObjectTypeCode: 1 person, 2 system object.
    pub type_code: u8,
    /// ParticipantObjectTypeCodeRole: 1 patient, 3 report, 4 resource, 13 security resource, 24 query.
    pub role: u8,
    /// ParticipantObjectIDTypeCode.
    pub id_type: Code,
    /// ParticipantObjectName; one with a query has none.
    pub name: Option<&'static str>,
    /// ParticipantObjectQuery, before base64.
    pub query: Option<String>,
    /// ParticipantObjectDetail: type and value, before base64.
    pub details: Vec<(&'static str, String)>,
}

impl Object {
    fn new(id: &str, (type_code, role): (u8, u8), id_type: Code) -> Self {
        let (name, query, details) = (None, None, Vec::new());
        Self { id: id.to_owned(), type_code, role, id_type, name, query, details }
    }

    pub(super) fn patient(id: &PatientId) -> Self {
        Self::new(&id.to_string(), (1, 1), code::PATIENT_NUMBER)
    }

    pub(super) fn query(id: &str, transaction: Code) -> Self {
        Self::new(id, (2, 24), transaction)
    }

    pub(super) fn document(document: &Document) -> Self {
        // the field's validators know this spelling, the current text prints "ID"
        let mut object = Self::new(&document.unique_id, (2, 3), code::REPORT_NUMBER)
            .with_detail("Repository Unique Id", document.repository.clone());
        if let Some(home) = &document.home {
            object = object.with_detail("ihe:homeCommunityID", home.clone());
        }
        object
    }

    pub(super) fn node(name: &str, alert: &str) -> Self {
        Self::new(name, (2, 13), code::NODE_ID).with_detail("Alert Description", alert.to_owned())
    }

    /// Audit content, as DICOM PS3.15 A.5.3.2 names it.
    pub(super) fn audit_log(uri: &str) -> Self {
        Self { name: Some("Security Audit Log"), ..Self::new(uri, (2, 13), code::URI) }
    }

    pub(super) fn resource(uri: &str) -> Self {
        Self::new(uri, (2, 4), code::URI)
    }

    pub(super) fn with_detail(mut self, name: &'static str, value: String) -> Self {
        self.details.push((name, value));
        self
    }
}

/// Patients stay out of logs.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A document as asked for, known here or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// uniqueId as written in the request.
    pub unique_id: String,
    /// repositoryUniqueId as written.
    pub repository: String,
    /// homeCommunityId with `urn:oid:`, where known.
    pub home: Option<String>,
}

/// Cuts what is listed into portions that fit into one record each; nothing makes one empty portion.
pub(super) fn portions(all: impl IntoIterator<Item = Object>) -> Vec<Vec<Object>> {
    let (mut portions, mut portion, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for object in all {
        let length = dicom::length(&object);
        if bytes.saturating_add(length) > dicom::PORTION_BYTES && !portion.is_empty() {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes = bytes.saturating_add(length);
        portion.push(object);
    }
    if portions.is_empty() || !portion.is_empty() {
        portions.push(portion);
    }
    portions
}
