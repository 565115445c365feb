use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use openssl::sha::{Sha1, Sha256};

use super::Error;

/// Documents up to this size lie in SQLite: 13 times faster there than in files.
const INLINE_BYTES: usize = 64 * 1024;

/// Files named by the SHA-256 of their bytes, `blobs/ab/cd/abcd...`; none is ever changed or removed.
pub(super) struct Blobs {
    directory: PathBuf,
}

impl Blobs {
    pub(super) fn open(store: &Path) -> Result<Self, Error> {
        let directory = store.join("blobs");
        make_directory(&directory)?;
        sync(store)?;
        Ok(Self { directory })
    }

    /// A file's length and the file, open for reading; nothing where there is none.
    pub(super) fn read(&self, sha256_hex: &str) -> Result<Option<(u64, File)>, Error> {
        let path = self.path(sha256_hex);
        let open = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match open {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(&path, source)),
        }
    }

    /// Takes one document's bytes; only who holds the write transaction may ask, so one name suffices.
    pub(super) fn writer(&self) -> BlobWriter<'_> {
        BlobWriter {
            blobs: self,
            small: Vec::new(),
            large: None,
            sha1: Sha1::new(),
            sha256: Sha256::new(),
            size: 0,
        }
    }

    fn incoming(&self) -> PathBuf {
        self.directory.join("incoming")
    }

    fn path(&self, sha256_hex: &str) -> PathBuf {
        let folder = |at| sha256_hex.get(at).unwrap_or("__");
        self.directory.join(folder(0..2)).join(folder(2..4)).join(sha256_hex)
    }

    /// Gives the incoming file its name; a file of that name has the same bytes and is replaced whole.
    fn keep(&self, file: &File, sha256_hex: &str) -> Result<(), Error> {
        let (incoming, path) = (self.incoming(), self.path(sha256_hex));
        let leaf = path.parent().unwrap_or(&self.directory);
        let middle = leaf.parent().unwrap_or(&self.directory);
        file.sync_all().map_err(|source| failed(&incoming, source))?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(leaf);
        made.map_err(|source| failed(leaf, source))?;
        fs::rename(&incoming, &path).map_err(|source| failed(&path, source))?;
        [leaf, middle, &self.directory].into_iter().try_for_each(sync)
    }
}

/// Takes a document's bytes as they come, and counts and hashes them on the way.
pub struct BlobWriter<'s> {
    blobs: &'s Blobs,
    small: Vec<u8>,
    large: Option<Incoming>,
    sha1: Sha1,
    sha256: Sha256,
    size: u64,
}

impl BlobWriter<'_> {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.place(bytes).map_err(|source| failed(&self.blobs.incoming(), source))?;
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes the bytes durable, unless they are few and go with the transaction.
    pub fn finish(self) -> Result<Blob, Error> {
        let sha256_hex = hex(&self.sha256.finish());
        if let Some(incoming) = &self.large {
            self.blobs.keep(&incoming.file, &sha256_hex)?;
        }
        let small = self.large.is_none().then_some(self.small);
        Ok(Blob { size: self.size, sha1: self.sha1.finish(), sha256_hex, small })
    }

    fn place(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(incoming) = &mut self.large {
            return incoming.file.write_all(bytes);
        }
        if self.small.len() + bytes.len() <= INLINE_BYTES {
            self.small.extend_from_slice(bytes);
            return Ok(());
        }
        let incoming = self.large.insert(Incoming::begin(self.blobs.incoming())?);
        incoming.file.write_all(&self.small)?;
        self.small = Vec::new();
        incoming.file.write_all(bytes)
    }
}

/// A file without its name yet; it goes unless it gets one, for on a full disk it would lie in the way.
struct Incoming {
    path: PathBuf,
    file: File,
}

impl Incoming {
    fn begin(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).write(true).truncate(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _named = fs::remove_file(&self.path);
    }
}

impl std::fmt::Debug for BlobWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Bytes that are durable already or become so with their transaction; only [`BlobWriter::finish`] makes one.
pub struct Blob {
    size: u64,
    sha1: [u8; 20],
    sha256_hex: String,
    small: Option<Vec<u8>>,
}

impl Blob {
    /// How many bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Their SHA-1.
    #[must_use]
    pub fn sha1(&self) -> &[u8; 20] {
        &self.sha1
    }

    /// Their SHA-1 in lower-case hexadecimal, as XDS writes it (ITI TF-3 4.2.3.2.10).
    #[must_use]
    pub fn sha1_hex(&self) -> String {
        hex(&self.sha1)
    }

    pub(super) fn sha256_hex(&self) -> &str {
        &self.sha256_hex
    }

    /// The bytes, where they are few.
    pub(super) fn small(&self) -> Option<&[u8]> {
        self.small.as_deref()
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blob").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Makes a folder, and those that it lies in where they are missing, durably and for our user alone.
pub(super) fn make_directory(path: &Path) -> Result<(), Error> {
    let is_missing = |one: &&Path| !one.as_os_str().is_empty() && !one.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    for one in missing.into_iter().rev() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(one);
        made.map_err(|source| failed(one, source))?;
        let parent = one.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

fn sync(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| failed(directory, source))
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(blobs: &Blobs, bytes: &[u8]) -> Blob {
        let mut writer = blobs.writer();
        bytes.chunks(1000).for_each(|chunk| writer.write(chunk).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn small_bytes_stay_in_memory_and_large_ones_go_to_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path()).unwrap();
        let small = store(&blobs, &vec![b'a'; INLINE_BYTES]);
        assert_eq!(small.small().map(<[u8]>::len), Some(INLINE_BYTES));
        assert!(blobs.read(small.sha256_hex()).unwrap().is_none());

        let bytes = vec![b'a'; INLINE_BYTES + 1];
        let large = store(&blobs, &bytes);
        let (length, _) = blobs.read(large.sha256_hex()).unwrap().unwrap();
        assert_eq!((large.small(), length), (None, bytes.len() as u64));
        assert_eq!(fs::read(blobs.path(large.sha256_hex())).unwrap(), bytes);
        assert!(!blobs.incoming().exists());
    }

    #[test]
    fn what_is_not_finished_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path()).unwrap();
        let mut writer = blobs.writer();
        writer.write(&vec![b'a'; INLINE_BYTES + 1]).unwrap();
        assert!(blobs.incoming().exists());
        drop(writer);
        assert!(!blobs.incoming().exists());
    }

    #[test]
    fn a_damaged_file_is_healed_by_writing_it_again() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path()).unwrap();
        let bytes = vec![7; 100_000];
        let path = blobs.path(store(&blobs, &bytes).sha256_hex());
        fs::write(&path, b"cut").unwrap();
        fs::write(blobs.incoming(), b"left by a crash").unwrap();
        store(&blobs, &bytes);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let directory = tempfile::tempdir().unwrap();
        let blob = store(&Blobs::open(directory.path()).unwrap(), b"abc");
        assert_eq!(blob.sha1_hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(blob.sha256_hex().starts_with("ba7816bf8f01cfea"));
        assert_eq!(blob.size(), 3);
    }
}
