use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file as it was just before it was read, by what changes when it is written or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub(super) path: PathBuf,
    /// Time of the last change, inode, size; none where there is no such file.
    print: Option<(i64, i64, u64, u64)>,
}

impl Seen {
    pub(super) fn of(path: &Path) -> Self {
        let print = |m: fs::Metadata| (m.mtime(), m.mtime_nsec(), m.ino(), m.size());
        Self { path: path.to_path_buf(), print: fs::metadata(path).ok().map(print) }
    }

    /// The same file as it is now.
    pub(super) fn again(&self) -> Self {
        Self::of(&self.path)
    }
}
