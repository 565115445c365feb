use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::asking::{Gateway, Who, reference};
use super::{Failed, complain, runtime, say, say_xml, shown};
use crate::client::{Ask, Outcome, Query};
use crate::xds::{QueryAnswer, Status};

/// Asks a gateway for a patient's documents (ITI-38) and prints a table.
///
/// Try: glassgate query --demo ./glassgate-demo --patient P-1002 --purpose BTG --role 309343006
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The patient, id^^^&OID&ISO; with --demo the bare id will do.
    #[arg(long, value_name = "CX", required_unless_present = "document")]
    patient: Option<String>,
    /// A document's unique id, instead of a patient; may be given again.
    #[arg(long, value_name = "ID", conflicts_with = "patient")]
    document: Vec<String>,
    /// Print one JSON object a document.
    #[arg(long)]
    json: bool,
    /// Print the SOAP answer as it came.
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
    let query = match &options.patient {
        Some(patient) => {
            let query = Query::find_documents(&options.who.patient_id(patient)?);
            options.gateway.addressed(query)
        }
        None => Query::get_documents(&options.gateway.home(&options.who)?, &options.document),
    };
    let answer = runtime()?.block_on(client.query(&ask, &query));
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
            if options.json {
                lines(&answer);
            } else if !options.raw && answer.status != Status::Failure {
                table(&answer);
            }
            Ok(report(&ask, &answer))
        }
    }
}

fn lines(answer: &QueryAnswer) {
    for document in &answer.documents {
        let line = json!({
            "unique_id": document.unique_id,
            "entry_uuid": document.entry_uuid,
            "repository_unique_id": document.repository_unique_id,
            "home": document.home,
            "mime_type": document.mime_type,
            "title": document.title,
            "creation_time": document.creation_time,
            "size": document.size,
            "hash": document.hash,
            "confidentiality": document.confidentiality_codes,
        });
        say(&line.to_string());
    }
}

fn table(answer: &QueryAnswer) {
    if answer.documents.is_empty() {
        say("no documents");
        return;
    }
    say(&format!(
        "{:<24} {:<14} {:<4} {:>10}  {:<22} TITLE",
        "UNIQUE ID", "CREATED", "CONF", "BYTES", "TYPE"
    ));
    for document in &answer.documents {
        say(&format!(
            "{:<24} {:<14} {:<4} {:>10}  {:<22} {}",
            document.unique_id,
            document.creation_time.as_deref().unwrap_or("-"),
            document.confidentiality_codes.join(","),
            document.size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
            document.mime_type,
            document.title.as_deref().unwrap_or("-"),
        ));
    }
}

/// Errors and warnings go to stderr; a Failure fails the command.
fn report(ask: &Ask, answer: &QueryAnswer) -> ExitCode {
    for error in &answer.errors {
        complain(&format!("{}: {}", error.code, error.context));
    }
    match answer.status {
        Status::Success | Status::PartialSuccess => ExitCode::SUCCESS,
        Status::Failure => {
            complain(&reference(ask));
            ExitCode::FAILURE
        }
    }
}
