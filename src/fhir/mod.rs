//! The narrow part of FHIR R4 that decisions read; whatever else a resource holds passes by.

mod date;
mod resource;
mod systems;
mod types;

pub use date::{Date, Precision};
pub use resource::{
    Actor, Attachment, Binary, Bundle, BundleEntry, Consent, ConsentData, Content, Context,
    DocumentReference, Patient, Policy, Practitioner, Provision, RelatesTo, Resource,
};
pub use systems::oid_of;
pub use types::{CodeableConcept, Coding, HumanName, Identifier, Meta, Period, Reference};
