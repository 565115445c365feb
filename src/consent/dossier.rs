use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::condition::{Condition, Term};
use super::domain::Domain;
use super::logic::Match;
use super::parties::Role;
use super::plan::Plan;
use super::precedence::{self, Standing};
use super::read::{Read, read};
use super::request::{Request, local};
use super::tree::{Tree, Window};
use super::unenforceable::Unenforceable;
use crate::clock::Timestamp;
use crate::limits;
use crate::purpose::Purpose;

/// One consent as the store has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// The logical id.
    pub id: String,
    /// The version.
    pub version: String,
    /// The FHIR JSON.
    pub json: String,
}

/// A consent's content stays out of logs.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Stored");
        shown.field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A consent that applies, ready or unenforceable.
pub(super) struct Weighed {
    pub(super) id: String,
    pub(super) version: String,
    /// Its place in the order of authorities; what ranks higher decides first.
    pub(super) rank: usize,
    pub(super) plan: Result<Plan, Unenforceable>,
}

/// A consent's content stays out of logs.
impl fmt::Debug for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Weighed");
        shown.field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The consents that apply to a request, the highest authority's first.
pub(super) type Applying = Arc<[Arc<Weighed>]>;

/// A patient's consents, read once, and what came of them for each class of principals.
#[derive(Debug)]
pub(super) struct Dossier {
    references: Vec<String>,
    stored: Vec<Stored>,
    filed: Vec<Filed>,
    /// The moments at which a period begins or ends, in order.
    moments: Vec<Timestamp>,
    weighed: Mutex<Vec<(Class, Applying)>>,
}

/// One consent as read; those that decide nothing are not kept.
#[derive(Debug)]
struct Filed {
    /// Which of those stored.
    at: usize,
    read: Result<InForce, Unenforceable>,
}

#[derive(Debug)]
struct InForce {
    tree: Arc<Tree>,
    period: Option<Window>,
    standing: Standing,
}

/// All that a patient's consents can tell requests apart by.
#[derive(Debug, PartialEq, Eq)]
struct Class {
    purposes: BTreeSet<Purpose>,
    /// How many moments have passed.
    moment: usize,
    /// Whether each recipient and each local purpose that a rule names is meant.
    answers: Vec<Match>,
}

impl Dossier {
    pub(super) fn open(references: &[String], stored: &[Stored], domain: &Domain) -> Self {
        let file = |(at, stored): (usize, &Stored)| {
            let in_force = |read: Read| InForce {
                standing: Standing::of(&read, &domain.authorities),
                tree: Arc::new(read.tree),
                period: read.period,
            };
            let read = match read(&stored.json) {
                Ok(None) => return None,
                // it is this patient's by the store: to pass over it could release what it withholds
                Ok(Some(read)) if !read.speaks_of(references) => Err(Unenforceable::AnotherPatient),
                Ok(Some(read)) => Ok(in_force(read)),
                Err(unenforceable) => Err(unenforceable),
            };
            Some(Filed { at, read })
        };
        let filed: Vec<Filed> = stored.iter().enumerate().filter_map(file).collect();
        Self {
            references: references.to_vec(),
            stored: stored.to_vec(),
            moments: moments(&filed),
            filed,
            weighed: Mutex::default(),
        }
    }

    /// Whether it was made of just these; the texts themselves are compared, so that no edit goes unseen.
    pub(super) fn is_of(&self, references: &[String], stored: &[Stored]) -> bool {
        self.references == references && self.stored == stored
    }

    /// About how many bytes it may come to take: a tree is some three times its text, what a class makes of it as much
    /// as the text.
    pub(super) fn bytes(&self) -> usize {
        let times = limits::CONSENT_CACHE_CLASSES.saturating_add(4);
        self.stored.iter().map(|stored| stored.json.len().saturating_mul(times)).sum()
    }

    /// The consents that apply to this request, as they were weighed before for one of its class, or anew.
    pub(super) fn weighed(&self, request: &Request<'_>, domain: &Domain) -> Applying {
        let class = self.class(request);
        let known = self.weighed.lock().ok().and_then(|weighed| {
            weighed.iter().find(|(known, _)| *known == class).map(|(_, found)| Arc::clone(found))
        });
        if let Some(known) = known {
            return known;
        }
        let anew: Applying = self.weigh(request, domain).into();
        if let Ok(mut weighed) = self.weighed.lock() {
            if weighed.len() >= limits::CONSENT_CACHE_CLASSES {
                weighed.clear();
            }
            weighed.push((class, Arc::clone(&anew)));
        }
        anew
    }

    fn weigh(&self, request: &Request<'_>, domain: &Domain) -> Vec<Arc<Weighed>> {
        let now = request.now;
        let begun = |filed: &&Filed| match &filed.read {
            Ok(read) => read.period.is_none_or(|period| period.holds(now)),
            Err(_) => true,
        };
        let in_force: Vec<&Filed> = self.filed.iter().filter(begun).collect();
        let standings: Vec<_> = in_force
            .iter()
            .map(|filed| filed.read.as_ref().ok().map(|read| &read.standing))
            .collect();
        let counts = precedence::counting(&standings, domain.conflicts, now);
        let weigh = |(filed, _): (&Filed, _)| {
            let stored = self.stored.get(filed.at)?;
            let (rank, plan) = match &filed.read {
                Ok(read) => (read.standing.rank, Ok(Plan::new(Arc::clone(&read.tree), request))),
                // nobody knows what it says, so nothing goes before it
                Err(unenforceable) => (0, Err(unenforceable.clone())),
            };
            let (id, version) = (stored.id.clone(), stored.version.clone());
            Some(Arc::new(Weighed { id, version, rank, plan }))
        };
        let counting = in_force.into_iter().zip(counts).filter(|(_, counts)| *counts);
        let mut weighed: Vec<_> = counting.filter_map(weigh).collect();
        weighed.sort_by_key(|weighed| weighed.rank);
        weighed
    }

    fn class(&self, request: &Request<'_>) -> Class {
        let mut answers = Vec::new();
        for condition in
            self.filed.iter().filter_map(|filed| filed.read.as_ref().ok()).flat_map(conditions)
        {
            answers.extend(condition.purposes.iter().filter_map(|term| match term {
                Term::Local(coded) => Some(local(coded, request)),
                Term::Known(_) | Term::Unreadable => None,
            }));
            let recipients = condition.actors.iter().filter(|(role, _)| *role == Role::Recipient);
            answers.extend(
                recipients.map(|(_, names)| names.recipient(request.claims, request.parties)),
            );
        }
        Class {
            purposes: request.purposes.clone(),
            moment: self.moments.partition_point(|moment| *moment <= request.now),
            answers,
        }
    }
}

fn conditions(read: &InForce) -> impl Iterator<Item = &Condition> {
    std::iter::once(&read.tree.root).chain(read.tree.rules.iter().map(|rule| &rule.condition))
}

/// Between two of them, no answer to a question of time changes.
fn moments(filed: &[Filed]) -> Vec<Timestamp> {
    let mut moments = BTreeSet::new();
    for read in filed.iter().filter_map(|filed| filed.read.as_ref().ok()) {
        let windows = conditions(read).filter_map(|condition| condition.period);
        for window in windows.chain(read.period) {
            moments.extend(window.first.into_iter().chain(window.after));
        }
        moments.extend(read.standing.made.map(|date| date.first));
    }
    moments.into_iter().collect()
}
