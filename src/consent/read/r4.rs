use serde_json::Value;

use super::super::condition::Condition;
use super::super::logic::Effect;
use super::super::tree::{Dialect, Rule, Tree, Window};
use super::super::unenforceable::Unenforceable;
use super::shape::populated;
use super::{Read, date, effect, identifiers, malformed, nested, policies};
use crate::fhir::{CodeableConcept, Consent, Provision};

/// Normalises an R4 consent; `None` if it is not in force or not about privacy.
pub(super) fn read(json: &str, value: &Value) -> Result<Option<Read>, Unenforceable> {
    let consent: Consent = serde_json::from_str(json).map_err(|error| malformed(json, &error))?;
    if !in_force(&consent)? || !about_privacy(&consent.scope)? {
        return Ok(None);
    }
    super::shape::unmodified(value)?;
    for part in ["provision", "policyRule", "patient", "contained"] {
        populated(value.get(part), part)?;
    }
    let (tree, period) = normalise(&consent)?;
    let uris = consent.policy.iter().flat_map(|policy| [&policy.authority, &policy.uri]);
    Ok(Some(Read {
        tree,
        period,
        identifiers: identifiers(&consent.identifier),
        date: date(consent.date_time.as_ref()),
        policies: policies(uris),
        patient: consent.patient,
    }))
}

fn in_force(consent: &Consent) -> Result<bool, Unenforceable> {
    match consent.status.as_deref() {
        Some("active") => Ok(true),
        Some("draft" | "proposed" | "rejected" | "inactive" | "entered-in-error") => Ok(false),
        found => Err(Unenforceable::Status { found: found.unwrap_or_default().to_owned() }),
    }
}

/// The scope is required in R4; `research`, `treatment` and `adr` are other people's business.
fn about_privacy(scope: &CodeableConcept) -> Result<bool, Unenforceable> {
    let codes: Vec<_> = scope.coding.iter().filter_map(|c| c.code.as_deref()).collect();
    let other = |code: &&str| matches!(*code, "research" | "treatment" | "adr");
    if codes.contains(&"patient-privacy") {
        return Ok(true);
    }
    if !codes.is_empty() && codes.iter().all(other) {
        return Ok(false);
    }
    Err(Unenforceable::Scope { found: codes.first().copied().unwrap_or_default().to_owned() })
}

/// Brings both R4 dialects into one form: the R4 text's and IHE PCF's.
fn normalise(consent: &Consent) -> Result<(Tree, Option<Window>), Unenforceable> {
    let policy = consent.policy_rule.as_ref().map(opt).transpose()?;
    let provision = consent.provision.as_ref();
    let typed = match provision.and_then(|p| p.type_.as_deref()) {
        None => None,
        Some(text) => Some(effect(text, "provision")?),
    };
    let mut root = Condition::default();
    let mut period = None;
    if let Some(provision) = provision {
        known(provision, "provision")?;
        root = Condition::read(provision, &consent.contained, "provision")?;
        period = root.period.take();
    }
    let children: &[Provision] = provision.map_or(&[], |p| &p.provision);
    let read = |provision: &Provision, path: &str, _| {
        known(provision, path)?;
        let text = provision.type_.as_deref().unwrap_or_default();
        Ok((effect(text, path)?, Condition::read(provision, &consent.contained, path)?))
    };
    let tree = match (policy, typed) {
        (None, None) => return Err(Unenforceable::NoBase),
        (Some(policy), Some(typed)) if policy != typed => return Err(Unenforceable::Disagreement),
        (_, Some(base)) => {
            let rules = nested(Vec::new(), "provision", children, read)?;
            Tree { dialect: Dialect::TypedRoot, base, root, rules }
        }
        (Some(base), None) => {
            let restricts = root.restricts();
            // HL7's examples mean by it both when the consent is in force and when the data arose
            if period.is_some() && !restricts && children.is_empty() {
                return Err(Unenforceable::Ambiguous {
                    path: "provision".to_owned(),
                    why: "nothing but a period, of the consent or of the data",
                });
            }
            // R4: the root provision is itself an exception to the base, where it speaks of anything
            let exception = restricts.then(|| Rule {
                path: "provision".to_owned(),
                effect: base.opposite(),
                parent: None,
                end: 1,
                names_break_glass: root.names_break_glass(),
                condition: std::mem::take(&mut root),
            });
            let rules = nested(exception.into_iter().collect(), "provision", children, read)?;
            Tree { dialect: Dialect::PolicyRule, base, root, rules }
        }
    };
    Ok((tree, period))
}

/// What we do not read could narrow a permit or widen a denial; `id` and plain extensions cannot (FHIR R4 2.4).
fn known(provision: &Provision, path: &str) -> Result<(), Unenforceable> {
    let r5 = [
        ("documentType", !provision.document_type.is_empty()),
        ("resourceType", !provision.resource_type.is_empty()),
    ];
    super::known(provision, r5, path)
}

/// Opt-in and opt-out of v3-ActCode, with restrictions and with exceptions.
fn opt(rule: &CodeableConcept) -> Result<Effect, Unenforceable> {
    const SYSTEM: &str = "2.16.840.1.113883.5.4";
    let mut found = rule.coded().map(|coded| match coded.code.as_str() {
        _ if crate::labels::canonical(&coded.system) != SYSTEM => None,
        "OPTIN" | "OPTINR" => Some(Effect::Permit),
        "OPTOUT" | "OPTOUTE" => Some(Effect::Deny),
        _ => None,
    });
    let first = found.next().flatten();
    if let Some(effect) = first.filter(|effect| found.all(|other| other == Some(*effect))) {
        return Ok(effect);
    }
    let code = rule.coding.first().and_then(|coding| coding.code.clone());
    Err(Unenforceable::PolicyRule { found: code.unwrap_or_default() })
}
