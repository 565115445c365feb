//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::Error;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// The owner alone: private keys.
    Owner,
    /// Everyone.
    All,
}

/// Writes a file beside its place, makes it durable and moves it there; directories are made as needed.
pub(super) fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Error> {
    stream(path, readers, |out| out.write_all(bytes))
}

/// As [`write`], for content that is made while it is written.
pub(super) fn stream(
    path: &Path,
    readers: Readers,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(Error::file(directory))?;
    }
    let partial = beside(path);
    fill(&partial, readers, content).map_err(Error::file(&partial))?;
    fs::rename(&partial, path).map_err(Error::file(path))
}

fn fill(
    path: &Path,
    readers: Readers,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // a left-over may have another mode, and the mode counts on creation only
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::All => 0o644,
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let mut out = BufWriter::with_capacity(256 * 1024, file);
    content(&mut out)?;
    let file: File = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}
