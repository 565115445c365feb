//! Tables and properties of the whole room; what each file says of itself is beside it.

// JSON reads best where it is passed whole
#![allow(clippy::needless_pass_by_value)]

mod barred;
mod break_glass;
mod fixtures;
mod law;
mod matching;
mod pcf;
mod properties;
mod r5;
mod several;
mod undiluted;

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::ids::{Coded, HomeCommunityId};
use crate::policy::{Access, Agreement, Etreat, Settings, Terms, admit};
use crate::principal::{Claims, Principal};
use crate::purpose::{Purpose, Stated};

pub(super) const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
pub(super) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub(super) const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const PHYSICIAN: &str = "309343006";

/// A physician of Riverside under these purposes, whose agreement allows every purpose.
pub(super) fn access(codes: &[&str]) -> Access {
    access_as(codes, Claims::default())
}

pub(super) fn access_as(codes: &[&str], claims: Claims) -> Access {
    let physician = Coded::new(PHYSICIAN, "2.16.840.1.113883.6.96");
    let coded = codes.iter().map(|code| Coded::new(code, ACT_REASON)).collect();
    let claims = Claims {
        partner: "riverside".into(),
        roles: vec![physician.clone()],
        purposes: Stated { coded, plain: vec![] },
        home_community: HomeCommunityId::parse("2.999.2").ok(),
        ..claims
    };
    let agreement = Agreement {
        partner: "riverside".into(),
        purposes: vec![Purpose::PurposeOfUse, Purpose::BTG],
        code_systems: Vec::new(),
        break_glass: Terms { roles: vec![physician], ..Terms::default() },
        etreat: Etreat::Treatment,
    };
    admit(&Principal::assertion(claims), &Settings { agreements: vec![agreement] }).unwrap()
}

pub(super) fn domain() -> Domain {
    let home = HomeCommunityId::parse("2.999.1").ok();
    Domain { implicit: Implicit::PermitTreatment, home, ..Domain::default() }
}

pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-07-01T12:00:00Z").unwrap()
}

/// An item labelled with one confidentiality; none if it is empty.
pub(super) fn item(confidentiality: &str) -> Facts {
    let labels = match confidentiality {
        "" => vec![],
        code => vec![Coded::new(code, CONFIDENTIALITY)],
    };
    Facts {
        key: ItemKey(7),
        patient: PatientKey(1),
        resource_type: "DocumentReference".into(),
        reference: "DocumentReference/d7".into(),
        identifiers: vec!["2.999.1.4.1002.7".into()],
        labels,
        unreadable_labels: false,
        origin: None,
        classes: vec![Coded::new("summary", "urn:example:class")],
        codes: vec![Coded::new("34133-9", "http://loinc.org")],
        authors: vec!["Practitioner/house".into()],
        related: vec!["Encounter/e1".into()],
        date: Some(Span::new(
            Timestamp::parse("2025-03-01T00:00:00Z").unwrap(),
            Timestamp::parse("2025-03-02T00:00:00Z").unwrap(),
        )),
    }
}

/// An active privacy consent of the patient with this provision.
pub(super) fn consent(provision: Value) -> Value {
    json!({
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "scope": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy"
        }]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/p1"},
        "provision": provision
    })
}

/// The same in the `policyRule` dialect; no provision if it is null.
pub(super) fn policy(rule: &str, provision: Value) -> Value {
    let mut consent = consent(provision);
    if consent["provision"].is_null() {
        consent.as_object_mut().unwrap().remove("provision");
    }
    consent["policyRule"] = json!({"coding": [{"system": ACT_CODE, "code": rule}]});
    consent
}

pub(super) fn granted(access: &Access, consents: &[Value]) -> Grant {
    granted_in(&domain(), access, consents)
}

pub(super) fn granted_in(domain: &Domain, access: &Access, consents: &[Value]) -> Grant {
    let stored: Vec<_> = consents
        .iter()
        .map(|json| Stored { id: "c1".into(), version: "3".into(), json: json.to_string() })
        .collect();
    grant(access, PatientKey(1), &["Patient/p1".into()], &stored, domain, now())
}

/// Whether a physician gets the item under TREAT, and whether BTG gives it: `permit`, `override` or the bar's code.
pub(super) fn outcomes(consents: &[Value], facts: &Facts) -> (&'static str, &'static str) {
    let word = |outcome: Result<Permit, Denial>| match outcome {
        Ok(permit) if permit.is_override() => "override",
        Ok(_) => "permit",
        Err(denial) => denial.break_glass().map_or("deny", Bar::code),
    };
    let decided = |code| word(granted(&access(&[code]), consents).decide(facts).outcome());
    (decided("TREAT"), decided("BTG"))
}

/// A label as a rule writes it.
pub(super) fn label(code: &str) -> Value {
    let system = if code.len() == 1 { CONFIDENTIALITY } else { ACT_CODE };
    json!([{"system": system, "code": code}])
}

/// A purpose as a rule writes it.
pub(super) fn purpose(code: &str) -> Value {
    json!([{"system": ACT_REASON, "code": code}])
}

/// An actor as a rule writes it.
pub(super) fn actor(role: &str, reference: Value) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
    json!([{"role": {"coding": [{"system": system, "code": role}]}, "reference": reference}])
}
