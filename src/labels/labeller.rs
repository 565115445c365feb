use std::collections::BTreeSet;
use std::io::Read;

use openssl::sha::Sha256;
use serde_json::Value;

use super::content::Evidence;
use super::rules::{Rules, TooManyLabels};
use super::system::canonical;
use super::valueset::{self, Fault};
use super::vocabulary::{
    NORMAL_SENSITIVITIES, PRIVACY_REVEALING, is_confidentiality, is_sensitivity,
};
use super::{Confidentiality, is_readable};
use crate::ids::Coded;

/// The value sets that come with the program; `valuesets/README.md` says whose they are.
const BUILT_IN: [(&str, &str); 2] = [
    ("shift.json", include_str!("valuesets/shift.json")),
    ("icd-10.json", include_str!("valuesets/icd-10.json")),
];

/// Changes whenever the same value sets would label the same documents otherwise.
const ALGORITHM: &str = "2";

/// How documents are labelled.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the value sets that come with the program are used.
    pub built_in: bool,
    /// Further value sets: a name for messages, and the JSON.
    pub value_sets: Vec<(String, Vec<u8>)>,
    /// Codes that lead to no label, whatever a value set says.
    pub exclude: Vec<Coded>,
    /// Labels that no document entry shows.
    pub hidden: BTreeSet<String>,
    /// Sensitivities that leave a document at N; any other makes it R.
    pub normal: BTreeSet<String>,
    /// Whether bytes that are no coded data, such as a scan, count as N where nothing is found.
    pub uncoded_is_normal: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let owned = |codes: &[&str]| codes.iter().map(ToString::to_string).collect();
        Self {
            built_in: true,
            value_sets: Vec::new(),
            exclude: Vec::new(),
            hidden: owned(&PRIVACY_REVEALING),
            normal: owned(&NORMAL_SENSITIVITIES),
            uncoded_is_normal: false,
        }
    }
}

/// Why value sets cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One of them is at fault.
    #[error("{name}: {fault}")]
    ValueSet {
        /// Which.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// All together are too much.
    #[error(transparent)]
    TooManyLabels(#[from] TooManyLabels),
}

/// The labelling service: value sets, and what follows from a sensitivity (HL7 DS4P; IHE PCF).
#[derive(Debug)]
pub struct Labeller {
    rules: Rules,
    hidden: BTreeSet<String>,
    normal: BTreeSet<String>,
    uncoded_is_normal: bool,
    version: String,
}

/// The labels that a document came with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Those that are codes.
    pub labels: Vec<Coded>,
    /// Whether there are others, of which nobody can tell what they say.
    pub unreadable: bool,
}

/// A document's labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labelled {
    /// All of them, one confidentiality at most and that one first.
    pub labels: Vec<Coded>,
    /// Those that its entry shows, in the same order.
    pub shown: Vec<Coded>,
    /// Whether there may be others that cannot be told.
    pub unreadable: bool,
    /// Whether several confidentialities were stated, of which the highest counts.
    pub was_doubled: bool,
}

