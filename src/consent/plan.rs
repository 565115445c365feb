use std::sync::Arc;

use super::condition::Label;
use super::item::Item;
use super::logic::{Effect, Match, Met};
use super::request::{Asked, Request, View, purpose};
use super::residual::{Clause, Residual};
use super::tree::{Dialect, Rule, Tree};

/// A consent with its request side worked out, ready for item after item.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tree: Arc<Tree>,
    root: Asked,
    rules: Vec<Asked>,
    treatment: Residual,
    break_glass: Residual,
    /// Whether the base permits exchange for the purposes asked for, be it to others: such withholding can be lifted.
    permits_exchange: bool,
}

/// What one consent says of one item.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict {
    Permit(Found),
    /// Withheld: no other consent's permit helps.
    Deny(Found),
    /// It permits, but not this request: another consent may.
    Closed(Found),
    /// It denies something else.
    Silent,
}

/// The rule that decides, `None` for the base, and the element that tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) rule: Option<usize>,
    pub(super) element: &'static str,
}

impl Plan {
    pub(super) fn new(tree: Arc<Tree>, request: &Request<'_>) -> Self {
        let root = Asked::of(&tree.root, tree.base, request);
        let rules = tree.rules.iter();
        let rules: Vec<_> =
            rules.map(|rule| Asked::of(&rule.condition, rule.effect, request)).collect();
        let addressed = purpose(&tree.root, Effect::Permit, request, View::BreakGlass);
        let permits_exchange =
            tree.base == Effect::Permit && addressed.is_none_or(|found| found == Match::Yes);
        let residual = |view| Residual::of(&tree, &root, &rules, view);
        let (treatment, break_glass) = (residual(View::Treatment), residual(View::BreakGlass));
        Self { tree, root, rules, treatment, break_glass, permits_exchange }
    }

    /// What is left of the consent for this request, for item after item.
    pub(super) fn residual(&self, view: View) -> &Residual {
        match view {
            View::Treatment => &self.treatment,
            View::BreakGlass => &self.break_glass,
        }
    }

    pub(super) fn base(&self) -> Effect {
        self.tree.base
    }

    pub(super) fn effect(&self, clause: &Clause) -> Option<Effect> {
        self.tree.rules.get(clause.rule).map(|rule| rule.effect)
    }

    /// Whether `clause` is nested in `other`.
    pub(super) fn is_within(&self, clause: &Clause, other: &Clause) -> bool {
        let end = self.tree.rules.get(other.rule).map_or(0, |rule| rule.end);
        clause.rule > other.rule && clause.rule < end
    }

    /// Whether it does not speak of this request.
    pub(super) fn is_closed(&self) -> bool {
        self.root.treatment.found == Match::No
    }

    /// Whether treatment gets the same of every item.
    pub(super) fn is_constant(&self) -> bool {
        self.is_closed()
            || self.treatment.clauses.iter().all(|clause| clause.data.is_empty())
                && !self.tree.root.restricts_data()
    }

    pub(super) fn permits_exchange(&self) -> bool {
        self.permits_exchange
    }

    /// Whether it certainly speaks of other purposes alone, and forbids BTG nowhere: it leaves this request to others.
    pub(super) fn leaves_it_to_others(&self) -> bool {
        let forbids = |rule: &Rule| rule.effect == Effect::Deny && rule.speaks_of_break_glass();
        self.tree.base == Effect::Permit
            && !self.permits_exchange
            && self.root.break_glass.found == Match::No
            && !self.tree.rules.iter().any(forbids)
    }

