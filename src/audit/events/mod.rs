//! Constructors of events, one family a file.

mod application;
mod authentication;
mod break_glass;
mod load;
mod operator;
mod query;
mod refusals;
mod relabel;
mod retrieve;
mod security;

use super::code::Code;
use super::fit::{fit, is_plain, width};
use super::{Action, Endpoint, Event, Object, Outcome, Participant, Peer, Requestor};
use crate::clock::Timestamp;
use crate::ids::Coded;
use crate::limits::UNVERIFIED_QUOTE_CHARS;

pub use authentication::{AuthenticationFailure, Claimed, NodeFailure};
pub use break_glass::{ConsentRule, Override, Released};
pub use load::Import;
pub use operator::{Operated, Operator};
pub use query::Query;
pub use refusals::Refusals;
pub use relabel::Relabelling;
pub use retrieve::Retrieved;
pub use security::{Explained, RepeatedFailures};

/// Bytes of the reasons of one record: some dozens of them.
const REASON_BYTES: usize = 3 * 1024;
/// Bytes of a quote in a record: `UNVERIFIED_QUOTE_CHARS` of any script, and less of what must be escaped.
const QUOTE_BYTES: usize = 768;

/// What all records of one transaction share.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// When it was answered.
    pub at: Timestamp,
    /// The verified user; none where the request fell before its assertion was verified.
    pub requestor: Option<Requestor>,
    /// Who connected.
    pub peer: Peer,
    /// What was called.
    pub endpoint: Endpoint,
    /// The purposes as asserted.
    pub purposes: Vec<Coded>,
    /// wsa:MessageID, which joins audit, log and answer.
    pub message_id: Option<String>,
    /// What the decision is worth noting for, such as "break-glass declared, without effect".
    pub notes: Vec<String>,
}

impl Transaction {
    fn event(
        &self,
        id: Code,
        type_code: Code,
        action: Action,
        outcome: Outcome,
        nodes: impl IntoIterator<Item = Participant>,
        objects: Vec<Object>,
    ) -> Event {
        let user = self.requestor.as_ref().map(Requestor::participant);
        let outcome = self.notes.iter().fold(outcome, |outcome, note| outcome.noting(note));
        Event {
            at: self.at,
            id,
            type_code: Some(type_code),
            action,
            outcome: joined(outcome, self.message_id.as_deref(), self.requestor.as_ref()),
            purposes: self.purposes.clone(),
            participants: nodes.into_iter().chain(user).collect(),
            objects,
        }
    }
}

/// Adds the ids that join records and logs, quoted since a sender chose them, behind however long a reason.
fn joined(
    mut outcome: Outcome,
    message_id: Option<&str>,
    requestor: Option<&Requestor>,
) -> Outcome {
    outcome.description = fit(&outcome.description, REASON_BYTES).into_owned();
    let message = message_id.map(|id| ("message-id", id));
    let assertions = requestor.into_iter().flat_map(Requestor::ids);
    message
        .into_iter()
        .chain(assertions)
        .map(|(name, id)| format!("{name} {}", quoted(id)))
        .fold(outcome, |outcome, id| outcome.noting(&id))
}

/// A sender's text, cut and in quotes that it cannot leave.
fn quoted(text: &str) -> String {
    // most need neither
    if text.len() <= UNVERIFIED_QUOTE_CHARS && is_plain(text) && !text.contains('\\') {
        return format!("\"{text}\"");
    }
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += c.escape_debug().map(width).sum::<usize>();
        bytes <= QUOTE_BYTES
    };
    format!("{:?}", text.chars().take(UNVERIFIED_QUOTE_CHARS).take_while(fits).collect::<String>())
}

#[cfg(test)]
mod tests;
