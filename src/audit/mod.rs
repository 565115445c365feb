//! ATNA audit: plain events, a durable journal that hands out receipts, delivery by syslog (ITI TF-2 3.20).

pub mod code;
pub mod delivery;
mod dicom;
mod event;
mod events;
mod fit;
mod journal;
mod object;
mod participant;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::NoRandomness;

pub use event::{Action, Event, Indicator, Outcome, Source};
pub use events::{
    AuthenticationFailure, Claimed, ConsentRule, Explained, Import, NodeFailure, Query, Released,
    RepeatedFailures, Retrieved, Transaction,
};
pub use journal::{Announced, Journal, Receipt, Record, Settings};
pub use object::{Document, Object};
pub use participant::{Endpoint, Participant, Peer, Requestor};

/// Why a record could not be made durable, read or sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The journal's file cannot be made or opened.
    #[error("audit journal {path} cannot be opened: {source}")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the file system says.
        source: Arc<std::io::Error>,
    },
    /// SQLite refuses the file.
    #[error("audit journal {path} cannot be opened: {source}")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// A database of somebody else.
    #[error("{path} is a database but no audit journal")]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later Glassgate.
    #[error("audit journal {path} has schema {found}, this program knows {known}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The committer thread could not be started.
    #[error("audit committer cannot be started: {0}")]
    Thread(Arc<std::io::Error>),
    /// A transaction without an event has no receipt.
    #[error("nothing to record")]
    Nothing,
    /// The commit failed; nothing of it was written.
    #[error("audit journal cannot be written: {0}")]
    Write(Arc<rusqlite::Error>),
    /// An earlier commit met an I/O error, after which no later one can be trusted until restart.
    #[error("audit journal refuses to write after an i/o error")]
    Poisoned,
    /// The committer has ended.
    #[error("audit journal is closed")]
    Closed,
    /// Records or cursors cannot be read.
    #[error("audit journal cannot be read: {0}")]
    Read(Arc<rusqlite::Error>),
    /// A new journal needs a random name.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The same name twice would share one cursor.
    #[error("audit target {target} is configured twice")]
    TargetTwice {
        /// Its name.
        target: String,
    },
    /// A TLS target without a certificate authority could trust nobody.
    #[error("audit target {target} has no certificate in its ca file")]
    TargetWithoutCa {
        /// Its name.
        target: String,
    },
    /// OpenSSL refuses a target's certificates or key.
    #[error("audit target {target}: {source}")]
    TargetTls {
        /// Its name.
        target: String,
        /// What OpenSSL says.
        source: Arc<openssl::error::ErrorStack>,
    },
}
