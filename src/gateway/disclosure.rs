//! From a wish to what may leave: patients, consents, candidates, and a decision for each.

use std::sync::Arc;

use super::Gateway;
use super::binding::{bind, readable};
use super::failure::Failure;
use super::terms::Terms;
use super::visit::Visit;
use crate::clock::Timestamp;
use crate::consent::{self, Barred, Denial, Domain, Grant, PART_2_EMERGENCY, Permit};
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

/// Consents named where a search withholds: few patients have more in force.
const NAMED_CONSENTS: usize = 5;

/// What may leave, and what audit must know of the rest.
#[derive(Debug, Default)]
pub(super) struct Disclosure {
    /// Each with its permit, in the repository's order.
    pub(super) released: Vec<Arc<Disclosed>>,
    /// What consent withheld, for audit alone.
    pub(super) withheld: Vec<Withheld>,
    /// What a search was sifted by, where that withheld something.
    pub(super) sifted_by: Option<String>,
    /// What stays for its labels, whatever consent says, for audit alone.
    pub(super) kept: Vec<Withheld>,
    /// Whether break-glass would release some of it; looked into only for who may be told.
    pub(super) liftable: bool,
    /// Whether the patient who was asked for is unknown, opted out, or not whom the assertion speaks of, which nobody can
    /// tell apart.
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
    /// How far the consents of this patient bar the break-glass that was declared.
    pub(super) barred: Barred,
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
        let terms = &*visit.terms;
        match wanted {
            Wanted::Patient(patient, criteria) => {
                let subject = state.patient(access, patient)?;
                let identifiers =
                    subject.as_ref().map_or(std::slice::from_ref(patient), |s| &s.identifiers);
                let binding = bind(claims, identifiers, manner);
                disclosure.note(binding.note);
                if !binding.holds {
                    // only a patient who is known has further identifiers to compare
                    disclosure.nobody = true;
                    return Ok(disclosure);
                }
                if let Some(subject) = subject {
                    let found = &mut disclosure;
                    let grant =
                        self.decide_for(state, access, terms, &subject, patient, criteria, found)?;
                    disclosure.nobody = grant.opts_out() && disclosure.released.is_empty();
                } else {
                    disclosure.nobody = true;
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
                        let _grant = self.decide_for(
                            state, access, terms, &subject, &patient, &criteria, found,
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
        terms: &Terms,
        subject: &Subject,
        patient: &PatientId,
        criteria: &Criteria,
        disclosure: &mut Disclosure,
    ) -> Result<Grant, Failure> {
        let consents = state.consents(access, subject.key)?;
        let (now, references) = (self.clock.now(), &subject.references);
        let grant = terms.consents.grant(access, subject.key, references, &consents, now);
        let barred = grant.break_glass_barred();
        let telling = matches!(access.telling(), Some(Telling::Warning { .. }));
        let found = match telling {
            // what break-glass would release of it is looked at too
            true => state.find(&grant, criteria)?,
            false => candidates(state, &grant, patient, criteria, disclosure)?,
        };
        let outbound = self.outbound(terms, access);
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
                            barred,
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

/// What is decided item by item: of documents asked for by name all, since audit tells why each was withheld.
fn candidates(
    state: &dyn Snapshot,
    grant: &Grant,
    patient: &PatientId,
    criteria: &Criteria,
    disclosure: &mut Disclosure,
) -> Result<Vec<Candidate>, Failure> {
    if let Criteria::Items(_) = criteria {
        return Ok(state.find(grant, criteria)?);
    }
    let sifted = state.sift(grant, criteria)?;
    if sifted.withheld.is_empty() {
        return Ok(sifted.candidates);
    }
    let by = grounds(grant);
    let withheld = sifted.withheld.into_iter().map(|unique_id| Withheld {
        unique_id,
        patient: patient.clone(),
        why: format!("withheld by {by}"),
    });
    disclosure.withheld.extend(withheld);
    disclosure.sifted_by = Some(by);
    Ok(sifted.candidates)
}

/// What withholds in a search: which rule withholds which document would take time that a caller could measure, and
/// `glassgate explain` tells.
fn grounds(grant: &Grant) -> String {
    let all = grant.rests_on();
    let more = all.len().saturating_sub(NAMED_CONSENTS);
    let one = |(id, version): (&str, &str)| format!("Consent/{id}/_history/{version}");
    let mut named: Vec<String> = all.take(NAMED_CONSENTS).map(one).collect();
    if named.is_empty() {
        return "the domain's policy".to_owned();
    }
    named.extend((more > 0).then(|| format!("{more} more")));
    named.join(", ")
}

impl Disclosure {
    /// What audit must know of what stays, in numbers.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.notes.iter().map(ToString::to_string).collect();
        let by = self.sifted_by.as_ref().map(|by| format!("withheld by {by}"));
        let withheld = by.unwrap_or_else(|| "withheld".to_owned());
        let counts = [(self.withheld.len(), &*withheld), (self.kept.len(), "withheld for labels")];
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
