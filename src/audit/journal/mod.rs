//! The journal: audit records durable on disk, in a log of its own.
//!
//! Beside a running gateway another process may record too (`glassgate load`): each commit takes the log's lock and
//! numbers its records inside it.

mod ahead;
mod committer;
mod frame;
mod log;
mod pack;
mod queue;
mod reader;
mod receipt;
mod recent;
mod segment;
mod tail;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::delivery::syslog::{Author, Draft};
use super::{Error, Event, Source};
use crate::clock::{Random, Timestamp};
use committer::{Order, Progress};
use log::Log;
use queue::{Patience, Queue};
use reader::Reader;

pub use log::make_folder;
pub(super) use reader::READ_BYTES;
pub use receipt::Receipt;

/// Where the journal lies and as whom it reports.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of its log; made when it is not there.
    pub path: PathBuf,
    /// The reporting gateway.
    pub source: Source,
    /// How the log takes its room.
    pub shape: Shape,
}

/// How the log takes its room on disk, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What a segment holds before the next is begun.
    pub segment_bytes: u64,
    /// What is zeroed at once, so that commits need no new room.
    pub step_bytes: u64,
    /// What records of break-glass alone may use once the disk is full.
    pub reserve_bytes: u64,
}

impl Default for Shape {
    /// Some 6,000 records a segment where each comes alone, five times as many where many come at once; 400 a step;
    /// and 1,600 in reserve: 800 answers to break-glass, or 300 where nothing can be packed.
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, step_bytes: 1 << 20, reserve_bytes: 4 << 20 }
    }
}

impl Shape {
    /// So much in reserve, and segments that are no shorter: the reserve is zeroed anew behind each.
    #[must_use]
    pub fn with_reserve(reserve_bytes: u64) -> Self {
        let shape = Self::default();
        Self { reserve_bytes, segment_bytes: shape.segment_bytes.max(reserve_bytes), ..shape }
    }
}

/// What records may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// All but the reserve.
    Ordinary,
    /// The reserve too: a life may depend on the answer.
    BreakGlass,
}

/// Bytes of the records that can be made durable together, with room for their numbers.
const ORDER_BYTES: usize = frame::BODY_BYTES - 64 * 1024;

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
    pub message: Bytes,
}

impl Journal {
    /// Opens the journal or makes a new one, and starts its committer.
    pub fn open(settings: Settings, random: &dyn Random) -> Result<Self, Error> {
        let Settings { path, source, shape } = settings;
        let log = Log::open(&path, shape, random)?;
        let reader = Reader::open(&path);
        let (name, tail) = (log.tail().name.clone(), log.tail());
        let progress = Arc::new(Progress::new(tail.last, tail.cursors.clone()));
        // bounded by what goes on: a request's record, which stays when its sender goes, and that of its broken
        // transfer; a target's cursor; whoever asks for /readyz; handshakes that failed, of which few are recorded
        let orders = Arc::new(Queue::new(Arc::clone(&progress.announced), Patience::default()));
        let (received, seen) = (Arc::clone(&orders), Arc::clone(&progress));
        let committer = std::thread::Builder::new()
            .name("audit-committer".to_owned())
            .spawn(move || committer::run(log, &received, &seen))
            .map_err(|error| Error::Thread(Arc::new(error)))?;
        let author = Author::new(source, name);
        let (committer, reader) = (Some(committer), Mutex::new(reader));
        Ok(Self { shared: Arc::new(Shared { author, orders, committer, reader, progress }) })
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
        let (done, receipt) = oneshot::channel();
        self.hand_over(now, events, Room::Ordinary, |result| drop(done.send(result)));
        receipt.await.map_err(|_| Error::Closed)?
    }

    /// As `record`, for callers without an async runtime.
    pub fn record_blocking(&self, now: Timestamp, events: &[Event]) -> Result<Receipt, Error> {
        let (done, receipt) = std::sync::mpsc::sync_channel(1);
        self.hand_over(now, events, Room::Ordinary, move |result| drop(done.send(result)));
        receipt.recv().map_err(|_| Error::Closed)?
    }

    /// Hands the events over and goes on; `done` hears from the committer's thread what became of them, so it must
    /// take no time.
    ///
    /// Whatever was handed over is made durable before the journal closes.
    pub fn hand_over(
        &self,
        now: Timestamp,
        events: &[Event],
        room: Room,
        done: impl FnOnce(Result<Receipt, Error>) + Send + 'static,
    ) {
        if events.is_empty() {
            return done(Err(Error::Nothing));
        }
        let shared = &self.shared;
        let drafts: Vec<Draft> =
            events.iter().map(|event| shared.author.draft(now, event)).collect();
        if drafts.iter().map(Draft::bytes).sum::<usize>() > ORDER_BYTES {
            return done(Err(Error::TooMuch));
        }
        let order = Order::Record { at: now, drafts, room, done: Box::new(done) };
        if let Err(Order::Record { done, .. }) = shared.orders.push(order) {
            done(Err(Error::Closed));
        }
    }

