use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::Coded;

/// The repository's key of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemKey(pub i64);

/// The repository's key of one patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PatientKey(pub i64);

/// What a rule can ask about one item; what is left empty is unknown, and unknown counts against release.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The item.
    pub key: ItemKey,
    /// Whose it is.
    pub patient: PatientKey,
    /// `DocumentReference`.
    pub resource_type: String,
    /// `DocumentReference/abc`.
    pub reference: String,
    /// By what else a rule may name it: business identifiers as bare values, `Binary/abc` of its bytes.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// Its security labels.
    #[serde(default)]
    pub labels: Vec<Coded>,
    /// Its classes: `category`, `formatCode`.
    #[serde(default)]
    pub classes: Vec<Coded>,
    /// Its codes: `type`, `context.event`.
    #[serde(default)]
    pub codes: Vec<Coded>,
    /// Its authors: `Practitioner/abc`, or identifiers as bare values.
    #[serde(default)]
    pub authors: Vec<String>,
    /// When what it tells of happened.
    #[serde(default)]
    pub date: Option<Span>,
}

/// A span of time: from a moment to the first one after it, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first moment.
    pub first: i64,
    /// The first moment after the span.
    pub after: i64,
}

impl Span {
    /// A span from `first` up to, without, `after`.
    #[must_use]
    pub fn new(first: Timestamp, after: Timestamp) -> Self {
        Self { first: first.micros(), after: after.micros() }
    }
}

/// Authors and identifiers stay out of logs.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("key", &self.key)
            .field("resource_type", &self.resource_type)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}
