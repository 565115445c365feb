use proptest::prelude::*;

use super::*;

/// A rule of any shape, three deep.
fn rules() -> impl Strategy<Value = Value> {
    let purposes = prop::sample::select(vec![
        "TREAT",
        "ETREAT",
        "BTG",
        "HRESCH",
        "FooBar",
        "BTG without system",
    ]);
    let labels = prop::sample::select(vec!["N", "R", "V", "HIV", "X"]);
    let recipients = prop::sample::select(vec!["urn:oid:2.999.2", "urn:oid:2.999.3", "Group/x"]);
    let leaf = (
        any::<bool>(),
        prop::option::of(purposes),
        prop::option::of(labels),
        prop::option::weighted(0.2, recipients),
        prop::option::weighted(0.2, prop::sample::select(vec!["2024", "2025"])),
    );
    let leaf = leaf.prop_map(|(permit, code, confidentiality, recipient, year)| {
        let mut rule = json!({"type": if permit { "permit" } else { "deny" }});
        match code {
            Some("BTG without system") => rule["purpose"] = json!([{"code": "BTG"}]),
            Some(code) => rule["purpose"] = purpose(code),
            None => {}
        }
        if let Some(code) = confidentiality {
            rule["securityLabel"] = label(code);
        }
        if let Some(reference) = recipient {
            rule["actor"] = actor("IRCP", json!({"reference": reference}));
        }
        if let Some(year) = year {
            rule["dataPeriod"] = json!({"start": year, "end": year});
        }
        rule
    });
    leaf.clone().prop_recursive(3, 12, 3, move |inner| {
        (leaf.clone(), prop::collection::vec(inner, 1..3)).prop_map(|(mut rule, nested)| {
            rule["provision"] = json!(nested);
            rule
        })
    })
}

pub(super) fn consents(least: usize) -> impl Strategy<Value = Vec<Value>> {
    let one = (rules(), any::<bool>(), any::<bool>()).prop_map(|(rule, typed, opt_in)| {
        if typed {
            return consent(rule);
        }
        let rule = json!({"provision": [rule]});
        policy(if opt_in { "OPTIN" } else { "OPTOUT" }, rule)
    });
    prop::collection::vec(one, least..3)
}

/// A rule as R5 writes it: the level tells the type.
fn untyped(mut rule: Value) -> Value {
    let elements = rule.as_object_mut().unwrap();
    elements.remove("type");
    if let Some(nested) = elements.get_mut("provision").and_then(Value::as_array_mut) {
        nested.iter_mut().for_each(|rule| *rule = untyped(rule.take()));
    }
    rule
}

fn r5(permit: bool, rules: Vec<Value>) -> Value {
    let mut consent = json!({
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "subject": {"reference": "Patient/p1"},
        "decision": if permit { "permit" } else { "deny" }
    });
    if !rules.is_empty() {
        consent["provision"] = json!(rules.into_iter().map(untyped).collect::<Vec<_>>());
    }
    consent
}

pub(super) fn facts() -> impl Strategy<Value = Facts> {
    let confidentiality = prop::sample::select(vec!["", "N", "R", "V"]);
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (confidentiality, flags).prop_map(|(code, (sensitive, dated, unreadable))| {
        let mut facts = item(code);
        facts.unreadable_labels = unreadable;
        if sensitive {
            facts.labels.push(Coded::new("HIV", ACT_CODE));
        }
        if !dated {
            facts.date = None;
        }
        facts
    })
}

/// Puts a rule into the provision at which `steps` arrive.
fn insert(consent: &mut Value, steps: &[usize], rule: Value) {
    let mut at = &mut consent["provision"];
    for step in steps {
        let nested = at["provision"].as_array().map_or(0, Vec::len);
        if nested == 0 {
            break;
        }
        at = &mut at["provision"][step % nested];
    }
    match at["provision"].as_array_mut() {
        Some(nested) => nested.push(rule),
        None => at["provision"] = json!([rule]),
    }
}

/// A domain with its switches in any position.
fn domains() -> impl Strategy<Value = Domain> {
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (prop::sample::select(Implicit::ALL.to_vec()), switches).prop_map(
        |(implicit, (opt_out, ban, unenforceable, recent))| Domain {
            implicit,
            btg_overrides_opt_out: opt_out,
            honour_patient_btg_ban: ban,
            btg_overrides_unenforceable: unenforceable,
            conflicts: if recent { Conflicts::MostRecent } else { Conflicts::DenyOverrides },
            ..domain()
        },
    )
}

