//! Refusals that are the noise of one sender, in one record.

use std::collections::BTreeMap;

use crate::audit::{Action, Endpoint, Event, Object, Outcome, Peer, code};
use crate::clock::Timestamp;

/// Requests of one sender that were refused within a moment.
#[derive(Debug, Clone)]
pub struct Refusals {
    /// When the last of them was.
    pub at: Timestamp,
    /// Who sent them.
    pub peer: Peer,
    /// What was called.
    pub endpoint: Endpoint,
    /// How many for which reason, by its code.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Event {
    /// Refusals counted, none of which has a record of its own.
    #[must_use]
    pub fn refusals(refusals: &Refusals) -> Self {
        let all: u64 = refusals.counts.values().sum();
        let each: Vec<_> = refusals.counts.iter().map(|(why, n)| format!("{n} {why}")).collect();
        let said = format!("{all} requests refused: {}", each.join(", "));
        Self {
            at: refusals.at,
            id: code::SECURITY_ALERT,
            type_code: Some(code::REFUSALS),
            action: Action::Execute,
            outcome: Outcome::serious(said.clone()),
            purposes: Vec::new(),
            participants: vec![
                refusals.endpoint.application(),
                refusals.peer.participant(None, true),
            ],
            objects: vec![Object::node(&refusals.peer.address.to_string(), &said)],
        }
    }
}
