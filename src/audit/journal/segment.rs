//! One file of the log: made whole or not at all, zeroed ahead of what is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::frame::{self, Frame, Missing};

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

/// Writes a segment that begins with these frames and has room after them; it is durable, and nobody's yet.
pub(super) fn draft(folder: &Path, start: &[u8], room: u64) -> io::Result<File> {
    let draft = folder.join(DRAFT);
    let mut options = OpenOptions::new();
    // records name patients, so nobody but the owner may read them
    let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
    let made = options.open(&draft).and_then(|mut file| {
        file.write_all(start)?;
        zero(&file, length(start.len()), room)?;
        file.sync_all()?;
        Ok(file)
    });
    if made.is_err() {
        // what could not be made whole takes no room
        let _gone = std::fs::remove_file(&draft);
    }
    made
}

/// Gives a draft its number; durable once the folder is synced.
pub(super) fn name(folder: &Path, number: u64) -> io::Result<()> {
    std::fs::rename(folder.join(DRAFT), path(folder, number))
}

/// Writes zeros, so that a later write needs no new room.
pub(super) fn zero(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut done = 0;
    while done < bytes {
        let left = usize::try_from(bytes.saturating_sub(done)).unwrap_or(usize::MAX);
        let piece = zeros.get(..left.min(zeros.len())).unwrap_or_default();
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

/// Whether nothing but zeros stands there, up to the file's end.
pub(super) fn is_zero(file: &File, from: u64) -> io::Result<bool> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut at = from;
    loop {
        let read = file.read_at(&mut buffer, at)?;
        if buffer.iter().take(read).any(|byte| *byte != 0) {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
        at = at.saturating_add(length(read));
    }
}

/// Reads the frames of a file one after the other.
pub(super) struct Frames<'f> {
    file: &'f File,
    /// Where the next frame begins.
    at: u64,
    buffer: Vec<u8>,
    /// Where in the buffer it begins.
    taken: usize,
}

impl<'f> Frames<'f> {
    pub(super) fn from(file: &'f File, at: u64) -> Self {
        Self { file, at, buffer: Vec::new(), taken: 0 }
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
            // whole, and of a later version perhaps: nobody goes on behind it
            return Ok(Err(Missing::Damaged));
        };
        self.taken = end;
        self.at = self.at.saturating_add(length(bytes));
        Ok(Ok(frame))
    }

    /// Goes on to the next records after `seq` that can be read behind a damaged place; `false` where there are none.
    pub(super) fn find_after(&mut self, seq: u64) -> io::Result<bool> {
        loop {
            if self.ready().is_empty() && !self.fill(1)? {
                return Ok(false);
            }
            self.taken = self.taken.saturating_add(1);
            self.at = self.at.saturating_add(1);
            if let Ok(bytes) = self.measure()?
                && let Some(Frame::Records(records)) =
                    self.ready().get(..bytes).and_then(frame::parse)
                && records.first > seq
            {
                return Ok(true);
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
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    /// Reads on until so many bytes lie ready; `false` where the file has no more.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        while self.buffer.len() < bytes {
            let have = self.buffer.len();
            self.buffer.resize(have.saturating_add(CHUNK_BYTES.max(bytes)), 0);
            let place = self.buffer.get_mut(have..).unwrap_or_default();
            let read = self.file.read_at(place, self.at.saturating_add(length(have)))?;
            self.buffer.truncate(have.saturating_add(read));
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A length in a file.
pub(super) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
