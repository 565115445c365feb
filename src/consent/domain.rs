use super::directory::Party;
use crate::ids::{Coded, HomeCommunityId};
use crate::labels::Confidentiality;

/// The rules of our own domain.
#[derive(Debug, Clone)]
pub struct Domain {
    /// What holds where no consent speaks.
    pub implicit: Implicit,
    /// The highest confidentiality that break-glass releases.
    pub ceiling: Confidentiality,
    /// Sensitivities that break-glass does not release, whatever their confidentiality.
    pub sealed: Vec<Coded>,
    /// Whether what 42 CFR Part 2 protects is released in an emergency without override (42 CFR 2.51).
    pub part_2_emergency: bool,
    /// Our community, by which a consent may name us as custodian.
    pub home: Option<HomeCommunityId>,
    /// Whether break-glass lifts a consent whose base denies.
    pub btg_overrides_opt_out: bool,
    /// Whether a consent's denial of break-glass itself holds.
    pub honour_patient_btg_ban: bool,
    /// Whether break-glass lifts a consent that cannot be enforced.
    pub btg_overrides_unenforceable: bool,
    /// Which of several consents in force decide.
    pub conflicts: Conflicts,
    /// Policies and their authorities by URI, the highest first: its consents decide before all others.
    pub authorities: Vec<String>,
    /// Whom consents mean by references of their own server.
    pub parties: Vec<Party>,
}

impl Default for Domain {
    fn default() -> Self {
        Self {
            implicit: Implicit::Deny,
            ceiling: Confidentiality::Restricted,
            // psychotherapy notes
            sealed: vec![Coded::new("PSYTHPN", "2.16.840.1.113883.5.4")],
            part_2_emergency: false,
            home: None,
            btg_overrides_opt_out: false,
            honour_patient_btg_ban: true,
            btg_overrides_unenforceable: true,
            conflicts: Conflicts::DenyOverrides,
            authorities: Vec::new(),
            parties: Vec::new(),
        }
    }
}

/// What holds where no consent speaks: the four overarching policies of IHE PCF's Implicit Option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implicit {
    /// Treatment is permitted: Policy-basic-normal.
    PermitTreatment,
    /// Every purpose that the partner's agreement admits is permitted: Policy-all-normal.
    PermitAll,
    /// Nothing is, save under break-glass up to its ceiling: Policy-break-glass-only.
    BreakGlassOnly,
    /// Nothing is: Policy-deny.
    Deny,
}

impl Implicit {
    /// Every policy.
    pub const ALL: [Self; 4] =
        [Self::PermitTreatment, Self::PermitAll, Self::BreakGlassOnly, Self::Deny];

    /// The URI that IHE PCF gives it.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::PermitTreatment => "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal",
            Self::PermitAll => "https://profiles.ihe.net/ITI/PCF/Policy-all-normal",
            Self::BreakGlassOnly => "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only",
            Self::Deny => "https://profiles.ihe.net/ITI/PCF/Policy-deny",
        }
    }
}

/// Which of several consents in force of one authority decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// All of them, and a denial wins.
    DenyOverrides,
    /// The one that was made last, and those that do not say when they were made.
    MostRecent,
}
