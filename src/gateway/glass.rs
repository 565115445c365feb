//! What a break-glass declaration came to, item by item.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Gateway;
use super::disclosure::{Disclosed, Withheld};
use super::visit::Visit;
use crate::audit::{self, ConsentRule, Event};
use crate::ids::PatientId;
use crate::metrics::BreakGlassLabels;
use crate::policy::{Access, BreakGlass};
use crate::xds::RegistryError;

/// The records and the warning that a declaration leads to.
#[derive(Default)]
pub(super) struct Effect {
    /// 110127 for each patient with an override, 110147 where it was not honoured.
    pub(super) events: Vec<Event>,
    /// The constant warning, where the caller is told.
    pub(super) warning: Option<RegistryError>,
}

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
        let mut effect = Effect::default();
        match access.break_glass() {
            BreakGlass::NotDeclared => return effect,
            BreakGlass::NotHonoured(why) => {
                let patient = released.first().map(|d| &d.patient).or(visit.query.patient.as_ref());
                let alert = Event::override_refused(&visit.transaction(), patient, why.reason());
                effect.events.push(alert);
                effect.warning = Some(RegistryError::override_not_honoured(&self.settings.home));
                self.count_glass(visit, "not-honoured");
            }
            BreakGlass::Honoured(_) => self.weigh_honoured(visit, released, withheld, &mut effect),
        }
        effect
    }

    fn weigh_honoured(
        &self,
        visit: &mut Visit,
        released: &[Arc<Disclosed>],
        withheld: &[Withheld],
        effect: &mut Effect,
    ) {
        let home = self.settings.home.to_string();
        let mut overridden: BTreeMap<&PatientId, Vec<audit::Released>> = BTreeMap::new();
        // a document may be asked for twice; it is released once
        let mut named = BTreeSet::new();
        let mut first = |d: &&Arc<Disclosed>| named.insert(d.permit.item());
        for disclosed in released.iter().filter(|d| d.permit.is_override() && first(d)) {
            overridden.entry(&disclosed.patient).or_default().push(audit::Released {
                document: audit::Document {
                    unique_id: disclosed.entry.unique_id.clone(),
                    repository: self.settings.repository.to_string(),
                    home: Some(home.clone()),
                },
                rules: rules(disclosed),
            });
        }
        for (patient, documents) in &overridden {
            let shared = visit.transaction();
            effect.events.extend(Event::emergency_override(&shared, patient, documents));
        }
        let forbidden = released.iter().find(|d| d.forbids_override);
        if forbidden.is_some() {
            effect.warning = Some(RegistryError::override_not_honoured(&self.settings.home));
        }
        let refused = forbidden.map(|d| &d.patient).or(withheld.first().map(|w| &w.patient));
        if let Some(patient) = refused {
            let reason = withheld.first().map_or("the consent forbids break-glass", |w| &w.why);
            let alert = Event::override_refused(&visit.transaction(), Some(patient), reason);
            effect.events.push(alert);
        }
        let outcome = match (overridden.is_empty(), refused) {
            (false, _) => "override",
            (true, Some(_)) => "not-honoured",
            (true, None) => {
                visit.notes.push("break-glass declared, without effect".to_owned());
                "no-effect"
            }
        };
        self.count_glass(visit, outcome);
    }

    fn count_glass(&self, visit: &Visit, effect: &'static str) {
        let labels = BreakGlassLabels { partner: visit.partner_label(), effect };
        self.metrics.break_glass.get_or_create(&labels).inc();
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
