//! Tells from what was seen what a step came to, without knowing what was expected of it.

use super::documents::shelved;
use super::report::Sight;
use super::steps::Outcome;

/// A query that was answered with Success.
pub(super) fn found(patient: u32, sight: &mut Sight, records: &[String]) -> Outcome {
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
        return Outcome::Absent;
    }
    if complete && all.iter().any(|(_, restricted)| *restricted) {
        // released by override only where the record names just what treatment withholds
        let exact = all.iter().all(|document| named(document) == document.1);
        return if exact { Outcome::Override } else { Outcome::Fault };
    }
    if complete {
        let idle = records.iter().any(|record| record.contains("without effect"));
        return if idle { Outcome::NoEffect } else { Outcome::All };
    }
    if as_treatment { Outcome::AsTreatment } else { Outcome::Fault }
}

/// The EventTypeCodes of records, in the order in which they arrived.
pub(super) fn event_types(records: &[String]) -> Vec<String> {
    records.iter().filter_map(|record| event_type(record)).collect()
}

fn event_type(record: &str) -> Option<String> {
    let (_, rest) = record.split_once("<EventTypeCode csd-code=\"")?;
    rest.split_once('"').map(|(code, _)| code.to_owned())
}

/// EventOutcomeDescription without its escapes, where a record has one.
pub(super) fn description(record: &str) -> Option<String> {
    let (_, rest) = record.split_once("<EventOutcomeDescription>")?;
    let (text, _) = rest.split_once("</EventOutcomeDescription>")?;
    Some(
        text.replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
