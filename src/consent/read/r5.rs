use serde_json::Value;

use super::super::condition::Condition;
use super::super::logic::Effect;
use super::super::parties::{Names, Role};
use super::super::tree::{Dialect, Tree, Window};
use super::super::unenforceable::Unenforceable;
use super::shape::populated;
use super::{Read, date, effect, identifiers, malformed, nested, policies};
use crate::fhir::{CodeableConcept, ConsentR5, Provision};

/// Normalises an R5 consent; `None` if it is not in force or not about privacy.
pub(super) fn read(json: &str, value: &Value) -> Result<Option<Read>, Unenforceable> {
    let consent: ConsentR5 = serde_json::from_str(json).map_err(|error| malformed(json, &error))?;
    if !in_force(&consent)? || !about_privacy(&consent.category)? {
        return Ok(None);
    }
    super::shape::unmodified(value)?;
    for part in ["provision", "subject", "grantee", "period", "contained"] {
        populated(value.get(part), part)?;
    }
    let period = match &consent.period {
        None => None,
        Some(period) => match Window::read(period) {
            None => return Err(Unenforceable::Period { path: "Consent".to_owned() }),
            window => window,
        },
    };
    let basis = consent.policy_basis.as_ref();
    let by_reference = basis.and_then(|basis| basis.reference.as_ref());
    let uris = [basis.map(|basis| &basis.url), by_reference.map(|reference| &reference.reference)];
    Ok(Some(Read {
        tree: normalise(&consent)?,
        period,
        identifiers: identifiers(&consent.identifier),
        date: date(consent.date.as_ref()),
        policies: policies(uris.into_iter().flatten()),
        patient: consent.subject,
    }))
}

fn in_force(consent: &ConsentR5) -> Result<bool, Unenforceable> {
    match consent.status.as_deref() {
        Some("active") => Ok(true),
        Some("draft" | "inactive" | "not-done" | "entered-in-error") => Ok(false),
        found => Err(Unenforceable::Status { found: found.unwrap_or_default().to_owned() }),
    }
}

/// R5 has no scope: only a category tells that a consent is about privacy, and one to surgery must not release.
fn about_privacy(categories: &[CodeableConcept]) -> Result<bool, Unenforceable> {
    let coded: Vec<_> = categories.iter().flat_map(CodeableConcept::coded).collect();
    let privacy = |code: &str| {
        matches!(
            code,
            // LOINC: consent document, privacy policy, release of information
            "59284-0" | "57016-8" | "57017-6" | "64292-6"
            // v3-ActCode: information access, disclosure and collection
            | "INFA" | "INFACCESS" | "IDSCL" | "INFDSCL" | "ICOL" | "ICOLLECT"
            // consentscope and consentcategorycodes
            | "patient-privacy" | "hipaa-auth" | "hipaa-restrictions" | "hipaa-npp" | "npp"
        )
    };
    let other =
        |code: &str| matches!(code, "research" | "treatment" | "adr" | "acd" | "dnr" | "polst");
    if coded.iter().any(|coded| privacy(&coded.code)) {
        return Ok(true);
    }
    if !coded.is_empty() && coded.iter().all(|coded| other(&coded.code)) {
        return Ok(false);
    }
    Err(Unenforceable::Scope { found: coded.first().map(|c| c.code.clone()).unwrap_or_default() })
}

/// Turns the decision round at each level: a provision is an exception to what it stands in.
fn normalise(consent: &ConsentR5) -> Result<Tree, Unenforceable> {
    let base = match consent.decision.as_deref() {
        Some(text) => effect(text, "decision")?,
        None => return Err(Unenforceable::NoBase),
    };
    let mut root = Condition::default();
    // whom it is granted to; a denial holds for everybody
    if base == Effect::Permit {
        let names = |reference| (Role::Recipient, Names::read(reference, &consent.contained));
        root.actors = consent.grantee.iter().map(names).collect();
    }
    let read = |provision: &Provision, path: &str, above: Option<Effect>| {
        known(provision, path)?;
        let condition = Condition::read(provision, &consent.contained, path)?;
        let effect = above.unwrap_or(base).opposite();
        unambiguous(&condition, effect, above.is_some(), path)?;
        Ok((effect, condition))
    };
    let rules = nested(Vec::new(), "", &consent.provision, read)?;
    Ok(Tree { dialect: Dialect::Decision, base, root, rules })
}

/// Refuses the two shapes that HL7's own examples read against the text.
fn unambiguous(
    condition: &Condition,
    effect: Effect,
    is_nested: bool,
    path: &str,
) -> Result<(), Unenforceable> {
    let ambiguous = |why| Err(Unenforceable::Ambiguous { path: path.to_owned(), why });
    // consent-example, notTime: meant as the time of the consent, or of the data
    if !condition.restricts() {
        return ambiguous("turns round all that it stands in");
    }
    // Emergency: meant to permit emergencies alone, and by the text permits all but these
    if is_nested && effect == Effect::Deny && condition.is_about_emergencies() {
        return ambiguous("denies emergency treatment where other treatment is permitted");
    }
    Ok(())
}

fn known(provision: &Provision, path: &str) -> Result<(), Unenforceable> {
    let r4 = [("type", provision.type_.is_some()), ("class", !provision.class.is_empty())];
    super::known(provision, r4, path)
}
