use serde_json::Value;

use super::condition::Condition;
use super::logic::Effect;
use super::parties::ends_in;
use super::tree::{Dialect, Rule, Tree, Window};
use super::unenforceable::Unenforceable;
use crate::fhir::{CodeableConcept, Consent, Provision, Reference};

/// JSON levels of a consent: a nested provision with an actor's role takes 9, each further nesting 2.
const DEPTH: usize = 32;

/// A privacy consent in force by its status.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) tree: Tree,
    /// When the consent is in force (R4: the root provision's period).
    pub(super) period: Option<Window>,
    patient: Reference,
}

impl Read {
    /// Whether it speaks of the patient known by these references.
    pub(super) fn speaks_of(&self, references: &[String]) -> bool {
        let Some(text) = self.patient.reference.as_deref() else { return false };
        let bare = text.split_once("/_history/").map_or(text, |(bare, _)| bare);
        references.iter().any(|reference| bare == reference || ends_in(bare, reference))
    }
}

/// Normalises a consent; `None` if it is not in force or not about privacy.
pub(super) fn read(json: &str) -> Result<Option<Read>, Unenforceable> {
    if depth(json) > DEPTH {
        return Err(Unenforceable::TooDeep { limit: DEPTH });
    }
    let value: Value = serde_json::from_str(json).map_err(|error| malformed(&error))?;
    if value.get("resourceType").and_then(Value::as_str) != Some("Consent") {
        return Err(Unenforceable::NotConsent);
    }
    r4(&value)?;
    let consent: Consent = serde_json::from_str(json).map_err(|error| malformed(&error))?;
    if !in_force(&consent)? || !about_privacy(&consent.scope)? {
        return Ok(None);
    }
    unmodified(&value)?;
    for part in ["provision", "policyRule", "patient"] {
        populated(value.get(part), part)?;
    }
    let (tree, period) = normalise(&consent)?;
    Ok(Some(Read { tree, period, patient: consent.patient }))
}

fn malformed(error: &serde_json::Error) -> Unenforceable {
    // the message may quote the consent
    Unenforceable::Malformed { line: error.line(), column: error.column() }
}

