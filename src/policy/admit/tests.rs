use super::*;
use crate::policy::{NotHonoured, Rationale, Telling, Terms};
use crate::purpose::Stated;
use proptest::prelude::*;

const PHYSICIAN: (&str, &str) = ("309343006", "2.16.840.1.113883.6.96");
const NURSE: (&str, &str) = ("224535009", "2.16.840.1.113883.6.96");

fn settings() -> Settings {
    let agreement = |partner: &str, etreat| Agreement {
        partner: partner.into(),
        purposes: vec![Purpose::TREAT, Purpose::BTG],
        code_systems: vec![],
        break_glass: Terms {
            roles: vec![Coded::new(PHYSICIAN.0, PHYSICIAN.1)],
            ..Terms::default()
        },
        etreat,
    };
    Settings {
        agreements: vec![
            agreement("riverside", Etreat::Treatment),
            agreement("hilltop", Etreat::BreakGlass),
        ],
    }
}

fn ask(partner: &str, role: (&str, &str), codes: &[&str]) -> Result<Access, Refusal> {
    let coded = codes.iter().map(|code| Coded::new(code, "2.16.840.1.113883.5.8")).collect();
    let claims = Claims {
        partner: partner.into(),
        roles: vec![Coded::new(role.0, role.1)],
        purposes: Stated { coded, plain: vec![] },
        ..Claims::default()
    };
    admit(&Principal::assertion(claims), &settings())
}

fn honoured(access: &Access) -> bool {
    matches!(access.break_glass(), BreakGlass::Honoured(_))
}

#[test]
fn the_scenario_is_admitted_as_it_says() {
    let access = ask("riverside", NURSE, &["TREAT"]).unwrap();
    assert_eq!(access.break_glass(), &BreakGlass::NotDeclared);
    let access = ask("riverside", PHYSICIAN, &["BTG"]).unwrap();
    assert!(honoured(&access));
    assert_eq!(access.treatment_purposes(), &BTreeSet::from([Purpose::TREAT]));
    let access = ask("riverside", NURSE, &["BTG"]).unwrap();
    assert_eq!(access.break_glass(), &BreakGlass::NotHonoured(NotHonoured::Role));
    let access = ask("riverside", PHYSICIAN, &["ETREAT"]).unwrap();
    assert_eq!(access.break_glass(), &BreakGlass::NotDeclared);
    assert_eq!(access.treatment_purposes(), &BTreeSet::from([Purpose::ETREAT]));
    let access = ask("hilltop", PHYSICIAN, &["ETREAT"]).unwrap();
    let BreakGlass::Honoured(declared) = access.break_glass() else { panic!("not honoured") };
    assert_eq!(declared.as_received.code, "ETREAT");
    assert_eq!(access.treatment_purposes(), &BTreeSet::from([Purpose::TREAT]));
    assert!(!honoured(&ask("hilltop", PHYSICIAN, &["ERTREAT"]).unwrap()));
    let outside = Refusal::OutsideAgreement(Purpose::HPAYMT);
    assert_eq!(ask("riverside", PHYSICIAN, &["HPAYMT"]).unwrap_err(), outside);
}

#[test]
fn what_break_glass_may_not_stand_beside_refuses() {
    for other in ["HPAYMT", "HRESCH", "HOPERAT"] {
        let refused = ask("riverside", PHYSICIAN, &["BTG", other]).unwrap_err();
        assert_eq!(refused.code(), "beside-break-glass", "{other}");
    }
    assert!(honoured(&ask("riverside", PHYSICIAN, &["BTG", "TREAT", "COC"]).unwrap()));
}

#[test]
fn what_was_not_agreed_refuses() {
    assert_eq!(ask("elsewhere", PHYSICIAN, &["TREAT"]).unwrap_err(), Refusal::NoAgreement);
    assert_eq!(ask("riverside", PHYSICIAN, &[]).unwrap_err(), Refusal::NoPurpose);
    assert_eq!(ask("riverside", PHYSICIAN, &["x"]).unwrap_err().code(), "unknown-purpose");
    let only = |purposes: &[Purpose]| {
        let mut settings = settings();
        settings.agreements[0].purposes = purposes.to_vec();
        let coded = vec![Coded::new("BTG", "2.16.840.1.113883.5.8")];
        let purposes = Stated { coded, plain: vec![] };
        let claims = Claims { partner: "riverside".into(), purposes, ..Claims::default() };
        admit(&Principal::assertion(claims), &settings).map(|_| ())
    };
    // BTG is below TREAT in the vocabulary, not in an agreement; and without TREAT it stands on nothing
    assert_eq!(only(&[Purpose::TREAT]), Err(Refusal::OutsideAgreement(Purpose::BTG)));
    assert_eq!(only(&[Purpose::BTG]), Err(Refusal::OutsideAgreement(Purpose::TREAT)));
}

