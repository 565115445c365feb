use super::terms::Terms;
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
    /// Who may break glass, and how.
    pub break_glass: Terms,
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
}
