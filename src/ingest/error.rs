use std::io;

use crate::repository::embedded::{self, Conflict};
use crate::xds::EntryError;

/// Why something is not loaded, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// Too much to hold in memory.
    #[error("it is over {limit} bytes in one piece: put its documents into files of their own")]
    TooLong {
        /// The ceiling.
        limit: u64,
    },
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// JSON, but no resource.
    #[error("it has no resourceType: only FHIR R4 resources and Bundles can be loaded")]
    NoType,
    /// A resource, but not as R4 has it.
    #[error("it is not as FHIR R4 has it: {0}")]
    Shape(#[source] serde_json::Error),
    /// A Bundle that speaks of the past or of something else.
    #[error("a Bundle of type `{0}` cannot be loaded: use transaction, batch or collection")]
    BundleType(String),
    /// A Bundle entry that is no plain resource.
    #[error("a Bundle entry holds just one resource, which is no Bundle itself")]
    EntryResource,
    /// A Bundle entry that wants something else than to be stored.
    #[error("request.method `{0}` cannot be obeyed: only POST and PUT can")]
    Method(String),
    /// No id, or one that FHIR does not allow.
    #[error("it needs an id of 1 to 64 letters, digits, `-` and `.`")]
    Id,
    /// A patient whom the home authority does not know.
    #[error("it needs an identifier with system `urn:oid:{authority}`")]
    NoHomeIdentifier {
        /// The home authority.
        authority: String,
    },
    /// A patient with another home identifier than before, which his documents carry.
    #[error("it lacks the home authority's identifier that it was loaded with: keep that one")]
    HomeIdentifierGone,
    /// Nobody is named.
    #[error("it names no patient: give `Patient/<id>` or an identifier")]
    NoPatient,
    /// A patient who is not stored.
    #[error("`{0}` is not known: load the Patient too")]
    UnknownPatient(String),
    /// Reference and identifier disagree.
    #[error("reference and identifier name two different patients")]
    TwoPatients,
    /// An entry holds one document.
    #[error("it has {0} contents, not one: make a DocumentReference of each")]
    Contents(usize),
    /// Metadata without a document.
    #[error("content.attachment has neither data nor url")]
    NoBytes,
    /// No such Binary in this load.
    #[error("`{0}` is not in this load: load the Binary too")]
    UnknownBinary(String),
    /// Which Binary is meant cannot be told.
    #[error("`{0}` is in this load more than once: keep one")]
    AmbiguousBinary(String),
    /// Data that are no base64.
    #[error("its data are not base64: {0}")]
    Base64(#[source] io::Error),
    /// A URL that leads elsewhere.
    #[error("`{0}` is neither `Binary/<id>` nor a path relative to the resource's file")]
    Url(String),
    /// A path to nothing.
    #[error("`{0}` is not a file")]
    NoFile(String),
    /// A path out of what was given to be loaded.
    #[error("`{0}` leads out of the loaded folder: move the file into it")]
    OutsideFolder(String),
    /// The bytes are not those that were hashed.
    #[error("hash says {stated}, the bytes have {computed} (SHA-1 in base64)")]
    Hash {
        /// As stated.
        stated: String,
        /// As computed.
        computed: String,
    },
    /// The bytes are not those that were counted.
    #[error("size says {stated}, there are {computed} bytes")]
    Size {
        /// As stated.
        stated: u64,
        /// As counted.
        computed: u64,
    },
    /// Nothing is there that could be hidden.
    #[error("it is entered-in-error, and no such document is stored")]
    NothingToHide,
    /// More belongs to a document than is looked at.
    #[error("over {limit} resources belong to it by encounter and reference: load fewer of them")]
    TooManyMembers {
        /// The ceiling.
        limit: usize,
    },
    /// Not a document entry.
    #[error("no document entry can be made of it: {0}")]
    Entry(#[from] EntryError),
    /// What queries compare of the entry cannot be put into bytes.
    #[error("its entry cannot be written for queries: {0}")]
    Searched(#[source] postcard::Error),
    /// It contradicts what is stored.
    #[error(transparent)]
    Conflict(Conflict),
    /// The store fails.
    #[error(transparent)]
    Store(embedded::Error),
}

impl From<embedded::Error> for Error {
    fn from(error: embedded::Error) -> Self {
        match error {
            embedded::Error::Conflict(conflict) => Self::Conflict(conflict),
            error => Self::Store(error),
        }
    }
}
