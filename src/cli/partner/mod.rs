//! `glassgate partner`: who may ask, added, listed, shown, and a captured message explained.

mod add;
mod answers;
mod captured;
mod draft;
mod entry;
mod explain;
mod issuers;
mod list;
mod mend;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failed;

/// Adds, lists and shows partners, and explains what would become of a captured message.
///
/// Try: glassgate partner list --config ./glassgate-demo/glassgate.toml
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Box<add::Options>),
    List(list::Options),
    Show(show::Options),
    Test(explain::Options),
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    match &options.command {
        Command::Add(options) => add::run(options),
        Command::List(options) => list::run(options),
        Command::Show(options) => show::run(options),
        Command::Test(options) => explain::run(options),
    }
}
