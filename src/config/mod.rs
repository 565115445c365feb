//! `glassgate.toml`: one file a section, checked before it is used.
//!
//! Every key is known (a typo is an error), every file that it names is read and parsed here, and relative
//! paths are relative to the file. A problem names the key, its line and what to do.

mod audit;
mod break_glass;
mod certificates;
mod check;
mod claim;
mod community;
mod consent;
mod explain;
mod glass;
mod issuer;
mod labels;
mod load;
mod log;
mod metadata;
mod open;
mod operator;
mod parse;
mod partner;
mod partner_labels;
mod problem;
mod profile;
mod reload;
mod review;
mod saml;
mod seen;
mod server;
mod trail;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};
use crate::saml::certificates::ocsp::Inquiries;
use crate::saml::certificates::{Unfit, Watchlist};
use check::Check;
pub use claim::Claim;
pub use explain::ExplainError;
pub use log::{Format, Level, LogSettings};
pub use open::{OpenError, Opened};
pub use operator::{NotAnOperator, Operator, account};
pub use problem::{Problem, Problems};
pub use profile::{names as profile_names, requires_relationship as profile_requires_relationship};
pub use reload::Reload;
pub use review::{Dossier, ReviewError};
pub use seen::Seen;
pub use trail::{Sought, TrailError};

/// Everything that a gateway needs, parsed.
#[derive(Debug)]
pub struct Config {
    /// Listeners and TLS.
    pub server: crate::server::Settings,
    /// Who we are and how the transactions behave.
    pub gateway: crate::gateway::Settings,
    /// Who may ask, what proves it, and what was agreed: what a reload changes.
    pub terms: crate::gateway::Terms,
    /// Where believed assertions are remembered.
    pub replay_memory: PathBuf,
    /// How many declarations of break-glass are usual.
    pub rates: crate::policy::Limits,
    /// Where each break-glass is reviewed.
    pub reviews: crate::audit::review::Settings,
    /// The accounts whose commands may show data.
    operators: Vec<String>,
    /// Where documents are.
    pub repository: crate::repository::embedded::Settings,
    /// How resources are loaded.
    pub ingest: crate::ingest::Settings,
    /// Where audit records are kept.
    pub journal: crate::audit::Settings,
    /// Where audit records go.
    pub delivery: crate::audit::delivery::Settings,
    /// How to log.
    pub log: LogSettings,
    /// What is allowed but unwise.
    pub warnings: Vec<String>,
    /// The configuration with its defaults filled in; keys stand there by file name only.
    pub effective: String,
    /// The file, and every file that was read with it.
    path: PathBuf,
    files: Vec<Seen>,
    /// The sections that only a restart changes, as they read with defaults filled in.
    fixed: reload::Fixed,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    community: community::Raw,
    server: server::Raw,
    #[serde(default)]
    saml: saml::Raw,
    #[serde(default)]
    consent: consent::Raw,
    #[serde(default)]
    labels: labels::Raw,
    #[serde(default)]
    break_glass: glass::Raw,
    #[serde(default)]
    jurisdiction: glass::RawJurisdiction,
    repository: RawRepository,
    audit: audit::Raw,
    #[serde(default)]
    log: LogSettings,
    #[serde(default)]
    issuer: Vec<issuer::Raw>,
    #[serde(default)]
    operator: Vec<operator::Raw>,
    #[serde(default)]
    partner: Vec<partner::Raw>,
}

/// `[repository]`: the embedded store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRepository {
    directory: PathBuf,
    #[serde(default = "readers")]
    readers: usize,
}

/// Two for each core of a small machine.
fn readers() -> usize {
    4
}

/// Reads and checks the whole file; either everything is usable or every problem is told.
pub fn read(path: &Path) -> Result<Config, Problems> {
    reread(path, Inquiries::default())
}

/// The same, knowing what responders have said under other settings.
fn reread(path: &Path, inquiries: Inquiries) -> Result<Config, Problems> {
    let seen = Seen::of(path);
    let files = vec![seen.clone()];
    let fail = |problems, files| Problems { path: path.to_path_buf(), problems, files };
    let text = fs::read_to_string(path).map_err(|error| {
        let (what, mend) = match error.kind() {
            io::ErrorKind::InvalidData => ("it is not UTF-8".to_owned(), "save it as UTF-8"),
            _ => (error.to_string(), "name the file with --config"),
        };
        let unread = Problem { key: String::new(), line: 0, what, mend: mend.to_owned() };
        fail(vec![unread], files.clone())
    })?;
    let raw: Raw = parse::parse(&text).map_err(|problems| fail(problems, files))?;
    let mut check = Check::new(path, &text, inquiries);
    check.files.push(seen);
    match assemble(raw, path, &mut check) {
        Some(config) if check.problems.is_empty() => Ok(config),
        _ => Err(fail(check.problems, check.files)),
    }
}

