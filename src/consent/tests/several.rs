//! Several consents of one patient: authorities, versions of one record, and the domain's option.

use super::*;

fn made(mut consent: Value, date: &str) -> Value {
    consent["dateTime"] = json!(date);
    consent
}

fn under(mut consent: Value, authority: &str) -> Value {
    consent["policy"] = json!([{"authority": authority, "uri": format!("{authority}/policy")}]);
    consent
}

fn of_record(mut consent: Value, value: &str) -> Value {
    consent["identifier"] = json!([{"system": "urn:example:records", "value": value}]);
    consent
}

fn permits(domain: &Domain, consents: &[Value]) -> bool {
    let access = access(&["TREAT"]);
    let forwards = granted_in(domain, &access, consents).decide(&item("N")).outcome().is_ok();
    let mut turned = consents.to_vec();
    turned.reverse();
    let backwards = granted_in(domain, &access, &turned).decide(&item("N")).outcome().is_ok();
    assert_eq!(forwards, backwards, "the store's order decides");
    forwards
}

#[test]
fn a_higher_authority_decides_before_others() {
    let (law, hie) = ("https://law.example", "https://hie.example");
    let ordered = Domain { authorities: vec![law.into(), format!("{hie}/policy")], ..domain() };
    let permit = || consent(json!({"type": "permit"}));
    let deny = || consent(json!({"type": "deny"}));
    let research = || consent(json!({"type": "permit", "purpose": purpose("HRESCH")}));
    for (consents, expected) in [
        ([under(permit(), law), under(deny(), hie)], true),
        ([under(deny(), law), under(permit(), hie)], false),
        // by its policy as well as by its authority
        ([under(permit(), hie), under(deny(), "https://other.example")], true),
        ([under(permit(), hie), deny()], true),
        ([permit(), under(deny(), hie)], false),
        // among equals a denial wins
        ([under(permit(), law), under(deny(), law)], false),
        // what speaks only of others leaves it to the next
        ([under(research(), law), under(permit(), hie)], true),
        ([under(research(), law), under(deny(), hie)], false),
    ] {
        assert_eq!(permits(&ordered, &consents), expected, "{consents:?}");
        // without an order a denial wins
        let denied = consents.iter().any(|consent| consent["provision"]["type"] == "deny");
        assert!(!denied || !permits(&domain(), &consents));
    }
    // nobody knows what stands in one that cannot be enforced
    let broken = under(json!({"resourceType": "Consent", "status": "whatever"}), hie);
    assert!(!permits(&ordered, &[under(permit(), law), broken]));
    // a ban holds, whoever's it is
    let banning = under(
        consent(
            json!({"type": "permit", "provision": [{"type": "deny", "purpose": purpose("BTG")}]}),
        ),
        hie,
    );
    let withholding = under(consent(json!({"type": "permit", "securityLabel": label("L")})), law);
    let grant = granted_in(&ordered, &access(&["BTG"]), &[withholding, banning]);
    let denial = grant.decide(&item("N")).outcome().unwrap_err();
    assert_eq!(denial.break_glass(), Some(Bar::Forbidden));
}

#[test]
fn a_later_version_of_a_record_supersedes_the_earlier() {
    let earlier = || of_record(made(consent(json!({"type": "deny"})), "2024-01-01"), "7");
    let later = || of_record(made(consent(json!({"type": "permit"})), "2025-01-01"), "7");
    assert!(permits(&domain(), &[earlier(), later()]));
    let mut another = later();
    another["identifier"][0]["value"] = json!("8");
    assert!(!permits(&domain(), &[earlier(), another]));
    // only one that is in force itself
    for status in ["draft", "inactive", "entered-in-error"] {
        let mut other = later();
        other["status"] = json!(status);
        assert!(!permits(&domain(), &[earlier(), other]), "{status}");
    }
    for period in [json!({"end": "2025"}), json!({"start": "2027"})] {
        let mut other = later();
        other["provision"]["period"] = period;
        assert!(!permits(&domain(), &[earlier(), other]));
    }
}

#[test]
fn the_most_recent_decides_where_the_domain_says_so() {
    let recent = Domain { conflicts: Conflicts::MostRecent, ..domain() };
    let old = || made(consent(json!({"type": "deny"})), "2024-01-01");
    let new = || made(consent(json!({"type": "permit"})), "2025-01-01");
    assert!(permits(&recent, &[old(), new()]) && !permits(&domain(), &[old(), new()]));
    let undated = consent(json!({"type": "deny"}));
    assert!(!permits(&recent, &[undated, new()]));
    // not yet made, and so not yet said
    assert!(!permits(&recent, &[old(), made(consent(json!({"type": "permit"})), "2027")]));
    let broken = json!({"resourceType": "Consent", "status": "whatever"});
    assert!(!permits(&recent, &[broken, new()]));
}

