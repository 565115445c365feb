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
    /// Failures since `since`.
    failures: u64,
    since: Timestamp,
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
        if now.since(tally.since) >= limits::ALERT_TIME && tally.alerted.is_none() {
            (tally.failures, tally.since) = (0, now);
        }
        tally.failures = tally.failures.saturating_add(1);
        let silent = |then: Timestamp| now.since(then) < limits::ALERT_PAUSE;
        if tally.failures < limits::ALERT_FAILURES || tally.alerted.is_some_and(silent) {
            return None;
        }
        let alert = Alert { failures: tally.failures, turned_away: tally.turned_away };
        (tally.failures, tally.turned_away) = (0, 0);
        (tally.since, tally.alerted) = (now, Some(now));
        Some(alert)
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
    fn new(per_s: u32, now: Timestamp) -> Self {
        let full = || Budget { left: f64::from(per_s), at: now };
        Self {
            budget: full(),
            looks: full(),
            failures: 0,
            since: now,
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
    fn many_failures_are_one_alert() {
        let failures = Failures::new();
        let at = |now, times: u64| -> Vec<Alert> {
            (0..times).filter_map(|_| failures.count("riverside", 200, now)).collect()
        };
        let first = Alert { failures: limits::ALERT_FAILURES, turned_away: 0 };
        assert_eq!(at(NOW, 500), [first]);
        failures.turn_away("riverside");
        assert_eq!(at(later(600_000), 500), []);
        let rest = Alert { failures: 981, turned_away: 1 };
        assert_eq!(at(NOW.plus(limits::ALERT_PAUSE), 500), [rest]);
        // a few failures now and then are none
        let failures = Failures::new();
        let alerts = (0..100_u32)
            .filter_map(|n| failures.count("riverside", 200, NOW.plus(limits::ALERT_TIME * n)));
        assert_eq!(alerts.count(), 0);
    }
}
