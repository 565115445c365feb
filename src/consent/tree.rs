use super::condition::Condition;
use super::logic::{Effect, Match};
use crate::clock::Timestamp;
use crate::fhir::{Date, Period};

/// A consent of any dialect, as one form.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) dialect: Dialect,
    /// What holds where no rule does.
    pub(super) base: Effect,
    /// Whom and what the base speaks of; empty in the `policyRule` dialect, R5's grantees in its own.
    pub(super) root: Condition,
    /// The exceptions, each before those nested in it.
    pub(super) rules: Vec<Rule>,
}

/// Where the base decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// FHIR R4's text: OPTIN or OPTOUT in `policyRule`, an untyped root provision is an exception to it.
    PolicyRule,
    /// PCF, LEAP, Google, HRex: the root provision's `type`.
    TypedRoot,
    /// FHIR R5: `decision`, turned round at each level of provisions.
    Decision,
}

impl Dialect {
    /// Where the elements of the base's own condition stand.
    pub(super) fn root_path(self) -> &'static str {
        match self {
            Self::PolicyRule | Self::TypedRoot => "provision",
            Self::Decision => "grantee",
        }
    }

    pub(super) fn base_path(self) -> &'static str {
        match self {
            Self::PolicyRule => "policyRule",
            Self::TypedRoot => "provision",
            Self::Decision => "decision",
        }
    }
}

/// An exception.
#[derive(Debug)]
pub(super) struct Rule {
    /// `provision.provision[1]`
    pub(super) path: String,
    pub(super) effect: Effect,
    /// The rule that it is nested in; always an earlier one.
    pub(super) parent: Option<usize>,
    /// The first rule after those nested in it.
    pub(super) end: usize,
    pub(super) condition: Condition,
    /// Whether it, or a rule that it is nested in, names BTG itself.
    pub(super) names_break_glass: Match,
}

impl Rule {
    /// Whether it counts as one about BTG itself: a denial that may name it does, a permit must for certain.
    pub(super) fn speaks_of_break_glass(&self) -> bool {
        self.effect.holds(self.names_break_glass)
    }
}

/// A FHIR Period: both ends included, each as wide as it was written; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) first: Option<Timestamp>,
    pub(super) after: Option<Timestamp>,
}

impl Window {
    /// Reads a period; `None` where an end is no date or comes before the start.
    pub(super) fn read(period: &Period) -> Option<Self> {
        let date = |text: &Option<String>| match text {
            None => Some(None),
            Some(text) => Date::parse(text).map(Some),
        };
        let (start, end) = (date(&period.start)?, date(&period.end)?);
        let window = Self { first: start.map(|d| d.first), after: end.map(|d| d.after) };
        let inverted = window.first.zip(window.after).is_some_and(|(first, after)| after <= first);
        // a period without either end would be an empty element
        let empty = start.is_none() && end.is_none();
        (!inverted && !empty).then_some(window)
    }

    pub(super) fn holds(self, now: Timestamp) -> bool {
        self.first.is_none_or(|first| first <= now) && self.after.is_none_or(|after| now < after)
    }
}
