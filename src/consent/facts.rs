use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::Coded;
use crate::labels::is_readable;

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
    /// Whether it has labels besides these that are no code; facts of earlier versions do not tell, so they may.
    #[serde(default = "untold")]
    pub unreadable_labels: bool,
    /// The community that it arose in, a bare OID, where that is stated.
    #[serde(default)]
    pub origin: Option<String>,
    /// Its classes: `category`, `formatCode`.
    #[serde(default)]
    pub classes: Vec<Coded>,
    /// Its codes: `type`, `context.event`.
    #[serde(default)]
    pub codes: Vec<Coded>,
    /// Its authors: `Practitioner/abc`, or identifiers as bare values.
    #[serde(default)]
    pub authors: Vec<String>,
    /// What it belongs to: encounters, care plans, as `Encounter/abc` or identifiers as bare values.
    #[serde(default)]
    pub related: Vec<String>,
    /// When what it tells of happened.
    #[serde(default)]
    pub date: Option<Span>,
}

fn untold() -> bool {
    true
}

impl Facts {
    /// An item of which nothing is known.
    pub(super) fn of_nothing(patient: PatientKey) -> Self {
        Self {
            key: ItemKey(0),
            patient,
            resource_type: String::new(),
            reference: String::new(),
            identifiers: Vec::new(),
            labels: Vec::new(),
            unreadable_labels: true,
            origin: None,
            classes: Vec::new(),
            codes: Vec::new(),
            authors: Vec::new(),
            related: Vec::new(),
            date: None,
        }
    }

    /// Whether each of its labels is one that we can go by.
    #[must_use]
    pub fn labels_are_readable(&self) -> bool {
        !self.unreadable_labels && self.labels.iter().all(is_readable)
    }
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
