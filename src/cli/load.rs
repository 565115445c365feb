use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{ConfigFile, Failed, complain, say};
use crate::ingest::{Progress, Report};

/// Loads FHIR R4 resources: JSON files with a resource or a Bundle, NDJSON, and directories of these.
///
/// Patients, consents and documents with their bytes are stored; of clinical resources the codes are kept, by which
/// the documents of their encounters are labelled. A Bundle is loaded whole or not at all; loading again changes only what changed. An `attachment.url` may be a path
/// relative to the resource's file, inside the loaded folder. Sizes and hashes are computed, and refused where they
/// disagree with what is stated. What was refused is told with the reason; the exit code is then 1. Whoever runs it must
/// be an [[operator]] of the configuration.
///
/// Try: glassgate load --config ./glassgate-demo/glassgate.toml ./glassgate-demo/data
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Files and directories.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = options.file.read()?;
    let operator = config.operator()?;
    let bar = bar();
    let report =
        config.load(&options.paths, operator.account(), &mut |Progress { done, total }| {
            bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        })?;
    bar.finish_and_clear();
    tell(&report);
    if report.is_empty() {
        return Err(
            "no FHIR resource in these files: name .json or .ndjson files, or folders with such"
                .into(),
        );
    }
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bar() -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} loaded, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn tell(report: &Report) {
    for (kind, counts) in &report.counts {
        say(&format!(
            "{kind}: {} added, {} updated, {} unchanged",
            counts.added, counts.updated, counts.unchanged
        ));
    }
    for (kind, count) in &report.ignored {
        say(&format!("{kind}: {count} not loaded, Glassgate has no use for them"));
    }
    for warning in &report.warnings {
        complain(&format!("warning: {warning}"));
    }
    for refused in &report.refused {
        complain(&format!("refused: {refused}"));
    }
    if let Some(error) = &report.stopped {
        complain(&format!("stopped: {error}"));
    }
}
