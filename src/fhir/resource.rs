use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::consent::Consent;
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
