use std::path::PathBuf;
use std::time::Duration;

use openssl::x509::X509;
use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::saml::certificates::ocsp::{Ocsp, is_http};
use crate::saml::certificates::{Crl, Settings, Usage, Watched};

/// A week: beyond it a list of those revoked is no news.
const LONGEST_GRACE_S: u64 = 7 * 24 * 3600;
/// Longer keys cost more than they give (NIST SP 800-57).
const LONGEST_RSA_BITS: u32 = 8192;

/// Whether responders are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Asking {
    #[default]
    Off,
    Ask,
}

/// What certificates must meet, by the names of the settings that say so.
pub(super) struct Rules<'r> {
    /// The section, as in `partner[0].issuer[1]`.
    pub(super) section: String,
    pub(super) roots: Vec<X509>,
    pub(super) crls: (&'static str, &'r [PathBuf]),
    pub(super) crl_grace_s: (&'static str, u64),
    pub(super) minimum_rsa_bits: (&'static str, u32),
    pub(super) ocsp: Asking,
    pub(super) ocsp_responder: (&'static str, Option<&'r str>),
}

/// A day.
pub(super) fn crl_grace_s() -> u64 {
    24 * 3600
}

/// 112 bits of security.
pub(super) fn minimum_rsa_bits() -> u32 {
    2048
}

/// Reads the lists, and joins all with the roots.
pub(super) fn read(rules: Rules<'_>, purpose: Usage, check: &mut Check<'_>) -> Option<Settings> {
    let mut settings = Settings::new(purpose, rules.roots);
    let (name, paths) = rules.crls;
    let key = format!("{}.{name}", rules.section);
    for path in paths {
        let bytes = check.bytes(&key, path)?;
        let mend = "name its CA's complete list, in PEM or DER; where there is none, ask its responder by OCSP";
        let crl = check.parsed(&key, Crl::read(&bytes), mend)?;
        check.watched.push(Watched::list(&key, &path.display().to_string(), &crl));
        settings.crls.push(crl);
    }
    let (name, grace) = rules.crl_grace_s;
    settings.crl_grace = match grace {
        0 => Duration::ZERO,
        _ => check.seconds(&format!("{}.{name}", rules.section), grace, LONGEST_GRACE_S)?,
    };
    let (name, responder) = rules.ocsp_responder;
    let key = format!("{}.{name}", rules.section);
    if let Some(other) = responder.filter(|url| !is_http(url)) {
        let mend = "write http:// (or https://), host and path, as in http://ocsp.example/ca";
        check.problem(&key, format!("`{other}` is no address to ask"), mend);
    }
    match rules.ocsp {
        Asking::Ask => {
            let responder = responder.map(str::to_owned);
            settings.ocsp = Some(Ocsp { inquiries: check.inquiries.clone(), responder });
        }
        Asking::Off if responder.is_some() => {
            check.problem(
                &key,
                "has no meaning where no responder is asked",
                "set ocsp to \"ask\", or remove it",
            );
        }
        Asking::Off => {}
    }
    let (name, bits) = rules.minimum_rsa_bits;
    if !(minimum_rsa_bits()..=LONGEST_RSA_BITS).contains(&bits) {
        let mend = format!("write a number from {} to {LONGEST_RSA_BITS}", minimum_rsa_bits());
        check.problem(&format!("{}.{name}", rules.section), "is out of range", &mend);
    }
    settings.minimum_rsa_bits = bits;
    Some(settings)
}
