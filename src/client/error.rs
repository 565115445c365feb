use std::io;

use super::trouble::Trouble;

/// Why there is no request or no answer; a SOAP fault is an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate, key or address in the settings cannot be used.
    #[error("the client's settings cannot be used: {}", innermost(.0))]
    Settings(#[source] reqwest::Error),
    /// No connection, a broken one, or a time-out.
    #[error("{}", Trouble::of(.0))]
    Exchange(#[source] reqwest::Error),
    /// The answer is no SOAP at all.
    #[error("HTTP status {status} with `{content_type}`, which is no SOAP answer")]
    NotSoap {
        /// The HTTP status.
        status: u16,
        /// The Content-Type as written.
        content_type: String,
    },
    /// The envelope is larger than the client reads.
    #[error("the answer's envelope is larger than {limit} bytes")]
    TooLarge {
        /// The ceiling.
        limit: usize,
    },
    /// The envelope is not UTF-8.
    #[error("the answer's envelope is not UTF-8")]
    NotUtf8,
    /// The envelope is no XML within bounds.
    #[error(transparent)]
    Xml(#[from] crate::xml::Error),
    /// The envelope has no body, or not the one that was asked for.
    #[error("the answer cannot be read: {0}")]
    Body(#[from] crate::xds::AnswerError),
    /// No SOAP 1.2 envelope with a body.
    #[error("the answer is no SOAP 1.2 envelope with one element in its body")]
    Envelope,
    /// A document in the envelope that is no base64.
    #[error("the answer has a document that is no base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// A multipart without a boundary.
    #[error("the answer's Content-Type names no boundary")]
    Boundary,
    /// A part's head that is no list of headers, or one too many.
    #[error("the answer has a part whose head cannot be read")]
    PartHead,
    /// A part in base64 or quoted-printable, which MTOM has no use for.
    #[error("the answer has a part in transfer encoding `{0}`")]
    TransferEncoding(String),
    /// The multipart's first part is not its root.
    #[error("the answer's first part is not its envelope")]
    RootNotFirst,
    /// The multipart ends before its closing boundary.
    #[error("the answer breaks off")]
    Truncated,
    /// The envelope points at a part that is not there.
    #[error("the answer has no part for document `{document}`")]
    MissingPart {
        /// The document's unique id.
        document: String,
    },
    /// The issuer's key or certificate cannot be used.
    #[error(transparent)]
    Key(#[from] crate::dsig::KeyError),
    /// The assertion cannot be signed.
    #[error(transparent)]
    Sign(#[from] crate::dsig::SignError),
    /// The random source failed.
    #[error(transparent)]
    NoRandomness(#[from] crate::clock::NoRandomness),
    /// Received bytes could not be kept.
    #[error("cannot keep what was received: {0}")]
    Sink(#[from] io::Error),
}

impl Error {
    /// What happened on the way to an answer, where that is why there is none.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Exchange(error) => Some(Trouble::of(error)),
            _ => None,
        }
    }
}

/// The cause at the bottom says more than `builder error`.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
