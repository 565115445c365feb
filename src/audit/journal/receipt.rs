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

    /// One for each request that one record tells of.
    pub(crate) fn split(self, requests: usize) -> impl Iterator<Item = Self> {
        let Self { first, last } = self;
        std::iter::repeat_n((first, last), requests).map(|(first, last)| Self { first, last })
    }

    /// The numbers of the records in the journal.
    #[must_use]
    pub fn records(&self) -> RangeInclusive<u64> {
        self.first..=self.last
    }
}
