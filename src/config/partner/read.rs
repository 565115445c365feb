use openssl::hash::MessageDigest;

use super::{Raw, RawResourceId, demands, relationship};
use crate::config::break_glass;
use crate::config::check::Check;
use crate::config::partner_labels;
use crate::config::saml::Rules;
use crate::gateway::Manners;
use crate::ids::{Coded, HomeCommunityId};
use crate::labels::Outbound;
use crate::limits;
use crate::policy::{Agreement, Etreat};
use crate::purpose::Purpose;
use crate::saml::Partner;

/// Four hours, as eHDSI allows a health professional.
const DEFAULT_LIFETIME_S: u64 = 4 * 3600;

/// A partner, as each room knows it.
pub(in crate::config) struct Read {
    /// Its place in the file.
    pub(in crate::config) at: usize,
    /// Whom to believe.
    pub(in crate::config) partner: Partner,
    /// What was agreed.
    pub(in crate::config) agreement: Agreement,
    /// How its requests are handled.
    pub(in crate::config) manners: Manners,
    /// What it can do with labels.
    pub(in crate::config) outbound: Outbound,
}

/// Reads a partner and fills in its defaults.
pub(in crate::config) fn read(
    raw: &mut Raw,
    at: usize,
    rules: &Rules,
    check: &mut Check<'_>,
) -> Option<Read> {
    raw.profiled(at, check);
    let mut section = Section { at, check };
    let name = raw.name.clone().unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        let what = if raw.name.is_some() { "is empty" } else { "is missing" };
        section.problem("name", what, "give the partner a short name for logs and metrics");
    }
    let communities = section.communities(raw);
    let tls_fingerprints = section.tls_fingerprints(raw);
    let issuers = section.issuers(raw);
    let audiences = raw.audiences.get_or_insert_with(|| rules.audiences.clone()).clone();
    if audiences.is_empty() {
        let mend = "name at least one audience, or remove the key";
        section.problem("audiences", "is empty", mend);
    }
    let recipients = section.recipients(raw, rules);
    let skew = *raw.clock_skew_s.get_or_insert(rules.clock_skew.as_secs());
    let clock_skew = section.seconds("clock_skew_s", skew, limits::LONGEST_SKEW.as_secs());
    let lifetime = *raw.longest_lifetime_s.get_or_insert(DEFAULT_LIFETIME_S);
    let longest_lifetime =
        section.seconds("longest_lifetime_s", lifetime, limits::LONGEST_LIFETIME.as_secs());
    let demands = demands::read(raw, at, section.check);
    let relationship = relationship::read(raw, at, section.check);
    let partner = Partner {
        name: name.clone(),
        communities,
        tls_fingerprints,
        issuers,
        audiences,
        recipients,
        clock_skew: clock_skew.unwrap_or_default(),
        longest_lifetime: longest_lifetime.unwrap_or_default(),
        require_authn_statement: *raw.require_authn_statement.get_or_insert(true),
        authn_contexts: raw.authn_contexts.get_or_insert_default().clone(),
        one_time: *raw.one_time.get_or_insert(false),
        unique_ids: *raw.unique_ids.get_or_insert(false),
        demands,
        relationship,
    };
    // a relationship is one to a patient
    let unsaid = match raw.requires_relationship() {
        true => RawResourceId::Require,
        false => RawResourceId::default(),
    };
    if raw.requires_relationship()
        && raw.resource_id.is_some_and(|one| one != RawResourceId::Require)
    {
        section.check.warnings.push(format!(
            "partner[{at}].resource_id: a treatment relationship to a patient whom nothing here can be compared with \
             opens every patient's documents; leave it out, or write \"require\""
        ));
    }
    let manners = Manners {
        strict_packaging: *raw.strict_packaging.get_or_insert(false),
        resource_id: (*raw.resource_id.get_or_insert(unsaid)).into(),
    };
    let strip = *raw.strip_labels_outbound.get_or_insert(false);
    let outbound = partner_labels::read(raw.understood_labels.as_deref(), strip, at, section.check);
    let agreement = section.agreement(raw, name);
    Some(Read { at, partner, agreement: agreement?, manners, outbound })
}

/// Where a partner stands in the file.
struct Section<'c, 't> {
    at: usize,
    check: &'c mut Check<'t>,
}

impl Section<'_, '_> {
    fn key(&self, name: &str) -> String {
        format!("partner[{}].{name}", self.at)
    }

    fn problem(&mut self, name: &str, what: impl std::fmt::Display, mend: &str) {
        self.check.problem(&self.key(name), what, mend);
    }

    fn seconds(&mut self, name: &str, value: u64, ceiling: u64) -> Option<std::time::Duration> {
        self.check.seconds(&self.key(name), value, ceiling)
    }

