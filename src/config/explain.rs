use super::{Config, OpenError, Operator};
use crate::audit::{Document, Endpoint, Event, Journal, Operated};
use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::gateway::{self, Explanation, Supposed};
use crate::repository;
use crate::repository::embedded::Store;

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Store or journal.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] repository::Error),
    /// Nobody has this identifier.
    #[error(
        "the patient is not known here; give the id of the home authority, or all of id^^^&OID&ISO"
    )]
    UnknownPatient,
}

impl Config {
    /// Decides as for a request and tells why, once it is on record; works beside a running gateway.
    pub fn explain(
        &self,
        operator: &Operator,
        supposed: &Supposed,
    ) -> Result<Explanation, ExplainError> {
        let journal = self.journal()?;
        let store = Store::open(&self.repository).map_err(OpenError::from)?;
        let now = SystemClock.now();
        let explained =
            gateway::explain(&store, &self.terms, &self.ingest.home, supposed.clone(), now)?;
        let entries = explained.as_ref().map_or(&[][..], |shown| &shown.entries);
        let (home, repository) = (&self.ingest.home, &self.ingest.repository);
        let document = |unique_id: &String| Document {
            unique_id: unique_id.clone(),
            repository: repository.to_string(),
            home: Some(home.to_string()),
        };
        let documents: Vec<_> = entries.iter().map(|e| document(&e.document)).collect();
        let events = Event::explanation(
            &self.operated(operator),
            &supposed.patient,
            &in_words(supposed),
            &supposed.claims.purposes.coded,
            &documents,
            &explained.as_ref().map(consents).unwrap_or_default(),
        );
        let _receipt = journal.record_blocking(now, &events).map_err(OpenError::from)?;
        explained.ok_or(ExplainError::UnknownPatient)
    }

    pub(super) fn journal(&self) -> Result<Journal, OpenError> {
        Ok(Journal::open(self.journal.clone(), &SystemRandom)?)
    }

    /// What the records of an operator's command share.
    pub(super) fn operated(&self, operator: &Operator) -> Operated {
        let (uri, host) = (self.gateway.public_url.clone(), self.gateway.host.clone());
        let endpoint = Endpoint { uri, host };
        Operated { at: SystemClock.now(), operator: operator.audited(), endpoint }
    }
}

/// Who was supposed to ask.
fn in_words(supposed: &Supposed) -> String {
    let claims = &supposed.claims;
    let roles: Vec<_> = claims.roles.iter().map(|role| role.code.as_str()).collect();
    format!(
        "supposed: partner {:?}, user {:?}, roles {:?}",
        claims.partner,
        claims.subject,
        roles.join(",")
    )
}

/// The consents that decide, each once.
fn consents(shown: &Explanation) -> Vec<String> {
    let decisions = shown.entries.iter().flat_map(|e| [Some(&e.treatment), e.break_glass.as_ref()]);
    let named = decisions.flatten().filter_map(|told| told.consent.as_ref());
    let mut all: Vec<_> =
        named.map(|(id, version)| format!("Consent/{id}/_history/{version}")).collect();
    all.extend(shown.unenforceable.iter().map(|(id, _)| format!("Consent/{id}")));
    all.sort();
    all.dedup();
    all
}