    /// Records what is no message of ours.
    #[cfg(test)]
    pub(super) async fn record_text(&self, text: String) {
        let ((done, receipt), at) = (oneshot::channel(), Timestamp::from_micros(0));
        let (drafts, done) = (vec![Draft::of(text)], Box::new(|told| drop(done.send(told))));
        let order = Order::Record { at, drafts, room: Room::Ordinary, done };
        assert!(self.shared.orders.push(order).is_ok());
        let _receipt = receipt.await.unwrap().unwrap();
    }

    /// Up to `limit` records that follow `seq`, whichever process wrote them, in order; reads the disk and so blocks.
    pub fn after(&self, seq: u64, limit: usize) -> Result<Vec<Record>, Error> {
        let last = self.last()?;
        self.shared.read(|reader| reader.after(seq, last, limit))
    }

    /// The same of what this process wrote last, as far as it is still in memory: none may be. Does not block.
    pub(super) fn latest_after(&self, seq: u64, limit: usize) -> Vec<Record> {
        let recent = self.shared.progress.recent.lock();
        recent.unwrap_or_else(PoisonError::into_inner).after(seq, limit)
    }

    /// The same, but it looks for what other processes wrote only where nothing else is known to follow.
    pub(super) fn known_after(&self, seq: u64, limit: usize) -> Result<Vec<Record>, Error> {
        let known = *self.shared.progress.last.borrow();
        let last = if known > seq { known } else { self.last()? };
        self.shared.read(|reader| reader.after(seq, last, limit))
    }

    /// The number of the last durable record, whichever process wrote it; 0 where there is none. Blocks shortly.
    pub fn last(&self) -> Result<u64, Error> {
        let (done, seen) = std::sync::mpsc::sync_channel(1);
        self.shared.orders.push(Order::Look { done }).map_err(|_| Error::Closed)?;
        seen.recv().map_err(|_| Error::Closed)?
    }

    /// How many records the journal keeps.
    pub fn len(&self) -> Result<u64, Error> {
        let last = self.last()?;
        let first = self.shared.read(Reader::first)?;
        Ok(last.saturating_add(1).saturating_sub(first))
    }

    /// Whether the journal keeps no record.
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.len().map(|records| records == 0)
    }

    /// Finds out by a write whether any record could be written now, for `/readyz`: a full disk shows in no other way.
    pub async fn writable(&self) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        self.shared.orders.push(Order::Try { done }).map_err(|_| Error::Closed)?;
        written.await.map_err(|_| Error::Closed)?
    }

    /// Follows the last record of this process.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.progress.last.subscribe()
    }

    /// The last record that a target surely has.
    pub(super) fn cursor(&self, target: &str) -> u64 {
        let cursors = &self.shared.progress.cursors;
        let cursors = cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.get(target).copied().unwrap_or(0)
    }

    /// Remembers how far a target has come.
    pub(super) async fn save_cursor(&self, target: &str, seq: u64) -> Result<(), Error> {
        let (done, saved) = oneshot::channel();
        let order = Order::Cursor { target: target.to_owned(), seq, done };
        self.shared.orders.push(order).map_err(|_| Error::Closed)?;
        saved.await.map_err(|_| Error::Closed)?
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("name", &self.shared.author.journal())
            .finish_non_exhaustive()
    }
}

/// Records name patients and users, which stay out of logs.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("seq", &self.seq).finish_non_exhaustive()
    }
}

struct Shared {
    author: Author,
    orders: Arc<Queue<Order>>,
    committer: Option<JoinHandle<()>>,
    reader: Mutex<Reader>,
    progress: Arc<Progress>,
}

impl Shared {
    fn read<T>(&self, look: impl FnOnce(&mut Reader) -> io::Result<T>) -> Result<T, Error> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut reader).map_err(|error| Error::Read(Arc::new(error)))
    }
}

/// Waits until every order is on disk.
impl Drop for Shared {
    fn drop(&mut self) {
        self.orders.close();
        if let Some(committer) = self.committer.take() {
            let _panicked = committer.join();
        }
    }
}

#[cfg(test)]
mod tests;
