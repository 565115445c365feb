use std::fmt;
use std::sync::Arc;

use super::decision::{Bar, Basis, Decision, Denial, Permit};
use super::facts::{Facts, PatientKey};
use super::item::Item;
use super::logic::Effect;
use super::plan::{Found, Plan, Verdict};
use super::read::read;
use super::request::{Request, View};
use super::unenforceable::Unenforceable;
use crate::clock::Timestamp;
use crate::ids::{Coded, HomeCommunityId};
use crate::labels::Confidentiality;
use crate::policy::{Access, BreakGlass};
use crate::purpose::Purpose;

/// One consent as the store has it.
#[derive(Clone)]
pub struct Stored {
    /// The logical id.
    pub id: String,
    /// The version.
    pub version: String,
    /// The FHIR JSON.
    pub json: String,
}

/// A consent's content stays out of logs.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Stored");
        shown.field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The rules of our own domain.
#[derive(Debug, Clone)]
pub struct Domain {
    /// What holds where no consent speaks.
    pub implicit: Implicit,
    /// The highest confidentiality that break-glass releases.
    pub ceiling: Confidentiality,
    /// Sensitivities that break-glass does not release, whatever their confidentiality.
    pub beyond: Vec<Coded>,
    /// Whether what 42 CFR Part 2 protects is released in an emergency without override (42 CFR 2.51).
    pub part_2_emergency: bool,
    /// Our community, by which a consent may name us as custodian.
    pub home: Option<HomeCommunityId>,
}

impl Default for Domain {
    fn default() -> Self {
        // psychotherapy notes
        let beyond = vec![Coded::new("PSYTHPN", "2.16.840.1.113883.5.4")];
        let ceiling = Confidentiality::Restricted;
        Self { implicit: Implicit::Deny, ceiling, beyond, part_2_emergency: false, home: None }
    }
}

/// What holds where no consent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implicit {
    /// Treatment is permitted.
    PermitTreatment,
    /// Nothing is.
    Deny,
}

/// A patient's consents, weighed for one access; [`grant`] alone makes it.
///
/// ```compile_fail,E0451
/// use glassgate::consent::{Grant, PatientKey};
/// fn forge(other: Grant) -> Grant {
///     Grant { patient: PatientKey(1), ..other }
/// }
/// ```
#[derive(Debug)]
pub struct Grant {
    patient: PatientKey,
    consents: Vec<Arc<Weighed>>,
    implicit: bool,
    honoured: bool,
    ceiling: Confidentiality,
    beyond: Vec<Coded>,
    /// An emergency for which a law permits what it protects.
    emergency: bool,
}

/// The element of a permit that rests on 42 CFR 2.51: the law's own reason, neither treatment's nor break-glass's.
pub const PART_2_EMERGENCY: &str = "42-cfr-part-2-emergency";

/// A consent that applies, ready or unenforceable.
pub(super) struct Weighed {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) plan: Result<Plan, Unenforceable>,
}

/// A consent's content stays out of logs.
impl fmt::Debug for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Weighed");
        shown.field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Reads a patient's consents and weighs those in force for this access.
///
/// `patient_references` are all names of the patient in a consent, such as `Patient/p1002`.
#[must_use]
pub fn grant(
    access: &Access,
    patient: PatientKey,
    patient_references: &[String],
    stored: &[Stored],
    domain: &Domain,
    now: Timestamp,
) -> Grant {
    let purposes = access.treatment_purposes();
    let claims = access.principal().claims();
    let request = Request { purposes, claims, home: domain.home.as_ref(), now };
    let weigh = |stored: &Stored| {
        let plan = match read(&stored.json) {
            Ok(None) => return None,
            // it is this patient's by the store: to pass over it could release what it withholds
            Ok(Some(read)) if !read.speaks_of(patient_references) => {
                Err(Unenforceable::AnotherPatient)
            }
            Ok(Some(read)) if read.period.is_some_and(|period| !period.holds(now)) => return None,
            Ok(Some(read)) => Ok(Plan::new(read.tree, &request)),
            Err(unenforceable) => Err(unenforceable),
        };
        let (id, version) = (stored.id.clone(), stored.version.clone());
        Some(Arc::new(Weighed { id, version, plan }))
    };
    Grant {
        patient,
        consents: stored.iter().filter_map(weigh).collect(),
        implicit: domain.implicit == Implicit::PermitTreatment
            && purposes.iter().any(|purpose| purpose.is_a(Purpose::TREAT)),
        honoured: matches!(access.break_glass(), BreakGlass::Honoured(_)),
        ceiling: domain.ceiling,
        beyond: domain.beyond.clone(),
        emergency: domain.part_2_emergency
            && purposes.iter().any(|purpose| purpose.is_a(Purpose::ETREAT)),
    }
}