/// The deepest nesting of objects and arrays, without building any.
fn depth(json: &str) -> usize {
    let (mut open, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => open += 1,
            b'}' | b']' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Knows R5's elements, and R4's from everything else.
fn r4(value: &Value) -> Result<(), Unenforceable> {
    const R4: [&str; 21] = [
        "resourceType",
        "id",
        "meta",
        "language",
        "text",
        "contained",
        "extension",
        "identifier",
        "status",
        "scope",
        "category",
        "patient",
        "dateTime",
        "performer",
        "organization",
        "sourceAttachment",
        "sourceReference",
        "policy",
        "policyRule",
        "verification",
        "provision",
    ];
    const R5: [&str; 11] = [
        "decision",
        "subject",
        "grantor",
        "grantee",
        "manager",
        "controller",
        "regulatoryBasis",
        "policyBasis",
        "policyText",
        "date",
        "period",
    ];
    for (element, content) in value.as_object().into_iter().flatten() {
        let element = element.as_str();
        if R5.contains(&element) || element == "provision" && content.is_array() {
            return Err(Unenforceable::R5 { element: element.to_owned() });
        }
        if matches!(element, "modifierExtension" | "implicitRules") {
            return Err(Unenforceable::Modified { element: element.to_owned() });
        }
        if !R4.contains(&element) {
            let (path, element) = ("Consent".to_owned(), element.to_owned());
            return Err(Unenforceable::UnknownElement { path, element });
        }
    }
    Ok(())
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

/// Nothing anywhere may turn the meaning around.
fn unmodified(consent: &Value) -> Result<(), Unenforceable> {
    let mut open = vec![consent];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(elements) => {
                if elements.contains_key("modifierExtension") {
                    let element = "modifierExtension".to_owned();
                    return Err(Unenforceable::Modified { element });
                }
                open.extend(elements.values());
            }
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
    Ok(())
}

/// An empty list would read as "not restricted".
fn populated(part: Option<&Value>, path: &str) -> Result<(), Unenforceable> {
    let mut open: Vec<_> = part.into_iter().collect();
    while let Some(value) = open.pop() {
        let empty = match value {
            Value::Null => true,
            Value::Object(elements) => elements.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::String(text) => text.trim().is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if empty {
            return Err(Unenforceable::Empty { path: path.to_owned() });
        }
        match value {
            Value::Object(elements) => open.extend(elements.values()),
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
    Ok(())
}

/// Brings both R4 dialects into one form: the R4 text's and IHE PCF's.
fn normalise(consent: &Consent) -> Result<(Tree, Option<Window>), Unenforceable> {
    let policy = consent.policy_rule.as_ref().map(opt).transpose()?;
    let provision = consent.provision.as_ref();
    let typed = match provision.and_then(|p| p.type_.as_deref()) {
        None => None,
        Some(text) => Some(effect(Some(text), "provision")?),
    };
    let mut root = Condition::default();
    let mut period = None;
    if let Some(provision) = provision {
        known(provision, "provision")?;
        root = Condition::read(provision, "provision")?;
        period = root.period.take();
    }
    let children: &[Provision] = provision.map_or(&[], |p| &p.provision);
    let tree = match (policy, typed) {
        (None, None) => return Err(Unenforceable::NoBase),
        (Some(policy), Some(typed)) if policy != typed => return Err(Unenforceable::Disagreement),
        (_, Some(base)) => {
            Tree { dialect: Dialect::TypedRoot, base, root, rules: rules(Vec::new(), children)? }
        }
        (Some(base), None) => {
            // R4: the root provision is itself an exception to the base, where it speaks of anything
            let exception = root.restricts().then(|| Rule {
                path: "provision".to_owned(),
                effect: base.opposite(),
                parent: None,
                end: 1,
                names_break_glass: root.names_break_glass(),
                condition: std::mem::take(&mut root),
            });
            let rules = rules(exception.into_iter().collect(), children)?;
            Tree { dialect: Dialect::PolicyRule, base, root, rules }
        }
    };
    Ok((tree, period))
}

/// Puts nested provisions in line, each before its own; `rules` holds the root's exception, if it is one.
fn rules(mut rules: Vec<Rule>, provisions: &[Provision]) -> Result<Vec<Rule>, Unenforceable> {
    let mut open = Vec::new();
    let root = (!rules.is_empty()).then_some(0);
    nest(&mut open, "provision", root, provisions);
    while let Some((path, provision, parent)) = open.pop() {
        known(provision, &path)?;
        let effect = effect(provision.type_.as_deref(), &path)?;
        let condition = Condition::read(provision, &path)?;
        let above = parent.and_then(|at| rules.get(at)).map(|rule| rule.names_break_glass);
        let own_words = condition.names_break_glass();
        let names_break_glass = above.map_or(own_words, |above| above.max(own_words));
        let own = rules.len();
        nest(&mut open, &path, Some(own), &provision.provision);
        rules.push(Rule { path, effect, parent, end: own + 1, condition, names_break_glass });
    }
    // a rule ends where the last one nested in it does
    for at in (0..rules.len()).rev() {
        let Some((end, parent)) = rules.get(at).map(|rule| (rule.end, rule.parent)) else {
            continue;
        };
        if let Some(parent) = parent.and_then(|parent| rules.get_mut(parent)) {
            parent.end = parent.end.max(end);
        }
    }
    Ok(rules)
}

/// Puts what is nested in a provision on the stack, the first on top.
fn nest<'p>(
    open: &mut Vec<(String, &'p Provision, Option<usize>)>,
    within: &str,
    parent: Option<usize>,
    provisions: &'p [Provision],
) {
    let nested = provisions.iter().enumerate().rev();
    open.extend(
        nested.map(|(at, provision)| (format!("{within}.provision[{at}]"), provision, parent)),
    );
}

/// What we do not read could narrow a permit or widen a denial; `id` and plain extensions cannot (FHIR R4 2.4).
fn known(provision: &Provision, path: &str) -> Result<(), Unenforceable> {
    let foreign = provision.other.keys().find(|key| !matches!(key.as_str(), "id" | "extension"));
    match foreign {
        None => Ok(()),
        Some(element) => {
            Err(Unenforceable::UnknownElement { path: path.to_owned(), element: element.clone() })
        }
    }
}

fn effect(text: Option<&str>, path: &str) -> Result<Effect, Unenforceable> {
    match text {
        Some("permit") => Ok(Effect::Permit),
        Some("deny") => Ok(Effect::Deny),
        _ => Err(Unenforceable::ProvisionType { path: path.to_owned() }),
    }
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
