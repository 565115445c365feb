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
pub mod review;
mod told;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::NoRandomness;

pub use event::{Action, Event, Indicator, Outcome, Source};
pub use events::{
    AuthenticationFailure, Claimed, ConsentRule, Explained, Import, NodeFailure, Operated,
    Operator, Override, Query, Refusals, Relabelling, Released, RepeatedFailures, Retrieved,
    Transaction,
};
pub use journal::{Announced, Journal, Receipt, Record, Room, Settings, Shape, make_folder};
pub use object::{Document, Object};
pub use participant::{Endpoint, Participant, Peer, Relationship, Requestor};
pub use told::{Told, xml_of};

/// Why a record could not be made durable, read or sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The journal cannot be made or opened.
    #[error("audit journal {path} cannot be opened: {source}")]
    Open {
        /// Its folder.
        path: PathBuf,
        /// What the file system says.
        source: Arc<std::io::Error>,
    },
    /// A file, as the journal of the first versions was.
    #[error("audit journal {path} is a file, and a journal is a folder: name another place for it")]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The committer thread could not be started.
    #[error("audit committer cannot be started: {0}")]
    Thread(Arc<std::io::Error>),
    /// More than can be made durable at once.
    #[error("too many audit records at once")]
    TooMuch,
    /// A transaction without an event has no receipt.
    #[error("nothing to record")]
    Nothing,
    /// The commit failed, and nobody can say what of it was written: no receipt was given for it.
    #[error("audit journal cannot be written: {0}")]
    Write(Arc<std::io::Error>),
    /// There is no more room to be had, but for what is kept for break-glass.
    #[error("audit journal cannot grow: {0}")]
    Full(Arc<std::io::Error>),
    /// An earlier commit met an I/O error, after which no later one can be trusted until restart.
    #[error("audit journal refuses to write after an i/o error")]
    Poisoned,
    /// The committer has ended.
    #[error("audit journal is closed")]
    Closed,
    /// Records or cursors cannot be read.
    #[error("audit journal cannot be read: {0}")]
    Read(Arc<std::io::Error>),
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
