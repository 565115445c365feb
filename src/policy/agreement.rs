use crate::ids::Coded;
use crate::purpose::Purpose;

/// What all partners agreed to.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// One agreement for each partner.
    pub agreements: Vec<Agreement>,
}

/// What one partner agreed to.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// The partner's configured name.
    pub partner: String,
    /// Allowed purposes with all below them; BTG is below none and must be named itself.
    pub purposes: Vec<Purpose>,
    /// The systems that its purposes may be coded in; none where any known one may.
    pub code_systems: Vec<String>,
    /// The roles that may break glass, by code and system.
    pub break_glass_roles: Vec<Coded>,
    /// What this partner means by ETREAT.
    pub etreat: Etreat,
}

/// What a partner means by ETREAT; there is no default, since both are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Etreat {
    /// Emergency treatment by people provisioned for it.
    Treatment,
    /// The older convention: an override.
    BreakGlass,
}

impl Agreement {
    pub(super) fn allows(&self, purpose: Purpose) -> bool {
        if purpose == Purpose::BTG {
            return self.purposes.contains(&purpose);
        }
        self.purposes.iter().any(|root| purpose.is_a(*root))
    }

    pub(super) fn may_break_glass(&self, roles: &[Coded]) -> bool {
        roles.iter().any(|role| self.break_glass_roles.iter().any(|allowed| same(role, allowed)))
    }
}

/// Whether two roles are one code of one system; a role without a system is nobody's.
fn same(one: &Coded, other: &Coded) -> bool {
    let system = bare(&one.system);
    !system.is_empty() && system == bare(&other.system) && one.code == other.code
}

/// A system's OID where it has several names; roles come from SNOMED CT by OID and by URI.
fn bare(system: &str) -> &str {
    match system {
        "http://snomed.info/sct" => "2.16.840.1.113883.6.96",
        other => other.strip_prefix("urn:oid:").unwrap_or(other),
    }
}