    /// Decides an item: the deepest matching rules win along a branch, a denial among siblings, else the base holds.
    pub(super) fn decide(&self, view: View, item: &Item<'_>) -> Verdict {
        let gate = self.root.by(view);
        let base = self.tree.base;
        if gate.found == Match::No {
            return match base {
                Effect::Permit => Verdict::Closed(self.base_found(gate)),
                Effect::Deny => Verdict::Silent,
            };
        }
        if let Some((effect, found)) = self.exception(view, item, |_| true) {
            return match effect {
                Effect::Permit => Verdict::Permit(found),
                Effect::Deny => Verdict::Deny(found),
            };
        }
        let data = item.met(&self.tree.root, base);
        match base {
            Effect::Permit if data.found != Match::Yes => Verdict::Deny(self.base_found(data)),
            Effect::Permit if gate.found != Match::Yes => Verdict::Closed(self.base_found(gate)),
            Effect::Permit => Verdict::Permit(self.base_found(gate.and_met(data))),
            Effect::Deny if data.found == Match::No => Verdict::Silent,
            Effect::Deny => Verdict::Deny(self.base_found(gate.and_met(data))),
        }
    }

    /// Whether all that withholds an item from treatment, if anything does, is about such labels of it.
    pub(super) fn withholds_only_for(
        &self,
        item: &Item<'_>,
        such: impl Fn(&Label) -> bool,
    ) -> bool {
        match self.decide(View::Treatment, item) {
            Verdict::Permit(_) | Verdict::Silent => return true,
            Verdict::Closed(_) => return false,
            Verdict::Deny(_) => {}
        }
        let mut all = true;
        self.leaves(
            View::Treatment,
            item,
            |_| true,
            |_, rule| {
                if rule.effect == Effect::Deny {
                    let mut denied = item.denied(&rule.condition.labels).peekable();
                    all &= denied.peek().is_some() && denied.all(&such);
                }
            },
        );
        let root = &self.tree.root;
        let is_met = item.met(root, self.tree.base).found == Match::Yes;
        let by_labels = || root.asks_only_for_labels() && root.labels.iter().all(&such);
        let addressed = self.root.treatment.found == Match::Yes;
        all && self.tree.base == Effect::Permit && addressed && (is_met || by_labels())
    }

    /// Whether a denial that names BTG itself, or may, stands for an item, with no exception for break-glass in it.
    pub(super) fn forbids_break_glass(&self, item: &Item<'_>) -> Option<Found> {
        if self.root.break_glass.found == Match::No {
            return None;
        }
        match self.exception(View::BreakGlass, item, Rule::speaks_of_break_glass) {
            Some((Effect::Deny, found)) => Some(found),
            _ => None,
        }
    }

    /// Whether what permits under break-glass names BTG itself.
    pub(super) fn names_break_glass(&self, found: Found) -> bool {
        let rule = found.rule.and_then(|at| self.tree.rules.get(at));
        self.tree.root.names_break_glass() == Match::Yes
            || rule.is_some_and(Rule::speaks_of_break_glass)
    }

    /// Whether the base itself denies BTG by name, or may.
    pub(super) fn base_names_break_glass(&self) -> bool {
        self.tree.base == Effect::Deny
            && self.root.break_glass.found != Match::No
            && self.tree.root.names_break_glass() != Match::No
    }

    /// Whether the base denies more than break-glass alone.
    pub(super) fn base_opts_out(&self) -> bool {
        self.tree.base == Effect::Deny && !self.tree.root.is_about_break_glass()
    }

    /// Whether BTG is forbidden for every item.
    pub(super) fn forbids_all_break_glass(&self) -> bool {
        let forbids = |clause: &Clause| {
            let rule = self.tree.rules.get(clause.rule);
            clause.data.is_empty()
                && rule.is_some_and(|rule| {
                    rule.effect == Effect::Deny
                        && rule.speaks_of_break_glass()
                        && rule.end == clause.rule + 1
                })
        };
        let by_a_rule = self.root.break_glass.found != Match::No
            && self.break_glass.clauses.iter().any(forbids);
        by_a_rule || self.base_names_break_glass() && self.denies_all_break_glass()
    }

    /// Whether the base denies, and no exception can permit anything, break-glass or not.
    pub(super) fn opts_out(&self) -> bool {
        self.base_opts_out() && self.denies_all_break_glass()
    }

