use super::*;

#[test]
fn without_a_consent_there_is_nothing_to_override() {
    assert_eq!(outcomes(&[], &item("R")), ("permit", "permit"));
    let denying = Domain { implicit: Implicit::Deny, ..domain() };
    let denial = granted_in(&denying, &access(&["BTG"]), &[]).decide(&item("N")).outcome();
    assert_eq!(denial.unwrap_err().break_glass(), Some(Bar::Implicit));
    let research = granted(&access(&["HRESCH"]), &[]).decide(&item("N")).outcome().unwrap_err();
    assert_eq!((research.path(), research.basis().element()), ("domain", "implicit"));
}

#[test]
fn what_is_withheld_is_lifted_up_to_the_ceiling() {
    let withholding = consent(json!({
        "type": "permit",
        "provision": [{"type": "deny", "securityLabel": label("R")}]
    }));
    for (confidentiality, expected) in [
        ("N", ("permit", "permit")),
        ("R", ("deny", "override")),
        ("V", ("deny", "ceiling")),
        // unlabelled: perhaps R, so denied, and lifted as R
        ("", ("deny", "override")),
    ] {
        let facts = item(confidentiality);
        assert_eq!(
            outcomes(std::slice::from_ref(&withholding), &facts),
            expected,
            "{confidentiality}"
        );
    }
    let low = Domain { ceiling: crate::labels::Confidentiality::Normal, ..domain() };
    let grant = granted_in(&low, &access(&["BTG"]), &[withholding]);
    for confidentiality in ["R", ""] {
        let denial = grant.decide(&item(confidentiality)).outcome().unwrap_err();
        assert_eq!(denial.break_glass(), Some(Bar::Ceiling));
    }
}

#[test]
fn an_override_tells_what_it_lifted() {
    let withholding = consent(json!({
        "type": "permit",
        "provision": [
            {"type": "deny", "securityLabel": label("HIV")},
            {"type": "deny", "securityLabel": label("R")}
        ]
    }));
    let decision = granted(&access(&["BTG"]), &[withholding]).decide(&item("R"));
    let denial = decision.treatment.as_ref().unwrap_err();
    assert_eq!((denial.consent(), denial.basis().version()), (Some("c1"), Some("3")));
    assert_eq!(
        (denial.path(), denial.basis().element()),
        ("provision.provision[1]", "securityLabel")
    );
    assert_eq!(denial.break_glass(), None);
    let permit = decision.outcome().unwrap();
    assert!(permit.is_override() && permit.item() == ItemKey(7));
    assert_eq!((permit.consent(), permit.path()), (Some("c1"), "provision.provision[1]"));
}

/// The paths of all that BTG overrides of an item.
fn overridden(consents: &[Value], facts: &Facts) -> Vec<String> {
    let permit = granted(&access(&["BTG"]), consents).decide(facts).outcome().unwrap();
    assert!(permit.is_override());
    permit.overridden().iter().map(|basis| basis.path().to_owned()).collect()
}

#[test]
fn all_that_is_overridden_is_told_and_never_what_permits() {
    let denying = |code: &str| json!([{"type": "deny", "securityLabel": label(code)}]);
    let one = consent(json!({"type": "permit", "provision": denying("R")}));
    let other = consent(json!({"type": "permit", "securityLabel": label("N")}));
    assert_eq!(overridden(std::slice::from_ref(&one), &item("R")), ["provision.provision[0]"]);
    let both = [one, other];
    assert_eq!(overridden(&both, &item("R")), ["provision.provision[0]", "provision"]);
    // the consent's own permit is what it rests on, and treatment's denial what it overrides
    let glass = json!([{"type": "permit", "purpose": purpose("BTG")}]);
    let own = [consent(json!({"type": "deny", "provision": glass}))];
    assert_eq!(overridden(&own, &item("R")), ["provision"]);
    let permit = granted(&access(&["BTG"]), &own).decide(&item("R")).outcome().unwrap();
    assert_eq!(permit.path(), "provision.provision[0]");
    // what treatment gets overrides nothing
    let open = [consent(json!({"type": "permit"}))];
    let permit = granted(&access(&["BTG"]), &open).decide(&item("R")).outcome().unwrap();
    assert!(permit.overridden().is_empty());
}

