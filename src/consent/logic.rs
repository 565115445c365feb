/// Kleene's three values, in the order in which AND is the least and OR the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    No,
    Unknown,
    Yes,
}

impl From<bool> for Match {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// What a rule does to what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Permit,
    Deny,
}

impl Effect {
    /// Whether a rule of this effect counts as matching: what is unknown never permits and always denies.
    pub(super) fn holds(self, found: Match) -> bool {
        match self {
            Self::Permit => found == Match::Yes,
            Self::Deny => found != Match::No,
        }
    }

    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Permit => Self::Deny,
            Self::Deny => Self::Permit,
        }
    }
}

/// How a rule's elements together matched, and the element that tells: the first that fails, else the last that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) found: Match,
    pub(super) element: &'static str,
}

impl Met {
    /// A rule without elements matches everything.
    pub(super) const ALL: Self = Self { found: Match::Yes, element: "type" };

    /// Elements must all match.
    pub(super) fn and(self, element: &'static str, found: Option<Match>) -> Self {
        match found {
            Some(Match::Yes) if self.found == Match::Yes => Self { found: Match::Yes, element },
            Some(found) if found < self.found => Self { found, element },
            _ => self,
        }
    }

    /// Joins two halves of a rule.
    pub(super) fn and_met(self, other: Self) -> Self {
        let populated = other != Self::ALL;
        if populated { self.and(other.element, Some(other.found)) } else { self }
    }
}

/// One value among several suffices; no values at all restrict nothing.
pub(super) fn any(found: impl Iterator<Item = Match>) -> Option<Match> {
    found.max()
}
