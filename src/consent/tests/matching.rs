use super::*;

/// Whether TREAT gets an N item under these consents.
fn permits(consents: &[Value]) -> bool {
    permits_to(&access(&["TREAT"]), consents, &item("N"))
}

fn permits_to(access: &Access, consents: &[Value], facts: &Facts) -> bool {
    granted(access, consents).decide(facts).outcome().is_ok()
}

/// Whether a rule of these elements permits where all else is denied, and denies where all else is permitted.
fn rule(elements: Value) -> (bool, bool) {
    rule_to(&access(&["TREAT"]), elements, &item("N"))
}

fn rule_to(access: &Access, elements: Value, facts: &Facts) -> (bool, bool) {
    let with = |base: &str, effect: &str| {
        let mut nested = elements.clone();
        nested["type"] = json!(effect);
        permits_to(access, &[consent(json!({"type": base, "provision": [nested]}))], facts)
    };
    (with("deny", "permit"), !with("permit", "deny"))
}

const YES: (bool, bool) = (true, true);
const NO: (bool, bool) = (false, false);
const UNKNOWN: (bool, bool) = (false, true);

#[test]
fn both_dialects_say_the_same() {
    let nested = |effect: &str| json!([{"type": effect, "securityLabel": label("R")}]);
    for (consent, permit_n, permit_r) in [
        (policy("OPTIN", Value::Null), true, true),
        (policy("OPTIN", json!({"provision": nested("deny")})), true, false),
        (policy("OPTIN", json!({"type": "permit", "provision": nested("deny")})), true, false),
        (consent(json!({"type": "permit", "provision": nested("deny")})), true, false),
        // R4: an untyped root provision is an exception to the base
        (policy("OPTIN", json!({"securityLabel": label("R")})), true, false),
        (policy("OPTOUT", json!({"securityLabel": label("N")})), true, false),
        (policy("OPTOUT", Value::Null), false, false),
        (policy("OPTOUT", json!({"provision": nested("permit")})), true, true),
        (consent(json!({"type": "permit", "securityLabel": label("N")})), true, false),
    ] {
        let consents = std::slice::from_ref(&consent);
        assert_eq!(permits(consents), permit_n, "N: {consent}");
        assert_eq!(permits_to(&access(&["TREAT"]), consents, &item("R")), permit_r, "R: {consent}");
    }
}

#[test]
fn only_what_is_in_force_for_the_patient_counts() {
    let denying = |change: &dyn Fn(&mut Value)| {
        let mut consent = consent(json!({"type": "deny"}));
        change(&mut consent);
        !permits(&[consent])
    };
    assert!(denying(&|_| {}));
    for status in ["draft", "proposed", "rejected", "inactive", "entered-in-error"] {
        assert!(!denying(&|consent| consent["status"] = json!(status)), "{status}");
    }
    assert!(!denying(&|c| c["scope"]["coding"][0]["code"] = json!("research")));
    for (period, applies) in [
        (json!({"start": "2026-07-01"}), true),
        (json!({"end": "2026-07-01"}), true),
        (json!({"start": "2026-07", "end": "2026-07"}), true),
        (json!({"end": "2026-07-01T12:00:00Z"}), true),
        (json!({"end": "2026-07-01T11:59:59Z"}), false),
        (json!({"start": "2026-07-02"}), false),
        (json!({"end": "2026"}), true),
        (json!({"end": "2025"}), false),
    ] {
        assert_eq!(denying(&|c| c["provision"]["period"] = period.clone()), applies, "{period}");
    }
    // a consent kept for this patient that speaks of another is a contradiction, not a reason to release
    let permit = |reference: &str| {
        let mut consent = consent(json!({"type": "permit"}));
        consent["patient"] = json!({"reference": reference});
        permits(&[consent])
    };
    assert!(permit("Patient/p1") && permit("Patient/p1/_history/4"));
    assert!(permit("https://lakeside.example/fhir/Patient/p1"));
    assert!(!permit("Patient/p11") && !permit("Patient/p2"));
}

