use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{ConfigFile, Failed, complain, say};
use crate::client::coded;
use crate::config::Config;
use crate::gateway::{Declaration, Entry, Explanation, Supposed, Told};
use crate::ids::PatientId;
use crate::principal::Claims;
use crate::purpose::Stated;

/// HL7 ActReason, the system of a bare purpose.
const ACT_REASON: &str = "2.16.840.1.113883.5.8";
/// SNOMED CT, the system of a bare role.
const SNOMED_CT: &str = "2.16.840.1.113883.6.96";

/// Explains what would be decided for a patient's documents, and why, by consent, provision and element.
///
/// Nothing is asked of a running gateway and nothing is released: it is a simulation by the same functions on the same
/// data, recorded as such. Whoever runs it must be an [[operator]] of the configuration.
///
/// Try: glassgate explain --config ./glassgate-demo/glassgate.toml --patient P-1002 --purpose BTG --role 309343006
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The patient: an id of the home authority, or id^^^&OID&ISO.
    #[arg(long, value_name = "ID")]
    patient: String,
    /// The purpose of use: a code of HL7 ActReason, or CODE^^SYSTEM, as it must be for a partner whose `code_systems` lack
    /// HL7's (eHDSI: TREATMENT^^3bc18518-d305-46c2-a8d6-94bd59856e9e); may be given again.
    #[arg(long, value_name = "CODE", default_value = "TREAT")]
    purpose: Vec<String>,
    /// The user's role: a code of SNOMED CT, or CODE^^SYSTEM; may be given again.
    #[arg(long, value_name = "CODE")]
    role: Vec<String>,
    /// The user, as the issuer knows him.
    #[arg(long, value_name = "NAME", default_value = "somebody")]
    subject: String,
    /// The user's organization, as an OID or as the assertion states it.
    #[arg(long, value_name = "ID")]
    organization_id: Vec<String>,
    /// The partner who would ask; by default the first one of the configuration.
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
    /// Print one JSON object a document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = options.file.read()?;
    let operator = config.operator()?;
    let supposed = options.supposed(&config)?;
    let explanation = config.explain(&operator, &supposed)?;
    if options.json {
        objects(&explanation).iter().for_each(|object| say(&object.to_string()));
    } else {
        tree(&supposed, &explanation).iter().for_each(|line| say(line));
    }
    for (id, code) in &explanation.unenforceable {
        complain(&format!("Consent/{id} cannot be enforced, so it denies: {code}"));
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn supposed(&self, config: &Config) -> Result<Supposed, Failed> {
        let patient = if self.patient.contains('^') {
            PatientId::parse(&self.patient)?
        } else {
            PatientId::new(&self.patient, config.ingest.patient_authority.clone())?
        };
        let partners = &config.terms.trust.settings().partners;
        let partner = match &self.partner {
            Some(name) => partners.iter().find(|partner| partner.name == *name),
            None => partners.first(),
        };
        let Some(partner) = partner else {
            let names: Vec<_> = partners.iter().map(|partner| partner.name.as_str()).collect();
            return Err(format!("--partner is one of: {}", names.join(", ")).into());
        };
        let purposes = self.purpose.iter().map(|code| coded(code, ACT_REASON)).collect();
        Ok(Supposed {
            patient,
            claims: Claims {
                partner: partner.name.clone(),
                subject: self.subject.clone(),
                home_community: partner.communities.first().cloned(),
                organization_ids: self.organization_id.clone(),
                roles: self.role.iter().map(|code| coded(code, SNOMED_CT)).collect(),
                purposes: Stated { coded: purposes, plain: Vec::new() },
                ..Claims::default()
            },
        })
    }
}

fn objects(explanation: &Explanation) -> Vec<Value> {
    match &explanation.admitted {
        // policy refuses before any document is looked at
        Err(refusal) => vec![json!({
            "document": null, "decision": "deny", "consent": null, "version": null,
            "provision": "policy", "element": refusal.code(),
        })],
        Ok(declaration) => explanation.entries.iter().map(|e| object(*declaration, e)).collect(),
    }
}

