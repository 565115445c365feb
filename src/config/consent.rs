use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::consent::{Domain, Implicit};
use crate::ids::HomeCommunityId;
use crate::labels::Confidentiality;

/// `[consent]`: what holds where no patient decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    implicit: RawImplicit,
    break_glass_ceiling: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawImplicit {
    PermitTreatment,
    Deny,
}

impl Default for Raw {
    fn default() -> Self {
        Self { implicit: RawImplicit::Deny, break_glass_ceiling: "R".to_owned() }
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
    let implicit = match raw.implicit {
        RawImplicit::PermitTreatment => Implicit::PermitTreatment,
        RawImplicit::Deny => Implicit::Deny,
    };
    Some(Domain { implicit, ceiling: ceiling?, home, ..Domain::default() })
}
