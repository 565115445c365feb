//! Where a transaction is worked on: off the async threads, one request from its first byte to its decision in one go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tracing::error;

use super::Gateway;
use super::failure::Failure;
use super::reply::Unavailable;
use super::visit::Visit;

/// Requests worked on at once, at least: one that waits for the disk leaves its core to others.
const FEWEST: usize = 4;

/// Places for the requests that are worked on; more than there are cores would only take turns.
pub(super) fn places() -> Arc<Semaphore> {
    let cores = available_parallelism().map_or(FEWEST, usize::from);
    Arc::new(Semaphore::new(cores.max(FEWEST)))
}

impl Gateway {
    /// Works on a visit in a thread that may block, and gives the visit back with what came of it.
    pub(super) async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        mut visit: Visit,
        work: impl FnOnce(&Arc<Self>, &mut Visit) -> Result<T, Failure> + Send + 'static,
    ) -> Result<(Visit, Result<T, Failure>), Unavailable> {
        let gateway = Arc::clone(self);
        let place =
            Arc::clone(&self.places).acquire_owned().await.map_err(|_| Unavailable::NotRecorded)?;
        let worked = tokio::task::spawn_blocking(move || {
            // whatever breaks, the visit is left to tell of it
            let result = catch_unwind(AssertUnwindSafe(|| work(&gateway, &mut visit)));
            drop(place);
            (visit, result.unwrap_or(Err(Failure::Internal("the request was cut short"))))
        });
        worked.await.map_err(|error| {
            error!(%error, "no thread to work in, so no answer");
            Unavailable::NotRecorded
        })
    }
}
