use super::*;

#[test]
fn a_consent_that_replaces_another_of_the_same_load_is_told() {
    let world = World::new();
    let consent = json!({"resourceType": "Consent", "id": "c1", "status": "active",
        "patient": {"reference": "Patient/p1"}});
    world.write("a.json", bundle(&[patient("1"), consent.clone()]));
    world.write("b.json", consent.to_string());
    let report = world.load_all();
    let twins = |report: &Report| {
        let told = report.warnings.iter().filter(|one| matches!(one.reason, Caution::Twin(_)));
        told.map(ToString::to_string).collect::<Vec<_>>()
    };
    let [told] = &twins(&report)[..] else { panic!("{:?}", report.warnings) };
    assert!(told.contains("b.json: Consent/c1: it has the id of the one at "), "{told}");
    assert!(told.contains("a.json"), "{told}");
    // a further load is how consents change
    assert_eq!(twins(&world.load(&world.folder().join("b.json"))), [""; 0]);
}
