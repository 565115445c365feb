//! The asking side: signs assertions, sends ITI-38 and ITI-39, reads answers; documents are streamed.

mod answer;
mod ask;
mod connection;
mod error;
mod fault;
mod multipart;
mod query;
mod retrieve;
mod signer;
mod sink;
mod trouble;

pub use answer::{Answer, Outcome};
pub use ask::{Ask, Entity};
pub use connection::{Client, Raw, Settings};
pub use error::Error;
pub use fault::Fault;
pub use query::Query;
pub use retrieve::{Retrieved, Transfer};
pub use signer::{Signer, coded};
pub use sink::{Directory, Discard, Memory, Received, Sink};
pub use trouble::{Kind as TroubleKind, Trouble};

/// Bytes of an envelope that the client reads: 10,000 entries of 8 KB each, and room for a document in base64.
pub const ENVELOPE_BYTES: usize = 128 * 1024 * 1024;
