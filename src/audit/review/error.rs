use std::path::PathBuf;

use super::State;

/// Why review items cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be made or opened.
    #[error(
        "review items {path} cannot be opened: {source}; `break_glass.reviews` names a file that this user may make and write"
    )]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// A database of somebody else.
    #[error("{path} is a database but holds no review items")]
    NotReviews {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later Glassgate.
    #[error("review items have schema {found}, this program knows {known}")]
    Schema {
        /// The file's schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Somebody else works on them, and who asks cannot wait.
    #[error("review items are being worked on")]
    Busy,
    /// SQLite refuses.
    #[error("review items cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What is stored is none of ours.
    #[error("review item {0} cannot be read")]
    Damaged(i64),
    /// No item has this number.
    #[error("there is no review item {0}; `glassgate review list --all` shows all")]
    Unknown(i64),
    /// The item was closed.
    #[error("review item {id} was closed as {}; open ones are in `glassgate review list`", state.code())]
    Closed {
        /// Its number.
        id: i64,
        /// How it was closed.
        state: State,
    },
    /// Nobody said why.
    #[error("review item {0} still lacks its reason; ask the user, and give it with --rationale")]
    RationaleOwed(i64),
}