fn releases(domain: &Domain, consents: &[Value], facts: &Facts) -> (bool, bool) {
    let decided =
        |code| granted_in(domain, &access(&[code]), consents).decide(facts).outcome().is_ok();
    (decided("TREAT"), decided("BTG"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn in_no_domain_break_glass_narrows_or_a_denial_widens(
        domain in domains(),
        mut consents in consents(1),
        mut denial in rules(),
        steps in prop::collection::vec(0_usize..3, 0..3),
        facts in facts(),
    ) {
        let before = releases(&domain, &consents, &facts);
        prop_assert!(before.1 || !before.0);
        denial["type"] = json!("deny");
        denial.as_object_mut().unwrap().remove("provision");
        insert(&mut consents[0], &steps, denial);
        let after = releases(&domain, &consents, &facts);
        prop_assert!((before.0 || !after.0) && (before.1 || !after.1), "{:?} {:?}", before, after);
    }

    #[test]
    fn the_same_holds_for_r5(
        permit: bool,
        rules in prop::collection::vec(rules(), 0..4),
        denial in rules(),
        facts in facts(),
    ) {
        // one that turns out ambiguous releases nothing here
        let strict = Domain { btg_overrides_unenforceable: false, ..domain() };
        let before = releases(&strict, &[r5(permit, rules.clone())], &facts);
        prop_assert!(before.1 || !before.0);
        let unlabelled = Facts { labels: vec![], date: None, ..facts.clone() };
        prop_assert!(before.0 || !releases(&strict, &[r5(permit, rules.clone())], &unlabelled).0);
        let grant = granted_in(&strict, &access(&["TREAT"]), &[r5(permit, rules.clone())]);
        prop_assert!(!before.0 || grant.screen().admits(facts.traits()));
        // what denies all treatment in a permit, and stands in no other rule
        let treatment = json!({"purpose": purpose("TREAT")});
        let all = rules.iter().cloned().chain([treatment]).collect();
        prop_assert!(!permit || !releases(&strict, &[r5(true, all)], &facts).0);
        if permit {
            let mut denial = denial;
            denial.as_object_mut().unwrap().remove("provision");
            let more = rules.into_iter().chain([denial]).collect();
            let after = releases(&strict, &[r5(true, more)], &facts);
            prop_assert!((before.0 || !after.0) && (before.1 || !after.1));
        }
    }

    #[test]
    fn what_a_screen_leaves_out_would_be_denied(
        domain in domains(),
        consents in consents(0),
        facts in prop::collection::vec(facts(), 4),
        code in prop::sample::select(vec!["TREAT", "BTG", "HRESCH"]),
    ) {
        let grant = granted_in(&domain, &access(&[code]), &consents);
        let screen = grant.screen();
        for facts in &facts {
            let admitted = screen.admits(facts.traits());
            let released = grant.decide(facts).outcome().is_ok();
            prop_assert!(admitted || !released, "{:?} {:?}", screen, facts);
        }
    }

    #[test]
    fn another_consent_that_denies_never_widens(
        domain in domains(),
        consents in consents(1),
        facts in facts(),
    ) {
        let before = releases(&domain, &consents, &facts);
        let mut more = consents.clone();
        more.push(consent(json!({"type": "deny"})));
        let after = releases(&domain, &more, &facts);
        prop_assert!(!after.0 && (before.1 || !after.1), "{:?} {:?}", before, after);
        more.push(json!({"resourceType": "Consent"}));
        prop_assert!(!releases(&domain, &more, &facts).0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_remembered_decides_like_what_is_read(
        domain in domains(),
        mut consents in prop::collection::vec(consents(0), 1..4),
        facts in facts(),
    ) {
        // each is in force for this year, which is over 400 days later
        for consent in consents.iter_mut().flatten() {
            consent["provision"]["period"] = json!({"start": "2026", "end": "2026"});
        }
        let cache = Cache::new(domain.clone());
        let patients = ["Patient/p1".to_owned()];
        // of all that is asked of one state of the consents, nothing may be answered by what was asked before
        let asked = ["TREAT", "BTG", "HRESCH"];
        let asked = asked.into_iter().flat_map(|code| [(code, "2.999.2"), (code, "2.999.3")]);
        let asked = asked.flat_map(|(code, by)| [(code, by, 0_u64), (code, by, 400)]);
        let asked: Vec<_> = asked.collect();
        for consents in consents.iter().chain(consents.first()) {
            let stored: Vec<_> = consents
                .iter()
                .map(|json| Stored { id: "c".into(), version: "1".into(), json: json.to_string() })
                .collect();
            for (code, by, days) in asked.iter().rev().chain(&asked) {
                let now = now().plus(std::time::Duration::from_secs(days * 86_400));
                let organization_ids = vec![(*by).to_owned()];
                let access = access_as(&[code], Claims { organization_ids, ..Claims::default() });
                let cached = cache.grant(&access, PatientKey(1), &patients, &stored, now);
                let read = grant(&access, PatientKey(1), &patients, &stored, &domain, now);
                let said = |grant: &Grant| format!("{:?}", grant.decide(&facts));
                prop_assert_eq!(said(&cached), said(&read));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn another_denial_never_widens(
        mut consents in consents(1),
        mut denial in rules(),
        steps in prop::collection::vec(0_usize..3, 0..3),
        facts in facts(),
    ) {
        denial["type"] = json!("deny");
        denial.as_object_mut().unwrap().remove("provision");
        let before = outcomes(&consents, &facts);
        insert(&mut consents[0], &steps, denial);
        let after = outcomes(&consents, &facts);
        let releases = |word: &str| matches!(word, "permit" | "override");
        prop_assert!(releases(before.0) || !releases(after.0), "{:?} {:?}", before, after);
        prop_assert!(releases(before.1) || !releases(after.1), "{:?} {:?}", before, after);
    }

    #[test]
    fn a_denial_of_everything_leaves_nothing_and_one_of_break_glass_no_override(
        mut consents in consents(0),
        rules in prop::collection::vec(rules(), 0..3),
        facts in facts(),
    ) {
        let denying = |denial: Value| {
            let rules: Vec<_> = rules.iter().cloned().chain([denial]).collect();
            policy("OPTIN", json!({"provision": rules}))
        };
        let strict = Domain { btg_overrides_unenforceable: false, ..domain() };
        let decided = |consents: &[Value], code| {
            granted_in(&strict, &access(&[code]), consents).decide(&facts).outcome()
        };
        consents.push(denying(json!({"type": "deny", "purpose": purpose("BTG")})));
        let banned = decided(&consents, "BTG");
        prop_assert!(!banned.is_ok_and(|permit| permit.is_override()));
        consents.push(denying(json!({"type": "deny", "purpose": purpose("TREAT")})));
        prop_assert!(decided(&consents, "TREAT").is_err());
    }

    #[test]
    fn an_opt_out_that_says_nothing_of_break_glass_gives_it_nothing(
        rules in prop::collection::vec(rules(), 0..4),
        facts in facts(),
    ) {
        let out = policy("OPTOUT", json!({"provision": rules})).to_string();
        let out: Value = serde_json::from_str(&out.replace("\"BTG\"", "\"TREAT\"")).unwrap();
        let strict = Domain { btg_overrides_unenforceable: false, ..domain() };
        let before = releases(&strict, std::slice::from_ref(&out), &facts);
        prop_assert_eq!(before.0, before.1);
    }

    #[test]
    fn break_glass_never_narrows(consents in consents(0), facts in facts()) {
        let (treat, btg) = outcomes(&consents, &facts);
        prop_assert_eq!(treat == "permit", btg == "permit");
        let decision = granted(&access(&["BTG"]), &consents).decide(&facts);
        prop_assert_eq!(decision.treatment.is_ok(), treat == "permit");
        prop_assert!(decision.treatment.is_err() || decision.break_glass.unwrap().is_ok());
    }

    #[test]
    fn an_unknown_never_permits(consents in consents(0), facts in facts()) {
        let unlabelled = Facts { labels: vec![], date: None, ..facts.clone() };
        let known = outcomes(&consents, &facts).0;
        prop_assert!(known == "permit" || outcomes(&consents, &unlabelled).0 != "permit");
        let doubtful = Facts { unreadable_labels: true, ..facts };
        prop_assert!(known == "permit" || outcomes(&consents, &doubtful).0 != "permit");
    }

    #[test]
    fn a_bar_for_the_whole_patient_holds_for_each_item(consents in consents(0), facts in facts()) {
        let grant = granted(&access(&["BTG"]), &consents);
        if grant.break_glass_bar().is_some() {
            let outcome = grant.decide(&facts).outcome();
            prop_assert!(!outcome.is_ok_and(|permit| permit.is_override()));
        }
    }

    #[test]
    fn what_a_consent_bars_is_told_before_there_is_an_item(
        domain in domains(),
        consents in consents(0),
        facts in facts(),
    ) {
        let grant = granted_in(&domain, &access(&["BTG"]), &consents);
        let barred = grant.break_glass_barred();
        prop_assert_eq!(barred == Barred::Altogether, grant.break_glass_bar().is_some());
        let bar = grant.decide(&facts).outcome().err().and_then(|denial| denial.break_glass());
        let by_consent =
            [Bar::OptOut, Bar::Forbidden, Bar::OtherPurpose, Bar::Unenforceable].map(Some);
        prop_assert!(barred != Barred::No || !by_consent.contains(&bar), "{:?}", bar);
    }

    #[test]
    fn no_text_is_too_strange_to_read(text in "\\PC{0,200}", cut in 0_usize..600) {
        let _ = check(&text);
        let whole = consent(json!({"type": "permit", "provision": [{"type": "deny"}]})).to_string();
        let cut: String = whole.chars().take(cut).collect();
        prop_assert_eq!(check(&cut).is_ok(), cut.len() == whole.len());
    }
}
