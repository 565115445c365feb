//! Why the demo world could not be made.

use std::io;
use std::path::{Path, PathBuf};

/// What can fail while a demo world is written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// OpenSSL could not make a key or certificate.
    #[error("cannot make a key or certificate: {0}")]
    Crypto(#[from] openssl::error::ErrorStack),
    /// The random source failed.
    #[error(transparent)]
    NoRandomness(#[from] crate::clock::NoRandomness),
    /// The world's own configuration does not pass.
    #[error(transparent)]
    Config(#[from] crate::config::Problems),
    /// The world's own data were refused.
    #[error("{0} of the demo's resources were refused; remove the directory to make it anew")]
    Load(usize),
    /// Another demo is up in the directory.
    #[error("a demo is up in `{}` already; stop it, or name another --dir", .0.display())]
    Running(PathBuf),
    /// Store or journal cannot be opened.
    #[error(transparent)]
    Open(#[from] crate::config::OpenError),
    /// A port is taken.
    #[error(transparent)]
    Server(#[from] crate::server::Error),
    /// The receiver's TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] crate::server::TlsError),
    /// The client has no answer.
    #[error(transparent)]
    Client(#[from] crate::client::Error),
    /// A directory that should hold a whole PKI does not.
    #[error("`{}` does not hold a whole PKI: `{missing}` is missing", directory.display())]
    IncompletePki {
        /// Where it was looked for.
        directory: PathBuf,
        /// The first file that is not there.
        missing: String,
    },
}

impl Error {
    /// Names the path that an I/O error is about.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }
}
