//! FHIR Consent, normalised to one tree and decided on the facts of an item, whatever the protocol.
//!
//! A consent that cannot be read for certain denies. Matching is three-valued: what is unknown counts against
//! release on either side of a rule. Every decision says which consent, provision and element it rests on.

mod cache;
mod condition;
mod decision;
mod directory;
mod domain;
mod dossier;
mod facts;
mod grant;
mod item;
mod lift;
mod logic;
mod parties;
mod plan;
mod precedence;
mod read;
mod request;
mod residual;
mod screen;
mod tree;
mod unenforceable;

#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use decision::{Bar, Basis, Decision, Denial, Permit};
pub use directory::Party;
pub use domain::{Conflicts, Domain, Implicit};
pub use dossier::Stored;
pub use facts::{Facts, ItemKey, PatientKey, Span};
pub use grant::{Grant, PART_2_EMERGENCY, grant};
pub use lift::{Barred, Lift};
pub use screen::{Screen, Traits};
pub use unenforceable::{Unenforceable, Unread, check, is_set_aside};
