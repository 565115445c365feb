//! Copies what is committed from the WAL to its place, beside the committer: who waits for a record does not wait for that.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

use super::committer::Progress;

/// How often: what came since then, a megabyte under load, is all that is left to the committer.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs until the journal closes, which is told by the end of `open`.
pub(super) fn run(connection: &Connection, open: &Receiver<()>, progress: &Arc<Progress>) {
    let mut copied = *progress.last.borrow();
    while open.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        let last = *progress.last.borrow();
        if last == copied {
            continue;
        }
        // nobody is held up by a passive one; what fails stays in the WAL and is tried again
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            Ok(()) => copied = last,
            Err(error) => tracing::debug!(%error, "the journal's WAL is not copied now"),
        }
    }
}
