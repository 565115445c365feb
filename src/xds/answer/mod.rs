//! Answers as the asking side reads them, with the deviations that are seen.

mod query;
mod retrieve;

use std::fmt;

pub use query::{FoundDocument, QueryAnswer, read_query_response};
pub use retrieve::{RetrieveAnswer, RetrievedContent, RetrievedDocument, read_retrieve_response};

/// An error or warning as another gateway reports it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReportedError {
    /// The code as written.
    pub code: String,
    /// What it says.
    pub context: String,
    /// The severity URN as written.
    pub severity: String,
    /// The community, or the document, that it speaks of.
    pub location: Option<String>,
}

/// The context stays out of logs: that of an unknown patient holds his id (ITI TF-3 Table 4.2.4.1-2).
impl fmt::Debug for ReportedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportedError")
            .field("code", &self.code)
            .field("severity", &self.severity)
            .finish_non_exhaustive()
    }
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not well-formed, nested too deep, or with a DTD.
    #[error("the answer is not acceptable XML: {0}")]
    Malformed(String),
    /// There is no answer of that kind in the message.
    #[error("the message holds no {expected}")]
    WrongBody {
        /// The element that belongs there.
        expected: &'static str,
    },
    /// The status is none that the standard knows.
    #[error("unknown response status {0:?}")]
    UnknownStatus(String),
}
