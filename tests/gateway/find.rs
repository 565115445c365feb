//! FindDocuments by each of its parameters (ITI TF-2 3.18.4.1.2.3.7.1), on a shelf made for it.

use glassgate::client::Query;
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::xds::{Availability, StoredQuery};

use crate::asked::numbers;
use crate::record::kinds;
use crate::shelf::{self, *};
use crate::world::{order, run, shared};

/// Approved documents of the shelf.
fn approved() -> Query {
    Query::find_documents(&world::patient_id(shelf::PATIENT))
}

/// Documents of the shelf, of statuses as written.
fn of_status(values: &[&str]) -> Query {
    Query::new(StoredQuery::FindDocuments)
        .text("$XDSDocumentEntryPatientId", &world::patient_id(shelf::PATIENT))
        .list("$XDSDocumentEntryStatus", values)
}

fn local(code: &str) -> String {
    format!("{code}^^{}", shelf::LOCAL)
}

async fn finds(query: Query, expected: &[u32]) {
    let asked = shared().query(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &query).await;
    assert_eq!(numbers(&asked.answer), expected, "{}", query.body());
    assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
    assert!(asked.answer.errors.is_empty());
}

/// All approved but these.
fn all_but(missing: &[u32]) -> Vec<u32> {
    shelf::approved().into_iter().filter(|n| !missing.contains(n)).collect()
}

#[test]
fn without_parameters_all_that_are_current_are_found() {
    run(finds(approved(), &shelf::approved()));
}

#[test]
fn codes_select_by_code_and_scheme() {
    run(async {
        for (name, code, n) in [
            ("$XDSDocumentEntryClassCode", "c", CLASS),
            ("$XDSDocumentEntryTypeCode", "t", TYPE),
            ("$XDSDocumentEntryPracticeSettingCode", "s", SETTING),
            ("$XDSDocumentEntryHealthcareFacilityTypeCode", "f", FACILITY),
            ("$XDSDocumentEntryFormatCode", "x", FORMAT),
        ] {
            finds(approved().list(name, &[local(code)]), &[n]).await;
            let urn = format!("{code}^^urn:oid:{}", shelf::LOCAL);
            finds(approved().list(name, &[urn, local("none")]), &[n]).await;
            finds(approved().list(name, &[format!("{code}^^2.999.7.2")]), &[]).await;
            finds(approved().list(name, &[local(&code.to_uppercase())]), &[]).await;
        }
    });
}

#[test]
fn values_in_one_slot_are_alternatives() {
    run(async {
        let name = "$XDSDocumentEntryClassCode";
        let either = [local("c"), local("class")];
        finds(approved().list(name, &either), &all_but(&[QUOTED])).await;
        // several Values are one long list
        let values = vec![format!("('{}')", local("c")), format!("('{}')", local("class"))];
        finds(approved().written(name, values), &all_but(&[QUOTED])).await;
        finds(approved().list(name, &[local("it's ('a','b')")]), &[QUOTED]).await;
    });
}

#[test]
fn repeated_slots_of_events_and_labels_must_all_hold() {
    run(async {
        let event = "$XDSDocumentEntryEventCodeList";
        finds(approved().list(event, &[local("a")]), &[EVENTS_A_B, EVENT_A]).await;
        finds(approved().list(event, &[local("a"), local("b")]), &[EVENTS_A_B, EVENT_A]).await;
        let both = approved().list(event, &[local("a")]).list(event, &[local("b")]);
        finds(both, &[EVENTS_A_B]).await;
        let label = "$XDSDocumentEntryConfidentialityCode";
        let normal = ["N^^2.16.840.1.113883.5.25"];
        finds(approved().list(label, &normal), &shelf::approved()).await;
        finds(approved().list(label, &[local("k"), local("l")]), &[LABEL_K, LABEL_L]).await;
        let both = approved().list(label, &normal).list(label, &[local("k"), local("l")]);
        finds(both, &[LABEL_K, LABEL_L]).await;
        let both = approved().list(label, &[local("k")]).list(label, &[local("l")]);
        finds(both, &[]).await;
    });
}

