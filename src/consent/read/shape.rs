use serde_json::Value;

use super::super::unenforceable::Unenforceable;

/// JSON levels of a consent: a nested provision with an actor's role takes 9, each further nesting 2.
pub(super) const DEPTH: usize = 32;

/// Which release of FHIR a consent is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    R4,
    R5,
}

/// What both releases have.
const SHARED: [&str; 13] = [
    "resourceType",
    "id",
    "meta",
    "language",
    "text",
    "contained",
    "extension",
    "identifier",
    "status",
    "category",
    "sourceAttachment",
    "sourceReference",
    "verification",
];
const R4: [&str; 7] =
    ["scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule"];
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

/// Tells the release by its elements; a mixture may mean anything.
pub(super) fn form(value: &Value) -> Result<Form, Unenforceable> {
    let mut found: Option<(Form, &str)> = None;
    for (element, content) in value.as_object().into_iter().flatten() {
        let element = element.as_str();
        if matches!(element, "modifierExtension" | "implicitRules") {
            return Err(Unenforceable::Modified { element: element.to_owned() });
        }
        let form = match element {
            "provision" if content.is_array() => Form::R5,
            "provision" => Form::R4,
            _ if R4.contains(&element) => Form::R4,
            _ if R5.contains(&element) => Form::R5,
            _ if SHARED.contains(&element) => continue,
            _ => {
                let (path, element) = ("Consent".to_owned(), element.to_owned());
                return Err(Unenforceable::UnknownElement { path, element });
            }
        };
        match found {
            Some((known, other)) if known != form => {
                let (r4, r5) = if form == Form::R5 { (other, element) } else { (element, other) };
                return Err(Unenforceable::Mixture { r4: r4.to_owned(), r5: r5.to_owned() });
            }
            _ => found = Some((form, element)),
        }
    }
    Ok(found.map_or(Form::R4, |(form, _)| form))
}

/// The deepest nesting of objects and arrays, without building any.
pub(super) fn depth(json: &str) -> usize {
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

/// Nothing anywhere may turn the meaning around.
pub(super) fn unmodified(consent: &Value) -> Result<(), Unenforceable> {
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
pub(super) fn populated(part: Option<&Value>, path: &str) -> Result<(), Unenforceable> {
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
