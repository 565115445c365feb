//! Break-glass: what it released, and who was not allowed to (ITI TF-2 Table 3.20.4.1.1.1-1).

use std::fmt;

use super::Transaction;
use crate::audit::code::{self, Code};
use crate::audit::object::portions;
use crate::audit::review::Item;
use crate::audit::{Action, Document, Endpoint, Event, Object, Outcome, Participant};
use crate::clock::Timestamp;
use crate::ids::PatientId;

/// An override, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Why, as the assertion says it; else it is owed to the review.
    pub rationale: Option<String>,
    /// The review item that it opened; none where that has yet to be made up for.
    pub review: Option<i64>,
    /// The documents that only break-glass released.
    pub released: Vec<Released>,
}

/// A document that only break-glass released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The document.
    pub document: Document,
    /// Its labels, as codes.
    pub labels: Vec<String>,
    /// The consent rules that withhold it for treatment.
    pub rules: Vec<ConsentRule>,
    /// What the override rests on, with the domain's switch where it took one; empty where a law permits.
    pub grounds: Vec<String>,
}

/// One rule of a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRule {
    /// The Consent's id.
    pub id: String,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// The rule's place in it, such as `provision.provision[0]`.
    pub path: String,
}

/// A FHIR reference to the version, and the path as its fragment.
impl fmt::Display for ConsentRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consent/{}", self.id)?;
        if let Some(version) = &self.version {
            write!(f, "/_history/{version}")?;
        }
        write!(f, "#{}", self.path)
    }
}

impl Event {
    /// An override took effect: every document that it released, with the rules it overrode.
    #[must_use]
    pub fn emergency_override(
        transaction: &Transaction,
        patient: &PatientId,
        one: &Override,
    ) -> Vec<Self> {
        let alert = format!("break-glass released {} withheld documents", one.released.len());
        let node = Object::node(&transaction.endpoint.host, &alert);
        let why = one.rationale.as_deref().unwrap_or("owed to the review");
        let review = one.review.map_or_else(|| "not opened yet".to_owned(), |id| id.to_string());
        let node = node.with_detail("Rationale", why.to_owned()).with_detail("Review", review);
        let kind = code::EMERGENCY_OVERRIDE_STARTED;
        let alarm = |documents| {
            let outcome = Outcome::success();
            alarm(transaction, kind, outcome, Some(patient), node.clone(), documents)
        };
        portions(one.released.iter().map(document)).into_iter().map(alarm).collect()
    }

    /// A law permitted documents in an emergency that consent withholds: each, with the rule (42 CFR 2.51(c)).
    #[must_use]
    pub fn part_2_emergency(
        transaction: &Transaction,
        patient: &PatientId,
        released: &[Released],
    ) -> Vec<Self> {
        let alert = format!("42 CFR 2.51 permitted {} withheld documents", released.len());
        let node = Object::node(&transaction.endpoint.host, &alert);
        let record = |documents| {
            let (kind, outcome) = (code::PART_2_EMERGENCY, Outcome::success());
            alarm(transaction, kind, outcome, Some(patient), node.clone(), documents)
        };
        portions(released.iter().map(document)).into_iter().map(record).collect()
    }

    /// Break-glass was declared more often than is usual.
    #[must_use]
    pub fn unusual_rate(transaction: &Transaction, alert: &str, blocked: bool) -> Self {
        let outcome = Outcome::success().noting(alert);
        let outcome = if blocked { Outcome::minor(alert) } else { outcome };
        let node = Object::node(&transaction.endpoint.host, alert);
        alarm(transaction, code::RESTRICTED_FUNCTION, outcome, None, node, Vec::new())
    }

    /// A review is overdue, and with it perhaps the reason for the break-glass.
    #[must_use]
    pub fn review_overdue(at: Timestamp, gateway: &Endpoint, item: &Item) -> Self {
        let owed = if item.owes_rationale() { ", and the user still owes the reason" } else { "" };
        let alert = format!("review {} of break-glass was due at {}{owed}", item.id, item.due);
        let user = Participant {
            user_name: Some(item.user_name.clone()),
            ..Participant::person(&item.subject, false)
        };
        Self {
            at,
            id: code::SECURITY_ALERT,
            type_code: Some(code::REVIEW_OVERDUE),
            action: Action::Execute,
            outcome: Outcome::minor(alert.clone()),
            purposes: Vec::new(),
            participants: vec![gateway.application(), user],
            objects: item
                .patient
                .iter()
                .map(Object::patient)
                .chain([Object::node(&gateway.host, &alert)])
                .collect(),
        }
    }

    /// Break-glass was declared and not honoured.
    #[must_use]
    pub fn override_refused(
        transaction: &Transaction,
        patient: Option<&PatientId>,
        reason: &str,
    ) -> Self {
        let outcome = Outcome::minor(reason);
        let kind = code::ACCESS_CONTROL_DECISION;
        let node = Object::node(&transaction.endpoint.host, reason);
        alarm(transaction, kind, outcome, patient, node, Vec::new())
    }
}

fn alarm(
    transaction: &Transaction,
    kind: Code,
    outcome: Outcome,
    patient: Option<&PatientId>,
    node: Object,
    documents: Vec<Object>,
) -> Event {
    let objects = patient.into_iter().map(Object::patient).chain([node]).chain(documents);
    let peer = transaction.peer.participant(None, transaction.requestor.is_none());
    transaction.event(
        code::SECURITY_ALERT,
        kind,
        Action::Execute,
        outcome,
        [transaction.endpoint.application(), peer],
        objects.collect(),
    )
}

fn document(released: &Released) -> Object {
    let mut object = Object::document(&released.document);
    if !released.labels.is_empty() {
        object = object.with_detail("Security Labels", released.labels.join(","));
    }
    object = released.rules.iter().fold(object, |object, rule| {
        object.with_detail("Overridden Consent Rule", rule.to_string())
    });
    released
        .grounds
        .iter()
        .fold(object, |object, ground| object.with_detail("Override Grounds", ground.clone()))
}
