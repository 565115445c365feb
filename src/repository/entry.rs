use std::fmt;
use std::ops::Range;

use crate::consent::{Facts, ItemKey, PatientKey};
use crate::ids::PatientId;

/// A patient as the store knows him.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The store's key.
    pub key: PatientKey,
    /// What resources call him: `Patient/p1002`.
    pub references: Vec<String>,
    /// Every identifier he has, the home authority's first.
    pub identifiers: Vec<PatientId>,
}

/// Identifiers stay out of logs.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A document that may be released, once a permit for it is there; its entry is not even read before.
pub struct Candidate {
    /// What consent decides on.
    pub facts: Facts,
    /// The uniqueId, for audit of what stays.
    pub unique_id: String,
}

/// What is not released is not shown.
impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("key", &self.facts.key).finish_non_exhaustive()
    }
}

/// Documents of which those that cannot be released were left unread.
#[derive(Debug, Default)]
pub struct Sifted {
    /// Those that may perhaps be released, the newest first, equals by key.
    pub candidates: Vec<Candidate>,
    /// The uniqueIds of the others, for audit.
    pub withheld: Vec<String>,
}

/// A document entry that a permit released.
#[derive(Clone, PartialEq, Eq)]
pub struct Released {
    /// The store's key.
    pub key: ItemKey,
    /// The uniqueId, as XDS writes it.
    pub unique_id: String,
    /// The entryUUID with `urn:uuid:`.
    pub entry_uuid: String,
    /// The MIME type.
    pub mime_type: String,
    /// Bytes.
    pub size: u64,
    /// The bytes' SHA-1 in lower-case hexadecimal.
    pub sha1_hex: String,
    /// What stored queries compare of the entry, as it was stored.
    pub searched: Vec<u8>,
    /// The entry as an ExtrinsicObject.
    pub rendered: String,
    /// Which of its bytes are labels besides the confidentiality; unknown where an earlier version stored it.
    pub labels: Option<Range<usize>>,
    /// Whether its labels are not those of today's rules: then they are not to be shown.
    pub is_unclassified: bool,
}

/// Entries speak of patients, so `Debug` shows the document's ids alone.
impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Released")
            .field("key", &self.key)
            .field("unique_id", &self.unique_id)
            .finish_non_exhaustive()
    }
}
