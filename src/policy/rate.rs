use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::PatientId;
use crate::limits;
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

    fn limit(&self, limits: &Limits) -> usize {
        match self {
            Self::User(..) => limits.user,
            Self::Organization(..) => limits.organization,
            Self::Community(..) => limits.community,
        }
    }
}

/// A declaration, as far as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Declaration {
    /// The partner.
    pub partner: String,
    /// Who vouches for the user.
    pub issuer: String,
    /// The user.
    pub subject: String,
    /// His organization, where stated.
    pub organization: Option<String>,
    /// The assertion that declares, of two the second.
    pub assertion_id: String,
    /// Whose documents, where the request says so: each patient counts once, and with none what does not say so.
    pub patient: Option<PatientId>,
}

impl Declaration {
    /// The one that an assertion makes, sent with a request about a patient.
    #[must_use]
    pub fn of(claims: &Claims, patient: Option<PatientId>) -> Self {
        Self {
            partner: claims.partner.clone(),
            issuer: claims.issuer.clone(),
            subject: claims.subject.clone(),
            organization: claims.organization_ids.first().or(claims.organization.as_ref()).cloned(),
            assertion_id: claims.declaration_id().to_owned(),
            patient,
        }
    }

    /// The assertion's, whichever the patient.
    fn of_nobody(&self) -> Self {
        Self { patient: None, ..self.clone() }
    }

