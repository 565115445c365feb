use std::borrow::Cow;
use std::collections::HashMap;

use super::system::canonical;
use super::valueset::{Codes, Rule, ValueSet, is_hierarchical_by_code};
use crate::ids::Coded;

/// Value sets compiled to maps: a code of a system leads to a set of labels in one look or a few.
#[derive(Debug, Default)]
pub(super) struct Rules {
    labels: Vec<Coded>,
    systems: HashMap<Box<str>, System>,
}

/// The codes of one system.
#[derive(Debug, Default)]
struct System {
    is_icd: bool,
    codes: HashMap<Box<str>, Found>,
    /// Beginnings of codes by their length, the shortest first.
    prefixes: Vec<(usize, HashMap<Box<str>, Found>)>,
}

/// Some of a rule set's labels, a bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found(u64);

impl Found {
    /// Both together.
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// More labels than a rule set can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value sets have over {} labels in all", u64::BITS)]
pub struct TooManyLabels;

impl Rules {
    pub(super) fn compile(sets: &[ValueSet], exclude: &[Coded]) -> Result<Self, TooManyLabels> {
        let mut rules = Self::default();
        for set in sets {
            let mut found = Found::default();
            for label in &set.labels {
                found.add(rules.bit(label)?);
            }
            let excluded = |rule: &Rule| set.excluded.contains(rule);
            for rule in set.rules.iter().filter(|rule| !excluded(rule)) {
                rules.insert(rule, found);
            }
        }
        for code in exclude {
            if let Some(system) = rules.systems.get_mut(canonical(&code.system)) {
                let code = system.written(&code.code).into_owned();
                // a code of its own, for a beginning that leads to labels would find it again
                system.codes.insert(code.into(), Found::default());
            }
        }
        Ok(rules)
    }

    /// The labels of one coding, its system by its canonical name.
    pub(super) fn find(&self, system: &str, code: &str) -> Found {
        let Some(system) = self.systems.get(system) else {
            return Found::default();
        };
        let code = system.written(code);
        let mut all = system.codes.get(&*code).copied();
        // an excluded code leads nowhere, whatever it begins with
        if all == Some(Found::default()) {
            return Found::default();
        }
        for (length, prefixes) in &system.prefixes {
            let Some(prefix) = code.get(..*length) else { continue };
            if let Some(found) = prefixes.get(prefix) {
                all.get_or_insert_default().add(*found);
            }
        }
        all.unwrap_or_default()
    }

    /// The labels that were found, in the order in which value sets name them.
    pub(super) fn labels(&self, found: Found) -> impl Iterator<Item = &Coded> {
        let at = move |(at, _): &(usize, &Coded)| found.0 >> at & 1 == 1;
        self.labels.iter().enumerate().filter(at).map(|(_, label)| label)
    }

    /// Every label that value sets name.
    pub(super) fn all(&self) -> &[Coded] {
        &self.labels
    }

    fn bit(&mut self, label: &Coded) -> Result<Found, TooManyLabels> {
        let same = |known: &Coded| {
            known.code == label.code && canonical(&known.system) == canonical(&label.system)
        };
        let at = match self.labels.iter().position(same) {
            Some(at) => at,
            None => {
                self.labels.push(label.clone());
                self.labels.len() - 1
            }
        };
        let bit = u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at));
        bit.map(Found).ok_or(TooManyLabels)
    }

    fn insert(&mut self, rule: &Rule, found: Found) {
        let is_icd = is_hierarchical_by_code(&rule.system);
        let system = self.systems.entry(canonical(&rule.system).into()).or_default();
        system.is_icd = is_icd;
        match &rule.codes {
            Codes::One(code) => {
                let code = system.written(code).into_owned();
                system.codes.entry(code.into()).or_default().add(found);
            }
            Codes::Below(prefix) => {
                let prefix = system.written(prefix).into_owned();
                let length = prefix.len();
                let at = match system.prefixes.binary_search_by_key(&length, |(l, _)| *l) {
                    Ok(at) => at,
                    Err(at) => {
                        system.prefixes.insert(at, (length, HashMap::new()));
                        at
                    }
                };
                if let Some((_, prefixes)) = system.prefixes.get_mut(at) {
                    prefixes.entry(prefix.into()).or_default().add(found);
                }
            }
        }
    }
}

