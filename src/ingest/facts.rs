use serde_json::Value;

use crate::consent::{Facts, ItemKey, PatientKey, Span};
use crate::fhir::{CodeableConcept, Date, DocumentReference, Identifier, Reference};
use crate::ids::Coded;
use crate::xds::Entry;

/// What consent decides on, of a DocumentReference, besides its labels; the store gives it its key.
pub(super) fn facts(
    reference: &DocumentReference,
    name: &str,
    entry: &Entry,
    patient: PatientKey,
) -> Facts {
    let content = reference.content.first();
    let format = content.and_then(|content| content.format.as_ref()?.coded());
    let binary = content.and_then(|content| content.attachment.url.clone());
    let mut identifiers = vec![entry.unique_id.clone(), entry.entry_uuid.clone()];
    identifiers.extend(binary.filter(|url| url.starts_with("Binary/")));
    identifiers.extend(reference.identifier.iter().filter_map(value));
    Facts {
        key: ItemKey(0),
        patient,
        resource_type: "DocumentReference".to_owned(),
        reference: name.to_owned(),
        identifiers,
        labels: Vec::new(),
        unreadable_labels: true,
        origin: None,
        classes: codes(&reference.category).chain(format).collect(),
        codes: reference.type_.coded().chain(codes(&reference.context.event)).collect(),
        authors: reference.author.iter().flat_map(|a| names(a, &reference.contained)).collect(),
        related: related(reference),
        date: span(reference),
    }
}

fn codes(concepts: &[CodeableConcept]) -> impl Iterator<Item = Coded> + '_ {
    concepts.iter().flat_map(CodeableConcept::coded)
}

fn value(identifier: &Identifier) -> Option<String> {
    identifier.value.as_deref().map(|value| value.trim().to_owned()).filter(|v| !v.is_empty())
}

/// Every name of an author or an encounter. A contained one's `#id` stays among them: it equals no name, so that an author
/// without an identifier is unknown rather than absent.
fn names(author: &Reference, contained: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = author.reference.iter().cloned().collect();
    names.extend(author.identifier.as_ref().and_then(value));
    let local = author.reference.as_deref().and_then(|name| name.strip_prefix('#'));
    let is_it =
        |resource: &&Value| local.is_some() && resource.get("id").and_then(Value::as_str) == local;
    let identifiers = contained.iter().filter(is_it).filter_map(|it| it.get("identifier"));
    let values = identifiers.filter_map(Value::as_array).flatten();
    names.extend(values.filter_map(|i| Some(i.get("value")?.as_str()?.trim().to_owned())));
    if names.is_empty() {
        names.push(author.display.clone().unwrap_or_default());
    }
    names
}

/// The encounters that the document belongs to, by every name, and what else it is related to, by reference.
fn related(reference: &DocumentReference) -> Vec<String> {
    let encounters = reference.context.encounter.iter();
    let others = reference.context.related.iter().filter_map(|other| other.reference.clone());
    encounters.flat_map(|e| names(e, &reference.contained)).chain(others).collect()
}

/// When what the document tells of happened: the service's period, else when it was made.
fn span(reference: &DocumentReference) -> Option<Span> {
    let date = |text: Option<&String>| text.and_then(|text| Date::parse(text));
    let period = &reference.context.period;
    if period.start.is_some() || period.end.is_some() {
        let (start, end) = (date(period.start.as_ref()), date(period.end.as_ref()));
        return Some(Span {
            first: start.map_or(i64::MIN, |start| start.first.micros()),
            after: end.map_or(i64::MAX, |end| end.after.micros()),
        });
    }
    let creation = reference.content.first().and_then(|c| c.attachment.creation.as_ref());
    let made = date(creation.or(reference.date.as_ref()))?;
    Some(Span::new(made.first, made.after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts_of(value: Value) -> Facts {
        let entry = Entry {
            unique_id: "2.999.1".into(),
            entry_uuid: "urn:uuid:1".into(),
            ..Entry::default()
        };
        let reference: DocumentReference = serde_json::from_value(value).unwrap();
        facts(&reference, "DocumentReference/d", &entry, PatientKey(7))
    }

    #[test]
    fn authors_have_all_their_names() {
        let facts = facts_of(json!({
            "contained": [{"resourceType": "Practitioner", "id": "a", "identifier": [{"value": "17"}]}],
            "author": [{"reference": "#a"}, {"reference": "Practitioner/b"},
                {"identifier": {"value": "18"}}, {"display": "Dr. Who"}]
        }));
        assert_eq!(facts.authors, ["#a", "17", "Practitioner/b", "18", "Dr. Who"]);
    }

    #[test]
    fn what_a_document_belongs_to_has_all_its_names() {
        let facts = facts_of(json!({
            "contained": [{"resourceType": "Encounter", "id": "e", "identifier": [{"value": "17"}]}],
            "context": {
                "encounter": [{"reference": "#e"}, {"reference": "Encounter/b"}],
                "related": [{"reference": "CarePlan/c"}, {"identifier": {"value": "order 1"}}]
            }
        }));
        assert_eq!(facts.related, ["#e", "17", "Encounter/b", "CarePlan/c"]);
        assert!(facts_of(json!({})).related.is_empty());
    }

    #[test]
    fn the_service_tells_when_and_else_the_document() {
        let micros = |text: &str| Date::parse(text).unwrap().first.micros();
        let content = json!([{"attachment": {"creation": "2024-05-01"}}]);
        let made = facts_of(json!({"content": content})).date.unwrap();
        assert_eq!((made.first, made.after), (micros("2024-05-01"), micros("2024-05-02")));
        let period = json!({"start": "2019", "end": "2020-01"});
        let served = facts_of(json!({"content": content, "context": {"period": period}}));
        let served = served.date.unwrap();
        assert_eq!((served.first, served.after), (micros("2019"), micros("2020-02")));
        let open = facts_of(json!({"context": {"period": {"start": "2019"}}})).date.unwrap();
        assert_eq!(open.after, i64::MAX);
        assert_eq!(facts_of(json!({})).date, None);
    }
}
