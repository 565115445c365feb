use super::*;

/// An active R5 consent of the patient with this decision and these provisions.
fn r5(decision: &str, provisions: Value) -> Value {
    let mut consent = json!({
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "subject": {"reference": "Patient/p1"},
        "decision": decision
    });
    if !provisions.is_null() {
        consent["provision"] = provisions;
    }
    consent
}

fn basis(consents: &[Value], facts: &Facts) -> (String, &'static str) {
    let decided = granted(&access(&["TREAT"]), consents).decide(facts).outcome();
    let basis = match &decided {
        Ok(permit) => permit.basis(),
        Err(denial) => denial.basis(),
    };
    (basis.path().to_owned(), basis.element())
}

#[test]
fn the_decision_turns_round_at_each_level() {
    let restricted = |nested: Value| {
        let mut rule = json!({"securityLabel": label("R")});
        if !nested.is_null() {
            rule["provision"] = json!([nested]);
        }
        json!([rule])
    };
    let ours = actor("IRCP", json!({"reference": "urn:oid:2.999.2"}));
    let for_us = json!({"actor": ours});
    let not_treatment = json!({"actor": ours, "provision": [{"purpose": purpose("TREAT")}]});
    for (decision, provisions, n, r) in [
        ("permit", Value::Null, "permit", "permit"),
        ("deny", Value::Null, "deny", "deny"),
        ("permit", restricted(Value::Null), "permit", "deny"),
        ("permit", restricted(for_us.clone()), "permit", "permit"),
        ("permit", restricted(not_treatment), "permit", "deny"),
        // a permit for R reaches down to N
        ("deny", restricted(Value::Null), "permit", "permit"),
        ("deny", restricted(for_us), "deny", "deny"),
        // siblings are read side by side
        (
            "deny",
            json!([{"purpose": purpose("HRESCH")}, {"purpose": purpose("TREAT")}]),
            "permit",
            "permit",
        ),
    ] {
        let consent = [r5(decision, provisions.clone())];
        assert_eq!(outcomes(&consent, &item("N")).0, n, "N: {decision} {provisions}");
        assert_eq!(outcomes(&consent, &item("R")).0, r, "R: {decision} {provisions}");
    }
}

#[test]
fn what_decides_is_named_as_r5_names_it() {
    let withholding = [r5("permit", json!([{"securityLabel": label("R")}]))];
    assert_eq!(basis(&withholding, &item("R")), ("provision[0]".into(), "securityLabel"));
    assert_eq!(basis(&withholding, &item("N")), ("decision".into(), "decision"));
    let nested =
        json!([{"securityLabel": label("R"), "provision": [{"purpose": purpose("TREAT")}]}]);
    let permitting = [r5("permit", nested)];
    assert_eq!(basis(&permitting, &item("R")), ("provision[0].provision[0]".into(), "purpose"));
    // the same words in R4 decide the same
    let r4 = [consent(
        json!({"type": "permit", "provision": [{"type": "deny", "securityLabel": label("R")}]}),
    )];
    for code in ["N", "R", "V", ""] {
        assert_eq!(outcomes(&withholding, &item(code)), outcomes(&r4, &item(code)), "{code}");
    }
}

#[test]
fn period_and_grantee_stand_at_the_root() {
    let in_time = |period: Value| {
        let mut consent = r5("deny", Value::Null);
        consent["period"] = period;
        outcomes(&[consent], &item("N")).0
    };
    assert_eq!(in_time(json!({"start": "2026"})), "deny");
    assert_eq!(in_time(json!({"end": "2025"})), "permit");
    let granted_to = |decision: &str, reference: &str| {
        let mut consent = r5(decision, Value::Null);
        consent["grantee"] = json!([{"reference": reference}]);
        let denying = Domain { implicit: Implicit::Deny, ..domain() };
        granted_in(&denying, &access(&["TREAT"]), &[consent]).decide(&item("N")).outcome().is_ok()
    };
    assert!(granted_to("permit", "urn:oid:2.999.2"));
    assert!(!granted_to("permit", "urn:oid:2.999.3") && !granted_to("permit", "Group/x"));
    // a denial holds for everybody
    assert!(!granted_to("deny", "urn:oid:2.999.3"));
}

#[test]
fn document_and_resource_types_are_compared() {
    let denies = |rule: Value| outcomes(&[r5("permit", json!([rule]))], &item("N")).0 == "deny";
    let coded = |system: &str, code: &str| json!([{"system": system, "code": code}]);
    for (system, code, denied) in [
        ("http://loinc.org", "34133-9", true),
        ("http://loinc.org", "11506-3", false),
        ("urn:example:class", "summary", true),
        ("urn:example:class", "note", false),
        // of a system that nothing here is of, so perhaps
        ("urn:ietf:bcp:13", "application/pdf", true),
    ] {
        assert_eq!(denies(json!({"documentType": coded(system, code)})), denied, "{system} {code}");
    }
    let types = "http://hl7.org/fhir/fhir-types";
    assert!(denies(json!({"resourceType": coded(types, "DocumentReference")})));
    assert!(!denies(json!({"resourceType": coded(types, "Observation")})));
}

#[test]
fn a_ban_on_break_glass_is_read_from_r5_too() {
    let banned =
        [r5("permit", json!([{"securityLabel": label("R")}, {"purpose": purpose("BTG")}]))];
    assert_eq!(outcomes(&banned, &item("R")), ("deny", "forbidden"));
    assert_eq!(outcomes(&banned, &item("N")), ("permit", "permit"));
    // nested in a permit it stands too, where ETREAT would be ambiguous
    let ours = actor("IRCP", json!({"reference": "urn:oid:2.999.2"}));
    let nested = |code: &str| {
        r5("deny", json!([{"actor": ours, "provision": [{"purpose": purpose(code)}]}]))
    };
    assert_eq!(check(&nested("BTG").to_string()), Ok(vec![]));
    assert_eq!(outcomes(&[nested("BTG")], &item("R")).0, "permit");
    let ambiguous = check(&nested("ETREAT").to_string()).unwrap_err();
    assert_eq!(ambiguous.code(), "ambiguous");
}
