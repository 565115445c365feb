//! Reading a consent: which release of FHIR it is in, and that release's text as one tree.

mod place;
mod r4;
mod r5;
mod shape;

use serde_json::Value;

use super::condition::Condition;
use super::logic::Effect;
use super::parties::ends_in;
use super::tree::{Rule, Tree, Window};
use super::unenforceable::Unenforceable;
use crate::fhir::{Date, Identifier, Provision, Reference};
use shape::{DEPTH, Form};

/// A privacy consent in force by its status.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) tree: Tree,
    /// When the consent is in force (R4: the root provision's period).
    pub(super) period: Option<Window>,
    /// Business identifiers: system and value.
    pub(super) identifiers: Vec<(String, String)>,
    /// When it was made.
    pub(super) date: Option<Date>,
    /// The policies that it builds on and their authorities.
    pub(super) policies: Vec<String>,
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
    if shape::depth(json) > DEPTH {
        return Err(Unenforceable::TooDeep { limit: DEPTH });
    }
    let value: Value = serde_json::from_str(json).map_err(|error| malformed(json, &error))?;
    if value.get("resourceType").and_then(Value::as_str) != Some("Consent") {
        return Err(Unenforceable::NotConsent);
    }
    match shape::form(&value)? {
        Form::R4 => r4::read(json, &value),
        Form::R5 => r5::read(json, &value),
    }
}

fn malformed(json: &str, error: &serde_json::Error) -> Unenforceable {
    // the message may quote the consent, and the file has lines of its own
    Unenforceable::Malformed { path: place::place(json, error.column()) }
}

fn effect(text: &str, path: &str) -> Result<Effect, Unenforceable> {
    match text {
        "permit" => Ok(Effect::Permit),
        "deny" => Ok(Effect::Deny),
        _ => Err(Unenforceable::ProvisionType { path: path.to_owned() }),
    }
}

/// Those with a value; without a system they are nobody's.
fn identifiers(identifiers: &[Identifier]) -> Vec<(String, String)> {
    let whole = |identifier: &Identifier| {
        let part = |text: &Option<String>| {
            text.as_deref().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Some((part(&identifier.system)?, part(&identifier.value)?))
    };
    identifiers.iter().filter_map(whole).collect()
}

fn date(text: Option<&String>) -> Option<Date> {
    text.and_then(|text| Date::parse(text))
}

fn policies<'a>(uris: impl Iterator<Item = &'a Option<String>>) -> Vec<String> {
    uris.flatten().map(|uri| uri.trim().to_owned()).filter(|uri| !uri.is_empty()).collect()
}

/// Puts nested provisions in line, each before its own, as `read` reads them with the effect of what they stand in;
/// `rules` holds the root's exception, if it is one.
fn nested(
    mut rules: Vec<Rule>,
    root: &str,
    provisions: &[Provision],
    read: impl Fn(&Provision, &str, Option<Effect>) -> Result<(Effect, Condition), Unenforceable>,
) -> Result<Vec<Rule>, Unenforceable> {
    let mut open = Vec::new();
    let exception = (!rules.is_empty()).then_some(0);
    nest(&mut open, root, exception, provisions);
    while let Some((path, provision, parent)) = open.pop() {
        let above = parent.and_then(|at| rules.get(at));
        let (effect, condition) = read(provision, &path, above.map(|rule| rule.effect))?;
        let above = above.map(|rule| rule.names_break_glass);
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
    let dot = if within.is_empty() { "" } else { "." };
    let nested = provisions.iter().enumerate().rev();
    open.extend(
        nested.map(|(at, provision)| (format!("{within}{dot}provision[{at}]"), provision, parent)),
    );
}

/// What we do not read could narrow a permit or widen a denial; `id` and plain extensions cannot (FHIR R4 2.4).
fn known(
    provision: &Provision,
    of_the_other_release: [(&str, bool); 2],
    path: &str,
) -> Result<(), Unenforceable> {
    let plain = |key: &&str| !matches!(*key, "id" | "extension");
    let unread = provision.other.keys().map(String::as_str).find(plain);
    let foreign =
        of_the_other_release.into_iter().find_map(|(key, present)| present.then_some(key));
    match unread.or(foreign) {
        None => Ok(()),
        Some(element) => {
            let element = element.to_owned();
            Err(Unenforceable::UnknownElement { path: path.to_owned(), element })
        }
    }
}
