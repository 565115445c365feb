use std::collections::BTreeSet;
use std::path::PathBuf;

use openssl::x509::{X509, X509Ref};
use serde::{Deserialize, Serialize};

use super::certificates::{self, Asking, Rules};
use super::check::Check;
use super::metadata;
use crate::clock::{Clock, SystemClock};
use crate::dsig::Key;
use crate::saml::certificates::{Authority, Standing, Usage, Watched};
use crate::saml::{Authorities, Issuer, Keys, Names, Subject};

/// `[[issuer]]`: who signs assertions, for one partner or for many.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) name: Option<String>,
    trust: Trust,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<PathBuf>,
    metadata: Option<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roots: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    intermediates: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crls: Vec<PathBuf>,
    crl_grace_s: Option<u64>,
    minimum_rsa_bits: Option<u32>,
    ocsp: Asking,
    ocsp_responder: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternative_names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trust {
    #[default]
    Pinned,
    Ca,
}

/// Reads every issuer; each name stands once.
pub(super) fn read_all(raw: &mut [Raw], check: &mut Check<'_>) -> Vec<Issuer> {
    let mut names = BTreeSet::new();
    let mut issuers = Vec::new();
    for (at, raw) in raw.iter_mut().enumerate() {
        let Some(issuer) = read(raw, at, check) else { continue };
        if !names.insert(issuer.name.clone()) {
            let mend = "list all of its certificates in one [[issuer]]";
            check.problem(&format!("issuer[{at}].name"), "is named twice", mend);
        }
        issuers.push(issuer);
    }
    issuers
}

fn read(raw: &mut Raw, at: usize, check: &mut Check<'_>) -> Option<Issuer> {
    let key = |name: &str| format!("issuer[{at}].{name}");
    let entity = raw.metadata.clone().and_then(|path| {
        let bytes = check.bytes(&key("metadata"), &path)?;
        let read = metadata::read(&bytes, raw.name.as_deref());
        let mend = "ask the issuer for its SAML 2.0 metadata anew";
        let entity = check.parsed(&key("metadata"), read, mend)?;
        let file = path.display().to_string();
        let watched = |one: &X509| Watched::new(&key("metadata"), &file, one).ok();
        check.watched.extend(entity.certificates.iter().filter_map(watched));
        Some(entity)
    });
    if let (None, Some(entity)) = (&raw.name, &entity) {
        raw.name = Some(entity.name.clone());
    }
    let name = raw.name.clone().unwrap_or_default();
    if name.trim().is_empty() && raw.metadata.is_none() {
        let mend = "write the exact text of the assertion's Issuer, or name its `metadata`";
        check.problem(&key("name"), "is missing", mend);
    }
    let keys = match raw.trust {
        Trust::Pinned => {
            let offered = entity.map(|entity| entity.certificates).unwrap_or_default();
            unused(&key("subjects"), raw.subjects.is_empty(), "pinned", check);
            unused(&key("alternative_names"), raw.alternative_names.is_empty(), "pinned", check);
            pinned(raw, offered, at, check)
        }
        Trust::Ca => {
            unused(&key("certificates"), raw.certificates.is_empty(), "ca", check);
            unused(&key("metadata"), raw.metadata.is_none(), "ca", check);
            chained(raw, at, check)?
        }
    };
    (!name.trim().is_empty()).then_some(Issuer { name, keys })
}

/// A key that the kind of trust does not look at would mislead whoever reads the file.
fn unused(key: &str, absent: bool, trust: &str, check: &mut Check<'_>) {
    if !absent {
        let what = format!("has no meaning with trust = \"{trust}\"");
        check.problem(key, what, "remove it, or change `trust`");
    }
}