#[test]
fn a_denial_of_break_glass_itself_holds() {
    let forbidding = |extra: Value| {
        consent(json!({
            "type": "permit",
            "provision": [{"type": "deny", "securityLabel": label("R")}, extra]
        }))
    };
    let all = forbidding(json!({"type": "deny", "purpose": purpose("BTG")}));
    assert_eq!(outcomes(&[all], &item("R")), ("deny", "forbidden"));
    // only for what it speaks of
    let very = forbidding(json!({
        "type": "deny", "purpose": purpose("BTG"), "securityLabel": label("V")
    }));
    assert_eq!(outcomes(std::slice::from_ref(&very), &item("R")), ("deny", "override"));
    assert_eq!(granted(&access(&["BTG"]), std::slice::from_ref(&very)).break_glass_bar(), None);
    let both = [very, consent(json!({"type": "permit"}))];
    assert_eq!(outcomes(&both, &item("V")), ("deny", "forbidden"));
    // by another consent
    let other = consent(json!({
        "type": "permit", "provision": [{"type": "deny", "purpose": purpose("BTG")}]
    }));
    let withholding = consent(json!({
        "type": "permit", "provision": [{"type": "deny", "securityLabel": label("R")}]
    }));
    assert_eq!(outcomes(&[withholding, other], &item("R")), ("deny", "forbidden"));
    // a denial of TREAT or ETREAT is not one of BTG
    for code in ["TREAT", "ETREAT"] {
        let treat = forbidding(json!({"type": "deny", "purpose": purpose(code)}));
        assert_eq!(outcomes(&[treat], &item("R")), ("deny", "override"), "{code}");
    }
    // an exception for some of those who break glass
    let except = forbidding(json!({
        "type": "deny",
        "purpose": purpose("BTG"),
        "provision": [{"type": "permit", "actor": actor("IRCP", json!({"reference": "urn:oid:2.999.2"}))}]
    }));
    let grant = granted(&access(&["BTG"]), &[except]);
    assert_eq!(grant.break_glass_bar(), None);
    assert!(grant.decide(&item("R")).outcome().is_ok_and(|permit| permit.is_override()));
}

#[test]
fn a_denial_that_cannot_be_read_may_be_one_of_break_glass() {
    let foreign = json!({"system": "http://example.org/purposes", "code": "BTG"});
    for term in [foreign, json!({"code": "BTG"}), json!({"display": "break the glass"})] {
        let denying = |rule: Value| {
            let mut rule = rule;
            rule["type"] = json!("deny");
            let rules = json!([{"type": "deny", "securityLabel": label("R")}, rule]);
            consent(json!({"type": "permit", "provision": rules}))
        };
        let ban = denying(json!({"purpose": [term]}));
        assert_eq!(outcomes(std::slice::from_ref(&ban), &item("R")), ("deny", "forbidden"));
        assert!(granted(&access(&["BTG"]), std::slice::from_ref(&ban)).break_glass_bar().is_some());
        let unread = Unread { path: "provision.provision[1]".into(), element: "purpose" };
        assert_eq!(check(&ban.to_string()), Ok(vec![unread]));
        // beside a purpose that is asked for, so that an exception in it can match
        let both = json!([term, purpose("TREAT")[0]]);
        let within = json!([{"type": "permit", "securityLabel": label("R")}]);
        let torn = denying(json!({"purpose": both, "provision": within}));
        assert_eq!(outcomes(&[torn], &item("R")), ("deny", "forbidden"));
        // only for what it speaks of
        let very = denying(json!({"purpose": [term], "securityLabel": label("V")}));
        assert_eq!(outcomes(std::slice::from_ref(&very), &item("R")), ("deny", "override"));
        assert_eq!(outcomes(&[very], &item("V")), ("deny", "forbidden"));
    }
    // nor does what may name BTG permit it
    let maybe = json!([{"code": "BTG"}, purpose("ETREAT")[0]]);
    let out = json!([{"type": "deny", "purpose": maybe, "provision": [{"type": "permit"}]}]);
    let out = consent(json!({"type": "deny", "provision": out}));
    assert_eq!(outcomes(&[out], &item("R")), ("deny", "opt-out"));
}

