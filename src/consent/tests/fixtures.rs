use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/consent").join(name)
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

fn stored(name: &str) -> Stored {
    let json = fs::read_to_string(folder("accept").join(name)).unwrap();
    Stored { id: name.trim_end_matches(".json").into(), version: "1".into(), json }
}

/// What TREAT and BTG release of an N and an R item.
fn releases(name: &str, codes: &[&str]) -> Vec<&'static str> {
    let reference = format!("Patient/{}", name.get(..5).unwrap());
    let access = access(codes);
    let grant = grant(&access, PatientKey(1), &[reference], &[stored(name)], &domain(), now());
    let word = |label| match grant.decide(&item(label)).outcome() {
        Ok(permit) if permit.is_override() => "override",
        Ok(_) => "permit",
        Err(denial) => denial.break_glass().map_or("deny", Bar::code),
    };
    ["N", "R"].map(word).to_vec()
}

#[test]
fn what_can_be_enforced_is_accepted() {
    for (name, json) in files(&folder("accept")) {
        assert_eq!(check(&json), Ok(vec![]), "{name}");
    }
}

#[test]
fn what_cannot_is_rejected_for_its_reason_and_denies() {
    let (treat, btg) = (access(&["TREAT"]), access(&["BTG"]));
    for reason in fs::read_dir(folder("reject")).unwrap() {
        let reason = reason.unwrap();
        for (name, json) in files(&reason.path()) {
            let found = check(&json).expect_err(&name);
            assert_eq!(found.code(), reason.file_name().to_str().unwrap(), "{name}: {found}");
            let stored = [Stored { id: "bad".into(), version: "1".into(), json }];
            let patients = ["Patient/p1002".to_owned()];
            let grant = |access| grant(access, PatientKey(1), &patients, &stored, &domain(), now());
            let denial = grant(&treat).decide(&item("N")).outcome().unwrap_err();
            assert_eq!((denial.path(), denial.basis().element()), ("consent", found.code()));
            let permit = grant(&btg).decide(&item("N")).outcome().unwrap();
            assert_eq!((permit.path(), permit.basis().element()), ("consent", found.code()));
            assert_eq!(permit.lifts(), [Lift::Unenforceable], "{name}");
        }
    }
}

#[test]
fn the_demo_patients_fare_as_the_scenario_says() {
    for (name, codes, expected) in [
        ("p1002.json", &["TREAT"], ["permit", "deny"]),
        ("p1002.json", &["BTG"], ["permit", "override"]),
        ("p1002.json", &["ETREAT"], ["permit", "deny"]),
        ("p1003.json", &["TREAT"], ["permit", "deny"]),
        ("p1003.json", &["BTG"], ["permit", "forbidden"]),
        ("p1004.json", &["TREAT"], ["deny", "deny"]),
        ("p1004.json", &["BTG"], ["opt-out", "opt-out"]),
    ] {
        assert_eq!(releases(name, codes), expected, "{name} {codes:?}");
    }
    let bar = |name: &str| {
        let (access, patient) = (access(&["BTG"]), format!("Patient/{}", &name[..5]));
        grant(&access, PatientKey(1), &[patient], &[stored(name)], &domain(), now())
            .break_glass_bar()
    };
    assert_eq!(bar("p1002.json"), None);
    assert_eq!(bar("p1003.json"), Some(Bar::Forbidden));
    assert_eq!(bar("p1004.json"), Some(Bar::OptOut));
}