/// What break-glass finds in one consent.
enum Stance {
    /// It says nothing, or permits as treatment.
    Aside,
    /// It permits BTG itself.
    Permits(Found),
    /// It withholds, and permits exchange at large.
    Withholds(Found),
    /// It must not be overridden.
    Bars(Bar, Found),
}

impl Grant {
    /// The patient whose items it decides.
    #[must_use]
    pub fn patient(&self) -> PatientKey {
        self.patient
    }

    /// The consents that apply but cannot be enforced, with the reason: for audit.
    pub fn unenforceable(&self) -> impl Iterator<Item = (&str, &Unenforceable)> {
        self.consents.iter().filter_map(|consent| {
            consent.plan.as_ref().err().map(|reason| (consent.id.as_str(), reason))
        })
    }

    /// Decides one item, as treatment and, where it was declared and is honoured, as break-glass.
    #[must_use]
    pub fn decide(&self, facts: &Facts) -> Decision {
        let item = Item::new(facts);
        let denied = |basis, break_glass| Err(Denial { basis, break_glass });
        if facts.patient != self.patient {
            let basis = Basis::without_consent("patient");
            let barred = || denied(basis.clone(), Some(Bar::AnotherPatient));
            let break_glass = self.honoured.then(barred);
            return Decision { treatment: denied(basis, None), break_glass };
        }
        let permit = |basis, is_override| Ok(Permit { item: facts.key, is_override, basis });
        match self.treatment(&item).or_else(|basis| self.by_law(&item).ok_or(basis)) {
            Ok(basis) => {
                let break_glass = self.honoured.then(|| permit(basis.clone(), false));
                Decision { treatment: permit(basis, false), break_glass }
            }
            Err(basis) => {
                let break_glass = self.honoured.then(|| match self.lifted(&item) {
                    Ok(lifted) => permit(lifted, true),
                    Err((bar, barring)) => {
                        denied(barring.unwrap_or_else(|| basis.clone()), Some(bar))
                    }
                });
                Decision { treatment: denied(basis, None), break_glass }
            }
        }
    }

    /// Whether break-glass would release an item that treatment does not get; it permits nothing itself.
    #[must_use]
    pub fn would_lift(&self, facts: &Facts) -> bool {
        let item = Item::new(facts);
        facts.patient == self.patient
            && self.treatment(&item).is_err()
            && self.lifted(&item).is_ok()
    }

    /// Why break-glass adds nothing for this patient at all, whichever the item.
    #[must_use]
    pub fn break_glass_bar(&self) -> Option<Bar> {
        let bar = |consent: &Arc<Weighed>| match &consent.plan {
            Err(_) => Some(Bar::Unenforceable),
            Ok(plan) if plan.opts_out() => Some(Bar::OptOut),
            Ok(plan) if plan.forbids_all_break_glass() => Some(Bar::Forbidden),
            Ok(_) => None,
        };
        self.consents.iter().filter_map(bar).min()
    }

    /// Whether a consent forbids break-glass altogether, denies at its base, or cannot be enforced.
    #[must_use]
    pub fn break_glass_forbidden(&self) -> bool {
        self.break_glass_bar().is_some()
    }