fn assemble(mut raw: Raw, path: &Path, check: &mut Check<'_>) -> Option<Config> {
    let community = community::read(&raw.community, check);
    let server = server::read(&raw.server, check);
    let public_url = raw.server.public_url();
    raw.server.public_url = Some(public_url.clone());
    let home = community.as_ref().map(|c| c.home.to_string()).unwrap_or_default();
    let mut ours = vec![home.clone()];
    for transaction in [crate::gateway::Transaction::Query, crate::gateway::Transaction::Retrieve] {
        ours.push(format!("{public_url}{}", transaction.path()));
    }
    let rules = saml::read(&mut raw.saml, &ours, check);
    let consent = consent::read(&raw.consent, community.as_ref().map(|c| c.home.clone()), check);
    let labeller = labels::read(&raw.labels, check);
    let host = host_of(&public_url);
    let glass = glass::read(&mut raw.break_glass, raw.audit.journal(), check);
    let audit = audit::read(&mut raw.audit, &home, &host, check);
    let operators = operator::read(&raw.operator, check);

    if raw.partner.is_empty() {
        check.warnings.push("no [[partner]]: nobody may ask".to_owned());
    }
    let issuers = issuer::read_all(&mut raw.issuer, check);
    let read: Vec<_> = raw
        .partner
        .iter_mut()
        .enumerate()
        .filter_map(|(at, partner)| partner::read(partner, at, &rules, check))
        .collect();
    partner::unique_names(&raw.partner, check);
    partner::known_issuers(&raw.partner, &issuers, check);
    partner::unique_certificates(&read, check);
    let (mut partners, mut agreements) = (Vec::new(), Vec::new());
    let (mut manners, mut outbound) = (BTreeMap::new(), BTreeMap::new());
    for read in read {
        manners.insert(read.partner.name.clone(), read.manners);
        outbound.insert(read.partner.name.clone(), read.outbound);
        partners.push(read.partner);
        agreements.push(read.agreement);
    }
    let replay_memory =
        raw.saml.replay_memory.get_or_insert_with(|| raw.audit.journal.with_extension("replay.db"));
    let replay_memory = check.path(replay_memory);
    if !(1..=64).contains(&raw.repository.readers) {
        check.problem("repository.readers", "is out of range", "write a number from 1 to 64");
    }
    let store = ("repository.directory", raw.repository.directory.as_path());
    check.apart(("audit.journal", raw.audit.journal()), store);

    if let Some(server) = &server {
        expect(server, check);
    }
    check.warn_of_ends();
    let (community, audit) = (community?, audit?);
    let labeller = Arc::new(labeller?);
    let repository = crate::repository::embedded::Settings {
        directory: check.path(&raw.repository.directory),
        readers: raw.repository.readers,
        rules: labeller.version().to_owned(),
    };
    Some(Config {
        gateway: crate::gateway::Settings {
            name: community.name,
            home: community.home.clone(),
            repository: community.repository.clone(),
            public_url,
            host,
            unknown_patient: community.unknown_patient,
        },
        ingest: crate::ingest::Settings {
            home: community.home,
            repository: community.repository,
            patient_authority: community.patient_authority,
            labeller,
        },
        terms: crate::gateway::Terms {
            trust: crate::saml::Trust::new(crate::saml::Settings {
                issuers,
                partners,
                generation: 0,
            }),
            policy: crate::policy::Settings { agreements },
            consents: crate::consent::Cache::new(crate::consent::Domain {
                sealed: glass.sealed,
                part_2_emergency: raw.jurisdiction.us_42_cfr_part_2_emergency,
                ..consent?
            }),
            manners,
            outbound,
            failures_per_s: rules.failures_per_s,
        },
        replay_memory,
        rates: glass.rates,
        reviews: glass.reviews,
        operators,
        server: crate::server::Settings {
            inquiries: check.inquiries.clone(),
            watched: Watchlist::new(std::mem::take(&mut check.watched)),
            ..server?
        },
        repository,
        journal: audit.journal,
        delivery: audit.delivery,
        log: raw.log,
        warnings: std::mem::take(&mut check.warnings),
        effective: toml::to_string_pretty(&raw).unwrap_or_default(),
        path: path.to_path_buf(),
        files: check.files.clone(),
        fixed: reload::Fixed::of(&raw),
    })
}

/// Has responders asked of the clients that partners are known by, before they come, and tells who would come in vain.
fn expect(server: &crate::server::Settings, check: &mut Check<'_>) {
    for (key, chain) in std::mem::take(&mut check.clients) {
        // when it ends is told of every certificate
        let doubts = server.acceptor.doubts(&chain, SystemClock.now());
        if let Some(unfit) = doubts.filter(|unfit| !matches!(unfit, Unfit::Dates { .. })) {
            let mend = "name its CA in `server.client_ca`, write what is between behind it into its file, or name the \
                        certificate that the partner connects with";
            check.warnings.push(format!("{key}: {unfit}; such a client is not believed: {mend}"));
        }
        for subject in server.acceptor.expect(&chain, SystemClock.now()) {
            let mend = "name one in `server.client_ocsp_responder`";
            check.warnings.push(format!("{key}: {subject} names no OCSP responder; {mend}"));
        }
    }
}

/// The host of an `https://host:port` address.
fn host_of(url: &str) -> String {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_matches(['[', ']']).to_owned()
}
