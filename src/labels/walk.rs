use serde_json::{Map, Value};

/// Calls for each coding anywhere in a resource: whatever object has a `system` and a `code`.
///
/// No property names are looked at, so contained resources, extensions and components are no exceptions.
pub(super) fn codings<'v>(resource: &'v Value, mut each: impl FnMut(&'v str, &'v str)) {
    let mut open = vec![resource];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                let text = |name| members.get(name).and_then(Value::as_str);
                if let (Some(system), Some(code)) = (text("system"), text("code")) {
                    each(system, code);
                }
                open.extend(members.values());
            }
            _ => {}
        }
    }
}

/// The confidentiality of a Composition, which FHIR R4 writes as a bare code.
pub(super) fn composition(members: &Map<String, Value>) -> Option<&str> {
    let is_one = members.get("resourceType").and_then(Value::as_str) == Some("Composition");
    members.get("confidentiality").and_then(Value::as_str).filter(|_| is_one)
}

/// The resources of a Bundle, or the one that it is.
pub(super) fn resources(value: &Value) -> Vec<&Map<String, Value>> {
    let entries = value.get("entry").and_then(Value::as_array);
    let inside = entries.into_iter().flatten().filter_map(|entry| entry.get("resource"));
    inside.chain([value]).filter_map(Value::as_object).collect()
}

/// The resource that speaks for all: the first of a Bundle, such as a document's Composition, or the one that it is.
pub(super) fn first(value: &Value) -> Option<&Map<String, Value>> {
    match value.get("entry") {
        Some(entries) => entries.get(0)?.get("resource")?.as_object(),
        None => value.as_object(),
    }
}

/// Calls for each coding of a resource's own `meta.security`.
pub(super) fn security<'v>(resource: &'v Value, each: impl FnMut(&'v str, &'v str)) {
    if let Some(labels) = resource.pointer("/meta/security") {
        codings(labels, each);
    }
}