/// Pinned certificates are believed as they are; where the issuer has `roots`, as long as they chain to one.
fn pinned(raw: &Raw, offered: Vec<X509>, at: usize, check: &mut Check<'_>) -> Keys {
    let key = &format!("issuer[{at}].certificates");
    let authority = if raw.roots.is_empty() {
        unchained(raw, at, check);
        None
    } else {
        authority(raw, at, check)
    };
    let mut certificates = offered;
    for path in &raw.certificates {
        certificates.extend(check.certificates(key, path).unwrap_or_default());
    }
    if certificates.is_empty() && raw.certificates.is_empty() && raw.metadata.is_none() {
        let mend = "name the issuer's signing certificates, or its `metadata`";
        check.problem(key, "is missing", mend);
    }
    let Some(authority) = authority else {
        let mend = "use RSA from 2048 bits, or P-256 to P-521";
        let read = |one: &X509| check.parsed(key, Key::from_certificate(one), mend);
        return Keys::Pinned(certificates.iter().filter_map(read).collect());
    };
    let standing = certificates.iter().filter_map(|one| {
        match authority.key(one, &certificates, SystemClock.now()) {
            // a problem would keep the former settings, and with them a key that was revoked
            Err(unfit) if unfit.is_of_its_time() => {
                check.warnings.push(format!("{key}: {unfit}; it is left out"));
                None
            }
            chained => {
                let mend = "name its CA in `roots`, or take it out";
                check.parsed(key, chained, mend)
            }
        }
    });
    let standing: Vec<(Key, Standing)> = standing.collect();
    for (_, standing) in &standing {
        let nowhere = standing.unasked().map(|subject| {
            format!("{key}: {subject} names no OCSP responder; name one in `ocsp_responder`")
        });
        check.warnings.extend(nowhere);
    }
    match raw.ocsp {
        Asking::Ask => Keys::Asked(standing.into_iter().collect()),
        Asking::Off => Keys::Pinned(standing.into_iter().map(|(key, _)| key).collect()),
    }
}

fn chained(raw: &Raw, at: usize, check: &mut Check<'_>) -> Option<Keys> {
    let key = |name: &str| format!("issuer[{at}].{name}");
    if raw.roots.is_empty() {
        let mend = "name the PEM files of the CAs whose certificates the issuer signs with";
        check.problem(&key("roots"), "is missing", mend);
    }
    let authority = authority(raw, at, check);
    let mend =
        "write it as in \"CN=sts.example, O=Example\"; `openssl x509 -noout -subject` shows it";
    let mut subjects = Vec::new();
    for text in &raw.subjects {
        match Subject::parse(text) {
            Some(subject) => subjects.push(subject),
            None => check.problem(&key("subjects"), format!("`{text}` is no subject"), mend),
        }
    }
    if raw.subjects.is_empty() && raw.alternative_names.is_empty() {
        let what = "or `alternative_names` is missing: any certificate of the CA would do";
        check.problem(&key("subjects"), what, mend);
    }
    let names = Names { subjects, alternative: raw.alternative_names.clone() };
    Some(Keys::Authorities(Box::new(Authorities::new(authority?, names))))
}

/// What the certificates of an issuer must chain to.
fn authority(raw: &Raw, at: usize, check: &mut Check<'_>) -> Option<Authority> {
    let section = format!("issuer[{at}]");
    let key = format!("{section}.roots");
    let mut roots = Vec::new();
    for path in &raw.roots {
        roots.extend(check.certificates(&key, path).unwrap_or_default());
    }
    if !roots.iter().all(|root| is_root(root)) {
        let mend = "name the certificates that end the chain, those whose issuer is themselves";
        check.problem(&key, "holds a certificate that is no root", mend);
    }
    let mut intermediates = Vec::new();
    for path in &raw.intermediates {
        let key = format!("{section}.intermediates");
        intermediates.extend(check.certificates(&key, path).unwrap_or_default());
    }
    let rules = Rules {
        section,
        roots,
        crls: ("crls", &raw.crls),
        crl_grace_s: ("crl_grace_s", raw.crl_grace_s.unwrap_or_else(certificates::crl_grace_s)),
        minimum_rsa_bits: (
            "minimum_rsa_bits",
            raw.minimum_rsa_bits.unwrap_or_else(certificates::minimum_rsa_bits),
        ),
        ocsp: raw.ocsp,
        ocsp_responder: ("ocsp_responder", raw.ocsp_responder.as_deref()),
    };
    let mut settings = certificates::read(rules, Usage::Signing, check)?;
    settings.intermediates = intermediates;
    check.parsed(&key, Authority::new(settings), "name PEM files of CA certificates")
}

/// What has a meaning only where there is something to chain to.
fn unchained(raw: &Raw, at: usize, check: &mut Check<'_>) {
    let mend = "name the CAs in `roots`, or remove it";
    for (name, absent) in [
        ("intermediates", raw.intermediates.is_empty()),
        ("crls", raw.crls.is_empty()),
        ("crl_grace_s", raw.crl_grace_s.is_none()),
        ("minimum_rsa_bits", raw.minimum_rsa_bits.is_none()),
        ("ocsp", raw.ocsp == Asking::Off),
        ("ocsp_responder", raw.ocsp_responder.is_none()),
    ] {
        if !absent {
            check.problem(&format!("issuer[{at}].{name}"), "has no meaning without `roots`", mend);
        }
    }
}

fn is_root(certificate: &X509Ref) -> bool {
    certificate.issued(certificate) == openssl::x509::X509VerifyResult::OK
}
