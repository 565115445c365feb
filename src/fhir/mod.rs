//! The narrow part of FHIR R4, and of R5's Consent, that decisions read; whatever else a resource holds passes by.

mod consent;
mod date;
mod resource;
mod systems;
mod types;

pub use consent::{Actor, Consent, ConsentData, ConsentR5, Policy, PolicyBasis, Provision};
pub use date::{Date, Precision};
pub use resource::{
    Attachment, Binary, Bundle, BundleEntry, Content, Context, DocumentReference, Patient,
    Practitioner, RelatesTo, Resource,
};
pub use systems::oid_of;
pub use types::{CodeableConcept, Coding, HumanName, Identifier, Meta, Period, Reference};
