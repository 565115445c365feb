//! Where a transaction is worked on: off the async threads, one request from its first byte to its record in one go.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::available_parallelism;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::error;

use super::Gateway;
use super::failure::Failure;
use super::record::Drafted;
use super::reply::{Reply, Unavailable};
use super::visit::Visit;

/// Requests worked on at once, at least: one that waits for the disk leaves its core to others.
const FEWEST: usize = 4;

impl Gateway {
    /// Works on a visit in a thread that may block; what comes of it is recorded, then answered.
    pub(super) async fn work(
        self: &Arc<Self>,
        mut visit: Visit,
        work: impl FnOnce(&Arc<Self>, &mut Visit) -> Result<Drafted, Failure> + Send + 'static,
    ) -> Result<Reply, Unavailable> {
        let (gateway, (done, recorded)) = (Arc::clone(self), oneshot::channel());
        let runtime = Handle::current();
        self.workers.take(Box::new(move || {
            // nothing was looked at for a sender who has gone by now
            if done.is_closed() {
                return;
            }
            // whatever breaks, the visit is left to tell of it
            let result = catch_unwind(AssertUnwindSafe(|| work(&gateway, &mut visit)));
            let result = result.unwrap_or(Err(Failure::Internal("the request was cut short")));
            match result {
                Ok(drafted) => gateway.hand_over(visit, drafted, done),
                Err(failure) => gateway.turn_away(visit, &failure, done, &runtime),
            }
        }));
        self.recorded(recorded).await
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads that requests are worked on in; more than there are cores would only take turns.
pub(super) struct Workers {
    queue: Arc<Queue>,
}

struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    /// First come, first served; whose sender has gone is dropped when its turn comes.
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
    closed: bool,
}

impl Workers {
    /// Starts the threads, which end when this is dropped and no job is left.
    pub(super) fn start() -> Self {
        let queue = Arc::new(Queue { state: Mutex::default(), more: Condvar::new() });
        let wanted = available_parallelism().map_or(FEWEST, NonZero::get).max(FEWEST);
        for _ in 0..wanted {
            let served = Arc::clone(&queue);
            let builder = std::thread::Builder::new().name("worker".to_owned());
            match builder.spawn(move || served.serve()) {
                Ok(_) => queue.with(|state| state.threads = state.threads.saturating_add(1)),
                Err(error) => error!(%error, "a thread to work in cannot be started"),
            }
        }
        Self { queue }
    }

    /// Takes a job; without any thread it is dropped.
    fn take(&self, job: Job) {
        let idle = self.queue.with(|state| {
            if state.threads > 0 {
                state.jobs.push_back(job);
            }
            state.idle > 0
        });
        if idle {
            self.queue.more.notify_one();
        }
    }
}

impl Queue {
    /// Nothing panics while it holds the state.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self) {
        while let Some(job) = self.next() {
            // the thread is needed for others
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                error!("a request was cut short, so no answer");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.idle = state.idle.saturating_add(1);
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle = state.idle.saturating_sub(1);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // nobody waits for them: the last to let go of the gateway may be one of them
        self.queue.with(|state| state.closed = true);
        self.queue.more.notify_all();
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}
