//! Failed handshakes: all are counted, few are recorded, so that no stranger fills the journal.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Instant;

use lru::LruCache;

use crate::limits;

/// Who failed lately, and what of it is not on record.
#[derive(Debug)]
pub(super) struct Strangers {
    addresses: LruCache<IpAddr, Stranger>,
    /// When the present span of records began, and how many it has.
    since: Option<Instant>,
    records: usize,
    /// Failures not recorded, of addresses that are forgotten.
    elsewhere: u64,
}

/// One address.
#[derive(Debug, Default)]
struct Stranger {
    recorded: Option<Instant>,
    unrecorded: u64,
}

/// What a record says beside its own failure.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unrecorded {
    /// Failures of the same address that are not recorded.
    pub(super) here: u64,
    /// Failures of others that are not recorded.
    pub(super) elsewhere: u64,
}

impl Strangers {
    pub(super) fn new() -> Self {
        let addresses = NonZeroUsize::new(limits::STRANGER_ADDRESSES).unwrap_or(NonZeroUsize::MIN);
        Self { addresses: LruCache::new(addresses), since: None, records: 0, elsewhere: 0 }
    }

    /// Counts a failure; it is to be recorded where there is something to say beside it.
    pub(super) fn count(&mut self, address: IpAddr, now: Instant) -> Option<Unrecorded> {
        let recent = |then: Option<Instant>| {
            then.is_some_and(|then| now.duration_since(then) < limits::STRANGER_TIME)
        };
        if !recent(self.since) {
            (self.since, self.records) = (Some(now), 0);
        }
        let mut stranger = self.addresses.pop(&address).unwrap_or_default();
        let full = self.records >= limits::STRANGER_RECORDS;
        let unrecorded = if full || recent(stranger.recorded) {
            stranger.unrecorded += 1;
            None
        } else {
            self.records += 1;
            let here = stranger.unrecorded;
            stranger = Stranger { recorded: Some(now), unrecorded: 0 };
            Some(Unrecorded { here, elsewhere: std::mem::take(&mut self.elsewhere) })
        };
        if let Some((_, forgotten)) = self.addresses.push(address, stranger) {
            self.elsewhere += forgotten.unrecorded;
        }
        unrecorded
    }

    /// All failures that no record tells of yet.
    pub(super) fn unrecorded(&self) -> u64 {
        self.addresses.iter().map(|(_, one)| one.unrecorded).sum::<u64>() + self.elsewhere
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn address(n: usize) -> IpAddr {
        Ipv4Addr::from(u32::try_from(n).unwrap()).into()
    }

    #[test]
    fn an_address_is_recorded_once_in_a_while_and_tells_of_the_rest() {
        let (mut strangers, start) = (Strangers::new(), Instant::now());
        assert_eq!(strangers.count(address(1), start), Some(Unrecorded::default()));
        let soon = start + limits::STRANGER_TIME - Duration::from_millis(1);
        for _ in 0..1_000 {
            assert_eq!(strangers.count(address(1), soon), None);
        }
        assert_eq!(strangers.count(address(2), soon), Some(Unrecorded::default()));
        assert_eq!(strangers.unrecorded(), 1_000);
        let later = start + limits::STRANGER_TIME;
        let all = Unrecorded { here: 1_000, elsewhere: 0 };
        assert_eq!(strangers.count(address(1), later), Some(all));
        assert_eq!(strangers.unrecorded(), 0);
    }

    #[test]
    fn many_addresses_fill_neither_journal_nor_memory() {
        let (mut strangers, start) = (Strangers::new(), Instant::now());
        let many = limits::STRANGER_ADDRESSES * 3;
        let recorded = (0..many).filter_map(|n| strangers.count(address(n), start)).count();
        assert_eq!(recorded, limits::STRANGER_RECORDS);
        assert_eq!(strangers.addresses.len(), limits::STRANGER_ADDRESSES);
        let unrecorded = u64::try_from(many - recorded).unwrap();
        assert_eq!(strangers.unrecorded(), unrecorded);
        // of those still remembered each tells by itself, of the others the next one does
        let told = strangers.count(address(many), start + limits::STRANGER_TIME).unwrap();
        assert_eq!(told.here, 0);
        assert_eq!(told.elsewhere + strangers.unrecorded(), unrecorded);
    }
}
