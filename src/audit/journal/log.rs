//! The log as its writers see it: a folder of segments, appended to under a lock that processes share.
//!
//! A commit is one write into room that was zeroed before, and one sync. Some of that room is kept for break-glass: on
//! a full disk its records still find a place when no others do.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::ahead::{self, Ahead};
use super::committer::Order;
use super::segment::{self, Draft, Frames, PAGE_BYTES, length};
use super::tail::Tail;
use super::{Room, Shape, frame, pack};
use crate::audit::Error;
use crate::clock::{Random, uuid};
use crate::limits::AUDIT_MESSAGE_BYTES;

/// Bytes of one commit at most, heads and all: so much of what another process wrote last may not be on disk, and so
/// much of one that was cut short may stand behind it.
const COMMIT_BYTES: u64 = 2 * frame::BODY_BYTES as u64;
/// Bytes that an order takes beside its texts.
const OVERHEAD_BYTES: usize = 128;
/// Bytes of memory kept from one commit to the next.
const KEPT_BYTES: usize = 256 * 1024;

/// The journal's log, open for writing.
#[derive(Debug)]
pub(super) struct Log {
    lock: File,
    /// Synced when a segment gets its name.
    folder: File,
    shape: Shape,
    tail: Tail,
    ahead: Ahead,
    /// Bytes written by this writer.
    written: u64,
    /// Up to where the last segment has room, as this writer last saw it.
    room: u64,
    /// Whether all that others wrote up to the tail's end was seen to.
    settled: bool,
    /// The batch under way, as it is stored.
    packed: Vec<u8>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Written {
    /// The last record before it.
    pub(super) before: u64,
    /// Its last record.
    pub(super) last: u64,
    /// The frames of it.
    pub(super) frames: Vec<u8>,
    /// Why only what is break-glass was written.
    pub(super) full: Option<Error>,
}

/// What went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no more room for this.
    Full(io::Error),
    /// A file cannot be opened or read; nothing was written.
    Read(io::Error),
    /// What was written may or may not be there.
    Lost(io::Error),
}

impl Fault {
    fn written(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(error)
            }
            _ => Self::Lost(error),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full(error) => Self::Full(Arc::new(error)),
            Fault::Read(error) => Self::Read(Arc::new(error)),
            Fault::Lost(error) => Self::Write(Arc::new(error)),
        }
    }
}

