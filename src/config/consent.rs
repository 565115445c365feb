use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::consent::{Conflicts, Domain, Implicit, Party};
use crate::ids::{Coded, HomeCommunityId};
use crate::labels::Confidentiality;

/// `[consent]`: what holds where no patient decided, and what break-glass may override.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    implicit: String,
    break_glass_ceiling: String,
    btg_overrides_opt_out: bool,
    honour_patient_btg_ban: bool,
    btg_overrides_unenforceable: bool,
    conflicts: RawConflicts,
    authorities: Vec<String>,
    party: Vec<RawParty>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawConflicts {
    DenyOverrides,
    MostRecent,
}

/// `[[consent.party]]`: whom a reference in consents means.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParty {
    reference: String,
    #[serde(default)]
    organizations: Vec<String>,
    #[serde(default)]
    providers: Vec<String>,
    #[serde(default)]
    roles: Vec<RawRole>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    code: String,
    system: String,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            implicit: "deny".to_owned(),
            break_glass_ceiling: "R".to_owned(),
            btg_overrides_opt_out: false,
            honour_patient_btg_ban: true,
            btg_overrides_unenforceable: true,
            conflicts: RawConflicts::DenyOverrides,
            authorities: Vec::new(),
            party: Vec::new(),
        }
    }
}

pub(super) fn read(
    raw: &Raw,
    home: Option<HomeCommunityId>,
    check: &mut Check<'_>,
) -> Option<Domain> {
    let ceiling = Confidentiality::from_code(&raw.break_glass_ceiling);
    if ceiling.is_none() {
        let what = format!("`{}` is no confidentiality code", raw.break_glass_ceiling);
        check.problem("consent.break_glass_ceiling", what, "write one of U, L, M, N, R, V");
    }
    let implicit = implicit(&raw.implicit);
    if implicit.is_none() {
        let what = format!("`{}` is no implicit policy", raw.implicit);
        let mend = "write permit-treatment, permit-all, break-glass-only, deny, or the URI of one \
                    of IHE PCF's four policies";
        check.problem("consent.implicit", what, mend);
    }
    if raw.btg_overrides_opt_out && implicit == Some(Implicit::Deny) {
        let what = "contradicts `implicit`, under which break-glass releases nothing of a patient \
                    without a consent";
        let mend = "write implicit = \"break-glass-only\" beside it, or leave it false";
        check.problem("consent.btg_overrides_opt_out", what, mend);
    }
    if raw.btg_overrides_opt_out {
        let what = "`consent.btg_overrides_opt_out`: break-glass overrides patients who opted out";
        check.warnings.push(what.to_owned());
    }
    if !raw.honour_patient_btg_ban {
        let what =
            "`consent.honour_patient_btg_ban`: break-glass overrides patients who forbid just that";
        check.warnings.push(what.to_owned());
    }
    if raw.authorities.iter().any(|uri| uri.trim().is_empty()) {
        let mend = "write the URIs that consents have in `policy`, the highest first";
        check.problem("consent.authorities", "has an empty value", mend);
    }
    let parties = parties(&raw.party, check);
    Some(Domain {
        implicit: implicit?,
        ceiling: ceiling?,
        home,
        btg_overrides_opt_out: raw.btg_overrides_opt_out,
        honour_patient_btg_ban: raw.honour_patient_btg_ban,
        btg_overrides_unenforceable: raw.btg_overrides_unenforceable,
        conflicts: match raw.conflicts {
            RawConflicts::DenyOverrides => Conflicts::DenyOverrides,
            RawConflicts::MostRecent => Conflicts::MostRecent,
        },
        authorities: raw.authorities.iter().map(|uri| uri.trim().to_owned()).collect(),
        parties,
        ..Domain::default()
    })
}

/// A short name, or IHE PCF's URI.
fn implicit(text: &str) -> Option<Implicit> {
    match text {
        "permit-treatment" => Some(Implicit::PermitTreatment),
        "permit-all" => Some(Implicit::PermitAll),
        "break-glass-only" => Some(Implicit::BreakGlassOnly),
        "deny" => Some(Implicit::Deny),
        uri => Implicit::ALL.into_iter().find(|implicit| implicit.uri() == uri),
    }
}

fn parties(raw: &[RawParty], check: &mut Check<'_>) -> Vec<Party> {
    let mut references = BTreeSet::new();
    let mut parties = Vec::new();
    for (at, party) in raw.iter().enumerate() {
        let key = |name: &str| format!("consent.party[{at}].{name}");
        let reference = party.reference.trim();
        if reference.is_empty() || !references.insert(reference) {
            let mend = "write each reference once, as consents do, such as Organization/12";
            check.problem(&key("reference"), "is empty, or named twice", mend);
        }
        if party.organizations.is_empty() && party.providers.is_empty() && party.roles.is_empty() {
            let mend = "add `organizations`, `providers` or `roles`, as assertions state them";
            check.problem(&key("reference"), "means nobody", mend);
        }
        let values = party.organizations.iter().chain(&party.providers);
        if values.into_iter().any(|value| value.trim().is_empty())
            || party.roles.iter().any(|role| role.code.is_empty() || role.system.is_empty())
        {
            let mend = "write each value in full, and roles with code and system";
            check.problem(&key("reference"), "has an empty value", mend);
        }
        for role in party.roles.iter().filter(|role| !role.system.trim().is_empty()) {
            check.code_system(&key("roles"), &role.system);
        }
        let trimmed = |values: &[String]| values.iter().map(|v| v.trim().to_owned()).collect();
        parties.push(Party {
            reference: reference.to_owned(),
            organizations: trimmed(&party.organizations),
            providers: trimmed(&party.providers),
            roles: party.roles.iter().map(|role| Coded::new(&role.code, &role.system)).collect(),
        });
    }
    parties
}
