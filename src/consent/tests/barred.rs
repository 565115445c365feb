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
    assert_eq!(barred(&[permit(json!([denies_r])), research]), Barred::Altogether);
    // the domain's switches
    let lenient = Domain { honour_patient_btg_ban: false, btg_overrides_opt_out: true, ..domain() };
    for consents in
        [permit(json!([denies_r, any])), out(json!([normal])), consent(json!({"type": "deny"}))]
    {
        let grant = granted_in(&lenient, &access(&["BTG"]), &[consents]);
        assert_eq!(grant.break_glass_barred(), Barred::No);
    }
}
