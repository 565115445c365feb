use super::access::NotHonoured;
use crate::ids::Coded;
use crate::principal::Claims;

/// What was agreed with one partner on break-glass.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The roles that may declare it, by code and system.
    pub roles: Vec<Coded>,
    /// The people who may, whatever their role: a NameID of the partner's, or a provider identifier.
    pub members: Vec<String>,
    /// How a user must have been authenticated (AuthnContextClassRef); empty takes any.
    pub authn_contexts: Vec<String>,
    /// Where the reason for a declaration comes from.
    pub rationale: Rationale,
    /// The attribute by which the partner says that its user was warned, where that was agreed.
    pub acknowledgement: Option<String>,
    /// How a declaration is answered that is not honoured.
    pub not_honoured: Answer,
    /// What those who may break glass are told under treatment.
    pub telling: Telling,
}

/// Where the reason for a declaration comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Rationale {
    /// It is given afterwards, in the review that each override opens.
    #[default]
    Deferred,
    /// The assertion carries it in this attribute.
    Asserted {
        /// The attribute's Name.
        attribute: String,
        /// How short a reason may be.
        least_characters: usize,
        /// Whether a declaration without it is not honoured; else its reason is deferred.
        required: bool,
    },
}

/// How a declaration is answered that is not honoured; the same for all reasons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answer {
    /// As treatment, with one constant warning.
    #[default]
    Warning,
    /// As treatment, without a word.
    Silent,
    /// With nothing but an error.
    Failure,
}

/// What those who may break glass are told under treatment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Telling {
    /// Nothing.
    #[default]
    None,
    /// One warning where break-glass would release more.
    Warning {
        /// The warning's code; by default the transaction's general one.
        code: Option<String>,
    },
}

impl Terms {
    /// Whether this user may declare break-glass, leaving aside what only a declaration must bring.
    pub(super) fn entitled(&self, claims: &Claims) -> Result<(), NotHonoured> {
        let by_role = claims.roles.iter().any(|role| self.roles.iter().any(|one| same(role, one)));
        if !by_role && !self.members.iter().any(|member| is_member(member, claims)) {
            return Err(NotHonoured::Role);
        }
        let context = claims.authn_context.as_ref();
        let strong = self.authn_contexts.is_empty()
            || context.is_some_and(|context| self.authn_contexts.contains(context));
        if strong { Ok(()) } else { Err(NotHonoured::Authentication) }
    }

    /// Whether a declaration brings all that was agreed; gives the reason that it states.
    pub(super) fn hold(&self, claims: &Claims) -> Result<Option<String>, NotHonoured> {
        self.entitled(claims)?;
        let says_yes = |value: &str| matches!(value.trim(), "true" | "1");
        if let Some(attribute) = &self.acknowledgement
            && !claims.other(attribute).any(says_yes)
        {
            return Err(NotHonoured::Acknowledgement);
        }
        let Rationale::Asserted { attribute, least_characters, required } = &self.rationale else {
            return Ok(None);
        };
        let stated = claims.other(attribute).collect::<Vec<_>>().join("; ");
        // letters and digits: a row of dots is no reason
        let said = stated.chars().filter(|c| c.is_alphanumeric()).count();
        match (said >= *least_characters && said > 0, required) {
            (true, _) => Ok(Some(stated)),
            (false, true) => Err(NotHonoured::Rationale),
            (false, false) => Ok(None),
        }
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

/// Exactly as the issuer writes it; an empty text is nobody.
fn is_member(member: &str, claims: &Claims) -> bool {
    let provider = || claims.provider_ids.iter().any(|id| id == member);
    !member.is_empty() && (claims.subject == member || provider())
}