    /// Whether BTG is forbidden for some items, be there such or not.
    pub(super) fn forbids_some_break_glass(&self) -> bool {
        let clauses = &self.break_glass.clauses;
        let excepts = |clause: &Clause, denial: &Clause| {
            self.is_within(clause, denial)
                && clause.data.is_empty()
                && self.effect(clause) == Some(Effect::Permit)
        };
        let forbids = |denial: &&Clause| {
            let rule = self.tree.rules.get(denial.rule);
            rule.is_some_and(|rule| rule.effect == Effect::Deny && rule.speaks_of_break_glass())
                && !clauses.iter().any(|clause| excepts(clause, denial))
        };
        let by_a_rule =
            self.root.break_glass.found != Match::No && clauses.iter().any(|c| forbids(&c));
        by_a_rule || self.base_names_break_glass()
    }

    /// Whether the base denies some items, be there such or not, that no exception permits.
    pub(super) fn opts_some_out(&self) -> bool {
        let clauses = &self.break_glass.clauses;
        let permits_all =
            |clause: &Clause| clause.data.is_empty() && self.effect(clause) == Some(Effect::Permit);
        let denies = |clause: &Clause| self.effect(clause) == Some(Effect::Deny);
        self.base_opts_out()
            && self.root.break_glass.found != Match::No
            && (!clauses.iter().any(permits_all) || clauses.iter().any(denies))
    }

    fn denies_all_break_glass(&self) -> bool {
        let permits = |clause: &Clause| {
            self.tree.rules.get(clause.rule).is_none_or(|rule| rule.effect == Effect::Permit)
        };
        self.tree.base == Effect::Deny
            && self.root.break_glass.found != Match::No
            && !self.tree.root.restricts_data()
            && !self.break_glass.clauses.iter().any(permits)
    }

    /// The winner among matching rules that have no matching rule nested in them.
    fn exception(
        &self,
        view: View,
        item: &Item<'_>,
        counts: impl Fn(&Rule) -> bool,
    ) -> Option<(Effect, Found)> {
        let (mut denied, mut permitted) = (None, None::<(bool, usize)>);
        self.leaves(view, item, counts, |at, rule| match rule.effect {
            Effect::Deny => denied = Some(at),
            // a permit that names BTG tells more than its siblings
            Effect::Permit => {
                let names = rule.speaks_of_break_glass();
                let before = permitted.filter(|(named, _)| *named && !names);
                permitted = before.or(Some((names, at)));
            }
        });
        let found = |at: usize| Found { rule: Some(at), element: self.met(at, view, item).element };
        match (denied, permitted) {
            (Some(at), _) => Some((Effect::Deny, found(at))),
            (None, Some((_, at))) => Some((Effect::Permit, found(at))),
            (None, None) => None,
        }
    }

    /// Calls for each matching rule that has no matching rule nested in it, the last one first.
    fn leaves(
        &self,
        view: View,
        item: &Item<'_>,
        counts: impl Fn(&Rule) -> bool,
        mut each: impl FnMut(usize, &Rule),
    ) {
        // from the back: what is nested in a rule comes before it, and the last one found is the next in line
        let mut next = usize::MAX;
        for clause in self.residual(view).clauses.iter().rev() {
            let at = clause.rule;
            let Some(rule) = self.tree.rules.get(at) else { continue };
            if !counts(rule) || !rule.effect.holds(clause.matches(&self.tree, item)) {
                continue;
            }
            if next >= rule.end {
                each(at, rule);
            }
            next = at;
        }
    }

    /// How one rule matches by itself.
    fn met(&self, at: usize, view: View, item: &Item<'_>) -> Met {
        let nothing = Met { found: Match::Unknown, element: "type" };
        let Some((rule, asked)) = self.tree.rules.get(at).zip(self.rules.get(at)) else {
            return nothing;
        };
        asked.by(view).and_met(item.met(&rule.condition, rule.effect))
    }

    fn base_found(&self, met: Met) -> Found {
        let element = match self.tree.dialect {
            Dialect::PolicyRule => "policyRule",
            Dialect::Decision if met == Met::ALL => "decision",
            Dialect::TypedRoot | Dialect::Decision => met.element,
        };
        Found { rule: None, element }
    }
}
