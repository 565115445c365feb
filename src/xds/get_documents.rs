use super::error::RegistryError;
use super::searched::Searched;
use super::slot::Slots;
use super::stored::either;
use crate::ids::{DocumentId, EntryUuid};

/// A query for particular documents: GetDocuments, or the documents of GetDocumentsAndAssociations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetDocuments {
    ids: Ids,
}

/// Ids of one kind, sorted, each once; what is no such id matches nothing and is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ids {
    /// By entryUUID.
    EntryUuids(Vec<EntryUuid>),
    /// By uniqueId.
    UniqueIds(Vec<DocumentId>),
}

impl GetDocuments {
    /// Reads the ids, of one kind or the other.
    pub(super) fn read(slots: &Slots<'_, '_>) -> Result<Self, RegistryError> {
        let uuid = "$XDSDocumentEntryEntryUUID";
        let (given, values) = either(slots, uuid, "$XDSDocumentEntryUniqueId")?;
        let ids = if given == uuid {
            Ids::EntryUuids(known(&values, |value| EntryUuid::parse(value).ok()))
        } else {
            Ids::UniqueIds(known(&values, |value| DocumentId::parse(value).ok()))
        };
        Ok(Self { ids })
    }

    /// The ids asked for; none may be left.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Whether an entry is one that the query asks for.
    #[must_use]
    pub fn matches(&self, entry: &Searched<'_>) -> bool {
        match &self.ids {
            Ids::EntryUuids(uuids) => {
                uuids.binary_search_by(|uuid| uuid.as_str().cmp(entry.entry_uuid.as_ref())).is_ok()
            }
            Ids::UniqueIds(ids) => {
                ids.binary_search_by(|id| id.as_str().cmp(entry.unique_id.as_ref())).is_ok()
            }
        }
    }
}

fn known<T: Ord>(values: &[String], parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let mut ids: Vec<T> = values.iter().filter_map(|value| parse(value)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