    /// Any denial wins; a permit wins over a consent that only permits others; else the implicit policy holds.
    fn treatment(&self, item: &Item<'_>) -> Result<Basis, Basis> {
        let (mut permitted, mut closed) = (None, None);
        for consent in &self.consents {
            let basis = |found| Basis { consent: Some(Arc::clone(consent)), found };
            let plan = match &consent.plan {
                Ok(plan) => plan,
                Err(reason) => return Err(basis(Found { rule: None, element: reason.code() })),
            };
            match plan.decide(View::Treatment, item) {
                Verdict::Deny(found) => return Err(basis(found)),
                Verdict::Permit(found) => permitted = permitted.or_else(|| Some(basis(found))),
                Verdict::Closed(found) => closed = closed.or_else(|| Some(basis(found))),
                Verdict::Silent => {}
            }
        }
        match (permitted, closed) {
            (Some(basis), _) => Ok(basis),
            (None, Some(basis)) => Err(basis),
            (None, None) if self.implicit => Ok(Basis::without_consent("implicit")),
            (None, None) => Err(Basis::without_consent("implicit")),
        }
    }

    /// What a law permits in an emergency of what it protects; never more than break-glass would.
    fn by_law(&self, item: &Item<'_>) -> Option<Basis> {
        let protected = Coded::new("42CFRPart2", "2.16.840.1.113883.5.4");
        if !self.emergency || !item.bears(&[protected]) {
            return None;
        }
        let basis = self.lifted(item).ok()?;
        let found = Found { element: PART_2_EMERGENCY, ..basis.found };
        Some(Basis { found, ..basis })
    }

    /// What break-glass lifts of an item that treatment does not get: withholding rules up to the ceiling, unless
    /// a consent bars it.
    fn lifted(&self, item: &Item<'_>) -> Result<Basis, (Bar, Option<Basis>)> {
        let (mut permits, mut withholds, mut barred) = (None, None, None);
        for consent in &self.consents {
            let basis = |found| Basis { consent: Some(Arc::clone(consent)), found };
            match stance(consent, item) {
                Stance::Aside => {}
                Stance::Permits(found) => permits = permits.or_else(|| Some(basis(found))),
                Stance::Withholds(found) => withholds = withholds.or_else(|| Some(basis(found))),
                // the bar that says most, whatever the order of consents
                Stance::Bars(bar, found) => {
                    if barred.as_ref().is_none_or(|(known, _)| bar < *known) {
                        barred = Some((bar, Some(basis(found))));
                    }
                }
            }
        }
        if let Some(barred) = barred {
            return Err(barred);
        }
        match (withholds, permits) {
            (Some(basis), _) if item.presumed() > self.ceiling => Err((Bar::Ceiling, Some(basis))),
            (Some(basis), _) if item.bears(&self.beyond) => Err((Bar::Sensitivity, Some(basis))),
            (Some(basis), _) | (None, Some(basis)) => Ok(basis),
            (None, None) => Err((Bar::Implicit, None)),
        }
    }
}

fn stance(consent: &Weighed, item: &Item<'_>) -> Stance {
    let plan = match &consent.plan {
        Ok(plan) => plan,
        Err(reason) => {
            return Stance::Bars(Bar::Unenforceable, Found { rule: None, element: reason.code() });
        }
    };
    let found = match plan.decide(View::BreakGlass, item) {
        Verdict::Silent => return Stance::Aside,
        Verdict::Permit(found) if plan.names_break_glass(found) => return Stance::Permits(found),
        // an exception to what denies emergencies permits only what treatment gets as well
        Verdict::Permit(_) => match plan.decide(View::Treatment, item) {
            Verdict::Permit(_) | Verdict::Silent => return Stance::Aside,
            Verdict::Deny(found) | Verdict::Closed(found) => found,
        },
        Verdict::Deny(found) | Verdict::Closed(found) => found,
    };
    match (plan.tree.base, plan.forbids_break_glass(item)) {
        (Effect::Deny, _) => Stance::Bars(Bar::OptOut, found),
        (Effect::Permit, _) if !plan.permits_exchange() => Stance::Bars(Bar::OtherPurpose, found),
        (Effect::Permit, Some(forbidding)) => Stance::Bars(Bar::Forbidden, forbidding),
        (Effect::Permit, None) => Stance::Withholds(found),
    }
}
