//! A consent that is loaded while the gateway runs holds for the next request, whatever was remembered before.

use std::fs;

use glassgate::client::Query;
use glassgate::config;
use glassgate::demo::world::{self, RIVERSIDE};
use serde_json::{Value, json};

use crate::asked::numbers;
use crate::world::{World, order};

const PATIENT: u32 = 1001;

fn consent(version: &str, provision: &Value) -> Value {
    let (system, code) = ("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy");
    json!({
        "resourceType": "Consent",
        "id": "edited",
        "meta": {"versionId": version},
        "status": "active",
        "scope": {"coding": [{"system": system, "code": code}]},
        "patient": {"reference": format!("Patient/p{PATIENT}")},
        "provision": provision
    })
}

/// Loads it as `glassgate load` does, beside the running gateway.
fn load(world: &World, consent: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consent.json");
    fs::write(&file, consent.to_string()).unwrap();
    let config = config::read(&world.stage.layout.config()).unwrap();
    let report = config.load(&[file], "test", &mut |_| ()).unwrap();
    assert!(report.is_complete(), "{:?}", report.refused);
}

#[test]
fn an_edit_holds_for_the_next_request() {
    let world = World::with("edited", |_| ());
    let find = Query::find_documents(&world::patient_id(PATIENT));
    let found = |purpose: &str| {
        let asked =
            world.runtime.block_on(world.query(&RIVERSIDE, &order(&RIVERSIDE, purpose), &find));
        numbers(&asked.answer)
    };
    let all = found("TREAT");
    assert!(all.len() > 1 && found("TREAT") == all);
    let purpose = |code: &str| json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}]);
    for (version, provision, treat, btg) in [
        ("1", json!({"type": "deny"}), false, false),
        ("2", json!({"type": "permit"}), true, true),
        ("3", json!({"type": "permit", "purpose": purpose("HRESCH")}), false, false),
        (
            "4",
            json!({"type": "deny", "provision": [{"type": "permit", "purpose": purpose("BTG")}]}),
            false,
            true,
        ),
        // nobody knows what it says
        ("5", json!({"type": "whatever"}), false, true),
        ("6", json!({"type": "permit"}), true, true),
    ] {
        load(&world, &consent(version, &provision));
        // twice, as the second time it is remembered
        for _ in 0..2 {
            assert_eq!(found("TREAT") == all, treat, "{version}: {provision}");
            assert_eq!(found("TREAT").is_empty(), !treat, "{version}: {provision}");
            assert_eq!(found("BTG") == all, btg, "{version}: {provision}");
        }
    }
}
