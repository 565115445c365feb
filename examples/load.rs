//! A load generator: asks a gateway as fast as it answers, and tells what that cost the gateway.
//!
//! Without `--url` it makes a demo world, starts the built `glassgate` on it, and watches that process.

#[path = "../benches/bed/mod.rs"]
mod bed;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bed::load::{Figures, Plan};
use bed::wire::Dialer;
use bed::world::{Asker, SUCCESS, World};
use bed::{Failed, patient, say};
use clap::{Parser, ValueEnum};
use glassgate::demo::{Layout, world};

/// Asks a gateway as fast as it answers.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Options {
    /// A running gateway of a demo world, host:port; it needs --demo, and --pid for what it costs.
    #[arg(long, value_name = "HOST:PORT", requires = "demo")]
    url: Option<SocketAddr>,
    /// That gateway's process.
    #[arg(long, default_value_t = 0)]
    pid: u32,
    /// Its world, for keys and certificates.
    #[arg(long, value_name = "DIR")]
    demo: Option<PathBuf>,
    /// Another gateway program to start.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// What is asked for.
    #[arg(long, value_enum, default_value = "query")]
    ask: Transaction,
    /// One assertion for all requests, or a new one for each.
    #[arg(long, value_enum, default_value = "one")]
    assertions: Assertions,
    /// Connections at once.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many requests with assertions of their own are signed before; the run ends with them.
    #[arg(long, default_value_t = 6_000)]
    signed: usize,
    /// Bytes of the document that is retrieved.
    #[arg(long, default_value_t = 1 << 20)]
    bytes: u64,
    /// The patient of the query; P-3001 has twenty entries.
    #[arg(long, value_name = "CX")]
    patient: Option<String>,
    /// The document of the retrieve.
    #[arg(long, value_name = "ID")]
    document: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transaction {
    Query,
    Retrieve,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Assertions {
    One,
    Fresh,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("load: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    if let (Some(address), Some(demo)) = (options.url, &options.demo) {
        let layout = Layout::new(demo);
        return tell(options, &ask(options, &layout, address, options.pid)?);
    }
    let directory = Path::new("target/bench/load");
    let world = World::make(directory, options.bytes)?;
    let program = options.program.clone().map_or_else(|| bed::servers::built("glassgate"), Ok)?;
    let server = world.serve(&program)?;
    tell(options, &ask(options, &world.layout, world.listen, server.pid())?)
}

fn ask(
    options: &Options,
    layout: &Layout,
    address: SocketAddr,
    pid: u32,
) -> Result<Figures, Failed> {
    let asker = Asker::new(layout, address, "saml")?;
    let patient = options.patient.clone().unwrap_or_else(|| world::patient_id(patient::NUMBER));
    let document = options.document.clone().unwrap_or_else(patient::large_id);
    let fresh = options.assertions == Assertions::Fresh;
    let count = if fresh { options.signed } else { 1 };
    let request = |_| {
        let ask = asker.ask()?;
        Ok(match options.ask {
            Transaction::Query => asker.query(&ask, &patient),
            Transaction::Retrieve => asker.retrieve(&ask, &document),
        })
    };
    let requests = (0..count).map(request).collect::<Result<Vec<_>, Failed>>()?;
    let plan = Plan {
        connections: options.connections,
        warm_up: Duration::from_millis(500),
        time: Duration::from_secs(options.seconds),
        requests: Arc::new(requests),
        once: fresh,
        word: SUCCESS,
    };
    bed::load::run(&Dialer::new(&layout.pki(), "riverside", address)?, pid, &plan)
}

fn tell(options: &Options, figures: &Figures) -> Result<(), Failed> {
    if options.json {
        say(&serde_json::to_string(&figures.json())?);
        return Ok(());
    }
    let rows = [
        ("requests", format!("{} in {:.1} s", figures.requests, figures.seconds)),
        ("requests a second", format!("{:.0}", figures.per_second())),
        ("p50", format!("{:.2} ms", figures.p50_us as f64 / 1e3)),
        ("p99", format!("{:.2} ms", figures.p99_us as f64 / 1e3)),
        ("bytes in, out", format!("{}, {}", figures.request_bytes, figures.answer_bytes)),
        ("server CPU a request", format!("{:.0} us", figures.cpu_us)),
        ("peak anonymous memory", format!("{} KiB", figures.anonymous_peak_kib)),
    ];
    for (name, value) in rows {
        say(&format!("{name:<24}{value:>24}"));
    }
    Ok(())
}
