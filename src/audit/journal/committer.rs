//! The one thread that writes: what arrived during a commit, or a moment after it, makes up the next (group commit).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::receipt::Receipt;
use super::schema;
use crate::audit::Error;
use crate::audit::delivery::syslog::Draft;
use crate::clock::Timestamp;

/// Orders in one commit: beyond this the sync is cheap beside the inserts.
const BATCH: usize = 256;

/// A commit waits for others while so many times as many requests are under way: fewer would leave cores idle.
const SHARE: usize = 5;

/// How often it looks for them, and how long apart: a commit takes some 500 us, and two of them nobody notices.
const LOOKS: usize = 2;
const LOOK: Duration = Duration::from_micros(500);

/// What the committer can be told to do.
pub(super) enum Order {
    /// Append these messages in one transaction and answer with the receipt.
    Record { at: Timestamp, drafts: Vec<Draft>, done: oneshot::Sender<Result<Receipt, Error>> },
    /// Remember how far a target has come.
    Cursor { target: String, seq: u64, done: oneshot::Sender<Result<(), Error>> },
    /// See whether the largest record could be written, once the batch is; all who ask then share one try.
    Try { done: oneshot::Sender<Result<(), Error>> },
}

/// What others may see of the committer's work.
#[derive(Debug)]
pub(super) struct Progress {
    /// The last durable record.
    pub(super) last: watch::Sender<u64>,
    /// Whether an i/o error has ended all writing.
    pub(super) poisoned: AtomicBool,
    /// Requests under way.
    pub(super) announced: AtomicUsize,
}

impl Progress {
    pub(super) fn new(last: u64) -> Self {
        let (last, poisoned) = (watch::Sender::new(last), false.into());
        Self { last, poisoned, announced: 0.into() }
    }
}

/// Runs until every sender of orders is gone and the last order is done.
pub(super) fn run(
    mut connection: Connection,
    mut orders: mpsc::UnboundedReceiver<Order>,
    progress: &Progress,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while orders.blocking_recv_many(&mut batch, BATCH) > 0 {
        gather(&mut batch, &mut orders, progress);
        // apart from the records, since the try wants more room than they do
        let tries: Vec<_> =
            batch.extract_if(.., |order| matches!(order, Order::Try { .. })).collect();
        if !batch.is_empty() {
            let written = attempt(progress, || write(&mut connection, &batch));
            // told before any receipt, so that a receipt's record is always counted
            if let Ok((before, last)) = written
                && last > before
            {
                progress.last.send_replace(last);
            }
            answer(batch.drain(..), &written.map(|(before, _)| before));
        }
        if !tries.is_empty() {
            let tried = attempt(progress, || try_room(&mut connection));
            answer(tries.into_iter(), &tried.map(|()| 0));
        }
    }
}

/// Does one transaction, unless an earlier one has ended all writing.
fn attempt<T>(progress: &Progress, work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, Error> {
    if progress.poisoned.load(Ordering::Acquire) {
        return Err(Error::Poisoned);
    }
    work().map_err(|error| {
        // the kernel forgets what it could not sync, so no later commit can be believed
        let lost = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
        progress.poisoned.store(lost, Ordering::Release);
        tracing::error!(%error, lost, "audit journal cannot be written");
        Error::Write(Arc::new(error))
    })
}

/// Waits for more, while many are coming: a sync for each costs more CPU time than all else that a commit does.
fn gather(
    batch: &mut Vec<Order>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    progress: &Progress,
) {
    for _ in 0..LOOKS {
        let before = batch.len();
        let announced = progress.announced.load(Ordering::Relaxed);
        if before >= BATCH || announced < before.saturating_mul(SHARE) {
            return;
        }
        std::thread::sleep(LOOK);
        while batch.len() < BATCH
            && let Ok(order) = orders.try_recv()
        {
            batch.push(order);
        }
        // whoever did not come by now is held up elsewhere
        if batch.len() == before {
            return;
        }
    }
}

/// Writes a batch's records and cursors in one transaction; gives the numbers before its first record and of its last.
fn write(connection: &mut Connection, batch: &[Order]) -> rusqlite::Result<(u64, u64)> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = schema::last(&transaction)?;
    let mut seq = before;
    {
        let mut record = transaction
            .prepare_cached("INSERT INTO record (seq, at, message) VALUES (?1, ?2, ?3)")?;
        let mut cursor = transaction.prepare_cached(
            "INSERT INTO cursor (target, seq) VALUES (?1, ?2)
             ON CONFLICT (target) DO UPDATE SET seq = excluded.seq",
        )?;
        for order in batch {
            match order {
                Order::Record { at, drafts, .. } => {
                    for draft in drafts {
                        seq = seq.saturating_add(1);
                        let message = draft.numbered(seq);
                        record.execute((schema::to_sql(seq), at.micros(), message.as_bytes()))?;
                    }
                }
                Order::Cursor { target, seq, .. } => {
                    cursor.execute((target, schema::to_sql(*seq)))?;
                }
                Order::Try { .. } => {}
            }
        }
    }
    transaction.commit()?;
    Ok((before, seq))
}

/// Writes what the largest record would take, in a transaction of its own.
fn try_room(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    schema::try_room(&transaction)?;
    transaction.commit()
}

fn answer(batch: impl Iterator<Item = Order>, written: &Result<u64, Error>) {
    let mut last = written.as_ref().map_or(0, |before| *before);
    // whoever no longer waits has no answer to give
    for order in batch {
        match order {
            Order::Record { drafts, done, .. } => {
                let first = last.saturating_add(1);
                last = last.saturating_add(u64::try_from(drafts.len()).unwrap_or(0));
                let _gone = done.send(written.clone().map(|_| Receipt::new(first, last)));
            }
            Order::Cursor { done, .. } | Order::Try { done } => {
                let _gone = done.send(written.clone().map(|_| ()));
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
        let progress = Progress::new(0);
        progress.announced.store(announced, Ordering::Relaxed);
        let (orders, mut received) = mpsc::unbounded_channel();
        assert!(orders.send(order()).is_ok());
        let mut batch = vec![order()];
        gather(&mut batch, &mut received, &progress);
        batch.len()
    }

    #[test]
    fn a_commit_waits_for_others_while_many_are_coming() {
        assert_eq!(gathered(SHARE - 1), 1);
        assert_eq!(gathered(SHARE), 2);
        assert_eq!(gathered(1_000), 2);
    }

    #[test]
    fn a_full_commit_waits_for_nobody() {
        let progress = Progress::new(0);
        progress.announced.store(10_000, Ordering::Relaxed);
        let (orders, mut received) = mpsc::unbounded_channel();
        assert!(orders.send(order()).is_ok());
        let mut batch: Vec<Order> = (0..BATCH).map(|_| order()).collect();
        gather(&mut batch, &mut received, &progress);
        assert_eq!((batch.len(), received.len()), (BATCH, 1));
    }
}
