use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, Failed, complain, read, say_all};

/// Checks the configuration and prints it with its defaults filled in.
///
/// Keys and certificates are read and parsed; keys are shown by file name only. Each problem names the key, its line
/// and what to do; the exit code is then 1. What is allowed but unwise is a warning.
///
/// Try: glassgate check --config ./glassgate-demo/glassgate.toml
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = read(&options.file.config)?;
    for warning in &config.warnings {
        complain(&format!("warning: {warning}"));
    }
    say_all(config.effective.trim_end());
    Ok(ExitCode::SUCCESS)
}
