use std::collections::BTreeSet;

use crate::ids::Coded;
use crate::principal::Principal;
use crate::purpose::Purpose;

/// Proof that a partner's agreement admits this principal for these purposes; [`admit`](super::admit) alone makes one.
///
/// ```compile_fail,E0451
/// use glassgate::policy::{Access, BreakGlass};
/// fn forge(principal: glassgate::principal::Principal) -> Access {
///     let treatment = [glassgate::purpose::Purpose::TREAT].into();
///     Access { principal, treatment, break_glass: BreakGlass::NotDeclared, stated: vec![] }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Access {
    pub(super) principal: Principal,
    pub(super) treatment: BTreeSet<Purpose>,
    pub(super) break_glass: BreakGlass,
    pub(super) stated: Vec<Coded>,
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
}

/// Why a declaration is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHonoured {
    /// No role of the principal may break glass.
    Role,
}

impl NotHonoured {
    /// A stable name for audit and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Role => "role",
        }
    }

    /// The reason as auditors read it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Role => "no role of the user may break glass",
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

    /// The purposes as received, for audit.
    #[must_use]
    pub fn purposes_stated(&self) -> &[Coded] {
        &self.stated
    }
}