#[test]
fn labels_reach_down_when_permitted_and_up_when_denied() {
    let treat = access(&["TREAT"]);
    for (limit, found, expected) in [
        ("R", "N", (true, false)),
        ("R", "R", YES),
        ("R", "V", (false, true)),
        ("N", "R", (false, true)),
        ("R", "", UNKNOWN),
        ("HIV", "", UNKNOWN),
        ("HIV", "R", NO),
        ("X", "N", UNKNOWN),
    ] {
        let elements = json!({"securityLabel": label(limit)});
        assert_eq!(rule_to(&treat, elements, &item(found)), expected, "{limit} {found}");
    }
    let mut sensitive = item("R");
    sensitive.labels.push(Coded::new("HIV", "2.16.840.1.113883.5.4"));
    assert_eq!(rule_to(&treat, json!({"securityLabel": label("HIV")}), &sensitive), YES);
    let either = json!({"securityLabel": [label("PSY")[0], label("HIV")[0]]});
    assert_eq!(rule_to(&treat, either, &sensitive), YES);
    let mut labelled = item("N");
    for (found, denied, expected) in [
        ("ETH", "SUD", YES),
        ("OPIOIDUD", "SUD", YES),
        ("SUD", "OPIOIDUD", UNKNOWN),
        ("MH", "PSY", UNKNOWN),
        ("TBOO", "HIV", UNKNOWN),
        ("PSY", "HIV", NO),
    ] {
        labelled.labels = vec![Coded::new("N", CONFIDENTIALITY), Coded::new(found, ACT_CODE)];
        let elements = json!({"securityLabel": label(denied)});
        assert_eq!(rule_to(&treat, elements, &labelled), expected, "{denied} {found}");
    }
    // a rule about labels that we do not know may mean any
    let foreign = json!({"securityLabel": [{"system": "urn:example:labels", "code": "R"}]});
    assert_eq!(rule_to(&treat, foreign.clone(), &item("N")), UNKNOWN);
    assert_eq!(rule_to(&treat, foreign, &item("R")), UNKNOWN);
}

#[test]
fn beside_a_label_that_cannot_be_read_no_other_tells_all() {
    let treat = access(&["TREAT"]);
    let with = |found: &str, more: Option<Coded>| {
        let mut facts = item(found);
        facts.unreadable_labels = more.is_none();
        facts.labels.extend(more);
        facts
    };
    let bare = Some(Coded::new("R", ""));
    let foreign = Some(Coded::new("R", "urn:example:labels"));
    for more in [bare, foreign, None] {
        for (limit, found, expected) in [
            ("R", "N", UNKNOWN),
            ("R", "R", (false, true)),
            ("V", "R", UNKNOWN),
            ("N", "R", (false, true)),
            ("HIV", "N", UNKNOWN),
        ] {
            let elements = json!({"securityLabel": label(limit)});
            let facts = with(found, more.clone());
            assert_eq!(rule_to(&treat, elements, &facts), expected, "{limit} {found}");
        }
        // it is lifted as restricted, and no higher
        let withholding = consent(json!({
            "type": "permit", "provision": [{"type": "deny", "securityLabel": label("R")}]
        }));
        let withholding = std::slice::from_ref(&withholding);
        assert_eq!(outcomes(withholding, &with("N", more.clone())), ("deny", "override"));
        assert_eq!(outcomes(withholding, &with("V", more.clone())), ("deny", "ceiling"));
        let low = Domain { ceiling: crate::labels::Confidentiality::Normal, ..domain() };
        let grant = granted_in(&low, &access(&["BTG"]), withholding);
        let denial = grant.decide(&with("N", more)).outcome().unwrap_err();
        assert_eq!(denial.break_glass(), Some(Bar::Ceiling));
    }
}

#[test]
fn purposes_subsume_downwards() {
    for (rule_code, asked, expected) in [
        ("TREAT", "TREAT", YES),
        ("TREAT", "ERTREAT", YES),
        ("ETREAT", "TREAT", NO),
        ("BTG", "TREAT", NO),
        ("HRESCH", "TREAT", NO),
        ("FooBar", "TREAT", UNKNOWN),
    ] {
        let elements = json!({"purpose": purpose(rule_code)});
        let found = rule_to(&access(&[asked]), elements, &item("N"));
        assert_eq!(found, expected, "{rule_code} {asked}");
    }
    let foreign =
        json!({"purpose": [{"system": "2.16.840.1.113883.3.18.7.1", "code": "TREATMENT"}]});
    assert_eq!(rule(foreign), YES);
}

