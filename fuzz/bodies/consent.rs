//! FHIR Consents: what they release.

use std::collections::BTreeSet;

use glassgate::clock::Timestamp;
use glassgate::consent::{
    Bar, Domain, Facts, Implicit, ItemKey, PatientKey, Span, Stored, check as enforceable, grant,
};
use glassgate::ids::{Coded, HomeCommunityId};
use glassgate::policy::{self, Access, Agreement, Etreat, Terms, admit};
use glassgate::principal::{Claims, Principal};
use glassgate::purpose::{Purpose, Stated};
use serde_json::{Value, json};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// What cannot be enforced denies; a denial more never releases more; break-glass never takes away.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lenient = released_in(text, true);
    let released = released(text);
    assert!(released.is_subset(&lenient), "a switch takes away from {released:?}: {lenient:?}");
    if enforceable(text).is_err() {
        let only_override = lenient.iter().all(|(_, purpose)| *purpose == "BTG");
        assert!(only_override, "treatment gets what cannot be enforced: {lenient:?}");
        assert!(released.is_empty(), "released by what cannot be enforced: {released:?}");
        return;
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { panic!("read, and no JSON") };
    assert_eq!(
        released,
        self::released(&value.to_string()),
        "written again it releases other items"
    );
    for denial in denials() {
        let narrowed = with(value.clone(), &denial).to_string();
        let more = self::released(&narrowed);
        assert!(more.is_subset(&released), "{denial} widens {released:?} to {more:?}");
    }
}

/// Denials of all, of a label, of a purpose, and of what nobody knows.
fn denials() -> [Value; 4] {
    let coded = |system: &str, code: &str| json!([{ "system": system, "code": code }]);
    [
        json!({ "type": "deny" }),
        json!({ "type": "deny", "securityLabel": coded(CONFIDENTIALITY, "R") }),
        json!({ "type": "deny", "purpose": coded(ACT_REASON, "TREAT") }),
        json!({ "type": "deny", "securityLabel": coded("urn:x", "?"), "purpose": coded("urn:x", "?") }),
    ]
}

/// The consent with one rule more, nested in its root.
fn with(mut consent: Value, rule: &Value) -> Value {
    let Some(elements) = consent.as_object_mut() else { return consent };
    if let Some(decision) = elements.get("decision").cloned() {
        // R5 turns the decision round, and says so by no type
        let mut rule = rule.clone();
        if let (Some(rule), true) = (rule.as_object_mut(), decision == "permit") {
            rule.remove("type");
            let rules = elements.entry("provision").or_insert_with(|| json!([])).as_array_mut();
            rules.into_iter().for_each(|rules| rules.push(json!(rule)));
        }
        return consent;
    }
    let root = elements.entry("provision").or_insert_with(|| json!({}));
    let Some(root) = root.as_object_mut() else { return consent };
    if let Some(rules) = root.entry("provision").or_insert_with(|| json!([])).as_array_mut() {
        rules.push(rule.clone());
    }
    consent
}

/// Which of some items are released, for which purpose, where break-glass does not override what cannot be enforced.
fn released(json: &str) -> BTreeSet<(usize, &'static str)> {
    released_in(json, false)
}

