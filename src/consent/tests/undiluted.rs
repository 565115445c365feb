//! The residual decides as the whole tree would, read anew for each item and in the plainest way.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::item::Item;
use super::super::logic::{Effect, Match};
use super::super::plan::{Plan, Verdict};
use super::super::read::read;
use super::super::request::{Asked, Request, View};
use super::super::tree::Tree;
use super::properties::{consents, facts};
use super::*;

/// What a consent says, by its text alone.
fn said(tree: &Tree, request: &Request<'_>, view: View, item: &Item<'_>) -> &'static str {
    let gate = Asked::of(&tree.root, tree.base, request).by(view).found;
    match (gate, tree.base) {
        (Match::No, Effect::Permit) => return "closed",
        (Match::No, Effect::Deny) => return "silent",
        _ => {}
    }
    let matches = |at: usize| {
        let mut found = gate;
        let mut next = Some(at);
        while let Some(at) = next {
            let rule = &tree.rules[at];
            let asked = Asked::of(&rule.condition, rule.effect, request).by(view).found;
            found = found.min(asked).min(item.met(&rule.condition, rule.effect).found);
            next = rule.parent;
        }
        tree.rules[at].effect.holds(found)
    };
    let holding: Vec<usize> = (0..tree.rules.len()).filter(|at| matches(*at)).collect();
    let nested = |inner: usize, outer: usize| inner > outer && inner < tree.rules[outer].end;
    let deepest: Vec<Effect> = holding
        .iter()
        .filter(|outer| !holding.iter().any(|inner| nested(*inner, **outer)))
        .map(|at| tree.rules[*at].effect)
        .collect();
    if deepest.contains(&Effect::Deny) {
        return "deny";
    }
    if !deepest.is_empty() {
        return "permit";
    }
    let data = item.met(&tree.root, tree.base).found;
    match tree.base {
        Effect::Permit if data != Match::Yes => "deny",
        Effect::Permit if gate != Match::Yes => "closed",
        Effect::Permit => "permit",
        Effect::Deny if data == Match::No => "silent",
        Effect::Deny => "deny",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_is_left_for_a_request_decides_as_all_of_it(
        consents in consents(1),
        facts in prop::collection::vec(facts(), 3),
        code in prop::sample::select(vec!["TREAT", "ETREAT", "HRESCH"]),
    ) {
        let access = access(&[code]);
        let purposes: BTreeSet<_> = access.treatment_purposes().clone();
        let request = Request {
            purposes: &purposes,
            stated: access.purposes_stated(),
            claims: access.principal().claims(),
            home: None,
            parties: &[],
            now: now(),
        };
        for consent in &consents {
            let Ok(Some(read)) = read(&consent.to_string()) else { continue };
            let plan = Plan::new(std::sync::Arc::new(read.tree), &request);
            for facts in &facts {
                let item = Item::new(facts);
                for view in [View::Treatment, View::BreakGlass] {
                    let decided = match plan.decide(view, &item) {
                        Verdict::Permit(_) => "permit",
                        Verdict::Deny(_) => "deny",
                        Verdict::Closed(_) => "closed",
                        Verdict::Silent => "silent",
                    };
                    prop_assert_eq!(decided, said(&plan.tree, &request, view, &item));
                }
            }
        }
    }
}
