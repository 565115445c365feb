use serde_json::Value;

use super::logic::{Match, any};
use super::parties::{Names, Role};
use super::tree::Window;
use super::unenforceable::Unenforceable;
use crate::fhir::{CodeableConcept, Coding, Provision};
use crate::ids::Coded;
use crate::labels::{Confidentiality, Sensitivity, is_readable};
use crate::purpose::{self, Purpose, concept};

/// A provision's elements in our terms; in each, one value suffices, and what cannot be read is kept as unknown.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// When the rule is in force; a root's period is the consent's and not here.
    pub(super) period: Option<Window>,
    pub(super) purposes: Vec<Term>,
    pub(super) actors: Vec<(Role, Names)>,
    /// Whether releasing is among the actions.
    pub(super) action: Option<Match>,
    pub(super) labels: Vec<Label>,
    /// R4's classes, R5's resource types.
    pub(super) classes: Vec<Option<Coded>>,
    /// R5's document types.
    pub(super) documents: Vec<Option<Coded>>,
    pub(super) codes: Vec<Option<Coded>>,
    pub(super) data_period: Option<Window>,
    pub(super) data: Vec<(Meaning, Names)>,
}

/// A purpose that a rule speaks of.
#[derive(Debug)]
pub(super) enum Term {
    Known(Purpose),
    /// Of a system that is not ours, such as a research project's: asked for by who states the very same code.
    Local(Coded),
    Unreadable,
}

/// A label that a rule speaks of.
#[derive(Debug)]
pub(super) enum Label {
    Confidentiality(Confidentiality),
    Sensitivity(Sensitivity),
    /// Another code: only the same one is meant for certain.
    Other(Coded),
    Unreadable,
}

/// How a rule's data reference is meant (FHIR R4, consent-data-meaning).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Instance,
    /// The item itself, or what it belongs to: IHE PCF means an encounter's data by it.
    Related,
    AuthoredBy,
    /// What we do not know: reaches beyond what the facts tell.
    Beyond,
}

impl Condition {
    pub(super) fn read(
        provision: &Provision,
        contained: &[Value],
        path: &str,
    ) -> Result<Self, Unenforceable> {
        let window = |period: &Option<_>| match period {
            None => Ok(None),
            Some(period) => match Window::read(period) {
                Some(window) => Ok(Some(window)),
                None => Err(Unenforceable::Period { path: path.to_owned() }),
            },
        };
        let names = |reference: &_| Names::read(reference, contained);
        let role_and_names =
            |actor: &crate::fhir::Actor| (Role::read(&actor.role), names(&actor.reference));
        let data = |data: &crate::fhir::ConsentData| {
            (Meaning::read(data.meaning.as_deref()), names(&data.reference))
        };
        let classes = provision.class.iter().chain(&provision.resource_type);
        Ok(Self {
            period: window(&provision.period)?,
            purposes: provision.purpose.iter().map(Term::read).collect(),
            actors: provision.actor.iter().map(role_and_names).collect(),
            action: provision.action.iter().map(action).max(),
            labels: provision.security_label.iter().map(Label::read).collect(),
            classes: classes.map(Coding::coded).collect(),
            documents: provision.document_type.iter().map(Coding::coded).collect(),
            codes: provision.code.iter().flat_map(codes).collect(),
            data_period: window(&provision.data_period)?,
            data: provision.data.iter().map(data).collect(),
        })
    }

    /// Whether it names BTG itself; a purpose that cannot be read may be just that.
    pub(super) fn names_break_glass(&self) -> Match {
        any(self.purposes.iter().map(Term::is_break_glass)).unwrap_or(Match::No)
    }

    /// Whether it speaks of break-glass and for certain of nothing else.
    pub(super) fn is_about_break_glass(&self) -> bool {
        !self.purposes.is_empty()
            && self.purposes.iter().all(|term| term.is_break_glass() == Match::Yes)
    }

    /// Whether it speaks of emergency treatment, and of nothing else but break-glass.
    pub(super) fn is_about_emergencies(&self) -> bool {
        let emergency = |term: &Term| matches!(term, Term::Known(p) if p.is_a(Purpose::ETREAT));
        !self.purposes.is_empty()
            && self.purposes.iter().all(emergency)
            && !self.is_about_break_glass()
    }

    /// The elements with a value that cannot be read, so that it counts against release.
    pub(super) fn unread(&self) -> impl Iterator<Item = &'static str> {
        [
            ("purpose", !self.purposes.iter().all(Term::is_readable)),
            ("actor", self.actors.iter().any(|(role, _)| *role == Role::Unknown)),
            ("securityLabel", !self.labels.iter().all(Label::is_readable)),
            ("class", self.classes.contains(&None) || self.documents.contains(&None)),
            ("code", self.codes.contains(&None)),
        ]
        .into_iter()
        .filter_map(|(element, unread)| unread.then_some(element))
    }

    /// Whether it speaks of particular data.
    pub(super) fn restricts_data(&self) -> bool {
        !self.labels.is_empty() || self.data_period.is_some() || self.asks_for_more()
    }

    /// Whether it asks for an item's labels and for nothing else of it.
    pub(super) fn asks_only_for_labels(&self) -> bool {
        !self.labels.is_empty() && self.data_period.is_none() && !self.asks_for_more()
    }

    /// Whether it asks for an item's time and for nothing else of it.
    pub(super) fn asks_only_for_time(&self) -> bool {
        self.data_period.is_some() && self.labels.is_empty() && !self.asks_for_more()
    }

    /// Whether it asks for anything of an item besides labels and time.
    fn asks_for_more(&self) -> bool {
        !(self.classes.is_empty()
            && self.documents.is_empty()
            && self.codes.is_empty()
            && self.data.is_empty()
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

impl Term {
    fn read(coding: &Coding) -> Self {
        let Some(coded) = coding.coded() else { return Self::Unreadable };
        match concept(&coded) {
            Ok(purpose) => Self::Known(purpose),
            Err(purpose::Error::UnknownSystem { .. }) if !coded.system.is_empty() => {
                Self::Local(coded)
            }
            Err(_) => Self::Unreadable,
        }
    }

    fn is_readable(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    fn is_break_glass(&self) -> Match {
        match self {
            Self::Known(purpose) => Match::from(*purpose == Purpose::BTG),
            Self::Local(_) | Self::Unreadable => Match::Unknown,
        }
    }
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
            Self::Confidentiality(_) | Self::Sensitivity(_) => true,
            Self::Other(label) => is_readable(label),
            Self::Unreadable => false,
        }
    }

    fn read(coding: &Coding) -> Self {
        let Some(label) = coding.coded() else { return Self::Unreadable };
        match (Confidentiality::from_label(&label), Confidentiality::from_code(&label.code)) {
            (None, _) if label.system.is_empty() => Self::Unreadable,
            (None, _) => match Sensitivity::from_label(&label) {
                Some(sensitivity) => Self::Sensitivity(sensitivity),
                None => Self::Other(label),
            },
            (Some(_), Some(known)) => Self::Confidentiality(known),
            (Some(_), None) => Self::Unreadable,
        }
    }
}

impl Meaning {
    fn read(meaning: Option<&str>) -> Self {
        match meaning {
            Some("instance") => Self::Instance,
            Some("related" | "dependents") => Self::Related,
            Some("authoredby") => Self::AuthoredBy,
            _ => Self::Beyond,
        }
    }
}
