use std::collections::BTreeSet;

use super::terms::{Answer, Telling};
use crate::ids::Coded;
use crate::principal::Principal;
use crate::purpose::Purpose;

/// Proof that a partner's agreement admits this principal for these purposes; [`admit`](super::admit) alone makes one.
///
/// ```compile_fail,E0451
/// use glassgate::policy::{Access, BreakGlass};
/// fn forge(principal: glassgate::principal::Principal) -> Access {
///     let treatment = [glassgate::purpose::Purpose::TREAT].into();
///     let (stated, telling, answer) = (vec![], None, Default::default());
///     Access { principal, treatment, break_glass: BreakGlass::NotDeclared, stated, telling, answer }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Access {
    pub(super) principal: Principal,
    pub(super) treatment: BTreeSet<Purpose>,
    pub(super) break_glass: BreakGlass,
    pub(super) stated: Vec<Coded>,
    /// For who may break glass and does not declare it.
    pub(super) telling: Option<Telling>,
    pub(super) answer: Answer,
}

/// What became of a break-glass declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakGlass {
    /// There was none.
    NotDeclared,
    /// The principal may break glass: consent decides what it adds.
    Honoured(Declared),
    /// The principal may not: the request goes on as treatment.
    NotHonoured(NotHonoured),
}

/// A declaration, kept for audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The code that declared it, BTG or a partner's ETREAT, as received.
    pub as_received: Coded,
    /// Why, as the assertion says it; without it the reason is owed to the review.
    pub rationale: Option<String>,
}

/// Why a declaration is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHonoured {
    /// Neither a role of the user nor a group allows it.
    Role,
    /// The user was not authenticated as was agreed.
    Authentication,
    /// The partner does not say that its user was warned.
    Acknowledgement,
    /// No reason is stated.
    Rationale,
    /// There were too many of late, and the domain stops at that.
    Rate,
}

impl NotHonoured {
    /// A stable name for audit and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Authentication => "authentication",
            Self::Acknowledgement => "acknowledgement",
            Self::Rationale => "rationale",
            Self::Rate => "rate",
        }
    }

    /// The reason as auditors read it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Role => "no role of the user may break glass, and he is no member who may",
            Self::Authentication => "the user was not authenticated as break-glass demands",
            Self::Acknowledgement => "the partner does not say that its user was warned",
            Self::Rationale => "no reason for break-glass is stated, or too short a one",
            Self::Rate => "break-glass was declared too often of late",
        }
    }
}

impl Access {
    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The purposes that the ordinary decision is made for: never BTG, never none (TREAT stands in for BTG alone).
    #[must_use]
    pub fn treatment_purposes(&self) -> &BTreeSet<Purpose> {
        &self.treatment
    }

    /// What became of a break-glass declaration.
    #[must_use]
    pub fn break_glass(&self) -> &BreakGlass {
        &self.break_glass
    }

    /// How a declaration is answered that is not honoured.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// What to tell, where the principal may break glass and did not declare it.
    #[must_use]
    pub fn telling(&self) -> Option<&Telling> {
        self.telling.as_ref()
    }

    /// The same without the override that was declared.
    #[must_use]
    pub fn held_back(mut self, why: NotHonoured) -> Self {
        if matches!(self.break_glass, BreakGlass::Honoured(_)) {
            self.break_glass = BreakGlass::NotHonoured(why);
        }
        self
    }

    /// The purposes as received, for audit.
    #[must_use]
    pub fn purposes_stated(&self) -> &[Coded] {
        &self.stated
    }
}
