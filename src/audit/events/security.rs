//! What a security officer looks at beside requests: settings that changed, a partner that fails again and again,
//! a message that an operator took apart (DICOM PS3.15 A.5.3.11).

use super::REASON_BYTES;
use crate::audit::fit::fit;
use crate::audit::{Action, Endpoint, Event, Object, Outcome, Participant, code};
use crate::clock::Timestamp;

/// Many requests of one sender that failed.
#[derive(Debug, Clone)]
pub struct RepeatedFailures {
    /// When.
    pub at: Timestamp,
    /// What was called.
    pub endpoint: Endpoint,
    /// The partner, or the subject of the TLS certificate where it is none's.
    pub sender: String,
    /// How many failed since the last alert.
    pub failures: u64,
    /// How many were turned away unread since then.
    pub turned_away: u64,
    /// The true reason of the last one.
    pub reason: String,
}

/// A captured message that an operator had explained.
#[derive(Debug, Clone)]
pub struct Explained {
    /// When.
    pub at: Timestamp,
    /// The gateway by whose settings.
    pub endpoint: Endpoint,
    /// The operating system's user.
    pub operator: String,
    /// The file.
    pub file: String,
    /// Whether values of attributes were shown.
    pub shown: bool,
    /// What would have become of it.
    pub verdict: String,
}

impl Event {
    /// Settings of trust or policy were read anew, or could not be.
    #[must_use]
    pub fn security_configuration(at: Timestamp, gateway: &Endpoint, outcome: Outcome) -> Self {
        let participants = vec![gateway.application()];
        let node = Object::node(&gateway.host, &outcome.description);
        alert(at, code::SECURITY_CONFIGURATION, outcome, participants, node)
    }

    /// Requests of one sender fail again and again: one record, not one for each.
    #[must_use]
    pub fn repeated_failures(failures: &RepeatedFailures) -> Self {
        let RepeatedFailures { at, endpoint, sender, failures, turned_away, reason } = failures;
        let told = format!("{failures} requests failed, {turned_away} were turned away");
        let outcome = Outcome::serious(&*told).noting(&format!("the last one: {reason}"));
        let participants = vec![endpoint.application(), named(sender, true)];
        alert(*at, code::NODE_AUTHENTICATION, outcome, participants, Object::node(sender, &told))
    }

    /// An operator took a captured message apart.
    #[must_use]
    pub fn message_explained(explained: &Explained) -> Self {
        let Explained { at, endpoint, operator, file, shown, verdict } = explained;
        let values = if *shown { "shown" } else { "masked" };
        let outcome = Outcome::success().noting(verdict).noting(&format!("values {values}"));
        let participants = vec![endpoint.application(), named(operator, true)];
        alert(*at, code::RESTRICTED_FUNCTION, outcome, participants, Object::resource(file))
    }
}

fn alert(
    at: Timestamp,
    kind: code::Code,
    mut outcome: Outcome,
    participants: Vec<Participant>,
    object: Object,
) -> Event {
    outcome.description = fit(&outcome.description, REASON_BYTES).into_owned();
    Event {
        at,
        id: code::SECURITY_ALERT,
        type_code: Some(kind),
        action: Action::Execute,
        outcome,
        purposes: Vec::new(),
        participants,
        objects: vec![object],
    }
}

fn named(user_id: &str, requestor: bool) -> Participant {
    Participant {
        user_id: user_id.to_owned(),
        user_name: None,
        requestor,
        gateway: false,
        network: None,
        role: None,
        roles: Vec::new(),
    }
}
