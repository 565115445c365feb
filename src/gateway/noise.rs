//! Refusals that are the noise of one sender: beyond a number in a while they share a record, which counts them.
//!
//! Each is still answered on a receipt, as the record that counts it is durable before the answer; so a sender who
//! makes much noise also waits. What is never noise: a break-glass that is refused, unless nobody we trust signed it, and whatever was
//! looked up.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::error;

use super::Gateway;
use super::failure::Failure;
use super::record::{Answer, Recorded, count, is_remembered, labels};
use super::reply::Unavailable;
use super::visit::Visit;
use crate::audit::{Event, Refusals, Room};
use crate::clock::Timestamp;
use crate::limits;
use crate::policy::Refusal;
use crate::purpose::{Purpose, concept};

/// Who was refused of late.
pub(super) struct Noise(Mutex<LruCache<String, Sender>>);

/// One TLS client, by its certificate's subject.
#[derive(Default)]
struct Sender {
    /// When the present span began, and how many refusals it has on record.
    since: Option<Timestamp>,
    records: usize,
    /// Those that share the next record.
    gathered: Option<Gathered>,
}

#[derive(Default)]
struct Gathered {
    counts: BTreeMap<&'static str, u64>,
    waiting: Vec<Waiting>,
}

/// A request that is answered once the record is there.
struct Waiting {
    visit: Visit,
    answer: Answer,
    outcome: &'static str,
    done: oneshot::Sender<Recorded>,
}

impl Noise {
    pub(super) fn new() -> Self {
        let senders = NonZeroUsize::new(limits::REFUSAL_SENDERS).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(senders)))
    }

    /// Whether a refusal has a record of its own.
    fn stands_out(&self, sender: &str, now: Timestamp) -> bool {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders.get_or_insert_mut(sender.to_owned(), Sender::default);
        let recent = |then: Timestamp| now.since(then) < limits::REFUSAL_TIME;
        if !sender.since.is_some_and(recent) {
            (sender.since, sender.records) = (Some(now), 0);
        }
        sender.records = sender.records.saturating_add(1);
        sender.records <= limits::REFUSAL_RECORDS
    }

    /// Puts a refusal with others of the sender; whether it is the first of them.
    fn gather(&self, sender: &str, waiting: Waiting) -> bool {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders.get_or_insert_mut(sender.to_owned(), Sender::default);
        let first = sender.gathered.is_none();
        let gathered = sender.gathered.get_or_insert_default();
        *gathered.counts.entry(waiting.outcome).or_default() += 1;
        gathered.waiting.push(waiting);
        first
    }

    fn gathered(&self, sender: &str) -> Gathered {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.get_mut(sender).and_then(|sender| sender.gathered.take()).unwrap_or_default()
    }
}

impl Gateway {
    /// Gives a refusal to the journal, by itself or with others of its sender.
    pub(super) fn turn_away(
        self: &Arc<Self>,
        mut visit: Visit,
        failure: &Failure,
        done: oneshot::Sender<Recorded>,
        runtime: &Handle,
    ) {
        if matches!(failure, Failure::Busy) {
            return self.turn_away_unread(visit, done);
        }
        let sender = visit.peer().id.clone();
        let noise = may_be_noise(&visit, failure) && !self.noise.stands_out(&sender, visit.at);
        // an alert stands out, whatever it is of
        let alert = self.alert(&visit, failure);
        if !noise || alert.is_some() {
            visit.alerts.extend(alert);
            let drafted = self.refusal(&mut visit, failure);
            return self.hand_over(visit, drafted, done);
        }
        // no commit is to wait for it
        visit.withdraw();
        let (refusals, outcome) = (visit.refusals(), failure.label());
        let answer = Self::refused(failure, visit.transaction);
        if self.noise.gather(&sender, Waiting { visit, answer, outcome, done }) {
            runtime.spawn(Arc::clone(self).share(sender, refusals));
        }
    }

    /// Waits for others, and puts them all on record.
    async fn share(self: Arc<Self>, sender: String, refusals: Refusals) {
        tokio::time::sleep(limits::REFUSAL_GATHERING_TIME).await;
        let Gathered { counts, waiting } = self.noise.gathered(&sender);
        // a second has gone by since, so it is seldom waited for
        let remember = |mut one: Waiting| (is_remembered(&mut one.visit), one);
        let remembering = tokio::task::spawn_blocking(move || {
            waiting.into_iter().map(remember).collect::<Vec<_>>()
        });
        let Ok(waiting) = remembering.await else {
            return error!("refusals were cut short, so they get no answer");
        };
        let (now, metrics) = (self.clock.now(), Arc::clone(&self.metrics));
        let event = Event::refusals(&Refusals { at: now, counts, ..refusals });
        self.journal.hand_over(now, &[event], Room::Ordinary, move |receipt| {
            if let Err(error) = &receipt {
                error!(%error, "refusals are not on record, so they get no answer");
            }
            let requests = waiting.len();
            let mut receipts = receipt.into_iter().flat_map(|one| one.split(requests));
            for (is_remembered, Waiting { visit, answer, outcome, done }) in waiting {
                let receipt = receipts.next().filter(|_| is_remembered);
                let receipt = receipt.ok_or(Unavailable::NotRecorded);
                count(&metrics, labels(&visit, outcome), receipt.is_ok());
                let _hung_up = done.send(Recorded { visit, answer, receipt });
            }
        });
    }
}

/// Whether a refusal says nothing that an auditor must read one by one.
fn may_be_noise(visit: &Visit, failure: &Failure) -> bool {
    let declares =
        |code| concept(code).is_ok_and(|purpose| matches!(purpose, Purpose::BTG | Purpose::ETREAT));
    let of_break_glass = visit.refused.is_some()
        || !visit.alerts.is_empty()
        || visit.break_glass
        || visit.vouched_break_glass
        || visit.purposes.iter().any(declares);
    match failure {
        Failure::Http(_) | Failure::Soap(_) | Failure::Untrusted(_) => !of_break_glass,
        Failure::Refused(Refusal::BesideBreakGlass(_)) => false,
        Failure::Refused(_) => !of_break_glass,
        Failure::Registry(_)
        | Failure::NotHonoured
        | Failure::Store(_)
        | Failure::Busy
        | Failure::Internal(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sender_s_refusals_stand_out_up_to_a_number_in_a_while() {
        let noise = Noise::new();
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        for _ in 0..limits::REFUSAL_RECORDS {
            assert!(noise.stands_out("CN=a", start));
        }
        let soon = start.plus(Duration::from_secs(1));
        assert!(!noise.stands_out("CN=a", soon) && !noise.stands_out("CN=a", soon));
        // others are none of it, and after a while all begins again
        assert!(noise.stands_out("CN=b", soon));
        assert!(noise.stands_out("CN=a", start.plus(limits::REFUSAL_TIME)));
    }
}
