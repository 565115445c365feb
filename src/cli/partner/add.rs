use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use openssl::x509::X509;

use super::answers::{Answers, Question};
use super::draft::Draft;
use super::entry::Entry;
use super::issuers;
use crate::cli::{ConfigFile, Failed, complain, read, say, say_all};
use crate::client::coded;
use crate::config::{self, Config};
use crate::demo::world::SNOMED_CT;
use crate::ids::HomeCommunityId;
use crate::purpose::Purpose;

/// Adds a partner: asks for what no flag gives, checks the whole configuration, and only then writes the entry.
///
/// Several answers to one question stand with semicolons between them. Files are written as paths from the
/// configuration's folder. A running gateway takes the partner up by itself.
///
/// Try: glassgate partner add --config ./lakeside/glassgate.toml --name hilltop --home 2.999.3 --etreat treatment
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// A short name for log and metrics.
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// The network whose habits it has.
    #[arg(long, value_name = "NETWORK", value_parser = PossibleValuesParser::new(networks()))]
    profile: Vec<String>,
    /// The community that it speaks for; may be given again.
    #[arg(long, value_name = "OID")]
    home: Vec<String>,
    /// The certificate that it connects with, PEM; may be given again.
    #[arg(long, value_name = "FILE")]
    tls_certificate: Vec<String>,
    /// The exact Issuer of its assertions.
    #[arg(long, value_name = "NAME")]
    issuer: Vec<String>,
    /// A certificate that the issuer signs with, PEM; may be given again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer_metadata", "issuer_root"])]
    pub(super) issuer_certificate: Vec<String>,
    /// The issuer's SAML 2.0 metadata, instead of certificates.
    #[arg(long, value_name = "FILE", conflicts_with = "issuer_root")]
    pub(super) issuer_metadata: Option<String>,
    /// A root that the issuer's certificate chains to, instead of certificates; may be given again.
    #[arg(long, value_name = "FILE")]
    pub(super) issuer_root: Vec<String>,
    /// With a root, the subject of the issuer's certificate; may be given again.
    #[arg(long, value_name = "DN", requires = "issuer_root")]
    pub(super) issuer_subject: Vec<String>,
    /// The exact Issuer of its second assertions, where each message confirms a treatment relationship (eHDSI).
    #[arg(long, value_name = "NAME")]
    pub(super) relationship_issuer: Vec<String>,
    /// A certificate that this issuer signs with, PEM; by default it is trusted as the other one is.
    #[arg(long, value_name = "FILE")]
    pub(super) relationship_certificate: Vec<String>,
    /// What it means by ETREAT: treatment or break-glass.
    #[arg(long, value_name = "MEANING")]
    etreat: Vec<String>,
    /// A purpose that was agreed, of HL7 ActReason; may be given again.
    #[arg(long, value_name = "CODE")]
    purpose: Vec<String>,
    /// A role that may break glass: a code of SNOMED CT, or CODE^^SYSTEM; may be given again.
    #[arg(long, value_name = "CODE")]
    break_glass_role: Vec<String>,
    /// Write without asking anything: what is needed and not given is an error.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let path = &options.file.config;
    // what is wrong already is told before any question
    let config = read(path)?;
    let mut answers = Answers::new((!options.yes).then(|| io::stdin().lock()));
    let entry = gather(options, &config, &mut answers)?;
    let toml = entry.toml();
    let draft = Draft::write(path, &toml)?;
    let adding = match config::read(&draft.path) {
        Ok(adding) => adding,
        Err(problems) => {
            let file = draft.path.display().to_string();
            let told = problems.to_string().replace(&file, "the new entry");
            return Err(format!("nothing is written:\n{told}").into());
        }
    };
    say_all(toml.trim());
    for warning in adding.warnings.iter().filter(|warning| !config.warnings.contains(warning)) {
        complain(&format!("warning: {warning}"));
    }
    if !answers.agrees(&format!("\nWrite this to {}?", path.display()))? {
        say("nothing is written");
        return Ok(ExitCode::FAILURE);
    }
    draft.replace(path)?;
    say_all(&format!(
        "\n{} is written. Try a captured message with\n  \
         glassgate partner test --config {} FILE",
        path.display(),
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The answer of a partner that belongs to none.
const NO_NETWORK: &str = "none";

fn networks() -> impl Iterator<Item = &'static str> {
    config::profile_names().chain([NO_NETWORK])
}

pub(super) fn question<'t>(
    flag: &'static str,
    text: &'t str,
    default: Option<&'static str>,
) -> Question<'t> {
    Question { flag, text, default }
}