#[test]
fn actors_stand_on_their_side() {
    const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
    let riverside = Claims {
        organization_ids: vec!["2.999.2.5".into(), "urn:hl7ii:2.999.7:42".into()],
        provider_ids: vec!["urn:hl7ii:2.16.840.1.113883.4.6:1234567893".into()],
        ..Claims::default()
    };
    let access = access_as(&["TREAT"], riverside);
    let urn = |oid: &str| json!({"reference": format!("urn:oid:{oid}")});
    let organization =
        |oid: &str| json!({"reference": format!("urn:oid:{oid}"), "type": "Organization"});
    let value =
        |value: &str| json!({"identifier": {"system": "urn:ietf:rfc:3986", "value": value}});
    for (role, reference, expected) in [
        ("IRCP", urn("2.999.2"), YES),
        ("PRCP", value("urn:oid:2.999.2.5"), YES),
        ("IRCP", organization("2.999.3"), NO),
        // what is no organisation for certain may be a person
        ("IRCP", urn("2.999.3"), UNKNOWN),
        ("IRCP", value("urn:oid:2.999.3"), UNKNOWN),
        ("IRCP", json!({"reference": "urn:oid:2.999.3", "type": "Practitioner"}), UNKNOWN),
        ("IRCP", json!({"identifier": {"system": "urn:oid:2.999.7", "value": "42"}}), YES),
        ("IRCP", json!({"identifier": {"system": "urn:oid:2.999.8", "value": "42"}}), UNKNOWN),
        ("IRCP", json!({"identifier": {"system": NPI, "value": "1234567893"}}), YES),
        ("IRCP", json!({"reference": "Organization/riverside"}), UNKNOWN),
        ("IRCP", json!({"display": "Riverside"}), UNKNOWN),
        ("CST", urn("2.999.1"), YES),
        ("CST", urn("2.999.2"), UNKNOWN),
        ("AUT", json!({"reference": "Practitioner/house"}), YES),
        ("AUT", json!({"reference": "Practitioner/wilson"}), NO),
        ("AUT", json!({"reference": "Organization/x"}), UNKNOWN),
        ("WIT", urn("2.999.2"), UNKNOWN),
    ] {
        let elements = json!({"actor": actor(role, reference.clone())});
        assert_eq!(rule_to(&access, elements, &item("N")), expected, "{role} {reference}");
    }
    // one of a side suffices, every side must match
    let both = |reference: &str| {
        let custodian = actor("CST", urn("2.999.1"))[0].clone();
        let other = actor("IRCP", organization("2.999.9"))[0].clone();
        json!({"actor": [custodian, other, actor("IRCP", organization(reference))[0]]})
    };
    assert_eq!(rule_to(&access, both("2.999.2"), &item("N")), YES);
    assert_eq!(rule_to(&access, both("2.999.3"), &item("N")), NO);
    // who does not state an organisation may be anyone's
    let silent = access_as(&["TREAT"], Claims::default());
    assert_eq!(
        rule_to(&silent, json!({"actor": actor("IRCP", organization("2.999.3"))}), &item("N")),
        UNKNOWN
    );
}

#[test]
fn the_other_elements_match_or_stay_unknown() {
    let action = |code: &str| {
        let system = "http://terminology.hl7.org/CodeSystem/consentaction";
        json!({"action": [{"coding": [{"system": system, "code": code}]}]})
    };
    let class = |system: &str, code: &str| json!({"class": [{"system": system, "code": code}]});
    let code = |system: &str, code: &str| json!({"code": [{"coding": [{"system": system, "code": code}]}]});
    let data = |meaning: &str, reference: &str| json!({"data": [{"meaning": meaning, "reference": {"reference": reference}}]});
    let types = "http://hl7.org/fhir/resource-types";
    for (elements, expected) in [
        (json!({}), YES),
        (action("access"), YES),
        (action("disclose"), YES),
        (action("correct"), NO),
        (action("collect"), UNKNOWN),
        (class(types, "DocumentReference"), YES),
        (class(types, "Observation"), NO),
        (class("urn:example:class", "summary"), YES),
        (class("urn:example:class", "note"), NO),
        (class("urn:ietf:bcp:13", "application/pdf"), UNKNOWN),
        (code("2.16.840.1.113883.6.1", "34133-9"), YES),
        (code("http://loinc.org", "11506-3"), NO),
        (code("http://snomed.info/sct", "1"), UNKNOWN),
        (code("", "34133-9"), UNKNOWN),
        (json!({"code": [{"text": "notes"}]}), UNKNOWN),
        (data("instance", "DocumentReference/d7"), YES),
        (data("instance", "DocumentReference/d7/_history/2"), YES),
        (data("instance", "urn:oid:2.999.1.4.1002.7"), YES),
        (data("instance", "DocumentReference/d8"), NO),
        (data("instance", "https://a.example/DocumentReference/d7"), UNKNOWN),
        (data("related", "Encounter/e1"), YES),
        (data("dependents", "Encounter/e1"), YES),
        (data("related", "Encounter/e2"), NO),
        (data("related", "EpisodeOfCare/1"), UNKNOWN),
        (data("whatever", "DocumentReference/d8"), UNKNOWN),
        (data("related", "DocumentReference/d7"), YES),
        (data("authoredby", "Practitioner/house"), YES),
        (data("authoredby", "Practitioner/wilson"), NO),
        (json!({"dataPeriod": {"start": "2025", "end": "2025"}}), YES),
        (json!({"dataPeriod": {"start": "2025-03-01", "end": "2025-03-01"}}), YES),
        (json!({"dataPeriod": {"end": "2025-02"}}), NO),
        (json!({"dataPeriod": {"start": "2025-03-01T12:00:00Z"}}), UNKNOWN),
        (json!({"period": {"end": "2026-06"}}), NO),
        (json!({"period": {"start": "2026-06"}}), YES),
    ] {
        assert_eq!(rule(elements.clone()), expected, "{elements}");
    }
    let undated = Facts { date: None, ..item("N") };
    let elements = json!({"dataPeriod": {"start": "2025"}});
    assert_eq!(rule_to(&access(&["TREAT"]), elements, &undated), UNKNOWN);
    // elements must all match
    let both = json!({"class": class(types, "Observation")["class"], "securityLabel": label("N")});
    assert_eq!(rule(both), NO);
}

