//! Labels changed because the rules did (DICOM PS3.15 A.5.3.9, Patient Record; HL7 DS4P).

use crate::audit::object::portions;
use crate::audit::{Action, Document, Endpoint, Event, Object, Outcome, code};
use crate::clock::Timestamp;
use crate::ids::PatientId;

/// Documents of one patient that are labelled anew.
#[derive(Debug, Clone)]
pub struct Relabelling {
    /// When.
    pub at: Timestamp,
    /// The gateway that does it by itself.
    pub endpoint: Endpoint,
    /// Whose documents they are.
    pub patient: PatientId,
    /// The documents.
    pub documents: Vec<Document>,
    /// The version of the rules before, empty where there were none.
    pub from: String,
    /// The version of the rules now.
    pub to: String,
}

impl Event {
    /// The provenance of new labels: which documents, from which rules to which.
    #[must_use]
    pub fn relabelled(relabelling: &Relabelling) -> Vec<Self> {
        let Relabelling { at, endpoint, patient, documents, from, to } = relabelling;
        let from = if from.is_empty() { "none" } else { from };
        let outcome =
            Outcome::success().noting(&format!("labels renewed, rule set {from} to {to}"));
        portions(documents.iter().map(Object::document))
            .into_iter()
            .map(|objects| Self {
                at: *at,
                id: code::PATIENT_RECORD,
                type_code: None,
                action: Action::Update,
                outcome: outcome.clone(),
                purposes: Vec::new(),
                participants: vec![endpoint.application()],
                objects: [Object::patient(patient)].into_iter().chain(objects).collect(),
            })
            .collect()
    }
}
