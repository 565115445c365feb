//! What a reload changes: who may ask, on what terms. A request reads it once, at its start.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::consent::{self, Domain};
use crate::labels::Outbound;
use crate::policy;
use crate::saml::Trust;

/// Who may ask, what proves it, and what was agreed.
#[derive(Debug)]
pub struct Terms {
    /// Who may ask, and what proves it.
    pub trust: Trust,
    /// What partners agreed to.
    pub policy: policy::Settings,
    /// What holds where no patient decided, what break-glass may override, and the consents read lately under it.
    pub consents: consent::Cache,
    /// How each partner's requests are handled, by its name.
    pub manners: BTreeMap<String, Manners>,
    /// What each partner can do with labels, by its name.
    pub outbound: BTreeMap<String, Outbound>,
    /// Requests of one partner a second that may fail before the next ones are turned away.
    pub failures_per_s: u32,
}

/// How a partner's requests are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manners {
    /// Whether each transaction must be packed as ITI TF-2 V.8 says.
    pub strict_packaging: bool,
    /// What an assertion's resource-id is worth.
    pub resource_id: ResourceId,
}

/// What becomes of a resource-id that cannot be compared with the patient; one that differs never passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResourceId {
    /// The assertion must name the patient, comparably.
    Require,
    /// What carries another authority passes; what cannot be read may be anybody and does not.
    #[default]
    Compare,
    /// What cannot be read passes too.
    Ignore,
}

/// The terms in force, replaced as a whole.
#[derive(Debug)]
pub(super) struct InForce(RwLock<Arc<Terms>>);

impl InForce {
    pub(super) fn new(terms: Terms) -> Self {
        Self(RwLock::new(Arc::new(terms)))
    }

    pub(super) fn now(&self) -> Arc<Terms> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests under way keep what they began with; what was verified under the old terms is verified anew.
    pub(super) fn replace(&self, mut terms: Terms) {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        terms.trust.succeed(&slot.trust);
        // who we are is the same until the next start
        let home = slot.consents.domain().home.clone();
        terms.consents = consent::Cache::new(Domain { home, ..terms.consents.domain().clone() });
        *slot = Arc::new(terms);
    }
}

impl Terms {
    /// What is allowed though it is dangerous, for audit.
    pub(super) fn dangers(&self) -> Option<String> {
        let partners = self.trust.settings().partners.iter();
        let sha1 = partners.filter(|partner| partner.demands.algorithms.danger_allow_sha1);
        let names: Vec<_> = sha1.map(|partner| partner.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("SHA-1 signatures are allowed to {}", names.join(", ")))
    }

    pub(super) fn manners(&self, partner: &str) -> Manners {
        self.manners.get(partner).copied().unwrap_or_default()
    }
}