#[test]
fn a_role_counts_by_code_and_system() {
    let honours = |code, system| honoured(&ask("riverside", (code, system), &["BTG"]).unwrap());
    assert!(honours(PHYSICIAN.0, "http://snomed.info/sct"));
    assert!(honours(PHYSICIAN.0, "urn:oid:2.16.840.1.113883.6.96"));
    assert!(!honours(PHYSICIAN.0, ""));
    assert!(!honours(PHYSICIAN.0, "2.16.840.1.113883.6.101"));
}

proptest! {
    #[test]
    fn nothing_outside_treatment_is_ever_admitted_with_break_glass(
        picks in proptest::collection::vec(0..Purpose::ALL.len(), 1..4),
        hilltop: bool,
    ) {
        let codes: Vec<_> = picks.iter().map(|pick| Purpose::ALL[*pick].code()).collect();
        let partner = if hilltop { "hilltop" } else { "riverside" };
        if let Ok(access) = ask(partner, PHYSICIAN, &codes) {
            let purposes = access.treatment_purposes();
            prop_assert!(!purposes.is_empty() && !purposes.contains(&Purpose::BTG));
            prop_assert!(purposes.iter().all(|purpose| purpose.is_a(Purpose::TREAT)));
            prop_assert_eq!(honoured(&access), codes.contains(&"BTG") || hilltop && codes.contains(&"ETREAT"));
        }
    }
}

/// A physician of riverside declares break-glass, under terms of the test's own.
fn declare(terms: Terms, change: impl FnOnce(&mut Claims)) -> Access {
    let mut settings = settings();
    let physician = std::mem::take(&mut settings.agreements[0].break_glass.roles);
    settings.agreements[0].break_glass = Terms { roles: physician, ..terms };
    let mut claims = Claims {
        partner: "riverside".into(),
        roles: vec![Coded::new(PHYSICIAN.0, PHYSICIAN.1)],
        purposes: Stated { coded: vec![Coded::new("BTG", "2.16.840.1.113883.5.8")], plain: vec![] },
        ..Claims::default()
    };
    change(&mut claims);
    admit(&Principal::assertion(claims), &settings).unwrap()
}

fn why(access: &Access) -> Option<NotHonoured> {
    match access.break_glass() {
        BreakGlass::NotHonoured(why) => Some(*why),
        BreakGlass::Honoured(_) => None,
        BreakGlass::NotDeclared => panic!("not declared"),
    }
}

fn rationale(access: &Access) -> Option<&str> {
    let BreakGlass::Honoured(declared) = access.break_glass() else { panic!("not honoured") };
    declared.rationale.as_deref()
}

#[test]
fn a_member_of_the_group_needs_no_role() {
    let terms = || Terms {
        members: vec!["dr.no".into(), "urn:hl7ii:2.16.840.1.113883.4.6:123".into()],
        ..Terms::default()
    };
    let nurse = || vec![Coded::new(NURSE.0, NURSE.1)];
    let as_member = declare(terms(), |claims| {
        (claims.roles, claims.subject) = (nurse(), "dr.no".into());
    });
    let by_number = declare(terms(), |claims| {
        claims.roles = nurse();
        claims.provider_ids = vec!["urn:hl7ii:2.16.840.1.113883.4.6:123".into()];
    });
    let another = declare(terms(), |claims| {
        (claims.roles, claims.subject) = (nurse(), "Dr.No".into());
    });
    let nobody = declare(Terms { members: vec![String::new()], ..Terms::default() }, |claims| {
        claims.roles.clear();
    });
    assert_eq!([&as_member, &by_number].map(why), [None, None]);
    assert_eq!([&another, &nobody].map(why), [Some(NotHonoured::Role); 2]);
}

#[test]
fn a_reason_is_stated_where_that_was_agreed_and_owed_where_not() {
    const WHY: &str = "urn:example:why";
    let asserted = |required| Terms {
        rationale: Rationale::Asserted { attribute: WHY.into(), least_characters: 8, required },
        ..Terms::default()
    };
    let saying = |name: &str, text: &str| {
        let other = (name.to_owned(), text.to_owned());
        move |claims: &mut Claims| claims.others = vec![other]
    };
    assert_eq!(rationale(&declare(Terms::default(), saying(WHY, "unconscious"))), None);
    let stated = declare(asserted(true), saying(WHY, "unconscious, 3 am"));
    assert_eq!(rationale(&stated), Some("unconscious, 3 am"));
    for (name, text) in
        [(WHY, "urgent"), (WHY, "... ... ... ..."), ("urn:example:wh", "unconscious")]
    {
        let missing = declare(asserted(true), saying(name, text));
        assert_eq!(why(&missing), Some(NotHonoured::Rationale), "{name} {text}");
        assert_eq!(rationale(&declare(asserted(false), saying(name, text))), None);
    }
    let none = Rationale::Asserted { attribute: WHY.into(), least_characters: 0, required: true };
    let none = declare(Terms { rationale: none, ..Terms::default() }, |_| ());
    assert_eq!(why(&none), Some(NotHonoured::Rationale));
}