fn object(declaration: Declaration, entry: &Entry) -> Value {
    let told = entry.outcome();
    let mut object = Map::new();
    object.insert("document".to_owned(), entry.document.clone().into());
    object.insert("decision".to_owned(), decision(told).into());
    object.extend(basis(told));
    let break_glass = match (declaration, &entry.break_glass) {
        (Declaration::None, _) => return object.into(),
        (Declaration::NotHonoured(why), _) => json!({ "not_honoured": why.code() }),
        (Declaration::Honoured, Some(told)) => json!({
            "decision": decision(told), "override": told.is_override, "barred": told.bar,
        }),
        (Declaration::Honoured, None) => Value::Null,
    };
    let mut treatment = Map::new();
    treatment.insert("decision".to_owned(), decision(&entry.treatment).into());
    treatment.extend(basis(&entry.treatment));
    object.insert("treatment".to_owned(), treatment.into());
    object.insert("break_glass".to_owned(), break_glass);
    object.into()
}

fn decision(told: &Told) -> &'static str {
    if told.permits { "permit" } else { "deny" }
}

fn basis(told: &Told) -> [(String, Value); 4] {
    let (consent, version) = told.consent.clone().unzip();
    [
        ("consent".to_owned(), consent.into()),
        ("version".to_owned(), version.into()),
        ("provision".to_owned(), told.provision.clone().into()),
        ("element".to_owned(), told.element.into()),
    ]
}

fn tree(supposed: &Supposed, explanation: &Explanation) -> Vec<String> {
    let claims = &supposed.claims;
    let codes = |all: &[crate::ids::Coded]| {
        let all: Vec<_> = all.iter().map(|coded| coded.code.as_str()).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    let mut lines = vec![format!(
        "{}: if {:?} of {} asked, role {}, for {}",
        supposed.patient.id(),
        claims.subject,
        claims.partner,
        codes(&claims.roles),
        codes(&claims.purposes.coded)
    )];
    match &explanation.admitted {
        Err(refusal) => lines.push(format!("└─ policy refuses: {refusal} ({})", refusal.code())),
        Ok(declaration) => {
            match declaration {
                Declaration::None => {}
                Declaration::Honoured => lines.push("├─ break-glass is honoured".to_owned()),
                Declaration::NotHonoured(why) => lines.push(format!(
                    "├─ break-glass is not honoured: {} ({})",
                    why.reason(),
                    why.code()
                )),
            }
            let last = explanation.entries.len().saturating_sub(1);
            for (at, entry) in explanation.entries.iter().enumerate() {
                branch(entry, at == last, &mut lines);
            }
            if explanation.entries.is_empty() {
                lines.push("└─ no documents".to_owned());
            }
        }
    }
    lines
}

fn branch(entry: &Entry, last: bool, lines: &mut Vec<String>) {
    let (knot, bar) = if last { ("└─", "   ") } else { ("├─", "│  ") };
    let told = entry.outcome();
    let by = if told.is_override { " by break-glass" } else { "" };
    let labels = entry.labels.join(",");
    lines.push(format!("{knot} {}  {}{by}  [{labels}]", entry.document, decision(told)));
    let does = if told.is_override { "lifts" } else { decision(told) };
    lines.push(format!("{bar}   {does}: {}", in_words(told)));
    if let Some(code) = told.bar {
        lines.push(format!("{bar}   break-glass barred: {code}"));
    }
    if let Some((kept, _)) = &entry.kept {
        lines.push(format!("{bar}   withheld for its labels: {kept}"));
    }
    if told.is_override || entry.kept.is_some() {
        let treatment = &entry.treatment;
        lines.push(format!(
            "{bar}   treatment would {}: {}",
            decision(treatment),
            in_words(treatment)
        ));
    }
}

fn in_words(told: &Told) -> String {
    match &told.consent {
        Some((id, version)) => {
            format!("Consent/{id}/_history/{version}#{} ({})", told.provision, told.element)
        }
        None if told.provision == "labels" => format!("its labels ({})", told.element),
        None => format!("the domain's policy ({})", told.element),
    }
}
