//! The proof that a record is durable.

use std::ops::RangeInclusive;

/// Says that these records are on disk; only the committer makes one, after its commit.
///
/// It is neither `Clone` nor `Copy`: one receipt, one answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an answer is built with its receipt"]
pub struct Receipt {
    first: u64,
    last: u64,
}

impl Receipt {
    pub(super) fn new(first: u64, last: u64) -> Self {
        Self { first, last }
    }

    /// Says nothing: what `make bench` builds to measure the journal against.
    #[cfg(feature = "bench_without_audit")]
    pub(super) fn for_nothing() -> Self {
        const _: &str = env!(
            "GLASSGATE_BENCH_WITHOUT_AUDIT",
            "bench_without_audit is for `make bench` alone: such a gateway keeps no audit record"
        );
        Self { first: 0, last: 0 }
    }

    /// The numbers of the records in the journal.
    #[must_use]
    pub fn records(&self) -> RangeInclusive<u64> {
        self.first..=self.last
    }
}
