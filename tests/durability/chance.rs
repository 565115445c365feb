//! Chance that can be had again: everything random in a test comes from one seed.

use std::time::Duration;

use glassgate::clock::{Random, SystemRandom};

use crate::house::say;

/// SplitMix64, as good as any for choosing moments.
pub(crate) struct Chance(u64);

impl Chance {
    /// From `GLASSGATE_SEED`, or from the system; the seed is told, so that a failure can be played again.
    pub(crate) fn new(test: &str) -> Self {
        let seed = std::env::var("GLASSGATE_SEED").map_or_else(
            |_| {
                let mut bytes = [0; 8];
                SystemRandom.fill(&mut bytes).unwrap();
                u64::from_le_bytes(bytes)
            },
            |seed| seed.parse().expect("GLASSGATE_SEED is a number"),
        );
        say(&format!("{test}: GLASSGATE_SEED={seed}"));
        Self(seed)
    }

    /// Another source, which this one decides.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether it is the one time in so many.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A moment within that time.
    pub(crate) fn within(&mut self, time: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(time.as_micros()).unwrap()))
    }

    /// So many bytes, like no others.
    pub(crate) fn bytes(&mut self, count: u64) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.flatten().take(usize::try_from(count).unwrap()).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