#[test]
fn creation_time_starts_inclusive_and_ends_exclusive() {
    let from = |query: Query, time: &str| {
        query.written("$XDSDocumentEntryCreationTimeFrom", vec![time.to_owned()])
    };
    let to = |query: Query, time: &str| {
        query.written("$XDSDocumentEntryCreationTimeTo", vec![time.to_owned()])
    };
    run(async {
        let others = all_but(&[JUNE]);
        finds(from(approved(), "20250601000000"), &[JUNE]).await;
        finds(from(approved(), "20250601"), &[JUNE]).await;
        finds(from(approved(), "20250601000001"), &[]).await;
        finds(to(approved(), "20250601000000"), &others).await;
        finds(to(approved(), "20250601000001"), &shelf::approved()).await;
        finds(to(approved(), "20250601"), &others).await;
        finds(to(approved(), "20250101120000"), &[]).await;
        let between = to(from(approved(), "20250101120000"), "20250101120001");
        finds(between, &others).await;
        finds(to(from(approved(), "'2025'"), "'2026'"), &shelf::approved()).await;
    });
}

#[test]
fn service_times_exclude_nothing_that_has_none() {
    let at = |which: &str, edge: &str, time: &str| {
        let name = format!("$XDSDocumentEntryService{which}Time{edge}");
        approved().written(&name, vec![time.to_owned()])
    };
    run(async {
        let earlier = all_but(&[MAY]);
        for (which, moment, after) in [
            ("Start", "20250501000000", "20250501000001"),
            ("Stop", "20250502000000", "20250502000001"),
        ] {
            finds(at(which, "From", moment), &[UNSERVICED, MAY]).await;
            finds(at(which, "From", after), &[UNSERVICED]).await;
            finds(at(which, "To", moment), &earlier).await;
            finds(at(which, "To", after), &shelf::approved()).await;
            finds(at(which, "To", "20250101"), &[UNSERVICED]).await;
        }
    });
}

#[test]
fn authors_are_matched_by_pattern_against_the_whole_name() {
    let name = "$XDSDocumentEntryAuthorPerson";
    run(async {
        for (pattern, expected) in [
            ("%O'Brien%", vec![AUTHOR]),
            ("%Zo_ O'B%", vec![AUTHOR]),
            ("%", shelf::approved()),
            ("%Vogel%", all_but(&[AUTHOR])),
            ("Brien", vec![]),
            ("%o'brien%", vec![]),
        ] {
            finds(approved().list(name, &[pattern]), &expected).await;
        }
        finds(approved().list(name, &["%Brien%", "%Vogel%"]), &shelf::approved()).await;
    });
}

#[test]
fn statuses_select_and_unknown_ones_are_passed_over() {
    let [current, replaced] =
        [Availability::Approved, Availability::Deprecated].map(Availability::urn);
    run(async {
        finds(of_status(&[replaced]), &[DEPRECATED]).await;
        let mut all = shelf::approved();
        all.insert(DEPRECATED as usize - 1, DEPRECATED);
        finds(of_status(&[current, replaced]), &all).await;
        let unknown = "urn:oasis:names:tc:ebxml-regrep:StatusType:Submitted";
        finds(of_status(&[unknown, replaced]), &[DEPRECATED]).await;
    });
}

#[test]
fn entry_types_and_unknown_parameters_are_passed_over() {
    let (stable, on_demand) = (
        "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1",
        "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248",
    );
    let name = "$XDSDocumentEntryType";
    run(async {
        for values in [&[stable][..], &[on_demand], &[stable, on_demand]] {
            finds(approved().list(name, values), &shelf::approved()).await;
        }
        // a large sender leaves the quotes out
        let unquoted = approved().written(name, vec![format!("({stable},{on_demand})")]);
        finds(unquoted, &shelf::approved()).await;
        let unknown = approved().text("$Nonsense", "x").written("$MetadataLevel", vec!["1".into()]);
        finds(unknown, &shelf::approved()).await;
    });
}

#[test]
fn reference_ids_select_in_their_own_query() {
    let find = |value: &str| {
        Query::new(StoredQuery::FindDocumentsByReferenceId)
            .text("$XDSDocumentEntryPatientId", &world::patient_id(shelf::PATIENT))
            .list("$XDSDocumentEntryStatus", &[Availability::Approved.urn()])
            .list("$XDSDocumentEntryReferenceIdList", &[value])
    };
    run(async {
        let whole = "2.999.8.1^^^^urn:ihe:iti:xds:2016:studyInstanceUID";
        finds(find(whole), &[REFERENCE]).await;
        finds(find("2.999.8.1%"), &[REFERENCE]).await;
        finds(find("2.999.8.1"), &[]).await;
    });
}
