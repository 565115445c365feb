//! What is asked in the scenario, by whom and why, and what must come of it.

use super::world::{HILLTOP, NURSE, PHYSICIAN, Partner, RIVERSIDE};

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every document of the patient.
    All,
    /// What treatment alone releases.
    AsTreatment,
    /// What treatment withholds too, and the record that names it.
    Override,
    /// Everything, and break-glass had nothing to add.
    NoEffect,
    /// A Failure in the transaction's own words.
    Refused,
    /// As if it did not exist.
    Absent,
    /// The document, bit for bit.
    Delivered,
    /// A SOAP fault.
    Fault,
}

impl Outcome {
    /// As `--json` writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::AsTreatment => "as-treatment",
            Self::Override => "override",
            Self::NoEffect => "no-effect",
            Self::Refused => "refused",
            Self::Absent => "absent",
            Self::Delivered => "delivered",
            Self::Fault => "fault",
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Finds the patient's documents.
    Query,
    /// The same, and compares the answer with an unknown patient's and that of one without documents.
    QueryLikeNobody,
    /// Retrieves a document that is withheld, and compares with one that does not exist.
    RetrieveWithheld,
    /// Retrieves the document of 64 MiB.
    RetrieveLarge,
    /// Finds documents with an assertion that must not be believed.
    Untrusted(Flaw),
}

/// What is wrong with an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Changed after it was signed.
    Tampered,
    /// Not signed.
    Unsigned,
    /// Signed by a key that nobody here knows.
    Stranger,
    /// Its time is over.
    Expired,
}

/// One step of the scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) partner: Partner,
    pub(super) purpose: &'static str,
    pub(super) role: (&'static str, &'static str),
    pub(super) patient: u32,
    pub(super) act: Act,
    pub(super) expected: Outcome,
}

impl Step {
    /// Whether the purpose asks to break glass, as the partner means it.
    pub(super) fn declares_break_glass(&self) -> bool {
        self.purpose == "BTG" || (self.purpose == "ETREAT" && self.partner.etreat == "break-glass")
    }

    /// Where its message is kept, for some that are worth a look.
    pub(super) fn captured(&self) -> Option<&'static str> {
        match self.act {
            Act::Untrusted(Flaw::Tampered) => Some("tampered.xml"),
            Act::Untrusted(Flaw::Unsigned) => Some("unsigned.xml"),
            Act::Untrusted(Flaw::Stranger) => Some("stranger.xml"),
            Act::Untrusted(Flaw::Expired) => Some("expired.xml"),
            Act::Query if self.expected == Outcome::Refused => Some("not-agreed.xml"),
            Act::Query if self.expected == Outcome::All => Some("admitted.xml"),
            _ => None,
        }
    }

    const fn physician(purpose: &'static str, patient: u32, act: Act, expected: Outcome) -> Self {
        Self { partner: RIVERSIDE, purpose, role: PHYSICIAN, patient, act, expected }
    }
}

/// The scenario in its order.
pub(super) const STEPS: [Step; 17] = [
    Step::physician("TREAT", 1001, Act::Query, Outcome::All),
    Step::physician("TREAT", 1002, Act::Query, Outcome::AsTreatment),
    Step::physician("BTG", 1002, Act::Query, Outcome::Override),
    Step { role: NURSE, ..Step::physician("BTG", 1002, Act::Query, Outcome::AsTreatment) },
    Step::physician("BTG", 1003, Act::Query, Outcome::AsTreatment),
    Step::physician("BTG", 1001, Act::Query, Outcome::NoEffect),
    Step::physician("ETREAT", 1002, Act::Query, Outcome::AsTreatment),
    Step { partner: HILLTOP, ..Step::physician("ETREAT", 1002, Act::Query, Outcome::Override) },
    Step::physician("TREAT", 1004, Act::QueryLikeNobody, Outcome::Absent),
    Step::physician("BTG", 1004, Act::QueryLikeNobody, Outcome::Absent),
    Step::physician("HPAYMT", 1001, Act::Query, Outcome::Refused),
    Step::physician("TREAT", 1002, Act::RetrieveWithheld, Outcome::Absent),
    Step::physician("TREAT", 1001, Act::RetrieveLarge, Outcome::Delivered),
    Step::physician("TREAT", 1001, Act::Untrusted(Flaw::Tampered), Outcome::Fault),
    Step::physician("TREAT", 1001, Act::Untrusted(Flaw::Unsigned), Outcome::Fault),
    Step::physician("TREAT", 1001, Act::Untrusted(Flaw::Stranger), Outcome::Fault),
    Step::physician("TREAT", 1001, Act::Untrusted(Flaw::Expired), Outcome::Fault),
];
