use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::Error;
use crate::consent::{Unenforceable, Unread};
use crate::ids::PatientId;
use crate::labels::Broken;
use crate::repository::Change;

/// What a load did, for its operator and for audit.
#[derive(Debug, Default)]
pub struct Report {
    /// Whose records were loaded, changed or not, by the home authority's identifier, and what is new of them.
    pub patients: BTreeMap<PatientId, Changed>,
    /// How many of `Patient`, `Consent` and `DocumentReference`.
    pub counts: BTreeMap<&'static str, Counts>,
    /// How many of the types that are not loaded.
    pub ignored: BTreeMap<String, u64>,
    /// What was not loaded.
    pub refused: Vec<Refused>,
    /// What was loaded and yet needs attention.
    pub warnings: Vec<Warning>,
    /// What stopped the load before its end.
    pub stopped: Option<Error>,
}

impl Report {
    /// Whether everything was loaded.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.stopped.is_none()
    }

    /// Whether there was nothing to load.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_complete() && self.counts.is_empty() && self.ignored.is_empty()
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for (patient, changed) in other.patients {
            let all = self.patients.entry(patient).or_default();
            all.documents.extend(changed.documents);
            all.resources.extend(changed.resources);
        }
        for (kind, counts) in other.counts {
            let sum = self.counts.entry(kind).or_default();
            sum.added += counts.added;
            sum.updated += counts.updated;
            sum.unchanged += counts.unchanged;
        }
        for (kind, count) in other.ignored {
            *self.ignored.entry(kind).or_default() += count;
        }
        self.refused.extend(other.refused);
        self.warnings.extend(other.warnings);
    }
}

/// What was added or updated for one patient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Unique ids of documents.
    pub documents: BTreeSet<String>,
    /// All else, such as `Consent/c-1002`; a document that was entered in error and is hidden too.
    pub resources: BTreeSet<String>,
}

/// How many resources of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// They were not there.
    pub added: u64,
    /// They were there with other content.
    pub updated: u64,
    /// They were there just so.
    pub unchanged: u64,
}

impl Counts {
    pub(super) fn add(&mut self, change: Change) {
        *match change {
            Change::Added => &mut self.added,
            Change::Updated => &mut self.updated,
            Change::Unchanged => &mut self.unchanged,
        } += 1;
    }
}

/// Where a resource stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line of an NDJSON file, from 1.
    pub line: Option<usize>,
    /// The entry of a Bundle, from 1.
    pub entry: Option<usize>,
}

impl Place {
    pub(super) fn entry(self, entry: Option<usize>) -> Self {
        Self { entry, ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ", line {line}"))?;
        self.entry.map_or(Ok(()), |entry| write!(f, ", entry {entry}"))
    }
}

/// Something that was not loaded; of a Bundle, the entry that spoiled it.
#[derive(Debug)]
pub struct Refused {
    /// Where it stands.
    pub at: Place,
    /// Its type and id, empty where it has none.
    pub resource: String,
    /// Why, and what to do.
    pub reason: Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.at, &self.resource, &self.reason)
    }
}

/// Something that was loaded and withholds more than it may seem to.
#[derive(Debug)]
pub struct Warning {
    /// Where it stands.
    pub at: Place,
    /// Its type and id.
    pub resource: String,
    /// Why.
    pub reason: Caution,
}

/// What of a loaded resource counts against release, or was not expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Caution {
    /// A consent that denies everything, save what break-glass overrides.
    #[error("it cannot be enforced ({code}), so it denies: {0}; {cure}", code = .0.code(), cure = .0.cure())]
    Unenforceable(Unenforceable),
    /// A consent.
    #[error(
        "it is not active, or not about privacy (set-aside): it decides nothing, and others or the domain's policy hold; if it should decide, give it the status active and the scope patient-privacy"
    )]
    SetAside,
    /// A consent that came before in the same files.
    #[error("it has the id of the one at {0}, and replaces it: give each its own id")]
    Twin(String),
    /// A rule of a consent.
    #[error("{0} (unread); write code and system as HL7 has them")]
    Unread(Unread),
    /// A document.
    #[error("it has a security label that is no code of a known system: it counts as restricted")]
    Label,
    /// A document.
    #[error("it has several confidentialities: the highest counts")]
    SeveralConfidentialities,
    /// A document.
    #[error("its codes cannot be read, so that its labels may lack some: it is {0}")]
    Content(Broken),
    /// A document.
    #[error(
        "it names an encounter that is not loaded, so that its labels may lack some, and every consent about labels withholds it: load the Encounter, before or after it"
    )]
    Encounter,
    /// A document.
    #[error(
        "it is labelled {0}, which says what to do with it and not what it is: kept, and passed on"
    )]
    Duty(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.at, &self.resource, &self.reason)
    }
}

fn show(
    f: &mut fmt::Formatter<'_>,
    at: &Place,
    resource: &str,
    reason: &dyn fmt::Display,
) -> fmt::Result {
    let separator = if resource.is_empty() { "" } else { ": " };
    write!(f, "{at}{separator}{resource}: {reason}")
}