    fn communities(&mut self, raw: &mut Raw) -> Vec<HomeCommunityId> {
        let key = self.key("home_community_ids");
        let written = raw.home_community_ids.get_or_insert_default();
        if written.is_empty() {
            self.check.problem(
                &key,
                "names no community",
                "ask the partner for its home community id",
            );
        }
        written.iter().filter_map(|id| self.check.home(&key, id)).collect()
    }

    fn tls_fingerprints(&mut self, raw: &mut Raw) -> Vec<[u8; 32]> {
        let key = self.key("tls_certificates");
        let written = raw.tls_certificates.get_or_insert_default();
        if written.is_empty() {
            let mend = "name the certificate that the partner connects with";
            self.check.problem(&key, "names no certificate", mend);
        }
        let mut fingerprints = Vec::new();
        for path in written.iter() {
            let found = self.check.certificates(&key, path).unwrap_or_default();
            // a file may hold the chain too: the client's own certificate comes first
            let digest = found.first().and_then(|leaf| leaf.digest(MessageDigest::sha256()).ok());
            fingerprints.extend(digest.and_then(|digest| <[u8; 32]>::try_from(&*digest).ok()));
            self.check.clients.push((key.clone(), found));
        }
        fingerprints
    }

    fn issuers(&mut self, raw: &mut Raw) -> Vec<String> {
        let issuers = raw.issuers.get_or_insert_default().clone();
        if issuers.is_empty() {
            let mend = "list the `name` of each [[issuer]] whose assertions it may bring";
            self.problem("issuers", "names no issuer", mend);
        }
        issuers
    }

    fn recipients(&mut self, raw: &mut Raw, rules: &Rules) -> Option<Vec<String>> {
        if *raw.any_recipient.get_or_insert(false) {
            if raw.recipients.is_some() {
                let mend = "keep `recipients` or `any_recipient`, not both";
                self.problem("any_recipient", "makes `recipients` void", mend);
            }
            return None;
        }
        Some(raw.recipients.get_or_insert_with(|| rules.recipients.clone()).clone())
    }

    fn agreement(&mut self, raw: &mut Raw, name: String) -> Option<Agreement> {
        let etreat = raw.etreat.map(Etreat::from);
        if etreat.is_none() {
            let mend = "ask the partner whether ETREAT declares break-glass, and write \
                        \"treatment\" or \"break-glass\"";
            self.problem("etreat", "is missing, and it has no default", mend);
        }
        let mut purposes = Vec::new();
        for code in raw.purposes.get_or_insert_with(|| vec![Purpose::TREAT.code().to_owned()]) {
            match Purpose::from_code(code) {
                Some(purpose) => purposes.push(purpose),
                None => {
                    let what = format!("`{code}` is no code of HL7 ActReason's PurposeOfUse");
                    self.problem("purposes", what, "write codes such as TREAT, BTG, HPAYMT");
                }
            }
        }
        if purposes.is_empty() {
            self.check.warnings.push(format!(
                "partner `{name}` may ask for no purpose, so all that it asks is refused: see `{}`",
                self.key("purposes")
            ));
        }
        let roles = raw.break_glass_roles.get_or_insert_default();
        let break_glass_roles: Vec<Coded> =
            roles.iter().map(|role| Coded::new(&role.code, &role.system)).collect();
        if break_glass_roles.iter().any(|role| role.code.is_empty() || role.system.is_empty()) {
            let mend =
                "write both, as in { code = \"309343006\", system = \"2.16.840.1.113883.6.96\" }";
            self.problem("break_glass_roles", "has a role without code or system", mend);
        }
        let key = self.key("break_glass_roles");
        for role in roles.iter().filter(|role| !role.system.trim().is_empty()) {
            self.check.code_system(&key, &role.system);
        }
        let glass = raw.break_glass.get_or_insert_default();
        if purposes.contains(&Purpose::BTG) && break_glass_roles.is_empty() && glass.no_members() {
            self.check.warnings.push(format!(
                "partner `{name}` may declare break-glass, but no role may: see `{}`",
                self.key("break_glass_roles")
            ));
        }
        if matches!(etreat, Some(Etreat::BreakGlass)) && !purposes.contains(&Purpose::BTG) {
            self.check.warnings.push(format!(
                "partner `{name}` means break-glass by ETREAT, and BTG is not agreed, so its ETREAT is refused: see `{}`",
                self.key("purposes")
            ));
        }
        let code_systems = raw.code_systems.get_or_insert_default();
        let key = self.key("code_systems");
        code_systems.iter().for_each(|system| self.check.code_system(&key, system));
        let code_systems = code_systems.iter().map(|system| bare(system)).collect();
        let break_glass = break_glass::read(glass, break_glass_roles, self.at, self.check);
        Some(Agreement { partner: name, purposes, code_systems, break_glass, etreat: etreat? })
    }
}

/// A code system as purposes carry it, without `urn:oid:`.
fn bare(system: &str) -> String {
    Coded::new("", system).system
}
