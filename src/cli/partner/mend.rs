//! What each code means and what to do: said once, in `docs/errors.md`.

const CODES: &str = include_str!("../../../docs/errors.md");

/// What a code means, and what to do about it; `trust` tells codes of two tables apart.
pub(super) fn of(code: &str, trust: bool) -> Option<(&'static str, &'static str)> {
    let mut mend = "";
    let mut in_trust = false;
    for line in CODES.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            in_trust = ["src/dsig/", "src/saml/"].iter().any(|room| heading.contains(room));
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, found, meaning, what, _] = cells.as_slice() else { continue };
        if *what != "the same" {
            mend = what;
        }
        if in_trust == trust && found.trim_matches('`') == code {
            let meaning = if *meaning == "the same" { "" } else { meaning };
            return Some((meaning, mend));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_two_tables_are_told_apart_and_the_same_is_what_stands_above() {
        assert_eq!(of("version", true).unwrap().1, "the issuer moves to SAML 2.0");
        assert_eq!(of("version", false).unwrap().1, "the partner moves to SOAP 1.2");
        assert_eq!(of("not-yet-valid", true).unwrap().1, of("issued-in-future", true).unwrap().1);
        assert!(of("outside-agreement", false).is_some());
        assert_eq!(of("no-such-code", true), None);
    }
}
