//! Who asks and for what, in no protocol's words.

use std::fmt;

use crate::ids::{Coded, HomeCommunityId, PatientId};
use crate::purpose::Stated;

/// A person or system that a trusted issuer vouches for.
#[derive(Clone)]
pub struct Principal {
    claims: Claims,
}

/// What the issuer says of a principal.
#[derive(Clone, Default)]
pub struct Claims {
    /// The partner (by its configured name) whose connection and issuer carried the claims.
    pub partner: String,
    /// The assertion's id, which joins all records of one visit.
    pub assertion_id: String,
    /// Who vouches.
    pub issuer: String,
    /// The subject's name as the issuer knows it.
    pub subject: String,
    /// The subject's alias at the service provider.
    pub alias: Option<String>,
    /// The subject's name as people know it.
    pub name: Option<String>,
    /// The organization's name.
    pub organization: Option<String>,
    /// The organization's identifier as written.
    pub organization_id: Option<String>,
    /// The community that the subject belongs to, where stated.
    pub home_community: Option<HomeCommunityId>,
    /// The subject's roles.
    pub roles: Vec<Coded>,
    /// The provider identifiers (NPI and its kin) as written.
    pub provider_ids: Vec<String>,
    /// The purposes as stated.
    pub purposes: Stated,
    /// The patients the assertion speaks of, where stated.
    pub patients: Vec<PatientId>,
    /// How the subject was authenticated, where stated.
    pub authn_context: Option<String>,
}

impl Principal {
    /// Asserts that a trusted signature covers these claims; `saml` alone may say so (`tests/layers.rs`).
    #[must_use]
    pub fn assertion(claims: Claims) -> Self {
        Self { claims }
    }

    /// What the issuer says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The user as audit names him: `alias<user@issuer>` (ITI TF-2 3.40.4.2).
    #[must_use]
    pub fn user_name(&self) -> String {
        let claims = &self.claims;
        format!("{}<{}@{}>", claims.alias.as_deref().unwrap_or(""), claims.subject, claims.issuer)
    }
}

/// Subjects stay out of logs.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.claims.fmt(f)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("partner", &self.partner)
            .field("issuer", &self.issuer)
            .field("roles", &self.roles)
            .field("purposes", &self.purposes)
            .finish_non_exhaustive()
    }
}
