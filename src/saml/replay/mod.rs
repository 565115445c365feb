//! The memory of assertions: which were believed already, kept until they are no longer valid, across restarts.
//!
//! What was seen is claimed in memory, so that of two requests at once only the first is believed. A file remembers it
//! for the next start: at once where a rule depends on it, within a second where it is only counted.

mod file;
mod seen;

use std::fmt;
use std::path::Path;

use openssl::sha::{Sha256, sha256};

use crate::clock::Timestamp;
use file::File;
use seen::{Before, Claimed, Seen};

pub use file::{Error, Pending};

/// What an assertion is remembered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// SHA-256 of issuer and assertion ID.
    id: [u8; 32],
    /// SHA-256 of the canonical octets.
    octets: [u8; 32],
}

/// What a use of an assertion is held to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// The assertion is good for one request.
    pub(super) one_time: bool,
    /// Its ID may not have stood over other octets.
    pub(super) unique_id: bool,
}

impl Rule {
    /// Whether an answer depends on what is remembered.
    fn binds(self) -> bool {
        self.one_time || self.unique_id
    }
}

/// Why an assertion that was seen before is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replayed {
    /// The same octets were believed before.
    #[error("the assertion was used before, and is good for one time")]
    Again,
    /// The ID was believed over other octets.
    #[error("the assertion's ID was used before, over another assertion")]
    OtherOctets,
    /// More assertions than can be remembered are valid at once.
    #[error("no room to remember the assertion, which is good for one time")]
    Full,
}

impl Replayed {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Again => "replayed",
            Self::OtherOctets => "repeated-id",
            Self::Full => "replay-memory-full",
        }
    }
}

/// The memory; clones of what it hands out outlive it.
pub struct Replay {
    seen: Seen,
    file: Option<File>,
}

/// What came of remembering an assertion that is believed.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Whether the ID had stood over other octets.
    pub(super) repeated_id: bool,
    /// Where a rule depends on it: the answer has to wait for it.
    pub(super) pending: Option<Pending>,
}

impl Mark {
    pub(super) fn of(issuer: &str, id: &str, octets: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(&(issuer.len() as u64).to_be_bytes());
        hash.update(issuer.as_bytes());
        hash.update(id.as_bytes());
        Self { id: hash.finish(), octets: sha256(octets.as_bytes()) }
    }
}

impl Replay {
    /// A memory that a restart forgets.
    #[cfg(test)]
    pub(super) fn forgetful() -> Self {
        Self { seen: Seen::new(), file: None }
    }

    /// Reads what is remembered and still valid, and starts to write.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, Error> {
        Self::of(Seen::new(), path, now)
    }

    fn of(seen: Seen, path: &Path, now: Timestamp) -> Result<Self, Error> {
        let file = File::open(path, now, |mark, until, bound| seen.recall(mark, until, bound))?;
        Ok(Self { seen, file: Some(file) })
    }

    /// Claims a believed assertion until a moment, or says that its rule forbids it.
    pub(super) fn remember(
        &self,
        mark: Mark,
        rule: Rule,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Remembered, Replayed> {
        let Claimed { before, kept } = self.seen.claim(mark, rule, until, now)?;
        // what there was no room for would take the room of others at the next start
        let file = self.file.as_ref().filter(|_| kept);
        let pending = file.and_then(|file| file.write(mark, until, now, rule.binds()));
        Ok(Remembered { repeated_id: before == Before::OtherOctets, pending })
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replay")
    }
}

#[cfg(test)]
mod tests;
