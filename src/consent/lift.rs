use std::sync::Arc;

use super::condition::Label;
use super::decision::{Bar, Basis};
use super::domain::Implicit;
use super::dossier::Weighed;
use super::grant::{Grant, PART_2_EMERGENCY};
use super::item::Item;
use super::logic::Effect;
use super::plan::{Found, Plan, Verdict};
use super::request::View;
use crate::ids::Coded;
use crate::labels::{Sensitivity, covers};

/// What an override rests on, in the order of how much a review will ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lift {
    /// A consent permits BTG itself.
    OwnPermit,
    /// The domain's implicit policy permits break-glass and nothing else.
    ImplicitPolicy,
    /// A consent that permits exchange withholds the item.
    Withholding,
    /// A consent denies BTG itself, and the domain does not honour that.
    Ban,
    /// A consent's base denies, and the domain lets break-glass override that.
    OptOut,
    /// A consent cannot be enforced, so that nobody knows what the patient decided.
    Unenforceable,
}

impl Lift {
    /// A stable name for audit, metrics and review.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OwnPermit => "own-permit",
            Self::ImplicitPolicy => "implicit-policy",
            Self::Withholding => "withholding",
            Self::Ban => "patient-ban",
            Self::OptOut => "opt-out",
            Self::Unenforceable => "unenforceable",
        }
    }

    /// The domain's switch that allowed it, as `glassgate.toml` has it, where it took one.
    #[must_use]
    pub fn switch(self) -> Option<&'static str> {
        match self {
            Self::OwnPermit | Self::ImplicitPolicy | Self::Withholding => None,
            Self::Ban => Some("honour_patient_btg_ban"),
            Self::OptOut => Some("btg_overrides_opt_out"),
            Self::Unenforceable => Some("btg_overrides_unenforceable"),
        }
    }

    /// What a reviewer reads.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::OwnPermit => "the consent permits break-glass",
            Self::ImplicitPolicy => "no consent speaks, and the domain permits break-glass",
            Self::Withholding => "overrode what a consent withholds",
            Self::Ban => "overrode a consent's denial of break-glass, as the domain allows",
            Self::OptOut => "overrode a consent that denies exchange, as the domain allows",
            Self::Unenforceable => "overrode a consent that cannot be enforced",
        }
    }
}

/// How far a patient's consents bar break-glass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Barred {
    /// Not at all.
    No,
    /// For some items, whether or not there are any.
    InPart,
    /// Whichever the item.
    Altogether,
}

/// What break-glass lifts of an item.
pub(super) struct Lifted {
    /// The gravest of what was overridden, or the rule that itself permits BTG.
    pub(super) basis: Basis,
    pub(super) lifts: Vec<Lift>,
    /// What each consent withholds the item by.
    pub(super) overridden: Vec<Basis>,
}

/// What break-glass finds in one consent.
enum Stance {
    /// It says nothing, or permits as treatment.
    Aside,
    /// It permits BTG itself.
    Permits(Found),
    /// It withholds, and may be overridden for these reasons.
    Withholds(Found, Vec<Lift>),
    /// The same, but once it is set aside it says nothing, and the implicit policy holds.
    SetAside(Found, Vec<Lift>),
    /// It must not be overridden.
    Bars(Bar, Found),
}

impl Grant {
    /// Why break-glass adds nothing for this patient at all, whichever the item.
    #[must_use]
    pub fn break_glass_bar(&self) -> Option<Bar> {
        let switches = self.switches;
        let bar = |consent: &Arc<Weighed>| match &consent.plan {
            Err(_) => (!switches.unenforceable).then_some(Bar::Unenforceable),
            Ok(plan) if plan.opts_out() && !switches.opt_out => Some(Bar::OptOut),
            Ok(plan) if plan.base() == Effect::Permit && !plan.permits_exchange() => {
                (!self.is_no_matter(plan)).then_some(Bar::OtherPurpose)
            }
            Ok(plan) if plan.forbids_all_break_glass() && !switches.ban => Some(Bar::Forbidden),
            Ok(_) => None,
        };
        self.consents.iter().filter_map(bar).min()
    }

