//! The end of the log, wherever the last writer left it: another process may have written since.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::frame::{Frame, HEAD_BYTES, Missing};
use super::segment::{self, Frames};

/// The last segment, and what all frames up to its end say.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) folder: PathBuf,
    /// The journal's name.
    pub(super) name: String,
    /// Which segment it is.
    pub(super) number: u64,
    pub(super) file: File,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// The last record's number.
    pub(super) last: u64,
    /// Whether records may be packed in it.
    pub(super) packs: bool,
    /// How far each target has come.
    pub(super) cursors: BTreeMap<String, u64>,
    /// Whether something that is no frame stands at the end.
    pub(super) damaged: bool,
}

impl Tail {
    /// The tail of a log, of which nothing may be written meanwhile; `None` where the folder holds none.
    pub(super) fn find(folder: &Path) -> io::Result<Option<Self>> {
        match segment::numbers(folder)?.last() {
            Some(number) => Self::open(folder, *number).map(Some),
            None => Ok(None),
        }
    }

    fn open(folder: &Path, number: u64) -> io::Result<Self> {
        let path = segment::path(folder, number);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let mut tail = Self {
            folder: folder.to_owned(),
            name: String::new(),
            number,
            file,
            end: 0,
            last: 0,
            packs: false,
            cursors: BTreeMap::new(),
            damaged: false,
        };
        tail.read_on()?;
        if tail.name.is_empty() {
            let text =
                format!("{} does not begin as a segment of an audit journal", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(tail)
    }

    /// Goes on to where the log ends now; for holders of the lock. Says from where on its segment is another's work,
    /// not known to be on disk.
    pub(super) fn catch_up(&mut self) -> io::Result<Option<u64>> {
        let mut newest = self.number;
        while segment::path(&self.folder, newest.saturating_add(1)).try_exists()? {
            newest = newest.saturating_add(1);
        }
        if newest != self.number {
            // it begins with all that is known
            *self = Self::open(&self.folder, newest)?;
            return Ok(Some(0));
        }
        let mut head = [0; HEAD_BYTES];
        let read = self.file.read_at(&mut head, self.end)?;
        let end = self.end;
        if head.iter().take(read).any(|byte| *byte != 0) {
            self.read_on()?;
        }
        Ok((self.end > end).then_some(end))
    }

    fn read_on(&mut self) -> io::Result<()> {
        let mut frames = Frames::from(&self.file, self.end);
        self.damaged = false;
        loop {
            match frames.next()? {
                Ok(Frame::Header { name, first, packs }) if self.name.is_empty() => {
                    name.clone_into(&mut self.name);
                    self.packs = packs;
                    self.last = first.saturating_sub(1);
                }
                Ok(Frame::Cursor { target, seq }) => {
                    self.cursors.insert(target.to_owned(), seq);
                }
                Ok(frame) => match frame.numbers() {
                    // numbers have no gap, so another one is left over from a write that a crash cut short
                    Some(numbers) if *numbers.start() == self.last.saturating_add(1) => {
                        self.last = *numbers.end();
                    }
                    _ => {
                        self.damaged = true;
                        return Ok(());
                    }
                },
                Err(missing) => {
                    self.damaged = missing == Missing::Damaged;
                    return Ok(());
                }
            }
            self.end = frames.at();
        }
    }
}