impl Labeller {
    /// Compiles value sets to maps.
    pub fn compile(settings: &Settings) -> Result<Self, Error> {
        let built_in = BUILT_IN.iter().filter(|_| settings.built_in);
        let built_in = built_in.map(|(name, json)| (*name, json.as_bytes()));
        let own = settings.value_sets.iter().map(|(name, json)| (name.as_str(), json.as_slice()));
        let mut sets = Vec::new();
        let mut hash = Sha256::new();
        let mut digest = |part: &[u8]| {
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        };
        for (name, json) in built_in.chain(own) {
            let fail = |fault| Error::ValueSet { name: name.to_owned(), fault };
            sets.extend(valueset::read(json).map_err(fail)?);
            digest(json);
        }
        let rules = Rules::compile(&sets, &settings.exclude)?;
        for code in &settings.exclude {
            digest(format!("{}|{}", canonical(&code.system), code.code).as_bytes());
        }
        for list in [&settings.hidden, &settings.normal] {
            list.iter().for_each(|code| digest(code.as_bytes()));
            digest(b"");
        }
        digest(&[u8::from(settings.uncoded_is_normal)]);
        let sum = hash.finish();
        let hex: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            rules,
            hidden: settings.hidden.clone(),
            normal: settings.normal.clone(),
            uncoded_is_normal: settings.uncoded_is_normal,
            version: format!("{ALGORITHM}-{hex}"),
        })
    }

    /// Names these rules: other value sets or settings have another version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The labels of value sets that are no sensitivities of v3-ActCode, as far as these are known.
    pub fn unknown(&self) -> impl Iterator<Item = &Coded> {
        self.rules.all().iter().filter(|label| !is_sensitivity(label))
    }

    /// Takes in a resource: the document's own metadata, or what belongs to it.
    pub fn resource(&self, evidence: &mut Evidence, resource: &Value) {
        evidence.resource(&self.rules, resource);
    }

    /// Takes in the document's bytes, as far as they are a CDA document or FHIR.
    pub fn content(&self, evidence: &mut Evidence, mime_type: &str, bytes: impl Read) {
        evidence.content(&self.rules, mime_type, bytes);
    }

    /// Joins what a document came with and what its codes lead to; nothing stated is lowered or lost.
    ///
    /// What stands on a part of it, or on what it belongs to, raises the document and never speaks for it.
    #[must_use]
    pub fn label(&self, stated: &Stated, evidence: &Evidence) -> Labelled {
        let mut all: Vec<Coded> = Vec::new();
        add(&mut all, stated.labels.iter().chain(&evidence.header));
        let told: BTreeSet<_> = all.iter().filter_map(Confidentiality::from_label).collect();
        let (mut said, mut labels): (Vec<_>, Vec<_>) =
            all.into_iter().partition(is_confidentiality);
        let unsaid = told.is_empty()
            && (stated.unreadable || labels.iter().any(|label| self.may_restrict(label)));
        // a source that says how confidential its sensitivities are knows; only new ones raise that
        let known = labels.len();
        let (levels, parts): (Vec<_>, Vec<_>) =
            evidence.labels.iter().partition(|label| is_confidentiality(label));
        add(&mut labels, parts);
        let of_parts = labels.iter().skip(known).any(|label| self.may_restrict(label));
        let before = labels.len();
        add(&mut labels, self.rules.labels(evidence.found));
        let found = labels.iter().skip(before).any(|label| self.restricts(label));
        let presumed = match unsaid || of_parts || found {
            true => Some(Confidentiality::Restricted),
            false if evidence.is_coded || self.uncoded_is_normal => Some(Confidentiality::Normal),
            false => None,
        };
        said.extend(presumed.filter(|level| Some(level) > told.last()).map(Confidentiality::label));
        // of a part of what nobody knows, N says nothing
        let floor = said.iter().filter_map(Confidentiality::from_label).max();
        let floor = floor.unwrap_or(Confidentiality::Normal);
        let higher = |label: &&&Coded| Confidentiality::from_label(label) > Some(floor);
        said.extend(levels.iter().filter(higher).copied().cloned());
        // the first among equals
        let highest = said.into_iter().rev().max_by_key(Confidentiality::from_label);
        labels.splice(0..0, highest);
        let shown = labels.iter().filter(|label| !self.hidden.contains(&label.code));
        Labelled {
            shown: shown.cloned().collect(),
            labels,
            unreadable: stated.unreadable || evidence.broken.is_some(),
            was_doubled: told.len() > 1,
        }
    }

    /// Whether a stated label speaks, or may speak, of something that is R.
    fn may_restrict(&self, label: &Coded) -> bool {
        !is_readable(label) || is_sensitivity(label) && self.restricts(label)
    }

    /// Whether a sensitivity makes what has it R; one that nobody knows does.
    fn restricts(&self, sensitivity: &Coded) -> bool {
        !self.normal.contains(&sensitivity.code)
    }
}

/// Adds those that are not there yet.
fn add<'l>(labels: &mut Vec<Coded>, more: impl IntoIterator<Item = &'l Coded>) {
    for label in more {
        if !is_among(labels, label) {
            labels.push(label.clone());
        }
    }
}

fn is_among(labels: &[Coded], label: &Coded) -> bool {
    let same = |known: &Coded| {
        known.code == label.code && canonical(&known.system) == canonical(&label.system)
    };
    labels.iter().any(same)
}
