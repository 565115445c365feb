//! Holds the documents to the program: every key, every code, and the README's example.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use glassgate::config::{self, Config};
use glassgate::demo::pki;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The code blocks of a language, each with the text since the block before.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<(&'t str, &'t str)> {
    let mut found = Vec::new();
    let mut pieces = text.split("```");
    while let (Some(before), Some(block)) = (pieces.next(), pieces.next()) {
        if let Some(body) = block.strip_prefix(language).and_then(|rest| rest.strip_prefix('\n')) {
            found.push((before, body));
        }
    }
    found
}

/// The codes or keys of a section's table: what its rows begin with.
fn first_cells(section: &str) -> BTreeSet<String> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut cells = BTreeSet::new();
    for row in rows {
        let (cell, _) = row.split_once('`').unwrap();
        assert!(cells.insert(cell.to_owned()), "`{cell}` stands twice");
    }
    cells
}

/// The sections of a document by the code in their headings.
fn sections(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let sections = text.split("\n## ").skip(1).filter_map(|section| {
        let (heading, body) = section.split_once('\n')?;
        Some((heading.split('`').nth(1)?.to_owned(), first_cells(body)))
    });
    sections.collect()
}

/// The README's `glassgate.toml` in a directory laid out as the README says.
struct Example {
    directory: TempDir,
    toml: String,
}

impl Example {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        pki::copy(&root().join("certs"), &directory.path().join("pki")).unwrap();
        let readme = text("README.md");
        let [(_, toml)] = blocks(&readme, "toml")[..] else { panic!("one toml block, please") };
        Self { directory, toml: toml.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, toml: &str) -> Result<Config, String> {
        let path = self.path("glassgate.toml");
        fs::write(&path, toml).unwrap();
        config::read(&path).map_err(|problems| problems.to_string())
    }

