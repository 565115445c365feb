//! From a wish to what may leave: patients, consents, candidates, and a decision for each.

use std::sync::Arc;

use super::Gateway;
use super::failure::Failure;
use crate::clock::Timestamp;
use crate::consent::{self, Bar, Denial, Domain, Grant, PART_2_EMERGENCY, Permit};
use crate::ids::{Coded, PatientId};
use crate::labels::{Confidentiality, HighWater};
use crate::policy::{Access, Telling};
use crate::repository::{self, Candidate, Criteria, Items, Released, Snapshot, Subject};

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
    /// What consent withheld, for audit alone.
    pub(super) withheld: Vec<Withheld>,
    /// What stays for its labels, whatever consent says, for audit alone.
    pub(super) kept: Vec<Withheld>,
    /// Whether break-glass would release some of it; looked into only for who may be told.
    pub(super) liftable: bool,
    /// Whether the patient who was asked for is unknown or opted out, which nobody can tell apart.
    pub(super) nobody: bool,
    /// What audit must know of the assertion's resource-ids.
    pub(super) notes: Vec<&'static str>,
}

/// One document that may leave.
#[derive(Debug)]
pub(super) struct Disclosed {
    pub(super) permit: Permit,
    pub(super) entry: Released,
    pub(super) patient: PatientId,
    /// Its labels, where more than treatment releases it.
    pub(super) labels: Vec<Coded>,
    /// Whether a consent of this patient forbids the break-glass that was declared.
    pub(super) forbids_override: bool,
    /// How confidential it is, where its labels say so.
    pub(super) confidentiality: Option<Confidentiality>,
    /// Whether the partner is shown that alone of its labels.
    pub(super) level_alone: bool,
}

/// One document that stays.
#[derive(Debug)]
pub(super) struct Withheld {
    pub(super) unique_id: String,
    pub(super) patient: PatientId,
    pub(super) why: String,
}

impl Gateway {
    /// Decides each document that is wanted; blocks.
    pub(super) fn disclose(&self, access: &Access, wanted: &Wanted) -> Result<Disclosure, Failure> {
        let mut disclosure = Disclosure::default();
        let claims = access.principal().claims();
        if claims.unreadable_patients > 0 {
            disclosure
                .notes
                .push("the assertion's resource-id is unreadable, perhaps another patient's");
            return Ok(disclosure);
        }
        if claims.unassigned_patients > 0 {
            disclosure.notes.push("the assertion's resource-id has no authority and binds nothing");
        }
        // one state for all of it: no document is found without the consent that came with it
        let state = &*self.repository.snapshot()?;
        let mut other_patient = false;
        match wanted {
            Wanted::Patient(patient, criteria) => {
                let subject = state.patient(access, patient)?;
                let identifiers =
                    subject.as_ref().map_or(std::slice::from_ref(patient), |s| &s.identifiers);
                if !speaks_of(access, identifiers) {
                    other_patient = true;
                } else if let Some(subject) = subject {
                    let grant = self.decide_for(
                        state,
                        access,
                        &subject,
                        patient,
                        criteria,
                        &mut disclosure,
                    )?;
                    disclosure.nobody = grant.break_glass_bar() == Some(Bar::OptOut);
                } else {
                    disclosure.nobody = true;
                }
            }
            Wanted::Items(items) => {
                for subject in state.patients_of(access, items)? {
                    let Some(patient) = subject.identifiers.first().cloned() else { continue };
                    if speaks_of(access, &subject.identifiers) {
                        let criteria = Criteria::Items(items.clone());
                        let _grant = self.decide_for(
                            state,
                            access,
                            &subject,
                            &patient,
                            &criteria,
                            &mut disclosure,
                        )?;
                    } else {
                        other_patient = true;
                    }
                }
            }
        }
        if other_patient {
            disclosure.notes.push("the assertion's resource-id is another patient's");
        }
        Ok(disclosure)
    }

