//! What operators of the gateway look at and decide (DICOM PS3.15 A.5.3.2, A.5.3.9).

use crate::audit::code;
use crate::audit::object::portions;
use crate::audit::review::{Item, Judgement};
use crate::audit::{Action, Document, Endpoint, Event, Object, Outcome, Participant};
use crate::clock::Timestamp;
use crate::ids::{Coded, PatientId};

/// A person at the gateway's own machine, whom the kernel named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The account.
    pub account: String,
    /// Its number.
    pub uid: u32,
}

/// What all records of one command share.
#[derive(Debug, Clone)]
pub struct Operated {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub operator: Operator,
    /// The gateway whose data it is.
    pub endpoint: Endpoint,
}

impl Operated {
    fn event(
        &self,
        (id, type_code): (code::Code, Option<code::Code>),
        action: Action,
        outcome: Outcome,
        objects: Vec<Object>,
    ) -> Event {
        let Operator { account, uid } = &self.operator;
        let person = Participant {
            user_name: Some(format!("uid {uid}")),
            ..Participant::person(account, true)
        };
        Event {
            at: self.at,
            id,
            type_code,
            action,
            outcome,
            purposes: Vec::new(),
            participants: vec![person, self.endpoint.application()],
            objects,
        }
    }
}

impl Event {
    /// Audit content is about to be shown; `what` says which.
    #[must_use]
    pub fn audit_log_used(
        operated: &Operated,
        log: &str,
        what: &str,
        patient: Option<&PatientId>,
    ) -> Self {
        let outcome = Outcome::success().noting(what);
        let objects = [Object::audit_log(log)].into_iter().chain(patient.map(Object::patient));
        operated.event((code::AUDIT_LOG_USED, None), Action::Read, outcome, objects.collect())
    }

    /// A decision is about to be explained, by consents and documents of a patient; nothing was released.
    #[must_use]
    pub fn explanation(
        operated: &Operated,
        patient: &PatientId,
        supposed: &str,
        purposes: &[Coded],
        documents: &[Document],
        consents: &[String],
    ) -> Vec<Self> {
        let kind = (code::PATIENT_RECORD, Some(code::EXPLANATION));
        let outcome = Outcome::success().noting("simulation, nothing was released");
        let outcome = outcome.noting(supposed);
        let consents = consents.iter().map(|uri| Object::resource(uri));
        portions(documents.iter().map(Object::document).chain(consents))
            .into_iter()
            .map(|shown| {
                let objects = [Object::patient(patient)].into_iter().chain(shown).collect();
                let event = operated.event(kind, Action::Read, outcome.clone(), objects);
                Self { purposes: purposes.to_vec(), ..event }
            })
            .collect()
    }

    /// An operator judges a break-glass.
    #[must_use]
    pub fn review_judged(operated: &Operated, item: &Item, judgement: &Judgement) -> Self {
        let mut said = format!("review {} of break-glass: {}", item.id, item.state.code());
        for (name, text) in [("note", &judgement.note), ("rationale", &judgement.rationale)] {
            if let Some(text) = text {
                said.push_str(&format!("; {name} {text:?}"));
            }
        }
        let node = Object::node(&operated.endpoint.host, &said);
        let user = Participant {
            user_name: Some(item.user_name.clone()),
            ..Participant::person(&item.subject, false)
        };
        let objects = item.patient.iter().map(Object::patient).chain([node]).collect();
        let kind = (code::SECURITY_ALERT, Some(code::REVIEW_JUDGED));
        let outcome = Outcome::success().noting(&said);
        let mut event = operated.event(kind, Action::Execute, outcome, objects);
        event.participants.push(user);
        event
    }
}
