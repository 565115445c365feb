use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::gateway::UnknownPatient;
use crate::ids::{HomeCommunityId, Oid, RepositoryId};

/// `[community]`: who we are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    name: String,
    home_community_id: String,
    repository_id: String,
    patient_authority: String,
    #[serde(default)]
    unknown_patient: RawUnknownPatient,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawUnknownPatient {
    #[default]
    Empty,
    Error,
}

/// Who we are, parsed.
pub(super) struct Community {
    pub(super) name: String,
    pub(super) home: HomeCommunityId,
    pub(super) repository: RepositoryId,
    pub(super) patient_authority: Oid,
    pub(super) unknown_patient: UnknownPatient,
}

pub(super) fn read(raw: &Raw, check: &mut Check<'_>) -> Option<Community> {
    if raw.name.trim().is_empty() {
        check.problem("community.name", "is empty", "write the community's name as people say it");
    }
    let home = check.home("community.home_community_id", &raw.home_community_id);
    let repository = check.repository("community.repository_id", &raw.repository_id);
    let patient_authority = check.oid("community.patient_authority", &raw.patient_authority);
    Some(Community {
        name: raw.name.trim().to_owned(),
        home: home?,
        repository: repository?,
        patient_authority: patient_authority?,
        unknown_patient: match raw.unknown_patient {
            RawUnknownPatient::Empty => UnknownPatient::Empty,
            RawUnknownPatient::Error => UnknownPatient::Error,
        },
    })
}
