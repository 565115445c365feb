//! What a break-glass declaration came to, item by item.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Gateway;
use super::disclosure::{Disclosed, Disclosure};
use super::failure::Failure;
use super::review::glass;
use super::visit::Visit;
use crate::audit::{self, ConsentRule, Event};
use crate::consent::{Barred, Basis, Lift, PART_2_EMERGENCY, Permit};
use crate::ids::{Coded, PatientId};
use crate::metrics::BreakGlassLabels;
use crate::policy::{Access, Answer, BreakGlass, Declared, Telling};
use crate::purpose::Purpose;
use crate::xds::RegistryError;

/// The records and the warning that a decision leads to beside its own.
#[derive(Default)]
pub(super) struct Effect {
    /// 110127 for each patient with an override, 110147 where it was not honoured, 110132 for too many declarations.
    pub(super) events: Vec<Event>,
    /// The constant warning, where the caller is told.
    pub(super) warning: Option<RegistryError>,
}

/// A declaration, weighed.
struct Weighed {
    events: Vec<Event>,
    /// How far it is not honoured.
    barred: Barred,
    /// The metric's label.
    name: &'static str,
}

/// Declared in vain: treatment releases everything already.
const NO_EFFECT: &str = "no-effect";
const NOT_HONOURED: &str = "not-honoured";

impl Gateway {
    /// Weighs what was released and what was not; notes on the visit what no event says.
    ///
    /// The warning depends on the caller alone, or on a consent of a patient of whom something is released to him
    /// anyway: who may not break glass learns nothing from it (sentence 6).
    pub(super) fn weigh(
        &self,
        visit: &mut Visit,
        access: &Access,
        released: &[Arc<Disclosed>],
        disclosure: &Disclosure,
    ) -> Result<Effect, Failure> {
        let by_law = self.permitted_by_law(visit, released);
        let effect = match access.break_glass() {
            BreakGlass::NotDeclared => {
                let warning = self.hint(visit, access, disclosure);
                return Ok(Effect { events: by_law, warning });
            }
            BreakGlass::NotHonoured(why) => {
                let shared = visit.transaction();
                let alert = |patient| Event::override_refused(&shared, patient, why.reason());
                let events = concerned(visit, released, disclosure)
                    .iter()
                    .map(|p| alert(p.as_ref()))
                    .collect();
                Weighed { events, barred: Barred::Altogether, name: NOT_HONOURED }
            }
            BreakGlass::Honoured(declared) => {
                self.weigh_honoured(visit, access, declared, released, disclosure)
            }
        };
        let Weighed { events, barred, name } = effect;
        self.count_break_glass(visit, name);
        // told here, and not once more by whatever fails hereafter
        visit.refused = None;
        visit.alerts.extend(events);
        if fails(access, barred) {
            return Err(Failure::NotHonoured);
        }
        let told = barred != Barred::No && access.answer() != Answer::Silent;
        let warning = told.then(|| self.not_honoured());
        visit.alerts.extend(by_law);
        Ok(Effect { events: std::mem::take(&mut visit.alerts), warning })
    }

    fn weigh_honoured(
        &self,
        visit: &mut Visit,
        access: &Access,
        declared: &Declared,
        released: &[Arc<Disclosed>],
        disclosure: &Disclosure,
    ) -> Weighed {
        let mut shared = visit.transaction();
        let barred = released.iter().map(|d| d.barred).max().unwrap_or(Barred::No);
        let mut reasons: BTreeMap<&PatientId, &str> = BTreeMap::new();
        for disclosed in released.iter().filter(|d| d.barred == Barred::Altogether) {
            reasons.insert(&disclosed.patient, "the consent forbids break-glass");
        }
        for withheld in &disclosure.withheld {
            reasons.insert(&withheld.patient, &withheld.why);
        }
        let overridden = match fails(access, barred) {
            // nothing leaves, so nothing was overridden
            true => BTreeMap::new(),
            false => self.released_by(released, Permit::is_override),
        };
        let name = match (overridden.is_empty(), reasons.is_empty()) {
            (false, _) => "override",
            (true, false) => NOT_HONOURED,
            (true, true) => NO_EFFECT,
        };
        let in_vain = concerned(visit, released, disclosure).into_iter().filter_map(|patient| {
            let known = patient.as_ref();
            if known.is_some_and(|patient| overridden.contains_key(patient)) {
                return None;
            }
            let why = known.and_then(|patient| reasons.get(patient)).copied();
            Some((patient, why.unwrap_or("treatment gets the same").to_owned()))
        });
        let in_vain: Vec<_> = in_vain.collect();
        let refusals = reasons
            .iter()
            .map(|(patient, reason)| Event::override_refused(&shared, Some(patient), reason))
            .collect::<Vec<_>>();
        // the code as received, and what it means here
        let normal = Coded::new(Purpose::BTG.code(), "2.16.840.1.113883.5.8");
        if declared.as_received.code != normal.code {
            shared.purposes.push(normal.with_display("break the glass"));
        }
        let of_override = overridden.iter().map(|(patient, released)| {
            glass(visit, access, declared, Some(patient), Ok(released.as_slice()))
        });
        let of_vain = in_vain
            .into_iter()
            .map(|(patient, why)| glass(visit, access, declared, patient.as_ref(), Err(why)));
        let mut reviews = self.open_reviews(of_override.chain(of_vain).collect()).into_iter();
        let mut events = Vec::new();
        for (patient, released) in overridden {
            let (rationale, review) = (declared.rationale.clone(), reviews.next().flatten());
            let one = audit::Override { rationale, review, released };
            events.extend(Event::emergency_override(&shared, patient, &one));
        }
        events.extend(refusals);
        visit.notes.extend(reviews.map(in_vain_note));
        if name == NO_EFFECT {
            visit.notes.push("break-glass declared, without effect".to_owned());
        }
        if barred == Barred::InPart {
            visit.notes.push("warned, since a consent bars break-glass in part".to_owned());
        }
        Weighed { events, barred, name }
    }

