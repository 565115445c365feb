//! What a load tells its operator and audit.

use super::*;

fn warnings(report: &Report) -> Vec<String> {
    let after_place =
        |warning: &Warning| warning.to_string().split_once("entry ").unwrap().1.into();
    report.warnings.iter().map(after_place).collect()
}

#[test]
fn a_purpose_that_cannot_be_read_is_told() {
    let world = World::new();
    let mut consent = opt_out("1");
    consent["policyRule"]["coding"][0]["code"] = "OPTIN".into();
    consent["provision"] = json!({"provision": [{"type": "deny", "purpose": [{"code": "BTG"}]}]});
    world.write("a.json", bundle(&[patient("1"), consent]));
    let report = world.load_all();
    assert!(report.is_complete());
    assert_eq!(
        warnings(&report),
        ["2: Consent/c1: purpose in provision.provision[0] cannot be read for certain and counts \
            against release (unread); write code and system as HL7 has them"]
    );
}

#[test]
fn a_label_that_cannot_be_read_is_told_and_withholds() {
    let world = World::new();
    let mut consent = opt_out("1");
    consent["policyRule"]["coding"][0]["code"] = "OPTIN".into();
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    let restricted = json!([{"system": confidentiality, "code": "R"}]);
    consent["provision"] = json!({"provision": [{"type": "deny", "securityLabel": restricted}]});
    let mut resources = vec![patient("1"), consent, document("1", 1, &inline(b"plain"))];
    for (n, label) in [
        json!({"text": "Restricted"}),
        json!({"coding": [{"code": "R"}]}),
        json!({"coding": [{"system": "urn:example:labels", "code": "R"}]}),
        json!({"coding": [{"system": confidentiality, "display": "restricted"}]}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut labelled = document("1", n as u32 + 2, &inline(b"labelled"));
        labelled["securityLabel"].as_array_mut().unwrap().push(label);
        resources.push(labelled);
    }
    world.write("a.json", bundle(&resources));
    let report = world.load_all();
    assert!(report.is_complete());
    assert!(report.warnings.iter().all(|warning| warning.reason == Caution::Label));
    assert_eq!((report.warnings.len(), world.stored()), (4, 5));
    assert_eq!(world.released("1"), ["2.999.1.4.1.1"]);
}

#[test]
fn a_link_to_nothing_is_told_and_stops_nothing() {
    let world = World::new();
    world.write("sub/patient.json", patient("1").to_string());
    let link = |name: &str| {
        std::os::unix::fs::symlink("nowhere.json", world.folder().join(name)).unwrap();
    };
    link("gone.json");
    link("sub/gone.json");
    link(".hidden.json");
    let report = world.load_all();
    assert_eq!(counts(&report, "Patient"), (1, 0, 0));
    let mut places: Vec<_> = report.refused.iter().map(|refused| &refused.at.file).collect();
    places.sort();
    assert_eq!(places, [&world.folder().join("gone.json"), &world.folder().join("sub/gone.json")]);
    assert!(report.refused.iter().all(|refused| matches!(refused.reason, Error::Unreadable(_))));
}

#[test]
fn what_changed_is_named_by_patient() {
    let world = World::new();
    let all = [patient("1"), opt_out("1"), patient("2"), document("1", 1, &inline(b"one"))];
    world.write("a.json", bundle(&all));
    world.write("b.json", bundle(&[document("1", 2, &inline(b"two"))]));
    let changed = |report: &Report| {
        let of = |changed: &Changed| {
            changed
                .documents
                .iter()
                .chain(&changed.resources)
                .cloned()
                .collect::<Vec<_>>()
                .join(" ")
        };
        report.patients.values().map(of).collect::<Vec<_>>()
    };
    assert_eq!(
        changed(&world.load_all()),
        ["2.999.1.4.1.1 2.999.1.4.1.2 Consent/c1 Patient/p1", "Patient/p2"]
    );
    assert_eq!(changed(&world.load_all()), ["", ""]);
    let mut wrong = document("1", 1, &inline(b"one"));
    wrong["status"] = "entered-in-error".into();
    world.write("a.json", bundle(&[wrong]));
    world.write("b.json", bundle(&[document("1", 2, &inline(b"other"))]));
    assert_eq!(changed(&world.load_all()), ["2.999.1.4.1.2 DocumentReference/d1"]);
}
