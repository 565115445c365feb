use serde::Deserialize;
use serde_json::Value;

use crate::fhir::{CodeableConcept, Coding};
use crate::ids::Coded;

/// A FHIR ValueSet that says which label its codes lead to (`useContext` with the code `focus`).
#[derive(Debug)]
pub(super) struct ValueSet {
    pub(super) labels: Vec<Coded>,
    pub(super) rules: Vec<Rule>,
    pub(super) excluded: Vec<Rule>,
}

/// Which codes of a system are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) system: String,
    pub(super) codes: Codes,
}

/// One code, or all that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Codes {
    One(String),
    Below(String),
}

/// Why a value set cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not JSON, or not as FHIR has it.
    #[error("it is no FHIR JSON: {0}")]
    Json(String),
    /// Another resource.
    #[error("`{0}` is no ValueSet: keep ValueSets and Bundles of them in the folder, nothing else")]
    Kind(String),
    /// No label.
    #[error("it names no label: add a useContext with code `focus` and a valueCodeableConcept")]
    NoFocus,
    /// Out of use.
    #[error("its status is `{0}`: only active and draft sets are used, so take the file away")]
    Status(String),
    /// Codes that belong to nothing.
    #[error("a code has no system: name one in compose.include or expansion.contains")]
    NoSystem,
    /// Codes that stand elsewhere.
    #[error("it builds on other value sets: load it with its expansion")]
    Refers,
    /// What only a terminology server could tell.
    #[error(
        "the filter `{property} {op} {value}` cannot be worked out here: load the set with its expansion, or with an `is-a` filter on ICD codes"
    )]
    Filter {
        /// The filter's property.
        property: String,
        /// Its operator.
        op: String,
        /// Its value.
        value: String,
    },
    /// Nothing is in it.
    #[error("it has no codes")]
    Empty,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Raw {
    status: String,
    use_context: Vec<UseContext>,
    compose: Compose,
    expansion: Expansion,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UseContext {
    code: Coding,
    value_codeable_concept: CodeableConcept,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Compose {
    include: Vec<Include>,
    exclude: Vec<Include>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Include {
    system: String,
    concept: Vec<Coding>,
    filter: Vec<Filter>,
    value_set: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Filter {
    property: String,
    op: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Expansion {
    contains: Vec<Contains>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Contains {
    system: String,
    code: String,
    contains: Vec<Self>,
}

/// Reads a ValueSet, or a Bundle of them.
pub(super) fn read(json: &[u8]) -> Result<Vec<ValueSet>, Fault> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let value: Value = serde_json::from_slice(json).map_err(|e| Fault::Json(e.to_string()))?;
    if kind(&value) != "Bundle" {
        return Ok(vec![one(&value)?]);
    }
    let entries = value.get("entry").and_then(Value::as_array).into_iter().flatten();
    entries.map(|entry| one(entry.get("resource").unwrap_or(&Value::Null))).collect()
}

fn kind(value: &Value) -> &str {
    value.get("resourceType").and_then(Value::as_str).unwrap_or("")
}

fn one(value: &Value) -> Result<ValueSet, Fault> {
    if kind(value) != "ValueSet" {
        return Err(Fault::Kind(kind(value).to_owned()));
    }
    let raw = Raw::deserialize(value).map_err(|error| Fault::Json(error.to_string()))?;
    // to pass over a set in silence would be to label less
    if !matches!(raw.status.as_str(), "active" | "draft") {
        return Err(Fault::Status(raw.status));
    }
    let focus = raw.use_context.iter().filter(|c| c.code.code.as_deref() == Some("focus"));
    let labels: Vec<_> = focus.flat_map(|context| context.value_codeable_concept.coded()).collect();
    if labels.is_empty() || labels.iter().any(|label| label.system.is_empty()) {
        return Err(Fault::NoFocus);
    }
    let mut rules = Vec::new();
    // an expansion stands for includes that cannot be worked out here
    let expanded = !raw.expansion.contains.is_empty();
    for include in &raw.compose.include {
        match include.rules() {
            Err(Fault::Refers | Fault::Filter { .. }) if expanded => {}
            found => rules.extend(found?),
        }
    }
    let mut open: Vec<_> = raw.expansion.contains.into_iter().collect();
    while let Some(contains) = open.pop() {
        open.extend(contains.contains);
        // a group of codes may have none of its own
        if !contains.code.is_empty() {
            rules.push(rule(&contains.system, Codes::One(contains.code))?);
        }
    }
    let mut excluded = Vec::new();
    for exclude in &raw.compose.exclude {
        excluded.extend(exclude.rules()?);
    }
    if rules.is_empty() { Err(Fault::Empty) } else { Ok(ValueSet { labels, rules, excluded }) }
}

fn rule(system: &str, codes: Codes) -> Result<Rule, Fault> {
    if system.trim().is_empty() {
        return Err(Fault::NoSystem);
    }
    Ok(Rule { system: system.trim().to_owned(), codes })
}

impl Include {
    fn rules(&self) -> Result<Vec<Rule>, Fault> {
        if !self.value_set.is_empty() {
            return Err(Fault::Refers);
        }
        let codes = self.concept.iter().filter_map(Coding::coded);
        let mut codes: Vec<_> = codes.map(|coded| Codes::One(coded.code)).collect();
        match self.filter.as_slice() {
            [] if self.concept.is_empty() => codes.push(Codes::Below(String::new())),
            [] => {}
            [filter] if is_hierarchical_by_code(&self.system) => codes.extend(filter.codes()?),
            [filter, ..] => return Err(filter.fault()),
        }
        codes.into_iter().map(|codes| rule(&self.system, codes)).collect()
    }
}

impl Filter {
    /// In ICD a code is below another one if it begins with it; a block such as `F10-F19` is its categories.
    fn codes(&self) -> Result<Vec<Codes>, Fault> {
        let about_codes = matches!(self.property.as_str(), "concept" | "code");
        if !about_codes || self.op != "is-a" || self.value.trim().is_empty() {
            return Err(self.fault());
        }
        let Some((first, last)) = self.value.split_once('-') else {
            return Ok(vec![Codes::Below(self.value.trim().to_owned())]);
        };
        let (first, last) = (category(first), category(last));
        match (first, last) {
            (Some((letter, first)), Some((same, last))) if letter == same && first <= last => {
                Ok((first..=last).map(|n| Codes::Below(format!("{letter}{n:02}"))).collect())
            }
            _ => Err(self.fault()),
        }
    }

    fn fault(&self) -> Fault {
        let (property, op, value) = (self.property.clone(), self.op.clone(), self.value.clone());
        Fault::Filter { property, op, value }
    }
}

/// `F10` as its letter and number.
fn category(code: &str) -> Option<(char, u8)> {
    let code = code.trim();
    let letter = code.chars().next().filter(char::is_ascii_uppercase)?;
    let digits = code.get(1..).filter(|digits| digits.len() == 2)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| Some((letter, digits.parse().ok()?)))?
}

/// Whether the code alone tells what a code is below: ICD-9 and ICD-10 in their forms.
pub(super) fn is_hierarchical_by_code(system: &str) -> bool {
    let oid = super::system::canonical(system);
    matches!(
        oid,
        "2.16.840.1.113883.6.3"
            | "2.16.840.1.113883.6.4"
            | "2.16.840.1.113883.6.90"
            | "2.16.840.1.113883.6.103"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(change: impl FnOnce(&mut Value)) -> Result<ValueSet, Fault> {
        let mut value = json!({"resourceType": "ValueSet", "status": "active",
            "useContext": [{"code": {"code": "focus"}, "valueCodeableConcept": {"coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}}],
            "compose": {"include": [{"system": "http://snomed.info/sct", "concept": [{"code": "86406008"}]}]}});
        change(&mut value);
        read(value.to_string().as_bytes()).map(|mut sets| sets.remove(0))
    }

    fn icd(filter: &Value) -> Result<Vec<Codes>, Fault> {
        let found = set(|value| {
            value["compose"]["include"] =
                json!([{"system": "http://hl7.org/fhir/sid/icd-10", "filter": [filter]}]);
        })?;
        Ok(found.rules.into_iter().map(|rule| rule.codes).collect())
    }

    #[test]
    fn icd_filters_mean_what_begins_alike() {
        let below = |code: &str| Codes::Below(code.to_owned());
        let is_a = |value: &str| icd(&json!({"property": "concept", "op": "is-a", "value": value}));
        assert_eq!(is_a("B20").unwrap(), [below("B20")]);
        assert_eq!(is_a("F18-F19").unwrap(), [below("F18"), below("F19")]);
        for odd in ["", "F19-F10", "F10-G19", "F1-F2", "F10-"] {
            assert!(matches!(is_a(odd), Err(Fault::Filter { .. })), "{odd}");
        }
        let regex = icd(&json!({"property": "code", "op": "regex", "value": "F1.*"}));
        assert!(matches!(regex, Err(Fault::Filter { .. })));
    }

    #[test]
    fn what_cannot_be_worked_out_is_refused_unless_it_is_expanded() {
        let filter = json!([{"system": "http://snomed.info/sct",
            "filter": [{"property": "concept", "op": "is-a", "value": "86406008"}]}]);
        let refused = set(|value| value["compose"]["include"] = filter.clone());
        assert!(matches!(refused, Err(Fault::Filter { .. })));
        let other = json!([{"valueSet": ["urn:x"]}]);
        assert_eq!(set(|v| v["compose"]["include"] = other.clone()).unwrap_err(), Fault::Refers);
        let nested = json!({"contains": [{"display": "a group", "contains": [
            {"system": "http://snomed.info/sct", "code": "165816005"}]}]});
        let expanded = set(|value| {
            value["compose"]["include"] = filter;
            value["expansion"] = nested;
        });
        assert_eq!(expanded.unwrap().rules[0].codes, Codes::One("165816005".to_owned()));
    }

    #[test]
    fn a_set_that_would_label_nothing_is_told_of() {
        let of = |change: fn(&mut Value)| set(change).unwrap_err();
        assert_eq!(of(|v| v["useContext"] = json!([])), Fault::NoFocus);
        assert_eq!(of(|v| v["status"] = "retired".into()), Fault::Status("retired".into()));
        assert_eq!(of(|v| v["compose"] = json!({})), Fault::Empty);
        assert_eq!(of(|v| v["resourceType"] = "List".into()), Fault::Kind("List".into()));
        assert_eq!(of(|v| v["compose"]["include"][0]["system"] = "".into()), Fault::NoSystem);
        assert!(matches!(read(b"{"), Err(Fault::Json(_))));
        let whole = set(|v| v["compose"]["include"] = json!([{"system": "urn:local"}])).unwrap();
        assert_eq!(whole.rules[0].codes, Codes::Below(String::new()));
    }
}
