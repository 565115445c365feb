use super::logic::{Match, any};
use super::parties::{Names, Role};
use super::tree::Window;
use super::unenforceable::Unenforceable;
use crate::fhir::{CodeableConcept, Coding, Provision};
use crate::ids::Coded;
use crate::labels::{Confidentiality, is_readable};
use crate::purpose::{Purpose, concept};

/// A provision's elements in our terms; in each, one value suffices, and what cannot be read is kept as unknown.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// When the rule is in force; a root's period is the consent's and not here.
    pub(super) period: Option<Window>,
    pub(super) purposes: Vec<Option<Purpose>>,
    pub(super) actors: Vec<(Role, Names)>,
    /// Whether releasing is among the actions.
    pub(super) action: Option<Match>,
    pub(super) labels: Vec<Label>,
    pub(super) classes: Vec<Option<Coded>>,
    pub(super) codes: Vec<Option<Coded>>,
    pub(super) data_period: Option<Window>,
    pub(super) data: Vec<(Meaning, Names)>,
}

/// A label that a rule speaks of.
#[derive(Debug)]
pub(super) enum Label {
    Confidentiality(Confidentiality),
    Sensitivity(Coded),
    Unreadable,
}

/// How a rule's data reference is meant (FHIR R4, consent-data-meaning).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Instance,
    AuthoredBy,
    /// `related`, `dependents` and what we do not know: reaches beyond what the facts tell.
    Beyond,
}

impl Condition {
    pub(super) fn read(provision: &Provision, path: &str) -> Result<Self, Unenforceable> {
        let window = |period: &Option<_>| match period {
            None => Ok(None),
            Some(period) => match Window::read(period) {
                Some(window) => Ok(Some(window)),
                None => Err(Unenforceable::Period { path: path.to_owned() }),
            },
        };
        let role_and_names =
            |actor: &crate::fhir::Actor| (Role::read(&actor.role), Names::read(&actor.reference));
        let data = |data: &crate::fhir::ConsentData| {
            (Meaning::read(data.meaning.as_deref()), Names::read(&data.reference))
        };
        Ok(Self {
            period: window(&provision.period)?,
            purposes: provision.purpose.iter().map(purpose).collect(),
            actors: provision.actor.iter().map(role_and_names).collect(),
            action: provision.action.iter().map(action).max(),
            labels: provision.security_label.iter().map(Label::read).collect(),
            classes: provision.class.iter().map(Coding::coded).collect(),
            codes: provision.code.iter().flat_map(codes).collect(),
            data_period: window(&provision.data_period)?,
            data: provision.data.iter().map(data).collect(),
        })
    }

    /// Whether it names BTG itself; a purpose that cannot be read may be just that.
    pub(super) fn names_break_glass(&self) -> Match {
        let names = self.purposes.iter().map(|purpose| match purpose {
            Some(purpose) => Match::from(*purpose == Purpose::BTG),
            None => Match::Unknown,
        });
        any(names).unwrap_or(Match::No)
    }

    /// The elements with a value that cannot be read, so that it counts against release.
    pub(super) fn unread(&self) -> impl Iterator<Item = &'static str> {
        [
            ("purpose", self.purposes.contains(&None)),
            ("actor", self.actors.iter().any(|(role, _)| *role == Role::Unknown)),
            ("securityLabel", !self.labels.iter().all(Label::is_readable)),
            ("class", self.classes.contains(&None)),
            ("code", self.codes.contains(&None)),
        ]
        .into_iter()
        .filter_map(|(element, unread)| unread.then_some(element))
    }

    /// Whether it speaks of particular data.
    pub(super) fn restricts_data(&self) -> bool {
        !(self.labels.is_empty()
            && self.classes.is_empty()
            && self.codes.is_empty()
            && self.data.is_empty()
            && self.data_period.is_none()
            && !self.actors.iter().any(|(role, _)| *role == Role::Author))
    }

    /// Whether it speaks of anything at all besides its period.
    pub(super) fn restricts(&self) -> bool {
        self.restricts_data()
            || !self.purposes.is_empty()
            || !self.actors.is_empty()
            || self.action.is_some()
    }
}

fn purpose(coding: &Coding) -> Option<Purpose> {
    coding.coded().and_then(|coded| concept(&coded).ok())
}

/// A release is access and disclosure; it only makes `collect` and `use` possible, so these are unknown.
fn action(action: &CodeableConcept) -> Match {
    const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
    let one = |coded: Coded| match (coded.system.as_str(), coded.code.as_str()) {
        (SYSTEM, "access" | "disclose") => Match::Yes,
        (SYSTEM, "correct") => Match::No,
        _ => Match::Unknown,
    };
    action.coded().map(one).max().unwrap_or(Match::Unknown)
}

/// All codings of a concept; one that is only text stays as unknown.
fn codes(concept: &CodeableConcept) -> Vec<Option<Coded>> {
    if concept.coding.is_empty() {
        return vec![None];
    }
    concept.coding.iter().map(Coding::coded).collect()
}

impl Label {
    fn is_readable(&self) -> bool {
        match self {
            Self::Confidentiality(_) => true,
            Self::Sensitivity(label) => is_readable(label),
            Self::Unreadable => false,
        }
    }

    fn read(coding: &Coding) -> Self {
        let Some(label) = coding.coded() else { return Self::Unreadable };
        match (Confidentiality::from_label(&label), Confidentiality::from_code(&label.code)) {
            (None, _) if label.system.is_empty() => Self::Unreadable,
            (None, _) => Self::Sensitivity(label),
            (Some(_), Some(known)) => Self::Confidentiality(known),
            (Some(_), None) => Self::Unreadable,
        }
    }
}

impl Meaning {
    fn read(meaning: Option<&str>) -> Self {
        match meaning {
            Some("instance") => Self::Instance,
            Some("authoredby") => Self::AuthoredBy,
            _ => Self::Beyond,
        }
    }
}