    fn decide_for(
        &self,
        state: &dyn Snapshot,
        access: &Access,
        subject: &Subject,
        patient: &PatientId,
        criteria: &Criteria,
        disclosure: &mut Disclosure,
    ) -> Result<Grant, Failure> {
        let consents = state.consents(access, subject.key)?;
        let now = self.clock.now();
        let grant = self.consents.grant(access, subject.key, &subject.references, &consents, now);
        let forbids_override = grant.break_glass_forbidden();
        let telling = matches!(access.telling(), Some(Telling::Warning { .. }));
        let found = match criteria {
            // by name, so that audit tells why each was withheld; and where the entitled are told, what they are not shown
            Criteria::Items(_) => state.find(&grant, criteria)?,
            Criteria::All { .. } if telling => state.find(&grant, criteria)?,
            Criteria::All { .. } => sifted(state, &grant, patient, criteria, disclosure)?,
        };
        let outbound = self.outbound(access);
        for candidate in found {
            if let Err(kept) = outbound.check(&candidate.facts) {
                let (unique_id, patient) = (candidate.unique_id, patient.clone());
                let why = format!("withheld for its labels: {kept}");
                disclosure.kept.push(Withheld { unique_id, patient, why });
                continue;
            }
            match grant.decide(&candidate.facts).outcome() {
                Ok(permit) => {
                    if let Some(entry) = state.release(&permit)? {
                        let patient = patient.clone();
                        let labels = candidate.facts.labels;
                        let confidentiality = Confidentiality::of(&labels);
                        let more =
                            permit.is_override() || permit.basis().element() == PART_2_EMERGENCY;
                        let disclosed = Disclosed {
                            level_alone: outbound.strips(&entry),
                            confidentiality,
                            permit,
                            entry,
                            patient,
                            labels: if more { labels } else { Vec::new() },
                            forbids_override,
                        };
                        disclosure.released.push(Arc::new(disclosed));
                    }
                }
                Err(denial) => {
                    disclosure.liftable |= telling && grant.would_lift(&candidate.facts);
                    disclosure.withheld.push(Withheld {
                        unique_id: candidate.unique_id,
                        patient: patient.clone(),
                        why: reason(&denial),
                    });
                }
            }
        }
        Ok(grant)
    }
}

/// What may perhaps be released; the rest is left unread.
fn sifted(
    state: &dyn Snapshot,
    grant: &Grant,
    patient: &PatientId,
    criteria: &Criteria,
    disclosure: &mut Disclosure,
) -> Result<Vec<Candidate>, Failure> {
    let sifted = state.sift(grant, criteria)?;
    let withheld = sifted.withheld.into_iter().map(|unique_id| Withheld {
        unique_id,
        patient: patient.clone(),
        why: "withheld by the patient's consents or the domain's policy".to_owned(),
    });
    disclosure.withheld.extend(withheld);
    Ok(sifted.candidates)
}

impl Disclosure {
    /// What audit must know of what stays, in numbers.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.notes.iter().map(ToString::to_string).collect();
        let counts = [(self.withheld.len(), "withheld"), (self.kept.len(), "withheld for labels")];
        let told = counts.into_iter().filter(|(count, _)| *count > 0);
        remarks.extend(told.map(|(count, how)| format!("{count} {how}")));
        remarks
    }
}

/// What audit must know of what leaves: the highest confidentiality of it all, and of nothing else.
pub(super) fn high_water(released: &[Arc<Disclosed>]) -> Option<String> {
    let mut high_water = HighWater::default();
    released.iter().for_each(|disclosed| high_water.add(disclosed.confidentiality));
    Some(format!("confidentiality up to {}", high_water.mark()?.code()))
}

/// Weighs a patient's consents for an access.
pub(super) fn weigh(
    state: &dyn Snapshot,
    access: &Access,
    subject: &Subject,
    domain: &Domain,
    now: Timestamp,
) -> Result<Grant, repository::Error> {
    let consents = state.consents(access, subject.key)?;
    Ok(consent::grant(access, subject.key, &subject.references, &consents, domain, now))
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

/// Whether the assertion's resource-ids, where comparable, mean this patient.
///
/// Comparable is what carries an assigning authority that the patient has an identifier of.
fn speaks_of(access: &Access, identifiers: &[PatientId]) -> bool {
    let stated = &access.principal().claims().patients;
    let mut comparable = stated
        .iter()
        .filter(|s| identifiers.iter().any(|id| id.authority() == s.authority()))
        .peekable();
    comparable.peek().is_none() || comparable.any(|s| identifiers.contains(s))
}
