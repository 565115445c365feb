use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::types::{CodeableConcept, Coding, Identifier, Meta, Period, Reference};

/// What a patient decided, in R4's form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Consent {
    /// The logical id.
    pub id: Option<String>,
    /// Version and labels.
    pub meta: Meta,
    /// Business identifiers.
    pub identifier: Vec<Identifier>,
    /// `active` is the only one in force.
    pub status: Option<String>,
    /// `patient-privacy` is the only one that we enforce.
    pub scope: CodeableConcept,
    /// Kinds of consent.
    pub category: Vec<CodeableConcept>,
    /// Whose consent it is.
    pub patient: Reference,
    /// When it was made, a FHIR dateTime.
    pub date_time: Option<String>,
    /// The policies it builds on.
    pub policy: Vec<Policy>,
    /// The base policy: OPTIN, OPTOUT ...
    pub policy_rule: Option<CodeableConcept>,
    /// The rules.
    pub provision: Option<Provision>,
    /// Contained resources, read where an actor points at one.
    pub contained: Vec<Value>,
}

/// What a patient decided, in R5's form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConsentR5 {
    /// The logical id.
    pub id: Option<String>,
    /// Business identifiers.
    pub identifier: Vec<Identifier>,
    /// `active` is the only one in force.
    pub status: Option<String>,
    /// Kinds of consent; R4's scopes stand here too.
    pub category: Vec<CodeableConcept>,
    /// Whose consent it is.
    pub subject: Reference,
    /// When it was made, a FHIR date.
    pub date: Option<String>,
    /// When it is in force.
    pub period: Option<Period>,
    /// Whom it is granted to.
    pub grantee: Vec<Reference>,
    /// The policies it builds on.
    pub policy_basis: Option<PolicyBasis>,
    /// What holds where no provision does: `permit` or `deny`.
    pub decision: Option<String>,
    /// The exceptions.
    pub provision: Vec<Provision>,
    /// Contained resources, read where an actor points at one.
    pub contained: Vec<Value>,
}

/// R5: a policy by reference or URL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyBasis {
    /// By reference.
    pub reference: Option<Reference>,
    /// By URL.
    pub url: Option<String>,
}

/// A policy by URI.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Who enforces it.
    pub authority: Option<String>,
    /// Which it is.
    pub uri: Option<String>,
}

/// A rule; its own provisions are exceptions to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Provision {
    /// R4: `permit` or `deny`.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// When the rule is in force.
    pub period: Option<Period>,
    /// Who.
    pub actor: Vec<Actor>,
    /// What is done.
    pub action: Vec<CodeableConcept>,
    /// Labels of the data.
    pub security_label: Vec<Coding>,
    /// Why.
    pub purpose: Vec<Coding>,
    /// R4: resource types or document classes.
    pub class: Vec<Coding>,
    /// R5: document types.
    pub document_type: Vec<Coding>,
    /// R5: resource types.
    pub resource_type: Vec<Coding>,
    /// Codes in the data.
    pub code: Vec<CodeableConcept>,
    /// When the data arose.
    pub data_period: Option<Period>,
    /// Particular data.
    pub data: Vec<ConsentData>,
    /// Exceptions.
    pub provision: Vec<Self>,
    /// What we do not read; its presence makes a rule unenforceable.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// Whom a rule speaks of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// How: recipient, custodian, author ...
    pub role: CodeableConcept,
    /// Who.
    pub reference: Reference,
}

/// Particular data that a rule speaks of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsentData {
    /// `instance`, `related`, `dependents`, `authoredby`.
    pub meaning: Option<String>,
    /// Which.
    pub reference: Reference,
}
