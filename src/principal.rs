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
    /// The treatment relationship that a second assertion confirms, where the partner brings two.
    pub relationship: Option<Relationship>,
    /// Who vouches.
    pub issuer: String,
    /// The subject's name as the issuer knows it.
    pub subject: String,
    /// The subject's alias at the service provider.
    pub alias: Option<String>,
    /// The subject's name as people know it.
    pub name: Option<String>,
    /// The organization's name, the first of several.
    pub organization: Option<String>,
    /// Every organization the subject acts for: a bare OID, `urn:hl7ii:<root>:<extension>`, or as written.
    pub organization_ids: Vec<String>,
    /// The community that the subject belongs to, where stated.
    pub home_community: Option<HomeCommunityId>,
    /// The subject's roles; one that came as plain text has no system and matches no rule.
    pub roles: Vec<Coded>,
    /// The provider identifiers (NPI and its kin), in the forms of `organization_ids`.
    pub provider_ids: Vec<String>,
    /// The purposes as stated.
    pub purposes: Stated,
    /// The patients the assertion speaks of, where stated.
    pub patients: Vec<PatientId>,
    /// How many more patients are stated without an assigning authority, so that they cannot be compared.
    pub unassigned_patients: usize,
    /// How many more patients are stated in no readable form, so that they may be anybody.
    pub unreadable_patients: usize,
    /// The highest confidentiality that is asked for, as codes; several mean the lowest, an unknown one the least.
    pub confidentiality_ceilings: Vec<String>,
    /// How the subject was authenticated, where stated.
    pub authn_context: Option<String>,
    /// Attributes with a meaning that only an agreement knows: Name and text of each value.
    pub others: Vec<(String, String)>,
}

/// What confirms that the user treats the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// The id of the assertion that says so.
    pub assertion_id: String,
    /// Who vouches for it.
    pub issuer: String,
}

impl Principal {
    /// Asserts that a trusted signature covers these claims; `saml` alone may say so (`tests/layers.rs`).
    #[must_use]
    pub fn assertion(claims: Claims) -> Self {
        Self { claims }
    }

    /// Supposes that somebody said so, to see what would be decided; `gateway/explain.rs` alone may (`tests/layers.rs`).
    #[must_use]
    pub fn supposed(claims: Claims) -> Self {
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
        self.claims.user_name()
    }
}

impl Claims {
    /// The user as audit names him: `alias<user@issuer>` (ITI TF-2 3.40.4.2).
    #[must_use]
    pub fn user_name(&self) -> String {
        let alias = self.alias.as_deref().unwrap_or("");
        format!("{alias}<{}@{}>", self.subject, self.issuer)
    }

    /// The assertion that a declaration of break-glass counts by: of two the second, which is made for one patient.
    #[must_use]
    pub fn declaration_id(&self) -> &str {
        let second = self.relationship.as_ref().map(|relationship| &relationship.assertion_id);
        second.unwrap_or(&self.assertion_id)
    }

    /// The values of an attribute that only an agreement knows.
    pub fn other<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        let values = self.others.iter().filter(move |(other, _)| other == name);
        values.map(|(_, value)| value.as_str())
    }
}

/// Subjects, patients and free text stay out of logs.
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
            .field("purposes", &self.purposes.coded)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_named_as_audit_wants_and_never_in_debug() {
        let mut claims = Claims {
            subject: "John.Doe".into(),
            issuer: "https://idp.example".into(),
            ..Claims::default()
        };
        let user = Principal::assertion(claims.clone());
        assert_eq!(user.user_name(), "<John.Doe@https://idp.example>");
        claims.alias = Some("JD".into());
        let user = Principal::assertion(claims);
        assert_eq!(user.user_name(), "JD<John.Doe@https://idp.example>");
        assert!(!format!("{user:?}").contains("John"));
    }
}
