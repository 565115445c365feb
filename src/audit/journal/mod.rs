//! The journal: audit records durable on disk, in an SQLite file of its own.
//!
//! Beside a running gateway another process may record too (`glassgate load`): each commit takes SQLite's write
//! lock and numbers its records inside it.

mod committer;
mod receipt;
mod schema;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::delivery::syslog::Draft;
use super::{Error, Event, Source};
use crate::clock::{Random, Timestamp};
use committer::{Order, Progress};

pub use receipt::Receipt;
pub(super) use schema::READ_BYTES;

/// Where the journal lies and as whom it reports.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The SQLite file; `-wal` and `-shm` lie beside it.
    pub path: PathBuf,
    /// The reporting gateway.
    pub source: Source,
}

/// The audit journal; clones share one committer, which ends with the last of them.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// A request that will record; until it is dropped it counts.
#[derive(Debug)]
pub struct Announced {
    progress: Arc<Progress>,
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.progress.announced.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A durable record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The syslog message, sent as it is each time.
    pub message: Vec<u8>,
}

impl Journal {
    /// Opens the journal or makes a new one, and starts its committer.
    pub fn open(settings: Settings, random: &dyn Random) -> Result<Self, Error> {
        let Settings { path, source } = settings;
        let failed = |source| Error::Open { path: path.clone(), source: Arc::new(source) };
        let (writer, name) = schema::open(&path, random)?;
        let reader = schema::connect(&path).map_err(failed)?;
        let last = schema::last(&reader).map_err(failed)?;
        let progress = Arc::new(Progress::new(last));
        // bounded by what goes on: a request's record, which stays when its sender goes, and that of its broken
        // transfer; a target's cursor; whoever asks for /readyz; handshakes that failed, of which few are recorded
        let (orders, received) = mpsc::unbounded_channel();
        let seen = Arc::clone(&progress);
        let committer = std::thread::Builder::new()
            .name("audit-committer".to_owned())
            .spawn(move || committer::run(writer, received, &seen))
            .map_err(|error| Error::Thread(Arc::new(error)))?;
        let (orders, committer, reader) = (Some(orders), Some(committer), Mutex::new(reader));
        Ok(Self { shared: Arc::new(Shared { source, name, orders, committer, reader, progress }) })
    }

    /// Says that a request is under way which will soon record; a commit waits a moment for many such.
    #[must_use]
    pub fn announce(&self) -> Announced {
        let progress = Arc::clone(&self.shared.progress);
        progress.announced.fetch_add(1, Ordering::Relaxed);
        Announced { progress }
    }

    /// Makes all events of one request durable, or none; resolves after the commit.
    ///
    /// `now` becomes the syslog time stamp. A caller that stops waiting loses the receipt, not the record.
    pub async fn record(&self, now: Timestamp, events: &[Event]) -> Result<Receipt, Error> {
        self.submit(now, events)?.await
    }

    /// Hands the events over at once; the result is what becomes of them, for who wants to wait for it.
    ///
    /// Whatever was handed over is made durable before the journal closes.
    pub fn submit(
        &self,
        now: Timestamp,
        events: &[Event],
    ) -> Result<impl Future<Output = Result<Receipt, Error>> + Send + use<>, Error> {
        let receipt = self.shared.record(now, events)?;
        Ok(async { receipt.await.map_err(|_| Error::Closed)? })
    }

    /// As `record`, for callers without an async runtime.
    pub fn record_blocking(&self, now: Timestamp, events: &[Event]) -> Result<Receipt, Error> {
        let receipt = self.shared.record(now, events)?;
        // in a thread of its own, since inside a runtime this call would panic
        std::thread::scope(|scope| {
            let wait = || receipt.blocking_recv().map_err(|_| Error::Closed)?;
            let waiting = std::thread::Builder::new()
                .spawn_scoped(scope, wait)
                .map_err(|error| Error::Thread(Arc::new(error)))?;
            waiting.join().unwrap_or(Err(Error::Closed))
        })
    }

    /// Up to `limit` records that follow `seq`, in order; reads the disk and so blocks.
    pub fn after(&self, seq: u64, limit: usize) -> Result<Vec<Record>, Error> {
        self.shared.read(|reader| schema::after(reader, seq, limit))
    }

    /// The number of the last durable record, whichever process wrote it; 0 where there is none.
    pub fn last(&self) -> Result<u64, Error> {
        self.shared.read(schema::last)
    }

    /// How many records the journal keeps.
    pub fn len(&self) -> Result<u64, Error> {
        self.shared.read(schema::len)
    }

    /// Whether the journal keeps no record.
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.len().map(|records| records == 0)
    }

    /// Finds out by a write whether any record could be written now, for `/readyz`: a full disk shows in no other way.
    pub async fn writable(&self) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        self.shared.order(Order::Try { done })?;
        written.await.map_err(|_| Error::Closed)?
    }

    /// Follows the last record of this process.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.progress.last.subscribe()
    }

    /// The last record that a target surely has.
    pub(super) fn cursor(&self, target: &str) -> Result<u64, Error> {
        self.shared.read(|reader| schema::cursor(reader, target))
    }

    /// Remembers how far a target has come.
    pub(super) async fn save_cursor(&self, target: &str, seq: u64) -> Result<(), Error> {
        let (done, saved) = oneshot::channel();
        self.shared.order(Order::Cursor { target: target.to_owned(), seq, done })?;
        saved.await.map_err(|_| Error::Closed)?
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// Records name patients and users, which stay out of logs.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("seq", &self.seq).finish_non_exhaustive()
    }
}

type Answer = oneshot::Receiver<Result<Receipt, Error>>;

struct Shared {
    source: Source,
    name: String,
    orders: Option<mpsc::UnboundedSender<Order>>,
    committer: Option<JoinHandle<()>>,
    reader: Mutex<Connection>,
    progress: Arc<Progress>,
}

impl Shared {
    fn record(&self, now: Timestamp, events: &[Event]) -> Result<Answer, Error> {
        if events.is_empty() {
            return Err(Error::Nothing);
        }
        let draft = |event| Draft::new(now, event, &self.source, &self.name);
        let (done, receipt) = oneshot::channel();
        let drafts = events.iter().map(draft).collect();
        self.order(Order::Record { at: now, drafts, done })?;
        Ok(receipt)
    }

    fn order(&self, order: Order) -> Result<(), Error> {
        let orders = self.orders.as_ref().ok_or(Error::Closed)?;
        orders.send(order).map_err(|_| Error::Closed)
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        query(&reader).map_err(|error| Error::Read(Arc::new(error)))
    }
}

/// Waits until every order is on disk.
impl Drop for Shared {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(committer) = self.committer.take() {
            let _panicked = committer.join();
        }
    }
}

#[cfg(test)]
mod tests;
