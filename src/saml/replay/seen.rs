use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Mark, Replayed, Rule};
use crate::clock::Timestamp;
use crate::limits;

/// Parts of the memory, each with a lock of its own.
const SHARDS: usize = 16;
/// After so many new assertions a shard forgets those that are over.
const SWEEP: usize = 4_096;
/// How often a full memory looks for room.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// What was seen, in memory; an ID and all octets that it stands over lie in one shard.
pub(super) struct Seen {
    shards: [Mutex<Shard>; SHARDS],
    /// Assertions that all shards hold.
    held: AtomicUsize,
    /// Assertions that they hold at most: one shard may have it all, as where an issuer has one ID for everything.
    room: usize,
    next_look: Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Shard {
    /// When each assertion is over, by its octets.
    octets: HashMap<[u8; 32], Timestamp>,
    /// When the last assertion of that ID is over.
    ids: HashMap<[u8; 32], Timestamp>,
    since_sweep: usize,
}

/// What was known before, and whether what is new is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) before: Before,
    pub(super) kept: bool,
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

    pub(super) fn with_room(room: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, held: AtomicUsize::new(0), room, next_look: Mutex::new(None) }
    }

    /// Looks whether it was seen, and remembers it, in one go; without room only what no rule depends on goes on.
    pub(super) fn claim(
        &self,
        mark: Mark,
        rule: Rule,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed, Replayed> {
        let room = self.room_for(rule.binds());
        self.look_for_room(room, now);
        let mut shard = self.shard(&mark).ok_or(Replayed::Full)?;
        let before = shard.before(&mark, now);
        match before {
            Before::SameOctets if rule.one_time => Err(Replayed::Again),
            Before::SameOctets => Ok(Claimed { before, kept: false }),
            Before::OtherOctets if rule.unique_id => Err(Replayed::OtherOctets),
            Before::OtherOctets | Before::Nothing => {
                if shard.since_sweep >= SWEEP {
                    self.sweep(&mut shard, now);
                }
                let kept = self.keep(&mut shard, &mark, until, room);
                if kept || !rule.binds() {
                    Ok(Claimed { before, kept })
                } else {
                    Err(Replayed::Full)
                }
            }
        }
    }

    /// Remembers what a former run kept: what a rule depends on always, the rest while there is room.
    pub(super) fn recall(&self, mark: Mark, until: Timestamp, bound: bool) {
        let room = if bound { usize::MAX } else { self.room_for(false) };
        if let Some(mut shard) = self.shard(&mark) {
            self.keep(&mut shard, &mark, until, room);
        }
    }

    /// The last quarter is for what a rule depends on: who merely uses many must not refuse others their one time.
    fn room_for(&self, bound: bool) -> usize {
        if bound { self.room } else { self.room.saturating_sub(self.room / 4) }
    }

    fn shard(&self, mark: &Mark) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = mark.id;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, shard: &mut Shard, mark: &Mark, until: Timestamp, room: usize) -> bool {
        let place = |held: usize| (held < room).then_some(held.saturating_add(1));
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place).is_err() {
            return false;
        }
        shard.since_sweep = shard.since_sweep.saturating_add(1);
        // the same octets of another time, which are over
        if shard.octets.insert(mark.octets, until).is_some() {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
        let last = shard.ids.entry(mark.id).or_insert(until);
        *last = (*last).max(until);
        true
    }

    /// Forgets what is over everywhere, where there is no room; once in a while, and no shard's lock is held.
    fn look_for_room(&self, room: usize, now: Timestamp) {
        if self.held.load(Ordering::Relaxed) < room {
            return;
        }
        // one who looks is enough
        let Ok(mut next) = self.next_look.try_lock() else { return };
        if next.is_some_and(|next| now < next) {
            return;
        }
        *next = Some(now.plus(FULL_PAUSE));
        for shard in &self.shards {
            self.sweep(&mut shard.lock().unwrap_or_else(PoisonError::into_inner), now);
        }
    }

    fn sweep(&self, shard: &mut Shard, now: Timestamp) {
        let before = shard.octets.len();
        shard.octets.retain(|_, until| now < *until);
        shard.ids.retain(|_, until| now < *until);
        shard.since_sweep = 0;
        let over = before.saturating_sub(shard.octets.len());
        self.held.fetch_sub(over, Ordering::Relaxed);
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
}
