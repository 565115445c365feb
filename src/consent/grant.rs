use std::sync::Arc;

use super::decision::{Bar, Basis, Decision, Denial, Permit};
use super::domain::{Domain, Implicit};
use super::dossier::{Applying, Dossier, Stored, Weighed};
use super::facts::{Facts, PatientKey};
use super::item::Item;
use super::lift::Lifted;
use super::plan::{Found, Plan, Verdict};
use super::request::{Request, View};
use super::screen::Screen;
use super::unenforceable::Unenforceable;
use crate::clock::Timestamp;
use crate::ids::Coded;
use crate::labels::Confidentiality;
use crate::policy::{Access, BreakGlass};
use crate::purpose::Purpose;

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
    pub(super) consents: Applying,
    pub(super) implicit: Implicit,
    /// Whether the implicit policy permits the purposes asked for.
    implied: bool,
    honoured: bool,
    pub(super) ceiling: Confidentiality,
    /// Sensitivities that break-glass does not release.
    pub(super) sealed: Vec<Coded>,
    /// An emergency for which a law permits what it protects.
    pub(super) emergency: bool,
    pub(super) switches: Switches,
}

/// The element of a permit that rests on 42 CFR 2.51: the law's own reason, neither treatment's nor break-glass's.
pub const PART_2_EMERGENCY: &str = "42-cfr-part-2-emergency";

/// What the domain lets break-glass lift.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switches {
    pub(super) opt_out: bool,
    pub(super) ban: bool,
    pub(super) unenforceable: bool,
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
    Grant::weigh(access, patient, &Dossier::open(patient_references, stored, domain), domain, now)
}

impl Grant {
    pub(super) fn weigh(
        access: &Access,
        patient: PatientKey,
        dossier: &Dossier,
        domain: &Domain,
        now: Timestamp,
    ) -> Self {
        let purposes = access.treatment_purposes();
        let request = Request {
            purposes,
            stated: access.purposes_stated(),
            claims: access.principal().claims(),
            home: domain.home.as_ref(),
            parties: &domain.parties,
            now,
        };
        Self {
            patient,
            consents: dossier.weighed(&request, domain),
            implicit: domain.implicit,
            implied: match domain.implicit {
                Implicit::PermitTreatment => purposes.iter().any(|p| p.is_a(Purpose::TREAT)),
                Implicit::PermitAll => true,
                Implicit::BreakGlassOnly | Implicit::Deny => false,
            },
            honoured: matches!(access.break_glass(), BreakGlass::Honoured(_)),
            ceiling: domain.ceiling,
            sealed: domain.sealed.clone(),
            emergency: domain.part_2_emergency
                && purposes.iter().any(|purpose| purpose.is_a(Purpose::ETREAT)),
            switches: Switches {
                // where no consent is worth as much as an opt-out, neither is overridden
                opt_out: domain.btg_overrides_opt_out && domain.implicit != Implicit::Deny,
                ban: !domain.honour_patient_btg_ban,
                unenforceable: domain.btg_overrides_unenforceable,
            },
        }
    }

    /// The consents that it rests on, by id and version, the highest authority's first.
    pub fn rests_on(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.consents.iter().map(|consent| (consent.id.as_str(), consent.version.as_str()))
    }

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
        let permit =
            |basis, lifts, overridden| Ok(Permit { item: facts.key, lifts, basis, overridden });
        // what stops treatment is overridden too, whatever else is
        let and = |mut overridden: Vec<Basis>, denial: &Basis| {
            denial.clone().put_into(&mut overridden);
            overridden
        };
        let by_law = |denial: Basis| match self.by_law(&item) {
            Some((basis, overridden)) => Ok((basis, and(overridden, &denial))),
            None => Err(denial),
        };
        match self.treatment(&item).map(|basis| (basis, Vec::new())).or_else(by_law) {
            Ok((basis, overridden)) => {
                let again = || permit(basis.clone(), Vec::new(), overridden.clone());
                let break_glass = self.honoured.then(again);
                Decision { treatment: permit(basis, Vec::new(), overridden), break_glass }
            }
            Err(basis) => {
                let break_glass = self.honoured.then(|| match self.lifted(&item) {
                    Ok(Lifted { basis: lifted, lifts, overridden }) => {
                        permit(lifted, lifts, and(overridden, &basis))
                    }
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

    /// Whether the patient opted out: a consent's base denies what is asked for, and no exception permits anything.
    #[must_use]
    pub fn opts_out(&self) -> bool {
        let opts_out = |plan: &Plan| plan.opts_out() && !plan.is_closed();
        self.consents.iter().any(|c| c.plan.as_ref().is_ok_and(opts_out))
    }

    /// What a store may leave unread, since nothing releases it; where more than treatment may, all is decided.
    #[must_use]
    pub fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        if self.honoured || self.emergency {
            return screen;
        }
        let same_for_all = |consent: &Arc<Weighed>| match &consent.plan {
            Ok(plan) => plan.is_constant(),
            Err(_) => true,
        };
        // those of the highest authority: what they deny, no other permits
        let first = self.consents.chunk_by(|one, other| one.rank == other.rank).next();
        for consent in first.unwrap_or_default() {
            match &consent.plan {
                Ok(plan) if !plan.is_closed() => screen.narrow(plan),
                Ok(_) => {}
                Err(_) => screen.closed = true,
            }
        }
        if self.consents.iter().all(same_for_all) {
            screen.closed |= self.treatment(&Item::new(&Facts::of_nothing(self.patient))).is_err();
        }
        screen
    }

    /// Consents of one authority after the other: among equals any denial wins, and a permit wins over a consent that
    /// only permits others; where none speaks, the implicit policy holds.
    fn treatment(&self, item: &Item<'_>) -> Result<Basis, Basis> {
        let mut closed = None;
        for equals in self.consents.chunk_by(|one, other| one.rank == other.rank) {
            let mut permitted = None;
            for consent in equals {
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
            if let Some(basis) = permitted {
                return Ok(basis);
            }
        }
        match closed {
            Some(basis) => Err(basis),
            None if self.implied => Ok(Basis::without_consent("implicit")),
            None => Err(Basis::without_consent("implicit")),
        }
    }
}
