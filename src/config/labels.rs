use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::ids::Coded;
use crate::labels::{Confidentiality, Labeller, Settings};

/// Bytes of one value set: the largest expansions have some tens of thousands of codes.
const VALUE_SET_BYTES: u64 = 32 * 1024 * 1024;

/// `[labels]`: what documents are labelled with, by their codes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    value_sets: Option<PathBuf>,
    built_in: bool,
    exclude: Vec<RawCode>,
    hidden: Vec<String>,
    normal: Vec<String>,
    uncoded: RawUncoded,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCode {
    code: String,
    system: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawUncoded {
    Unknown,
    Normal,
}

impl Default for Raw {
    fn default() -> Self {
        let Settings { built_in, hidden, normal, .. } = Settings::default();
        Self {
            value_sets: None,
            built_in,
            exclude: Vec::new(),
            hidden: hidden.into_iter().collect(),
            normal: normal.into_iter().collect(),
            uncoded: RawUncoded::Unknown,
        }
    }
}

pub(super) fn read(raw: &Raw, check: &mut Check<'_>) -> Option<Labeller> {
    let value_sets = match &raw.value_sets {
        Some(folder) => value_sets(folder, check)?,
        None => Vec::new(),
    };
    if raw.exclude.iter().any(|code| code.code.is_empty() || code.system.is_empty()) {
        let mend =
            "write both, as in { code = \"185347001\", system = \"http://snomed.info/sct\" }";
        check.problem("labels.exclude", "has a code without code or system", mend);
    }
    for code in raw.exclude.iter().filter(|code| !code.system.trim().is_empty()) {
        check.code_system("labels.exclude", &code.system);
    }
    if raw.hidden.iter().any(|code| Confidentiality::from_code(code).is_some()) {
        let mend = "list labels such as MASK; who gets a document may know how confidential it is";
        check.problem("labels.hidden", "has a confidentiality", mend);
    }
    let settings = Settings {
        built_in: raw.built_in,
        value_sets,
        exclude: raw.exclude.iter().map(|code| Coded::new(&code.code, &code.system)).collect(),
        hidden: raw.hidden.iter().cloned().collect::<BTreeSet<_>>(),
        normal: raw.normal.iter().cloned().collect(),
        uncoded_is_normal: raw.uncoded == RawUncoded::Normal,
    };
    let compiled = Labeller::compile(&settings);
    let mend = "mend the value set, or take it out of the folder";
    let labeller = check.parsed("labels.value_sets", compiled, mend)?;
    for Coded { code, system, .. } in labeller.unknown() {
        check.warnings.push(format!(
            "`labels.value_sets`: `{code}` of {system} is no sensitivity that is known here: documents with it count as R, \
             and only consents that name just this code are about it; if it is a slip, mend the set's `focus`"
        ));
    }
    Some(labeller)
}

/// The `.json` files of the folder by name, so that their order is always the same.
fn value_sets(folder: &Path, check: &mut Check<'_>) -> Option<Vec<(String, Vec<u8>)>> {
    let key = "labels.value_sets";
    let whole = check.path(folder);
    let listed = fs::read_dir(&whole).and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<Result<Vec<_>, _>>()
    });
    let mut paths = match listed {
        Ok(paths) => paths,
        Err(error) => {
            let what = format!("cannot read {}: {error}", whole.display());
            check.problem(key, what, "name a folder that exists and that this user may read");
            return None;
        }
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    if paths.is_empty() {
        let what = format!("{} has no .json file", whole.display());
        check.problem(key, what, "put FHIR ValueSets into it, or remove the key");
        return None;
    }
    let mut sets = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if fs::metadata(&path).is_ok_and(|file| file.len() > VALUE_SET_BYTES) {
            let what = format!("{name} is over {VALUE_SET_BYTES} bytes");
            check.problem(key, what, "split it into several ValueSets");
            return None;
        }
        // as the settings name it: `bytes` starts at their own folder
        let bytes = check.bytes(key, &folder.join(&name))?;
        sets.push((name, bytes));
    }
    Some(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"resourceType": "ValueSet", "status": "active", "useContext": [{"code": {"code": "focus"},
        "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": "OWN"}]}}],
        "compose": {"include": [{"system": "urn:y", "concept": [{"code": "1"}]}]}}"#;

    /// The version of a `[labels]` beside these files, or what is wrong with it.
    fn version(toml: &str, files: &[(&str, &str)]) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sets")).unwrap();
        for (name, content) in files {
            fs::write(directory.path().join("sets").join(name), content).unwrap();
        }
        let mut check = Check::new(&directory.path().join("glassgate.toml"), toml);
        let labeller = read(&toml::from_str(toml).unwrap(), &mut check);
        match check.problems.first() {
            Some(problem) => Err(format!("{}: {}", problem.key, problem.what)),
            None => Ok(labeller.unwrap().version().to_owned()),
        }
    }

    #[test]
    fn the_operators_sets_count_beside_ours() {
        let ours = version("", &[]).unwrap();
        let both = version("value_sets = 'sets'", &[("a.json", SET), ("notes.txt", "{")]).unwrap();
        assert_ne!(ours, both);
        assert_ne!(
            both,
            version("value_sets = 'sets'\nbuilt_in = false", &[("a.json", SET)]).unwrap()
        );
    }

    #[test]
    fn a_focus_that_nothing_else_knows_is_told() {
        let told = |set: &str| {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("a.json"), set).unwrap();
            let mut check = Check::new(&directory.path().join("glassgate.toml"), "");
            read(&toml::from_str("value_sets = '.'").unwrap(), &mut check).unwrap();
            check.warnings
        };
        let warnings = told(SET);
        assert!(warnings.len() == 1 && warnings[0].contains("`OWN` of urn:x"), "{warnings:?}");
        let act_code = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        let known = SET.replace("urn:x", act_code).replace("OWN", "HIV");
        assert_eq!(told(&known), Vec::<String>::new());
        let slip = known.replace("HIV", "HVI");
        assert!(told(&slip)[0].contains("`HVI` of "));
    }

    #[test]
    fn what_would_label_less_than_it_seems_is_a_problem() {
        let sets = "value_sets = 'sets'";
        for (toml, files, told) in [
            ("value_sets = 'nowhere'", vec![], "labels.value_sets: cannot read"),
            (sets, vec![], "has no .json file"),
            (
                sets,
                vec![("a.json", SET), ("b.json", "{}")],
                "labels.value_sets: b.json: `` is no ValueSet",
            ),
            (
                "exclude = [{ code = '1', system = '' }]",
                vec![],
                "labels.exclude: has a code without",
            ),
            ("hidden = ['R']", vec![], "labels.hidden: has a confidentiality"),
        ] {
            let problem = version(toml, &files).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }
}
