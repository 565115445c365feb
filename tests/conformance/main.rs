//! Holds the conformance lists: every row names tests that exist, or an exception with its reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    what: String,
    #[serde(default)]
    tests: Vec<String>,
    exception: Option<String>,
}

#[test]
fn every_row_has_its_tests_or_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/conformance/responding-gateway.toml"));
    let list: List = toml::from_str(&text.unwrap()).unwrap();
    let known = tests_of(&[root.join("tests"), root.join("src")]);
    let mut ids = BTreeSet::new();
    for row in &list.row {
        assert!(ids.insert(&row.id), "{} stands twice", row.id);
        assert!(!row.what.is_empty(), "{} says nothing", row.id);
        let reason = row.exception.as_deref().unwrap_or("");
        assert!(row.tests.is_empty() != reason.is_empty(), "{}: tests or an exception", row.id);
        for test in &row.tests {
            assert!(known.contains(test.as_str()), "{}: there is no test {test}", row.id);
        }
    }
}

/// The names of all test functions below these folders.
fn tests_of(folders: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = folders.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let after = text.split("#[test]").skip(1);
                names.extend(after.filter_map(|rest| {
                    let (_, name) = rest.split_once("fn ")?;
                    Some(name.split('(').next()?.to_owned())
                }));
            }
        }
    }
    names
}