#[test]
fn the_user_was_warned_and_authenticated_as_agreed() {
    const CARD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI";
    let terms = || Terms { authn_contexts: vec![CARD.into()], ..Terms::default() };
    let by = |context: Option<&str>| {
        let context = context.map(str::to_owned);
        why(&declare(terms(), |claims| claims.authn_context = context))
    };
    assert_eq!(by(Some(CARD)), None);
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    assert_eq!([by(None), by(Some(password))], [Some(NotHonoured::Authentication); 2]);

    const READ: &str = "urn:example:warned";
    let told = |value: &str| {
        let terms = Terms { acknowledgement: Some(READ.into()), ..Terms::default() };
        let other = (READ.to_owned(), value.to_owned());
        why(&declare(terms, |claims| claims.others = vec![other]))
    };
    assert_eq!(told("true"), None);
    for value in ["false", "", "yes, perhaps"] {
        assert_eq!(told(value), Some(NotHonoured::Acknowledgement), "{value}");
    }
}

#[test]
fn only_who_may_break_glass_and_asks_for_treatment_is_told() {
    let told = |role: (&str, &str), code: &str, purposes: &[Purpose]| {
        let mut settings = settings();
        settings.agreements[0].purposes = purposes.to_vec();
        settings.agreements[0].break_glass.telling = Telling::Warning { code: None };
        let claims = Claims {
            partner: "riverside".into(),
            roles: vec![Coded::new(role.0, role.1)],
            purposes: Stated {
                coded: vec![Coded::new(code, "2.16.840.1.113883.5.8")],
                plain: vec![],
            },
            ..Claims::default()
        };
        let access = admit(&Principal::assertion(claims), &settings).unwrap();
        access.telling().cloned()
    };
    let all = [Purpose::TREAT, Purpose::BTG, Purpose::HPAYMT];
    assert_eq!(told(PHYSICIAN, "TREAT", &all), Some(Telling::Warning { code: None }));
    assert_eq!(told(NURSE, "TREAT", &all), None);
    assert_eq!(told(PHYSICIAN, "HPAYMT", &all), None);
    assert_eq!(told(PHYSICIAN, "BTG", &all), None);
    assert_eq!(told(PHYSICIAN, "TREAT", &all[..1]), None);
}

#[test]
fn what_was_honoured_can_be_held_back_and_nothing_else_changes() {
    let access = declare(Terms::default(), |_| ());
    let held = access.clone().held_back(NotHonoured::Rate);
    assert_eq!(why(&held), Some(NotHonoured::Rate));
    assert_eq!(held.treatment_purposes(), access.treatment_purposes());
    let treating = ask("riverside", PHYSICIAN, &["TREAT"]).unwrap().held_back(NotHonoured::Rate);
    assert_eq!(treating.break_glass(), &BreakGlass::NotDeclared);
}

#[test]
fn a_purpose_counts_in_the_systems_that_were_agreed() {
    let mut settings = settings();
    settings.agreements[0].code_systems = vec!["2.16.840.1.113883.3.18.7.1".into()];
    let ask = |codes: &[(&str, &str)]| {
        let coded = codes.iter().map(|(code, system)| Coded::new(code, system)).collect();
        let purposes = Stated { coded, plain: vec![] };
        let claims = Claims { partner: "riverside".into(), purposes, ..Claims::default() };
        admit(&Principal::assertion(claims), &settings).map(|_| ()).map_err(|r| r.code())
    };
    let nhin = ("TREATMENT", "urn:oid:2.16.840.1.113883.3.18.7.1");
    let hl7 = ("TREAT", "2.16.840.1.113883.5.8");
    assert_eq!(ask(&[nhin]), Ok(()));
    assert_eq!(ask(&[hl7]), Err("code-system"));
    assert_eq!(ask(&[nhin, hl7]), Err("code-system"));
}

#[test]
fn who_would_declare_break_glass_is_told_without_belief() {
    let told = |partner: &str, codes: &[&str]| {
        let coded = codes.iter().map(|code| Coded::new(code, "2.16.840.1.113883.5.8"));
        let purposes = Stated { coded: coded.collect(), plain: vec![] };
        declares(&Claims { purposes, ..Claims::default() }, partner, &settings())
    };
    assert!(told("riverside", &["BTG"]) && told("hilltop", &["ETREAT"]));
    assert!(!told("riverside", &["ETREAT"]) && !told("riverside", &["TREAT"]));
    assert!(!told("nobody", &["BTG"]) && !told("riverside", &["BTG", "x"]));
}