fn gather(
    options: &Options,
    config: &Config,
    answers: &mut Answers<impl BufRead>,
) -> Result<Entry, Failed> {
    let folder = options.file.config.parent().unwrap_or(Path::new(""));
    let profiles: Vec<_> = networks().collect();
    let profiles = format!("Network whose habits it has, one of {}", profiles.join(", "));
    let settings = config.terms.trust.settings();
    let name = answers.ask(
        &options.name,
        question("--name", "Short name, for log and metrics", None),
        |typed| {
            one(typed).and_then(|name| {
                let taken = settings.partners.iter().any(|partner| partner.name == name);
                if taken { Err(format!("`{name}` is taken")) } else { Ok(name) }
            })
        },
    )?;
    let profile = answers.ask(
        &options.profile,
        question("--profile", &profiles, Some(NO_NETWORK)),
        |typed| match one(typed)?.as_str() {
            NO_NETWORK => Ok(None),
            known if config::profile_names().any(|name| name == known) => {
                Ok(Some(known.to_owned()))
            }
            other => Err(format!("`{other}` is no network that is known")),
        },
    )?;
    let homes = answers.ask(
        &options.home,
        question("--home", "Home community ids that it speaks for", None),
        |typed| {
            each(typed, |home| {
                let id = HomeCommunityId::parse(home).map(|id| id.to_string());
                id.map_err(|error| format!("`{home}` is {error}, as 2.999.3 is one"))
            })
        },
    )?;
    let certificates = |typed: &[String]| each(typed, |file| certificate(folder, file));
    let tls_certificates = answers.ask(
        &options.tls_certificate,
        question("--tls-certificate", "Files of the certificates that it connects with", None),
        certificates,
    )?;
    let issuer = answers.ask(
        &options.issuer,
        question("--issuer", "Exact Issuer of its assertions", None),
        one,
    )?;
    let known = settings.issuers.iter().any(|known| known.name == issuer);
    let given = options.issuer_metadata.is_some()
        || !(options.issuer_certificate.is_empty() && options.issuer_root.is_empty());
    if known && given {
        return Err(format!(
            "the configuration has an [[issuer]] `{issuer}` already: leave --issuer-certificate and its like out, and \
             change that entry where another key is meant"
        )
        .into());
    }
    let trust = if known { None } else { Some(issuers::first(options, folder, answers)?) };
    let required = profile.as_deref().is_some_and(config::profile_requires_relationship);
    let relationship = if required || !options.relationship_issuer.is_empty() {
        let known =
            |name: &str| name == issuer || settings.issuers.iter().any(|known| known.name == name);
        Some(issuers::second(options, folder, trust.as_ref(), known, answers)?)
    } else {
        None
    };
    let etreat = match &profile {
        Some(_) if options.etreat.is_empty() => None,
        _ => Some(answers.ask(
            &options.etreat,
            question(
                "--etreat",
                "What it means by ETREAT, treatment or break-glass (ask the partner)",
                None,
            ),
            |typed| match one(typed)?.as_str() {
                meaning @ ("treatment" | "break-glass") => Ok(meaning.to_owned()),
                other => Err(format!("`{other}` is neither treatment nor break-glass")),
            },
        )?),
    };
    let purposes = match &profile {
        Some(_) if options.purpose.is_empty() => None,
        _ => Some(answers.ask(
            &options.purpose,
            question("--purpose", "Agreed purposes, as TREAT; BTG", Some("TREAT")),
            |typed| {
                each(typed, |code| {
                    let known = Purpose::from_code(code).map(|_| code.to_owned());
                    known.ok_or(format!("`{code}` is no code of HL7 ActReason's PurposeOfUse"))
                })
            },
        )?),
    };
    let breaks_glass = purposes.iter().flatten().any(|code| code == "BTG");
    let break_glass_roles = if breaks_glass || !options.break_glass_role.is_empty() {
        Some(answers.ask(
            &options.break_glass_role,
            question(
                "--break-glass-role",
                "Roles that may break glass: codes of SNOMED CT, or CODE^^SYSTEM",
                None,
            ),
            |typed| each(typed, |code| Ok::<_, String>(coded(code, SNOMED_CT))),
        )?)
    } else {
        None
    };
    Ok(Entry {
        issuer,
        trust,
        relationship,
        name,
        profile,
        homes,
        tls_certificates,
        etreat,
        purposes,
        break_glass_roles,
    })
}

pub(super) fn one(typed: &[String]) -> Result<String, String> {
    match typed {
        [] => Err("an answer is needed".to_owned()),
        [one] => Ok(one.clone()),
        _ => Err("one answer, please".to_owned()),
    }
}

pub(super) fn each<T, E: ToString>(
    typed: &[String],
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    if typed.is_empty() {
        return Err("an answer is needed".to_owned());
    }
    typed.iter().map(|one| read(one).map_err(|error| error.to_string())).collect()
}

/// A file that holds a certificate, as the configuration names it.
pub(super) fn certificate(folder: &Path, file: &str) -> Result<String, String> {
    let name = located(folder, file)?;
    let pem =
        fs::read(folder.join(&name)).map_err(|error| format!("cannot read {file}: {error}"))?;
    match X509::stack_from_pem(&pem) {
        Ok(found) if !found.is_empty() => Ok(name),
        _ => Err(format!("{file} holds no certificate (PEM)")),
    }
}

/// A file by its path from the configuration's folder, where it is below that, or by its whole path.
pub(super) fn located(folder: &Path, file: &str) -> Result<String, String> {
    if folder.join(file).is_file() && Path::new(file).is_relative() {
        return Ok(file.to_owned());
    }
    let fail = |error| format!("cannot find {file}: {error}");
    if !Path::new(file).is_file() {
        return Err(format!(
            "there is no file {file}, neither here nor in the configuration's folder"
        ));
    }
    // a link is kept: it may lead to another file once the certificate is renewed
    let whole = absolute(file).map_err(fail)?;
    let below = absolute(folder.join(".")).map_err(fail)?;
    Ok(whole.strip_prefix(below).unwrap_or(&whole).display().to_string())
}

/// The path from the root, of a folder without links.
fn absolute(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let whole = std::path::absolute(path)?;
    if whole.is_dir() {
        return fs::canonicalize(whole);
    }
    let folder = fs::canonicalize(whole.parent().unwrap_or(&whole))?;
    Ok(folder.join(whole.file_name().unwrap_or_default()))
}
