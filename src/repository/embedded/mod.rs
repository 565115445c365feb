//! The store that needs no server: SQLite for metadata, consents and small documents, files for large ones.

mod batch;
mod blobs;
mod error;
mod labels;
mod pool;
mod read;
mod schema;

use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::{Candidate, Content, Criteria, Items, Released, Repository, Sifted, Snapshot, Subject};
use crate::consent::{Grant, PatientKey, Permit, Screen, Stored};
use crate::ids::PatientId;
use crate::policy::Access;
use blobs::Blobs;
use pool::{Lease, Pool};

pub use batch::Batch;
pub use blobs::{Blob, BlobWriter};
pub use error::{Conflict, Error};
pub use labels::Labelled;

/// Where the store lies and how many may read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder of `glassgate.db` and `blobs/`; made when it is not there.
    pub directory: PathBuf,
    /// Reading connections, at least one.
    pub readers: usize,
    /// The version of the rules that label documents: what others labelled counts as unclassified.
    pub rules: String,
}

impl Settings {
    /// This folder, and as many readers as SQLite was measured to use well.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), readers: 4, rules: String::new() }
    }
}

/// One folder with patients, consents and documents.
pub struct Store {
    directory: PathBuf,
    writer: Mutex<Connection>,
    readers: Pool,
    blobs: Blobs,
    rules: Arc<str>,
}

impl Store {
    /// Opens the folder's store, and makes it where there is none.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let directory = settings.directory.clone();
        blobs::make_directory(&directory)?;
        let database = directory.join("glassgate.db");
        // SQLite would let everybody read; -wal and -shm get the mode of the database
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&database)
            .map_err(|source| Error::File { path: database.clone(), source })?;
        let writer = Connection::open(&database)?;
        schema::prepare(&writer)?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers: Pool::new(database, settings.readers),
            blobs: Blobs::open(&directory)?,
            directory,
            rules: settings.rules.as_str().into(),
        })
    }

    /// Begins a transaction; it waits for another one to end, and undoes all unless committed.
    pub fn begin(&self) -> Result<Batch<'_>, Error> {
        Batch::begin(self.writer.lock().map_err(|_| Error::Poisoned)?, &self.blobs)
    }

    /// How much is stored; it looks at every row of an index.
    pub fn holdings(&self) -> Result<Holdings, Error> {
        let count = "SELECT (SELECT count(*) FROM patient), (SELECT count(*) FROM consent), \
                     (SELECT count(*) FROM document WHERE status <> 'hidden')";
        let holdings = |row: &rusqlite::Row<'_>| {
            Ok(Holdings { patients: row.get(0)?, consents: row.get(1)?, documents: row.get(2)? })
        };
        self.readers.read(|connection| Ok(connection.query_row(count, [], holdings)?))
    }

    /// Writes and removes a file, as only that shows that the folder takes one.
    fn probe(&self) -> Result<(), Error> {
        let path = self.directory.join("probe");
        match std::fs::write(&path, b"").and_then(|()| std::fs::remove_file(&path)) {
            // another probe was faster
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && self.directory.is_dir() => Ok(()),
            result => result.map_err(|source| Error::File { path, source }),
        }
    }
}

/// What a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    /// Patients.
    pub patients: i64,
    /// Consents, whatever their status.
    pub consents: i64,
    /// Documents that are not entered in error.
    pub documents: i64,
}

impl Repository for Store {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, super::Error> {
        Ok(Box::new(State { lease: self.readers.lend()?, rules: Arc::clone(&self.rules) }))
    }

    fn open(&self, permit: &Permit) -> Result<Option<Content>, super::Error> {
        Ok(self.readers.read(|connection| read::open(connection, &self.blobs, permit.item()))?)
    }

    fn ready(&self) -> Result<(), super::Error> {
        self.readers
            .read(|c| Ok(c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?))?;
        Ok(self.probe()?)
    }
}

/// One state of the database, and the rules by which labels count as up to date.
struct State<'p> {
    lease: Lease<'p>,
    rules: Arc<str>,
}

impl State<'_> {
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, super::Error> {
        Ok(self.lease.read(work)?)
    }
}

impl Snapshot for State<'_> {
    fn patient(&self, _: &Access, id: &PatientId) -> Result<Option<Subject>, super::Error> {
        self.read(|connection| read::patient(connection, id))
    }

    fn patients_of(&self, _: &Access, items: &Items) -> Result<Vec<Subject>, super::Error> {
        self.read(|connection| read::patients_of(connection, items))
    }

    fn consents(&self, _: &Access, patient: PatientKey) -> Result<Vec<Stored>, super::Error> {
        self.read(|connection| read::consents(connection, patient))
    }

    fn find(&self, grant: &Grant, criteria: &Criteria) -> Result<Vec<Candidate>, super::Error> {
        let open = Screen::default();
        self.read(|connection| {
            let found = read::find(connection, grant.patient(), criteria, &open, &self.rules)?;
            Ok(found.candidates)
        })
    }

    fn sift(&self, grant: &Grant, criteria: &Criteria) -> Result<Sifted, super::Error> {
        let screen = grant.screen();
        self.read(|connection| {
            read::find(connection, grant.patient(), criteria, &screen, &self.rules)
        })
    }

    fn release(&self, permit: &Permit) -> Result<Option<Released>, super::Error> {
        self.read(|connection| read::release(connection, permit.item(), &self.rules))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("directory", &self.directory).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
