use crate::ids::{DocumentId, EntryUuid};

/// Which documents of the patient are wanted; a superset may come back, the caller compares in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criteria {
    /// Those with a status and a creation time in a range.
    All {
        /// Any of these; empty means whatever status.
        statuses: Vec<Status>,
        /// Not created before, a DTM of any precision.
        created_from: Option<String>,
        /// Not created after, a DTM of any precision.
        created_to: Option<String>,
    },
    /// These and no others.
    Items(Items),
}

/// Documents by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    /// By uniqueId.
    UniqueIds(Vec<DocumentId>),
    /// By entryUUID.
    EntryUuids(Vec<EntryUuid>),
}

/// A document entry's availabilityStatus (ITI TF-3 4.2.3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// In use.
    Approved,
    /// Superseded by another.
    Deprecated,
}

impl Status {
    /// How it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Deprecated => "deprecated",
        }
    }
}
