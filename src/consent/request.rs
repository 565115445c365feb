use std::collections::BTreeSet;

use super::condition::{Condition, Term};
use super::directory::Party;
use super::logic::{Effect, Match, Met, any};
use super::parties::{Names, Role};
use crate::clock::Timestamp;
use crate::ids::{Coded, HomeCommunityId};
use crate::principal::Claims;
use crate::purpose::Purpose;

/// Which of the two decisions is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Treatment,
    BreakGlass,
}

/// What rules can ask about a request; the same for every item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) purposes: &'a BTreeSet<Purpose>,
    /// The purposes as received.
    pub(super) stated: &'a [Coded],
    pub(super) claims: &'a Claims,
    pub(super) home: Option<&'a HomeCommunityId>,
    pub(super) parties: &'a [Party],
    pub(super) now: Timestamp,
}

/// How a rule's request side matched, in either decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) treatment: Met,
    pub(super) break_glass: Met,
}

impl Asked {
    pub(super) fn of(condition: &Condition, effect: Effect, request: &Request<'_>) -> Self {
        let met = |view| {
            let in_force = condition.period.map(|period| Match::from(period.holds(request.now)));
            Met::ALL
                .and("period", in_force)
                .and("purpose", purpose(condition, effect, request, view))
                .and("actor", actors(&condition.actors, request))
                .and("action", condition.action)
        };
        Self { treatment: met(View::Treatment), break_glass: met(View::BreakGlass) }
    }

    pub(super) fn by(self, view: View) -> Met {
        match view {
            View::Treatment => self.treatment,
            View::BreakGlass => self.break_glass,
        }
    }
}

/// Subsumption, one way: break-glass is denied by whatever denies TREAT, and permitted by nothing but BTG itself.
pub(super) fn purpose(
    condition: &Condition,
    effect: Effect,
    request: &Request<'_>,
    view: View,
) -> Option<Match> {
    any(condition.purposes.iter().map(|term| {
        let purpose = match term {
            Term::Known(purpose) => *purpose,
            Term::Local(coded) => return local(coded, request),
            Term::Unreadable => return Match::Unknown,
        };
        let asked = request.purposes.iter().any(|asked| asked.is_a(purpose));
        let override_asked = view == View::BreakGlass
            && match effect {
                Effect::Permit => purpose == Purpose::BTG,
                Effect::Deny => Purpose::BTG.is_a(purpose),
            };
        Match::from(asked || override_asked)
    }))
}

/// A code that no other may stand in for; whether what was stated includes it, is not known.
pub(super) fn local(coded: &Coded, request: &Request<'_>) -> Match {
    let same = request.stated.iter().any(|stated| stated.same_as(coded));
    if same { Match::Yes } else { Match::Unknown }
}

/// One actor on each side suffices, and every side named must match; authors are matched with the item.
fn actors(actors: &[(Role, Names)], request: &Request<'_>) -> Option<Match> {
    let side = |role: Role| {
        any(actors.iter().filter(|(of, _)| *of == role).map(|(_, names)| match role {
            Role::Recipient => names.recipient(request.claims, request.parties),
            Role::Custodian => names.custodian(request.home),
            Role::Author | Role::Unknown => Match::Unknown,
        }))
    };
    [side(Role::Recipient), side(Role::Custodian), side(Role::Unknown)].into_iter().flatten().min()
}
