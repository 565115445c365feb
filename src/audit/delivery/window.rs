//! Which sent records count as arrived; syslog has no acknowledgement (RFC 5425 4.4).
//!
//! Of what was written, at most the send buffer can still be unacknowledged by the receiver's machine: the last
//! `UNACKNOWLEDGED_BYTES`. What lies before that and has settled counts as arrived, and so does everything once the
//! receiver answered our close_notify or the connection outlived the kernel's patience with lost bytes.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::Times;

/// Send buffer asked for; Linux grants twice that.
pub(super) const SEND_BUFFER_BYTES: u32 = 96 * 1024;
/// What can be unacknowledged at most: the buffer granted and one segment over it.
const UNACKNOWLEDGED_BYTES: u64 = 256 * 1024;

/// The records sent on one connection that do not count as arrived.
#[derive(Debug)]
pub(super) struct Window {
    confirmed: u64,
    sent: u64,
    bytes: u64,
    open: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    last: u64,
    end_byte: u64,
    at: Instant,
}

impl Window {
    /// A new connection, on which everything after `confirmed` is to be sent.
    pub(super) fn new(confirmed: u64) -> Self {
        Self { confirmed, sent: confirmed, bytes: 0, open: VecDeque::new() }
    }

    /// The last record sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The last record that counts as arrived.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Takes note of a batch that was written and flushed.
    pub(super) fn send(&mut self, last: u64, bytes: u64, at: Instant) {
        self.sent = last;
        self.bytes = self.bytes.saturating_add(bytes);
        self.open.push_back(Batch { last, end_byte: self.bytes, at });
    }

    /// Takes note of records that are not for this target: they have come as far as what was sent before them.
    pub(super) fn pass_over(&mut self, last: u64) {
        self.sent = last;
        match self.open.back_mut() {
            Some(batch) => batch.last = last,
            None => self.confirmed = last,
        }
    }

    /// Counts as arrived what has lain long and far enough behind.
    pub(super) fn settle(&mut self, now: Instant, times: &Times) {
        while let Some(batch) = self.open.front() {
            let age = now.saturating_duration_since(batch.at);
            let behind = self.bytes.saturating_sub(batch.end_byte);
            let acknowledged = behind >= UNACKNOWLEDGED_BYTES && age >= times.settle;
            if !acknowledged && age < times.silence {
                return;
            }
            self.confirmed = batch.last;
            self.open.pop_front();
        }
    }

    /// Counts everything sent as arrived.
    pub(super) fn settle_all(&mut self) {
        self.confirmed = self.sent;
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_settles_when_it_is_old_and_far_behind_or_very_old() {
        let (times, start) = (Times::default(), Instant::now());
        let mut window = Window::new(7);
        window.send(8, 1_000, start);
        window.settle(start + times.settle, &times);
        assert_eq!((window.sent(), window.confirmed()), (8, 7), "a black hole looks the same");
        window.send(9, UNACKNOWLEDGED_BYTES, start + times.settle);
        window.settle(start + times.settle, &times);
        assert_eq!(window.confirmed(), 8);
        window.settle(start + times.settle + times.silence - Duration::from_millis(1), &times);
        assert_eq!(window.confirmed(), 8);
        window.settle(start + times.settle + times.silence, &times);
        assert_eq!(window.confirmed(), 9);
    }

    #[test]
    fn what_is_not_for_a_target_comes_with_what_was_sent_before_it() {
        let (times, start) = (Times::default(), Instant::now());
        let mut window = Window::new(7);
        window.pass_over(9);
        assert_eq!((window.sent(), window.confirmed()), (9, 9));
        window.send(10, 1_000, start);
        window.pass_over(12);
        assert_eq!((window.sent(), window.confirmed()), (12, 9));
        window.settle(start + times.silence, &times);
        assert_eq!((window.sent(), window.confirmed()), (12, 12));
    }

    #[test]
    fn far_behind_alone_is_not_enough() {
        let (times, start) = (Times::default(), Instant::now());
        let mut window = Window::new(0);
        window.send(1, 1, start);
        window.send(2, 2 * UNACKNOWLEDGED_BYTES, start);
        window.settle(start, &times);
        assert_eq!(window.confirmed(), 0);
        window.settle_all();
        assert_eq!(window.confirmed(), 2);
    }
}