fn released_in(json: &str, lenient: bool) -> BTreeSet<(usize, &'static str)> {
    // whoever the consent is of, it is the patient's by the store
    let value: Option<Value> = serde_json::from_str(json).ok();
    let patient = value
        .as_ref()
        .and_then(|value| {
            value.pointer("/patient/reference").or_else(|| value.pointer("/subject/reference"))
        })
        .and_then(Value::as_str);
    let names = [patient.unwrap_or("Patient/p").to_owned()];
    let stored = [Stored { id: "c".into(), version: "1".into(), json: json.to_owned() }];
    let home = HomeCommunityId::parse("2.999.1").ok();
    let domain = Domain {
        implicit: Implicit::PermitTreatment,
        home,
        btg_overrides_unenforceable: lenient,
        ..Domain::default()
    };
    let now = Timestamp::parse("2026-07-01T12:00:00Z").unwrap();
    let mut released = BTreeSet::new();
    for purpose in ["TREAT", "BTG", "HRESCH"] {
        let grant = grant(&access(purpose), PatientKey(1), &names, &stored, &domain, now);
        let screen = grant.screen();
        for (at, facts) in items().iter().enumerate() {
            let decision = grant.decide(facts);
            let treatment = decision.treatment.is_ok();
            assert_eq!(decision.break_glass.is_some(), purpose == "BTG");
            assert!(!treatment || decision.break_glass.as_ref().is_none_or(Result::is_ok));
            let unenforceable = grant.unenforceable().next().is_some();
            match decision.outcome() {
                Ok(permit) => {
                    assert!(!unenforceable || lenient && permit.is_override());
                    assert!(permit.item() == facts.key && screen.admits(facts.traits()));
                    assert_eq!(permit.is_override(), !treatment);
                    assert!(!permit.is_override() || grant.break_glass_bar().is_none());
                    released.insert((at, purpose));
                }
                Err(denial) if unenforceable && purpose == "BTG" && !lenient => {
                    assert_eq!(denial.break_glass(), Some(Bar::Unenforceable));
                }
                Err(_) => {}
            }
        }
        let other = Facts { patient: PatientKey(2), ..item(&[]) };
        assert!(grant.decide(&other).outcome().is_err());
    }
    // what treatment gets, who breaks the glass gets too
    for (at, _) in released.iter().filter(|(_, purpose)| *purpose == "TREAT") {
        assert!(released.contains(&(*at, "BTG")));
    }
    released
}

fn access(purpose: &str) -> Access {
    let physician = Coded::new("309343006", "2.16.840.1.113883.6.96");
    let claims = Claims {
        partner: "riverside".into(),
        roles: vec![physician.clone()],
        purposes: Stated { coded: vec![Coded::new(purpose, ACT_REASON)], plain: vec![] },
        home_community: HomeCommunityId::parse("2.999.2").ok(),
        ..Claims::default()
    };
    let agreement = Agreement {
        partner: "riverside".into(),
        purposes: vec![Purpose::PurposeOfUse, Purpose::BTG],
        code_systems: Vec::new(),
        break_glass: Terms { roles: vec![physician], ..Terms::default() },
        etreat: Etreat::Treatment,
    };
    admit(&Principal::assertion(claims), &policy::Settings { agreements: vec![agreement] }).unwrap()
}

/// Items without a label, of two confidentialities, sensitive, and with a label that is no code.
fn items() -> [Facts; 5] {
    [
        item(&[]),
        item(&[("N", CONFIDENTIALITY)]),
        item(&[("R", CONFIDENTIALITY)]),
        item(&[("R", CONFIDENTIALITY), ("HIV", ACT_CODE)]),
        Facts { unreadable_labels: true, ..item(&[("N", CONFIDENTIALITY)]) },
    ]
}

fn item(labels: &[(&str, &str)]) -> Facts {
    let moment = |text| Timestamp::parse(text).unwrap();
    Facts {
        key: ItemKey(7),
        patient: PatientKey(1),
        resource_type: "DocumentReference".into(),
        reference: "DocumentReference/d7".into(),
        identifiers: vec!["2.999.1.4.1002.7".into()],
        labels: labels.iter().map(|(code, system)| Coded::new(code, system)).collect(),
        unreadable_labels: false,
        origin: None,
        classes: vec![Coded::new("summary", "urn:example:class")],
        codes: vec![Coded::new("34133-9", "http://loinc.org")],
        authors: vec!["Practitioner/house".into()],
        related: vec!["Encounter/e1".into()],
        date: Some(Span::new(moment("2025-03-01T00:00:00Z"), moment("2025-03-02T00:00:00Z"))),
    }
}
