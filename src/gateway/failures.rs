//! Failed requests, sender by sender: beyond a limit the next ones are turned away, and somebody is told once.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tracing::warn;

use super::failure::Failure;
use super::reply::Unavailable;
use super::terms::Terms;
use super::visit::Visit;
use super::{Gateway, Transaction};
use crate::audit::{Event, RepeatedFailures};
use crate::clock::Timestamp;
use crate::limits;
use crate::metrics::PartnerLabels;

/// Senders remembered at once; whoever is forgotten begins anew.
const SENDERS: usize = 4_096;

/// Who failed lately, and how often.
pub(super) struct Failures(Mutex<LruCache<String, Tally>>);

/// One sender.
struct Tally {
    /// Failures that it may still have; it grows with time.
    budget: Budget,
    /// Requests that say that they break the glass and are looked at while there is no budget.
    looks: Budget,
    /// Failures since `since`, a minute ago at most.
    recent: u64,
    since: Timestamp,
    /// Failures that no alert tells of; without one before, those of the last minute.
    failures: u64,
    /// Requests turned away that no alert tells of.
    turned_away: u64,
    alerted: Option<Timestamp>,
}

/// So many a second, and no more than a second's worth at once.
struct Budget {
    left: f64,
    at: Timestamp,
}

/// What an alert tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) failures: u64,
    pub(super) turned_away: u64,
}

impl Failures {
    pub(super) fn new() -> Self {
        let senders = NonZeroUsize::new(SENDERS).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(senders)))
    }

    /// Whether too many requests of this sender failed.
    fn exceed(&self, sender: &str, per_s: u32, now: Timestamp) -> bool {
        let mut senders = self.senders();
        // who never failed has no tally
        senders.get_mut(sender).is_some_and(|tally| !tally.budget.has(per_s, now))
    }

    /// Counts a failure; an alert is due at the first of many, and then for a while at none.
    fn count(&self, sender: &str, per_s: u32, now: Timestamp) -> Option<Alert> {
        let mut senders = self.senders();
        let new = || Tally::new(per_s, now);
        let tally = senders.get_or_insert_mut_ref(sender, new);
        tally.budget.take(per_s, now);
        if now.since(tally.since) >= limits::ALERT_TIME {
            (tally.recent, tally.since) = (0, now);
            if tally.alerted.is_none() {
                tally.failures = 0;
            }
        }
        tally.recent = tally.recent.saturating_add(1);
        tally.failures = tally.failures.saturating_add(1);
        if tally.recent < limits::ALERT_FAILURES || tally.is_silent(now) {
            return None;
        }
        Some(tally.tell(now))
    }

    /// What was turned away and no alert tells of, sender by sender: of those whose last alert is a while ago, or of all.
    fn untold(&self, all: bool, now: Timestamp) -> Vec<(String, Alert)> {
        let mut senders = self.senders();
        let due = senders
            .iter_mut()
            .filter(|(_, tally)| tally.turned_away > 0 && (all || !tally.is_silent(now)));
        due.map(|(sender, tally)| (sender.clone(), tally.tell(now))).collect()
    }

    /// Looks at one who says that he breaks the glass, as often as requests may fail: who is honoured cannot be told
    /// from who pretends before the signature is verified.
    pub(super) fn take_look(&self, sender: &str, terms: &Terms, now: Timestamp) -> bool {
        self.look(sender, terms.failures_per_s, now)
    }

    /// Gives a look back: whose break-glass is honoured uses up nothing.
    pub(super) fn give_back(&self, sender: &str, terms: &Terms) {
        self.look_again(sender, terms.failures_per_s);
    }

    fn look(&self, sender: &str, per_s: u32, now: Timestamp) -> bool {
        self.senders().get_mut(sender).is_none_or(|tally| tally.looks.take(per_s, now))
    }

    fn look_again(&self, sender: &str, per_s: u32) {
        if let Some(tally) = self.senders().get_mut(sender) {
            tally.looks.left = (tally.looks.left + 1.0).min(f64::from(per_s));
        }
    }

    fn turn_away(&self, sender: &str) {
        if let Some(tally) = self.senders().get_mut(sender) {
            tally.turned_away = tally.turned_away.saturating_add(1);
        }
    }

    fn senders(&self) -> MutexGuard<'_, LruCache<String, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    /// Whether there was an alert so lately that there is no other.
    fn is_silent(&self, now: Timestamp) -> bool {
        self.alerted.is_some_and(|then| now.since(then) < limits::ALERT_PAUSE)
    }

    fn tell(&mut self, now: Timestamp) -> Alert {
        let alert = Alert { failures: self.failures, turned_away: self.turned_away };
        (self.recent, self.failures, self.turned_away) = (0, 0, 0);
        (self.since, self.alerted) = (now, Some(now));
        alert
    }

    fn new(per_s: u32, now: Timestamp) -> Self {
        let full = || Budget { left: f64::from(per_s), at: now };
        Self {
            budget: full(),
            looks: full(),
            recent: 0,
            since: now,
            failures: 0,
            turned_away: 0,
            alerted: None,
        }
    }
}

