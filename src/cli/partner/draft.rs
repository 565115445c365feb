use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::cli::Failed;

/// The configuration with the entry, beside the one that is in force, so that relative paths mean the same; it is only
/// checked, and gone again.
pub(super) struct Draft {
    pub(super) path: PathBuf,
    text: String,
}

impl Draft {
    pub(super) fn write(config: &Path, entry: &str) -> Result<Self, Failed> {
        let mut text = fs::read_to_string(config)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(entry);
        let draft = Self { path: beside(config), text };
        put(&draft.path, &draft.text, &fs::metadata(config)?)?;
        Ok(draft)
    }

    /// Takes the configuration's place: owner, group and mode stay as they were, and a link goes on leading to it.
    pub(super) fn replace(self, config: &Path) -> io::Result<()> {
        let config = fs::canonicalize(config)?;
        let new = Self { path: beside(&config), text: self.text.clone() };
        put(&new.path, &new.text, &fs::metadata(&config)?)?;
        fs::rename(&new.path, config)
    }
}

fn beside(config: &Path) -> PathBuf {
    let name = config.file_name().unwrap_or_default().to_string_lossy().into_owned();
    config.with_file_name(format!(".{name}.new"))
}

/// A file that whoever could read the former can read, and nobody else.
fn put(path: &Path, text: &str, former: &Metadata) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (former.uid(), former.gid()) {
        fchown(&file, Some(former.uid()), Some(former.gid()))?;
    }
    // after the owner: a change of owner takes bits away
    file.set_permissions(former.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _replaced = fs::remove_file(&self.path);
    }
}