impl System {
    /// A code in one spelling: of ICD without its dot and in upper case.
    fn written<'c>(&self, code: &'c str) -> Cow<'c, str> {
        let code = code.trim();
        let odd = |b: u8| b == b'.' || b.is_ascii_lowercase();
        if self.is_icd && code.bytes().any(odd) {
            return Cow::Owned(code.replace('.', "").to_ascii_uppercase());
        }
        Cow::Borrowed(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ICD: &str = "http://hl7.org/fhir/sid/icd-10";
    const SNOMED: &str = "http://snomed.info/sct";

    fn set(label: &str, rules: &[(&str, Codes)]) -> ValueSet {
        let rule = |(system, codes): &(&str, Codes)| Rule {
            system: (*system).to_owned(),
            codes: codes.clone(),
        };
        ValueSet {
            labels: vec![Coded::new(label, "2.16.840.1.113883.5.4")],
            rules: rules.iter().map(rule).collect(),
            excluded: vec![],
        }
    }

    fn one(code: &str) -> Codes {
        Codes::One(code.to_owned())
    }

    fn below(code: &str) -> Codes {
        Codes::Below(code.to_owned())
    }

    fn found(rules: &Rules, system: &str, code: &str) -> Vec<String> {
        let found = rules.find(canonical(system.trim()), code);
        rules.labels(found).map(|label| label.code.clone()).collect()
    }

    #[test]
    fn codes_are_found_by_every_name_of_their_system_and_every_spelling() {
        let sets = [
            set("HIV", &[(SNOMED, one("86406008")), (ICD, below("B20")), (ICD, one("Z21"))]),
            set("SUD", &[(ICD, below("F1")), (ICD, one("F10.2"))]),
            set("ETHUD", &[("urn:oid:2.16.840.1.113883.6.3", below("F10"))]),
        ];
        let rules = Rules::compile(&sets, &[]).unwrap();
        for system in [
            SNOMED,
            "2.16.840.1.113883.6.96",
            "urn:oid:2.16.840.1.113883.6.96",
            " URN:OID:2.16.840.1.113883.6.96",
        ] {
            assert_eq!(found(&rules, system, "86406008"), ["HIV"], "{system}");
        }
        for (code, labels) in [
            ("B20.1", vec!["HIV"]),
            ("b201", vec!["HIV"]),
            ("Z21", vec!["HIV"]),
            ("Z21.0", vec![]),
            ("F10.20", vec!["SUD", "ETHUD"]),
            ("F11", vec!["SUD"]),
            ("F", vec![]),
            ("", vec![]),
            ("Fé", vec![]),
        ] {
            assert_eq!(found(&rules, ICD, code), labels, "{code}");
        }
        // ICD-10-CM is a system of its own
        assert!(found(&rules, "http://hl7.org/fhir/sid/icd-10-cm", "B20").is_empty());
        assert!(found(&rules, "", "86406008").is_empty());
    }

    #[test]
    fn what_is_excluded_is_found_no_more() {
        let sets = [set("SUD", &[(ICD, below("F1"))])];
        let rules = Rules::compile(&sets, &[Coded::new("F17.2", ICD)]).unwrap();
        assert!(found(&rules, ICD, "F172").is_empty());
        assert_eq!(found(&rules, ICD, "F17.3"), ["SUD"]);
    }

    #[test]
    fn there_is_an_end_of_labels() {
        let sets: Vec<_> = (0..65).map(|n| set(&n.to_string(), &[(ICD, one("A00"))])).collect();
        let most = Rules::compile(&sets[..64], &[]).unwrap();
        assert_eq!(found(&most, ICD, "A00").len(), 64);
        assert_eq!(Rules::compile(&sets, &[]).unwrap_err(), TooManyLabels);
    }
}
