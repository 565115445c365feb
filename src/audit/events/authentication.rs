//! Users and nodes that were not believed (DICOM PS3.15 A.5.3.11, A.5.3.12; ITI TF-2 3.40.4.1.3).

use std::fmt;
use std::net::IpAddr;

use super::{joined, quoted};
use crate::audit::{Action, Endpoint, Event, Object, Outcome, Peer, Requestor, code};
use crate::clock::Timestamp;

/// What an assertion says of itself before any signature is verified.
#[derive(Clone, Default)]
pub struct Claimed {
    /// The issuer's name.
    pub issuer: String,
    /// The NameID.
    pub subject: String,
    /// The assertion's id.
    pub assertion_id: String,
}

/// Subjects stay out of logs.
impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// An assertion that was not accepted.
#[derive(Debug, Clone)]
pub struct AuthenticationFailure {
    /// When.
    pub at: Timestamp,
    /// The TLS client, by its certificate's subject.
    pub peer: Peer,
    /// What was called.
    pub endpoint: Endpoint,
    /// The user, only where a trusted signature covers him and another rule refused.
    pub requestor: Option<Requestor>,
    /// What was claimed, where nothing was verified.
    pub claimed: Option<Claimed>,
    /// The true reason.
    pub reason: String,
    /// wsa:MessageID.
    pub message_id: Option<String>,
}

/// A TLS handshake that failed.
#[derive(Debug, Clone)]
pub struct NodeFailure {
    /// When.
    pub at: Timestamp,
    /// Where it came from.
    pub address: IpAddr,
    /// What was connected to.
    pub endpoint: Endpoint,
    /// The subject of the certificate that was not believed, where one was shown.
    pub claimed_subject: Option<String>,
    /// The true reason.
    pub reason: String,
    /// Earlier failures of this address that are not recorded.
    pub unrecorded: u64,
    /// Earlier failures of other addresses that are not recorded.
    pub elsewhere: u64,
}

impl Event {
    /// User authentication failed: the person is the verified user, otherwise the TLS peer.
    #[must_use]
    pub fn user_authentication_failure(failure: &AuthenticationFailure) -> Self {
        let mut person = failure.peer.participant(None, true);
        let mut outcome = Outcome::serious(failure.reason.clone());
        if let Some(user) = &failure.requestor {
            person = crate::audit::Participant { network: person.network, ..user.participant() };
        } else if let Some(claimed) = &failure.claimed {
            outcome = outcome.noting(&format!(
                "unverified: subject {} issuer {} assertion-id {}",
                quoted(&claimed.subject),
                quoted(&claimed.issuer),
                quoted(&claimed.assertion_id)
            ));
        }
        Self {
            at: failure.at,
            id: code::USER_AUTHENTICATION,
            type_code: Some(code::LOGIN),
            action: Action::Execute,
            outcome: joined(outcome, failure.message_id.as_deref(), failure.requestor.as_ref()),
            purposes: Vec::new(),
            participants: vec![person, failure.endpoint.application()],
            objects: Vec::new(),
        }
    }

    /// Node authentication failed: a TLS client was not believed.
    #[must_use]
    pub fn node_authentication_failure(failure: &NodeFailure) -> Self {
        let node = Peer { id: String::new(), address: failure.address };
        let mut outcome = Outcome::serious(failure.reason.clone());
        if let Some(subject) = &failure.claimed_subject {
            outcome = outcome.noting(&format!("unverified: subject {}", quoted(subject)));
        }
        for (count, whose) in
            [(failure.unrecorded, "this address"), (failure.elsewhere, "other addresses")]
        {
            if count > 0 {
                let more = format!("{count} failures before, from {whose}, not recorded");
                outcome = outcome.noting(&more);
            }
        }
        Self {
            at: failure.at,
            id: code::SECURITY_ALERT,
            type_code: Some(code::NODE_AUTHENTICATION),
            action: Action::Execute,
            outcome,
            purposes: Vec::new(),
            participants: vec![failure.endpoint.application(), node.participant(None, false)],
            objects: vec![Object::node(&failure.address.to_string(), &failure.reason)],
        }
    }
}
