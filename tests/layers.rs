//! Holds the table of `docs/ARCHITECTURE.md`: who may import whom, and how long a file may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 450;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What runs for partners: all but the files that only tests are compiled from.
fn rust_files() -> Vec<PathBuf> {
    let all = all_rust_files();
    let mut only_tests = Vec::new();
    for file in &all {
        let text = std::fs::read_to_string(file).unwrap();
        let stem = file.file_stem().unwrap();
        let folder = match stem.to_str() {
            Some("mod" | "lib") => file.parent().unwrap().to_path_buf(),
            _ => file.with_extension(""),
        };
        for piece in text.split("#[cfg(test)]").skip(1) {
            let declared = piece.trim_start().trim_start_matches("pub(crate) ");
            if let Some(rest) = declared.strip_prefix("mod ") {
                let name = rest.split([';', ' ']).next().unwrap();
                only_tests.push(folder.join(name));
            }
        }
    }
    let excluded = |file: &PathBuf| {
        only_tests.iter().any(|test| file.with_extension("") == *test || file.starts_with(test))
    };
    all.into_iter().filter(|file| !excluded(file)).collect()
}

/// The file without the tests at its foot.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
}

fn all_rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The room that a file belongs to; `lib.rs` and `main.rs` are none.
fn room(file: &Path) -> Option<String> {
    let relative = file.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next()?.as_os_str().to_str()?.to_owned();
    let name = first.strip_suffix(".rs").unwrap_or(&first).to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// Reads the table: room -> rooms it may import; open rooms are listed in the sentence above it.
fn table() -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let words = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let open = text.lines().find(|l| l.starts_with("Open to every room:")).map(words).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|l| l.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        for name in words(cells[1]) {
            rows.insert(name, words(cells[3]));
        }
    }
    (open, rows)
}

#[test]
fn no_room_imports_what_the_table_forbids() {
    let (open, rows) = table();
    let mut wrong = Vec::new();
    for file in rust_files() {
        let Some(room) = room(&file) else { continue };
        if !rows.contains_key(&room) && !open.contains(&room) {
            wrong.push(format!("{}: room `{room}` is not in docs/ARCHITECTURE.md", file.display()));
            continue;
        }
        for (number, line) in code(&file).lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let place = || format!("{}:{}", file.display(), number + 1);
            if code.contains("crate::{") || code.contains("super::super::super") {
                wrong.push(format!("{}: hides an import", place()));
            }
            for piece in code.split("crate::").skip(1) {
                let other: String =
                    piece.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let allowed = other == room
                    || open.contains(&other)
                    || rows.get(&room).is_some_and(|may| may.contains(&other));
                if !allowed {
                    wrong.push(format!("{}: `{room}` imports `{other}`", place()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    let (open, mut rows) = table();
    loop {
        let free: Vec<String> = rows
            .iter()
            .filter(|(_, may)| may.iter().all(|m| open.contains(m) || !rows.contains_key(m)))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|name| {
            rows.remove(name);
        });
    }
    assert!(rows.is_empty(), "in a circle: {:?}", rows.keys());
}

#[test]
fn evidence_has_one_origin() {
    for (call, only) in
        [("Principal::assertion(", "src/saml/"), ("Principal::supposed(", "src/gateway/explain.rs")]
    {
        for file in rust_files() {
            let shown = file.strip_prefix(root()).unwrap().display().to_string();
            let used = code(&file).contains(call);
            assert!(!used || shown.starts_with(only), "{shown} calls {call}");
        }
    }
}

#[test]
fn what_is_supposed_releases_nothing() {
    let explaining = code(&root().join("src/gateway/explain.rs"));
    for call in [".release(", ".open(", ".outcome("] {
        assert!(!explaining.contains(call), "src/gateway/explain.rs calls {call}");
    }
}

#[test]
fn files_are_short() {
    for file in all_rust_files() {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines", file.display());
    }
}
