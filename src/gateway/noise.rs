//! Refusals that are the noise of one sender: beyond a number in a while they share a record, which counts them.
//!
//! Each is still answered on a receipt, as the record that counts it is durable before the answer; so a sender who
//! makes much noise also waits. What is never noise: a break-glass that is refused, and whatever was looked up.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use tokio::sync::oneshot;
use tracing::error;

use super::Gateway;
use super::failure::Failure;
use super::reply::Unavailable;
use super::visit::Visit;
use crate::audit::{Event, Receipt, Refusals};
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
    waiting: Vec<oneshot::Sender<Receipt>>,
}

/// What becomes of a refusal.
enum Turn {
    /// It has a record of its own.
    Recorded,
    /// It waits for a shared one; whoever comes first sees to that.
    Gathered { receipt: oneshot::Receiver<Receipt>, first: bool },
}

impl Noise {
    pub(super) fn new() -> Self {
        let senders = NonZeroUsize::new(limits::REFUSAL_SENDERS).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(senders)))
    }

    fn turn(&self, sender: &str, label: &'static str, now: Timestamp) -> Turn {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders.get_or_insert_mut(sender.to_owned(), Sender::default);
        let recent = |then: Timestamp| now.since(then) < limits::REFUSAL_TIME;
        if !sender.since.is_some_and(recent) {
            (sender.since, sender.records) = (Some(now), 0);
        }
        if sender.records < limits::REFUSAL_RECORDS {
            sender.records += 1;
            return Turn::Recorded;
        }
        let (done, receipt) = oneshot::channel();
        let first = sender.gathered.is_none();
        let gathered = sender.gathered.get_or_insert_default();
        *gathered.counts.entry(label).or_default() += 1;
        gathered.waiting.push(done);
        Turn::Gathered { receipt, first }
    }

    fn gathered(&self, sender: &str) -> Gathered {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.get_mut(sender).and_then(|sender| sender.gathered.take()).unwrap_or_default()
    }
}

impl Gateway {
    /// Counts a refusal; gives the receipt of the record that tells of it with others, or `None` where it is to have one
    /// of its own.
    pub(super) async fn counted(
        self: &Arc<Self>,
        visit: &mut Visit,
        failure: &Failure,
    ) -> Result<Option<Receipt>, Unavailable> {
        if !may_be_noise(visit, failure) {
            return Ok(None);
        }
        let sender = visit.peer().id.clone();
        match self.noise.turn(&sender, failure.label(), visit.at) {
            Turn::Recorded => Ok(None),
            Turn::Gathered { receipt, first } => {
                // no commit is to wait for it
                visit.withdraw();
                if first {
                    tokio::spawn(Arc::clone(self).share(sender, visit.refusals()));
                }
                receipt.await.map(Some).map_err(|_| Unavailable)
            }
        }
    }

    /// Waits for others, and puts them all on record.
    async fn share(self: Arc<Self>, sender: String, refusals: Refusals) {
        tokio::time::sleep(limits::REFUSAL_GATHERING_TIME).await;
        let Gathered { counts, waiting } = self.noise.gathered(&sender);
        let now = self.clock.now();
        let event = Event::refusals(&Refusals { at: now, counts, ..refusals });
        match self.journal.record(now, &[event]).await {
            Ok(receipt) => {
                for (done, receipt) in waiting.into_iter().zip(receipt.split(usize::MAX)) {
                    let _hung_up = done.send(receipt);
                }
            }
            Err(error) => error!(%error, "refusals are not on record, so they get no answer"),
        }
    }
}

/// Whether a refusal says nothing that an auditor must read one by one.
fn may_be_noise(visit: &Visit, failure: &Failure) -> bool {
    let declares =
        |code| concept(code).is_ok_and(|purpose| matches!(purpose, Purpose::BTG | Purpose::ETREAT));
    let of_break_glass = visit.refused.is_some()
        || !visit.alerts.is_empty()
        || visit.break_glass
        || visit.purposes.iter().any(declares);
    match failure {
        Failure::Http(_) | Failure::Soap(_) | Failure::Untrusted(_) => !of_break_glass,
        Failure::Refused(Refusal::BesideBreakGlass(_)) => false,
        Failure::Refused(_) => !of_break_glass,
        Failure::Registry(_) | Failure::NotHonoured | Failure::Store(_) | Failure::Internal(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sender_s_refusals_are_recorded_up_to_a_number_and_then_share_a_record() {
        let noise = Noise::new();
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        for _ in 0..limits::REFUSAL_RECORDS {
            assert!(matches!(noise.turn("CN=a", "expired", start), Turn::Recorded));
        }
        let turns = ["expired", "digest-mismatch", "expired"]
            .map(|label| noise.turn("CN=a", label, start.plus(Duration::from_secs(1))));
        let first = |turn: &Turn| matches!(turn, Turn::Gathered { first: true, .. });
        assert_eq!(turns.iter().map(first).collect::<Vec<_>>(), [true, false, false]);
        let gathered = noise.gathered("CN=a");
        assert_eq!(gathered.counts, [("digest-mismatch", 1), ("expired", 2)].into());
        assert_eq!(gathered.waiting.len(), 3);
        // the next one gathers anew, others are none of it, and after a while all begins again
        assert!(first(&noise.turn("CN=a", "expired", start)));
        assert!(matches!(noise.turn("CN=b", "expired", start), Turn::Recorded));
        let later = start.plus(limits::REFUSAL_TIME);
        assert!(matches!(noise.turn("CN=a", "expired", later), Turn::Recorded));
    }
}
