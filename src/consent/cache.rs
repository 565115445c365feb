use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use lru::LruCache;

use super::domain::Domain;
use super::dossier::{Dossier, Stored};
use super::facts::PatientKey;
use super::grant::Grant;
use crate::clock::Timestamp;
use crate::limits;
use crate::policy::Access;

/// Weighs consents for one domain and remembers, for a patient, how they read and what came of them for principals
/// that they cannot tell apart.
///
/// Every call brings the consents as the store has them now; one letter's difference forgets what was remembered.
pub struct Cache {
    domain: Domain,
    shelf: Mutex<Shelf>,
    hits: AtomicU64,
}

struct Shelf {
    dossiers: LruCache<PatientKey, Arc<Dossier>>,
    bytes: usize,
}

impl Cache {
    /// An empty one.
    #[must_use]
    pub fn new(domain: Domain) -> Self {
        let shelf = Shelf { dossiers: LruCache::unbounded(), bytes: 0 };
        Self { domain, shelf: Mutex::new(shelf), hits: AtomicU64::new(0) }
    }

    /// The domain whose rules hold.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// How often a patient's consents had been read before.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// The same as [`grant`](super::grant()), faster.
    #[must_use]
    pub fn grant(
        &self,
        access: &Access,
        patient: PatientKey,
        references: &[String],
        stored: &[Stored],
        now: Timestamp,
    ) -> Grant {
        let dossier = self.dossier(patient, references, stored);
        Grant::weigh(access, patient, &dossier, &self.domain, now)
    }

    fn dossier(
        &self,
        patient: PatientKey,
        references: &[String],
        stored: &[Stored],
    ) -> Arc<Dossier> {
        let known =
            self.shelf.lock().ok().and_then(|mut shelf| shelf.dossiers.get(&patient).cloned());
        if let Some(known) = known.filter(|known| known.is_of(references, stored)) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return known;
        }
        let anew = Arc::new(Dossier::open(references, stored, &self.domain));
        if let Ok(mut shelf) = self.shelf.lock() {
            shelf.put(patient, Arc::clone(&anew));
        }
        anew
    }
}

impl Shelf {
    fn put(&mut self, patient: PatientKey, dossier: Arc<Dossier>) {
        self.bytes = self.bytes.saturating_add(dossier.bytes());
        if let Some(old) = self.dossiers.put(patient, dossier) {
            self.bytes = self.bytes.saturating_sub(old.bytes());
        }
        while self.bytes > limits::CONSENT_CACHE_BYTES
            || self.dossiers.len() > limits::CONSENT_CACHE_PATIENTS
        {
            let Some((_, oldest)) = self.dossiers.pop_lru() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }
}

/// Patients and consents stay out of logs.
impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("domain", &self.domain)
            .field("hits", &self.hits())
            .finish_non_exhaustive()
    }
}
