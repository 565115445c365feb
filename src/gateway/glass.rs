//! What a break-glass declaration came to, item by item.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Gateway;
use super::disclosure::{Disclosed, Withheld};
use super::visit::Visit;
use crate::audit::{self, ConsentRule, Event, Room};
use crate::ids::PatientId;
use crate::metrics::BreakGlassLabels;
use crate::policy::{Access, BreakGlass};
use crate::xds::RegistryError;

/// The records and the warning that a declaration leads to.
pub(super) struct Effect {
    /// 110127 for each patient with an override, 110147 where it was not honoured.
    pub(super) events: Vec<Event>,
    /// The constant warning, where the caller is told.
    pub(super) warning: Option<RegistryError>,
    /// What its records may use: those of an honoured declaration all there is, as a life may depend on the answer.
    pub(super) room: Room,
    /// What came of it, for metrics.
    name: &'static str,
}

impl Effect {
    /// That of no declaration.
    fn none() -> Self {
        Self { events: Vec::new(), warning: None, room: Room::Ordinary, name: "" }
    }
}

/// Declared in vain: treatment releases everything already.
const NO_EFFECT: &str = "no-effect";

impl Gateway {
    /// Weighs what was released and what was not; notes on the visit what no event says.
    ///
    /// The warning depends on the caller's role alone, or on a consent of a patient of whom something is released
    /// to him anyway: who may not break glass learns nothing from it (sentence 6).
    pub(super) fn weigh(
        &self,
        visit: &mut Visit,
        access: &Access,
        released: &[Arc<Disclosed>],
        withheld: &[Withheld],
    ) -> Effect {
        let effect = match access.break_glass() {
            BreakGlass::NotDeclared => return Effect::none(),
            BreakGlass::NotHonoured(why) => {
                let seen = released.iter().map(|d| &d.patient);
                let seen = seen.chain(withheld.iter().map(|w| &w.patient));
                let mut patients: BTreeSet<Option<&PatientId>> = seen.map(Some).collect();
                if patients.is_empty() {
                    patients.insert(visit.query.patient.as_ref());
                }
                let shared = visit.transaction();
                let alert = |patient| Event::override_refused(&shared, patient, why.reason());
                let events = patients.into_iter().map(alert).collect();
                let (warning, room) = (Some(self.not_honoured()), Room::Ordinary);
                Effect { events, warning, room, name: "not-honoured" }
            }
            BreakGlass::Honoured(_) => self.weigh_honoured(visit, released, withheld),
        };
        if effect.name == NO_EFFECT {
            visit.notes.push("break-glass declared, without effect".to_owned());
        }
        let labels = BreakGlassLabels { partner: visit.partner_label(), effect: effect.name };
        self.metrics.break_glass.get_or_create(&labels).inc();
        effect
    }

    fn weigh_honoured(
        &self,
        visit: &Visit,
        released: &[Arc<Disclosed>],
        withheld: &[Withheld],
    ) -> Effect {
        let shared = visit.transaction();
        let overridden = self.overridden(released);
        let mut barred: BTreeMap<&PatientId, &str> = BTreeMap::new();
        for disclosed in released.iter().filter(|d| d.forbids_override) {
            barred.insert(&disclosed.patient, "the consent forbids break-glass");
        }
        for withheld in withheld {
            barred.insert(&withheld.patient, &withheld.why);
        }
        let overrides = overridden.iter().flat_map(|(patient, documents)| {
            Event::emergency_override(&shared, patient, documents)
        });
        let alerts = barred
            .iter()
            .map(|(patient, reason)| Event::override_refused(&shared, Some(patient), reason));
        let warned = released.iter().any(|d| d.forbids_override);
        Effect {
            events: overrides.chain(alerts).collect(),
            warning: warned.then(|| self.not_honoured()),
            room: Room::BreakGlass,
            name: match (overridden.is_empty(), barred.is_empty()) {
                (false, _) => "override",
                (true, false) => "not-honoured",
                (true, true) => NO_EFFECT,
            },
        }
    }

    /// What only the override released, each document once though it was asked for twice.
    fn overridden<'d>(
        &self,
        released: &'d [Arc<Disclosed>],
    ) -> BTreeMap<&'d PatientId, Vec<audit::Released>> {
        let mut overridden: BTreeMap<&PatientId, Vec<audit::Released>> = BTreeMap::new();
        let mut named = BTreeSet::new();
        let mut first = |d: &&Arc<Disclosed>| named.insert(d.permit.item());
        for disclosed in released.iter().filter(|d| d.permit.is_override() && first(d)) {
            overridden.entry(&disclosed.patient).or_default().push(audit::Released {
                document: audit::Document {
                    unique_id: disclosed.entry.unique_id.clone(),
                    repository: self.settings.repository.to_string(),
                    home: Some(self.settings.home.to_string()),
                },
                rules: rules(disclosed),
            });
        }
        overridden
    }

    fn not_honoured(&self) -> RegistryError {
        RegistryError::override_not_honoured(&self.settings.home)
    }
}

/// The rule that treatment stopped at, as audit names it; the domain's own policy is no consent.
fn rules(disclosed: &Disclosed) -> Vec<ConsentRule> {
    let basis = disclosed.permit.basis();
    let rule = basis.consent().map(|id| ConsentRule {
        id: id.to_owned(),
        version: basis.version().map(str::to_owned),
        path: basis.path().to_owned(),
    });
    rule.into_iter().collect()
}
