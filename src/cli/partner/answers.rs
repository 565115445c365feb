use std::io::{self, BufRead, Write};

use crate::cli::Failed;

/// Where answers come from: flags first, then whoever types, unless nobody is to be asked.
pub(super) struct Answers<R> {
    lines: Option<R>,
}

/// One thing to know: the flag that gives it, how it is asked, what an empty answer means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'t> {
    pub(super) flag: &'static str,
    pub(super) text: &'t str,
    /// Taken for an empty answer; none where an answer is needed.
    pub(super) default: Option<&'static str>,
}

impl<R: BufRead> Answers<R> {
    pub(super) fn new(lines: Option<R>) -> Self {
        Self { lines }
    }

    /// The flag's values, or what is typed, asked again until it can be read.
    pub(super) fn ask<T>(
        &mut self,
        given: &[String],
        question: Question<'_>,
        read: impl Fn(&[String]) -> Result<T, String>,
    ) -> Result<T, Failed> {
        let Question { flag, text, default } = question;
        if !given.is_empty() {
            return read(given).map_err(|problem| format!("{flag}: {problem}").into());
        }
        let Some(lines) = &mut self.lines else {
            let silent = default.map(|default| read(&split(default)));
            let missing = || Err(format!("{flag} is missing, and --yes asks nothing: {text}"));
            return silent.unwrap_or_else(missing).map_err(Into::into);
        };
        loop {
            let hint = default.map(|default| format!(" [{default}]")).unwrap_or_default();
            tell(&format!("{text}{hint}: "));
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Err(format!("no answer to `{text}`; give {flag}").into());
            }
            let typed = line.trim();
            let typed = if typed.is_empty() { default.unwrap_or_default() } else { typed };
            match read(&split(typed)) {
                Ok(value) => return Ok(value),
                Err(problem) => tell(&format!("  {problem}\n")),
            }
        }
    }

    /// Whether somebody says yes, or said so before.
    pub(super) fn agrees(&mut self, text: &str) -> Result<bool, Failed> {
        let Some(lines) = &mut self.lines else { return Ok(true) };
        tell(&format!("{text} [y/N]: "));
        let mut line = String::new();
        lines.read_line(&mut line)?;
        Ok(matches!(line.trim(), "y" | "Y" | "yes"))
    }
}

/// Several answers stand with semicolons between them: names have spaces and commas.
fn split(typed: &str) -> Vec<String> {
    typed.split(';').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Questions are no output: they go where errors go.
fn tell(text: &str) {
    let mut out = io::stderr();
    let _unseen = write!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: Question<'_> = Question { flag: "--size", text: "size", default: Some("4") };

    fn size(values: &[String]) -> Result<usize, String> {
        values.concat().parse().map_err(|_| "no number".to_owned())
    }

    #[test]
    fn it_is_asked_until_the_answer_can_be_read() {
        let mut answers = Answers::new(Some("x\n 7 \n\n".as_bytes()));
        assert_eq!(answers.ask(&[], QUESTION, size).unwrap(), 7);
        assert_eq!(answers.ask(&[], QUESTION, size).unwrap(), 4);
        let error = answers.ask(&[], QUESTION, size).unwrap_err().to_string();
        assert_eq!(error, "no answer to `size`; give --size");
        assert_eq!(answers.ask(&["9".into()], QUESTION, size).unwrap(), 9);
        let error = answers.ask(&["x".into()], QUESTION, size).unwrap_err().to_string();
        assert_eq!(error, "--size: no number");
        assert_eq!(split("a, b ; c;"), ["a, b", "c"]);
    }

    #[test]
    fn where_nothing_is_asked_a_default_is_taken_and_a_lack_names_its_flag() {
        let mut silent = Answers::new(None::<&[u8]>);
        assert_eq!(silent.ask(&[], QUESTION, size).unwrap(), 4);
        assert_eq!(silent.ask(&["9".into()], QUESTION, size).unwrap(), 9);
        let needed = Question { default: None, ..QUESTION };
        let error = silent.ask(&[], needed, size).unwrap_err().to_string();
        assert_eq!(error, "--size is missing, and --yes asks nothing: size");
        assert!(silent.agrees("?").unwrap());
    }
}
