use super::read::read;

/// Why a consent cannot be enforced as written; such a one denies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unenforceable {
    /// Not JSON, or not of FHIR's types.
    #[error("malformed at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Nested beyond the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// How deep is allowed.
        limit: usize,
    },
    /// Another resource.
    #[error("not a Consent resource")]
    NotConsent,
    /// R5's form, or a mixture.
    #[error("R5's form of Consent is not enforced yet: element {element}")]
    R5 {
        /// The element that gives it away.
        element: String,
    },
    /// A status outside the standard, or none.
    #[error("unknown status {found:?}")]
    Status {
        /// The status.
        found: String,
    },
    /// A scope outside the standard, or none.
    #[error("unknown scope {found:?}")]
    Scope {
        /// The scope's code.
        found: String,
    },
    /// `modifierExtension` or `implicitRules` may turn the meaning around.
    #[error("modified by {element}")]
    Modified {
        /// Which it is.
        element: String,
    },
    /// An element that we do not read.
    #[error("unknown element {element} in {path}")]
    UnknownElement {
        /// Where.
        path: String,
        /// What.
        element: String,
    },
    /// An element without content, which FHIR forbids and which would widen a rule.
    #[error("empty element in {path}")]
    Empty {
        /// Where.
        path: String,
    },
    /// Neither `policyRule` nor the root's `type` says what holds where no rule does.
    #[error("no base decision")]
    NoBase,
    /// A `policyRule` other than opt-in and opt-out.
    #[error("unknown policyRule {found:?}")]
    PolicyRule {
        /// Its code.
        found: String,
    },
    /// `policyRule` and the root's `type` contradict each other.
    #[error("policyRule and provision.type disagree")]
    Disagreement,
    /// A nested provision without a `type`, or with an unknown one.
    #[error("{path} has no known type")]
    ProvisionType {
        /// Where.
        path: String,
    },
    /// A period that cannot be read, or ends before it starts.
    #[error("unreadable period in {path}")]
    Period {
        /// Where.
        path: String,
    },
    /// The repository holds it for one patient, it speaks of another.
    #[error("it speaks of another patient")]
    AnotherPatient,
}

impl Unenforceable {
    /// A stable name for audit, metrics and fixtures.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooDeep { .. } => "too-deep",
            Self::NotConsent => "not-consent",
            Self::R5 { .. } => "r5",
            Self::Status { .. } => "unknown-status",
            Self::Scope { .. } => "unknown-scope",
            Self::Modified { .. } => "modified",
            Self::UnknownElement { .. } => "unknown-element",
            Self::Empty { .. } => "empty-element",
            Self::NoBase => "no-base",
            Self::PolicyRule { .. } => "unknown-policy-rule",
            Self::Disagreement => "disagreement",
            Self::ProvisionType { .. } => "provision-type",
            Self::Period { .. } => "period",
            Self::AnotherPatient => "another-patient",
        }
    }
}

/// A value in a consent that cannot be read: a rule with it never permits for it, and always denies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{element} in {path} cannot be read for certain and counts against release")]
pub struct Unread {
    /// The rule: `provision.provision[1]`, or `provision`.
    pub path: String,
    /// Its element, such as `purpose`.
    pub element: &'static str,
}

/// Says whether a consent can be enforced, and what of it cannot be read; for `load`, before it is stored.
///
/// One that is not in force or not about privacy passes: it decides nothing.
pub fn check(json: &str) -> Result<Vec<Unread>, Unenforceable> {
    let Some(read) = read(json)? else { return Ok(Vec::new()) };
    let rules = read.tree.rules.iter().map(|rule| (rule.path.as_str(), &rule.condition));
    let conditions = [("provision", &read.tree.root)].into_iter().chain(rules);
    let unread = conditions.flat_map(|(path, condition)| {
        condition.unread().map(move |element| Unread { path: path.to_owned(), element })
    });
    Ok(unread.collect())
}
