use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::serve::stop;
use super::{Failed, log, runtime, say, say_all};
use crate::config::{Level, LogSettings};
use crate::demo::{self, Stage};

/// Makes a small world, starts the gateway on it, and plays a scenario through a real client.
///
/// The world has certificates, a configuration, five patients with consents and documents, and a syslog receiver over
/// TLS. An existing one is reused. Afterwards the gateway stays up, with commands to try.
///
/// Try: glassgate demo --dir ./glassgate-demo
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the world is made.
    #[arg(long, value_name = "DIR", default_value = "./glassgate-demo")]
    dir: PathBuf,
    /// Stop after the scenario; the exit code is 0 only if every step had its expected outcome.
    #[arg(long)]
    once: bool,
    /// Print one JSON object a step and nothing else.
    #[arg(long)]
    json: bool,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 8443)]
    port: u16,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    // the steps tell the story; requests in the log would drown it
    log::start(LogSettings { level: Level::Warn, ..LogSettings::default() });
    runtime()?.block_on(play(options))
}

async fn play(options: &Options) -> Result<ExitCode, Failed> {
    if !options.json {
        say(&format!("Making the demo world in {} ...", options.dir.display()));
    }
    let stage = Stage::set(&options.dir, options.port).await?;
    if !options.json {
        say_all(&format!("The gateway of Lakeside is up at {}\n", stage.url));
    }
    let passed = demo::play(&stage, |report| {
        say_all(&if options.json { report.json() } else { report.line() });
    })
    .await?;
    stage.announce()?;
    if !options.json {
        say_all(verdict(passed));
    }
    if !options.once {
        if !options.json {
            say_all(&stage.invitation());
        }
        stop().await;
    }
    stage.strike().await;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verdict(passed: bool) -> &'static str {
    if passed {
        "\nEvery step came out as it must."
    } else {
        "\nSome steps did NOT come out as they must: see FAIL above."
    }
}