impl Budget {
    fn has(&mut self, per_s: u32, now: Timestamp) -> bool {
        let per_s = f64::from(per_s);
        self.left = (self.left + now.since(self.at).as_secs_f64() * per_s).min(per_s);
        // a clock that was set back gives nothing, and takes nothing for long
        self.at = now;
        self.left >= 1.0
    }

    fn take(&mut self, per_s: u32, now: Timestamp) -> bool {
        let had = self.has(per_s, now);
        if had {
            self.left -= 1.0;
        }
        had
    }
}

impl Gateway {
    /// Whether too many requests of this sender failed just now.
    pub(super) fn crowded(&self, visit: &Visit) -> bool {
        self.failures.exceed(visit.sender(), visit.terms.failures_per_s, visit.at)
    }

    /// Counts a request that is turned away unread.
    pub(super) fn busy(&self, visit: &Visit) -> Unavailable {
        self.failures.turn_away(visit.sender());
        let labels = PartnerLabels { partner: visit.partner_label() };
        self.metrics.turned_away.get_or_create(&labels).inc();
        Unavailable::Busy { retry_after_s: 1 }
    }

    /// Records how many were turned away that no alert tells of and none will soon; at the end, of all that are left.
    pub async fn report_turned_away(&self, at_the_end: bool) {
        let now = self.clock.now();
        let untold = self.failures.untold(at_the_end, now);
        let event = |(sender, Alert { failures, turned_away })| {
            warn!(sender, failures, turned_away, "requests were turned away unread");
            Event::repeated_failures(&RepeatedFailures {
                at: now,
                endpoint: self.endpoint(Transaction::Query),
                sender,
                failures,
                turned_away,
                reason: "turned away unread".to_owned(),
            })
        };
        let events: Vec<_> = untold.into_iter().map(event).collect();
        if !events.is_empty() {
            self.report(&events).await;
        }
    }

