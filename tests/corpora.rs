//! Replays the fuzz targets' corpora, so that what was found once stays mended, without a fuzzer.

#[path = "../fuzz/bodies/mod.rs"]
#[expect(unreachable_pub, reason = "the crate root of fuzz/")]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// What a target does with an input; it panics where something is wrong.
type Body = fn(&[u8]);

/// Every target.
const TARGETS: [(&str, Body); 14] = [
    ("answer", bodies::answer::check),
    ("c14n", bodies::c14n::check),
    ("consent", bodies::consent::check),
    ("document", bodies::document::check),
    ("identifiers", bodies::identifiers::check),
    ("labels", bodies::labels::check),
    ("message_signature", bodies::message_signature::check),
    ("mtom", bodies::mtom::check),
    ("retrieve", bodies::retrieve::check),
    ("saml", bodies::saml::check),
    // without a second opinion, which the fuzzer and tests/oracle have
    ("signature", |bytes| bodies::signature::check(bytes, |_, _| true)),
    ("soap", bodies::soap::check),
    ("stored_query", bodies::stored_query::check),
    ("xml", bodies::xml::check),
];

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

/// The names in a folder of `fuzz`, without their extensions.
fn names(folder: &str, are_folders: bool) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz(folder)).unwrap().map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| path.is_dir() == are_folders);
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_has_a_body_and_a_corpus_and_nothing_else_has() {
    let replayed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets", false), replayed);
    assert_eq!(names("corpus", true), replayed);
    let manifest: toml::Table = fs::read_to_string(fuzz("Cargo.toml")).unwrap().parse().unwrap();
    let built = manifest["bin"].as_array().unwrap().iter();
    let built: BTreeSet<_> = built.map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(built, replayed);
}

#[test]
fn every_corpus_passes() {
    let mut failed = Vec::new();
    for (name, check) in TARGETS {
        let entries = fs::read_dir(fuzz("corpus").join(name)).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            // the panic is printed where it arises
            if catch_unwind(|| check(&bytes)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn what_the_message_target_signs_is_believed_where_it_is_read() {
    for (name, believed) in [
        ("timestamp", 1),
        ("all-parts", 1),
        ("token", 1),
        ("two-signatures", 2),
        ("wrapped-timestamp", 0),
    ] {
        let text = fs::read_to_string(fuzz("corpus/message_signature").join(name)).unwrap();
        assert_eq!(bodies::message_signature::signed_anew(&text), believed, "{name}");
    }
}