#[test]
fn references_are_resolved_by_the_domain_or_by_what_is_contained() {
    let to = |reference: &str| {
        let actor = actor("IRCP", json!({"reference": reference}));
        consent(json!({"type": "permit", "actor": actor}))
    };
    let known = |organization: &str| {
        let reference = "Organization/riverside".to_owned();
        let party =
            Party { reference, organizations: vec![organization.into()], ..Party::default() };
        Domain { parties: vec![party], ..domain() }
    };
    let consents = [to("Organization/riverside")];
    assert!(permits(&known("2.999.2"), &consents));
    assert!(!permits(&known("2.999.3"), &consents) && !permits(&domain(), &consents));
    // who is certainly not meant is not denied either
    let denying = |domain: &Domain| {
        let actor = actor("IRCP", json!({"reference": "Organization/riverside"}));
        let rule = json!({"type": "permit", "provision": [{"type": "deny", "actor": actor}]});
        !permits(domain, &[consent(rule)])
    };
    assert!(denying(&known("2.999.2")) && denying(&domain()));
    // who says of what community he is, and not of what organisation, may be meant
    assert!(denying(&known("2.999.3")));
    let claims = Claims { organization_ids: vec!["2.999.2.7".into()], ..Claims::default() };
    let stated = access_as(&["TREAT"], claims);
    let actor = actor("IRCP", json!({"reference": "Organization/riverside"}));
    let rule = json!({"type": "permit", "provision": [{"type": "deny", "actor": actor}]});
    let grant = granted_in(&known("2.999.3"), &stated, &[consent(rule)]);
    assert!(grant.decide(&item("N")).outcome().is_ok());
    // a contained organisation says who it is
    let mut contained = to("#org");
    contained["contained"] = json!([
        {"resourceType": "Organization", "id": "other", "identifier": [{"value": "2.999.9"}]},
        {"resourceType": "Organization", "id": "org",
         "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.2"}]}
    ]);
    assert!(permits(&domain(), std::slice::from_ref(&contained)));
    contained["contained"][1]["id"] = json!("somebody");
    assert!(!permits(&domain(), &[contained]));
}

#[test]
fn one_letter_changed_is_weighed_anew() {
    let cache = Cache::new(domain());
    let patients = ["Patient/p1".to_owned()];
    let stored = |version: &str, consent: &Value| {
        [Stored { id: "c1".into(), version: version.into(), json: consent.to_string() }]
    };
    let permitted = |access: &Access, stored: &[Stored], now: Timestamp| {
        let cached = cache.grant(access, PatientKey(1), &patients, stored, now);
        let plain = grant(access, PatientKey(1), &patients, stored, &domain(), now);
        let one = cached.decide(&item("N")).outcome().is_ok();
        assert_eq!(one, plain.decide(&item("N")).outcome().is_ok());
        one
    };
    let treat = access(&["TREAT"]);
    let permit = consent(json!({"type": "permit", "period": {"end": "2026-07"}}));
    assert!(permitted(&treat, &stored("1", &permit), now()));
    assert!(permitted(&treat, &stored("1", &permit), now()));
    assert_eq!(cache.hits(), 1);
    // another version, and the same version with another text
    let mut denied = permit.clone();
    denied["provision"]["type"] = json!("deny");
    assert!(!permitted(&treat, &stored("2", &denied), now()));
    assert!(permitted(&treat, &stored("2", &permit), now()));
    assert_eq!(cache.hits(), 1);
    // other purposes, and a later time
    let ours = actor("IRCP", json!({"reference": "urn:oid:2.999.2"}));
    let narrow = consent(json!({"type": "permit", "purpose": purpose("TREAT"), "actor": ours,
        "period": {"end": "2026-07"}}));
    let narrow = stored("3", &narrow);
    assert!(permitted(&treat, &narrow, now()));
    assert!(!permitted(&access(&["HRESCH"]), &narrow, now()));
    let closed = Domain { implicit: Implicit::Deny, ..domain() };
    let strict = Cache::new(closed);
    let later = Timestamp::parse("2026-08-01T00:00:00Z").unwrap();
    for (now, expected) in [(now(), true), (later, false), (self::now(), true)] {
        let grant = strict.grant(&treat, PatientKey(1), &patients, &narrow, now);
        assert_eq!(grant.decide(&item("N")).outcome().is_ok(), expected);
    }
    // principals whom the consent tells apart
    let claims = Claims { organization_ids: vec!["2.999.3".into()], ..Claims::default() };
    let elsewhere = access_as(&["TREAT"], claims);
    assert!(permitted(&elsewhere, &narrow, now()), "by its community");
    // one that no other patient's dossier stands in for
    let other = cache.grant(&treat, PatientKey(2), &["Patient/p2".to_owned()], &narrow, now());
    assert_eq!(other.unenforceable().count(), 1);
}
