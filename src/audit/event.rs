//! One audit event, shaped as the DICOM AuditMessage is (DICOM PS3.15 A.5.1).

use std::fmt;

use super::code::Code;
use super::{Object, Participant, dicom};
use crate::clock::Timestamp;
use crate::ids::Coded;

/// One audit event; the constructors, one family a file, lie in `events/`.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// EventID.
    pub id: Code,
    /// EventTypeCode, where the event has one.
    pub type_code: Option<Code>,
    /// EventActionCode.
    pub action: Action,
    /// How it ended, and why.
    pub outcome: Outcome,
    /// PurposeOfUse (ITI TF-2 3.20.7.1.2).
    pub purposes: Vec<Coded>,
    /// ActiveParticipant, at least one.
    pub participants: Vec<Participant>,
    /// ParticipantObjectIdentification.
    pub objects: Vec<Object>,
}

impl Event {
    /// The AuditMessage in one line of UTF-8, without BOM and without the record's id.
    #[must_use]
    pub fn to_dicom(&self, source: &Source) -> String {
        let mut xml = String::with_capacity(4096);
        dicom::write(&mut xml, self, source, None);
        xml
    }
}

/// Patients and users stay out of logs.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id.code)
            .field("type_code", &self.type_code.map(|code| code.code))
            .field("indicator", &self.outcome.indicator)
            .finish_non_exhaustive()
    }
}

/// EventActionCode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `C`
    Create,
    /// `R`
    Read,
    /// `U`
    Update,
    /// `E`
    Execute,
}

impl Action {
    /// The letter in the message.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Create => "C",
            Self::Read => "R",
            Self::Update => "U",
            Self::Execute => "E",
        }
    }
}

/// EventOutcomeIndicator (DICOM PS3.15 A.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Indicator {
    /// 0
    Success,
    /// 4, also an attempt that was fended off.
    Minor,
    /// 8
    Serious,
    /// 12, the gateway cannot go on.
    Major,
}

impl Indicator {
    /// The number in the message.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::Minor => "4",
            Self::Serious => "8",
            Self::Major => "12",
        }
    }
}

/// How an event ended; the description goes to auditors, never to the sender.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How bad it is.
    pub indicator: Indicator,
    /// EventOutcomeDescription, empty where there is nothing to say.
    pub description: String,
}

impl Outcome {
    /// All went well.
    #[must_use]
    pub fn success() -> Self {
        Self { indicator: Indicator::Success, description: String::new() }
    }

    /// A minor failure (4), or an attempt that was fended off, with the true reason.
    #[must_use]
    pub fn minor(reason: impl Into<String>) -> Self {
        Self { indicator: Indicator::Minor, description: reason.into() }
    }

    /// A failure (8) with the true reason.
    #[must_use]
    pub fn serious(reason: impl Into<String>) -> Self {
        Self { indicator: Indicator::Serious, description: reason.into() }
    }

    /// A failure of the gateway itself (12) with the true reason.
    #[must_use]
    pub fn major(reason: impl Into<String>) -> Self {
        Self { indicator: Indicator::Major, description: reason.into() }
    }

    /// Adds a remark after what is said already.
    #[must_use]
    pub fn noting(mut self, remark: &str) -> Self {
        if !self.description.is_empty() && !remark.is_empty() {
            self.description.push_str("; ");
        }
        self.description.push_str(remark);
        self
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.indicator.fmt(f)
    }
}

/// AuditSourceIdentification: the gateway as it reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// AuditEnterpriseSiteID, often the community's OID.
    pub enterprise_site: String,
    /// AuditSourceID.
    pub id: String,
    /// The host's name or address, also the HOSTNAME of syslog.
    pub host: String,
    /// AlternativeUserID of our own participant, also the PROCID of syslog.
    pub process_id: u32,
}
