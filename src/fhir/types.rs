use serde::{Deserialize, Serialize};

use crate::ids::Coded;

/// A code in a system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coding {
    /// The system's URI.
    pub system: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The display name.
    pub display: Option<String>,
}

impl Coding {
    /// The code with its system, where there is a code.
    #[must_use]
    pub fn coded(&self) -> Option<Coded> {
        let code = self.code.as_deref().filter(|code| !code.trim().is_empty())?;
        let coded = Coded::new(code, self.system.as_deref().unwrap_or(""));
        Some(coded.with_display(self.display.as_deref().unwrap_or("")))
    }
}

/// Codings that say the same, and a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeableConcept {
    /// The codings.
    pub coding: Vec<Coding>,
    /// What a person reads.
    pub text: Option<String>,
}

impl CodeableConcept {
    /// All codes with their systems.
    pub fn coded(&self) -> impl Iterator<Item = Coded> + '_ {
        self.coding.iter().filter_map(Coding::coded)
    }
}

/// A business identifier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identifier {
    /// `usual`, `official` ...
    #[serde(rename = "use")]
    pub use_: Option<String>,
    /// The system's URI.
    pub system: Option<String>,
    /// The value.
    pub value: Option<String>,
}

/// A reference to a resource, by URL or by identifier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// `Patient/1`, `#contained` or an absolute URL.
    pub reference: Option<String>,
    /// The type of what is referred to, such as `Organization`.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// A logical reference.
    pub identifier: Option<Identifier>,
    /// What a person reads.
    pub display: Option<String>,
}

/// From and to, both included, each with its own precision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Period {
    /// The first moment, a FHIR dateTime.
    pub start: Option<String>,
    /// The last moment, a FHIR dateTime.
    pub end: Option<String>,
}

/// What a resource says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// The server's version.
    pub version_id: Option<String>,
    /// The profiles it claims.
    pub profile: Vec<String>,
    /// Its security labels.
    pub security: Vec<Coding>,
}

/// A person's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HumanName {
    /// The name as text.
    pub text: Option<String>,
    /// The family name.
    pub family: Option<String>,
    /// The given names.
    pub given: Vec<String>,
}
