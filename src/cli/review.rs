use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{ConfigFile, Failed, say};
use crate::audit::review::{Evidence, Filter, Item, Judgement, Verdict};
use crate::clock::Timestamp;
use crate::config::{Config, Dossier};
use crate::ids::PatientId;

/// Reviews break-glass, for the privacy office: each override has opened an item, with its evidence.
///
/// Whoever runs it must be an [[operator]] of the configuration; what he sees and decides is on record before it is
/// printed. docs/break-glass.md says what to look for.
///
/// Try: glassgate review --config ./glassgate-demo/glassgate.toml list
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The configuration; relative paths in it are relative to it.
    #[arg(long, global = true, value_name = "FILE", default_value = "glassgate.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the items that wait for a verdict, the oldest first.
    ///
    /// Try: glassgate review --config ./glassgate-demo/glassgate.toml list --patient P-1002
    List(ListOptions),
    /// Shows one item: who, whose documents, why, what was overridden, and what was made of it.
    Show {
        /// Its number.
        id: i64,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Judges one item.
    ///
    /// Try: glassgate review --config ./glassgate-demo/glassgate.toml close 1 --verdict justified --rationale "unconscious"
    Close(CloseOptions),
}

#[derive(Debug, Args)]
struct ListOptions {
    /// Closed ones too.
    #[arg(long)]
    all: bool,
    /// Only this patient's: an id of the home authority, or id^^^&OID&ISO.
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// Only of users whose name contains this.
    #[arg(long, value_name = "TEXT")]
    user: Option<String>,
    /// Only those opened since, as in 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Print one JSON object an item.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CloseOptions {
    /// The item's number.
    id: i64,
    /// What you make of it; needs-info does not close it.
    #[arg(long, value_enum)]
    verdict: Told,
    /// What else there is to say.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The reason for the break-glass, where the user owed it.
    #[arg(long, value_name = "TEXT")]
    rationale: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Told {
    Justified,
    NotJustified,
    NeedsInfo,
}

impl From<Told> for Verdict {
    fn from(told: Told) -> Self {
        match told {
            Told::Justified => Self::Justified,
            Told::NotJustified => Self::NotJustified,
            Told::NeedsInfo => Self::NeedsInfo,
        }
    }
}

pub(super) fn run(options: Options) -> Result<ExitCode, Failed> {
    let Options { config, command } = options;
    let config = ConfigFile { config }.read()?;
    let operator = config.operator()?;
    match command {
        Command::List(list) => {
            let items = config.reviews(&operator, &list.filter(&config)?)?;
            if list.json {
                items.iter().for_each(|item| say(&object(item).to_string()));
            } else {
                table(&items);
            }
        }
        Command::Show { id, json } => {
            let dossier = config.review(&operator, id)?;
            if json { say(&whole(&dossier).to_string()) } else { show(&dossier) }
        }
        Command::Close(close) => {
            let CloseOptions { id, verdict, note, rationale } = close;
            let item = config.judge(&operator, id, verdict.into(), note, rationale)?;
            say(&format!("review {} is {}", item.id, item.state.code()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl ListOptions {
    fn filter(&self, config: &Config) -> Result<Filter, Failed> {
        let authority = || config.ingest.patient_authority.clone();
        let patient = self.patient.as_deref().map(|id| {
            if id.contains('^') { PatientId::parse(id) } else { PatientId::new(id, authority()) }
        });
        let time = |text: &str| {
            let wrong = || format!("--since {text} is no time; write 2026-01-31T00:00:00Z");
            Timestamp::parse(text).ok_or_else(wrong)
        };
        Ok(Filter {
            all: self.all,
            patient: patient.transpose()?,
            user: self.user.clone(),
            since: self.since.as_deref().map(time).transpose()?,
        })
    }
}

fn table(items: &[Item]) {
    if items.is_empty() {
        return say("no reviews");
    }
    say(&format!(
        "{:>5}  {:<11} {:<28} {:<28} {:<12} USER",
        "ID", "STATE", "OPENED", "DUE", "PATIENT"
    ));
    for item in items {
        say(&format!(
            "{:>5}  {:<11} {:<28} {:<28} {:<12} {}",
            item.id,
            item.state.code(),
            item.opened.to_string(),
            item.due.to_string(),
            item.patient.id(),
            item.user_name
        ));
    }
}

fn object(item: &Item) -> Value {
    json!({
        "id": item.id,
        "state": item.state.code(),
        "opened": item.opened.to_string(),
        "due": item.due.to_string(),
        "overdue_told": item.escalated.map(|at| at.to_string()),
        "partner": item.partner,
        "user": item.user_name,
        "organization": item.organization,
        "patient": item.patient.to_string(),
        "declared": item.declared,
        "rationale": item.rationale,
    })
}

fn whole(dossier: &Dossier) -> Value {
    let evidence = |one: &Evidence| {
        let documents: Vec<_> = one
            .documents
            .iter()
            .map(|d| json!({ "document": d.unique_id, "labels": d.labels, "overridden": d.rules, "grounds": d.grounds }))
            .collect();
        json!({
            "at": one.at.to_string(),
            "transaction": one.transaction,
            "message_id": one.message_id,
            "assertion_id": one.assertion_id,
            "documents": documents,
        })
    };
    let judgement = |one: &Judgement| {
        json!({
            "at": one.at.to_string(),
            "operator": one.operator,
            "verdict": one.verdict.state().code(),
            "note": one.note,
            "rationale": one.rationale,
        })
    };
    let mut object = object(&dossier.item);
    if let Some(fields) = object.as_object_mut() {
        let evidence: Vec<_> = dossier.evidence.iter().map(evidence).collect();
        fields.insert("evidence".to_owned(), evidence.into());
        let judgements: Vec<_> = dossier.judgements.iter().map(judgement).collect();
        fields.insert("judgements".to_owned(), judgements.into());
    }
    object
}

fn show(dossier: &Dossier) {
    let item = &dossier.item;
    say(&format!("review {}: {}, due {}", item.id, item.state.code(), item.due));
    say(&format!("  {} of {} declared {}", item.user_name, item.partner, item.declared));
    say(&format!("  patient {}", item.patient));
    say(&format!("  reason: {}", item.rationale.as_deref().unwrap_or("owed by the user")));
    for one in &dossier.evidence {
        let message_id = one.message_id.as_deref().unwrap_or("-");
        say(&format!("  {} {}, message-id {message_id}", one.at, one.transaction));
        for document in &one.documents {
            say(&format!("    {}  [{}]", document.unique_id, document.labels.join(",")));
            document.rules.iter().for_each(|rule| say(&format!("      overrides {rule}")));
            document.grounds.iter().for_each(|ground| say(&format!("      {ground}")));
        }
    }
    for one in &dossier.judgements {
        let said = [&one.note, &one.rationale].into_iter().flatten().cloned().collect::<Vec<_>>();
        say(&format!(
            "  {} {}: {}  {}",
            one.at,
            one.operator,
            one.verdict.state().code(),
            said.join("; ")
        ));
    }
}
