//! The file's text as sections: all that is wrong with its keys and types is told, not only the first.

use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::problem::Problem;

/// The sections, or every problem in the order of the lines.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Problem>> {
    let mut table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => return Err(vec![problem(text, &error, "write it as TOML: texts in quotes")]),
    };
    let mut problems: Vec<Problem> = Vec::new();
    let mut taken: Vec<String> = Vec::new();
    // each round takes away what was at fault, and finds what stands behind it
    loop {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(sections) if problems.is_empty() => return Ok(sections),
            Ok(_) => break,
            Err(error) => error,
        };
        let follows = |key: &String| error.message() == format!("missing field `{key}`");
        if !taken.iter().any(follows) {
            problems.push(problem(text, &error, ""));
        }
        let at_fault = error.span().and_then(|span| take(table.get_mut(), &span));
        let Some(key) = at_fault else { break };
        taken.push(key);
    }
    problems.sort_by_key(|problem| problem.line);
    Err(problems)
}

/// Takes the innermost thing that stands just there out of the table, and names the key that it was a value of.
fn take(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (key, value) in table.iter_mut() {
        if let Some(inner) = take_within(key.get_ref(), value, span) {
            return Some(inner);
        }
    }
    let stands = |(key, value): &(&Spanned<_>, &Spanned<DeValue<'_>>)| {
        key.span() == *span || value.span() == *span
    };
    let key = table.iter().find(stands).map(|(key, _)| key.get_ref().to_string())?;
    table.remove(key.as_str()).map(|_| key)
}

fn take_within(key: &str, value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    match value.get_mut() {
        DeValue::Table(inner) => take(inner, span),
        DeValue::Array(items) => {
            if let Some(found) = items.iter_mut().find_map(|item| take_within(key, item, span)) {
                return Some(found);
            }
            let before = items.len();
            let all = std::mem::replace(items, std::iter::empty().collect());
            *items = all.into_iter().filter(|one| one.span() != *span).collect();
            (items.len() < before).then(|| key.to_owned())
        }
        _ => None,
    }
}

fn problem(text: &str, error: &Error, hint: &str) -> Problem {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(at).filter(|b| *b == b'\n').count().saturating_add(1);
    let what = error.message().to_owned();
    let hint = match what.as_str() {
        "duplicate key" => {
            "write it once; [[partner]] and its like, which may stand often, have two brackets"
        }
        what if what.contains("expected a sequence") => {
            "write a list in [ ], a section that may stand often in [[ ]]"
        }
        _ => hint,
    };
    let mend = [hint, "see docs/configuration.md for every key"];
    let mend = mend.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    Problem { key: key_at(text, line), line, what, mend }
}

/// The key that a line is about: its own with its section's, or the section's.
fn key_at(text: &str, line: usize) -> String {
    let above: Vec<&str> = text.lines().take(line).map(str::trim).collect();
    let section = above.iter().rev().find(|line| line.starts_with('['));
    let section = section.map_or("", |line| line.trim_matches(['[', ']']));
    let own = above.last().and_then(|line| line.split_once('=')).map_or("", |(key, _)| key.trim());
    [section, own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        server: Server,
        #[serde(default)]
        partner: Vec<Partner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Server {
        port: u16,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Partner {
        name: String,
        #[serde(default)]
        codes: Vec<String>,
    }

    fn problems(text: &str) -> Vec<(usize, String)> {
        let problems = parse::<File>(text).unwrap_err();
        problems.into_iter().map(|one| (one.line, one.what)).collect()
    }

    #[test]
    fn every_slip_is_told_once_and_nothing_that_only_follows_from_it() {
        let text = "[server]\nport = \"x\"\nhost = 1\n[[partner]]\nnam = \"a\"\n[[partner]]\nname = \"b\"\n\
                    codes = [\"1\", 2, 3]\n[parntr]\n";
        let told = problems(text);
        let lines: Vec<_> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 8, 8, 9], "{told:?}");
        // a name that is misspelt is missing too, which is as true
        assert_eq!(told[2].1, "missing field `name`");
        assert!(told[6].1.starts_with("unknown field `parntr`"));
    }

    #[test]
    fn what_is_no_toml_or_lacks_a_section_is_told() {
        assert_eq!(problems("[server]\nport = \n").len(), 1);
        assert_eq!(problems("").len(), 1);
        let good = parse::<File>("[server]\nport = 1\n[[partner]]\nname = \"a\"\n").unwrap();
        assert_eq!((good.server.port, good.partner[0].name.as_str()), (1, "a"));
        assert!(good.partner[0].codes.is_empty());
    }
}
