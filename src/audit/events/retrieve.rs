//! ITI-39, seen from the responding gateway, which is the source (ITI TF-2 3.39.6, 3.43.6.1.2).

use super::Transaction;
use crate::audit::object::portions;
use crate::audit::{Action, Document, Event, Object, Outcome, code};
use crate::ids::PatientId;

/// What became of one requested document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieved {
    /// The document as asked for.
    pub document: Document,
    /// Whose it is, where it exists.
    pub patient: Option<PatientId>,
    /// Why it is not delivered, in true words; none where it is.
    pub failure: Option<String>,
}

impl Event {
    /// A cross gateway retrieve of one patient's documents that all ended alike.
    #[must_use]
    pub fn retrieve(
        transaction: &Transaction,
        patient: Option<&PatientId>,
        documents: &[Document],
        outcome: &Outcome,
    ) -> Vec<Self> {
        portions(documents.iter().map(Object::document))
            .into_iter()
            .map(|documents| {
                let gateway = transaction.endpoint.participant(code::SOURCE);
                let peer = transaction.peer.participant(Some(code::DESTINATION), true);
                let objects = patient.into_iter().map(Object::patient);
                transaction.event(
                    code::EXPORT,
                    code::ITI_39,
                    Action::Read,
                    outcome.clone(),
                    [gateway, peer],
                    objects.chain(documents).collect(),
                )
            })
            .collect()
    }

    /// One record for each patient and each of delivered and failed (ITI TF-2 3.43.6.1, 3.20.7.1).
    #[must_use]
    pub fn retrieved(transaction: &Transaction, results: &[Retrieved]) -> Vec<Self> {
        let mut groups: Vec<(&Retrieved, Vec<&Retrieved>)> = Vec::new();
        for result in results {
            let alike = |(first, _): &&mut (&Retrieved, Vec<&Retrieved>)| {
                first.patient == result.patient
                    && first.failure.is_some() == result.failure.is_some()
            };
            match groups.iter_mut().find(alike) {
                Some((_, members)) => members.push(result),
                None => groups.push((result, vec![result])),
            }
        }
        groups
            .iter()
            .flat_map(|(first, members)| {
                let documents: Vec<Document> =
                    members.iter().map(|member| member.document.clone()).collect();
                Self::retrieve(transaction, first.patient.as_ref(), &documents, &outcome(members))
            })
            .collect()
    }

    /// A transfer that broke off after its answer was recorded as given.
    #[must_use]
    pub fn transfer_failed(
        transaction: &Transaction,
        patient: Option<&PatientId>,
        documents: &[Document],
        sent_bytes: u64,
        all_bytes: u64,
    ) -> Vec<Self> {
        let reason = format!("transfer aborted after {sent_bytes} of {all_bytes} bytes");
        Self::retrieve(transaction, patient, documents, &Outcome::serious(reason))
    }
}

/// Success, or every reason once.
fn outcome(members: &[&Retrieved]) -> Outcome {
    let mut reasons: Vec<&str> = members.iter().filter_map(|m| m.failure.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    if reasons.is_empty() { Outcome::success() } else { Outcome::serious(reasons.join("; ")) }
}
