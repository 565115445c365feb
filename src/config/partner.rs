use std::path::PathBuf;

use openssl::hash::MessageDigest;
use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::dsig::Key;
use crate::ids::Coded;
use crate::policy::{Agreement, Etreat};
use crate::purpose::Purpose;
use crate::saml::{Demands, Issuer, Partner};

/// `[[partner]]`: one community that may ask, and what was agreed with it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) name: String,
    home_community_ids: Vec<String>,
    tls_certificates: Vec<PathBuf>,
    /// No default: what a partner means by ETREAT must be asked.
    etreat: Option<RawEtreat>,
    #[serde(default = "purposes")]
    purposes: Vec<String>,
    #[serde(default)]
    break_glass_roles: Vec<RawRole>,
    #[serde(default = "longest_lifetime_s")]
    longest_lifetime_s: u64,
    #[serde(default = "yes")]
    require_authn_statement: bool,
    #[serde(default)]
    pub(super) strict_packaging: bool,
    #[serde(default)]
    issuer: Vec<RawIssuer>,
}

/// `[[partner.issuer]]`: who vouches for the partner's users.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    name: String,
    certificates: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawEtreat {
    Treatment,
    BreakGlass,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    code: String,
    system: String,
}

/// Four hours, as eHDSI allows a health professional.
const DEFAULT_LIFETIME_S: u64 = 4 * 3600;
/// A day: beyond it an assertion is a standing key.
const LONGEST_LIFETIME_S: u64 = 24 * 3600;

fn longest_lifetime_s() -> u64 {
    DEFAULT_LIFETIME_S
}

fn purposes() -> Vec<String> {
    vec![Purpose::TREAT.code().to_owned()]
}

fn yes() -> bool {
    true
}

/// One partner as trust and as agreement.
pub(super) fn read(raw: &Raw, at: usize, check: &mut Check<'_>) -> Option<(Partner, Agreement)> {
    let key = |name: &str| format!("partner[{at}].{name}");
    if raw.name.trim().is_empty() {
        check.problem(
            &key("name"),
            "is empty",
            "give the partner a short name for logs and metrics",
        );
    }
    if raw.home_community_ids.is_empty() || raw.tls_certificates.is_empty() {
        let what = "needs at least one `home_community_ids` and one `tls_certificates`";
        check.problem(&key("name"), what, "ask the partner for both");
    }
    let communities: Vec<_> = raw
        .home_community_ids
        .iter()
        .filter_map(|id| check.home(&key("home_community_ids"), id))
        .collect();
    let mut tls_fingerprints = Vec::new();
    for path in &raw.tls_certificates {
        let found = check.certificates(&key("tls_certificates"), path).unwrap_or_default();
        // a file may hold the chain too: the client's own certificate comes first
        let digest = found.first().and_then(|leaf| leaf.digest(MessageDigest::sha256()).ok());
        tls_fingerprints.extend(digest.and_then(|digest| <[u8; 32]>::try_from(&*digest).ok()));
    }
    let issuers = issuers(raw, at, check);
    let longest_lifetime =
        check.seconds(&key("longest_lifetime_s"), raw.longest_lifetime_s, LONGEST_LIFETIME_S);
    let etreat = match raw.etreat {
        Some(RawEtreat::Treatment) => Some(Etreat::Treatment),
        Some(RawEtreat::BreakGlass) => Some(Etreat::BreakGlass),
        None => {
            let mend = "ask the partner whether ETREAT declares break-glass, and write \
                        \"treatment\" or \"break-glass\"";
            check.problem(&key("etreat"), "is missing, and it has no default", mend);
            None
        }
    };
    let mut allowed = Vec::new();
    for code in &raw.purposes {
        match Purpose::from_code(code) {
            Some(purpose) => allowed.push(purpose),
            None => check.problem(
                &key("purposes"),
                format!("`{code}` is no code of HL7 ActReason's PurposeOfUse"),
                "write codes such as TREAT, BTG, HPAYMT",
            ),
        }
    }
    let break_glass_roles: Vec<Coded> =
        raw.break_glass_roles.iter().map(|role| Coded::new(&role.code, &role.system)).collect();
    if break_glass_roles.iter().any(|role| role.code.is_empty() || role.system.is_empty()) {
        let mend =
            "write both, as in { code = \"309343006\", system = \"2.16.840.1.113883.6.96\" }";
        check.problem(&key("break_glass_roles"), "has a role without code or system", mend);
    }
    if allowed.contains(&Purpose::BTG) && break_glass_roles.is_empty() {
        check.warnings.push(format!(
            "partner `{}` may declare break-glass, but no role may: see `{}`",
            raw.name,
            key("break_glass_roles")
        ));
    }
    let partner = Partner {
        name: raw.name.trim().to_owned(),
        communities,
        tls_fingerprints,
        issuers,
        longest_lifetime: longest_lifetime?,
        require_authn_statement: raw.require_authn_statement,
        demands: Demands::default(),
    };
    let agreement = Agreement {
        partner: partner.name.clone(),
        purposes: allowed,
        break_glass_roles,
        etreat: etreat?,
    };
    Some((partner, agreement))
}

fn issuers(raw: &Raw, at: usize, check: &mut Check<'_>) -> Vec<Issuer> {
    if raw.issuer.is_empty() {
        let key = format!("partner[{at}].issuer");
        check.problem(
            &key,
            "is missing",
            "add a [[partner.issuer]] with `name` and `certificates`",
        );
    }
    let mut issuers: Vec<Issuer> = Vec::new();
    for (number, issuer) in raw.issuer.iter().enumerate() {
        if issuers.iter().any(|other| other.name == issuer.name) {
            let key = format!("partner[{at}].issuer[{number}].name");
            check.problem(&key, "is named twice", "list all of its certificates in one place");
        }
        let key = format!("partner[{at}].issuer[{number}].certificates");
        let mut keys = Vec::new();
        for path in &issuer.certificates {
            for certificate in check.certificates(&key, path).unwrap_or_default() {
                let parsed = Key::from_certificate(&certificate);
                keys.extend(check.parsed(
                    &key,
                    parsed,
                    "use RSA from 2048 bits, or P-256 to P-521",
                ));
            }
        }
        if issuer.certificates.is_empty() {
            check.problem(&key, "is empty", "name the issuer's signing certificates");
        }
        issuers.push(Issuer { name: issuer.name.clone(), keys });
    }
    issuers
}
