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
            against release"]
    );
}