impl Log {
    /// Opens the log or makes a new one.
    pub(super) fn open(folder: &Path, shape: Shape, random: &dyn Random) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: folder.to_owned(), source: Arc::new(source) };
        if folder.is_file() {
            return Err(Error::NotAFolder { path: folder.to_owned() });
        }
        let (directory, lock) = enter(folder).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let tail = match Tail::find(folder).map_err(failed)? {
            Some(tail) => tail,
            None => {
                let mut start = Vec::new();
                frame::header(&mut start, &uuid(random)?, 1);
                let room = shape.step_bytes.saturating_add(shape.reserve_bytes);
                let made = Draft::make(folder, &start, room)
                    .and_then(|draft| draft.name(folder, 1))
                    .and_then(|_| directory.sync_all())
                    .and_then(|()| Tail::find(folder));
                made.map_err(failed)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))?
            }
        };
        ahead::clear(folder).map_err(failed)?;
        let ahead = Ahead::new(folder, &uuid(random)?);
        let mut log = Self {
            lock,
            folder: directory,
            shape,
            tail,
            ahead,
            written: 0,
            room: 0,
            settled: false,
            packed: Vec::new(),
        };
        log.settle(None).map_err(|fault| match fault {
            Fault::Full(error) | Fault::Read(error) | Fault::Lost(error) => failed(error),
        })?;
        log.lock.unlock().map_err(failed)?;
        Ok(log)
    }

    /// The end of the log as this writer knows it.
    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Appends a batch, or of it, where the disk is full, what is break-glass; all that was written is durable.
    pub(super) fn append(&mut self, orders: &[Order]) -> Result<Written, Fault> {
        let done = self.locked(|log| log.write(orders));
        self.packed.clear();
        self.packed.shrink_to(KEPT_BYTES);
        done
    }

    /// Sees whether the largest record could be written.
    pub(super) fn try_room(&mut self) -> Result<(), Fault> {
        self.locked(|log| log.make_room(length(AUDIT_MESSAGE_BYTES), Room::Ordinary))
    }

    /// The last durable record, whoever wrote it.
    pub(super) fn look(&mut self) -> Result<u64, Fault> {
        self.locked(|log| Ok(log.tail.last))
    }

    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.lock.lock().map_err(Fault::Read)?;
        let done = match self.tail.catch_up() {
            Ok(foreign) => self.settle(foreign).and_then(|()| work(self)),
            Err(error) => {
                self.settled = false;
                Err(Fault::Read(error))
            }
        };
        self.lock.unlock().map_err(Fault::Read)?;
        done
    }

    /// Makes sure that what another wrote is on disk, and that nothing is written over what cannot be read.
    fn settle(&mut self, foreign: Option<u64>) -> Result<(), Fault> {
        // what could not be seen to the last time is seen to now
        let foreign = if self.settled { foreign } else { Some(0) };
        let Some(from) = foreign else {
            return if self.tail.damaged { self.leave_damaged() } else { Ok(()) };
        };
        self.settled = false;
        self.look_at_room()?;
        let from = from.max(self.tail.end.saturating_sub(COMMIT_BYTES));
        segment::rewrite(&self.tail.file, from, self.tail.end)
            .and_then(|()| self.folder.sync_all())
            .map_err(Fault::Lost)?;
        let clean = segment::is_zero(&self.tail.file, self.tail.end, COMMIT_BYTES);
        let clean = clean.map_err(Fault::Read)?;
        self.settled = true;
        if clean { Ok(()) } else { self.leave_damaged() }
    }

    /// It may have grown by another's hand.
    fn look_at_room(&mut self) -> Result<(), Fault> {
        self.room = self.tail.file.metadata().map_err(Fault::Read)?.len();
        Ok(())
    }

    fn write(&mut self, orders: &[Order]) -> Result<Written, Fault> {
        let before = self.tail.last;
        let texts: usize = orders.iter().map(Order::bytes).sum();
        let rest = orders.len().saturating_mul(OVERHEAD_BYTES);
        let mut frames = Vec::with_capacity(texts.saturating_add(rest));
        let mut last = self.encode(&mut frames, orders.iter());
        let mut full = None;
        if let Err(fault) = self.make_room(length(self.packed.len()), Room::Ordinary) {
            let Fault::Full(_) = fault else { return Err(fault) };
            let urgent = orders.iter().filter(|order| order.room() == Room::BreakGlass);
            last = self.encode(&mut frames, urgent);
            if frames.is_empty() {
                return Err(fault);
            }
            full = Some(fault.into());
            self.make_room(length(self.packed.len()), Room::BreakGlass)?;
        }
        let (bytes, file) = (length(self.packed.len()), &self.tail.file);
        let end = self.tail.end.saturating_add(bytes);
        // whole pages, as far as there is room: of one in part the kernel would read the rest from disk
        let padded = end.next_multiple_of(length(PAGE_BYTES)).min(self.room);
        let padding = usize::try_from(padded.saturating_sub(end)).unwrap_or(0);
        self.packed.resize(self.packed.len().saturating_add(padding), 0);
        file.write_all_at(&self.packed, self.tail.end).map_err(Fault::written)?;
        file.sync_data().map_err(Fault::Lost)?;
        self.tail.end = end;
        self.written = self.written.saturating_add(bytes);
        self.tail.last = last;
        for order in orders {
            if let (Order::Cursor { target, seq, .. }, None) = (order, &full) {
                self.tail.cursors.insert(target.clone(), *seq);
            }
        }
        // they are kept, and what was refused may have taken room beside them
        frames.shrink_to_fit();
        let Shape { segment_bytes, step_bytes, reserve_bytes } = self.shape;
        // who writes little, as an operator's command does, needs no other soon
        if self.written > step_bytes && full.is_none() {
            self.ahead.begin(segment_bytes.saturating_add(reserve_bytes));
        }
        Ok(Written { before, last, frames, full })
    }

    /// Puts orders into frames, and these as they are stored into the buffer; gives the number of their last record.
    fn encode<'o>(&mut self, frames: &mut Vec<u8>, orders: impl Iterator<Item = &'o Order>) -> u64 {
        let mut last = self.tail.last;
        frames.clear();
        let mut cursors = Vec::new();
        for order in orders {
            match order {
                Order::Record { at, drafts, .. } => {
                    let first = last.saturating_add(1);
                    frame::records(frames, first, *at, drafts, |draft, seq, out| {
                        draft.write(seq, out);
                    });
                    last = last.saturating_add(length(drafts.len()));
                }
                Order::Cursor { target, seq, .. } => frame::cursor(&mut cursors, target, *seq),
                Order::Try { .. } | Order::Look { .. } => {}
            }
        }
        // behind the records, which are packed the better together
        frames.append(&mut cursors);
        self.packed.clear();
        if self.tail.packs {
            pack::pack(&mut self.packed, frames);
        } else {
            self.packed.extend(frames.iter());
        }
        last
    }

    /// Zeroes ahead as much as is needed, in a new segment where this one is long; no more than break-glass leaves.
    fn make_room(&mut self, bytes: u64, asked: Room) -> Result<(), Fault> {
        let kept = match asked {
            Room::Ordinary => self.shape.reserve_bytes,
            Room::BreakGlass => 0,
        };
        let suffices = |log: &Self| {
            let end = log.tail.end.saturating_add(bytes);
            end.saturating_add(kept) <= log.room
        };
        if suffices(self) {
            return Ok(());
        }
        self.look_at_room()?;
        if suffices(self) {
            return Ok(());
        }
        let (long, next) = (self.shape.segment_bytes, self.tail.last.saturating_add(1));
        let blank = self.ahead.take();
        let grown = if blank.is_some() || self.tail.end >= long {
            match self.turn_over(bytes, next, blank) {
                Ok(()) if suffices(self) => Ok(()),
                Ok(()) => self.grow(bytes),
                // where no other can be begun, this one becomes twice as long
                Err(Fault::Full(_)) if self.tail.end < long.saturating_mul(2) => self.grow(bytes),
                failed => failed,
            }
        } else {
            self.grow(bytes)
        };
        match grown {
            Err(Fault::Full(_)) if suffices(self) => Ok(()),
            grown => grown,
        }
    }

    fn grow(&mut self, bytes: u64) -> Result<(), Fault> {
        let needed = self.tail.end.saturating_add(bytes).saturating_add(self.shape.reserve_bytes);
        let to = needed.max(self.room.saturating_add(self.shape.step_bytes));
        let file = &self.tail.file;
        let zeroed = segment::zero(file, self.room, to.saturating_sub(self.room));
        file.sync_data().map_err(Fault::Lost)?;
        // of a full disk as much as there was
        self.room = file.metadata().map_err(Fault::Read)?.len();
        zeroed.map_err(Fault::Full)
    }

    /// Begins the next segment, whose first record has this number, in one that was made ahead where there is one.
    fn turn_over(&mut self, bytes: u64, first: u64, blank: Option<Draft>) -> Result<(), Fault> {
        let Shape { step_bytes, reserve_bytes, .. } = self.shape;
        let folder = &self.tail.folder;
        let mut start = Vec::new();
        frame::header(&mut start, &self.tail.name, first);
        for (target, seq) in &self.tail.cursors {
            frame::cursor(&mut start, target, *seq);
        }
        let number = self.tail.number.saturating_add(1);
        let room = bytes.saturating_add(step_bytes).saturating_add(reserve_bytes);
        let draft = match blank {
            Some(blank) => blank.begin(&start),
            None => Draft::make(folder, &start, room),
        };
        let file = draft.and_then(|draft| draft.name(folder, number)).map_err(Fault::Full)?;
        self.folder.sync_all().map_err(Fault::Lost)?;
        if !self.tail.damaged {
            // what it has no more use for
            let _kept = self.tail.file.set_len(self.tail.end);
        }
        self.room = file.metadata().map_err(Fault::Read)?.len();
        self.tail.file = file;
        self.tail.number = number;
        self.tail.end = length(start.len());
        self.tail.last = first.saturating_sub(1);
        self.tail.packs = true;
        self.tail.damaged = false;
        self.ahead.retry();
        Ok(())
    }

    /// Goes on in a new segment behind what cannot be read; where there is none to be had, over it.
    fn leave_damaged(&mut self) -> Result<(), Fault> {
        self.tail.damaged = true;
        self.look_at_room()?;
        let mut behind = Frames::from(&self.tail.file, self.tail.end);
        let (mut last, mut unreadable) = (self.tail.last, 0_u64);
        while behind.find_after(last).map_err(Fault::Read)? {
            while let Ok(found) = behind.next().map_err(Fault::Read)? {
                let missing = found.first().saturating_sub(last).saturating_sub(1);
                unreadable = unreadable.saturating_add(missing);
                last = last.max(found.knows_of());
            }
        }
        let (folder, segment) = (self.tail.folder.display(), self.tail.number);
        let is_end = last == self.tail.last;
        if is_end {
            tracing::warn!(%folder, segment, "the audit journal ends in a write that was cut short");
        } else {
            tracing::error!(%folder, segment, after = self.tail.last, unreadable, "the audit journal is damaged");
        }
        // no number is given twice, and what cannot be read may still be evidence
        match self.turn_over(0, last.saturating_add(1), None) {
            Err(Fault::Full(_)) if is_end => {
                let room = self.room.saturating_sub(self.tail.end);
                segment::zero(&self.tail.file, self.tail.end, room).map_err(Fault::written)?;
                self.tail.file.sync_data().map_err(Fault::Lost)?;
                self.tail.damaged = false;
                Ok(())
            }
            turned => turned,
        }
    }
}

/// Makes the folder where it is not there, and opens it and the file that writers lock.
fn enter(folder: &Path) -> io::Result<(File, File)> {
    make_folder(folder)?;
    Ok((File::open(folder)?, lock_file(folder)?))
}

/// Makes a folder, and those that it lies in where they are missing, durably and for our user alone.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |one: &&Path| !one.as_os_str().is_empty() && !one.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    for one in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(one) {
            // another process was faster
            Err(error) if error.kind() == ErrorKind::AlreadyExists && one.is_dir() => {}
            made => made?,
        }
        let parent = one.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

pub(super) fn lock_file(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(folder.join("lock"))
}

#[cfg(test)]
mod tests;