    /// Counts a failure of trust, form or policy; gives the alert where one is due.
    pub(super) fn alert(&self, visit: &Visit, failure: &Failure) -> Option<Event> {
        if !failure.is_the_senders() {
            return None;
        }
        let sender = visit.sender();
        let Alert { failures, turned_away } =
            self.failures.count(sender, visit.terms.failures_per_s, visit.at)?;
        let reason = failure.label();
        warn!(
            partner = visit.partner_label(),
            failures, turned_away, reason, "requests of a partner fail again and again"
        );
        let labels = PartnerLabels { partner: visit.partner_label() };
        self.metrics.alerts.get_or_create(&labels).inc();
        Some(Event::repeated_failures(&RepeatedFailures {
            at: visit.at,
            endpoint: self.endpoint(Transaction::Query),
            sender: sender.to_owned(),
            failures,
            turned_away,
            reason: failure.reason(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RIVERSIDE: &str = "riverside";
    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    fn later(ms: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(ms))
    }

    #[test]
    fn beyond_the_limit_only_time_helps() {
        let failures = Failures::new();
        assert!(!failures.exceed("riverside", 200, NOW));
        for _ in 0..200 {
            assert!(!failures.exceed("riverside", 200, NOW));
            failures.count("riverside", 200, NOW);
        }
        assert!(failures.exceed("riverside", 200, NOW));
        assert!(!failures.exceed("hilltop", 200, NOW), "each sender by itself");
        assert!(failures.exceed("riverside", 200, later(4)));
        assert!(!failures.exceed("riverside", 200, later(10)));
        // a second's worth at most, however long it was quiet
        let quiet = later(3_600_000);
        for _ in 0..200 {
            failures.count("riverside", 200, quiet);
        }
        assert!(failures.exceed("riverside", 200, quiet));
    }

    #[test]
    fn pretended_break_glass_uses_up_its_looks_and_honoured_none() {
        let failures = Failures::new();
        let look = |now| failures.look(RIVERSIDE, 200, now);
        assert!(look(NOW), "who never failed is not limited");
        for _ in 0..300 {
            failures.count(RIVERSIDE, 200, NOW);
        }
        for _ in 0..1_000 {
            assert!(look(NOW), "who is honoured is never turned away by others who are");
            failures.look_again(RIVERSIDE, 200);
        }
        assert_eq!((0..500).filter(|_| look(NOW)).count(), 200);
        assert_eq!((0..500).filter(|_| look(later(500))).count(), 100);
        // nothing of it comes back with failures, and the limit still holds for all others
        assert!(failures.exceed(RIVERSIDE, 200, NOW));
    }

    #[test]
    fn what_was_turned_away_is_told_by_the_next_alert_a_while_later_or_at_the_end() {
        let failures = Failures::new();
        // a small limit, and fewer failures than an alert takes
        failures.count(RIVERSIDE, 1, NOW);
        failures.turn_away(RIVERSIDE);
        let told =
            |turned_away, failures| vec![(RIVERSIDE.to_owned(), Alert { failures, turned_away })];
        assert_eq!(failures.untold(false, NOW), told(1, 1));
        assert_eq!(failures.untold(false, NOW), []);
        failures.turn_away(RIVERSIDE);
        assert_eq!(failures.untold(false, later(60_000)), [], "one lately is enough");
        let after = NOW.plus(limits::ALERT_PAUSE);
        assert_eq!(failures.untold(false, after), told(1, 0));
        failures.turn_away(RIVERSIDE);
        assert_eq!(failures.untold(true, after), told(1, 0));
        assert_eq!(failures.untold(true, after), []);
    }

    #[test]
    fn many_failures_are_one_alert() {
        let failures = Failures::new();
        let at = |now, times: u64| -> Vec<Alert> {
            (0..times).filter_map(|_| failures.count("riverside", 200, now)).collect()
        };
        let first = Alert { failures: limits::ALERT_FAILURES, turned_away: 0 };
        assert_eq!(at(NOW, 500), [first]);
        failures.turn_away("riverside");
        assert_eq!(at(later(600_000), 500), []);
        let rest = Alert { failures: 980 + limits::ALERT_FAILURES, turned_away: 1 };
        assert_eq!(at(NOW.plus(limits::ALERT_PAUSE), 500), [rest]);
        // and later a few now and then are none again
        let slow = |n: u32| NOW.plus(limits::ALERT_PAUSE * 2).plus(limits::ALERT_TIME * n);
        assert_eq!((0..100).flat_map(|n| at(slow(n), 1)).collect::<Vec<_>>(), []);
        // a few failures now and then are none
        let failures = Failures::new();
        let alerts = (0..100_u32)
            .filter_map(|n| failures.count("riverside", 200, NOW.plus(limits::ALERT_TIME * n)));
        assert_eq!(alerts.count(), 0);
    }
}
