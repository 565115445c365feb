//! The file that a restart remembers by: one thread writes, what is only counted waits for company.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::Mark;
use crate::clock::Timestamp;

/// `application_id` of a replay memory: "GGrm".
const APPLICATION: i64 = 0x4747_726d;
/// `user_version` of the schema below.
const VERSION: i64 = 2;
/// That of a schema without `bound`.
const UNBOUND: i64 = 1;
/// How long what no rule depends on may wait to be written.
const WAIT: Duration = Duration::from_secs(1);
/// Assertions in one commit.
const BATCH: usize = 4_096;
/// How often what is over is deleted.
const SWEEP: Duration = Duration::from_secs(60);

const TABLES: &str = "
    CREATE TABLE assertion (
        octets BLOB PRIMARY KEY,  -- SHA-256 of the canonical octets
        id BLOB NOT NULL,         -- SHA-256 of issuer and assertion ID
        until INTEGER NOT NULL,   -- microseconds since 1970
        bound INTEGER NOT NULL DEFAULT 1 -- whether a rule depends on it
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX assertion_until ON assertion (until);";

/// What a former schema lacks; of its assertions any may be bound.
const BOUND: &str = "ALTER TABLE assertion ADD COLUMN bound INTEGER NOT NULL DEFAULT 1";

/// Why assertions cannot be remembered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be made.
    #[error("replay memory {path} cannot be made: {source}")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// SQLite refuses it.
    #[error(
        "replay memory {path} cannot be opened: {source}; `saml.replay_memory` names a file that this user may make and write"
    )]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A database of somebody else, or of a later Glassgate.
    #[error("{path} is a database but no replay memory that this program knows")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The thread could not be started.
    #[error("replay memory cannot be written: {0}")]
    Thread(std::io::Error),
    /// What was believed is not on disk.
    #[error("replay memory cannot be written")]
    Write,
}

/// An assertion that is on its way to the disk.
#[derive(Debug)]
pub struct Pending(Receiver<bool>);

impl Pending {
    /// Blocks until it is there, or is known not to be; off the async threads.
    pub fn wait(self) -> Result<(), Error> {
        match self.0.recv() {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::Write),
        }
    }
}

/// The open file; its thread ends with it, once all is written.
pub(super) struct File {
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
}

struct Order {
    mark: Mark,
    until: Timestamp,
    now: Timestamp,
    /// Whether a rule depends on it, so that somebody waits.
    done: Option<Sender<bool>>,
}

impl File {
    pub(super) fn open(
        path: &Path,
        now: Timestamp,
        known: impl FnMut(Mark, Timestamp, bool),
    ) -> Result<Self, Error> {
        let connection = open(path)?;
        read(&connection, now, known)
            .map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let (orders, received) = mpsc::channel();
        let writer = std::thread::Builder::new()
            .name("replay-memory".to_owned())
            .spawn(move || run(connection, &received))
            .map_err(Error::Thread)?;
        Ok(Self { orders: Some(orders), writer: Some(writer) })
    }

    /// Hands it over; where it is bound, the result can be waited for, and is a failure if nobody writes any more.
    pub(super) fn write(
        &self,
        mark: Mark,
        until: Timestamp,
        now: Timestamp,
        bound: bool,
    ) -> Option<Pending> {
        let (done, written) = mpsc::channel();
        let order = Order { mark, until, now, done: bound.then_some(done) };
        // a sender that is dropped unsent says no
        let _gone = self.orders.as_ref().map(|orders| orders.send(order));
        bound.then_some(Pending(written))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
    }
}

fn open(path: &Path) -> Result<Connection, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(file(error)),
        _ => {}
    }
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let mut connection = Connection::open(path).map_err(failed)?;
    // before anything is changed in what may be somebody else's file
    let found = found(&connection).map_err(failed)?;
    if found == Found::Foreign {
        return Err(Error::Foreign { path: path.to_owned() });
    }
    connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
    match found {
        Found::Empty => create(&mut connection, TABLES).map_err(failed)?,
        Found::Former => create(&mut connection, BOUND).map_err(failed)?,
        Found::Ours | Found::Foreign => {}
    }
    Ok(connection)
}

