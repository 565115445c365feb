use std::collections::VecDeque;

use super::{Config, OpenError, Operator};
use crate::audit::{self, Event, Record, Told};
use crate::clock::{Clock, SystemClock};
use crate::ids::PatientId;

/// Records read at once.
const BATCH: usize = 1_000;

/// Why the audit trail cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The journal.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read, or that it is looked at cannot be put on record.
    #[error(transparent)]
    Audit(#[from] audit::Error),
}

/// Which records are wanted.
#[derive(Debug, Default)]
pub struct Sought {
    /// Only those after this one.
    pub after: Option<u64>,
    /// At most so many, the last ones.
    pub last: usize,
    /// Only those that name this patient.
    pub patient: Option<PatientId>,
    /// Only those in whose message this text stands, such as a message id.
    pub text: Option<String>,
}

impl Sought {
    fn is_for_some(&self) -> bool {
        self.patient.is_some() || self.text.is_some()
    }

    fn wants(&self, record: &Record) -> bool {
        let message = String::from_utf8_lossy(&record.message);
        let named = |patient: &PatientId| {
            let id = patient.to_string();
            Told::read(record).is_some_and(|told| told.patients.contains(&id))
        };
        self.text.as_ref().is_none_or(|text| message.contains(text.as_str()))
            && self.patient.as_ref().is_none_or(named)
    }
}

impl Config {
    /// The records that are sought, in order, once it is on record that they are looked at; works beside a gateway.
    pub fn trail(&self, operator: &Operator, sought: &Sought) -> Result<Vec<Record>, TrailError> {
        let journal = self.journal()?;
        let end = journal.last()?;
        let few = u64::try_from(sought.last).unwrap_or(u64::MAX);
        let from = if sought.is_for_some() { 0 } else { end.saturating_sub(few) };
        let mut at = sought.after.unwrap_or(0).max(from);
        let mut found = VecDeque::new();
        while at < end {
            let records = journal.after(at, BATCH)?;
            let Some(last) = records.last() else { break };
            at = last.seq;
            for record in records.into_iter().filter(|record| sought.wants(record)) {
                found.push_back(record);
                if found.len() > sought.last {
                    found.pop_front();
                }
            }
        }
        let log = format!("file://{}", self.journal.path.display());
        let what = format!("{} audit records shown", found.len());
        let operated = self.operated(operator);
        let event = Event::audit_log_used(&operated, &log, &what, sought.patient.as_ref());
        let _receipt = journal.record_blocking(SystemClock.now(), &[event])?;
        Ok(found.into())
    }
}