#[test]
fn the_deepest_rule_wins_along_a_branch_and_a_denial_among_siblings() {
    let chain = |effects: &[&str]| {
        let mut rule = Value::Null;
        for effect in effects.iter().rev() {
            let inner = std::mem::replace(&mut rule, json!({"type": effect}));
            if !inner.is_null() {
                rule["provision"] = json!([inner]);
            }
        }
        permits(&[consent(rule)])
    };
    assert!(chain(&["deny", "permit"]) && !chain(&["permit", "deny"]));
    assert!(chain(&["deny", "deny", "permit", "deny", "permit"]));
    assert!(!chain(&["permit", "permit", "deny", "permit", "deny"]));
    let siblings =
        |rules: Value| permits(&[consent(json!({"type": "permit", "provision": rules}))]);
    assert!(!siblings(json!([{"type": "permit"}, {"type": "deny"}])));
    assert!(!siblings(json!([{"type": "deny"}, {"type": "permit"}])));
    assert!(siblings(json!([{"type": "deny", "provision": [{"type": "permit"}]}])));
    // an exception counts within its rule alone
    assert!(!siblings(json!([
        {"type": "deny"},
        {"type": "deny", "purpose": purpose("HRESCH"), "provision": [{"type": "permit"}]}
    ])));
    // nor is anything permitted within what may speak of others
    let group = actor("IRCP", json!({"reference": "Group/x"}));
    let root = json!({"type": "permit", "actor": group, "provision": [{"type": "permit"}]});
    assert!(!permits(&[consent(root)]));
    // what may be denied is not permitted by an exception within it
    assert!(!siblings(json!([
        {"type": "deny", "purpose": purpose("FooBar"), "provision": [{"type": "permit"}]}
    ])));
}

#[test]
fn of_several_consents_a_denial_wins_and_a_permit_beats_silence() {
    let permit = consent(json!({"type": "permit"}));
    let deny = consent(json!({"type": "deny"}));
    let research = consent(json!({"type": "permit", "purpose": purpose("HRESCH")}));
    let no_research = consent(json!({"type": "deny", "purpose": purpose("HRESCH")}));
    let normal = consent(json!({"type": "permit", "securityLabel": label("L")}));
    for (consents, expected) in [
        (vec![permit.clone(), deny.clone()], false),
        (vec![deny, permit.clone()], false),
        (vec![research.clone()], false),
        (vec![research.clone(), permit.clone()], true),
        (vec![no_research.clone()], true),
        (vec![no_research, permit.clone()], true),
        (vec![normal, permit], false),
    ] {
        assert_eq!(permits(&consents), expected, "{consents:?}");
    }
    let denying = Domain { implicit: Implicit::Deny, ..domain() };
    let grant = granted_in(&denying, &access(&["TREAT"]), &[research]);
    let denial = grant.decide(&item("N")).outcome().unwrap_err();
    assert_eq!((denial.path(), denial.basis().element()), ("provision", "purpose"));
}

#[test]
fn facts_survive_the_store() {
    let facts = item("R");
    let json = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
    // an earlier version forgot labels that it could not read
    let earlier = json.replace(",\"unreadable_labels\":false", "");
    assert_ne!(earlier, json);
    let read: Facts = serde_json::from_str(&earlier).unwrap();
    assert_eq!(read, Facts { unreadable_labels: true, ..facts });
}
