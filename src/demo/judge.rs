//! Tells from what was seen what a step came to, without knowing what was expected of it.

use super::documents::shelved;
use super::report::Sight;
use super::steps::{Act, Outcome, Step};

/// A query that was answered with Success; none where what came is nothing that may come.
pub(super) fn found(patient: u32, sight: &mut Sight, records: &[String]) -> Option<Outcome> {
    let all = shelved(patient);
    let listed = |id: &String| sight.documents.contains(id);
    let restricted = |(_, restricted): &&(String, bool)| *restricted;
    let normal: Vec<_> = all.iter().filter(|document| !restricted(document)).collect();
    sight.withheld_visible = all.iter().filter(restricted).any(|(id, _)| listed(id));
    let complete = all.iter().all(|(id, _)| listed(id)) && sight.documents.len() == all.len();
    let as_treatment = !sight.withheld_visible
        && normal.iter().all(|(id, _)| listed(id))
        && sight.documents.len() == normal.len();
    let named = |(id, _): &(String, bool)| {
        let object = format!("ParticipantObjectID=\"{id}\"");
        records.iter().any(|record| record.contains("110127") && record.contains(&object))
    };
    if sight.documents.is_empty() {
        return Some(Outcome::Absent);
    }
    if complete && all.iter().any(|(_, restricted)| *restricted) {
        // released by override only where the record names just what treatment withholds
        let exact = all.iter().all(|document| named(document) == document.1);
        return exact.then_some(Outcome::Override);
    }
    if complete {
        let idle = records.iter().any(|record| record.contains("without effect"));
        return Some(if idle { Outcome::NoEffect } else { Outcome::All });
    }
    as_treatment.then_some(Outcome::AsTreatment)
}

/// Whether the records are those that such an outcome leaves: the transaction's own, and the right alarms.
pub(super) fn audited(step: &Step, outcome: Outcome, records: &[String], warned: bool) -> bool {
    let codes = event_types(records);
    let has = |code: &str| codes.iter().any(|c| c == code);
    let refusal = records.iter().any(|record| {
        record.contains("csd-code=\"110147\"") && record.contains("EventOutcomeIndicator=\"4\"")
    });
    let in_vain = step.declares_break_glass() && outcome == Outcome::AsTreatment;
    let own = match (outcome, step.act) {
        (Outcome::Fault, _) => "110122",
        (_, Act::RetrieveWithheld | Act::RetrieveLarge) => "ITI-39",
        (_, _) => "ITI-38",
    };
    codes.last().is_some_and(|last| last == own)
        && has("110127") == (outcome == Outcome::Override)
        && (refusal && warned) == in_vain
        && (!warned || in_vain)
}

/// The EventTypeCodes of records, in the order in which they arrived.
pub(super) fn event_types(records: &[String]) -> Vec<String> {
    records.iter().filter_map(|record| event_type(record)).collect()
}

fn event_type(record: &str) -> Option<String> {
    let (_, rest) = record.split_once("<EventTypeCode csd-code=\"")?;
    rest.split_once('"').map(|(code, _)| code.to_owned())
}

/// The true reason in EventOutcomeDescription, without the ids that follow it, where a record has one.
pub(super) fn reason(record: &str) -> Option<String> {
    let (_, rest) = record.split_once("<EventOutcomeDescription>")?;
    let (text, _) = rest.split_once("</EventOutcomeDescription>")?;
    let reason = text.split("; unverified:").next()?.split("; message-id").next()?;
    Some(reason.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">"))
}
