use crate::xds::{Availability, ReturnType, StoredQuery, query_request, write_list, write_string};

/// Characters of one Value: `LongName` of the ebRIM schema.
const VALUE_CHARS: usize = 256;

/// A stored query to send (ITI TF-2 3.18.4.1.2.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    stored: StoredQuery,
    home: Option<String>,
    return_type: ReturnType,
    /// Names with their Values; a name may stand twice, both must hold then.
    slots: Vec<(String, Vec<String>)>,
}

impl Query {
    /// Approved documents of a patient, `id^^^&OID&ISO`.
    #[must_use]
    pub fn find_documents(patient: &str) -> Self {
        Self::new(StoredQuery::FindDocuments)
            .text("$XDSDocumentEntryPatientId", patient)
            .list("$XDSDocumentEntryStatus", &[Availability::Approved.urn()])
    }

    /// Documents by unique id, held by that community.
    #[must_use]
    pub fn get_documents(home: &str, unique_ids: &[impl AsRef<str>]) -> Self {
        let query = Self::new(StoredQuery::GetDocuments).of(home);
        query.list("$XDSDocumentEntryUniqueId", unique_ids)
    }

    /// Documents by entryUUID, held by that community.
    #[must_use]
    pub fn get_entries(home: &str, entry_uuids: &[impl AsRef<str>]) -> Self {
        let query = Self::new(StoredQuery::GetDocuments).of(home);
        query.list("$XDSDocumentEntryEntryUUID", entry_uuids)
    }

    /// A query without parameters, for whole entries.
    #[must_use]
    pub fn new(stored: StoredQuery) -> Self {
        Self { stored, home: None, return_type: ReturnType::LeafClass, slots: Vec::new() }
    }

    /// Names the community that is asked; queries without a patient need it.
    #[must_use]
    pub fn of(mut self, home: &str) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// Chooses what the answer is made of.
    #[must_use]
    pub fn returning(mut self, return_type: ReturnType) -> Self {
        self.return_type = return_type;
        self
    }

    /// Adds a text parameter.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.written(name, vec![write_string(value)])
    }

    /// Adds a parameter whose values are alternatives; it takes as many Values as it needs.
    #[must_use]
    pub fn list(self, name: &str, values: &[impl AsRef<str>]) -> Self {
        let mut written: Vec<String> = Vec::new();
        let mut pending: Vec<&str> = Vec::new();
        for value in values {
            pending.push(value.as_ref());
            if pending.len() > 1 && write_list(&pending).chars().count() > VALUE_CHARS {
                pending.pop();
                written.push(write_list(&pending));
                pending = vec![value.as_ref()];
            }
        }
        if !pending.is_empty() {
            written.push(write_list(&pending));
        }
        self.written(name, written)
    }

    /// Adds a parameter with Values as they are, quotes included.
    #[must_use]
    pub fn written(mut self, name: &str, values: Vec<String>) -> Self {
        self.slots.push((name.to_owned(), values));
        self
    }

    /// The `AdhocQueryRequest`.
    #[must_use]
    pub fn body(&self) -> String {
        query_request(self.stored, self.home.as_deref(), self.return_type, &self.slots)
    }
}

/// Parameters name patients, so `Debug` shows the kind of query alone.
impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("stored", &self.stored).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::read_query;
    use crate::xml::{Bounds, Document, attribute, children, ns, only_child, parse, text};

    fn values(document: &Document<'_>, name: &str) -> Vec<String> {
        let query = only_child(document.root(), ns::RIM, "AdhocQuery").unwrap();
        let slot = children(query, ns::RIM, "Slot")
            .find(|slot| attribute(*slot, "name") == Some(name))
            .unwrap();
        let list = only_child(slot, ns::RIM, "ValueList").unwrap();
        children(list, ns::RIM, "Value").map(|value| text(value).into_owned()).collect()
    }

    #[test]
    fn values_are_quoted_and_escaped() {
        let query = Query::find_documents("P-1^^^&2.9&ISO").text("$other", "it's <x>");
        let body = query.body();
        let document = parse(&body, Bounds::REQUEST).unwrap();
        assert_eq!(values(&document, "$XDSDocumentEntryPatientId"), ["'P-1^^^&2.9&ISO'"]);
        let approved = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')";
        assert_eq!(values(&document, "$XDSDocumentEntryStatus"), [approved]);
        assert_eq!(values(&document, "$other"), ["'it''s <x>'"]);
        assert!(!format!("{query:?}").contains("P-1"));
    }

    #[test]
    fn no_value_is_longer_than_the_schema_allows() {
        let ids: Vec<String> = (0..100).map(|n| format!("2.999.1.4.1005.{n}")).collect();
        let body = Query::get_documents("urn:oid:2.999.1", &ids).body();
        let document = parse(&body, Bounds::REQUEST).unwrap();
        let values = values(&document, "$XDSDocumentEntryUniqueId");
        assert!(values.len() > 7 && values.iter().all(|value| value.len() <= VALUE_CHARS));
        assert!(read_query(document.root()).is_ok());
        let written = values.concat().replace(")(", ",");
        assert_eq!(written.trim_matches(['(', ')']).split(',').count(), ids.len());
    }
}
