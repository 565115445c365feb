//! What the committer has to do, and when it is best done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Orders in one commit: beyond this the sync is cheap beside the writing.
pub(super) const BATCH: usize = 256;
/// A commit waits for one in so many of the requests under way: for more, cores would be idle while it syncs.
const SHARE: usize = 2;
/// Fewer than these are no crowd, and each would wait for nobody.
const CROWD: usize = 8;

/// How long a commit waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For each that it waits for.
    each: Duration,
    /// For all of them.
    longest: Duration,
}

impl Default for Patience {
    /// For each about as long as two cores take for its request; in all no longer than anybody would notice, since not
    /// all who are under way come.
    fn default() -> Self {
        Self { each: Duration::from_micros(250), longest: Duration::from_millis(8) }
    }
}

impl Patience {
    fn with(self, wanted: usize) -> Duration {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        self.each.saturating_mul(wanted).min(self.longest)
    }
}

/// Orders of many threads for one.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    more: Condvar,
    /// Requests under way, most of which will give an order.
    announced: Arc<AtomicUsize>,
    patience: Patience,
}

#[derive(Debug)]
struct State<T> {
    orders: Vec<T>,
    /// How many orders are worth waking up for.
    wanted: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(announced: Arc<AtomicUsize>, patience: Patience) -> Self {
        let state = State { orders: Vec::new(), wanted: 1, closed: false };
        Self { state: Mutex::new(state), more: Condvar::new(), announced, patience }
    }

    /// Gives it back once nobody takes orders.
    pub(super) fn push(&self, order: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(order);
        }
        state.orders.push(order);
        let wake = state.orders.len() >= state.wanted;
        drop(state);
        if wake {
            self.more.notify_one();
        }
        Ok(())
    }

    /// Takes no more orders; those that are there are still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_one();
    }

    /// Drops the orders that nobody will do, so that nobody waits for them.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let orders = std::mem::take(&mut state.orders);
        drop(state);
        drop(orders);
    }

    /// Waits for orders, and while many are coming, a moment for more; a sync for each would cost more CPU time than
    /// all else that a commit does. `false` once there will be none.
    pub(super) fn next(&self, batch: &mut Vec<T>) -> bool {
        let mut state = self.lock();
        while state.orders.is_empty() {
            if state.closed {
                return false;
            }
            state.wanted = 1;
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let begun = Instant::now();
        loop {
            state.wanted = self.worth_waiting_for();
            let left = self.patience.with(state.wanted).saturating_sub(begun.elapsed());
            if state.orders.len() >= state.wanted || state.closed || left.is_zero() {
                break;
            }
            let waited = self.more.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // nobody wakes up who is at work
        state.wanted = usize::MAX;
        let count = state.orders.len().min(BATCH);
        batch.extend(state.orders.drain(..count));
        true
    }

    fn worth_waiting_for(&self) -> usize {
        match self.announced.load(Ordering::Relaxed) {
            crowd @ CROWD.. => (crowd / SHARE).min(BATCH),
            _ => 1,
        }
    }

    /// Nothing panics while it holds the state.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than a test may take.
    const FOREVER: Duration = Duration::from_secs(3_600);

    const ENDLESS: Patience = Patience { each: FOREVER, longest: FOREVER };

    fn queue(announced: usize, orders: usize, patience: Patience) -> Queue<usize> {
        let queue = Queue::new(Arc::new(announced.into()), patience);
        for order in 0..orders {
            queue.push(order).unwrap();
        }
        queue
    }

    /// How many orders the next commit holds.
    fn gathered(queue: &Queue<usize>) -> usize {
        let mut batch = Vec::new();
        assert!(queue.next(&mut batch));
        batch.len()
    }

    #[test]
    fn a_commit_waits_for_half_of_those_who_are_coming() {
        let queue = queue(CROWD, 1, ENDLESS);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| gathered(&queue));
            while queue.lock().wanted != CROWD / SHARE && !one.is_finished() {
                std::thread::yield_now();
            }
            for order in 1..CROWD / SHARE {
                assert!(!one.is_finished());
                queue.push(order).unwrap();
            }
            assert_eq!(one.join().unwrap(), CROWD / SHARE);
        });
    }

    #[test]
    fn it_waits_for_them_no_longer_than_it_may() {
        let each = Patience { each: Duration::from_micros(1), longest: FOREVER };
        assert_eq!(gathered(&queue(1_000, 9, each)), 9);
        let all = Patience { each: FOREVER, longest: Duration::from_millis(1) };
        assert_eq!(gathered(&queue(1_000, 9, all)), 9);
    }

    #[test]
    fn it_waits_longer_for_more_of_them() {
        let patience = Patience::default();
        for (wanted, micros) in [(4, 1_000), (8, 2_000), (32, 8_000), (BATCH, 8_000)] {
            assert_eq!(patience.with(wanted), Duration::from_micros(micros));
        }
    }

    #[test]
    fn it_waits_for_nobody_where_enough_are_there_or_few_are_coming() {
        assert_eq!(gathered(&queue(CROWD - 1, 1, ENDLESS)), 1);
        assert_eq!(gathered(&queue(CROWD, CROWD / SHARE, ENDLESS)), CROWD / SHARE);
        assert_eq!(gathered(&queue(10_000, BATCH + 1, ENDLESS)), BATCH);
    }

    #[test]
    fn what_was_ordered_before_the_end_is_done() {
        let queue = queue(1_000, 2, ENDLESS);
        queue.close();
        assert_eq!(queue.push(9), Err(9));
        assert_eq!(gathered(&queue), 2);
        assert!(!queue.next(&mut Vec::new()));
    }

    #[test]
    fn nobody_waits_for_what_is_abandoned() {
        let (done, told) = std::sync::mpsc::channel::<()>();
        let queue = Queue::new(Arc::default(), ENDLESS);
        queue.push(done).unwrap();
        queue.abandon();
        assert!(told.recv().is_err());
        let (late, _) = std::sync::mpsc::channel();
        assert!(queue.push(late).is_err());
    }
}