/// What lies in a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Empty,
    Ours,
    /// Ours, from before it was told what is bound.
    Former,
    Foreign,
}

fn found(connection: &Connection) -> rusqlite::Result<Found> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (number("PRAGMA application_id")?, number("PRAGMA user_version")?, tables) {
        (0, _, 0) => Found::Empty,
        (APPLICATION, VERSION, _) => Found::Ours,
        (APPLICATION, UNBOUND, _) => Found::Former,
        _ => Found::Foreign,
    })
}

fn create(connection: &mut Connection, tables: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(tables)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn read(
    connection: &Connection,
    now: Timestamp,
    mut known: impl FnMut(Mark, Timestamp, bool),
) -> rusqlite::Result<()> {
    // first what a rule depends on: there may not be room for all
    let mut statement = connection.prepare(
        "SELECT id, octets, until, bound FROM assertion WHERE until > ?1 ORDER BY bound DESC",
    )?;
    let mut rows = statement.query([now.micros()])?;
    while let Some(row) = rows.next()? {
        let mark = Mark { id: row.get(0)?, octets: row.get(1)? };
        known(mark, Timestamp::from_micros(row.get(2)?), row.get(3)?);
    }
    Ok(())
}

/// Writes until every sender of orders is gone and the last order is written.
fn run(mut connection: Connection, orders: &Receiver<Order>) {
    let (mut swept, mut poisoned, mut synced) = (Timestamp::from_micros(0), false, true);
    while let Ok(first) = orders.recv() {
        let batch = gather(first, orders);
        let latest = batch.iter().map(|order| order.now).max().unwrap_or(swept);
        let sweep = latest.since(swept) >= SWEEP;
        // what is only counted is no sync's worth: it reaches the disk with what is waited for, or a checkpoint
        let waited_for = batch.iter().any(|order| order.done.is_some());
        if waited_for != synced {
            let mode = if waited_for { "full" } else { "normal" };
            let switched = connection.pragma_update(None, "synchronous", mode);
            synced = waited_for && switched.is_ok();
        }
        let written = !poisoned
            && (synced || !waited_for)
            && write(&mut connection, &batch, sweep.then_some(latest))
                .inspect_err(|error| {
                    // the kernel forgets what it could not sync, so no later commit can be believed
                    poisoned = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
                    tracing::error!(%error, poisoned, "replay memory cannot be written");
                })
                .is_ok();
        if sweep && written {
            swept = latest;
        }
        for done in batch.into_iter().filter_map(|order| order.done) {
            let _nobody_waits = done.send(written);
        }
    }
}

/// What goes into one commit: all that lies there, and what comes within the second where nobody waits.
fn gather(first: Order, orders: &Receiver<Order>) -> Vec<Order> {
    let end = Instant::now() + WAIT;
    let mut waited_for = first.done.is_some();
    let mut batch = vec![first];
    while batch.len() < BATCH {
        let patience =
            if waited_for { Duration::ZERO } else { end.saturating_duration_since(Instant::now()) };
        match orders.recv_timeout(patience) {
            Ok(order) => {
                waited_for |= order.done.is_some();
                batch.push(order);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    batch
}

fn write(
    connection: &mut Connection,
    batch: &[Order],
    over: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO assertion (octets, id, until, bound) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (octets) DO UPDATE
             SET until = max(until, excluded.until), bound = max(bound, excluded.bound)",
        )?;
        for Order { mark, until, done, .. } in batch {
            insert.execute((&mark.octets, &mark.id, until.micros(), done.is_some()))?;
        }
    }
    if let Some(now) = over {
        transaction.execute("DELETE FROM assertion WHERE until <= ?1", [now.micros()])?;
    }
    transaction.commit()
}