#[test]
fn an_opt_out_is_lifted_by_nothing_but_its_own_permit_for_break_glass() {
    let opted_out = |exceptions: Value| {
        let mut provision = json!({"type": "deny"});
        if !exceptions.is_null() {
            provision["provision"] = json!([exceptions]);
        }
        consent(provision)
    };
    assert_eq!(outcomes(&[opted_out(Value::Null)], &item("N")), ("deny", "opt-out"));
    let out = policy("OPTOUT", Value::Null);
    assert_eq!(outcomes(&[out], &item("N")), ("deny", "opt-out"));
    // a permit for emergencies is none for override
    let emergency = opted_out(json!({"type": "permit", "purpose": purpose("ETREAT")}));
    assert_eq!(outcomes(&[emergency], &item("N")), ("deny", "opt-out"));
    let ours = actor("IRCP", json!({"reference": "urn:oid:2.999.2"}));
    let named = opted_out(json!({"type": "permit", "purpose": purpose("BTG"), "actor": ours}));
    // the patient's own permit does not pass the domain's ceiling, nor open what it seals
    assert_eq!(outcomes(std::slice::from_ref(&named), &item("R")), ("deny", "override"));
    assert_eq!(outcomes(std::slice::from_ref(&named), &item("V")), ("deny", "ceiling"));
    let mut notes = item("R");
    notes.labels.push(Coded::new("PSYTHPN", ACT_CODE));
    assert_eq!(outcomes(std::slice::from_ref(&named), &notes), ("deny", "sensitivity"));
    assert_eq!(granted(&access(&["BTG"]), std::slice::from_ref(&named)).break_glass_bar(), None);
    // a denial of emergencies denies this one too
    let mut torn = named.clone();
    torn["provision"]["provision"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "deny", "purpose": purpose("ETREAT")}));
    assert_eq!(outcomes(&[torn], &item("N")), ("deny", "opt-out"));
    // an exception to that denial is no permit for break-glass
    let within = opted_out(json!({
        "type": "deny", "purpose": purpose("ETREAT"), "provision": [{"type": "permit"}]
    }));
    assert_eq!(outcomes(&[within], &item("N")), ("deny", "opt-out"));
    // PCF, ex-dissent-intermediate-break-glass: a group that we cannot resolve is nobody
    let group = actor("IRCP", json!({"reference": "Group/ex-privilegedUsers"}));
    let dissent = opted_out(json!({"type": "permit", "purpose": purpose("BTG"), "actor": group}));
    assert_eq!(outcomes(&[dissent], &item("N")), ("deny", "opt-out"));
}

#[test]
fn who_denies_other_purposes_did_not_opt_out() {
    let denying = |code: &str| consent(json!({"type": "deny", "purpose": purpose(code)}));
    let opts_out = |consent| granted(&access(&["TREAT"]), &[consent]).opts_out();
    assert!(opts_out(denying("TREAT")) && opts_out(consent(json!({"type": "deny"}))));
    assert!(!opts_out(denying("ETREAT")) && !opts_out(denying("HRESCH")));
}

#[test]
fn a_consent_for_other_purposes_is_not_lifted() {
    let research = consent(json!({"type": "permit", "purpose": purpose("HRESCH")}));
    assert_eq!(outcomes(std::slice::from_ref(&research), &item("N")), ("deny", "other-purpose"));
    let out = consent(json!({"type": "deny"}));
    assert_eq!(outcomes(&[research, out], &item("N")), ("deny", "opt-out"));
    let emergency = consent(json!({"type": "permit", "purpose": purpose("ETREAT")}));
    assert_eq!(outcomes(&[emergency], &item("N")), ("deny", "other-purpose"));
    // one for other recipients permits exchange at large, and is
    let elsewhere = actor("IRCP", json!({"reference": "urn:oid:2.999.3"}));
    let elsewhere = consent(json!({"type": "permit", "actor": elsewhere}));
    assert_eq!(outcomes(&[elsewhere], &item("R")), ("deny", "override"));
}

