use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::principal::Claims;

/// How many declarations are usual; break-glass should be very rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The span that is counted.
    pub window: Duration,
    /// Declarations of one user in it.
    pub user: usize,
    /// Of one organization's users together.
    pub organization: usize,
    /// Of one partner's users together.
    pub community: usize,
    /// Whether a declaration beyond a limit is not honoured; else it is told and no more.
    pub block: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let window = Duration::from_secs(24 * 3600);
        Self { window, user: 3, organization: 20, community: 50, block: false }
    }
}

/// Whose declarations are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whose {
    /// A user's, named by partner, issuer and subject.
    User(String, String, String),
    /// An organization's, named by partner and organization.
    Organization(String, String),
    /// A partner's.
    Community(String),
}

impl Whose {
    /// How people call it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(..) => "user",
            Self::Organization(..) => "organization",
            Self::Community(..) => "community",
        }
    }

    /// All whom a user's declaration counts for.
    pub fn all(claims: &Claims) -> impl Iterator<Item = Self> {
        let partner = || claims.partner.clone();
        let organization = claims.organization_ids.first().or(claims.organization.as_ref());
        let organization = organization.map(|one| Self::Organization(partner(), one.clone()));
        let user = Self::User(partner(), claims.issuer.clone(), claims.subject.clone());
        [Some(user), organization, Some(Self::Community(partner()))].into_iter().flatten()
    }
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// By whom.
    pub whose: Whose,
    /// How many declarations there were in the window, this one included.
    pub count: usize,
    /// How many are usual.
    pub limit: usize,
    /// Whether it is told now: at the first beyond the limit and at each doubling, so that many tell no more than few.
    pub tell: bool,
}

/// Counts declarations of late.
#[derive(Debug)]
pub struct Rates {
    limits: Limits,
    counted: HashMap<Whose, VecDeque<(Timestamp, String)>>,
}

impl Rates {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, counted: HashMap::new() }
    }

    /// Whether a declaration beyond a limit is not honoured.
    #[must_use]
    pub fn block(&self) -> bool {
        self.limits.block
    }

    /// Counts a declaration, once an assertion; gives the limits that it passes.
    pub fn count(&mut self, claims: &Claims, now: Timestamp) -> Vec<Over> {
        Whose::all(claims)
            .filter_map(|whose| self.count_for(whose, claims.declaration_id(), now))
            .collect()
    }

    /// Counts a declaration of before the last start.
    pub fn remember(&mut self, whose: Whose, assertion_id: &str, at: Timestamp) {
        let _over = self.count_for(whose, assertion_id, at);
    }

    fn count_for(&mut self, whose: Whose, assertion_id: &str, now: Timestamp) -> Option<Over> {
        let limit = match whose {
            Whose::User(..) => self.limits.user,
            Whose::Organization(..) => self.limits.organization,
            Whose::Community(..) => self.limits.community,
        };
        let begin = now.minus(self.limits.window);
        if !self.counted.contains_key(&whose) {
            // who comes for the first time pays for those who came long ago
            self.counted.retain(|_, times| times.back().is_some_and(|(at, _)| *at > begin));
        }
        let times = self.counted.entry(whose.clone()).or_default();
        while times.front().is_some_and(|(at, _)| *at <= begin) {
            times.pop_front();
        }
        let fresh = !times.iter().any(|(_, id)| id == assertion_id);
        if fresh {
            times.push_back((now, assertion_id.to_owned()));
        }
        let count = times.len();
        let first = limit.saturating_add(1);
        let tell = fresh && count.is_multiple_of(first) && (count / first).is_power_of_two();
        (count > limit).then_some(Over { whose, count, limit, tell })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Relationship;

    fn claims(subject: &str, assertion: usize) -> Claims {
        Claims {
            partner: "riverside".into(),
            issuer: "https://sts.riverside.example".into(),
            subject: subject.into(),
            organization_ids: vec!["2.999.2.1".into()],
            assertion_id: format!("_{assertion}"),
            ..Claims::default()
        }
    }

    fn at(hours: u64) -> Timestamp {
        let begin = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        begin.plus(Duration::from_secs(hours * 3600))
    }

    fn told(over: &[Over]) -> Vec<(&'static str, usize)> {
        over.iter().filter(|one| one.tell).map(|one| (one.whose.kind(), one.count)).collect()
    }

    #[test]
    fn the_fourth_of_a_user_in_a_day_is_told() {
        let mut rates = Rates::new(Limits::default());
        for n in 0..3 {
            assert!(rates.count(&claims("a", n), at(1)).is_empty());
        }
        // the same assertion again is the same declaration
        assert!(rates.count(&claims("a", 2), at(2)).is_empty());
        assert_eq!(told(&rates.count(&claims("a", 3), at(3))), [("user", 4)]);
        // over it still, and told at the doubling
        for n in 4..7 {
            let over = rates.count(&claims("a", n), at(4));
            assert_eq!((over.len(), told(&over).len()), (1, 0));
        }
        assert_eq!(told(&rates.count(&claims("a", 7), at(4))), [("user", 8)]);
        assert!(rates.count(&claims("b", 8), at(4)).is_empty());
        // one identity for many patients is as many declarations
        let patient = |n: usize| {
            let (assertion_id, issuer) = (format!("_p{n}"), "urn:initgw".to_owned());
            let relationship = Some(Relationship { assertion_id, issuer });
            Claims { relationship, organization_ids: Vec::new(), ..claims("c", 9) }
        };
        for n in [0, 1, 2, 2] {
            assert!(rates.count(&patient(n), at(4)).is_empty());
        }
        assert_eq!(told(&rates.count(&patient(3), at(4))), [("user", 4)]);
        // a day later all is forgotten
        assert!(rates.count(&claims("a", 9), at(30)).is_empty());
    }

    #[test]
    fn an_organization_and_a_community_are_counted_together() {
        let limits = Limits { organization: 4, community: 5, ..Limits::default() };
        let mut rates = Rates::new(limits);
        let mut seen = Vec::new();
        for n in 0..6 {
            seen.extend(told(&rates.count(&claims(&format!("user-{n}"), n), at(1))));
        }
        assert_eq!(seen, [("organization", 5), ("community", 6)]);
        let other = Claims { partner: "hilltop".into(), ..claims("user-0", 7) };
        assert!(rates.count(&other, at(1)).is_empty());
    }

    #[test]
    fn what_was_before_the_start_counts() {
        let mut rates = Rates::new(Limits::default());
        let user = Whose::all(&claims("a", 0)).next().unwrap();
        for n in 10..13 {
            rates.remember(user.clone(), &format!("_{n}"), at(1));
        }
        assert_eq!(told(&rates.count(&claims("a", 0), at(2))), [("user", 4)]);
    }
}
