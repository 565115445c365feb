use std::fmt;
use std::sync::Arc;

use super::dossier::Weighed;
use super::facts::ItemKey;
use super::lift::Lift;
use super::plan::Found;

/// Both decisions about one item.
#[derive(Debug)]
pub struct Decision {
    /// For the purposes asked for, without break-glass.
    pub treatment: Result<Permit, Denial>,
    /// Where a declaration is honoured: with break-glass, never less than the other.
    pub break_glass: Option<Result<Permit, Denial>>,
}

impl Decision {
    /// What counts: the ordinary permit, else the override's, else the denial that says most.
    pub fn outcome(self) -> Result<Permit, Denial> {
        match (self.treatment, self.break_glass) {
            (Ok(permit), _) => Ok(permit),
            (Err(_), Some(with_break_glass)) => with_break_glass,
            (Err(denial), None) => Err(denial),
        }
    }
}

/// Leave to release one item; [`Grant::decide`](super::Grant::decide) alone gives it.
///
/// ```compile_fail,E0451
/// use glassgate::consent::{Basis, ItemKey, Permit};
/// fn forge(basis: Basis) -> Permit {
///     Permit { item: ItemKey(1), lifts: vec![], basis, overridden: vec![] }
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    pub(super) item: ItemKey,
    pub(super) lifts: Vec<Lift>,
    pub(super) basis: Basis,
    pub(super) overridden: Vec<Basis>,
}

impl Permit {
    /// The item that may be released.
    #[must_use]
    pub fn item(&self) -> ItemKey {
        self.item
    }

    /// Whether only break-glass releases it.
    #[must_use]
    pub fn is_override(&self) -> bool {
        !self.lifts.is_empty()
    }

    /// What the override lifted, the gravest last; nothing where treatment permits.
    #[must_use]
    pub fn lifts(&self) -> &[Lift] {
        &self.lifts
    }

    /// What permits; of an override, what it lifted, or the rule that itself permits BTG.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// All that withholds the item from treatment, where more than that releases it: each consent's rule once.
    #[must_use]
    pub fn overridden(&self) -> &[Basis] {
        &self.overridden
    }

    /// The id of the consent that decides, `None` for the domain's implicit policy.
    #[must_use]
    pub fn consent(&self) -> Option<&str> {
        self.basis.consent()
    }

    /// The path of the rule that decides.
    #[must_use]
    pub fn path(&self) -> &str {
        self.basis.path()
    }
}

/// Why an item stays withheld.
#[derive(Debug)]
pub struct Denial {
    pub(super) basis: Basis,
    pub(super) break_glass: Option<Bar>,
}

impl Denial {
    /// What denies.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The id of the consent that denies, `None` for the domain's implicit policy.
    #[must_use]
    pub fn consent(&self) -> Option<&str> {
        self.basis.consent()
    }

    /// The path of the rule that denies.
    #[must_use]
    pub fn path(&self) -> &str {
        self.basis.path()
    }

    /// Why break-glass did not help, where an honoured declaration asked it to.
    #[must_use]
    pub fn break_glass(&self) -> Option<Bar> {
        self.break_glass
    }
}

/// Why break-glass lifts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bar {
    /// A consent whose base denies and which does not permit BTG itself.
    OptOut,
    /// A consent that cannot be enforced, where the domain does not let break-glass override it.
    Unenforceable,
    /// A consent that permits exchange for other purposes only.
    OtherPurpose,
    /// The domain's implicit policy denies.
    Implicit,
    /// A consent that denies BTG itself.
    Forbidden,
    /// More confidential than the domain's ceiling.
    Ceiling,
    /// Of a sensitivity that the domain keeps even from break-glass.
    Sensitivity,
    /// The item is not the patient's.
    AnotherPatient,
}

impl Bar {
    /// A stable name for audit and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OptOut => "opt-out",
            Self::Unenforceable => "unenforceable",
            Self::OtherPurpose => "other-purpose",
            Self::Implicit => "implicit-policy",
            Self::Forbidden => "forbidden",
            Self::Ceiling => "ceiling",
            Self::Sensitivity => "sensitivity",
            Self::AnotherPatient => "another-patient",
        }
    }
}

/// What a decision rests on: consent and version, provision path, element.
#[derive(Clone)]
pub struct Basis {
    pub(super) consent: Option<Arc<Weighed>>,
    pub(super) found: Found,
}

impl Basis {
    /// Without a consent: the domain's implicit policy, or a mix-up of patients.
    pub(super) fn without_consent(element: &'static str) -> Self {
        Self { consent: None, found: Found { rule: None, element } }
    }

    /// Whether it is the same rule of the same consent.
    fn same_as(&self, other: &Self) -> bool {
        let of = |basis: &Self| (basis.consent.as_ref().map(Arc::as_ptr), basis.found.rule);
        of(self) == of(other)
    }

    /// Adds one that is not there yet.
    pub(super) fn put_into(self, all: &mut Vec<Self>) {
        if !all.iter().any(|known| known.same_as(&self)) {
            all.push(self);
        }
    }

    /// The consent's id.
    #[must_use]
    pub fn consent(&self) -> Option<&str> {
        self.consent.as_deref().map(|consent| consent.id.as_str())
    }

    /// The consent's version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.consent.as_deref().map(|consent| consent.version.as_str())
    }

    /// `provision.provision[1]`, `provision`, `policyRule` or `decision` for a base, `consent` for one that cannot be enforced,
    /// `domain` without one.
    #[must_use]
    pub fn path(&self) -> &str {
        let Some(consent) = self.consent.as_deref() else { return "domain" };
        let Ok(plan) = &consent.plan else { return "consent" };
        match self.found.rule.and_then(|at| plan.tree.rules.get(at)) {
            Some(rule) => &rule.path,
            None => plan.tree.dialect.base_path(),
        }
    }

    /// The element that matched or failed, such as `securityLabel`; of an unenforceable consent, its code.
    #[must_use]
    pub fn element(&self) -> &'static str {
        self.found.element
    }
}

/// A consent's content stays out of logs.
impl fmt::Debug for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basis")
            .field("consent", &self.consent())
            .field("version", &self.version())
            .field("path", &self.path())
            .field("element", &self.element())
            .finish()
    }
}
