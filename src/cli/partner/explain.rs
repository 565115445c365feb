use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use openssl::x509::X509;

use super::captured::Captured;
use super::mend;
use crate::audit::{Endpoint, Event, Explained, Journal};
use crate::cli::{ConfigFile, Failed, read, say};
use crate::clock::{Clock, SystemClock, SystemRandom, Timestamp};
use crate::config::{self, Config};
use crate::gateway::{self, Arrival, Finding, Rehearsal, Transaction};
use crate::ids::Coded;
use crate::policy::{Access, BreakGlass};
use crate::principal::Claims;
use crate::saml::{Assertion, Partner, Peer};
use crate::soap::Message;
use crate::xml::{self, Bounds, ns};

/// Explains, check by check, what would become of a captured SOAP message; the exit code is 1 if it would be refused.
///
/// The message is an envelope, an MTOM multipart, or a whole HTTP request, as a proxy or a log kept it. The checks are
/// those of the running gateway; nothing is answered, remembered or released. What the assertion says stays masked
/// unless --show asks for it. Either way the audit journal has a record of it.
///
/// Try: glassgate partner test --config ./glassgate-demo/glassgate.toml ./glassgate-demo/captured/tampered.xml
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The captured message.
    #[arg(value_name = "FILE")]
    message: PathBuf,
    /// The TLS client certificate that it came with, PEM; by default that of the partner that may bring its issuer.
    #[arg(long, value_name = "CERT")]
    client: Option<PathBuf>,
    /// When it came, as 2026-11-22T12:00:00Z; by default now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The transaction; by default that of the request's path, or of its wsa:Action.
    #[arg(long, value_enum)]
    transaction: Option<Kind>,
    /// Show what the assertion says of user and patient; for operators alone.
    #[arg(long)]
    show: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// ITI-38.
    Query,
    /// ITI-39.
    Retrieve,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = read(&options.file.config)?;
    let bytes = fs::read(&options.message)
        .map_err(|error| format!("cannot read {}: {error}", options.message.display()))?;
    // what is masked anybody may see who may read the configuration
    let operator =
        if options.show { config.operator()?.account().to_owned() } else { config::account() };
    let mut captured = Captured::read(&bytes);
    match options.transaction {
        Some(Kind::Query) => captured.transaction = Transaction::Query,
        Some(Kind::Retrieve) => captured.transaction = Transaction::Retrieve,
        None => {}
    }
    let at = match &options.at {
        Some(text) => {
            Timestamp::parse(text).ok_or("--at is a time such as 2026-11-22T12:00:00Z")?
        }
        None => SystemClock.now(),
    };
    let claims = match claims(&captured) {
        Ok(claims) => claims,
        Err(error) => {
            let file = options.message.display();
            return Err(format!(
                "{file} is no SOAP message: {error}; name an envelope, a multipart, or an HTTP request with its body"
            )
            .into());
        }
    };
    let (peer, guessed) = options.peer(&config, &claims)?;
    let Captured { transaction, content_type, body } = captured;
    let arrival = Arrival { peer, content_type, body };
    let endpoint =
        Endpoint { uri: config.gateway.public_url.clone(), host: config.gateway.host.clone() };
    let journal = Journal::open(config.journal, &SystemRandom)?;
    let rehearsal = gateway::rehearse(&config.gateway, config.terms, transaction, &arrival, at);

    // on record before anything is shown
    let event = Event::message_explained(&Explained {
        at: SystemClock.now(),
        endpoint,
        operator,
        file: options.message.display().to_string(),
        shown: options.show,
        verdict: verdict(&rehearsal),
    });
    let _receipt = journal.record_blocking(SystemClock.now(), &[event])?;

    if let Some(partner) = guessed {
        say(&format!("--client is not given: judged as sent by {partner}"));
        say("");
    }
    say(&format!("{} at {at}", transaction.name()));
    say("");
    rehearsal.findings.iter().for_each(|finding| tell(finding, options.show));
    let alone = claims.len() == 1;
    for (at, claims) in claims.iter().enumerate() {
        let which =
            if alone { "The assertion".to_owned() } else { format!("Assertion {}", at + 1) };
        say_of(&which, claims, rehearsal.verified, options.show);
    }
    if let Some(access) = &rehearsal.access {
        say_glass(access);
    }
    say("");
    say(&verdict(&rehearsal));
    let late =
        |finding: &Finding| finding.refused.as_ref().is_some_and(|(c, _)| TIMELY.contains(c));
    if options.at.is_none() && rehearsal.findings.iter().any(late) {
        say(
            "it was judged as if it came now; --at, with the time when it came, judges it as of then",
        );
    }
    Ok(if rehearsal.access.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    /// Who sent it: by certificate, or as the one partner that may bring the claimed issuer.
    fn peer(&self, config: &Config, claims: &[Claims]) -> Result<(Peer, Option<String>), Failed> {
        let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        if let Some(path) = &self.client {
            let pem = fs::read(path).map_err(|error| {
                let file = path.display();
                format!("cannot read {file}: {error}; --client names a certificate, PEM")
            })?;
            let certificate = X509::from_pem(&pem).map_err(|_| {
                format!("{} holds no certificate; --client names one, PEM", path.display())
            })?;
            return Ok((Peer::of(&certificate, address)?, None));
        }
        let brings = |partner: &&Partner| {
            let second = partner.relationship.iter().flat_map(|agreed| &agreed.issuers);
            let listed: Vec<_> = partner.issuers.iter().chain(second).collect();
            // of two assertions both, as two countries may have one issuer in common
            !claims.is_empty() && claims.iter().all(|one| listed.contains(&&one.issuer))
        };
        let partners = &config.terms.trust.settings().partners;
        let mut fitting = partners.iter().filter(brings);
        match (fitting.next(), fitting.next()) {
            (Some(partner), None) => {
                let fingerprint = partner.tls_fingerprints.first().copied().unwrap_or_default();
                // its key is not known: who holds a key as TLS client is asked for with --client
                let (key_fingerprint, subject) = ([0; 32], String::new());
                let peer = Peer { fingerprint, key_fingerprint, address, subject };
                Ok((peer, Some(partner.name.clone())))
            }
            (found, _) => {
                let issuers: Vec<_> = claims.iter().map(|one| one.issuer.as_str()).collect();
                let issuers = issuers.join(" and ");
                let why = match (claims, found) {
                    ([], _) => "it has no assertion that can be read".to_owned(),
                    (_, Some(_)) => format!("several partners may bring assertions of {issuers}"),
                    (_, None) => format!("no partner may bring assertions of {issuers}"),
                };
                Err(format!(
                    "{why}, so who sent it cannot be told: name the TLS client certificate that it came with, --client"
                )
                .into())
            }
        }
    }
}