    /// Has a declaration reviewed that is honoured and ends in an error: what it alone would release may be why.
    pub(super) fn declared_for_an_error(
        &self,
        visit: &mut Visit,
        access: &Access,
        disclosure: &Disclosure,
        failure: &Failure,
    ) {
        let BreakGlass::Honoured(declared) = access.break_glass() else { return };
        let why = format!("the answer is an error: {}", failure.label());
        let all = concerned(visit, &disclosure.released, disclosure)
            .iter()
            .map(|patient| glass(visit, access, declared, patient.as_ref(), Err(why.clone())))
            .collect();
        visit.notes.extend(self.open_reviews(all).into_iter().map(in_vain_note));
        self.count_break_glass(visit, NO_EFFECT);
    }

    /// The records of what a law permitted.
    fn permitted_by_law(&self, visit: &Visit, released: &[Arc<Disclosed>]) -> Vec<Event> {
        let permitted = self.released_by(released, by_law);
        if permitted.is_empty() {
            return Vec::new();
        }
        let shared = visit.transaction();
        let each = permitted.into_iter();
        each.flat_map(|(patient, one)| Event::part_2_emergency(&shared, patient, &one)).collect()
    }

    /// What such permits alone released, each document once though it was asked for twice.
    fn released_by<'d>(
        &self,
        released: &'d [Arc<Disclosed>],
        such: impl Fn(&Permit) -> bool,
    ) -> BTreeMap<&'d PatientId, Vec<audit::Released>> {
        let mut overridden: BTreeMap<&PatientId, Vec<audit::Released>> = BTreeMap::new();
        let mut named = BTreeSet::new();
        let mut first = |d: &&Arc<Disclosed>| named.insert(d.permit.item());
        for disclosed in released.iter().filter(|d| such(&d.permit) && first(d)) {
            overridden.entry(&disclosed.patient).or_default().push(audit::Released {
                document: audit::Document {
                    unique_id: disclosed.entry.unique_id.clone(),
                    repository: self.settings.repository.to_string(),
                    home: Some(self.settings.home.to_string()),
                },
                labels: disclosed.labels.iter().map(|label| label.code.clone()).collect(),
                rules: disclosed.permit.overridden().iter().filter_map(rule).collect(),
                grounds: grounds(&disclosed.permit),
            });
        }
        overridden
    }

    /// Tells who may break glass that it would release more of what he asks for.
    fn hint(
        &self,
        visit: &Visit,
        access: &Access,
        disclosure: &Disclosure,
    ) -> Option<RegistryError> {
        let Some(Telling::Warning { code }) = access.telling() else { return None };
        let general = visit.transaction.general_error();
        let home = &self.settings.home;
        let warning = || RegistryError::override_available(general, code.as_deref(), home);
        disclosure.liftable.then(warning)
    }

    /// The warning of a declaration that is not honoured; the same for all reasons.
    pub(super) fn not_honoured(&self) -> RegistryError {
        RegistryError::override_not_honoured(&self.settings.home)
    }

    pub(super) fn count_break_glass(&self, visit: &Visit, effect: &'static str) {
        let labels = BreakGlassLabels { partner: visit.partner_label(), effect };
        self.metrics.break_glass.get_or_create(&labels).inc();
    }
}

/// Whether a declaration that is not honoured is answered with nothing but an error.
fn fails(access: &Access, barred: Barred) -> bool {
    barred == Barred::Altogether && access.answer() == Answer::Failure
}

/// What the transaction's record says of a review that no record of its own names.
fn in_vain_note(review: Option<i64>) -> String {
    match review {
        Some(id) => format!("review {id} of break-glass in vain"),
        None => "the review of break-glass in vain is not opened yet".to_owned(),
    }
}

/// Whose documents a declaration was about, as far as that is known.
fn concerned(
    visit: &Visit,
    released: &[Arc<Disclosed>],
    disclosure: &Disclosure,
) -> BTreeSet<Option<PatientId>> {
    let seen = released.iter().map(|d| &d.patient);
    let seen = seen.chain(disclosure.withheld.iter().map(|w| &w.patient));
    let mut patients: BTreeSet<_> = seen.cloned().map(Some).collect();
    if patients.is_empty() {
        patients.insert(visit.query.patient.clone());
    }
    patients
}

fn by_law(permit: &Permit) -> bool {
    permit.basis().element() == PART_2_EMERGENCY
}

/// What an override rests on, with the domain's switch that allowed it, or the consent's rule that permits it.
fn grounds(permit: &Permit) -> Vec<String> {
    let ground = |lift: &Lift| {
        let of_consent = || rule(permit.basis()).map(|rule| rule.to_string());
        let by = match lift {
            Lift::OwnPermit => of_consent(),
            _ => lift.switch().map(str::to_owned),
        };
        let by = by.map(|by| format!(" ({by})")).unwrap_or_default();
        format!("{}: {}{by}", lift.code(), lift.reason())
    };
    permit.lifts().iter().map(ground).collect()
}

/// The rule of a consent as audit names it; the domain's own policy is no consent.
fn rule(basis: &Basis) -> Option<ConsentRule> {
    Some(ConsentRule {
        id: basis.consent()?.to_owned(),
        version: basis.version().map(str::to_owned),
        path: basis.path().to_owned(),
    })
}
