use std::fmt;
use std::sync::MutexGuard;

use openssl::sha::Sha256;
use rusqlite::{Connection, OptionalExtension, params};

use super::blobs::{Blob, BlobWriter, Blobs};
use super::{Conflict, Error, read, schema};
use crate::consent::PatientKey;
use crate::ids::PatientId;
use crate::repository::{Change, Draft, Subject};

/// One transaction of the single writer; dropped without [`Batch::commit`], it never was.
///
/// Where the database has undone it, as on a full disk, whatever else is asked of it is refused.
pub struct Batch<'s> {
    pub(super) connection: MutexGuard<'s, Connection>,
    pub(super) blobs: &'s Blobs,
    committed: bool,
}

impl<'s> Batch<'s> {
    pub(super) fn begin(
        connection: MutexGuard<'s, Connection>,
        blobs: &'s Blobs,
    ) -> Result<Self, Error> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self { connection, blobs, committed: false })
    }

    /// Makes all that was written durable and visible at once.
    pub fn commit(mut self) -> Result<(), Error> {
        self.run("COMMIT")?;
        self.committed = true;
        Ok(())
    }

    /// Does several writes wholly or, after an error, not at all; the rest of the batch stays.
    pub fn attempt<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run("SAVEPOINT attempt")?;
        let result = work(self);
        if result.is_err() {
            // the savepoint is gone with its transaction, and only the first error says why
            if self.is_over() {
                return result;
            }
            self.run("ROLLBACK TO attempt")?;
        }
        self.run("RELEASE attempt")?;
        result
    }

    /// Takes one document's bytes; they are stored by [`BlobWriter::finish`] and [`Batch::put_document`].
    pub fn blob(&mut self) -> BlobWriter<'_> {
        self.blobs.writer()
    }

    /// The patient whose resource has this id, with what this batch wrote.
    pub fn patient_by_id(&self, resource_id: &str) -> Result<Option<Subject>, Error> {
        self.check()?;
        let mut statement =
            self.connection.prepare_cached("SELECT number FROM patient WHERE resource_id = ?1")?;
        let number = statement.query_row([resource_id], |row| row.get(0)).optional()?;
        number.map_or(Ok(None), |number| read::subject(&self.connection, PatientKey(number)))
    }

    /// The patient who has this identifier, with what this batch wrote.
    pub fn patient_by_identifier(&self, id: &PatientId) -> Result<Option<Subject>, Error> {
        self.check()?;
        read::patient(&self.connection, id)
    }

    /// Writes a patient and all his identifiers, the home authority's first; those that he has no more
    /// are forgotten.
    pub fn put_patient(
        &mut self,
        resource_id: &str,
        json: &str,
        identifiers: &[PatientId],
    ) -> Result<(PatientKey, Change), Error> {
        self.check()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT number, json FROM patient WHERE resource_id = ?1")?;
        let stored: Option<(i64, String)> =
            statement.query_row([resource_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (number, change) = match stored {
            Some((number, stored)) if stored == json => {
                return Ok((PatientKey(number), Change::Unchanged));
            }
            Some((number, _)) => {
                self.write(
                    "UPDATE patient SET json = ?2 WHERE number = ?1",
                    params![number, json],
                )?;
                (number, Change::Updated)
            }
            None => {
                self.write(
                    "INSERT INTO patient (resource_id, json) VALUES (?1, ?2)",
                    params![resource_id, json],
                )?;
                (self.connection.last_insert_rowid(), Change::Added)
            }
        };
        self.write("DELETE FROM identifier WHERE patient = ?1", [number])?;
        for (position, id) in identifiers.iter().enumerate() {
            self.claim(number, position, id)?;
        }
        Ok((PatientKey(number), change))
    }

    /// Writes a consent, even one that cannot be enforced, as it must deny.
    pub fn put_consent(
        &mut self,
        resource_id: &str,
        patient: PatientKey,
        json: &str,
    ) -> Result<Change, Error> {
        self.check()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT patient, json FROM consent WHERE resource_id = ?1")?;
        let stored: Option<(i64, String)> =
            statement.query_row([resource_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match stored {
            Some((holder, _)) if holder != patient.0 => Err(Conflict::OtherPatient.into()),
            Some((_, stored)) if stored == json => Ok(Change::Unchanged),
            Some(_) => {
                self.write(
                    "UPDATE consent SET json = ?2, version = version + 1 WHERE resource_id = ?1",
                    params![resource_id, json],
                )?;
                Ok(Change::Updated)
            }
            None => {
                self.write(
                    "INSERT INTO consent (resource_id, patient, version, json) VALUES (?1, ?2, 1, ?3)",
                    params![resource_id, patient.0, json],
                )?;
                Ok(Change::Added)
            }
        }
    }

    /// Writes a document with its bytes.
    pub fn put_document(&mut self, draft: &Draft, blob: &Blob) -> Result<Change, Error> {
        self.check()?;
        self.check_unique(draft)?;
        let facts = serde_json::to_string(&draft.facts).map_err(Error::Facts)?;
        let digest = digest(draft, &facts, blob.sha256_hex());
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, digest FROM document WHERE resource_id = ?1")?;
        let stored: Option<(i64, Vec<u8>)> = statement
            .query_row([&draft.resource_id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (rowid, change) = match stored {
            Some((rowid, _)) if schema::patient_of(rowid) != draft.patient => {
                return Err(Conflict::OtherPatient.into());
            }
            Some((_, stored)) if stored == digest => return Ok(Change::Unchanged),
            Some((rowid, _)) => (rowid, Change::Updated),
            None => (self.next_rowid(draft.patient)?, Change::Added),
        };
        self.write(
            "INSERT INTO document (id, status, created, resource_id, unique_id, entry_uuid,
               mime_type, size, sha1, sha256, inline, digest, facts, attributes, rendered,
               rules, labels_from, labels_to)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ON CONFLICT (id) DO UPDATE SET status = ?2, created = ?3, unique_id = ?5,
               entry_uuid = ?6, mime_type = ?7, size = ?8, sha1 = ?9, sha256 = ?10, inline = ?11,
               digest = ?12, facts = ?13, attributes = ?14, rendered = ?15, rules = ?16,
               labels_from = ?17, labels_to = ?18",
            params![
                rowid,
                draft.status.as_str(),
                draft.created,
                draft.resource_id,
                draft.unique_id.as_str(),
                draft.entry_uuid.as_str(),
                draft.mime_type,
                blob.size().cast_signed(),
                blob.sha1_hex(),
                blob.sha256_hex(),
                blob.small().is_some(),
                digest,
                facts,
                draft.searched,
                draft.rendered,
                draft.rules,
                place(draft.labels.start),
                place(draft.labels.end)
            ],
        )?;
        self.put_traits(rowid, draft)?;
        self.write("INSERT OR REPLACE INTO source VALUES (?1, ?2)", params![rowid, draft.source])?;
        self.put_links(&draft.facts.reference, &draft.links)?;
        if let Some(bytes) = blob.small() {
            self.write("INSERT OR REPLACE INTO bytes VALUES (?1, ?2)", params![rowid, bytes])?;
        } else {
            self.write("DELETE FROM bytes WHERE document = ?1", [rowid])?;
        }
        Ok(change)
    }

    /// Writes what a screen looks at, after the facts, which take it away.
    pub(super) fn put_traits(&self, rowid: i64, draft: &Draft) -> Result<(), Error> {
        let traits = draft.facts.traits();
        let (first, after) = schema::time(traits.date);
        self.write(
            "UPDATE document SET level = ?2, first = ?3, after = ?4 WHERE id = ?1",
            params![rowid, schema::level(traits.confidentiality), first, after],
        )
    }

    /// Hides a document that was entered in error; nothing where there is none.
    pub fn hide_document(
        &mut self,
        resource_id: &str,
        patient: PatientKey,
    ) -> Result<Option<Change>, Error> {
        self.check()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, status = 'hidden' FROM document WHERE resource_id = ?1")?;
        let stored: Option<(i64, bool)> =
            statement.query_row([resource_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match stored {
            None => Ok(None),
            Some((rowid, _)) if schema::patient_of(rowid) != patient => {
                Err(Conflict::OtherPatient.into())
            }
            Some((_, true)) => Ok(Some(Change::Unchanged)),
            Some((_, false)) => {
                // without its digest it counts as changed when it is loaded again
                self.write(
                    "UPDATE document SET status = 'hidden', digest = x'' WHERE resource_id = ?1",
                    [resource_id],
                )?;
                Ok(Some(Change::Updated))
            }
        }
    }

    /// Gives an identifier to a patient, unless another one has it.
    fn claim(&self, patient: i64, position: usize, id: &PatientId) -> Result<(), Error> {
        let holder = self.patient_by_identifier(id)?.filter(|holder| holder.key.0 != patient);
        if let Some(reference) = holder.and_then(|holder| holder.references.into_iter().next()) {
            let holder = reference.trim_start_matches("Patient/").to_owned();
            return Err(Conflict::Identifier { holder }.into());
        }
        self.write(
            "INSERT OR IGNORE INTO identifier (authority, value, patient, position)
             VALUES (?1, ?2, ?3, ?4)",
            params![id.authority().as_str(), id.id(), patient, position.cast_signed()],
        )
    }

    fn check_unique(&self, draft: &Draft) -> Result<(), Error> {
        let holder = |column: &str, value: &str| {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT resource_id FROM document WHERE {column} = ?1 AND resource_id <> ?2"
            ))?;
            statement.query_row([value, &draft.resource_id], |row| row.get(0)).optional()
        };
        if let Some(holder) = holder("unique_id", draft.unique_id.as_str())? {
            return Err(Conflict::UniqueId { holder }.into());
        }
        match holder("entry_uuid", draft.entry_uuid.as_str())? {
            Some(holder) => Err(Conflict::EntryUuid { holder }.into()),
            None => Ok(()),
        }
    }

    /// The rowid after the patient's last.
    fn next_rowid(&self, patient: PatientKey) -> Result<i64, Error> {
        let (first, last) = schema::rowids(patient);
        let mut statement = self
            .connection
            .prepare_cached("SELECT max(id) FROM document WHERE id BETWEEN ?1 AND ?2")?;
        let used: Option<i64> = statement.query_row([first, last], |row| row.get(0))?;
        match used {
            None => Ok(first),
            Some(used) if used < last => Ok(used + 1),
            Some(_) => Err(Conflict::Full.into()),
        }
    }

    /// Whether its transaction is gone: what is written then would commit by itself.
    fn is_over(&self) -> bool {
        self.connection.is_autocommit()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_over() { Err(Error::Over) } else { Ok(()) }
    }

    pub(super) fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Error> {
        self.check()?;
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn run(&self, sql: &str) -> Result<(), Error> {
        self.check()?;
        Ok(self.connection.execute_batch(sql)?)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // a failed ROLLBACK leaves the transaction open and the next BEGIN says so
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batch")
    }
}

/// A place in a text as SQLite counts.
pub(super) fn place(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

/// Tells whether a document is stored already just as it would be written.
pub(super) fn digest(draft: &Draft, facts: &str, sha256_hex: &str) -> Vec<u8> {
    let parts = [
        draft.status.as_str().as_bytes(),
        draft.created.as_bytes(),
        draft.unique_id.as_str().as_bytes(),
        draft.entry_uuid.as_str().as_bytes(),
        draft.mime_type.as_bytes(),
        sha256_hex.as_bytes(),
        facts.as_bytes(),
        &draft.searched,
        draft.rendered.as_bytes(),
        draft.rules.as_bytes(),
        draft.source.as_bytes(),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finish().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::embedded::{Settings, Store};

    #[test]
    fn what_the_database_undid_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&Settings::new(directory.path())).unwrap();
        let id = PatientId::parse("1^^^&2.999.1.3&ISO").unwrap();
        let put = |batch: &mut Batch<'_>| batch.put_patient("p1", "{}", std::slice::from_ref(&id));
        let undo = |batch: &Batch<'_>| batch.connection.execute_batch("ROLLBACK").unwrap();
        let mut batch = store.begin().unwrap();
        put(&mut batch).unwrap();
        // the first error says why
        let failed: Result<(), Error> = batch.attempt(|batch| {
            undo(batch);
            Err(Conflict::Full.into())
        });
        assert!(matches!(failed, Err(Error::Conflict(Conflict::Full))));
        let again = batch.attempt(|_| Ok::<_, Error>(()));
        assert!(matches!(again, Err(Error::Over)));
        assert!(matches!(put(&mut batch), Err(Error::Over)));
        assert!(matches!(batch.patient_by_id("p1"), Err(Error::Over)));
        assert!(matches!(batch.put_consent("c", PatientKey(1), "{}"), Err(Error::Over)));
        assert!(matches!(batch.hide_document("d", PatientKey(1)), Err(Error::Over)));
        assert!(matches!(batch.commit(), Err(Error::Over)));
        // also where nobody told of an error
        let mut batch = store.begin().unwrap();
        put(&mut batch).unwrap();
        let unnoticed: Result<(), Error> = batch.attempt(|batch| {
            undo(batch);
            Ok(())
        });
        assert!(matches!(unnoticed, Err(Error::Over)));
        drop(batch);
        let batch = store.begin().unwrap();
        assert!(batch.patient_by_id("p1").unwrap().is_none());
    }
}
