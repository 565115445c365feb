//! XML signatures over SAML assertions: a strict gate, a verifier for one profile, and a signer (W3C xmldsig-core).
//!
//! [`gate`] checks the structure of a whole SOAP message, [`verify`] turns it into [`Signed`] octets. Whoever
//! wants to know what the assertion says parses those octets, never the message around them.

mod algorithm;
#[cfg(feature = "alone")]
mod alone;
mod c14n;
mod cache;
mod gate;
mod key;
mod key_info;
mod message;
mod offered;
#[cfg(feature = "oracle")]
mod oracle;
mod pss;
mod reject;
mod shape;
mod sign;
mod signed_info;
mod verifier;
mod verify;

#[cfg(test)]
mod accepted;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod wrapping;

pub use algorithm::Algorithms;
pub use c14n::canonicalize;
pub use cache::Cache;
pub use gate::{Gated, gate, gate_pair};
pub use key::{Key, KeyError};
pub use key_info::{KeyInfoError, key_in};
pub use message::{MessageSignature, SignedMessage, Signer, message_signatures};
#[cfg(feature = "oracle")]
pub use oracle::Oracle;
pub use reject::Reject;
pub use sign::{SignError, SigningKey, sign};
pub use verifier::{Ours, Verifier};
pub use verify::{Signed, verify};
