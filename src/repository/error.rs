use crate::consent::ItemKey;

/// Why a repository gives no answer; to a caller it means deny.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The back end cannot be asked; its own error says why.
    #[error("the repository does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored of a document contradicts itself.
    #[error("stored document {} is damaged: {damage}", item.0)]
    Damaged {
        /// Which.
        item: ItemKey,
        /// How.
        damage: Damage,
    },
}

/// How a stored document contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The metadata are there, the bytes are not.
    #[error("its bytes are missing")]
    Missing,
    /// There are more or fewer bytes than the metadata say.
    #[error("{found} bytes are there, {stated} are stated")]
    Size {
        /// As the metadata say.
        stated: u64,
        /// As found.
        found: u64,
    },
    /// There are as many bytes as there should be, but others.
    #[error("its bytes do not have the SHA-1 that is stated")]
    Hash,
    /// Its metadata cannot be read.
    #[error("its {0} cannot be read")]
    Unreadable(&'static str),
}
