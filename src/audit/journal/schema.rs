//! The journal's file: made, recognised, read.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::Record;
use crate::audit::Error;
use crate::clock::{Random, uuid};
use crate::limits;

/// `application_id` of a journal: "GGaj".
const APPLICATION: i64 = 0x4747_616a;
/// `user_version` of the schema below.
const VERSION: i64 = 1;
/// How long a writer waits for the other process, be it gateway or `glassgate load`.
const BUSY_TIME: Duration = Duration::from_secs(10);
/// Bytes of a page: each costs a commit two writes.
const PAGE_BYTES: i64 = 16 * 1024;
/// Bytes of records read at once: a few TLS writes' worth.
pub(in crate::audit) const READ_BYTES: usize = 256 * 1024;

const TABLES: &str = "
    CREATE TABLE journal (name TEXT NOT NULL) STRICT;
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so a gap is a loss
        at INTEGER NOT NULL,                   -- microseconds since 1970
        message BLOB NOT NULL                  -- the syslog message as it is sent
    ) STRICT;
    CREATE TABLE cursor (
        target TEXT PRIMARY KEY,
        seq INTEGER NOT NULL                   -- the last record that the target surely has
    ) STRICT, WITHOUT ROWID;";

/// Where a write is tried; a journal of an earlier program gets it when it is opened.
const ROOM: &str =
    "CREATE TABLE IF NOT EXISTS room (number INTEGER PRIMARY KEY, bytes BLOB) STRICT";

/// Opens or makes the journal; gives a connection to write with and the journal's name.
pub(super) fn open(path: &Path, random: &dyn Random) -> Result<(Connection, String), Error> {
    make_private(path)?;
    let failed = |source| Error::Open { path: path.to_owned(), source: Arc::new(source) };
    let mut connection = connect(path).map_err(failed)?;
    // before anything is changed in what may be somebody else's file
    is_new(&connection, path)?;
    // of a new file alone: a record of several KB takes one page or two
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    if is_new(&transaction, path)? {
        create(&transaction, &uuid(random)?).map_err(failed)?;
    }
    transaction.execute(ROOM, []).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    // what an earlier process could not sync is written anew, not trusted
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .and_then(|()| connection.query_row("SELECT name FROM journal", [], |row| row.get(0)))
        .map(|name| (connection, name))
        .map_err(failed)
}

/// A connection that syncs every commit.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIME)?;
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(connection)
}

/// Whether the file is empty; an error where it is anything but empty or a journal that we know.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, Error> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let found = || -> rusqlite::Result<_> {
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        Ok((number("PRAGMA application_id")?, number("PRAGMA user_version")?, tables))
    };
    let path = path.to_owned();
    match found() {
        Ok((0, _, 0)) => Ok(true),
        Ok((APPLICATION, VERSION, _)) => Ok(false),
        Ok((APPLICATION, found, _)) => Err(Error::Schema { path, found, known: VERSION }),
        Ok(_) => Err(Error::NotAJournal { path }),
        Err(source) => Err(Error::Open { path, source: Arc::new(source) }),
    }
}

fn create(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)?;
    connection.execute("INSERT INTO journal (name) VALUES (?1)", [name])?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)
}

/// Records name patients, so nobody but the owner may read the file; its WAL takes the same mode.
fn make_private(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source: Arc::new(source) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all().map_err(failed)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new("."))).and_then(|f| f.sync_all()).map_err(failed)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Writes as many bytes as the largest record has, to where they are in nobody's way.
pub(super) fn try_room(connection: &Connection) -> rusqlite::Result<()> {
    let bytes = i64::try_from(limits::AUDIT_MESSAGE_BYTES).unwrap_or(i64::MAX);
    let sql = "INSERT OR REPLACE INTO room (number, bytes) VALUES (1, zeroblob(?1))";
    connection.execute(sql, [bytes]).map(|_| ())
}

/// The records that follow `seq`, in order, at least one where there is one.
pub(super) fn after(
    connection: &Connection,
    seq: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Record>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, message FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query((to_sql(seq), i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let (mut records, mut bytes) = (Vec::new(), 0_usize);
    while bytes < READ_BYTES
        && let Some(row) = rows.next()?
    {
        let record = Record {
            seq: from_sql(row.get(0)?),
            at: crate::clock::Timestamp::from_micros(row.get(1)?),
            message: row.get(2)?,
        };
        bytes = bytes.saturating_add(record.message.len());
        records.push(record);
    }
    Ok(records)
}

/// The highest number ever given.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement =
        connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'record'")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?.map_or(0, from_sql))
}

/// How many records are kept.
pub(super) fn len(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).map(from_sql)
}

/// The last record that a target surely has; 0 for a new target.
pub(super) fn cursor(connection: &Connection, target: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT seq FROM cursor WHERE target = ?1";
    Ok(connection.query_row(sql, [target], |row| row.get(0)).optional()?.map_or(0, from_sql))
}

pub(super) fn to_sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn from_sql(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
