//! Where patients, consents and documents are kept: each read demands the evidence that allows it.

mod content;
mod criteria;
mod draft;
mod entry;
mod error;

pub mod embedded;

#[cfg(test)]
pub(crate) mod evidence;

use crate::consent::{Grant, PatientKey, Permit, Stored};
use crate::ids::PatientId;
use crate::policy::Access;

pub use content::{Content, ContentBytes};
pub use criteria::{Criteria, Items, Status};
pub use draft::{Change, Draft};
pub use entry::{Candidate, Released, Sifted, Subject};
pub use error::{Damage, Error};

/// A store of patients with their consents and documents.
///
/// Every method blocks, so call it off the async threads. Nothing is cached: what was committed
/// before a call began is what the call sees.
pub trait Repository: Send + Sync + std::fmt::Debug {
    /// The store as it is now, to be asked until all is decided; what is committed meanwhile does not show in it.
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, Error>;

    /// The bytes of the document that the permit names.
    fn open(&self, permit: &Permit) -> Result<Option<Content>, Error>;

    /// Whether the store can be read and written now.
    fn ready(&self) -> Result<(), Error>;
}

/// One state of a store: no document is seen in it without the consents that came with it.
pub trait Snapshot {
    /// The patient whom this identifier names, be it the home authority's or another one's.
    fn patient(&self, access: &Access, id: &PatientId) -> Result<Option<Subject>, Error>;

    /// The distinct patients of those of these documents that exist; the answer stays inside.
    fn patients_of(&self, access: &Access, items: &Items) -> Result<Vec<Subject>, Error>;

    /// All consents of a patient, whatever their status, ordered by id.
    fn consents(&self, access: &Access, patient: PatientKey) -> Result<Vec<Stored>, Error>;

    /// Documents of the grant's patient and of nobody else, the newest first, equals by key.
    fn find(&self, grant: &Grant, criteria: &Criteria) -> Result<Vec<Candidate>, Error>;

    /// The same, but what the grant's screen tells to be withheld is left unread: decisions come out alike.
    fn sift(&self, grant: &Grant, criteria: &Criteria) -> Result<Sifted, Error>;

    /// The entry of the document that the permit names.
    fn release(&self, permit: &Permit) -> Result<Option<Released>, Error>;
}