#[test]
fn a_nested_permit_for_break_glass_reaches_beyond_its_roots_labels() {
    // PCF, ex-consent-advanced-normal-break-glass-restricted, with a recipient that we know
    let pcf = consent(json!({
        "type": "permit",
        "purpose": [purpose("TREAT")[0], purpose("HPAYMT")[0], purpose("HOPERAT")[0]],
        "securityLabel": label("N"),
        "provision": [{
            "type": "permit",
            "purpose": purpose("BTG"),
            "securityLabel": label("R"),
            "actor": actor("IRCP", json!({"reference": "urn:oid:2.999.2"}))
        }]
    }));
    assert_eq!(outcomes(std::slice::from_ref(&pcf), &item("N")), ("permit", "permit"));
    assert_eq!(outcomes(std::slice::from_ref(&pcf), &item("R")), ("deny", "override"));
    assert_eq!(outcomes(std::slice::from_ref(&pcf), &item("V")), ("deny", "ceiling"));
    let permit = granted(&access(&["BTG"]), &[pcf]).decide(&item("R")).outcome().unwrap();
    assert_eq!(permit.path(), "provision.provision[0]");
}

#[test]
fn a_permit_for_break_glass_counts_beside_others() {
    let except = consent(json!({
        "type": "permit",
        "provision": [
            {"type": "permit", "purpose": purpose("TREAT")},
            {
                "type": "deny",
                "securityLabel": label("R"),
                "provision": [{"type": "permit", "purpose": purpose("BTG")}]
            }
        ]
    }));
    assert_eq!(outcomes(std::slice::from_ref(&except), &item("R")), ("deny", "override"));
    assert_eq!(outcomes(std::slice::from_ref(&except), &item("V")), ("deny", "ceiling"));
    let permit = granted(&access(&["BTG"]), &[except]).decide(&item("R")).outcome().unwrap();
    assert_eq!(permit.path(), "provision.provision[1].provision[0]");
}

#[test]
fn an_item_of_another_patient_is_denied_either_way() {
    let facts = Facts { patient: PatientKey(2), ..item("N") };
    assert_eq!(outcomes(&[], &facts), ("deny", "another-patient"));
}

#[test]
fn what_the_domain_keeps_even_from_break_glass_stays() {
    let withholding = consent(json!({
        "type": "permit",
        "provision": [{"type": "deny", "securityLabel": label("R")}]
    }));
    let labelled = |codes: &[&str]| {
        let mut facts = item("R");
        facts.labels.extend(codes.iter().map(|code| Coded::new(code, ACT_CODE)));
        facts
    };
    let all = std::slice::from_ref(&withholding);
    assert_eq!(outcomes(all, &labelled(&["PSY"])), ("deny", "override"));
    assert_eq!(outcomes(all, &labelled(&["PSY", "PSYTHPN"])), ("deny", "sensitivity"));
    // what treatment gets is not withheld
    let open = consent(json!({"type": "permit"}));
    assert_eq!(outcomes(&[open], &labelled(&["PSYTHPN"])), ("permit", "permit"));
    let nothing = Domain { sealed: vec![], ..domain() };
    let grant = granted_in(&nothing, &access(&["BTG"]), &[withholding]);
    assert!(grant.decide(&labelled(&["PSYTHPN"])).outcome().unwrap().is_override());
}

#[test]
fn what_break_glass_would_lift_is_just_what_it_lifts() {
    let withholding = || {
        consent(json!({
            "type": "permit",
            "provision": [{"type": "deny", "securityLabel": label("R")}]
        }))
    };
    let opted_out = consent(json!({"type": "deny"}));
    for consents in [vec![], vec![withholding()], vec![opted_out], vec![consent(json!({}))]] {
        let undeclared = granted(&access(&["TREAT"]), &consents);
        let declared = granted(&access(&["BTG"]), &consents);
        for confidentiality in ["", "N", "R", "V"] {
            let facts = item(confidentiality);
            let lifted = declared.decide(&facts).outcome().is_ok_and(|permit| permit.is_override());
            assert_eq!(undeclared.would_lift(&facts), lifted, "{confidentiality} {consents:?}");
        }
    }
}

