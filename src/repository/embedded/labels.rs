//! What labelling needs of the store: documents that other rules labelled, and what belongs to them.

use std::io::{Cursor, Read};

use rusqlite::{OptionalExtension, params};

use super::batch::{digest, place};
use super::{Batch, Blob, Error, read, schema};
use crate::consent::{ItemKey, PatientKey};
use crate::repository::{Change, ContentBytes, Draft, Subject};

/// A stored document, to be labelled again.
#[derive(Clone)]
pub struct Labelled {
    /// The DocumentReference's id.
    pub resource_id: String,
    /// Whose document it is.
    pub subject: Subject,
    /// The uniqueId, for audit.
    pub unique_id: String,
    /// Bytes.
    pub size: u64,
    /// The bytes' SHA-1 in lower-case hexadecimal.
    pub sha1_hex: String,
    /// The version of the rules that labelled it, empty where none did.
    pub rules: String,
    /// The DocumentReference without the bytes; none where an earlier version of the program stored it.
    pub source: Option<String>,
}

/// Documents speak of patients, so `Debug` shows the id alone.
impl std::fmt::Debug for Labelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Labelled").field("resource_id", &self.resource_id).finish_non_exhaustive()
    }
}

impl Batch<'_> {
    /// The documents that other rules labelled, those of one patient behind each other.
    pub fn unclassified(&self, rules: &str) -> Result<Vec<ItemKey>, Error> {
        self.check()?;
        // two ranges of the index, which `<>` would not use
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM document WHERE (rules < ?1 OR rules > ?1) AND status <> 'hidden'",
        )?;
        let rows = statement.query_map([rules], |row| row.get(0).map(ItemKey))?;
        let mut found = rows.collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        Ok(found)
    }

    /// The documents of a patient that say what they belong to.
    pub fn linked(&self, patient: PatientKey) -> Result<Vec<ItemKey>, Error> {
        self.check()?;
        let (first, last) = schema::rowids(patient);
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM document WHERE id BETWEEN ?1 AND ?2 AND status <> 'hidden'
             AND EXISTS (SELECT 1 FROM link WHERE source = 'DocumentReference/' || resource_id)",
        )?;
        let rows = statement.query_map([first, last], |row| row.get(0).map(ItemKey))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All documents of a patient.
    pub fn documents(&self, patient: PatientKey) -> Result<Vec<ItemKey>, Error> {
        self.check()?;
        let (first, last) = schema::rowids(patient);
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM document WHERE id BETWEEN ?1 AND ?2 AND status <> 'hidden'",
        )?;
        let rows = statement.query_map([first, last], |row| row.get(0).map(ItemKey))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The Patient as it was loaded.
    pub fn patient_resource(&self, patient: PatientKey) -> Result<Option<String>, Error> {
        self.check()?;
        let mut statement =
            self.connection.prepare_cached("SELECT json FROM patient WHERE number = ?1")?;
        Ok(statement.query_row([patient.0], |row| row.get(0)).optional()?)
    }

    /// What a document is labelled from; nothing where it is gone or hidden.
    pub fn labelled(&self, item: ItemKey) -> Result<Option<Labelled>, Error> {
        self.check()?;
        let subject = read::subject(&self.connection, schema::patient_of(item.0))?;
        let Some(subject) = subject else { return Ok(None) };
        let mut statement = self.connection.prepare_cached(
            "SELECT resource_id, unique_id, size, sha1, rules, json FROM document
             LEFT JOIN source ON source.document = document.id
             WHERE id = ?1 AND status <> 'hidden'",
        )?;
        let labelled = statement.query_row([item.0], |row| {
            Ok(Labelled {
                resource_id: row.get(0)?,
                subject,
                unique_id: row.get(1)?,
                size: row.get::<_, i64>(2)?.cast_unsigned(),
                sha1_hex: row.get(3)?,
                rules: row.get(4)?,
                source: row.get(5)?,
            })
        });
        Ok(labelled.optional()?)
    }

    /// The bytes of a stored document, from their beginning.
    pub fn content(&self, item: ItemKey) -> Result<Option<Box<dyn Read>>, Error> {
        self.check()?;
        let content = read::open(&self.connection, self.blobs, item)?;
        Ok(content.map(|content| match content.bytes {
            ContentBytes::Inline(bytes) => Box::new(Cursor::new(bytes)) as Box<dyn Read>,
            ContentBytes::File(file) => Box::new(file),
        }))
    }

    /// The bytes that were just taken, from their beginning.
    pub fn read_back(&self, blob: &Blob) -> Result<Box<dyn Read>, Error> {
        match blob.small() {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes.to_vec()))),
            None => match self.blobs.read(blob.sha256_hex())? {
                Some((_, file)) => Ok(Box::new(file)),
                None => Ok(Box::new(std::io::empty())),
            },
        }
    }

    /// Writes what new labels change of a document; its bytes, its ids and its key stay.
    pub fn relabel(&mut self, item: ItemKey, draft: &Draft) -> Result<Change, Error> {
        self.check()?;
        let facts = serde_json::to_string(&draft.facts).map_err(Error::Facts)?;
        let mut statement =
            self.connection.prepare_cached("SELECT sha256, digest FROM document WHERE id = ?1")?;
        let (sha256_hex, stored): (String, Vec<u8>) =
            statement.query_row([item.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        drop(statement);
        let digest = digest(draft, &facts, &sha256_hex);
        if digest == stored {
            return Ok(Change::Unchanged);
        }
        self.write(
            "UPDATE document SET digest = ?2, rules = ?3, labels_from = ?4, labels_to = ?5,
               facts = ?6, attributes = ?7, rendered = ?8 WHERE id = ?1",
            params![
                item.0,
                digest,
                draft.rules,
                place(draft.labels.start),
                place(draft.labels.end),
                facts,
                draft.searched,
                draft.rendered
            ],
        )?;
        self.put_traits(item.0, draft)?;
        Ok(Change::Updated)
    }

    /// Forgets by which rules a document was labelled, so that its labels count as unknown.
    pub fn unclassify(&mut self, item: ItemKey) -> Result<(), Error> {
        self.write("UPDATE document SET rules = '', digest = x'' WHERE id = ?1", [item.0])
    }

    /// Writes a resource that is kept for its codes alone, with what it refers to.
    pub fn put_member(
        &mut self,
        patient: PatientKey,
        reference: &str,
        json: &str,
        links: &[String],
    ) -> Result<Change, Error> {
        self.check()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT patient, json FROM member WHERE reference = ?1")?;
        let stored: Option<(i64, String)> =
            statement.query_row([reference], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        drop(statement);
        let mut change = match &stored {
            None => Change::Added,
            Some((holder, stored)) if *holder == patient.0 && stored == json => Change::Unchanged,
            Some(_) => Change::Updated,
        };
        if self.put_links(reference, links)? && change == Change::Unchanged {
            change = Change::Updated;
        }
        if change != Change::Unchanged {
            self.write(
                "INSERT OR REPLACE INTO member VALUES (?1, ?2, ?3)",
                params![reference, patient.0, json],
            )?;
        }
        Ok(change)
    }

    /// The codes of a patient's resource.
    pub fn member(&self, patient: PatientKey, reference: &str) -> Result<Option<String>, Error> {
        self.check()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT json FROM member WHERE reference = ?1 AND patient = ?2")?;
        let found = statement.query_row(params![reference, patient.0], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// What a resource refers to.
    pub fn links_from(&self, reference: &str) -> Result<Vec<String>, Error> {
        self.links("SELECT target FROM link WHERE source = ?1", reference)
    }

    /// What refers to a resource.
    pub fn links_to(&self, reference: &str) -> Result<Vec<String>, Error> {
        self.links("SELECT source FROM link WHERE target = ?1", reference)
    }

    fn links(&self, sql: &str, reference: &str) -> Result<Vec<String>, Error> {
        self.check()?;
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([reference], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes what a resource refers to, and says whether that is new.
    pub(super) fn put_links(&self, reference: &str, links: &[String]) -> Result<bool, Error> {
        let mut stored = self.links_from(reference)?;
        let mut links = links.to_vec();
        for list in [&mut stored, &mut links] {
            list.sort_unstable();
            list.dedup();
        }
        if stored == links {
            return Ok(false);
        }
        self.write("DELETE FROM link WHERE source = ?1", [reference])?;
        for target in &links {
            self.write("INSERT INTO link VALUES (?1, ?2)", [reference, target.as_str()])?;
        }
        Ok(true)
    }
}