    /// How far the patient's consents bar break-glass; it tells nothing of which items there are.
    #[must_use]
    pub fn break_glass_barred(&self) -> Barred {
        let switches = self.switches;
        let in_part = |consent: &Arc<Weighed>| {
            let Ok(plan) = &consent.plan else { return false };
            plan.opts_some_out() && !switches.opt_out
                || plan.forbids_some_break_glass() && !switches.ban
        };
        match self.break_glass_bar() {
            Some(_) => Barred::Altogether,
            None if self.consents.iter().any(in_part) => Barred::InPart,
            None => Barred::No,
        }
    }

    /// Whether a consent for other purposes, such as research, stands beside one that permits exchange: treatment
    /// leaves it aside, and so does break-glass.
    fn is_no_matter(&self, plan: &Plan) -> bool {
        let permits =
            |consent: &Arc<Weighed>| consent.plan.as_ref().is_ok_and(Plan::permits_exchange);
        plan.leaves_it_to_others() && self.consents.iter().any(permits)
    }

    /// What break-glass lifts of an item that treatment does not get: withholding rules up to the ceiling, unless
    /// a consent, of whatever authority, bars it.
    pub(super) fn lifted(&self, item: &Item<'_>) -> Result<Lifted, (Bar, Option<Basis>)> {
        let (mut permits, mut overridden, mut barred) = (None, None::<(Option<Lift>, Basis)>, None);
        let (mut withheld, mut lifts, mut all) = (false, Vec::new(), Vec::new());
        for consent in self.consents.iter() {
            let basis = |found| Basis { consent: Some(Arc::clone(consent)), found };
            let stance = self.stance(consent, item);
            withheld |= matches!(stance, Stance::Withholds(..));
            match stance {
                Stance::Aside => {}
                Stance::Permits(found) => permits = permits.or_else(|| Some(basis(found))),
                // the override that says most, whatever the order of consents
                Stance::Withholds(found, by) | Stance::SetAside(found, by) => {
                    all.push(basis(found));
                    let gravest = by.iter().max().copied();
                    if overridden.as_ref().is_none_or(|(known, _)| gravest > *known) {
                        overridden = Some((gravest, basis(found)));
                    }
                    lifts.extend(by);
                }
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
        let (beyond, sealed) = (item.presumed() > self.ceiling, item.bears(&self.sealed));
        let closed = self.implicit == Implicit::Deny;
        let basis = match (overridden, permits) {
            (Some((_, basis)), _) if beyond => return Err((Bar::Ceiling, Some(basis))),
            (Some((_, basis)), _) if sealed => return Err((Bar::Sensitivity, Some(basis))),
            (Some((_, basis)), None) if !withheld && closed => {
                return Err((Bar::Implicit, Some(basis)));
            }
            (Some((_, basis)), _) => basis,
            // the domain's limits stand above the patient's own permit
            (None, Some(basis)) if beyond => return Err((Bar::Ceiling, Some(basis))),
            (None, Some(basis)) if sealed => return Err((Bar::Sensitivity, Some(basis))),
            (None, Some(basis)) => {
                lifts.push(Lift::OwnPermit);
                basis
            }
            (None, None) if self.implicit != Implicit::BreakGlassOnly => {
                return Err((Bar::Implicit, None));
            }
            (None, None) if beyond => return Err((Bar::Ceiling, None)),
            (None, None) if sealed => return Err((Bar::Sensitivity, None)),
            (None, None) => {
                lifts.push(Lift::ImplicitPolicy);
                Basis::without_consent("implicit")
            }
        };
        lifts.sort_unstable();
        lifts.dedup();
        Ok(Lifted { basis, lifts, overridden: all })
    }

    /// What a law permits in an emergency of what it protects: never more than break-glass lifts of a consent that
    /// permits exchange, and nothing that is withheld for more than its confidentiality or that protection.
    pub(super) fn by_law(&self, item: &Item<'_>) -> Option<(Basis, Vec<Basis>)> {
        if !self.emergency || !item.bears(&[part_2()]) {
            return None;
        }
        let Lifted { basis, lifts, overridden } = self.lifted(item).ok()?;
        let for_this = |consent: &Arc<Weighed>| match &consent.plan {
            Ok(plan) => self.is_no_matter(plan) || plan.withholds_only_for(item, is_of_part_2),
            Err(_) => false,
        };
        if !self.consents.iter().all(for_this) {
            return None;
        }
        let plain = lifts.iter().all(|lift| matches!(lift, Lift::Withholding | Lift::OwnPermit));
        let found = Found { element: PART_2_EMERGENCY, ..basis.found };
        plain.then_some((Basis { found, ..basis }, overridden))
    }

    fn stance(&self, consent: &Weighed, item: &Item<'_>) -> Stance {
        let plan = match &consent.plan {
            Ok(plan) => plan,
            Err(reason) => {
                let found = Found { rule: None, element: reason.code() };
                return if self.switches.unenforceable {
                    Stance::Withholds(found, vec![Lift::Unenforceable])
                } else {
                    Stance::Bars(Bar::Unenforceable, found)
                };
            }
        };
        let found = match plan.decide(View::BreakGlass, item) {
            Verdict::Silent => return Stance::Aside,
            Verdict::Permit(found) if plan.names_break_glass(found) => {
                return Stance::Permits(found);
            }
            // an exception to what denies emergencies permits only what treatment gets as well
            Verdict::Permit(_) => match plan.decide(View::Treatment, item) {
                Verdict::Permit(_) | Verdict::Silent => return Stance::Aside,
                Verdict::Deny(found) | Verdict::Closed(found) => found,
            },
            Verdict::Deny(found) | Verdict::Closed(found) => found,
        };
        self.withheld(plan, item, found)
    }

    /// What break-glass makes of a consent that withholds an item.
    fn withheld(&self, plan: &Plan, item: &Item<'_>, found: Found) -> Stance {
        if plan.base_opts_out() && !self.switches.opt_out {
            return Stance::Bars(Bar::OptOut, found);
        }
        if plan.base() == Effect::Permit && !plan.permits_exchange() {
            return match self.is_no_matter(plan) {
                true => Stance::Aside,
                false => Stance::Bars(Bar::OtherPurpose, found),
            };
        }
        let forbidding = plan.forbids_break_glass(item);
        let forbidding = forbidding.or_else(|| plan.base_names_break_glass().then_some(found));
        match forbidding {
            Some(forbidding) if !self.switches.ban => Stance::Bars(Bar::Forbidden, forbidding),
            Some(_) if plan.base_opts_out() => {
                Stance::SetAside(found, vec![Lift::Ban, Lift::OptOut])
            }
            None if plan.base_opts_out() => Stance::SetAside(found, vec![Lift::OptOut]),
            Some(_) if plan.base() == Effect::Deny => Stance::SetAside(found, vec![Lift::Ban]),
            Some(_) => Stance::Withholds(found, vec![Lift::Ban]),
            None => Stance::Withholds(found, vec![Lift::Withholding]),
        }
    }
}

/// The label of what 42 CFR Part 2 protects.
fn part_2() -> Coded {
    Coded::new("42CFRPart2", "2.16.840.1.113883.5.4")
}

/// Whether a rule's label is about confidentiality alone, or about what 42 CFR Part 2 protects: substance use.
fn is_of_part_2(label: &Label) -> bool {
    match label {
        Label::Confidentiality(_) => true,
        Label::Sensitivity(one) => Sensitivity::from_code("SUD").is_some_and(|s| s.covers(*one)),
        Label::Other(label) => covers(&part_2(), label),
        Label::Unreadable => false,
    }
}
