use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Mark, Replayed, Rule};
use crate::clock::Timestamp;
use crate::limits;

/// Parts of the memory, each with a lock of its own.
const SHARDS: usize = 16;
/// After so many new assertions a shard forgets those that are over.
const SWEEP: usize = 4_096;
/// How often a full shard looks for room.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// What was seen, in memory; an ID and all octets that it stands over lie in one shard.
pub(super) struct Seen {
    shards: [Mutex<Shard>; SHARDS],
    /// Assertions that a shard holds at most.
    room: usize,
}

#[derive(Default)]
struct Shard {
    /// When each assertion is over, by its octets.
    octets: HashMap<[u8; 32], Timestamp>,
    /// When the last assertion of that ID is over.
    ids: HashMap<[u8; 32], Timestamp>,
    since_sweep: usize,
    next_sweep: Option<Timestamp>,
}

/// What was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    SameOctets,
    OtherOctets,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self::with_room(limits::REPLAY_ASSERTIONS)
    }

    pub(super) fn with_room(assertions: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), room: assertions / SHARDS }
    }

    /// Looks whether it was seen, and remembers it, in one go; without room only what no rule depends on goes on.
    pub(super) fn claim(
        &self,
        mark: Mark,
        rule: Rule,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Before, Replayed> {
        let [first, ..] = mark.id;
        let shard = self.shards.get(usize::from(first) % SHARDS).ok_or(Replayed::Full)?;
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.before(&mark, now);
        match before {
            Before::SameOctets if rule.one_time => Err(Replayed::Again),
            Before::SameOctets => Ok(before),
            Before::OtherOctets if rule.unique_id => Err(Replayed::OtherOctets),
            Before::OtherOctets | Before::Nothing => {
                let kept = shard.keep(&mark, until, now, self.room);
                let bound = rule.one_time || rule.unique_id;
                if kept || !bound { Ok(before) } else { Err(Replayed::Full) }
            }
        }
    }
}

impl Shard {
    fn before(&self, mark: &Mark, now: Timestamp) -> Before {
        let valid = |until: Option<&Timestamp>| until.is_some_and(|until| now < *until);
        if valid(self.octets.get(&mark.octets)) {
            Before::SameOctets
        } else if valid(self.ids.get(&mark.id)) {
            Before::OtherOctets
        } else {
            Before::Nothing
        }
    }

    fn keep(&mut self, mark: &Mark, until: Timestamp, now: Timestamp, room: usize) -> bool {
        let looks_for_room =
            self.octets.len() >= room && self.next_sweep.is_none_or(|next| now >= next);
        if looks_for_room || self.since_sweep >= SWEEP {
            self.octets.retain(|_, until| now < *until);
            self.ids.retain(|_, until| now < *until);
            (self.since_sweep, self.next_sweep) = (0, Some(now.plus(FULL_PAUSE)));
        }
        if self.octets.len() >= room {
            return false;
        }
        self.since_sweep = self.since_sweep.saturating_add(1);
        self.octets.insert(mark.octets, until);
        let last = self.ids.entry(mark.id).or_insert(until);
        *last = (*last).max(until);
        true
    }
}
