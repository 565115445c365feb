//! One file of the log: made whole or not at all, zeroed ahead of what is written.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::frame::{self, Frame, Missing};

/// What the page cache and direct i/o deal in.
pub(super) const PAGE_BYTES: usize = 4096;
/// Bytes read from disk at once, or more where a frame is longer.
const CHUNK_BYTES: usize = 64 * 1024;

/// The file of a segment: they are numbered from 1.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.log"))
}

/// The numbers of the segments in a folder, in order.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The name of a segment that is being made; whatever has it is no segment yet.
const DRAFT: &str = "next";

/// A segment that is durable, and nobody's yet.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    path: PathBuf,
}

impl Draft {
    /// Makes a segment that begins with these frames and has room after them; for holders of the lock.
    pub(super) fn make(folder: &Path, start: &[u8], room: u64) -> io::Result<Self> {
        let draft = Self::create(folder.join(DRAFT))?;
        draft.whole(|file| {
            file.write_all_at(start, 0)?;
            zero(file, length(start.len()), room)?;
            file.sync_all()
        })
    }

    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // records name patients, so nobody but the owner may read them
        let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Self { file: options.open(&path)?, path })
    }

    /// What could not be made whole takes no room.
    pub(super) fn whole(self, make: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Self> {
        match make(&self.file) {
            Ok(()) => Ok(self),
            Err(error) => {
                let _gone = std::fs::remove_file(&self.path);
                Err(error)
            }
        }
    }

    /// Writes the first frames over its zeros.
    pub(super) fn begin(self, start: &[u8]) -> io::Result<Self> {
        self.whole(|file| file.write_all_at(start, 0).and_then(|()| file.sync_data()))
    }

    /// Gives it its number; durable once the folder is synced.
    pub(super) fn name(self, folder: &Path, number: u64) -> io::Result<File> {
        std::fs::rename(self.path, path(folder, number))?;
        Ok(self.file)
    }
}

/// Writes zeros, so that a later write needs no new room.
pub(super) fn zero(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    fill(file, from, bytes, &[0; 64 * 1024])
}

/// Writes a pattern again and again.
pub(super) fn fill(file: &File, from: u64, bytes: u64, pattern: &[u8]) -> io::Result<()> {
    if pattern.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut done = 0;
    while done < bytes {
        let left = usize::try_from(bytes.saturating_sub(done)).unwrap_or(usize::MAX);
        let piece = pattern.get(..left.min(pattern.len())).unwrap_or_default();
        file.write_all_at(piece, from.saturating_add(done))?;
        done = done.saturating_add(length(piece.len()));
    }
    Ok(())
}

/// Writes what stands there once more, and syncs it: what an earlier process could not sync may look synced.
pub(super) fn rewrite(file: &File, from: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut done = from;
    while done < end {
        let left = usize::try_from(end.saturating_sub(done)).unwrap_or(usize::MAX);
        let piece = buffer.get_mut(..left.min(CHUNK_BYTES)).unwrap_or_default();
        file.read_exact_at(piece, done)?;
        file.write_all_at(piece, done)?;
        done = done.saturating_add(length(piece.len()));
    }
    file.sync_data()
}

/// Whether nothing but zeros stands in so many bytes there, or up to the file's end.
pub(super) fn is_zero(file: &File, from: u64, bytes: u64) -> io::Result<bool> {
    let (mut buffer, zeros) = (vec![0; CHUNK_BYTES], [0; CHUNK_BYTES]);
    let (mut at, end) = (from, from.saturating_add(bytes));
    while at < end {
        let read = file.read_at(&mut buffer, at)?;
        // as a whole: byte by byte would keep whoever waits for the lock
        if buffer.get(..read) != zeros.get(..read) {
            return Ok(false);
        }
        if read == 0 {
            break;
        }
        at = at.saturating_add(length(read));
    }
    Ok(true)
}

