use std::process::ExitCode;

use clap::Args;

use super::asking::Who;
use super::{Failed, say_xml};

/// Prints a signed SAML assertion, for tests with other clients.
///
/// Try: glassgate assert --demo ./glassgate-demo --purpose BTG --role 309343006
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    who: Who,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    say_xml(&options.who.assertion()?);
    Ok(ExitCode::SUCCESS)
}
