//! The one thread that writes: what arrived during a commit, or a moment after it, makes up the next (group commit).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::Room;
use super::log::{Log, Written};
use super::receipt::Receipt;
use crate::audit::Error;
use crate::audit::delivery::syslog::Draft;
use crate::clock::Timestamp;

/// Orders in one commit: beyond this the sync is cheap beside the inserts.
const BATCH: usize = 256;

/// A commit waits for others while so many times as many requests are under way: fewer would leave cores idle.
const SHARE: usize = 2;

/// Fewer than these are no crowd, and each would wait for nobody.
const CROWD: usize = 8;

/// How long it waits for them: as long as two commits take, which nobody notices.
const WAIT: Duration = Duration::from_millis(1);

/// What the committer can be told to do.
pub(super) enum Order {
    /// Append these messages, all or none, and hand over the receipt.
    Record { at: Timestamp, drafts: Vec<Draft>, room: Room, done: Done },
    /// Remember how far a target has come.
    Cursor { target: String, seq: u64, done: oneshot::Sender<Result<(), Error>> },
    /// See whether the largest record could be written, once the batch is; all who ask then share one try.
    Try { done: oneshot::Sender<Result<(), Error>> },
}

/// Takes the receipt, in the committer's thread: so it takes no time.
pub(super) type Done = Box<dyn FnOnce(Result<Receipt, Error>) + Send>;

impl Order {
    pub(super) fn room(&self) -> Room {
        match self {
            Self::Record { room, .. } => *room,
            Self::Cursor { .. } | Self::Try { .. } => Room::Ordinary,
        }
    }
}

/// What others may see of the committer's work.
#[derive(Debug)]
pub(super) struct Progress {
    /// The last durable record.
    pub(super) last: watch::Sender<u64>,
    /// How far each target has come.
    pub(super) cursors: Mutex<BTreeMap<String, u64>>,
    /// Whether an i/o error has ended all writing.
    pub(super) poisoned: AtomicBool,
    /// Requests under way.
    pub(super) announced: AtomicUsize,
}

impl Progress {
    pub(super) fn new(last: u64, cursors: BTreeMap<String, u64>) -> Self {
        let (last, poisoned) = (watch::Sender::new(last), false.into());
        Self { last, cursors: Mutex::new(cursors), poisoned, announced: 0.into() }
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

/// Runs until every sender of orders is gone and the last order is done.
pub(super) fn run(mut log: Log, mut orders: mpsc::UnboundedReceiver<Order>, progress: &Progress) {
    let mut batch = Vec::with_capacity(BATCH);
    while orders.blocking_recv_many(&mut batch, BATCH) > 0 {
        gather(&mut batch, &mut orders, progress);
        // apart from the records, since the try wants more room than they do
        let tries: Vec<_> =
            batch.extract_if(.., |order| matches!(order, Order::Try { .. })).collect();
        if !batch.is_empty() {
            let written = attempt(progress, || log.append(&batch));
            // told before any receipt, so that a receipt's record is always counted
            if let Ok(written) = &written {
                progress.reach(written.last);
            }
            answer(batch.drain(..), &written, progress);
        }
        if !tries.is_empty() {
            let tried = attempt(progress, || log.try_room());
            for order in tries {
                if let Order::Try { done } = order {
                    let _gone = done.send(tried.clone());
                }
            }
        }
    }
}

/// Does one commit, unless an earlier one has ended all writing.
fn attempt<T>(progress: &Progress, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    if progress.poisoned.load(Ordering::Acquire) {
        return Err(Error::Poisoned);
    }
    work().inspect_err(|error| {
        // the kernel forgets what it could not sync, so no later commit can be believed
        let lost = matches!(error, Error::Write(source) if !is_full(source.kind()));
        progress.poisoned.store(lost, Ordering::Release);
        tracing::error!(%error, lost, "audit journal cannot be written");
    })
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Waits for more, while many are coming: a sync for each costs more CPU time than all else that a commit does.
fn gather(
    batch: &mut Vec<Order>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    progress: &Progress,
) {
    let crowd = batch.len().saturating_mul(SHARE).max(CROWD);
    if batch.len() >= BATCH || progress.announced.load(Ordering::Relaxed) < crowd {
        return;
    }
    std::thread::sleep(WAIT);
    while batch.len() < BATCH
        && let Ok(order) = orders.try_recv()
    {
        batch.push(order);
    }
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
        match (order, refused) {
            (Order::Record { done, .. }, Some(error)) => done(Err(error)),
            (Order::Record { drafts, done, .. }, None) => {
                let first = last.saturating_add(1);
                last = last.saturating_add(u64::try_from(drafts.len()).unwrap_or(0));
                done(Ok(Receipt::new(first, last)));
            }
            // whoever no longer waits has no answer to give
            (Order::Cursor { done, .. } | Order::Try { done }, Some(error)) => {
                let _gone = done.send(Err(error));
            }
            (Order::Cursor { target, seq, done }, None) => {
                let mut cursors = progress.cursors.lock().unwrap_or_else(PoisonError::into_inner);
                cursors.insert(target, seq);
                let _gone = done.send(Ok(()));
            }
            (Order::Try { done }, None) => {
                let _gone = done.send(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order::Cursor { target: "arr".to_owned(), seq: 1, done: oneshot::channel().0 }
    }

    /// How many orders make up a commit that begins with one, while one more lies there.
    fn gathered(announced: usize) -> usize {
        let progress = Progress::new(0, BTreeMap::new());
        progress.announced.store(announced, Ordering::Relaxed);
        let (orders, mut received) = mpsc::unbounded_channel();
        assert!(orders.send(order()).is_ok());
        let mut batch = vec![order()];
        gather(&mut batch, &mut received, &progress);
        batch.len()
    }

    #[test]
    fn a_commit_waits_for_others_while_many_are_coming() {
        assert_eq!(gathered(CROWD - 1), 1);
        assert_eq!(gathered(CROWD), 2);
        assert_eq!(gathered(1_000), 2);
    }

    #[test]
    fn a_full_commit_waits_for_nobody() {
        let progress = Progress::new(0, BTreeMap::new());
        progress.announced.store(10_000, Ordering::Relaxed);
        let (orders, mut received) = mpsc::unbounded_channel();
        assert!(orders.send(order()).is_ok());
        let mut batch: Vec<Order> = (0..BATCH).map(|_| order()).collect();
        gather(&mut batch, &mut received, &progress);
        assert_eq!((batch.len(), received.len()), (BATCH, 1));
    }
}
