use crate::ids::Coded;

use super::super::untrusted::quote;
use super::push_new;
use super::value::{Element, Value};

/// `Purpose` comes from Norway, `PurposeForUse` from CONNECT and Allscripts.
const PURPOSE: [&str; 3] = ["PurposeOfUse", "PurposeForUse", "Purpose"];
const ROLE: [&str; 2] = ["Role", "CE"];

/// Adds the purposes of a value; what has no system, or cannot be read, is kept as plain text.
pub(super) fn add_purposes(value: &Value, coded: &mut Vec<Coded>, plain: &mut Vec<String>) {
    for reading in readings(value, &PURPOSE) {
        match reading {
            Reading::Coded(code) => push_code(coded, code),
            Reading::Plain(text) => push_new(plain, text),
        }
    }
}

/// Adds the roles of a value; one without a system is kept for audit and matches nothing.
pub(super) fn add_roles(value: &Value, roles: &mut Vec<Coded>) {
    for reading in readings(value, &ROLE) {
        match reading {
            Reading::Coded(code) => push_code(roles, code),
            Reading::Plain(text) => push_code(roles, Coded::new(&text, "")),
        }
    }
}

enum Reading {
    Coded(Coded),
    Plain(String),
}

/// Every value gives at least one reading.
fn readings(value: &Value, names: &[&str]) -> Vec<Reading> {
    let mut readings: Vec<Reading> = value
        .elements
        .iter()
        .filter(|element| names.contains(&element.name.as_str()))
        .map(|element| read(element).unwrap_or_else(|| Reading::Plain(value.raw.clone())))
        .collect();
    if !value.text.is_empty() {
        readings.push(Reading::Plain(quote(&value.text)));
    }
    if readings.is_empty() {
        readings.push(Reading::Plain(value.raw.clone()));
    }
    readings
}

fn read(element: &Element) -> Option<Reading> {
    let code = element.code.as_deref()?;
    Some(match &element.code_system {
        Some(system) => Reading::Coded(
            Coded::new(code, system).with_display(element.display.as_deref().unwrap_or_default()),
        ),
        None => Reading::Plain(quote(code)),
    })
}

fn push_code(list: &mut Vec<Coded>, code: Coded) {
    if !list.iter().any(|known| known.same_as(&code)) {
        list.push(code);
    }
}
