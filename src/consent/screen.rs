use super::condition::{Condition, Label};
use super::facts::{Facts, Span};
use super::logic::Effect;
use super::plan::Plan;
use super::request::View;
use super::residual::Clause;
use super::tree::Window;
use crate::clock::Timestamp;
use crate::labels::Confidentiality;

/// What an item must be like to be released at all, in what a store can compare without reading its facts.
///
/// Necessary and never sufficient: what passes is decided as ever, what does not would be denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Screen {
    /// Nothing can be released.
    pub closed: bool,
    /// Its confidentiality must be known and no higher.
    pub at_most: Option<Confidentiality>,
    /// Its time must be known and lie within.
    pub within: Option<Span>,
    /// Its time must be known and lie outside.
    pub outside: Option<Span>,
}

/// What a screen looks at of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// The highest confidentiality, where a label speaks of it.
    pub confidentiality: Option<Confidentiality>,
    /// When what it tells of happened.
    pub date: Option<Span>,
}

impl Facts {
    /// What a screen looks at.
    #[must_use]
    pub fn traits(&self) -> Traits {
        Traits { confidentiality: Confidentiality::of(&self.labels), date: self.date }
    }
}

impl Screen {
    /// Whether such an item may perhaps be released.
    #[must_use]
    pub fn admits(&self, traits: Traits) -> bool {
        let low = |limit| traits.confidentiality.is_some_and(|found| found <= limit);
        let inside = |span: Span| {
            traits.date.is_some_and(|date| date.first >= span.first && date.after <= span.after)
        };
        let outside = |span: Span| {
            traits.date.is_some_and(|date| date.after <= span.first || date.first >= span.after)
        };
        !self.closed
            && self.at_most.is_none_or(low)
            && self.within.is_none_or(inside)
            && self.outside.is_none_or(outside)
    }

    /// Adds what one consent withholds for certain, whatever else an item may be.
    pub(super) fn narrow(&mut self, plan: &Plan) {
        let clauses = &plan.residual(View::Treatment).clauses;
        let permits = |clause: &&Clause| plan.effect(clause) == Some(Effect::Permit);
        if plan.base() == Effect::Permit && !clauses.iter().any(|clause| permits(&clause)) {
            self.require(&plan.tree.root);
        }
        for clause in clauses.iter().filter(|clause| !permits(clause)) {
            // what is denied only as far as an exception leaves it is decided in full
            let within = |other: &&Clause| plan.is_within(other, clause);
            if clauses.iter().filter(permits).any(|permit| within(&permit)) {
                continue;
            }
            match &*clause.data {
                [] => self.closed = true,
                // by its own words; those of a permit that it is nested in are read the other way
                [rule] if *rule == clause.rule => {
                    if let Some(rule) = plan.tree.rules.get(*rule) {
                        self.forbid(&rule.condition);
                    }
                }
                _ => {}
            }
        }
    }

    /// A permit that holds for nothing but this.
    fn require(&mut self, condition: &Condition) {
        let limit = |label: &Label| match label {
            Label::Confidentiality(limit) => Some(*limit),
            Label::Sensitivity(_) | Label::Other(_) | Label::Unreadable => None,
        };
        let limits: Option<Vec<_>> = condition.labels.iter().map(limit).collect();
        if let Some(highest) = limits.into_iter().flatten().max() {
            self.lower(highest);
        }
        if let Some(window) = condition.data_period {
            let (span, before) = (span(window), self.within);
            self.within = Some(before.map_or(span, |before| Span {
                first: before.first.max(span.first),
                after: before.after.min(span.after),
            }));
        }
    }

    /// A denial of just this.
    fn forbid(&mut self, condition: &Condition) {
        if condition.asks_only_for_labels() {
            let forbidden = condition.labels.iter().filter_map(|label| match label {
                Label::Confidentiality(from) => Some(*from),
                Label::Sensitivity(_) | Label::Other(_) | Label::Unreadable => None,
            });
            match forbidden.min().map(Confidentiality::next_lower) {
                Some(Some(allowed)) => self.lower(allowed),
                Some(None) => self.closed = true,
                None => {}
            }
        } else if condition.asks_only_for_time()
            && let Some(window) = condition.data_period
        {
            self.outside = self.outside.or(Some(span(window)));
        }
    }

    fn lower(&mut self, limit: Confidentiality) {
        self.at_most = Some(self.at_most.map_or(limit, |before| before.min(limit)));
    }
}

fn span(window: Window) -> Span {
    Span {
        first: window.first.map_or(i64::MIN, Timestamp::micros),
        after: window.after.map_or(i64::MAX, Timestamp::micros),
    }
}
