use std::fmt;
use std::path::PathBuf;

use super::seen::Seen;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `partner[0].issuer[0].certificates`.
    pub key: String,
    /// Its line in the file, from 1; 0 where the key is missing altogether.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// All that is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub path: PathBuf,
    /// At least one.
    pub problems: Vec<Problem>,
    /// Every file that was read, or was to be.
    pub files: Vec<Seen>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.path.display())?;
            if problem.line > 0 {
                write!(f, ":{}", problem.line)?;
            }
            if !problem.key.is_empty() {
                write!(f, ": `{}`", problem.key)?;
            }
            write!(f, ": {}; {}", problem.what, problem.mend)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