    /// All whom it counts for.
    fn whose(&self) -> impl Iterator<Item = Whose> {
        let partner = || self.partner.clone();
        let user = Whose::User(partner(), self.issuer.clone(), self.subject.clone());
        let organization = self.organization.clone().map(|one| Whose::Organization(partner(), one));
        [Some(user), organization, Some(Whose::Community(partner()))].into_iter().flatten()
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

/// Counts declarations of late; what one more costs does not depend on how many there were.
#[derive(Debug)]
pub struct Rates {
    limits: Limits,
    /// Those of the window, in the order in which they came.
    recent: VecDeque<(Timestamp, Declaration)>,
    known: HashSet<Declaration>,
    /// How many of an assertion are known.
    assertions: HashMap<Declaration, usize>,
    counts: HashMap<Whose, usize>,
}

impl Rates {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let (recent, known, assertions, counts) = Default::default();
        Self { limits, recent, known, assertions, counts }
    }

    /// Whether a declaration beyond a limit is not honoured.
    #[must_use]
    pub fn block(&self) -> bool {
        self.limits.block
    }

    /// Counts a declaration, made now or before the last start; gives the limits that it passes.
    pub fn count(&mut self, declaration: Declaration, now: Timestamp) -> Vec<Over> {
        let begin = now.minus(self.limits.window);
        while self.recent.front().is_some_and(|(at, _)| *at <= begin) {
            self.forget_oldest();
        }
        let of_nobody = declaration.of_nobody();
        let counted = declaration.patient.is_none() && self.assertions.contains_key(&of_nobody);
        let fresh = !counted && self.known.insert(declaration.clone());
        let over = declaration.whose().filter_map(|whose| self.count_for(whose, fresh)).collect();
        if fresh {
            *self.assertions.entry(of_nobody).or_default() += 1;
            self.recent.push_back((now, declaration));
        }
        if self.recent.len() > limits::DECLARATIONS {
            self.forget_oldest();
        }
        over
    }

    fn count_for(&mut self, whose: Whose, fresh: bool) -> Option<Over> {
        let limit = whose.limit(&self.limits);
        let count = self.counts.entry(whose.clone()).or_default();
        *count = count.saturating_add(usize::from(fresh));
        let count = *count;
        let first = limit.saturating_add(1);
        let tell = fresh && count.is_multiple_of(first) && (count / first).is_power_of_two();
        (count > limit).then_some(Over { whose, count, limit, tell })
    }

    fn forget_oldest(&mut self) {
        let Some((_, declaration)) = self.recent.pop_front() else { return };
        declaration.whose().for_each(|whose| lessen(&mut self.counts, whose));
        lessen(&mut self.assertions, declaration.of_nobody());
        self.known.remove(&declaration);
    }
}

fn lessen<K: Eq + Hash>(counts: &mut HashMap<K, usize>, one: K) {
    if let Entry::Occupied(mut counted) = counts.entry(one) {
        *counted.get_mut() = counted.get().saturating_sub(1);
        if *counted.get() == 0 {
            counted.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Relationship;

    fn by(subject: &str, assertion: usize) -> Declaration {
        let claims = Claims {
            partner: "riverside".into(),
            issuer: "https://sts.riverside.example".into(),
            subject: subject.into(),
            organization_ids: vec!["2.999.2.1".into()],
            assertion_id: format!("_{assertion}"),
            ..Claims::default()
        };
        Declaration::of(&claims, None)
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
            assert!(rates.count(by("a", n), at(1)).is_empty());
        }
        // the same assertion again is the same declaration
        assert!(rates.count(by("a", 2), at(2)).is_empty());
        assert_eq!(told(&rates.count(by("a", 3), at(3))), [("user", 4)]);
        // over it still, and told at the doubling
        for n in 4..7 {
            let over = rates.count(by("a", n), at(4));
            assert_eq!((over.len(), told(&over).len()), (1, 0));
        }
        assert_eq!(told(&rates.count(by("a", 7), at(4))), [("user", 8)]);
        assert!(rates.count(by("b", 8), at(4)).is_empty());
        // a day later all is forgotten
        assert!(rates.count(by("a", 9), at(30)).is_empty());
    }

    #[test]
    fn one_identity_for_many_patients_is_as_many_declarations() {
        let mut rates = Rates::new(Limits::default());
        let seen = [0, 1, 2, 2, 3].map(|patient| {
            let (assertion_id, issuer) = (format!("_p{patient}"), "urn:initgw".to_owned());
            let relationship = Some(Relationship { assertion_id, issuer });
            let claims = Claims { subject: "a".into(), relationship, ..Claims::default() };
            told(&rates.count(Declaration::of(&claims, None), at(1)))
        });
        assert_eq!(seen, [vec![], vec![], vec![], vec![], vec![("user", 4)]]);
    }

    #[test]
    fn one_assertion_for_many_patients_is_as_many_declarations_too() {
        let mut rates = Rates::new(Limits::default());
        let about = |n: u32| {
            let patient = PatientId::parse(&format!("P-{n}^^^&2.999.1.3&ISO")).ok();
            Declaration { patient, ..by("a", 0) }
        };
        // a retrieve does not say whose documents it wants
        let asked = [about(1), by("a", 0), about(1), about(2), by("a", 0), about(3), about(4)];
        let seen = asked.map(|one| told(&rates.count(one, at(1))));
        assert_eq!(seen.concat(), [("user", 4)]);
        assert!(seen[6] == [("user", 4)]);
        // all of it is forgotten
        rates.count(by("b", 0), at(100));
        assert_eq!((rates.recent.len(), rates.known.len(), rates.assertions.len()), (1, 1, 1));
    }

    #[test]
    fn an_organization_and_a_community_are_counted_together() {
        let limits = Limits { organization: 4, community: 5, ..Limits::default() };
        let mut rates = Rates::new(limits);
        let mut seen = Vec::new();
        for n in 0..6 {
            seen.extend(told(&rates.count(by(&format!("user-{n}"), n), at(1))));
        }
        assert_eq!(seen, [("organization", 5), ("community", 6)]);
        let other = Declaration { partner: "hilltop".into(), ..by("user-0", 7) };
        assert!(rates.count(other, at(1)).is_empty());
    }

    #[test]
    fn an_id_that_another_user_has_too_counts_for_each() {
        let mut rates = Rates::new(Limits { community: 2, ..Limits::default() });
        let seen = ["a", "b", "c"].map(|user| told(&rates.count(by(user, 0), at(1))));
        assert_eq!(seen, [vec![], vec![], vec![("community", 3)]]);
    }

    #[test]
    fn what_leaves_the_window_is_forgotten_bit_by_bit() {
        let mut rates = Rates::new(Limits::default());
        for n in 0..3 {
            rates.count(by("a", n), at(n as u64));
        }
        // 24 hours after the first, two are left
        assert!(rates.count(by("a", 3), at(24)).is_empty());
        assert_eq!(told(&rates.count(by("a", 4), at(24))), [("user", 4)]);
        assert!(rates.count(by("b", 5), at(100)).is_empty());
        // nothing is kept of those who came long ago
        assert_eq!((rates.recent.len(), rates.known.len(), rates.counts.len()), (1, 1, 3));
    }

    #[test]
    fn a_flood_takes_no_more_room_than_was_set_aside() {
        let mut rates = Rates::new(Limits::default());
        for n in 0..limits::DECLARATIONS + 10 {
            rates.count(by("a", n), at(1));
        }
        assert_eq!(
            (rates.recent.len(), rates.known.len()),
            (limits::DECLARATIONS, limits::DECLARATIONS)
        );
        let over = rates.count(by("a", 0), at(1));
        assert_eq!(over.iter().map(|one| one.count).max(), Some(limits::DECLARATIONS + 1));
    }
}
