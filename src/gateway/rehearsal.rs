//! What would become of a captured message, step by step: the way in of every request, and nothing is answered.

use std::borrow::Cow;
use std::sync::Arc;

use super::admission::Admission;
use super::terms::Terms;
use super::visit::Visit;
use super::{Arrival, Settings, Transaction, iti38, iti39};
use crate::clock::Timestamp;
use crate::dsig;
use crate::policy::Access;
use crate::soap::Multipart;

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is checked, as people say it.
    pub title: Cow<'static, str>,
    /// Code and sentence of a refusal.
    pub refused: Option<(&'static str, String)>,
    /// Whether it is a check of signature or assertion, whose codes stand in tables of their own.
    pub trust: bool,
    /// Whether the sentence may quote an attribute of the assertion.
    pub names_values: bool,
}

/// What would become of a message.
#[derive(Debug)]
pub struct Rehearsal {
    /// Each step that was made, in its order.
    pub findings: Vec<Finding>,
    /// The partner that the client certificate names.
    pub partner: Option<String>,
    /// wsa:MessageID.
    pub message_id: Option<String>,
    /// Whether a trusted key vouches for what its assertions say, though something else may refuse the message.
    pub verified: bool,
    /// Who would be admitted, and for what; none where the message would be refused.
    pub access: Option<Access>,
}

/// Judges a message as at that moment; no replay is remembered, no break-glass weighed, no document looked for.
#[must_use]
pub fn rehearse(
    settings: &Settings,
    terms: Terms,
    transaction: Transaction,
    arrival: &Arrival,
    at: Timestamp,
) -> Rehearsal {
    let content_type = arrival.content_type.as_deref();
    // nobody reads a boundary here
    let mime = Multipart::new("rehearsal");
    let mut visit =
        Visit::new(settings, Arc::new(terms), transaction, &arrival.peer, content_type, mime, at);
    let mut findings = Vec::new();
    let mut admission = Admission {
        signatures: &dsig::Cache::new(),
        earnest: None,
        crowded: None,
        let_through: false,
        trace: Some(&mut findings),
    };
    let admitted = match transaction {
        Transaction::Query => admission
            .admit(arrival, &mut visit, iti38::note, |body| iti38::read(settings, body))
            .map(|(access, _)| access),
        Transaction::Retrieve => admission
            .admit(arrival, &mut visit, iti39::note, |body| iti39::rehearse(settings, body))
            .map(|(access, ())| access),
    };
    Rehearsal {
        findings,
        verified: visit.is_recognised(),
        partner: visit.partner,
        message_id: visit.message_id,
        access: admitted.ok(),
    }
}
