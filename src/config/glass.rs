use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::audit::review;
use crate::ids::Coded;
use crate::labels;
use crate::policy::Limits;

/// `[break_glass]`: what the domain holds break-glass to, whoever declares it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    withheld_sensitivities: Vec<String>,
    reviews: Option<PathBuf>,
    review_due_h: u64,
    rate_window_h: u64,
    rate_user: usize,
    rate_organization: usize,
    rate_community: usize,
    rate_block: bool,
}

const HOUR_S: u64 = 3600;
/// A year: what is due later is never due.
const LONGEST_H: u64 = 366 * 24;

impl Default for Raw {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            withheld_sensitivities: vec!["PSYTHPN".to_owned()],
            reviews: None,
            review_due_h: 24,
            rate_window_h: limits.window.as_secs() / HOUR_S,
            rate_user: limits.user,
            rate_organization: limits.organization,
            rate_community: limits.community,
            rate_block: limits.block,
        }
    }
}

/// `[jurisdiction]`: what a law permits where it holds; all off by default.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawJurisdiction {
    pub(super) us_42_cfr_part_2_emergency: bool,
}

/// The section's parts.
pub(super) struct BreakGlass {
    pub(super) sealed: Vec<Coded>,
    pub(super) reviews: review::Settings,
    pub(super) rates: Limits,
}

/// `journal` is the file beside which reviews lie by default.
pub(super) fn read(raw: &mut Raw, journal: &Path, check: &mut Check<'_>) -> BreakGlass {
    for (name, hours) in [("review_due_h", raw.review_due_h), ("rate_window_h", raw.rate_window_h)]
    {
        if !(1..=LONGEST_H).contains(&hours) {
            let mend = format!("write a number of hours from 1 to {LONGEST_H}");
            check.problem(&format!("break_glass.{name}"), "is out of range", &mend);
        }
    }
    let plain = |code: &String| !code.is_empty() && code.chars().all(|c| c.is_ascii_uppercase());
    if !raw.withheld_sensitivities.iter().all(plain) {
        let mend = "write codes of HL7 v3-ActCode, such as PSYTHPN";
        check.problem("break_glass.withheld_sensitivities", "has something else in it", mend);
    }
    let act_code = |code: &String| Coded::new(code, "2.16.840.1.113883.5.4");
    let sealed: Vec<Coded> = raw.withheld_sensitivities.iter().map(act_code).collect();
    for Coded { code, .. } in sealed.iter().filter(|code| !labels::is_sensitivity(code)) {
        check.warnings.push(format!(
            "`break_glass.withheld_sensitivities`: `{code}` is no sensitivity of v3-ActCode that is known here, so it \
             withholds what is labelled just so, and nothing else; mend it if it is a slip"
        ));
    }
    let beside = || journal.parent().unwrap_or(Path::new("")).join("reviews.db");
    let path = raw.reviews.get_or_insert_with(beside).clone();
    let hours = |hours: u64| Duration::from_secs(hours.saturating_mul(HOUR_S));
    BreakGlass {
        sealed,
        reviews: review::Settings { path: check.path(&path), due: hours(raw.review_due_h) },
        rates: Limits {
            window: hours(raw.rate_window_h),
            user: raw.rate_user,
            organization: raw.rate_organization,
            community: raw.rate_community,
            block: raw.rate_block,
        },
    }
}
