use super::condition::{Condition, Label, Meaning};
use super::facts::{Facts, Span};
use super::logic::{Effect, Match, Met, any};
use super::parties::Role;
use super::tree::Window;
use crate::clock::Timestamp;
use crate::ids::Coded;
use crate::labels::{Confidentiality, Sensitivity, canonical, covers, is_readable};

/// An item's facts with what is worked out of them once.
#[derive(Debug)]
pub(super) struct Item<'f> {
    facts: &'f Facts,
    /// What its labels say of confidentiality and sensitivity.
    labels: Vec<Said<'f>>,
    /// The highest confidentiality, where a label speaks of it.
    confidentiality: Option<Confidentiality>,
    /// Whether there are labels that may say anything.
    unreadable: bool,
}

/// What one label says.
#[derive(Debug, Clone, Copy)]
enum Said<'f> {
    Confidentiality,
    Sensitivity(Sensitivity),
    Other(&'f Coded),
}

impl<'f> Item<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        let mut confidentiality = None;
        let mut unreadable = facts.unreadable_labels;
        let labels = facts.labels.iter().map(|label| {
            let found = Confidentiality::from_label(label);
            confidentiality = confidentiality.max(found);
            match (found, Sensitivity::from_label(label)) {
                (Some(_), _) => Said::Confidentiality,
                (None, Some(sensitivity)) => Said::Sensitivity(sensitivity),
                (None, None) => {
                    unreadable |= !is_readable(label);
                    Said::Other(label)
                }
            }
        });
        let labels = labels.collect();
        Self { facts, labels, confidentiality, unreadable }
    }

    /// The confidentiality that break-glass goes by: what is not known counts as restricted.
    pub(super) fn presumed(&self) -> Confidentiality {
        match self.confidentiality {
            Some(found) if !self.unreadable => found,
            found => {
                found.map_or(Confidentiality::Restricted, |f| f.max(Confidentiality::Restricted))
            }
        }
    }

    /// Whether one of its labels is of these sensitivities.
    pub(super) fn bears(&self, sensitivities: &[Coded]) -> bool {
        let named = |label: &Coded| sensitivities.iter().any(|one| covers(one, label));
        self.facts.labels.iter().any(named)
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
            .and("documentType", any(condition.documents.iter().map(|d| self.document(d.as_ref()))))
            .and("code", any(condition.codes.iter().map(|code| among(code.as_ref(), &facts.codes))))
            .and("dataPeriod", condition.data_period.map(|window| during(window, facts.date)))
            .and(
                "data",
                any(condition.data.iter().map(|(meaning, names)| match meaning {
                    Meaning::Instance => names.item(&facts.reference, &facts.identifiers),
                    Meaning::AuthoredBy => names.author(&facts.authors),
                    Meaning::Related => match names.item(&facts.reference, &facts.identifiers) {
                        Match::Yes => Match::Yes,
                        Match::No | Match::Unknown => names.related(&facts.related),
                    },
                    Meaning::Beyond => {
                        names.item(&facts.reference, &facts.identifiers).max(Match::Unknown)
                    }
                })),
            )
    }

    /// The labels of a denial that hold for it.
    pub(super) fn denied<'l>(&self, labels: &'l [Label]) -> impl Iterator<Item = &'l Label> {
        labels.iter().filter(|label| Effect::Deny.holds(self.label(label, Effect::Deny)))
    }

    /// A permit for R reaches down to what is lower, a denial of R up to what is higher (FHIR R4 Consent.provision.securityLabel).
    fn label(&self, label: &Label, effect: Effect) -> Match {
        match (label, self.confidentiality) {
            (Label::Confidentiality(limit), Some(found)) => {
                let (reached, whatever_else) = match effect {
                    Effect::Permit => (found <= *limit, found > *limit),
                    Effect::Deny => (found >= *limit, found >= *limit),
                };
                // another label may raise the confidentiality, never lower it
                if self.unreadable && !whatever_else { Match::Unknown } else { reached.into() }
            }
            (Label::Sensitivity(_) | Label::Other(_), _) => self.sensitivity(label),
            (Label::Unreadable, _) | (Label::Confidentiality(_), None) => Match::Unknown,
        }
    }

    /// Only labels that are known to be of something else tell for certain that it is not meant.
    fn sensitivity(&self, rule: &Label) -> Match {
        let one = |said: &Said<'_>| match (rule, said) {
            (Label::Sensitivity(general), Said::Sensitivity(label)) if general.covers(*label) => {
                Match::Yes
            }
            (Label::Sensitivity(general), Said::Sensitivity(label)) if general.excludes(*label) => {
                Match::No
            }
            (Label::Other(general), Said::Other(label))
                if general.code == label.code
                    && canonical(&general.system) == canonical(&label.system) =>
            {
                Match::Yes
            }
            (Label::Sensitivity(_), Said::Confidentiality) => Match::No,
            (Label::Other(general), Said::Confidentiality) if is_readable(general) => Match::No,
            _ => Match::Unknown,
        };
        match any(self.labels.iter().map(one)) {
            Some(Match::No) if self.unreadable => Match::Unknown,
            found => found.unwrap_or(Match::Unknown),
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

    /// A document's type may stand among its classes and formats or among its codes: where it can be compared with
    /// either, and is not there, it is another.
    fn document(&self, document: Option<&Coded>) -> Match {
        let found = [&self.facts.classes, &self.facts.codes].map(|codes| among(document, codes));
        match found {
            _ if found.contains(&Match::Yes) => Match::Yes,
            _ if found.contains(&Match::No) => Match::No,
            _ => Match::Unknown,
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
