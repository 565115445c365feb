use super::item::Item;
use super::logic::{Effect, Match, Met};
use super::request::{Asked, Request, View, purpose};
use super::tree::{Dialect, Rule, Tree};

/// A consent with its request side worked out, ready for item after item.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tree: Tree,
    root: Asked,
    rules: Vec<Asked>,
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
    pub(super) fn new(tree: Tree, request: &Request<'_>) -> Self {
        let root = Asked::of(&tree.root, tree.base, request);
        let rules = tree.rules.iter();
        let rules = rules.map(|rule| Asked::of(&rule.condition, rule.effect, request)).collect();
        let addressed = purpose(&tree.root, Effect::Permit, request, View::BreakGlass);
        let permits_exchange =
            tree.base == Effect::Permit && addressed.is_none_or(|found| found == Match::Yes);
        Self { tree, root, rules, permits_exchange }
    }

    pub(super) fn permits_exchange(&self) -> bool {
        self.permits_exchange
    }

    /// Decides an item: the deepest matching rules win along a branch, a denial among siblings, else the base holds.
    pub(super) fn decide(&self, view: View, item: &Item<'_>) -> Verdict {
        let gate = self.root.by(view);
        let base = self.tree.base;
        if gate.found == Match::No {
            return match base {
                Effect::Permit => Verdict::Closed(self.base(gate)),
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
            Effect::Permit if data.found != Match::Yes => Verdict::Deny(self.base(data)),
            Effect::Permit if gate.found != Match::Yes => Verdict::Closed(self.base(gate)),
            Effect::Permit => Verdict::Permit(self.base(gate.and_met(data))),
            Effect::Deny if data.found == Match::No => Verdict::Silent,
            Effect::Deny => Verdict::Deny(self.base(gate.and_met(data))),
        }
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

    /// Whether BTG is forbidden for every item.
    pub(super) fn forbids_all_break_glass(&self) -> bool {
        let forbids = |(at, rule): (usize, &Rule)| {
            rule.effect == Effect::Deny
                && rule.speaks_of_break_glass()
                && rule.end == at + 1
                && self.chain(at, View::BreakGlass, None) != Match::No
                && self.branch(at).all(|(_, rule)| !rule.condition.restricts_data())
        };
        self.root.break_glass.found != Match::No && self.tree.rules.iter().enumerate().any(forbids)
    }

    /// Whether the base denies and no exception can permit anything, break-glass or not.
    pub(super) fn opts_out(&self) -> bool {
        let permits = |(at, rule): (usize, &Rule)| {
            rule.effect == Effect::Permit && self.chain(at, View::BreakGlass, None) == Match::Yes
        };
        self.tree.base == Effect::Deny
            && self.root.break_glass.found != Match::No
            && !self.tree.root.restricts_data()
            && !self.tree.rules.iter().enumerate().any(permits)
    }

    /// The winner among matching rules that have no matching rule nested in them.
    fn exception(
        &self,
        view: View,
        item: &Item<'_>,
        counts: impl Fn(&Rule) -> bool,
    ) -> Option<(Effect, Found)> {
        let (mut denied, mut permitted) = (None, None::<(bool, usize)>);
        // from the back: what is nested in a rule comes before it, and the last one found is the next in line
        let mut next = usize::MAX;
        for (at, rule) in self.tree.rules.iter().enumerate().rev() {
            if !counts(rule) || !rule.effect.holds(self.chain(at, view, Some(item))) {
                continue;
            }
            if next >= rule.end {
                match rule.effect {
                    Effect::Deny => denied = Some(at),
                    // a permit that names BTG tells more than its siblings
                    Effect::Permit => {
                        let names = rule.speaks_of_break_glass();
                        let before = permitted.filter(|(named, _)| *named && !names);
                        permitted = before.or(Some((names, at)));
                    }
                }
            }
            next = at;
        }
        let found =
            |at: usize| Found { rule: Some(at), element: self.met(at, view, Some(item)).element };
        match (denied, permitted) {
            (Some(at), _) => Some((Effect::Deny, found(at))),
            (None, Some((_, at))) => Some((Effect::Permit, found(at))),
            (None, None) => None,
        }
    }

    /// A rule matches within those that it is nested in, and within the request that the root speaks of.
    fn chain(&self, at: usize, view: View, item: Option<&Item<'_>>) -> Match {
        let gate = self.root.by(view).found;
        self.branch(at).map(|(at, _)| self.met(at, view, item).found).fold(gate, Match::min)
    }

    /// A rule and those that it is nested in, upwards; a parent is always an earlier rule.
    fn branch(&self, at: usize) -> impl Iterator<Item = (usize, &Rule)> {
        let rule = move |at: usize| self.tree.rules.get(at).map(|rule| (at, rule));
        std::iter::successors(rule(at), move |(_, below)| below.parent.and_then(rule))
    }

    /// How one rule matches by itself; without an item, by its request side alone.
    fn met(&self, at: usize, view: View, item: Option<&Item<'_>>) -> Met {
        let nothing = Met { found: Match::Unknown, element: "type" };
        let Some((rule, asked)) = self.tree.rules.get(at).zip(self.rules.get(at)) else {
            return nothing;
        };
        let asked = asked.by(view);
        match item {
            Some(item) if asked.found != Match::No => {
                asked.and_met(item.met(&rule.condition, rule.effect))
            }
            _ => asked,
        }
    }

    fn base(&self, met: Met) -> Found {
        let element = match self.tree.dialect {
            Dialect::PolicyRule => "policyRule",
            Dialect::TypedRoot => met.element,
        };
        Found { rule: None, element }
    }
}
