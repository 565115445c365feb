use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::Error;

/// `application_id` of the file: "GGrv".
const APPLICATION: i64 = 0x4747_7276;
/// `user_version` of the schema below.
const VERSION: i64 = 1;
/// How long to wait for another process, where nobody waits for an answer: a review takes a millisecond.
pub(super) const BUSY_TIME: Duration = Duration::from_secs(2);

const TABLES: &str = "
    CREATE TABLE item (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        opened INTEGER NOT NULL,               -- microseconds since 1970
        due INTEGER NOT NULL,
        state TEXT NOT NULL,
        partner TEXT NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        user_name TEXT NOT NULL,
        organization TEXT,
        patient TEXT NOT NULL,                 -- empty where none is known
        declared TEXT NOT NULL,
        rationale TEXT,
        escalated INTEGER
    ) STRICT;
    CREATE INDEX item_of_user ON item (partner, issuer, subject, patient, opened);
    CREATE INDEX item_by_state ON item (state, due);
    CREATE TABLE evidence (
        item INTEGER NOT NULL REFERENCES item,
        at INTEGER NOT NULL,
        evidence TEXT NOT NULL                 -- JSON
    ) STRICT;
    CREATE INDEX evidence_of_item ON evidence (item);
    CREATE INDEX evidence_by_time ON evidence (at);
    CREATE TABLE judgement (
        item INTEGER NOT NULL REFERENCES item,
        at INTEGER NOT NULL,
        judgement TEXT NOT NULL                -- JSON
    ) STRICT;
    CREATE INDEX judgement_of_item ON judgement (item);";

/// Opens or makes the file, readable by its owner alone as it names patients.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(failed)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIME)?;
    // before anything is changed in what may be somebody else's file
    is_new(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_new(&transaction, path)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(connection)
}

fn is_new(connection: &Connection, path: &Path) -> Result<bool, Error> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (0, _) if tables == 0 => Ok(true),
        (APPLICATION, VERSION) => Ok(false),
        (APPLICATION, found) => Err(Error::Schema { found, known: VERSION }),
        _ => Err(Error::NotReviews { path: path.to_owned() }),
    }
}
