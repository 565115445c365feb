//! SOAP 1.2, WS-Addressing and MTOM/XOP on the wire; trusts nothing that it reads.

pub mod action;
mod content_type;
mod envelope;
mod error;
mod fault;
mod message;
mod multipart;
mod outgoing;
mod request;
pub mod wsdl;
mod xop;

#[cfg(test)]
mod fixtures;

pub use content_type::ContentType;
pub use envelope::{Asking, SIMPLE_CONTENT_TYPE, envelope};
pub use error::Error;
pub use fault::{Fault, FaultKind, Flaw};
pub use message::{Message, Packaging};
pub use multipart::same_content_id;
pub use outgoing::Multipart;
pub use request::{ReplyTo, Request, message_id};
