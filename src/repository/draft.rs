use std::ops::Range;

use crate::consent::{Facts, PatientKey};
use crate::ids::{DocumentId, EntryUuid};

use super::Status;

/// A document's metadata as `ingest` makes them; size and hash come with the bytes.
#[derive(Clone)]
pub struct Draft {
    /// The DocumentReference's id, under which it is found again when loaded again.
    pub resource_id: String,
    /// Whose document it is.
    pub patient: PatientKey,
    /// The uniqueId, which no other document may have.
    pub unique_id: DocumentId,
    /// The entryUUID, which no other document may have.
    pub entry_uuid: EntryUuid,
    /// Its status.
    pub status: Status,
    /// creationTime, a DTM in UTC; empty where unknown.
    pub created: String,
    /// The MIME type.
    pub mime_type: String,
    /// What consent decides on.
    pub facts: Facts,
    /// What stored queries compare of the entry; to the store it is bytes.
    pub searched: Vec<u8>,
    /// The entry as an ExtrinsicObject.
    pub rendered: String,
    /// Which of its bytes are labels besides the confidentiality.
    pub labels: Range<usize>,
    /// The version of the rules that labelled it.
    pub rules: String,
    /// The DocumentReference without the bytes, to be labelled again when the rules change.
    pub source: String,
    /// The resources that it says it belongs to, such as `Encounter/e1`.
    pub links: Vec<String>,
}

/// Drafts speak of patients, so `Debug` shows the document's id alone.
impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("resource_id", &self.resource_id).finish_non_exhaustive()
    }
}

/// What writing a resource changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It was there, with other content.
    Updated,
    /// It was there, the same.
    Unchanged,
}
