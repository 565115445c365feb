use std::fmt;

use serde::{Deserialize, Serialize};

use super::author::Author;
use super::code::Code;
use crate::ids::{Coded, EntryUuid};

/// A stable DocumentEntry with all its attributes (ITI TF-3 Table 4.2.3.2-1); what is absent is `None` or empty.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Entry {
    /// The entry's own id, `urn:uuid:` in lower case.
    pub entry_uuid: String,
    /// The document's id as XDS writes it: OIDs bare.
    pub unique_id: String,
    /// The patient here, `id^^^&OID&ISO`.
    pub patient_id: String,
    /// availabilityStatus.
    pub status: Availability,
    /// What kind of document, broadly.
    pub class_code: Option<Code>,
    /// What kind of document, precisely.
    pub type_code: Option<Code>,
    /// The technical format.
    pub format_code: Option<Code>,
    /// healthcareFacilityTypeCode.
    pub facility_type_code: Option<Code>,
    /// The clinical specialty.
    pub practice_setting_code: Option<Code>,
    /// Confidentiality and any other label.
    pub confidentiality_codes: Vec<Code>,
    /// What was done.
    pub event_codes: Vec<Code>,
    /// Who wrote the document.
    pub authors: Vec<Author>,
    /// Who answers for it, an XCN.
    pub legal_authenticator: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The comments.
    pub comments: Option<String>,
    /// When the document was made, a DTM in UTC.
    pub creation_time: Option<String>,
    /// When the service began, a DTM in UTC.
    pub service_start_time: Option<String>,
    /// When the service ended, a DTM in UTC.
    pub service_stop_time: Option<String>,
    /// RFC 5646.
    pub language_code: Option<String>,
    /// The MIME type.
    pub mime_type: String,
    /// SHA-1 of the bytes, 40 lower-case hex digits.
    pub hash: String,
    /// How many bytes.
    pub size: u64,
    /// The patient where the document was made, `id^^^&OID&ISO`.
    pub source_patient_id: String,
    /// What was known of the patient there, each `PID-n|value`.
    pub source_patient_info: Vec<String>,
    /// The repository, a bare OID.
    pub repository_unique_id: String,
    /// Where the document may be had otherwise.
    pub uri: Option<String>,
    /// Orders, encounters, studies: `id^^^&OID&ISO^type` (CXi).
    pub reference_ids: Vec<String>,
}

impl Entry {
    /// Gives the entry the labels that it shows, the confidentiality first (ITI TF-3 4.2.3.2.5).
    #[must_use]
    pub fn with_labels(self, labels: &[Coded]) -> Self {
        let confidentiality_codes = labels.iter().filter_map(Code::from_coded).collect();
        Self { confidentiality_codes, ..self }
    }

    /// How confidential it is, where that stands first, and all other labels.
    pub(super) fn level_and_labels(&self) -> (&[Code], &[Code]) {
        let level = self.confidentiality_codes.first().filter(|code| is_level(&code.scheme));
        self.confidentiality_codes.split_at(usize::from(level.is_some()))
    }

    /// Gives the entry another id.
    #[must_use]
    pub fn with_entry_uuid(self, uuid: &EntryUuid) -> Self {
        Self { entry_uuid: uuid.as_str().to_owned(), ..self }
    }
}

/// Whether a scheme is v3-Confidentiality, or the value set of it that C-CDA binds.
pub(super) fn is_level(scheme: &str) -> bool {
    matches!(scheme, "2.16.840.1.113883.5.25" | "2.16.840.1.113883.1.11.16926")
}

/// Patient ids stay out of logs.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("entry_uuid", &self.entry_uuid)
            .field("unique_id", &self.unique_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Whether a document is current (ITI TF-3 4.2.3.2.2).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Availability {
    /// Current.
    #[default]
    Approved,
    /// Replaced by another.
    Deprecated,
}

impl Availability {
    /// Reads the status URN.
    #[must_use]
    pub fn parse(urn: &str) -> Option<Self> {
        [Self::Approved, Self::Deprecated].into_iter().find(|status| status.urn() == urn)
    }

    /// The status URN.
    #[must_use]
    pub fn urn(self) -> &'static str {
        match self {
            Self::Approved => "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
            Self::Deprecated => "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated",
        }
    }
}
