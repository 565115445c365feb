use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::asking::{Gateway, Who, reference};
use super::{Failed, complain, runtime, say, say_xml, shown};
use crate::client::{Ask, Directory, Outcome, Retrieved};
use crate::demo::world;
use crate::xds::{DocumentRequest, Status};

/// Retrieves documents from a gateway (ITI-39) into files.
///
/// Try: glassgate retrieve --demo ./glassgate-demo --out ./received 2.999.1.4.1001.1
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Unique ids, as `glassgate query` prints them.
    #[arg(value_name = "ID", required = true)]
    documents: Vec<String>,
    /// Where the documents go.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The repository that holds them.
    #[arg(long, value_name = "OID")]
    repository: Option<String>,
    /// Print one JSON object a document.
    #[arg(long)]
    json: bool,
    /// Print the SOAP answer as it came, documents aside.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
    #[command(flatten)]
    who: Who,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let client = options.gateway.client(&options.who)?;
    let ask = options.who.ask()?;
    let home = options.gateway.home(&options.who)?;
    let repository = options.who.or_demo(&options.repository, world::REPOSITORY, "--repository")?;
    let requests: Vec<DocumentRequest> = options
        .documents
        .iter()
        .map(|document| DocumentRequest {
            home: Some(home.clone()),
            repository: repository.clone(),
            document: document.clone(),
        })
        .collect();
    let mut directory = Directory::open(&options.out).map_err(|error| {
        format!("cannot make {}: {error}; name another folder with --out", options.out.display())
    })?;
    let answer = runtime()?.block_on(client.retrieve(&ask, &requests, &mut directory));
    let answer = answer.map_err(|error| options.gateway.advise(&options.who, &error))?;
    if options.raw {
        say_xml(&answer.xml);
    }
    match answer.outcome {
        Outcome::Fault(fault) => {
            let told = format!("SOAP fault {}: {}", fault.code, fault.reason);
            Err(format!("{}\n{}", shown::line(&told), reference(&ask)).into())
        }
        Outcome::Answered(answer) => {
            if !options.raw {
                tell(options, &answer, &directory);
            }
            Ok(report(&ask, &answer))
        }
    }
}

fn tell(options: &Options, answer: &Retrieved, directory: &Directory) {
    for (document, file) in answer.documents.iter().zip(&directory.files) {
        say(&if options.json {
            json!({
                "unique_id": document.document,
                "mime_type": document.mime_type,
                "size": document.size,
                "sha1": document.sha1_hex,
                "file": file,
            })
            .to_string()
        } else {
            format!(
                "{}  {} bytes  sha1 {}  {}",
                document.document,
                document.size,
                document.sha1_hex,
                file.display()
            )
        });
    }
}

/// Errors and warnings go to stderr; whatever was not delivered fails the command.
fn report(ask: &Ask, answer: &Retrieved) -> ExitCode {
    for error in &answer.errors {
        complain(&format!("{}: {}", error.code, error.context));
    }
    match answer.status {
        Status::Success => ExitCode::SUCCESS,
        Status::PartialSuccess | Status::Failure => {
            complain(&reference(ask));
            ExitCode::FAILURE
        }
    }
}
