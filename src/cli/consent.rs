use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Failed, complain, say};
use crate::ingest;

/// Looks at consents before they are loaded.
///
/// Try: glassgate consent check ./consents
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
}

/// Says of FHIR Consents in files whether they can be enforced, and why not.
///
/// Reads JSON, NDJSON, Bundles and directories of these, as `load` does; stores nothing, needs no configuration, and
/// shows no more of a consent than its id and the place of what is wrong. A consent that cannot be enforced denies
/// everything for its patient once it is loaded; the exit code is then 1.
///
/// Try: glassgate consent check ./glassgate-demo/data
#[derive(Debug, Args)]
struct Check {
    /// Files and directories.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let Command::Check(check) = &options.command;
    let checked = ingest::check_consents(&check.files);
    for (at, resource, cautions) in &checked.consents {
        if cautions.is_empty() {
            say(&format!("{at}: {resource}: it can be enforced"));
        }
    }
    for warning in checked.warnings() {
        say(&warning.to_string());
    }
    for refused in &checked.refused {
        complain(&format!("refused: {refused}"));
    }
    if checked.consents.is_empty() && checked.refused.is_empty() {
        return Err("there is no Consent in these files".into());
    }
    Ok(if checked.is_enforceable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
