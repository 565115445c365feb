use super::item::Item;
use super::logic::Match;
use super::request::{Asked, View};
use super::tree::{Rule, Tree};

/// A consent's exceptions as far as this request does not settle them: an ordered list, each before those within it
/// (IHE PCF's `residual`, in our order: the deepest wins along a branch, a denial among siblings).
#[derive(Debug, Default)]
pub(super) struct Residual {
    pub(super) clauses: Vec<Clause>,
}

/// One exception that the request meets; what is left to ask is about the item.
#[derive(Debug)]
pub(super) struct Clause {
    /// Which rule of the tree.
    pub(super) rule: usize,
    /// It and those that it is nested in, as far as they ask about the item.
    pub(super) data: Vec<usize>,
}

impl Residual {
    pub(super) fn of(tree: &Tree, root: &Asked, rules: &[Asked], view: View) -> Self {
        let clause = |(at, rule): (usize, &Rule)| {
            let gate = root.by(view).found;
            let asked = branch(tree, at)
                .map(|(at, _)| rules.get(at).map_or(Match::Unknown, |asked| asked.by(view).found))
                .fold(gate, Match::min);
            let data = branch(tree, at).filter(|(_, rule)| rule.condition.restricts_data());
            rule.effect
                .holds(asked)
                .then(|| Clause { rule: at, data: data.map(|(at, _)| at).collect() })
        };
        Self { clauses: tree.rules.iter().enumerate().filter_map(clause).collect() }
    }
}

impl Clause {
    /// Whether the item is what it and all above it speak of.
    pub(super) fn matches(&self, tree: &Tree, item: &Item<'_>) -> Match {
        let rules = self.data.iter().filter_map(|at| tree.rules.get(*at));
        rules.map(|rule| item.met(&rule.condition, rule.effect).found).min().unwrap_or(Match::Yes)
    }
}

/// A rule and those that it is nested in, upwards; a parent is always an earlier rule.
fn branch(tree: &Tree, at: usize) -> impl Iterator<Item = (usize, &Rule)> {
    let rule = move |at: usize| tree.rules.get(at).map(|rule| (at, rule));
    std::iter::successors(rule(at), move |(_, below)| below.parent.and_then(rule))
}
