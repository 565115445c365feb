//! What each fuzz target asks of an input; a body panics where a sentence that must hold does not.
//!
//! The targets of `fuzz_targets` and the replay in `tests/corpora.rs` run the same functions.

pub mod answer;
pub mod c14n;
pub mod consent;
pub mod document;
pub mod identifiers;
pub mod labels;
pub mod message_signature;
pub mod mtom;
pub mod namespace;
pub mod resign;
pub mod retrieve;
pub mod riverside;
pub mod saml;
pub mod signature;
pub mod soap;
pub mod stored_query;
pub mod xml;

mod entity;
