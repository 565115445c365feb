//! FHIR Consent, normalised to one tree and decided on the facts of an item, whatever the protocol.
//!
//! A consent that cannot be read for certain denies. Matching is three-valued: what is unknown counts against
//! release on either side of a rule. Every decision says which consent, provision and element it rests on.

mod condition;
mod decision;
mod facts;
mod grant;
mod item;
mod logic;
mod parties;
mod plan;
mod read;
mod request;
mod tree;
mod unenforceable;

#[cfg(test)]
mod tests;

pub use decision::{Bar, Basis, Decision, Denial, Permit};
pub use facts::{Facts, ItemKey, PatientKey, Span};
pub use grant::{Domain, Grant, Implicit, PART_2_EMERGENCY, Stored, grant};
pub use unenforceable::{Unenforceable, Unread, check};
