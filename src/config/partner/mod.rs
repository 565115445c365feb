//! `[[partner]]`: one community that may ask, and what was agreed with it.

mod demands;
mod read;
mod relationship;
mod together;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::break_glass;
use super::check::Check;
use super::profile;
use crate::gateway::ResourceId;
use crate::policy::Etreat;

pub(super) use read::{Read, read};
pub(super) use relationship::RawRelationship;
pub(super) use together::{known_issuers, unique_certificates, unique_names};

/// The keys of a partner; what is not written comes from its profile, else from a default.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) name: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) home_community_ids: Option<Vec<String>>,
    pub(super) tls_certificates: Option<Vec<PathBuf>>,
    pub(super) issuers: Option<Vec<String>>,
    pub(super) audiences: Option<Vec<String>>,
    pub(super) recipients: Option<Vec<String>>,
    pub(super) any_recipient: Option<bool>,
    pub(super) etreat: Option<RawEtreat>,
    pub(super) purposes: Option<Vec<String>>,
    pub(super) code_systems: Option<Vec<String>>,
    pub(super) one_time: Option<bool>,
    pub(super) unique_ids: Option<bool>,
    pub(super) clock_skew_s: Option<u64>,
    pub(super) longest_lifetime_s: Option<u64>,
    pub(super) require_authn_statement: Option<bool>,
    pub(super) authn_contexts: Option<Vec<String>>,
    pub(super) resource_id: Option<RawResourceId>,
    pub(super) treatment_relationship: Option<RawRelationship>,
    pub(super) relationship_issuers: Option<Vec<String>>,
    pub(super) relationship_qualifier: Option<String>,
    pub(super) relationship_lifetime_s: Option<u64>,
    pub(super) confirmations: Option<Vec<String>>,
    pub(super) signed_timestamp: Option<bool>,
    pub(super) timestamp_age_s: Option<u64>,
    pub(super) message_certificates: Option<Vec<PathBuf>>,
    pub(super) danger_allow_sha1: Option<bool>,
    pub(super) strict_packaging: Option<bool>,
    pub(super) understood_labels: Option<Vec<String>>,
    pub(super) strip_labels_outbound: Option<bool>,
    pub(super) break_glass_roles: Option<Vec<RawRole>>,
    pub(super) break_glass: Option<break_glass::Raw>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawEtreat {
    Treatment,
    BreakGlass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawResourceId {
    Require,
    #[default]
    Compare,
    Ignore,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRole {
    pub(super) code: String,
    pub(super) system: String,
}

impl Raw {
    /// Whether each message has a second assertion.
    pub(super) fn requires_relationship(&self) -> bool {
        self.treatment_relationship == Some(RawRelationship::Require)
    }

    /// Fills in what the partner's profile says and the partner does not.
    pub(super) fn profiled(&mut self, at: usize, check: &mut Check<'_>) {
        let Some(name) = &self.profile else { return };
        let Some(profile) = profile::settings(name) else {
            let known: Vec<_> = profile::names().collect();
            let mend = format!("write one of {}, or remove the key", known.join(", "));
            let what = format!("`{name}` is no network that is known");
            check.problem(&format!("partner[{at}].profile"), what, &mend);
            return;
        };
        macro_rules! fill {
            ($($key:ident)*) => { $( if self.$key.is_none() { self.$key = profile.$key; } )* };
        }
        // whom it is and where it may come from is the partner's own
        fill! {
            audiences recipients any_recipient etreat purposes code_systems one_time unique_ids
            clock_skew_s longest_lifetime_s require_authn_statement authn_contexts resource_id
            treatment_relationship relationship_qualifier relationship_lifetime_s
            confirmations signed_timestamp timestamp_age_s strict_packaging understood_labels
            strip_labels_outbound break_glass_roles break_glass
        }
    }
}

impl From<RawEtreat> for Etreat {
    fn from(raw: RawEtreat) -> Self {
        match raw {
            RawEtreat::Treatment => Self::Treatment,
            RawEtreat::BreakGlass => Self::BreakGlass,
        }
    }
}

impl From<RawResourceId> for ResourceId {
    fn from(raw: RawResourceId) -> Self {
        match raw {
            RawResourceId::Require => Self::Require,
            RawResourceId::Compare => Self::Compare,
            RawResourceId::Ignore => Self::Ignore,
        }
    }
}
