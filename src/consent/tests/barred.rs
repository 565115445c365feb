use proptest::prelude::*;

use super::properties::{consents, facts};
use super::*;

#[test]
fn how_far_consents_bar_break_glass_is_told_by_their_rules_alone() {
    let barred = |consents: &[Value]| granted(&access(&["BTG"]), consents).break_glass_barred();
    let permit = |rules: Value| consent(json!({"type": "permit", "provision": rules}));
    let denies_r = json!({"type": "deny", "securityLabel": label("R")});
    let psy = json!({"type": "deny", "purpose": purpose("BTG"), "securityLabel": label("PSY")});
    assert_eq!(barred(&[]), Barred::No);
    assert_eq!(barred(&[permit(json!([denies_r]))]), Barred::No);
    assert_eq!(barred(&[permit(json!([denies_r, psy]))]), Barred::InPart);
    let any = json!({"type": "deny", "purpose": purpose("BTG")});
    assert_eq!(barred(&[permit(json!([denies_r, any]))]), Barred::Altogether);
    // excepted for whoever asks, or for some documents
    let except = |rule: Value| {
        let mut denial = any.clone();
        denial["provision"] = json!([rule]);
        permit(json!([denies_r, denial]))
    };
    let ours = actor("IRCP", json!({"reference": "urn:oid:2.999.2"}));
    assert_eq!(barred(&[except(json!({"type": "permit", "actor": ours}))]), Barred::No);
    let normal = json!({"type": "permit", "securityLabel": label("N")});
    assert_eq!(barred(&[except(normal.clone())]), Barred::InPart);
    // an opt-out with exceptions
    let out = |rules: Value| consent(json!({"type": "deny", "provision": rules}));
    assert_eq!(barred(&[consent(json!({"type": "deny"}))]), Barred::Altogether);
    assert_eq!(barred(&[out(json!([normal]))]), Barred::InPart);
    let glass = json!({"type": "permit", "purpose": purpose("BTG")});
    assert_eq!(barred(&[out(json!([glass]))]), Barred::No);
    assert_eq!(barred(&[out(json!([glass, denies_r]))]), Barred::InPart);
    // what is permitted for other purposes alone
    let research = consent(json!({"type": "permit", "purpose": purpose("HRESCH")}));
    assert_eq!(barred(std::slice::from_ref(&research)), Barred::Altogether);
    assert_eq!(barred(&[permit(json!([denies_r])), research.clone()]), Barred::No);
    assert_eq!(barred(&[permit(json!([denies_r, psy])), research]), Barred::InPart);
    // the domain's switches
    let lenient = Domain { honour_patient_btg_ban: false, btg_overrides_opt_out: true, ..domain() };
    for consents in
        [permit(json!([denies_r, any])), out(json!([normal])), consent(json!({"type": "deny"}))]
    {
        let grant = granted_in(&lenient, &access(&["BTG"]), &[consents]);
        assert_eq!(grant.break_glass_barred(), Barred::No);
    }
}

#[test]
fn a_consent_for_other_purposes_is_no_matter_beside_one_that_permits_exchange() {
    let withholding = || {
        let denies_r = json!({"type": "deny", "securityLabel": label("R")});
        consent(json!({"type": "permit", "provision": [denies_r]}))
    };
    for other in ["HRESCH", "HPAYMT", "ETREAT"] {
        let other = || consent(json!({"type": "permit", "purpose": purpose(other)}));
        for consents in [[withholding(), other()], [other(), withholding()]] {
            assert_eq!(outcomes(&consents, &item("N")), ("permit", "permit"));
            assert_eq!(outcomes(&consents, &item("R")), ("deny", "override"));
            assert_eq!(outcomes(&consents, &item("V")), ("deny", "ceiling"));
        }
    }
    // but for what it may say of break-glass, wherever it says it
    let ban = json!({"type": "deny", "purpose": purpose("BTG")});
    let banning =
        consent(json!({"type": "permit", "purpose": purpose("HRESCH"), "provision": [ban]}));
    assert_eq!(outcomes(&[withholding(), banning], &item("R")), ("deny", "other-purpose"));
    let unread = consent(json!({"type": "permit", "purpose": [{"code": "BTG"}]}));
    assert_eq!(outcomes(&[withholding(), unread], &item("R")), ("deny", "other-purpose"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_permitted_for_research_takes_nothing_from_treatment_or_break_glass(
        mut consents in consents(0),
        facts in facts(),
    ) {
        consents.push(policy("OPTIN", Value::Null));
        let before = outcomes(&consents, &facts);
        consents.push(consent(json!({"type": "permit", "purpose": purpose("HRESCH")})));
        prop_assert_eq!(before, outcomes(&consents, &facts));
    }
}
