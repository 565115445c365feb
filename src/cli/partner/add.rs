use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, BufRead, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use openssl::x509::X509;

use super::answers::{Answers, Question};
use super::entry::Entry;
use super::issuers;
use crate::cli::{ConfigFile, Failed, read, say, say_all};
use crate::client::coded;
use crate::config::{self, Config};
use crate::demo::world::SNOMED_CT;
use crate::ids::HomeCommunityId;
use crate::purpose::Purpose;

/// Adds a partner: asks for what no flag gives, checks the whole configuration, and only then writes the entry.
///
/// Several answers to one question stand with semicolons between them. A running gateway takes the partner up by itself.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// A short name for log and metrics.
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// The network whose habits it has: us, norway, switzerland or ehdsi.
    #[arg(long, value_name = "NETWORK")]
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
    #[arg(long, value_name = "FILE")]
    pub(super) issuer_certificate: Vec<String>,
    /// The issuer's SAML 2.0 metadata, instead of certificates.
    #[arg(long, value_name = "FILE")]
    pub(super) issuer_metadata: Vec<String>,
    /// A root that the issuer's certificate chains to, instead of certificates; may be given again.
    #[arg(long, value_name = "FILE")]
    pub(super) issuer_root: Vec<String>,
    /// With a root, the subject of the issuer's certificate; may be given again.
    #[arg(long, value_name = "DN")]
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
    /// Write without asking.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let path = &options.file.config;
    // what is wrong already is told before any question
    let config = read(path)?;
    let mut answers = Answers::new(io::stdin().lock());
    let entry = gather(options, &config, &mut answers)?;
    let toml = entry.toml();
    let draft = Draft::write(path, &toml)?;
    if let Err(problems) = config::read(&draft.path) {
        let told = problems.to_string().replace(&draft.path.display().to_string(), "the new entry");
        return Err(format!("nothing is written:\n{told}").into());
    }
    say_all(toml.trim());
    if !options.yes && !answers.agrees(&format!("\nWrite this to {}?", path.display()))? {
        say("nothing is written");
        return Ok(ExitCode::FAILURE);
    }
    draft.replace(path)?;
    say_all(&format!(
        "\n{} is written. The CA of its TLS certificate belongs into server.client_ca; try a captured message with\n  \
         glassgate partner test --config {} FILE",
        path.display(),
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn gather(
    options: &Options,
    config: &Config,
    answers: &mut Answers<impl BufRead>,
) -> Result<Entry, Failed> {
    let folder = options.file.config.parent().unwrap_or(Path::new(""));
    let question = |flag, text, default| Question { flag, text, default };
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
        question(
            "--profile",
            "Network whose habits it has: us, norway, switzerland, ehdsi or none",
            Some("none"),
        ),
        |typed| match one(typed)?.as_str() {
            "none" => Ok(None),
            known if config::profile_names().any(|name| name == known) => {
                Ok(Some(known.to_owned()))
            }
            other => Err(format!("`{other}` is no network that is known")),
        },
    )?;
    let homes = answers.ask(
        &options.home,
        question("--home", "Home community ids that it speaks for", None),
        |typed| each(typed, |home| HomeCommunityId::parse(home).map(|id| id.to_string())),
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

/// A file by its path from the configuration's folder, or by its whole path where it was meant from here.
pub(super) fn located(folder: &Path, file: &str) -> Result<String, String> {
    if folder.join(file).is_file() {
        return Ok(file.to_owned());
    }
    let whole = fs::canonicalize(file).map_err(|error| format!("cannot find {file}: {error}"))?;
    Ok(whole.display().to_string())
}

/// The configuration with the entry, beside the one that is in force, so that relative paths mean the same; it is only
/// checked, and gone again.
struct Draft {
    path: PathBuf,
    text: String,
}

impl Draft {
    fn write(config: &Path, entry: &str) -> Result<Self, Failed> {
        let mut text = fs::read_to_string(config)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(entry);
        let draft = Self { path: beside(config), text };
        put(&draft.path, &draft.text, &fs::metadata(config)?)?;
        Ok(draft)
    }

    /// Takes the configuration's place: owner, group and mode stay as they were, and a link goes on leading to it.
    fn replace(self, config: &Path) -> io::Result<()> {
        let config = fs::canonicalize(config)?;
        let new = Self { path: beside(&config), text: self.text.clone() };
        put(&new.path, &new.text, &fs::metadata(&config)?)?;
        fs::rename(&new.path, config)
    }
}

fn beside(config: &Path) -> PathBuf {
    let name = config.file_name().unwrap_or_default().to_string_lossy().into_owned();
    config.with_file_name(format!(".{name}.new"))
}

/// A file that whoever could read the former can read, and nobody else.
fn put(path: &Path, text: &str, former: &Metadata) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (former.uid(), former.gid()) {
        fchown(&file, Some(former.uid()), Some(former.gid()))?;
    }
    // after the owner: a change of owner takes bits away
    file.set_permissions(former.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _replaced = fs::remove_file(&self.path);
    }
}
