use super::code::Code;
use super::entry::Availability;
use super::error::{ErrorCode, RegistryError};
use crate::ids::{Coded, PatientId};
use crate::xml::{self, Node, ns};

/// Characters of one Value: `LongName` of the ebRIM schema.
pub(super) const VALUE_CHARS: usize = 256;

/// The slots of a stored query, undecoded; a parameter is decoded when a query asks for it (ITI TF-2 3.18.4.1.2.3).
#[derive(Debug)]
pub(super) struct Slots<'d, 'i> {
    query: Node<'d, 'i>,
}

impl<'d, 'i> Slots<'d, 'i> {
    /// The slots of that `AdhocQuery`.
    pub(super) fn of(query: Node<'d, 'i>) -> Self {
        Self { query }
    }

    /// A parameter with one value at most.
    pub(super) fn single(&self, name: &'static str) -> Result<Option<String>, RegistryError> {
        let mut values = self.list(name)?;
        if values.len() > 1 {
            let context = format!("{name} takes one value");
            return Err(RegistryError::new(ErrorCode::XDSStoredQueryParamNumber, context));
        }
        Ok(values.pop())
    }

    /// A parameter whose values are alternatives; its slot stands once.
    pub(super) fn list(&self, name: &'static str) -> Result<Vec<String>, RegistryError> {
        let mut groups = self.groups(name)?;
        if groups.len() > 1 {
            return Err(malformed(name, "stands in several slots and may stand in one"));
        }
        Ok(groups.pop().unwrap_or_default())
    }

    /// A parameter of which every slot must hold; empty slots count as absent (ITI TF-2 3.18.4.1.2.3.5).
    pub(super) fn groups(&self, name: &'static str) -> Result<Vec<Vec<String>>, RegistryError> {
        let mut groups = Vec::new();
        for slot in xml::children(self.query, ns::RIM, "Slot") {
            if xml::attribute(slot, "name") != Some(name) {
                continue;
            }
            let mut group = Vec::new();
            for list in xml::children(slot, ns::RIM, "ValueList") {
                for value in xml::children(list, ns::RIM, "Value") {
                    let value = xml::text(value);
                    if value.chars().nth(VALUE_CHARS).is_some() {
                        return Err(malformed(name, "has a Value of more than 256 characters"));
                    }
                    let decoded = decode(&value).map_err(|problem| malformed(name, problem))?;
                    group.extend(decoded);
                }
            }
            if !group.is_empty() {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// The values of a required list.
    pub(super) fn required_list(&self, name: &'static str) -> Result<Vec<String>, RegistryError> {
        let values = self.list(name)?;
        if values.is_empty() { Err(missing(name)) } else { Ok(values) }
    }

    /// The patient whom a query is about.
    pub(super) fn patient(&self, name: &'static str) -> Result<PatientId, RegistryError> {
        let value = self.single(name)?.ok_or_else(|| missing(name))?;
        PatientId::parse(&value)
            .map_err(|_| malformed(name, "is not of the form 'id^^^&OID&ISO' (HL7 CX)"))
    }

    /// The statuses asked for; unknown ones are passed over, one must be left (ITI TF-2 3.18.4.1.2.3.6).
    pub(super) fn statuses(&self, name: &'static str) -> Result<Vec<Availability>, RegistryError> {
        let mut known: Vec<_> =
            self.list(name)?.iter().filter_map(|urn| Availability::parse(urn)).collect();
        known.sort_unstable();
        known.dedup();
        if known.is_empty() { Err(missing(name)) } else { Ok(known) }
    }

    /// Codes of the form `code^^scheme` in the slots of one parameter.
    pub(super) fn codes(&self, name: &'static str) -> Result<Vec<Vec<Coded>>, RegistryError> {
        let code = |value: &String| {
            let mut parts = value.split('^').map(str::trim);
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(code), Some(""), Some(scheme), None)
                    if !code.is_empty() && !scheme.is_empty() =>
                {
                    Ok(Code::normalize(code, scheme))
                }
                _ => Err(malformed(name, "has a value that is not of the form 'code^^scheme'")),
            }
        };
        self.groups(name)?.iter().map(|group| group.iter().map(code).collect()).collect()
    }

    /// A moment as a DTM, `YYYY[MM[DD[hh[mm[ss]]]]]` (ITI TF-3 4.2.3.1.7).
    pub(super) fn time(&self, name: &'static str) -> Result<Option<String>, RegistryError> {
        let Some(value) = self.single(name)? else { return Ok(None) };
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        if digits && matches!(value.len(), 4 | 6 | 8 | 10 | 12 | 14) {
            Ok(Some(value))
        } else {
            Err(malformed(name, "is not a time of the form YYYY[MM[DD[hh[mm[ss]]]]]"))
        }
    }
}

/// A required parameter is absent.
pub(super) fn missing(name: &str) -> RegistryError {
    let context = format!("{name} is required and has no value that is understood");
    RegistryError::new(ErrorCode::XDSStoredQueryMissingParam, context)
}

/// A parameter is written wrongly; the code is that of NIST and IPF, as the standard has none.
fn malformed(name: &str, problem: &str) -> RegistryError {
    RegistryError::new(ErrorCode::XDSRegistryError, format!("{name} {problem}"))
}

/// Decodes one Value: `123`, `'it''s'`, `('a','b')`, and the unquoted lists that some send (ITI TF-2 3.18.4.1.2.3.3).
fn decode(value: &str) -> Result<Vec<String>, &'static str> {
    let value = value.trim();
    let Some(list) = value.strip_prefix('(') else {
        if value.is_empty() {
            return Ok(Vec::new());
        }
        let (item, rest) = if value.starts_with('\'') { quoted(value)? } else { bare(value, "") };
        return if rest.is_empty() { Ok(vec![item]) } else { Err(AFTER_QUOTE) };
    };
    let mut rest = list.strip_suffix(')').ok_or("has a list without its closing parenthesis")?;
    let mut items = Vec::new();
    if rest.trim().is_empty() {
        return Ok(items);
    }
    loop {
        rest = rest.trim_start();
        let (item, after) = if rest.starts_with('\'') { quoted(rest)? } else { bare(rest, ",") };
        if item.is_empty() && !rest.starts_with('\'') {
            return Err("has an empty place in its list");
        }
        items.push(item);
        if after.is_empty() {
            return Ok(items);
        }
        rest = after.strip_prefix(',').ok_or(AFTER_QUOTE)?;
    }
}

