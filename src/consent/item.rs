use super::condition::{Condition, Label, Meaning};
use super::facts::{Facts, Span};
use super::logic::{Effect, Match, Met, any};
use super::parties::Role;
use super::tree::Window;
use crate::clock::Timestamp;
use crate::ids::Coded;
use crate::labels::{Confidentiality, canonical, covers};

/// An item's facts with what is worked out of them once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'f> {
    facts: &'f Facts,
    /// The highest confidentiality, where a label speaks of it.
    pub(super) confidentiality: Option<Confidentiality>,
}

impl<'f> Item<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        Self { facts, confidentiality: Confidentiality::of(&facts.labels) }
    }

    /// How a rule's data side matches.
    pub(super) fn met(&self, condition: &Condition, effect: Effect) -> Met {
        let facts = self.facts;
        let authors = condition.actors.iter().filter(|(role, _)| *role == Role::Author);
        Met::ALL
            .and("actor", any(authors.map(|(_, names)| names.author(&facts.authors))))
            .and(
                "securityLabel",
                any(condition.labels.iter().map(|label| self.label(label, effect))),
            )
            .and("class", any(condition.classes.iter().map(|class| self.class(class.as_ref()))))
            .and("code", any(condition.codes.iter().map(|code| among(code.as_ref(), &facts.codes))))
            .and("dataPeriod", condition.data_period.map(|window| during(window, facts.date)))
            .and(
                "data",
                any(condition.data.iter().map(|(meaning, names)| match meaning {
                    Meaning::Instance => names.item(&facts.reference, &facts.identifiers),
                    Meaning::AuthoredBy => names.author(&facts.authors),
                    Meaning::Beyond => {
                        names.item(&facts.reference, &facts.identifiers).max(Match::Unknown)
                    }
                })),
            )
    }

    /// A permit for R reaches down to what is lower, a denial of R up to what is higher (FHIR R4 Consent.provision.securityLabel).
    fn label(&self, label: &Label, effect: Effect) -> Match {
        match (label, self.confidentiality) {
            (Label::Confidentiality(limit), Some(found)) => Match::from(match effect {
                Effect::Permit => found <= *limit,
                Effect::Deny => found >= *limit,
            }),
            (Label::Sensitivity(_), _) if self.facts.labels.is_empty() => Match::Unknown,
            (Label::Sensitivity(sensitivity), _) => {
                Match::from(self.facts.labels.iter().any(|label| covers(sensitivity, label)))
            }
            (Label::Unreadable, _) | (Label::Confidentiality(_), None) => Match::Unknown,
        }
    }

    fn class(&self, class: Option<&Coded>) -> Match {
        const TYPES: [&str; 2] =
            ["http://hl7.org/fhir/resource-types", "http://hl7.org/fhir/fhir-types"];
        match class {
            Some(class) if TYPES.contains(&class.system.as_str()) => {
                Match::from(class.code == self.facts.resource_type)
            }
            class => among(class, &self.facts.classes),
        }
    }
}

/// Only codes of one system can be told apart for certain.
fn among(code: Option<&Coded>, codes: &[Coded]) -> Match {
    let Some(code) = code.filter(|code| !code.system.is_empty()) else { return Match::Unknown };
    let system = canonical(&code.system);
    let mut comparable = codes.iter().filter(|other| canonical(&other.system) == system).peekable();
    if comparable.peek().is_none() {
        return Match::Unknown;
    }
    Match::from(comparable.any(|other| other.code == code.code))
}

/// Whether an item's time lies within a window for certain, certainly not, or perhaps.
fn during(window: Window, date: Option<Span>) -> Match {
    let Some(span) = date else { return Match::Unknown };
    let first = window.first.map_or(i64::MIN, Timestamp::micros);
    let after = window.after.map_or(i64::MAX, Timestamp::micros);
    if span.first >= first && span.after <= after {
        Match::Yes
    } else if span.after <= first || span.first >= after {
        Match::No
    } else {
        Match::Unknown
    }
}
