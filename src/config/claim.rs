use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{Config, OpenError};
use crate::audit::{self, make_folder};

/// The file that whoever serves has locked.
const NAME: &str = "serving.lock";

/// That no other process serves from a store and a journal, for as long as it is held.
#[derive(Debug)]
pub struct Claim {
    _locks: [File; 2],
}

impl Config {
    /// Claims store and journal for a process that serves; commands that load, read or explain work beside it.
    pub fn claim(&self) -> Result<Claim, OpenError> {
        let path = &self.journal.path;
        if path.is_file() {
            return Err(audit::Error::NotAFolder { path: path.clone() }.into());
        }
        let store = claim("repository.directory", &self.repository.directory)?;
        Ok(Claim { _locks: [store, claim("audit.journal", path)?] })
    }
}

fn claim(key: &'static str, folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Claim { path: folder.to_owned(), key, source };
    let lock = open(folder).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Claimed { path: folder.to_owned(), key }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The lock file of a folder, which is made as store and journal make it.
fn open(folder: &Path) -> io::Result<File> {
    make_folder(folder)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(folder.join(NAME))
}
