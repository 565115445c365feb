use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::types::{CodeableConcept, Coding, HumanName, Identifier, Meta, Period, Reference};

/// The resources that Glassgate reads; any other is `Other`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "resourceType")]
pub enum Resource {
    /// Bytes in base64.
    Binary(Binary),
    /// Several resources at once.
    Bundle(Bundle),
    /// What a patient decided.
    Consent(Box<Consent>),
    /// A document's metadata.
    DocumentReference(Box<DocumentReference>),
    /// A person who is cared for.
    Patient(Patient),
    /// Anything else.
    #[serde(other)]
    Other,
}

/// Several resources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bundle {
    /// The resources, unread.
    pub entry: Vec<BundleEntry>,
}

/// One resource of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BundleEntry {
    /// By what other entries call it.
    pub full_url: Option<String>,
    /// The resource as JSON.
    pub resource: Option<Value>,
}

/// Bytes in base64 with their type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Binary {
    /// The logical id.
    pub id: Option<String>,
    /// The MIME type.
    pub content_type: Option<String>,
    /// Base64.
    pub data: Option<String>,
}

/// A person who is cared for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Patient {
    /// The logical id.
    pub id: Option<String>,
    /// Version and labels.
    pub meta: Meta,
    /// The identifiers; ours has the home authority's `urn:oid:` as system.
    pub identifier: Vec<Identifier>,
    /// The names.
    pub name: Vec<HumanName>,
    /// `male`, `female`, `other`, `unknown`.
    pub gender: Option<String>,
    /// A FHIR date.
    pub birth_date: Option<String>,
}

/// A practitioner, as it is contained in a document's authors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Practitioner {
    /// The contained id.
    pub id: Option<String>,
    /// The identifiers.
    pub identifier: Vec<Identifier>,
    /// The names.
    pub name: Vec<HumanName>,
}

/// A document's metadata (IHE MHD maps it to a DocumentEntry).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DocumentReference {
    /// The logical id.
    pub id: Option<String>,
    /// Version and labels.
    pub meta: Meta,
    /// Contained resources, read as JSON where an author points at one.
    pub contained: Vec<Value>,
    /// The uniqueId.
    pub master_identifier: Option<Identifier>,
    /// The entryUUID has use `official` and a `urn:uuid:`.
    pub identifier: Vec<Identifier>,
    /// `current`, `superseded`, `entered-in-error`.
    pub status: Option<String>,
    /// typeCode.
    #[serde(rename = "type")]
    pub type_: CodeableConcept,
    /// classCode.
    pub category: Vec<CodeableConcept>,
    /// The patient.
    pub subject: Reference,
    /// When this metadata was made, a FHIR instant.
    pub date: Option<String>,
    /// The authors.
    pub author: Vec<Reference>,
    /// The legal authenticator.
    pub authenticator: Option<Reference>,
    /// Replaces, appends, transforms, signs.
    pub relates_to: Vec<RelatesTo>,
    /// Comments.
    pub description: Option<String>,
    /// confidentialityCode and any other label.
    pub security_label: Vec<CodeableConcept>,
    /// Just one in a DocumentEntry.
    pub content: Vec<Content>,
    /// Encounter, events, period, facility, setting.
    pub context: Context,
}

/// How one document relates to another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelatesTo {
    /// `replaces`, `transforms`, `signs`, `appends`.
    pub code: String,
    /// The other document.
    pub target: Reference,
}

/// A document's bytes and format.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// The bytes.
    pub attachment: Attachment,
    /// formatCode.
    pub format: Option<Coding>,
}

/// Bytes, inline or by URL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attachment {
    /// The MIME type.
    pub content_type: Option<String>,
    /// RFC 5646.
    pub language: Option<String>,
    /// Base64 of the bytes.
    pub data: Option<String>,
    /// `Binary/1` or a path relative to the resource's file.
    pub url: Option<String>,
    /// How many bytes.
    pub size: Option<u64>,
    /// Base64 of the SHA-1.
    pub hash: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// When the document was made, a FHIR dateTime.
    pub creation: Option<String>,
}

/// The circumstances of a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Context {
    /// The encounters.
    pub encounter: Vec<Reference>,
    /// eventCodeList.
    pub event: Vec<CodeableConcept>,
    /// serviceStartTime and serviceStopTime.
    pub period: Period,
    /// healthcareFacilityTypeCode.
    pub facility_type: Option<CodeableConcept>,
    /// practiceSettingCode.
    pub practice_setting: Option<CodeableConcept>,
    /// sourcePatientId and sourcePatientInfo.
    pub source_patient_info: Option<Reference>,
    /// referenceIdList.
    pub related: Vec<Reference>,
}

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
    /// R5: the base decision; its presence marks the dialect.
    pub decision: Option<String>,
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
    /// `permit` or `deny`.
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
    /// Resource types or document classes.
    pub class: Vec<Coding>,
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