/// What the assertions of a message say, one or two of them, whether or not they are to be believed; none where it has
/// none.
fn claims(captured: &Captured) -> Result<Vec<Claims>, Failed> {
    let message = Message::unpack(captured.content_type.as_deref(), captured.body.clone())?;
    let document = xml::parse(message.xml(), Bounds::REQUEST)?;
    if !document.root().has_tag_name((ns::SOAP, "Envelope")) {
        return Err("its first element is no SOAP 1.2 Envelope".into());
    }
    let assertions = document.root().descendants();
    let assertions = assertions.filter(|node| node.has_tag_name((ns::SAML, "Assertion"))).take(2);
    let read = assertions.filter_map(|node| Assertion::read(node).ok());
    Ok(read.map(|read| read.claims().clone()).collect())
}

/// Codes of refusals that time brings.
const TIMELY: [&str; 6] = [
    "expired",
    "not-yet-valid",
    "issued-in-future",
    "session-ended",
    "confirmation-expired",
    "timestamp-expired",
];

/// One check, and how to mend what failed.
fn tell(finding: &Finding, show: bool) {
    let Some((code, reason)) = &finding.refused else {
        say(&format!("ok       {}", finding.title));
        return;
    };
    let (meaning, what) = mend::of(code, finding.trust).unwrap_or_default();
    // what attributes say stands in the sentence of these alone
    let sentence = if finding.names_values && !show { meaning } else { reason };
    // some say themselves what they are about
    let title = format!("{}: ", finding.title);
    let sentence = sentence.strip_prefix(&title).unwrap_or(sentence);
    say(&format!("REFUSED  {title}{sentence} ({code})"));
    if !what.is_empty() {
        say(&format!("         to mend it: {what}"));
    }
}

/// What would become of it, in one line.
fn verdict(rehearsal: &Rehearsal) -> String {
    let partner = rehearsal.partner.as_deref().unwrap_or("nobody known");
    let refused = rehearsal.findings.iter().find_map(|finding| finding.refused.as_ref());
    match (&rehearsal.access, refused) {
        (Some(_), _) => format!("would be admitted, from {partner}"),
        (None, Some((code, _))) => format!("would be refused, from {partner}: {code}"),
        (None, None) => format!("would be refused, from {partner}"),
    }
}

fn say_of(which: &str, claims: &Claims, verified: bool, show: bool) {
    let believed = if verified { "verified" } else { "UNVERIFIED" };
    say("");
    say(&format!("{which} says ({believed}):"));
    let codes = |codes: &[Coded]| -> Vec<String> {
        codes.iter().map(|code| format!("{}@{}", code.code, code.system)).collect()
    };
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let home = claims.home_community.iter().map(ToString::to_string).collect();
    let patients = claims.patients.iter().map(ToString::to_string).collect();
    let purposes = [codes(&claims.purposes.coded), claims.purposes.plain.clone()].concat();
    say(&format!("  issuer          {}", claims.issuer));
    for (name, values) in [
        ("subject", vec![claims.subject.clone()]),
        ("name", one(&claims.name)),
        ("purposes", purposes),
        ("roles", codes(&claims.roles)),
        ("patients", patients),
        ("home community", home),
        ("organization", one(&claims.organization)),
        ("organizations", claims.organization_ids.clone()),
        ("provider ids", claims.provider_ids.clone()),
        ("authn context", one(&claims.authn_context)),
    ] {
        let shown = match (values.len(), show) {
            (0, _) => "-".to_owned(),
            (_, true) => values.join(" "),
            (1, false) => "***".to_owned(),
            (count, false) => format!("*** ({count} values)"),
        };
        say(&format!("  {name:15} {shown}"));
    }
}

fn say_glass(access: &Access) {
    let break_glass = match access.break_glass() {
        BreakGlass::NotDeclared => "not declared",
        BreakGlass::Honoured(_) => "declared, and honoured",
        BreakGlass::NotHonoured(why) => why.reason(),
    };
    say(&format!("  {:15} {break_glass}", "break-glass"));
}
