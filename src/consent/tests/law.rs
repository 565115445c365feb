//! What a law permits in an emergency without any override.

use super::*;

#[test]
fn a_law_permits_in_an_emergency_what_it_protects_and_is_no_override() {
    let withholding = consent(json!({
        "type": "permit",
        "provision": [{"type": "deny", "securityLabel": label("R")}]
    }));
    let mut protected = item("R");
    protected.labels.push(Coded::new("42CFRPart2", ACT_CODE));
    let us = Domain { part_2_emergency: true, ..domain() };
    let decide = |domain: &Domain, purpose: &str, consent: &Value, facts: &Facts| {
        let consents = std::slice::from_ref(consent);
        granted_in(domain, &access(&[purpose]), consents).decide(facts).outcome()
    };
    for purpose in ["ETREAT", "ERTREAT"] {
        let permit = decide(&us, purpose, &withholding, &protected).unwrap();
        assert!(!permit.is_override());
        assert_eq!(permit.basis().element(), PART_2_EMERGENCY);
        assert_eq!((permit.consent(), permit.path()), (Some("c1"), "provision.provision[0]"));
    }
    assert!(decide(&us, "TREAT", &withholding, &protected).is_err());
    assert!(decide(&us, "HPAYMT", &withholding, &protected).is_err());
    assert!(decide(&us, "ETREAT", &withholding, &item("R")).is_err());
    assert!(decide(&domain(), "ETREAT", &withholding, &protected).is_err());
    assert!(decide(&us, "ETREAT", &consent(json!({"type": "deny"})), &protected).is_err());
    protected.labels.push(Coded::new("V", CONFIDENTIALITY));
    assert!(decide(&us, "ETREAT", &withholding, &protected).is_err());
}

#[test]
fn a_law_lifts_nothing_but_the_protection_that_is_its_own() {
    let us = Domain { part_2_emergency: true, ..domain() };
    let labelled = |codes: &[&str]| {
        let mut facts = item("R");
        facts.labels.extend(codes.iter().map(|code| Coded::new(code, ACT_CODE)));
        facts
    };
    let permits = |consents: &[Value], codes: &[&str]| {
        let grant = granted_in(&us, &access(&["ETREAT"]), consents);
        grant.decide(&labelled(codes)).outcome().is_ok()
    };
    let denying = |codes: &[&str]| {
        let rules = codes.iter().map(|code| json!({"type": "deny", "securityLabel": label(code)}));
        consent(json!({"type": "permit", "provision": rules.collect::<Vec<_>>()}))
    };
    for code in ["R", "SUD", "OPIOIDUD", "ETH", "42CFRPart2"] {
        assert!(permits(&[denying(&[code])], &["SUD", "OPIOIDUD", "42CFRPart2"]), "{code}");
    }
    let both = ["HIV", "42CFRPart2"];
    // whichever stands first, and whichever consent it is of
    for consents in [
        vec![denying(&["HIV"])],
        vec![denying(&["HIV", "R"])],
        vec![denying(&["R", "HIV"])],
        vec![denying(&["R"]), denying(&["HIV"])],
    ] {
        assert!(!permits(&consents, &both), "{consents:?}");
    }
    // a consent about research alone changes nothing of that
    let research = || consent(json!({"type": "permit", "purpose": purpose("HRESCH")}));
    assert!(permits(&[denying(&["R"]), research()], &["42CFRPart2"]));
    assert!(!permits(&[denying(&["R"]), denying(&["HIV"]), research()], &both));
    assert!(!permits(&[research()], &["42CFRPart2"]));
    // a rule about neither stays too
    let elsewhere = actor("IRCP", json!({"reference": "urn:oid:2.999.2"}));
    let to_us = json!([{"type": "deny", "actor": elsewhere}]);
    assert!(!permits(&[consent(json!({"type": "permit", "provision": to_us}))], &["42CFRPart2"]));
    // and what permits up to N withholds for confidentiality alone
    let normal = consent(json!({"type": "permit", "securityLabel": label("N")}));
    assert!(permits(&[normal], &["42CFRPart2"]));
}
