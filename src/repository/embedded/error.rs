use std::io;
use std::path::PathBuf;

use crate::consent::ItemKey;
use crate::repository::{self, Damage};

/// Why the embedded store does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the store cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite says no.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A later program made this store.
    #[error("the store has schema {found}, this program knows {known}: use a newer glassgate")]
    Newer {
        /// As the store says.
        found: i64,
        /// As the program knows.
        known: i64,
    },
    /// The file system cannot do write-ahead logging.
    #[error("the database's journal mode is {mode}, not wal: put the store on a local disk")]
    NoWriteAheadLog {
        /// What SQLite chose instead.
        mode: String,
    },
    /// All readers stayed lent out for too long.
    #[error("no reading connection became free in time")]
    Busy,
    /// A thread broke off while it held the store's lock.
    #[error("the store's lock was left broken: restart")]
    Poisoned,
    /// What is stored of a document contradicts itself.
    #[error("stored document {} is damaged: {damage}", item.0)]
    Damaged {
        /// Which.
        item: ItemKey,
        /// How.
        damage: Damage,
    },
    /// The facts of a document cannot be put into words.
    #[error("facts cannot be written as JSON: {0}")]
    Facts(#[source] serde_json::Error),
    /// The batch's transaction is gone before its end.
    #[error(
        "the database undid the whole batch, as it does where the disk is full: make room and write it again"
    )]
    Over,
    /// A resource that must not be written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// What a resource contradicts in the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another patient has one of the identifiers.
    #[error("Patient/{holder} already has an identifier of this authority and value")]
    Identifier {
        /// Whose it is.
        holder: String,
    },
    /// Another document has this uniqueId.
    #[error("DocumentReference/{holder} already has this uniqueId; give each document its own")]
    UniqueId {
        /// Whose it is.
        holder: String,
    },
    /// Another document has this entryUUID.
    #[error("DocumentReference/{holder} already has this entryUUID; give each document its own")]
    EntryUuid {
        /// Whose it is.
        holder: String,
    },
    /// The resource is stored for another patient.
    #[error("it is stored for another patient; mark it entered-in-error and load it with a new id")]
    OtherPatient,
    /// One patient has more documents than keys.
    #[error("the patient has as many documents as a patient can have")]
    Full,
}

impl From<Error> for repository::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Damaged { item, damage } => Self::Damaged { item, damage },
            error => Self::Unavailable(Box::new(error)),
        }
    }
}
