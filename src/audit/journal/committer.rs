//! The one thread that writes: what arrived during a commit, or a moment after it, makes up the next (group commit).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use super::log::{Fault, Log, Written};
use super::queue::{BATCH, Queue};
use super::receipt::Receipt;
use super::recent::Recent;
use super::{Room, frame};
use crate::audit::Error;
use crate::audit::delivery::syslog::Draft;
use crate::clock::Timestamp;

/// Bytes of records in one commit, or one order that has more: memory is bounded.
const BATCH_BYTES: usize = frame::BODY_BYTES;

/// What the committer can be told to do.
pub(super) enum Order {
    /// Append these messages, all or none, and hand over the receipt.
    Record { at: Timestamp, drafts: Vec<Draft>, room: Room, done: Done },
    /// Remember how far a target has come.
    Cursor { target: String, seq: u64, done: oneshot::Sender<Result<(), Error>> },
    /// See whether the largest record could be written, once the batch is; all who ask then share one try.
    Try { done: oneshot::Sender<Result<(), Error>> },
    /// Find the last durable record, whichever process wrote it.
    Look { done: std::sync::mpsc::SyncSender<Result<u64, Error>> },
}

/// Takes the receipt, in the committer's thread: so it takes no time.
pub(super) type Done = Box<dyn FnOnce(Result<Receipt, Error>) + Send>;

impl Order {
    pub(super) fn room(&self) -> Room {
        match self {
            Self::Record { room, .. } => *room,
            Self::Cursor { .. } | Self::Try { .. } | Self::Look { .. } => Room::Ordinary,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Record { drafts, .. } => drafts.iter().map(Draft::bytes).sum(),
            Self::Cursor { .. } | Self::Try { .. } | Self::Look { .. } => 0,
        }
    }

    /// Whether it writes something; the others are done apart from the records.
    fn writes(&self) -> bool {
        matches!(self, Self::Record { .. } | Self::Cursor { .. })
    }
}

/// What others may see of the committer's work.
#[derive(Debug)]
pub(super) struct Progress {
    /// The last durable record.
    pub(super) last: watch::Sender<u64>,
    /// How far each target has come.
    pub(super) cursors: Mutex<BTreeMap<String, u64>>,
    /// Requests under way.
    pub(super) announced: Arc<AtomicUsize>,
    /// What this process wrote last.
    pub(super) recent: Mutex<Recent>,
}

impl Progress {
    pub(super) fn new(last: u64, cursors: BTreeMap<String, u64>) -> Self {
        let last = watch::Sender::new(last);
        let cursors = Mutex::new(cursors);
        Self { last, cursors, announced: Arc::default(), recent: Mutex::default() }
    }

    /// Keeps what was written for those who follow.
    fn keep(&self, written: &mut Written) {
        let first = written.before.saturating_add(1);
        let frames = std::mem::take(&mut written.frames);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.keep(first, written.last, frames.into());
    }

    /// Tells of a durable record, whoever wrote it.
    pub(super) fn reach(&self, seq: u64) {
        self.last.send_if_modified(|last| {
            let further = seq > *last;
            *last = seq.max(*last);
            further
        });
    }
}

/// Runs until the queue is closed and the last order is done.
pub(super) fn run(log: Log, orders: &Queue<Order>, progress: &Progress) {
    let _end = Abandon(orders);
    let mut committer = Committer { log, poisoned: false };
    let mut batch = Vec::with_capacity(BATCH);
    while orders.next(&mut batch) {
        // a try wants more room than records do
        let others: Vec<_> = batch.extract_if(.., |order| !order.writes()).collect();
        while !batch.is_empty() {
            let rest = batch.split_off(fitting(&batch));
            let mut written = committer.attempt(|log| log.append(&batch));
            // told before any receipt, so that a receipt's record is always counted
            if let Ok(written) = &mut written {
                progress.keep(written);
                progress.reach(written.last);
            }
            answer(batch.drain(..), &written, progress);
            batch.extend(rest);
        }
        committer.answer_others(others, progress);
    }
}

/// However the thread ends, nobody waits for it.
struct Abandon<'q>(&'q Queue<Order>);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The log, and whether an i/o error has ended all writing.
struct Committer {
    log: Log,
    poisoned: bool,
}

impl Committer {
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Log) -> Result<T, Fault>) -> Result<T, Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        work(&mut self.log).map_err(|fault| {
            // the kernel forgets what it could not sync, so no later commit can be believed
            self.poisoned = matches!(fault, Fault::Lost(_));
            let error = Error::from(fault);
            tracing::error!(%error, lost = self.poisoned, "audit journal cannot be written");
            error
        })
    }

    /// Those who try or look share one try and one look.
    fn answer_others(&mut self, orders: Vec<Order>, progress: &Progress) {
        let (mut tried, mut seen) = (None, None);
        // whoever no longer waits has no answer to give
        for order in orders {
            match order {
                Order::Try { done } => {
                    let tried = tried.get_or_insert_with(|| self.attempt(Log::try_room));
                    let _gone = done.send(tried.clone());
                }
                Order::Look { done } => {
                    let _gone = done.send(seen.get_or_insert_with(|| self.look(progress)).clone());
                }
                Order::Record { .. } | Order::Cursor { .. } => {}
            }
        }
    }

    fn look(&mut self, progress: &Progress) -> Result<u64, Error> {
        if !self.poisoned {
            let last = self.attempt(Log::look)?;
            progress.reach(last);
        }
        Ok(*progress.last.borrow())
    }
}

/// How many orders go into one commit.
fn fitting(batch: &[Order]) -> usize {
    let mut bytes = 0_usize;
    let fits = |order: &&Order| {
        bytes = bytes.saturating_add(order.bytes());
        bytes <= BATCH_BYTES
    };
    batch.iter().take_while(fits).count().max(1)
}

fn answer(
    batch: impl Iterator<Item = Order>,
    written: &Result<Written, Error>,
    progress: &Progress,
) {
    let mut last = written.as_ref().map_or(0, |written| written.before);
    for order in batch {
        let refused = match written {
            Err(error) => Some(error.clone()),
            Ok(written) if order.room() == Room::Ordinary => written.full.clone(),
            Ok(_) => None,
        };
        match order {
            Order::Record { drafts, done, .. } => {
                let result = refused.map_or_else(
                    || {
                        let first = last.saturating_add(1);
                        last = last.saturating_add(u64::try_from(drafts.len()).unwrap_or(0));
                        Ok(Receipt::new(first, last))
                    },
                    Err,
                );
                tell(done, result);
            }
            Order::Cursor { target, seq, done } => {
                if refused.is_none() {
                    let cursors = progress.cursors.lock();
                    cursors.unwrap_or_else(PoisonError::into_inner).insert(target, seq);
                }
                // whoever no longer waits has no answer to give
                let _gone = done.send(refused.map_or(Ok(()), Err));
            }
            Order::Try { .. } | Order::Look { .. } => {}
        }
    }
}

/// Whatever breaks there ends one request, not the journal.
pub(super) fn tell(done: Done, result: Result<Receipt, Error>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        tracing::error!("what waited for an audit record broke");
    }
}