const AFTER_QUOTE: &str = "has text after a closing quote; quotes inside a value are doubled";

/// Reads `'...'`, where `''` is a quote; gives the value and what follows it.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut rest = text.strip_prefix('\'').unwrap_or(text);
    let mut value = String::new();
    loop {
        let (piece, after) =
            rest.split_once('\'').ok_or("has a value without its closing quote")?;
        value.push_str(piece);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, after.trim_start())),
        }
    }
}

/// Reads up to one of `ends`; gives the trimmed value and what follows it.
fn bare<'t>(text: &'t str, ends: &str) -> (String, &'t str) {
    let (value, rest) = match text.find(|c| ends.contains(c)) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    (value.trim().to_owned(), rest)
}

/// Writes a string value: single quotes around, quotes inside doubled.
#[must_use]
pub fn write_string(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Writes a list of string values in parentheses.
#[must_use]
pub fn write_list<S: AsRef<str>>(values: &[S]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| write_string(value.as_ref())).collect();
    format!("({})", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(value: &str) -> Option<Vec<String>> {
        decode(value).ok()
    }

    #[test]
    fn values_of_every_coding_are_read() {
        for (value, items) in [
            ("200412252300", &["200412252300"][..]),
            ("'abc'", &["abc"]),
            ("'Children''s Hospital'", &["Children's Hospital"]),
            ("('a','b')", &["a", "b"]),
            (" ( 'a' , 'b' ) ", &["a", "b"]),
            ("('a')", &["a"]),
            ("('a,b','c)')", &["a,b", "c)"]),
            ("('''')", &["'"]),
            ("('')", &[""]),
            ("(urn:uuid:7edc,urn:uuid:3426)", &["urn:uuid:7edc", "urn:uuid:3426"]),
            ("(urn:uuid:7edc, 'b')", &["urn:uuid:7edc", "b"]),
            ("a,b", &["a,b"]),
            ("()", &[]),
            ("", &[]),
        ] {
            let items: Vec<String> = items.iter().map(|&item| item.to_owned()).collect();
            assert_eq!(decoded(value), Some(items), "{value}");
        }
        for value in ["'a", "('a'", "('a',)", "(,)", "('a' 'b')", "'a','b'", "'a'b", "('a)", "'"] {
            assert_eq!(decoded(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(values in prop::collection::vec("\\PC*", 1..5)) {
            prop_assert_eq!(decoded(&write_list(&values)), Some(values.clone()));
            for value in values {
                prop_assert_eq!(decoded(&write_string(&value)), Some(vec![value]));
            }
        }

        #[test]
        fn anything_is_read_without_panic(value in "[(),' a]{0,20}|\\PC*") {
            if let Ok(items) = decode(&value) {
                prop_assert!(items.iter().map(String::len).sum::<usize>() <= value.len());
            }
        }
    }
}