/// What BTG comes to in a domain: the bar's code, or what it lifted.
fn lifted(domain: &Domain, consents: &[Value], facts: &Facts) -> Result<Vec<Lift>, &'static str> {
    let grant = granted_in(domain, &access(&["BTG"]), consents);
    let bar = grant.break_glass_bar();
    match grant.decide(facts).outcome() {
        Ok(permit) => {
            assert!(bar.is_none() || !permit.is_override(), "{bar:?} {permit:?}");
            Ok(permit.lifts().to_vec())
        }
        Err(denial) => Err(denial.break_glass().map_or("deny", Bar::code)),
    }
}

#[test]
fn the_domain_decides_whether_an_opt_out_can_be_overridden() {
    let overriding = Domain { btg_overrides_opt_out: true, ..domain() };
    let out = [consent(json!({"type": "deny"}))];
    assert_eq!(lifted(&domain(), &out, &item("N")), Err("opt-out"));
    assert_eq!(lifted(&overriding, &out, &item("N")), Ok(vec![Lift::OptOut]));
    assert_eq!(Lift::OptOut.switch(), Some("btg_overrides_opt_out"));
    // where no consent bars break-glass, an opt-out does too
    let strict = Domain { implicit: Implicit::Deny, ..overriding.clone() };
    assert_eq!(lifted(&strict, &[], &item("N")), Err("implicit-policy"));
    assert_eq!(lifted(&strict, &out, &item("N")), Err("opt-out"));
    // never beyond the ceiling
    assert_eq!(lifted(&overriding, &out, &item("V")), Err("ceiling"));
    // nor over the patient's own ban, in whatever form
    let named =
        [json!("TREAT"), json!("BTG")].map(|code| purpose(code.as_str().unwrap())[0].clone());
    for ban in [
        json!({"type": "deny", "purpose": named}),
        json!({"type": "deny", "provision": [{"type": "deny", "purpose": purpose("BTG")}]}),
    ] {
        assert_eq!(lifted(&domain(), &[consent(ban.clone())], &item("N")), Err("opt-out"), "{ban}");
        assert_eq!(
            lifted(&overriding, &[consent(ban.clone())], &item("N")),
            Err("forbidden"),
            "{ban}"
        );
        let neither = Domain { honour_patient_btg_ban: false, ..overriding.clone() };
        let both = vec![Lift::Ban, Lift::OptOut];
        assert_eq!(lifted(&neither, &[consent(ban.clone())], &item("N")), Ok(both), "{ban}");
    }
    // a consent for other purposes is no opt-out
    let research = [consent(json!({"type": "permit", "purpose": purpose("HRESCH")}))];
    assert_eq!(lifted(&overriding, &research, &item("N")), Err("other-purpose"));
}

#[test]
fn the_domain_decides_whether_a_ban_is_honoured() {
    let ignoring = Domain { honour_patient_btg_ban: false, ..domain() };
    let banning = [consent(json!({"type": "permit", "provision": [
        {"type": "deny", "securityLabel": label("R")},
        {"type": "deny", "purpose": purpose("BTG")}
    ]}))];
    assert_eq!(lifted(&domain(), &banning, &item("R")), Err("forbidden"));
    assert_eq!(lifted(&ignoring, &banning, &item("R")), Ok(vec![Lift::Ban]));
    assert_eq!(lifted(&ignoring, &banning, &item("N")), Ok(vec![]));
    assert_eq!(lifted(&ignoring, &banning, &item("V")), Err("ceiling"));
    assert_eq!(Lift::Ban.switch(), Some("honour_patient_btg_ban"));
    // what denies a purpose that cannot be read is more than a ban
    let unread = json!([{"system": "urn:example:purposes", "code": "x"}]);
    let unread = [consent(json!({"type": "deny", "purpose": unread}))];
    assert_eq!(lifted(&ignoring, &unread, &item("N")), Err("opt-out"));
    // a consent that denies nothing but BTG is a ban, and no opt-out
    let alone = [
        consent(json!({"type": "deny", "purpose": purpose("BTG")})),
        consent(json!({"type": "permit", "securityLabel": label("N")})),
    ];
    assert_eq!(lifted(&domain(), &alone, &item("R")), Err("forbidden"));
    assert_eq!(lifted(&ignoring, &alone, &item("R")), Ok(vec![Lift::Withholding, Lift::Ban]));
}

