//! Break-glass: what it released, and who was not allowed to (ITI TF-2 Table 3.20.4.1.1.1-1).

use std::fmt;

use super::Transaction;
use crate::audit::code::{self, Code};
use crate::audit::object::portions;
use crate::audit::{Action, Document, Event, Object, Outcome};
use crate::ids::PatientId;

/// A document that only break-glass released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The document.
    pub document: Document,
    /// The consent rules that withhold it for treatment.
    pub rules: Vec<ConsentRule>,
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
        released: &[Released],
    ) -> Vec<Self> {
        let alert = format!("break-glass released {} withheld documents", released.len());
        portions(released.iter().map(document))
            .into_iter()
            .map(|documents| {
                let kind = code::EMERGENCY_OVERRIDE_STARTED;
                alarm(transaction, kind, Outcome::success(), Some(patient), &alert, documents)
            })
            .collect()
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
        alarm(transaction, kind, outcome, patient, reason, Vec::new())
    }
}

fn alarm(
    transaction: &Transaction,
    kind: Code,
    outcome: Outcome,
    patient: Option<&PatientId>,
    alert: &str,
    documents: Vec<Object>,
) -> Event {
    let node = Object::node(&transaction.endpoint.host, alert);
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
    let object = Object::document(&released.document);
    released.rules.iter().fold(object, |object, rule| {
        object.with_detail("Overridden Consent Rule", rule.to_string())
    })
}
