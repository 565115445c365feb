//! How a step is told, to people and to programs.

use serde_json::json;

use super::steps::{Act, Flaw, Outcome, Step};

/// What one step came to.
#[derive(Debug, Clone)]
pub struct Report {
    number: usize,
    step: Step,
    outcome: Option<Outcome>,
    sight: Sight,
    millis: u128,
}

/// What was seen of a step from outside.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// Unique ids of the documents that were released.
    pub documents: Vec<String>,
    /// Whether any of them is withheld from treatment.
    pub withheld_visible: bool,
    /// EventTypeCodes of the audit records that arrived.
    pub audit: Vec<String>,
    /// What the answer or the audit record says beside.
    pub remarks: Vec<String>,
}

impl Report {
    pub(super) fn new(
        number: usize,
        step: Step,
        outcome: Option<Outcome>,
        sight: Sight,
        millis: u128,
    ) -> Self {
        Self { number, step, outcome, sight, millis }
    }

    /// Whether the step came to what it must come to.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcome == Some(self.step.expected)
    }

    /// One JSON object in one line.
    #[must_use]
    pub fn json(&self) -> String {
        let (role, _) = self.step.role;
        json!({
            "step": self.number,
            "transaction": self.transaction(),
            "purpose": self.step.purpose,
            "role": role,
            "patient": format!("P-{}", self.step.patient),
            "expected": self.step.expected.word(),
            "outcome": self.word(),
            "documents": self.sight.documents,
            "withheld_visible": self.sight.withheld_visible,
            "audit": self.sight.audit,
            "ms": self.millis,
        })
        .to_string()
    }

    /// The step as a person understands it.
    #[must_use]
    pub fn line(&self) -> String {
        let Step { partner, purpose, role: (_, role), patient, act, expected } = self.step;
        let mark = if self.passed() { "ok  " } else { "FAIL" };
        let asked = match act {
            Act::Query | Act::QueryLikeNobody => "finds the documents",
            Act::RetrieveWithheld => "retrieves a withheld document",
            Act::RetrieveLarge => "retrieves 64 MiB",
            Act::Untrusted(Flaw::Tampered) => "asks with a tampered assertion",
            Act::Untrusted(Flaw::Unsigned) => "asks with an unsigned assertion",
            Act::Untrusted(Flaw::Stranger) => "asks with a stranger's assertion",
            Act::Untrusted(Flaw::Expired) => "asks with an expired assertion",
        };
        let mut line = format!(
            "{mark} {:>2}. {}'s {} {asked} of P-{patient} for {purpose}: {}",
            self.number,
            partner.display,
            role.to_lowercase(),
            self.released()
        );
        if !self.passed() {
            line.push_str(&format!(" (expected {}, got {})", expected.word(), self.word()));
        }
        for remark in &self.sight.remarks {
            line.push_str(&format!("\n         {remark}"));
        }
        let records = if self.sight.audit.is_empty() {
            "no audit record arrived".to_owned()
        } else {
            format!("audit: {}", self.sight.audit.join(", "))
        };
        line.push_str(&format!("\n         {records}; {} ms", self.millis));
        line
    }

    fn released(&self) -> String {
        let count = self.sight.documents.len();
        let documents = if count == 1 { "document" } else { "documents" };
        let Some(outcome) = self.outcome else {
            return format!("{count} {documents}, which is nothing that may come of it");
        };
        match outcome {
            Outcome::All => format!("all {count} {documents}"),
            Outcome::AsTreatment => format!("the {count} {documents} that treatment releases"),
            Outcome::Override => format!("all {count} {documents}, some by override"),
            Outcome::NoEffect => format!("all {count} {documents}, nothing to override"),
            Outcome::Refused => "refused, with one answer for every policy reason".to_owned(),
            Outcome::Absent => "nothing, as if nothing were there".to_owned(),
            Outcome::Delivered => "delivered, size and SHA-1 as the metadata say".to_owned(),
            Outcome::Fault => "SOAP fault, with one answer for every trust reason".to_owned(),
        }
    }

    /// What came where it has a name, and else a name that it must not have.
    fn word(&self) -> &'static str {
        let wrong = match self.step.expected {
            Outcome::Fault => Outcome::All,
            _ => Outcome::Fault,
        };
        self.outcome.unwrap_or(wrong).word()
    }

    fn transaction(&self) -> &'static str {
        match self.step.act {
            Act::Query | Act::QueryLikeNobody | Act::Untrusted(_) => "ITI-38",
            Act::RetrieveWithheld | Act::RetrieveLarge => "ITI-39",
        }
    }
}
