//! The second assertion of a partner whose users' treatment relationships are confirmed (eHDSI).

use serde::{Deserialize, Serialize};

use super::Raw;
use crate::config::check::Check;
use crate::limits;
use crate::saml::Relationship;

/// Two hours, as eHDSI allows the confirmation of a treatment relationship.
const DEFAULT_LIFETIME_S: u64 = 2 * 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum RawRelationship {
    #[default]
    None,
    Require,
}

/// Reads what a second assertion must meet, and fills in its defaults.
pub(super) fn read(raw: &mut Raw, at: usize, check: &mut Check<'_>) -> Option<Relationship> {
    let key = |name: &str| format!("partner[{at}].{name}");
    if *raw.treatment_relationship.get_or_insert_default() == RawRelationship::None {
        for (name, absent) in [
            ("relationship_issuers", raw.relationship_issuers.is_none()),
            ("relationship_qualifier", raw.relationship_qualifier.is_none()),
            ("relationship_lifetime_s", raw.relationship_lifetime_s.is_none()),
        ] {
            if !absent {
                let what = "has no meaning without treatment_relationship = \"require\"";
                check.problem(&key(name), what, "require the relationship, or remove the key");
            }
        }
        return None;
    }
    let issuers = raw.relationship_issuers.get_or_insert_default().clone();
    if issuers.is_empty() {
        let mend =
            "list the `name` of each [[issuer]] that may confirm its treatment relationships";
        check.problem(&key("relationship_issuers"), "names no issuer", mend);
    }
    let qualifier = raw.relationship_qualifier.clone();
    if qualifier.as_ref().is_some_and(|qualifier| qualifier.trim().is_empty()) {
        let mend = "write the NameQualifier of the second assertion's Issuer, or remove the key";
        check.problem(&key("relationship_qualifier"), "is empty", mend);
    }
    let lifetime = *raw.relationship_lifetime_s.get_or_insert(DEFAULT_LIFETIME_S);
    let ceiling = limits::LONGEST_LIFETIME.as_secs();
    let longest_lifetime = check.seconds(&key("relationship_lifetime_s"), lifetime, ceiling);
    Some(Relationship { issuers, qualifier, longest_lifetime: longest_lifetime? })
}
