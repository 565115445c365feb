//! Loading: what came into the repository (DICOM PS3.15 A.5.3.6).

use crate::audit::object::portions;
use crate::audit::{Action, Document, Endpoint, Event, Object, Outcome, Participant, code};
use crate::clock::Timestamp;
use crate::ids::PatientId;

/// What was loaded for one patient in one transaction of the store.
#[derive(Debug, Clone)]
pub struct Import {
    /// When.
    pub at: Timestamp,
    /// Where it came from, a path or URI.
    pub from: String,
    /// The operating system's user who ran the load.
    pub operator: String,
    /// The gateway that received it.
    pub endpoint: Endpoint,
    /// The patient, where the resources belong to one.
    pub patient: Option<PatientId>,
    /// Documents loaded or replaced.
    pub documents: Vec<Document>,
    /// Other resources as FHIR references, such as `Consent/c-1002`.
    pub resources: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Event {
    /// A load of one patient's resources.
    #[must_use]
    pub fn import(import: &Import) -> Vec<Self> {
        let documents = import.documents.iter().map(Object::document);
        let resources = import.resources.iter().map(|uri| Object::resource(uri));
        portions(documents.chain(resources))
            .into_iter()
            .map(|objects| Self {
                at: import.at,
                id: code::IMPORT,
                type_code: None,
                action: Action::Create,
                outcome: import.outcome.clone(),
                purposes: Vec::new(),
                participants: participants(import),
                objects: import.patient.iter().map(Object::patient).chain(objects).collect(),
            })
            .collect()
    }
}

fn participants(import: &Import) -> Vec<Participant> {
    let named = |user_id: &str, requestor, role| Participant {
        user_id: user_id.to_owned(),
        user_name: None,
        requestor,
        gateway: false,
        network: None,
        role,
        roles: Vec::new(),
    };
    vec![
        named(&import.from, false, Some(code::SOURCE)),
        import.endpoint.participant(code::DESTINATION),
        named(&import.operator, true, None),
    ]
}