/// Reads the frames of a file one after the other.
pub(super) struct Frames<'f> {
    file: &'f File,
    /// Where the next frame begins.
    at: u64,
    buffer: Vec<u8>,
    /// Where in the buffer it begins.
    taken: usize,
    /// How much of the buffer was read.
    filled: usize,
    /// The last record that was read of.
    last: Option<u64>,
}

impl<'f> Frames<'f> {
    pub(super) fn from(file: &'f File, at: u64) -> Self {
        Self::within(file, at, Vec::new())
    }

    /// Reads into a buffer that was used before.
    pub(super) fn within(file: &'f File, at: u64, buffer: Vec<u8>) -> Self {
        Self { file, at, buffer, taken: 0, filled: 0, last: None }
    }

    /// The buffer, to be used again.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.buffer.truncate(CHUNK_BYTES);
        self.buffer.shrink_to(CHUNK_BYTES);
        self.buffer
    }

    /// Where the next frame begins, or what stands in its place.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next frame; at the end of what was written, or of what can be read, why there is none.
    pub(super) fn next(&mut self) -> io::Result<Result<Frame<'_>, Missing>> {
        let bytes = match self.measure()? {
            Ok(bytes) => bytes,
            Err(missing) => return Ok(Err(missing)),
        };
        let start = self.taken;
        let end = start.saturating_add(bytes);
        let Some(frame) = self.buffer.get(start..end).and_then(frame::parse) else {
            // whole, and of a later version perhaps
            return Ok(Err(Missing::Damaged));
        };
        self.taken = end;
        self.at = self.at.saturating_add(length(bytes));
        self.last = self.last.max(Some(frame.knows_of()));
        Ok(Ok(frame))
    }

    /// Goes on to the next frame that knows of records after `seq`, behind a damaged place; `false` where there are none.
    pub(super) fn find_after(&mut self, seq: u64) -> io::Result<bool> {
        // whoever goes on where he was knows of the last himself
        let near = self.last.unwrap_or(seq);
        loop {
            if self.ready().is_empty() && !self.fill(1)? {
                return Ok(false);
            }
            self.taken = self.taken.saturating_add(1);
            self.at = self.at.saturating_add(1);
            // what peers wrote may look like a length, and to check each would take long
            if !self.may_begin_near(near)? {
                continue;
            }
            if let Ok(bytes) = self.measure()?
                && let Some(frame) = self.ready().get(..bytes).and_then(frame::parse)
                && frame.knows_of() > seq
            {
                return Ok(true);
            }
        }
    }

    fn may_begin_near(&mut self, seq: u64) -> io::Result<bool> {
        loop {
            match frame::may_begin_near(self.ready(), seq) {
                Ok(may) => return Ok(may),
                Err(bytes) if self.fill(bytes)? => {}
                Err(_) => return Ok(false),
            }
        }
    }

    /// The length of the next frame, which then lies ready.
    fn measure(&mut self) -> io::Result<Result<usize, Missing>> {
        loop {
            match frame::measure(self.ready()) {
                Err(Missing::More(bytes)) => {
                    if !self.fill(bytes)? {
                        // the file ends before its frame does
                        let empty = self.ready().iter().all(|byte| *byte == 0);
                        return Ok(Err(if empty { Missing::Nothing } else { Missing::Damaged }));
                    }
                }
                measured => return Ok(measured),
            }
        }
    }

    fn ready(&self) -> &[u8] {
        self.buffer.get(self.taken..self.filled).unwrap_or_default()
    }

    /// Reads on until so many bytes lie ready; `false` where the file has no more.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled = self.filled.saturating_sub(self.taken);
        self.taken = 0;
        if self.buffer.len() < bytes.max(CHUNK_BYTES) {
            self.buffer.resize(bytes.max(CHUNK_BYTES), 0);
        }
        while self.filled < bytes {
            let at = self.at.saturating_add(length(self.filled));
            let read =
                self.file.read_at(self.buffer.get_mut(self.filled..).unwrap_or_default(), at)?;
            if read == 0 {
                return Ok(false);
            }
            self.filled = self.filled.saturating_add(read);
        }
        Ok(true)
    }
}

/// A length in a file.
pub(super) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
