//! From a wish to what may leave: patients, consents, candidates, and a decision for each.

use std::sync::Arc;

use super::Gateway;
use super::binding::{bind, readable};
use super::failure::Failure;
use super::visit::Visit;
use crate::consent::{self, Denial, Domain, Permit};
use crate::ids::PatientId;
use crate::policy::Access;
use crate::repository::{Criteria, Items, Released, Snapshot, Subject};

/// What a request is after.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// Documents of one patient.
    Patient(PatientId, Criteria),
    /// Documents by their ids, whosesoever they are.
    Items(Items),
}

/// What may leave, and what audit must know of the rest.
#[derive(Debug, Default)]
pub(super) struct Disclosure {
    /// Each with its permit, in the repository's order.
    pub(super) released: Vec<Arc<Disclosed>>,
    /// What was withheld, for audit alone.
    pub(super) withheld: Vec<Withheld>,
    /// What audit must know of the assertion's resource-ids.
    pub(super) notes: Vec<&'static str>,
}

/// One document that may leave.
#[derive(Debug)]
pub(super) struct Disclosed {
    pub(super) permit: Permit,
    pub(super) entry: Released,
    pub(super) patient: PatientId,
    /// Whether a consent of this patient forbids the break-glass that was declared.
    pub(super) forbids_override: bool,
}

/// One document that stays.
#[derive(Debug)]
pub(super) struct Withheld {
    pub(super) unique_id: String,
    pub(super) patient: PatientId,
    pub(super) why: String,
}

impl Disclosure {
    /// Notes once what holds of several patients.
    fn note(&mut self, note: Option<&'static str>) {
        self.notes.extend(note.filter(|note| !self.notes.contains(note)));
    }
}

impl Gateway {
    /// Decides each document that is wanted; blocks.
    pub(super) fn disclose(
        &self,
        visit: &Visit,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<Disclosure, Failure> {
        let mut disclosure = Disclosure::default();
        let claims = access.principal().claims();
        let manner = visit.terms.manners(&claims.partner).resource_id;
        match readable(claims, manner) {
            Ok(note) => disclosure.notes.extend(note),
            Err(why) => {
                disclosure.notes.push(why);
                return Ok(disclosure);
            }
        }
        // one state for all of it: no document is found without the consent that came with it
        let state = &*self.repository.snapshot()?;
        let domain = &visit.terms.domain;
        match wanted {
            Wanted::Patient(patient, criteria) => {
                let subject = state.patient(access, patient)?;
                let identifiers =
                    subject.as_ref().map_or(std::slice::from_ref(patient), |s| &s.identifiers);
                let binding = bind(claims, identifiers, manner);
                disclosure.note(binding.note);
                if binding.holds
                    && let Some(subject) = subject
                {
                    let found = &mut disclosure;
                    self.decide_for(state, access, domain, &subject, patient, criteria, found)?;
                }
            }
            Wanted::Items(items) => {
                for subject in state.patients_of(access, items)? {
                    let Some(patient) = subject.identifiers.first().cloned() else { continue };
                    let binding = bind(claims, &subject.identifiers, manner);
                    disclosure.note(binding.note);
                    if binding.holds {
                        let criteria = Criteria::Items(items.clone());
                        let found = &mut disclosure;
                        self.decide_for(
                            state, access, domain, &subject, &patient, &criteria, found,
                        )?;
                    }
                }
            }
        }
        Ok(disclosure)
    }

    #[allow(clippy::too_many_arguments, reason = "one patient of a request")]
    fn decide_for(
        &self,
        state: &dyn Snapshot,
        access: &Access,
        domain: &Domain,
        subject: &Subject,
        patient: &PatientId,
        criteria: &Criteria,
        disclosure: &mut Disclosure,
    ) -> Result<(), Failure> {
        let consents = state.consents(access, subject.key)?;
        let grant = consent::grant(
            access,
            subject.key,
            &subject.references,
            &consents,
            domain,
            self.clock.now(),
        );
        let forbids_override = grant.break_glass_forbidden();
        for candidate in state.find(&grant, criteria)? {
            match grant.decide(&candidate.facts).outcome() {
                Ok(permit) => {
                    if let Some(entry) = state.release(&permit)? {
                        let patient = patient.clone();
                        let disclosed = Disclosed { permit, entry, patient, forbids_override };
                        disclosure.released.push(Arc::new(disclosed));
                    }
                }
                Err(denial) => disclosure.withheld.push(Withheld {
                    unique_id: candidate.unique_id,
                    patient: patient.clone(),
                    why: reason(&denial),
                }),
            }
        }
        Ok(())
    }
}

/// What denies, by consent, version, path and element, and why break-glass did not help.
fn reason(denial: &Denial) -> String {
    let basis = denial.basis();
    let mut reason = match basis.consent() {
        Some(id) => format!(
            "withheld by Consent/{id}/_history/{}#{} ({})",
            basis.version().unwrap_or("-"),
            basis.path(),
            basis.element()
        ),
        None => format!("withheld by the domain's policy ({})", basis.element()),
    };
    if let Some(bar) = denial.break_glass() {
        reason.push_str(", break-glass barred: ");
        reason.push_str(bar.code());
    }
    reason
}
