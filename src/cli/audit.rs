use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ConfigFile, Failed, complain, say, shown};
use crate::audit::{Record, Told, xml_of};
use crate::config::Sought;
use crate::ids::PatientId;

/// Shows the audit trail as the journal has it, the last records or those of a patient, a message, a user.
///
/// A line a record: its number, when, which event, how it ended, who asked, for which patient, and what happened. Whoever
/// runs it must be an [[operator]] of the configuration; that he looks is on record before anything is printed. It works
/// beside a running gateway.
///
/// Try: glassgate audit --config ./glassgate-demo/glassgate.toml --patient P-1002
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The configuration; relative paths in it are relative to it.
    #[arg(long, value_name = "FILE", default_value = "glassgate.toml")]
    config: PathBuf,
    /// At most so many, the last ones.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    last: usize,
    /// Only those after this number.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Only those that name this patient: an id of the home authority, or id^^^&OID&ISO.
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// Only those in which this text stands, such as a message id, an assertion id or a user.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Print each AuditMessage as it is sent, one a line.
    #[arg(long, conflicts_with = "json")]
    xml: bool,
    /// Print one JSON object a record.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = ConfigFile { config: options.config.clone() }.read()?;
    let operator = config.operator()?;
    let authority = || config.ingest.patient_authority.clone();
    let patient = options.patient.as_deref().map(|id| {
        if id.contains('^') { PatientId::parse(id) } else { PatientId::new(id, authority()) }
    });
    let sought = Sought {
        after: options.after,
        last: options.last,
        patient: patient.transpose()?,
        text: options.text.clone(),
    };
    let records = config.trail(&operator, &sought)?;
    if !options.xml && !options.json {
        let what = ["RECORD", "AT", "EVENT", "OUTCOME", "USER", "PATIENT", "DESCRIPTION"];
        say(&columns(what));
    }
    for record in &records {
        let line = if options.xml {
            xml_of(record).map(|xml| shown::xml(xml, false).into_owned())
        } else {
            Told::read(record).map(|told| if options.json { object(&told) } else { line(&told) })
        };
        say(&line.unwrap_or_else(|| unreadable(record)));
    }
    if records.is_empty() {
        complain("no record is like that");
    }
    Ok(ExitCode::SUCCESS)
}

fn object(told: &Told) -> String {
    json!({
        "record": told.seq,
        "at": told.at.to_string(),
        "event": told.id,
        "kind": told.kind,
        "outcome": told.outcome,
        "user": told.requestor,
        "node": told.node,
        "patients": told.patients,
        "description": told.description,
    })
    .to_string()
}

fn line(told: &Told) -> String {
    let kind = if told.kind.is_empty() { &told.id } else { &told.kind };
    let (seq, at, patients) = (told.seq.to_string(), told.at.to_string(), told.patients.join(" "));
    let outcome = outcome(&told.outcome);
    columns([&seq, &at, kind, outcome, &told.requestor, &patients, &told.description])
}

/// EventOutcomeIndicator in the standard's words (DICOM PS3.15 A.5.1).
fn outcome(indicator: &str) -> &str {
    match indicator {
        "0" => "success",
        "4" => "minor",
        "8" => "serious",
        "12" => "major",
        other => other,
    }
}

fn columns(cells: [&str; 7]) -> String {
    let [seq, at, kind, outcome, user, patient, what] = cells.map(|cell| match cell {
        "" => "-",
        cell => cell,
    });
    format!("{seq:>8}  {at:<27}  {kind:<14}  {outcome:<7}  {user:<24}  {patient:<24}  {what}")
}

fn unreadable(record: &Record) -> String {
    format!("{:>8}  {}  is no AuditMessage", record.seq, record.at)
}
