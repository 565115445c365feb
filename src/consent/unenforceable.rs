use super::read::read;

/// Why a consent cannot be enforced as written; such a one denies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unenforceable {
    /// Not JSON, or not of FHIR's types.
    #[error("malformed in {}", if path.is_empty() { "the resource itself" } else { path.as_str() })]
    Malformed {
        /// The element, empty for the whole.
        path: String,
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
    /// A mixture of R4's and R5's form.
    #[error("R4's {r4} stands beside R5's {r5}")]
    Mixture {
        /// The element of R4.
        r4: String,
        /// The element of R5.
        r5: String,
    },
    /// A status outside the standard, or none.
    #[error("unknown status {found:?}")]
    Status {
        /// The status.
        found: String,
    },
    /// A scope outside the standard, or none; in R5, no category that tells of privacy.
    #[error("nothing says that it is about privacy: scope or category {found:?}")]
    Scope {
        /// The code.
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
    /// Neither `policyRule` nor the root's `type`, nor R5's `decision`, says what holds where no rule does.
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
    /// A nested provision without a `type`, or an unknown one or an unknown `decision`.
    #[error("{path} is neither permit nor deny")]
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
    /// A form that is read both ways, by the text and by HL7's own examples.
    #[error("{path} can be read both ways: {why}")]
    Ambiguous {
        /// Where.
        path: String,
        /// What may be meant.
        why: &'static str,
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
            Self::Mixture { .. } => "mixture",
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
            Self::Ambiguous { .. } => "ambiguous",
            Self::AnotherPatient => "another-patient",
        }
    }

    /// What to do about it, for whoever wrote the consent.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "write it as FHIR has it",
            Self::TooDeep { .. } => "flatten its provisions",
            Self::NotConsent => "name the right resource",
            Self::Mixture { .. } => "write it in R4 or in R5",
            Self::Status { .. } => "give one of FHIR's, such as active",
            Self::Scope { .. } => {
                "give the scope patient-privacy; in R5, the category LOINC 59284-0"
            }
            Self::Modified { .. } | Self::UnknownElement { .. } => "say it without that element",
            Self::Empty { .. } => "fill or remove it",
            Self::NoBase => "give a policyRule, or a type of the root provision; in R5, a decision",
            Self::PolicyRule { .. } => "give OPTIN or OPTOUT of ActCode",
            Self::Disagreement => "keep one of them",
            Self::ProvisionType { .. } => "give permit or deny",
            Self::Period { .. } => "write dates of FHIR, the end not before the start",
            Self::Ambiguous { .. } => {
                "name the time of data by dataPeriod, that of the consent by R5's period or at the root; \
                 permit emergencies in a rule of their own"
            }
            Self::AnotherPatient => "correct its patient",
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

/// Whether a consent decides nothing, whatever stands in it: it is not in force, or not about privacy.
#[must_use]
pub fn is_set_aside(json: &str) -> bool {
    matches!(read(json), Ok(None))
}

/// Says whether a consent can be enforced, and what of it cannot be read; for `load`, before it is stored.
///
/// One that is not in force or not about privacy passes: it decides nothing.
pub fn check(json: &str) -> Result<Vec<Unread>, Unenforceable> {
    let Some(read) = read(json)? else { return Ok(Vec::new()) };
    let rules = read.tree.rules.iter().map(|rule| (rule.path.as_str(), &rule.condition));
    let conditions = [(read.tree.dialect.root_path(), &read.tree.root)].into_iter().chain(rules);
    let unread = conditions.flat_map(|(path, condition)| {
        condition.unread().map(move |element| Unread { path: path.to_owned(), element })
    });
    Ok(unread.collect())
}
