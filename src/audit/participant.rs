//! Who took part: the user, the partner's node, the gateway (ITI TF-2 3.18.5.1.2, 3.43.6.1.2).

use std::fmt;
use std::net::IpAddr;

use super::code::{self, Code};
use crate::ids::Coded;

/// ActiveParticipant.
#[derive(Clone, PartialEq, Eq)]
pub struct Participant {
    /// UserID.
    pub user_id: String,
    /// UserName, where there is one.
    pub user_name: Option<String>,
    /// UserIsRequestor.
    pub requestor: bool,
    /// Whether this is the gateway, whose AlternativeUserID is the process id.
    pub gateway: bool,
    /// NetworkAccessPointID, a host name or an IP address.
    pub network: Option<String>,
    /// RoleIDCode of a node or program.
    pub role: Option<Code>,
    /// RoleIDCode of a person.
    pub roles: Vec<Coded>,
}

/// Users stay out of logs.
impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A user whom a verified signature covers; never fill it from an unverified claim.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Requestor {
    /// The NameID.
    pub user_id: String,
    /// `alias<user@issuer>` (ITI TF-2 3.40.4.2).
    pub user_name: String,
    /// The user's roles as asserted.
    pub roles: Vec<Coded>,
    /// The assertion's id.
    pub assertion_id: String,
    /// What confirms that the user treats the patient, where a second assertion does.
    pub relationship: Option<Relationship>,
}

/// A second assertion, which confirms a treatment relationship; never fill it from an unverified claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// Its id.
    pub assertion_id: String,
    /// Who vouches for it.
    pub issuer: String,
}

impl Requestor {
    /// What joins records, under its name: the assertions' ids, and who vouches for the second.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let second = self.relationship.as_ref().map(|relationship| {
            [
                ("relationship-id", relationship.assertion_id.as_str()),
                ("relationship-issuer", relationship.issuer.as_str()),
            ]
        });
        [("assertion-id", self.assertion_id.as_str())]
            .into_iter()
            .chain(second.into_iter().flatten())
    }

    pub(super) fn participant(&self) -> Participant {
        Participant {
            user_id: self.user_id.clone(),
            user_name: Some(self.user_name.clone()),
            requestor: true,
            gateway: false,
            network: None,
            role: None,
            roles: self.roles.clone(),
        }
    }
}

/// Users stay out of logs.
impl fmt::Debug for Requestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requestor").field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl Participant {
    /// Somebody who is named by his account or id alone.
    pub(super) fn person(user_id: &str, requestor: bool) -> Self {
        Self {
            user_id: user_id.to_owned(),
            user_name: None,
            requestor,
            gateway: false,
            network: None,
            role: None,
            roles: Vec::new(),
        }
    }
}

/// The other end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The subject of its TLS certificate (a ReplyTo once answers are asynchronous); may be empty.
    pub id: String,
    /// Where it connects from.
    pub address: IpAddr,
}

impl Peer {
    pub(super) fn participant(&self, role: Option<Code>, requestor: bool) -> Participant {
        let address = self.address.to_string();
        Participant {
            user_id: if self.id.is_empty() { address.clone() } else { self.id.clone() },
            user_name: None,
            requestor,
            gateway: false,
            network: Some(address),
            role,
            roles: Vec::new(),
        }
    }
}

/// Our end: the SOAP endpoint that was called, or the program's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The endpoint's URI.
    pub uri: String,
    /// Its host name or IP address.
    pub host: String,
}

impl Endpoint {
    pub(super) fn participant(&self, role: Code) -> Participant {
        Participant {
            user_id: self.uri.clone(),
            user_name: None,
            requestor: false,
            gateway: true,
            network: Some(self.host.clone()),
            role: Some(role),
            roles: Vec::new(),
        }
    }

    pub(super) fn application(&self) -> Participant {
        self.participant(code::APPLICATION)
    }
}
