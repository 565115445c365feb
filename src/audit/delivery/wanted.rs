//! Which records a target gets.

use memchr::memmem;

use crate::audit::Record;
use crate::audit::code::{self, Code};

/// Which records a target gets; what it does not get counts as arrived there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Every record: an audit record repository.
    #[default]
    All,
    /// The alerts of break-glass alone: an office that has no need to know of anything else.
    BreakGlass,
}

/// EventTypeCodes of security alerts that are of break-glass whatever led to them.
const BREAK_GLASS: [Code; 5] = [
    code::EMERGENCY_OVERRIDE_STARTED,
    code::ACCESS_CONTROL_DECISION,
    code::PART_2_EMERGENCY,
    code::REVIEW_OVERDUE,
    code::REVIEW_JUDGED,
];

impl Wanted {
    /// Whether such a record is sent.
    pub(super) fn takes(self, record: &Record) -> bool {
        let says = |element: &str, code: Code| {
            // as `dicom.rs` writes it; what comes from outside cannot hold a `<`
            let written = format!("<{element} csd-code=\"{}\"", code.code);
            memmem::find(&record.message, written.as_bytes()).is_some()
        };
        match self {
            Self::All => true,
            Self::BreakGlass => {
                let is = |kind| says("EventTypeCode", kind);
                // an operator's work with a captured message has that code too, and no purpose
                let asked = || memmem::find(&record.message, b"<PurposeOfUse ").is_some();
                says("EventID", code::SECURITY_ALERT)
                    && (BREAK_GLASS.into_iter().any(is) || is(code::RESTRICTED_FUNCTION) && asked())
            }
        }
    }
}
