//! What a screen leaves unread: exactly what it does not admit, and nothing that a decision would release.

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::consent::Span;
use crate::ids::Coded;

fn consent(provision: &Value) -> String {
    json!({
        "resourceType": "Consent", "id": "c", "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"reference": "Patient/p1"},
        "provision": provision
    })
    .to_string()
}

/// Documents of every confidentiality and several times.
fn fill(store: &Store, patient: &Subject) {
    let mut id = 0;
    for label in ["", "U", "N", "R", "V", "T"] {
        for date in [None, Some((0, 10)), Some((10, 20)), Some((5, 15)), Some((i64::MIN, 20))] {
            id += 1;
            let mut draft = draft(id, patient);
            let labels = [label].into_iter().filter(|label| !label.is_empty());
            draft.facts.labels =
                labels.map(|code| Coded::new(code, "2.16.840.1.113883.5.25")).collect();
            // tenths of a day from the start of 2024
            let tenth = 24 * 3600 * 100_000;
            let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap().micros();
            let at = |unit: i64| if unit == i64::MIN { unit } else { start + unit * tenth };
            draft.facts.date =
                date.map(|(first, after)| Span { first: at(first), after: at(after) });
            put(store, &draft, b"bytes").unwrap();
        }
    }
}

/// Sifts and finds, and holds each to the other; how many were left unread.
fn sifted(store: &Store, patient: &Subject) -> usize {
    let state = store.snapshot().unwrap();
    let grant = grant_in(&*state, patient);
    let screen = grant.screen();
    let all = state.find(&grant, &any()).unwrap();
    let sifted = state.sift(&grant, &any()).unwrap();
    assert_eq!(sifted.candidates.len() + sifted.withheld.len(), all.len());
    let kept: Vec<_> = all.iter().filter(|c| screen.admits(c.facts.traits())).collect();
    let kept: Vec<_> = kept.iter().map(|c| &c.unique_id).collect();
    let read: Vec<_> = sifted.candidates.iter().map(|c| &c.unique_id).collect();
    assert_eq!(kept, read, "{screen:?}");
    for candidate in all {
        let released = grant.decide(&candidate.facts).outcome().is_ok();
        assert!(!released || !sifted.withheld.contains(&candidate.unique_id), "{screen:?}");
    }
    sifted.withheld.len()
}

#[test]
fn what_is_sifted_out_is_what_would_be_denied() {
    let Fixture { directory: _kept, store, one, .. } = fixture();
    fill(&store, &one);
    let label = |code: &str| json!([{"system": "2.16.840.1.113883.5.25", "code": code}]);
    let day = |first: &str, last: &str| json!({"start": first, "end": last});
    let hiv = json!([{"system": "2.16.840.1.113883.5.4", "code": "HIV"}]);
    let deny = |rule: Value| {
        let mut rule = rule;
        rule["type"] = json!("deny");
        json!({"type": "permit", "provision": [rule]})
    };
    for (provision, unread) in [
        (json!({"type": "permit"}), 0),
        (json!({"type": "deny"}), 30),
        // without a label, and above N; a retired code counts as V
        (json!({"type": "permit", "securityLabel": label("N")}), 20),
        (deny(json!({"securityLabel": label("R")})), 20),
        (deny(json!({"securityLabel": label("U")})), 30),
        (json!({"type": "permit", "dataPeriod": day("2024-01-01", "2024-01-01")}), 24),
        (deny(json!({"dataPeriod": day("2024-01-01", "2024-01-01")})), 24),
        (deny(json!({"securityLabel": hiv})), 0),
        (deny(json!({})), 30),
        (deny(json!({"purpose": [{"system": "2.16.840.1.113883.5.8", "code": "HRESCH"}]})), 0),
        // an exception to what is denied is decided in full
        (deny(json!({"securityLabel": label("R"), "provision": [{"type": "permit"}]})), 0),
        (
            json!({"type": "permit", "securityLabel": label("N"), "provision": [{"type": "permit"}]}),
            0,
        ),
        (json!({"type": "whatever"}), 30),
    ] {
        let mut batch = store.begin().unwrap();
        batch.put_consent("c", one.key, &consent(&provision)).unwrap();
        batch.commit().unwrap();
        assert_eq!(sifted(&store, &one), unread, "{provision}");
    }
}

#[test]
fn facts_written_anew_are_read_until_their_traits_are() {
    let Fixture { directory, store, one, .. } = fixture();
    fill(&store, &one);
    let mut batch = store.begin().unwrap();
    let normal = json!({"type": "permit", "securityLabel": [{"system": "2.16.840.1.113883.5.25", "code": "N"}]});
    batch.put_consent("c", one.key, &consent(&normal)).unwrap();
    batch.commit().unwrap();
    assert_eq!(sifted(&store, &one), 20);
    let database = Connection::open(directory.path().join("glassgate.db")).unwrap();
    database.execute("UPDATE document SET facts = facts || ' '", []).unwrap();
    let state = store.snapshot().unwrap();
    assert!(state.sift(&grant_in(&*state, &one), &any()).unwrap().withheld.is_empty());
}
