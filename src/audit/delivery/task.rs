//! One target's task: connect, send, wait, and begin again where the last connection is sure to have come.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::link::{Link, Opener};
use super::window::Window;
use super::{Counters, Times, Wanted};
use crate::audit::journal::READ_BYTES;
use crate::audit::{Error, Journal, Record};
use crate::clock::Random;

/// Records read at once; `Journal::known_after` bounds their bytes too.
const BATCH: usize = 64;

/// All that a target's task needs.
pub(super) struct Task {
    pub(super) name: String,
    pub(super) opener: Opener,
    pub(super) wanted: Wanted,
    pub(super) journal: Journal,
    pub(super) times: Times,
    pub(super) random: Arc<dyn Random>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Link(#[from] io::Error),
    #[error("receiver takes too long")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error(transparent)]
    Journal(#[from] Error),
}

impl Task {
    /// Delivers until told to stop.
    pub(super) async fn run(mut self) {
        let (mut failures, mut unsaved) = (0_u32, false);
        loop {
            let start = Instant::now();
            let Err(broken) = self.deliver(&mut unsaved).await else { return };
            self.counters.connected.store(false, Ordering::Relaxed);
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            // one that held for a while was a good connection
            failures = if start.elapsed() > self.times.retry_longest { 0 } else { failures };
            let pause = self.pause(failures);
            failures = failures.saturating_add(1);
            let (receiver, address) = (&self.name, self.opener.address());
            tracing::warn!(receiver, address, %broken, ?pause, "audit delivery interrupted");
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Delivers over one connection; `Ok` once all is sent and delivery was told to stop.
    ///
    /// `unsaved` is whether it was said that the cursor cannot be saved.
    async fn deliver(&mut self, unsaved: &mut bool) -> Result<(), Broken> {
        let mut link = timeout(self.times.patience, self.opener.open()).await??;
        let mut commits = self.journal.watch();
        let mut window = Window::new(self.journal.cursor(&self.name));
        self.counters.sent_up_to.store(window.sent(), Ordering::Relaxed);
        self.counters.connected.store(true, Ordering::Relaxed);
        let (mut saved, mut saved_at) = (window.confirmed(), Instant::now());
        loop {
            let known = *commits.borrow_and_update();
            // looked at before reading, so that what was recorded before the stop is read
            let stopping = *self.stop.borrow_and_update();
            let mut records = self.read(window.sent()).await?;
            let (last, is_full) = (records.last().map(|record| record.seq), is_full(&records));
            records.retain(|record| self.wanted.takes(record));
            if let Some(last) = last {
                self.send(&mut link, &mut window, &records, last).await?;
            }
            window.settle(Instant::now(), &self.times);
            if link.is_best_effort() {
                window.settle_all();
            }
            self.counters.confirmed.store(window.confirmed(), Ordering::Relaxed);
            if window.confirmed() > saved && saved_at.elapsed() >= self.times.poll {
                saved_at = Instant::now();
                match self.journal.save_cursor(&self.name, window.confirmed()).await {
                    Ok(()) => (saved, *unsaved) = (window.confirmed(), false),
                    Err(_) if *unsaved => {}
                    // on a new connection it would all be sent again, and be saved no better
                    Err(error) => {
                        *unsaved = true;
                        tracing::warn!(
                            receiver = self.name,
                            %error,
                            "how far the receiver has come cannot be saved"
                        );
                    }
                }
            }
            match (last, stopping) {
                (None, true) => return self.finish(&mut link, &mut window).await,
                (Some(_), true) => continue,
                // as much as one reading gives, or all that lay before what another process wrote: there is more
                (Some(last), false) if is_full || last < known => continue,
                (_, false) => {}
            }
            tokio::select! {
                closed = link.closed() => return Err(closed.into()),
                _ = commits.changed() => sleep(self.times.gather).await,
                () = sleep(self.times.poll) => {}
                // an error says that nobody is left to tell it
                told = self.stop.changed() => if told.is_err() { return Ok(()) },
            }
        }
    }

    async fn read(&self, after: u64) -> Result<Vec<Record>, Broken> {
        let latest = self.journal.latest_after(after, BATCH);
        if !latest.is_empty() {
            return Ok(latest);
        }
        let journal = self.journal.clone();
        let reading = tokio::task::spawn_blocking(move || journal.known_after(after, BATCH));
        Ok(reading.await.map_err(io::Error::other)??)
    }

    async fn send(
        &self,
        link: &mut Link,
        window: &mut Window,
        records: &[Record],
        last: u64,
    ) -> Result<(), Broken> {
        // a write to a closed connection succeeds, so look first
        if let Some(closed) = link.closed().now_or_never() {
            return Err(closed.into());
        }
        if records.is_empty() {
            window.pass_over(last);
        } else {
            let sent = timeout(self.times.patience, link.send(records)).await??;
            window.send(last, sent.bytes, Instant::now());
            self.counters.sent.fetch_add(sent.messages, Ordering::Relaxed);
            self.counters.skipped.fetch_add(sent.skipped, Ordering::Relaxed);
        }
        self.counters.sent_up_to.store(last, Ordering::Relaxed);
        Ok(())
    }

    async fn finish(&self, link: &mut Link, window: &mut Window) -> Result<(), Broken> {
        if timeout(self.times.patience, link.close()).await? {
            window.settle_all();
        }
        self.counters.confirmed.store(window.confirmed(), Ordering::Relaxed);
        self.counters.connected.store(false, Ordering::Relaxed);
        Ok(self.journal.save_cursor(&self.name, window.confirmed()).await?)
    }

    /// Doubles with each failure; half of it is random, so that gateways do not knock together.
    fn pause(&self, failures: u32) -> Duration {
        let doubled = self.times.retry_first.saturating_mul(1 << failures.min(16));
        let longest = doubled.min(self.times.retry_longest);
        let mut bytes = [0xff; 2];
        let _certain = self.random.fill(&mut bytes);
        let fraction = f64::from(u16::from_be_bytes(bytes)) / f64::from(u16::MAX);
        longest.mul_f64(0.5 + fraction / 2.0)
    }
}

/// Whether a reading of the journal ended at its limits.
fn is_full(records: &[Record]) -> bool {
    let bytes: usize = records.iter().map(|record| record.message.len()).sum();
    records.len() >= BATCH || bytes >= READ_BYTES
}
