//! The commands.

mod asking;
mod assert;
mod audit;
mod check;
mod consent;
mod demo;
mod explain;
mod load;
mod log;
mod partner;
mod query;
mod retrieve;
mod review;
mod serve;
mod shown;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config};

/// A cross-community health information exchange gateway: IHE XCA with verified SAML, FHIR consent,
/// break-glass and durable ATNA audit.
///
/// Start with `glassgate demo`: it makes a small world and shows what the gateway does.
#[derive(Debug, Parser)]
#[command(name = "glassgate", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "The exit code is 0 when all went well, 1 when something was refused or failed, 2 when the \
                          command line cannot be read.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Options),
    Serve(serve::Options),
    Check(check::Options),
    Load(load::Options),
    Partner(partner::Options),
    Consent(consent::Options),
    Explain(explain::Options),
    Review(review::Options),
    Audit(audit::Options),
    Query(query::Options),
    Retrieve(retrieve::Options),
    Assert(assert::Options),
}

/// Runs the command of the process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Partner(options) => partner::run(&options),
        Command::Consent(options) => consent::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Review(options) => review::run(options),
        Command::Audit(options) => audit::run(&options),
        Command::Query(options) => query::run(&options),
        Command::Retrieve(options) => retrieve::run(&options),
        Command::Assert(options) => assert::run(&options),
    };
    outcome.unwrap_or_else(|error| {
        // ours has lines of its own, and quotes nothing from outside but in one of them
        format!("glassgate: {error}").split('\n').for_each(complain);
        ExitCode::FAILURE
    })
}

/// Whatever stops a command, as a person reads it.
type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration; relative paths in it are relative to it.
    #[arg(long, value_name = "FILE", default_value = "glassgate.toml")]
    config: PathBuf,
}

impl ConfigFile {
    /// Reads the file, starts the log that it asks for, and tells what is unwise in it.
    fn read(&self) -> Result<Config, Failed> {
        let config = read(&self.config)?;
        log::start(config.log);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        Ok(config)
    }
}

fn read(path: &Path) -> Result<Config, Failed> {
    Ok(config::read(path)?)
}

/// One line to stdout, whatever is in it; a closed pipe ends the output, not the command.
fn say(line: &str) {
    let _closed = writeln!(io::stdout(), "{}", shown::line(line));
}

/// A text of ours, which may have several lines.
fn say_all(text: &str) {
    text.split('\n').for_each(say);
}

/// XML, as it was written.
fn say_xml(text: &str) {
    let _closed = writeln!(io::stdout(), "{}", shown::xml(text, true));
}

/// One line to stderr.
fn complain(line: &str) {
    let _unseen = writeln!(io::stderr(), "{}", shown::line(line));
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