#[test]
fn the_domain_decides_whether_what_cannot_be_enforced_is_overridden() {
    let broken = [json!({"resourceType": "Consent", "status": "whatever"})];
    let strict = Domain { btg_overrides_unenforceable: false, ..domain() };
    assert_eq!(outcomes(&broken, &item("N")).0, "deny");
    assert_eq!(lifted(&domain(), &broken, &item("N")), Ok(vec![Lift::Unenforceable]));
    assert_eq!(lifted(&domain(), &broken, &item("R")), Ok(vec![Lift::Unenforceable]));
    assert_eq!(lifted(&domain(), &broken, &item("V")), Err("ceiling"));
    assert_eq!(lifted(&strict, &broken, &item("N")), Err("unenforceable"));
    // a review has a reason of its own for it, whatever else was lifted, and is told which consent it was
    let withholding = consent(json!({"type": "permit", "securityLabel": label("L")}));
    for consents in [[broken[0].clone(), withholding.clone()], [withholding, broken[0].clone()]] {
        let lifts = vec![Lift::Withholding, Lift::Unenforceable];
        assert_eq!(lifted(&domain(), &consents, &item("N")), Ok(lifts));
        let grant = granted(&access(&["BTG"]), &consents);
        let permit = grant.decide(&item("N")).outcome().unwrap();
        assert_eq!((permit.path(), permit.basis().element()), ("consent", "unknown-status"));
    }
    // another consent's bar stands beside it
    let out = consent(json!({"type": "deny"}));
    assert_eq!(lifted(&domain(), &[broken[0].clone(), out], &item("N")), Err("opt-out"));
}

#[test]
fn the_implicit_policies_are_pcfs() {
    let decided = |implicit, code: &str, facts: &Facts| {
        let domain = Domain { implicit, ..domain() };
        match granted_in(&domain, &access(&[code]), &[]).decide(facts).outcome() {
            Ok(permit) => Ok(permit.lifts().to_vec()),
            Err(denial) => Err(denial.break_glass().map_or("deny", Bar::code)),
        }
    };
    let glass = vec![Lift::ImplicitPolicy];
    for (implicit, treat, research, btg_r, btg_v) in [
        (Implicit::PermitTreatment, Ok(vec![]), Err("deny"), Ok(vec![]), Ok(vec![])),
        (Implicit::PermitAll, Ok(vec![]), Ok(vec![]), Ok(vec![]), Ok(vec![])),
        (Implicit::BreakGlassOnly, Err("deny"), Err("deny"), Ok(glass), Err("ceiling")),
        (Implicit::Deny, Err("deny"), Err("deny"), Err("implicit-policy"), Err("implicit-policy")),
    ] {
        assert_eq!(decided(implicit, "TREAT", &item("R")), treat, "{implicit:?}");
        assert_eq!(decided(implicit, "HRESCH", &item("R")), research, "{implicit:?}");
        assert_eq!(decided(implicit, "BTG", &item("R")), btg_r, "{implicit:?}");
        assert_eq!(decided(implicit, "BTG", &item("V")), btg_v, "{implicit:?}");
        assert!(implicit.uri().starts_with("https://profiles.ihe.net/ITI/PCF/Policy-"));
    }
    // it holds only where no consent speaks
    let only = Domain { implicit: Implicit::BreakGlassOnly, ..domain() };
    let research = [consent(json!({"type": "permit", "purpose": purpose("HRESCH")}))];
    assert_eq!(lifted(&only, &research, &item("N")), Err("other-purpose"));
}
