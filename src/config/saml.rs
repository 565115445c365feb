use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::limits;

/// `[saml]`: what every assertion must meet where its partner says nothing else, and how many may fail.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Audiences that mean us; by default our home community and both addresses.
    pub(super) audiences: Option<Vec<String>>,
    /// Recipients that mean us; the same default.
    pub(super) recipients: Option<Vec<String>>,
    /// How far clocks may differ.
    clock_skew_s: Option<u64>,
    /// Where believed assertions are remembered; by default beside the journal.
    pub(super) replay_memory: Option<PathBuf>,
    /// Requests of one partner a second that may fail before the next ones are turned away.
    failures_per_s: Option<u32>,
}

/// eHDSI allows the same.
const DEFAULT_SKEW_S: u64 = 60;

/// What every assertion must meet, with defaults filled in.
pub(super) struct Rules {
    pub(super) audiences: Vec<String>,
    pub(super) recipients: Vec<String>,
    pub(super) clock_skew: Duration,
    pub(super) failures_per_s: u32,
}

pub(super) fn read(raw: &mut Raw, ours: &[String], check: &mut Check<'_>) -> Rules {
    let audiences = raw.audiences.get_or_insert_with(|| ours.to_vec()).clone();
    let recipients = raw.recipients.get_or_insert_with(|| ours.to_vec()).clone();
    if audiences.is_empty() {
        check.problem(
            "saml.audiences",
            "is empty",
            "name at least one audience, or remove the key",
        );
    }
    let skew = *raw.clock_skew_s.get_or_insert(DEFAULT_SKEW_S);
    let clock_skew = check.seconds("saml.clock_skew_s", skew, limits::LONGEST_SKEW.as_secs());
    let failures_per_s = *raw.failures_per_s.get_or_insert(limits::FAILURES_PER_S);
    if !(1..=limits::FAILURES_PER_S_CEILING).contains(&failures_per_s) {
        let mend = format!("write a number from 1 to {}", limits::FAILURES_PER_S_CEILING);
        check.problem("saml.failures_per_s", "is out of range", &mend);
    }
    Rules { audiences, recipients, clock_skew: clock_skew.unwrap_or_default(), failures_per_s }
}
