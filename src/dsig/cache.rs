use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use openssl::sha::Sha256;

use super::key::Key;
use crate::clock::Timestamp;
use crate::limits;
use crate::xml::Node;

/// Remembers for minutes that a key made a signature; all other rules run again on each message.
pub struct Cache {
    entries: Mutex<LruCache<[u8; 32], Timestamp>>,
    hits: AtomicU64,
}

impl Cache {
    /// An empty cache of [`limits::SIGNATURE_CACHE_ENTRIES`].
    #[must_use]
    pub fn new() -> Self {
        let entries =
            NonZeroUsize::new(limits::SIGNATURE_CACHE_ENTRIES).unwrap_or(NonZeroUsize::MIN);
        Self { entries: Mutex::new(LruCache::new(entries)), hits: AtomicU64::new(0) }
    }

    /// How often a signature was found verified.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Whether this was verified within [`limits::SIGNATURE_CACHE_TIME`]; a poisoned cache knows nothing.
    pub(super) fn holds(&self, evidence: &[u8; 32], now: Timestamp) -> bool {
        let Ok(mut entries) = self.entries.lock() else { return false };
        let Some(&verified) = entries.get(evidence) else { return false };
        // a clock that was set back tells nothing about age
        let fresh = verified <= now && now.since(verified) <= limits::SIGNATURE_CACHE_TIME;
        if fresh {
            self.hits.fetch_add(1, Ordering::Relaxed);
        } else {
            entries.pop(evidence);
        }
        fresh
    }

    pub(super) fn remember(&self, evidence: [u8; 32], now: Timestamp) {
        if let Ok(mut entries) = self.entries.lock() {
            entries.put(evidence, now);
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("hits", &self.hits()).finish_non_exhaustive()
    }
}

/// All that decides what an assertion's signature covers: its text, and the namespaces it stands in.
pub(super) struct Evidence(Sha256);

impl Evidence {
    /// `generation` is that of trust store and partner settings.
    pub(super) fn of(assertion: Node<'_, '_>, generation: u64) -> Self {
        let bindings: BTreeMap<_, _> =
            assertion.namespaces().map(|n| (n.name().unwrap_or(""), n.uri())).collect();
        let mut evidence = Self(Sha256::new());
        evidence.0.update(&generation.to_be_bytes());
        evidence.add(assertion.document().input_text().get(assertion.range()).unwrap_or(""));
        for (prefix, uri) in bindings {
            evidence.add(prefix);
            evidence.add(uri);
        }
        evidence
    }

    /// The name under which a success with this key is remembered.
    pub(super) fn by(&self, key: &Key) -> [u8; 32] {
        let mut hash = self.0.clone();
        hash.update(key.fingerprint());
        hash.finish()
    }

    /// Adds a text with its length, so that no two lists of texts read alike.
    fn add(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dsig::fixture::ec;
    use crate::xml::{Bounds, parse};

    fn evidence(xml: &str, generation: u64) -> [u8; 32] {
        let document = parse(xml, Bounds::REQUEST).unwrap();
        let assertion = document.root().descendants().find(|n| n.tag_name().name() == "a").unwrap();
        Evidence::of(assertion, generation).by(ec().key())
    }

    #[test]
    fn evidence_is_the_slice_its_namespaces_and_the_generation() {
        let same = evidence("<e xmlns='urn:1' xmlns:p='urn:p'><a>x</a></e>", 1);
        assert_eq!(same, evidence("<f xmlns:p='urn:p' xmlns='urn:1' k='1'> <a>x</a></f>", 1));
        for (other, generation) in [
            ("<e xmlns='urn:1' xmlns:p='urn:p'><a>x</a></e>", 2),
            ("<e xmlns='urn:1' xmlns:p='urn:p'><a>y</a></e>", 1),
            ("<e xmlns='urn:1' xmlns:p='urn:q'><a>x</a></e>", 1),
            ("<e xmlns='urn:1'><a>x</a></e>", 1),
            ("<e xmlns='urn:2' xmlns:p='urn:p'><a>x</a></e>", 1),
        ] {
            assert_ne!(same, evidence(other, generation), "{other}");
        }
    }

    #[test]
    fn what_is_remembered_is_forgotten_after_its_time() {
        let cache = Cache::new();
        let start = Timestamp::from_micros(1_000_000_000);
        let last = start.plus(limits::SIGNATURE_CACHE_TIME);
        assert!(!cache.holds(&[1; 32], start));
        cache.remember([1; 32], start);
        assert!(cache.holds(&[1; 32], start) && cache.holds(&[1; 32], last));
        assert!(!cache.holds(&[2; 32], start));
        assert_eq!(cache.hits(), 2);
        assert!(!cache.holds(&[1; 32], last.plus(Duration::from_micros(1))));
        assert!(!cache.holds(&[1; 32], start), "forgotten for good");
        cache.remember([1; 32], start);
        assert!(!cache.holds(&[1; 32], start.minus(Duration::from_secs(1))));
    }
}
