//! SAML 2.0 assertions: who is trusted, what an assertion must say to be believed, and what it claims (ITI TF-2 3.40).
//!
//! [`verify`] is the only way to a [`Verified`]: the TLS client names a partner, the partner lists the issuer, the
//! issuer's key made the signature, and every rule then holds on an assertion parsed from the signed octets alone.
//! Where the partner confirms treatment relationships (eHDSI), all that holds for two assertions, which must agree.

mod assertion;
mod authorities;
mod check;
mod conditions;
mod confirmation;
mod demands;
mod element;
mod message;
mod pair;
mod relationship;
mod replay;
mod rules;
mod trust;
mod untrusted;
mod verify;

pub mod attributes;
pub mod certificates;
pub mod issue;

#[cfg(test)]
mod fixture;

pub use assertion::Assertion;
pub use authorities::{Authorities, Names, Subject, Unchained};
pub use check::{Check, Which, Witness};
pub use confirmation::Unconfirmed;
pub use demands::{ConfirmationMethod, ConfirmationMethods, Demands};
pub use element::Malformed;
pub use message::Unproven;
pub use relationship::Unrelated;
pub use replay::{Error as ReplayError, Pending, Replay, Replayed};
pub use trust::{Asked, Issuer, Keys, Partner, Peer, Relationship, Settings, Trust};
pub use untrusted::{Claimed, Reason, Untrusted, VerifiedSubject};
pub use verify::{Means, Verified, verify};