    /// The keys that a table accepts, as the program names them when one is wrong.
    fn keys(&self, table: &str) -> BTreeSet<String> {
        let toml = match table {
            "" => format!("zzz = 1\n{}", self.toml),
            "[[labels.exclude]]" => {
                format!("{}\n[labels]\nexclude = [{{ zzz = 1 }}]\n", self.toml)
            }
            "[[partner.break_glass_roles]]" => {
                self.toml.replace("break_glass_roles = [{", "break_glass_roles = [{ zzz = 1,")
            }
            _ if self.toml.contains(&format!("{table}\n")) => {
                self.toml.replacen(&format!("{table}\n"), &format!("{table}\nzzz = 1\n"), 1)
            }
            _ => format!("{}\n{table}\nzzz = 1\n", self.toml),
        };
        let problem = self.read(&toml).expect_err("zzz is no key");
        let (_, expected) = problem.split_once("unknown field `zzz`, expected ").expect(&problem);
        let expected = expected.lines().next().unwrap();
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_accepted() {
    let example = Example::new();
    let documented = sections(&text("docs/configuration.md"));
    let mut tables = BTreeSet::new();
    for (table, keys) in &documented {
        let name = table.trim_matches(['[', ']']);
        tables.insert(name.to_owned());
        // a list of tables is a key of the table around it, and has a section of its own
        let nested = |key: &String| documented.contains_key(&format!("[[{name}.{key}]]"));
        let accepted = example.keys(table);
        let unknown: Vec<_> = keys.difference(&accepted).collect();
        let missing: Vec<_> = accepted.difference(keys).filter(|key| !nested(key)).collect();
        assert!(unknown.is_empty(), "{table}: not accepted: {unknown:?}");
        assert!(missing.is_empty(), "{table}: not in docs/configuration.md: {missing:?}");
    }
    for table in example.keys("") {
        assert!(tables.contains(&table), "[{table}] is not in docs/configuration.md");
    }
    // what the program prints with its defaults has no table that is not documented
    let effective = example.read(&example.toml).unwrap().effective;
    for line in effective.lines().filter(|line| line.starts_with('[')) {
        let table = line.trim_matches(['[', ']']);
        assert!(tables.contains(table), "{line} is not in docs/configuration.md");
    }
}

#[test]
fn the_readme_s_configuration_is_complete_and_its_data_load() {
    let example = Example::new();
    let config = example.read(&example.toml).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());

    let readme = text("README.md");
    let data = example.path("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("note.txt"), "Blood pressure 120/80.\n").unwrap();
    for (before, json) in blocks(&readme, "json") {
        let name = before.rsplit("`lakeside/data/").next().unwrap().split('`').next().unwrap();
        fs::write(data.join(name), json).unwrap();
    }
    let report = config.load(&[data], "test", &mut |_| ()).unwrap();
    assert!(report.is_complete(), "{:?}", report.refused);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(
        report.counts.keys().copied().collect::<Vec<_>>(),
        ["Consent", "DocumentReference", "Patient"]
    );
    assert!(report.counts.values().all(|counts| counts.added == 1));
}

/// The codes that a source file writes: `=> "code"`, or the names in `codes! { ... }`.
fn codes_of(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    if let Some((_, list)) = code.split_once("\ncodes! {\n") {
        let (list, _) = list.split_once("\n}").unwrap();
        let names = list.lines().map(str::trim).filter(|line| !line.starts_with("///"));
        return names.map(|name| name.trim_end_matches(',').to_owned()).collect();
    }
    let is_code = |text: &&str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !text.is_empty() && text.bytes().all(plain)
    };
    let quoted = code.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    quoted.filter(is_code).map(str::to_owned).collect()
}

#[test]
fn every_code_is_documented() {
    let documented = sections(&text("docs/errors.md"));
    for source in [
        "src/dsig/reject.rs",
        "src/saml/untrusted.rs",
        "src/saml/relationship.rs",
        "src/saml/authorities.rs",
        "src/saml/certificates/ocsp/answer.rs",
        "src/saml/replay/mod.rs",
        "src/saml/confirmation.rs",
        "src/saml/message/mod.rs",
        "src/policy/admit.rs",
        "src/policy/access.rs",
        "src/soap/error.rs",
        "src/gateway/failure.rs",
        "src/gateway/iti39.rs",
        "src/consent/unenforceable.rs",
        "src/consent/decision.rs",
        "src/consent/lift.rs",
        "src/xds/error.rs",
    ] {
        let codes = codes_of(&text(source));
        assert!(codes.len() > 2, "{source}: {codes:?}");
        let listed = documented.get(source).unwrap_or_else(|| panic!("no section on {source}"));
        let missing: Vec<_> = codes.difference(listed).collect();
        let gone: Vec<_> = listed.difference(&codes).collect();
        assert!(missing.is_empty(), "not in docs/errors.md, {source}: {missing:?}");
        assert!(gone.is_empty(), "only in docs/errors.md, {source}: {gone:?}");
    }
    assert_eq!(documented.len(), 17, "a section without a source: {:?}", documented.keys());
}

/// The last quoted text of each call of a macro.
fn told_by(source: &str, call: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let last = |arguments: &str| {
        let (mut depth, mut found, mut quoted) = (0, String::new(), None::<String>);
        for c in arguments.chars() {
            match (&mut quoted, c) {
                (Some(_), '"') => found = quoted.take().unwrap(),
                (Some(text), c) => text.push(c),
                (None, '"') => quoted = Some(String::new()),
                (None, '(') => depth += 1,
                (None, ')') if depth == 0 => return found,
                (None, ')') => depth -= 1,
                (None, _) => {}
            }
        }
        panic!("{call} has no end in {arguments}")
    };
    code.split(call).skip(1).map(last).collect()
}

/// Every source below a folder of `src`.
fn sources(folder: &str) -> Vec<String> {
    let (mut open, mut found) = (vec![root().join(folder)], Vec::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[test]
fn every_warning_is_explained() {
    let documented = text("docs/errors.md");
    let rows = |heading: &str| -> Vec<String> {
        let (_, section) = documented.split_once(&format!("\n## {heading}\n")).expect(heading);
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
        rows.skip(1).map(|row| row.split(" |").next().unwrap().to_owned()).collect()
    };
    let everywhere = sources("src").join("\n");
    for heading in ["What check warns of", "What load warns of"] {
        let rows = rows(heading);
        assert!(rows.len() > 5, "{rows:?}");
        for row in rows {
            assert!(everywhere.contains(&row), "only in docs/errors.md: {row}");
        }
    }
    let explained = rows("What the log warns of");
    let mut told = BTreeSet::new();
    for source in sources("src") {
        told.extend(["warn!(", "error!("].iter().flat_map(|call| told_by(&source, call)));
    }
    assert!(told.len() > 30, "{told:?}");
    let demo = ["the demo receiver lost a connection", "{refused}"];
    for line in told.iter().filter(|line| *line != "{warning}" && !demo.contains(&line.as_str())) {
        let line = line.split(":\\n").next().unwrap();
        assert!(explained.iter().any(|row| row == line), "not in docs/errors.md: {line}");
    }
    for row in explained {
        assert!(told.iter().any(|line| line.starts_with(&row)), "only in docs/errors.md: {row}");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for name in [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/CONTRIBUTING.md",
        "docs/break-glass.md",
        "docs/configuration.md",
        "docs/divergences.md",
        "docs/errors.md",
        "docs/labels.md",
        "docs/reliability.md",
        "fixtures/README.md",
    ] {
        let folder = root().join(name).parent().unwrap().to_path_buf();
        for link in text(name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            assert!(folder.join(path).exists(), "{name}: {link}");
        }
    }
}

#[test]
fn the_patch_of_the_bench_without_audit_applies() {
    let (patch, source) = (text("benches/without_audit.patch"), text("src/audit/journal/mod.rs"));
    let hunks: Vec<_> = patch.split("\n@@ ").skip(1).collect();
    assert!(!hunks.is_empty());
    for hunk in hunks {
        let before = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
        let before: String = before.map(|line| format!("{}\n", &line[1..])).collect();
        assert!(source.contains(&before), "make benches/without_audit.patch anew for:\n{before}");
    }
}
