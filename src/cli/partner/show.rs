use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use openssl::hash::MessageDigest;
use openssl::x509::X509;
use toml::{Table, Value};

use crate::cli::{ConfigFile, Failed, read, say, say_all};

/// Shows a partner with its issuers, its defaults and profile filled in, and every certificate.
///
/// Try: glassgate partner show --config ./glassgate-demo/glassgate.toml riverside
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The partner's name.
    name: String,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = read(&options.file.config)?;
    let effective: Table = toml::from_str(&config.effective)?;
    let partner = entries(&effective, "partner")
        .find(|partner| named(partner) == Some(&options.name))
        .ok_or_else(|| unknown(&effective, &options.name))?;
    let listed = |issuer: &Table| {
        let lists = ["issuers", "relationship_issuers"].into_iter();
        let issuers = lists.filter_map(|key| partner.get(key)?.as_array()).flatten();
        let mut issuers = issuers.filter_map(Value::as_str);
        issuers.any(|one| Some(one) == named(issuer))
    };
    let issuers: Vec<&Table> = entries(&effective, "issuer").filter(|one| listed(one)).collect();
    let mut shown = Table::new();
    let tables = |all: &[&Table]| all.iter().map(|one| Value::Table((*one).clone())).collect();
    shown.insert("issuer".to_owned(), Value::Array(tables(&issuers)));
    shown.insert("partner".to_owned(), Value::Array(tables(&[partner])));
    say_all(toml::to_string_pretty(&shown)?.trim_end());

    let folder = options.file.config.parent().unwrap_or(Path::new(""));
    say_all("\nCertificates:");
    certificates(folder, partner, "tls_certificates")?;
    for issuer in issuers {
        certificates(folder, issuer, "certificates")?;
        certificates(folder, issuer, "roots")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn entries<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = &'t Table> {
    table.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn named(table: &Table) -> Option<&str> {
    table.get("name").and_then(Value::as_str).map(str::trim)
}

fn unknown(effective: &Table, name: &str) -> Failed {
    let known: Vec<&str> = entries(effective, "partner").filter_map(named).collect();
    format!("no partner is named `{name}`; there are: {}", known.join(", ")).into()
}

/// One line a certificate: the file, its subject, its end, its fingerprint.
fn certificates(folder: &Path, table: &Table, key: &str) -> Result<(), Failed> {
    let files = table.get(key).and_then(Value::as_array).into_iter().flatten();
    for file in files.filter_map(Value::as_str) {
        for certificate in X509::stack_from_pem(&std::fs::read(folder.join(file))?)? {
            let digest = certificate.digest(MessageDigest::sha256())?;
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let subject: Vec<String> = certificate
                .subject_name()
                .entries()
                .map(|entry| {
                    let kind = entry.object().nid().short_name().unwrap_or("OID");
                    let value = entry.data().to_string().unwrap_or_default();
                    format!("{kind}={value}")
                })
                .collect();
            let (until, subject) = (certificate.not_after(), subject.join(", "));
            say(&format!("  {key} {file}"));
            say(&format!("    {subject}"));
            say(&format!("    until {until}, SHA-256 {hex}"));
        }
    }
    Ok(())
}
