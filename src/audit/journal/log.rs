//! The log as its writers see it: a folder of segments, appended to under a lock that processes share.
//!
//! A commit is one write into room that was zeroed before, and one sync. Some of that room is kept for break-glass: on
//! a full disk its records still find a place when no others do.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::committer::Order;
use super::segment::{self, length};
use super::tail::Tail;
use super::{Room, Shape, frame};
use crate::audit::Error;
use crate::clock::{Random, uuid};
use crate::limits::AUDIT_MESSAGE_BYTES;

/// The journal's log, open for writing.
#[derive(Debug)]
pub(super) struct Log {
    lock: File,
    shape: Shape,
    tail: Tail,
    /// Up to where the last segment has room.
    room: u64,
    /// The batch under way.
    buffer: Vec<u8>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Written {
    /// The last record before it.
    pub(super) before: u64,
    /// Its last record.
    pub(super) last: u64,
    /// Why only what is break-glass was written.
    pub(super) full: Option<Error>,
}

impl Log {
    /// Opens the log or makes a new one.
    pub(super) fn open(folder: &Path, shape: Shape, random: &dyn Random) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: folder.to_owned(), source: Arc::new(source) };
        if folder.is_file() {
            return Err(Error::NotAFolder { path: folder.to_owned() });
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let lock = lock_file(folder).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let tail = match Tail::find(folder).map_err(failed)? {
            Some(tail) => tail,
            None => {
                let mut start = Vec::new();
                frame::header(&mut start, &uuid(random)?, 1);
                let room = shape.step_bytes.saturating_add(shape.reserve_bytes);
                segment::create(folder, 1, &start, room).map_err(failed)?;
                Tail::open(folder, 1).map_err(failed)?
            }
        };
        let mut log = Self { lock, shape, tail, room: 0, buffer: Vec::new() };
        log.settle().map_err(failed)?;
        log.lock.unlock().map_err(failed)?;
        Ok(log)
    }

    /// The end of the log as this writer knows it.
    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Appends a batch, or of it, where the disk is full, what is break-glass; all that was written is durable.
    pub(super) fn append(&mut self, orders: &[Order]) -> Result<Written, Error> {
        self.locked(|log| log.write(orders))
    }

    /// Sees whether the largest record could be written.
    pub(super) fn try_room(&mut self) -> Result<(), Error> {
        self.locked(|log| log.make_room(length(AUDIT_MESSAGE_BYTES), Room::Ordinary))
    }

    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let failed = |error| Error::Write(Arc::new(error));
        self.lock.lock().map_err(failed)?;
        let number = self.tail.number;
        let done = self.tail.catch_up().map_err(failed).and_then(|()| {
            if self.tail.number != number {
                self.room = self.tail.file.metadata().map_err(failed)?.len();
            }
            work(self)
        });
        self.lock.unlock().map_err(failed)?;
        done
    }

    fn write(&mut self, orders: &[Order]) -> Result<Written, Error> {
        let before = self.tail.last;
        let mut last = self.encode(orders.iter());
        let all = self.make_room(length(self.buffer.len()), Room::Ordinary);
        let full = all.err();
        if let Some(full) = &full {
            last = self.encode(orders.iter().filter(|order| order.room() == Room::BreakGlass));
            if self.buffer.is_empty() {
                return Err(full.clone());
            }
            self.make_room(length(self.buffer.len()), Room::BreakGlass)?;
        }
        let file = &self.tail.file;
        let written = file.write_all_at(&self.buffer, self.tail.end);
        written.and_then(|()| file.sync_data()).map_err(|error| Error::Write(Arc::new(error)))?;
        self.tail.end = self.tail.end.saturating_add(length(self.buffer.len()));
        self.tail.last = last;
        for order in orders {
            if let (Order::Cursor { target, seq, .. }, None) = (order, &full) {
                self.tail.cursors.insert(target.clone(), *seq);
            }
        }
        Ok(Written { before, last, full })
    }

    /// Puts orders into the buffer; gives the number of their last record.
    fn encode<'o>(&mut self, orders: impl Iterator<Item = &'o Order>) -> u64 {
        let mut last = self.tail.last;
        self.buffer.clear();
        for order in orders {
            match order {
                Order::Record { at, drafts, .. } => {
                    let first = last.saturating_add(1);
                    frame::records(&mut self.buffer, first, *at, drafts, |draft, seq, out| {
                        draft.write(seq, out);
                    });
                    last = last.saturating_add(length(drafts.len()));
                }
                Order::Cursor { target, seq, .. } => frame::cursor(&mut self.buffer, target, *seq),
                Order::Try { .. } => {}
            }
        }
        last
    }

    /// Zeroes ahead as much as is needed, in a new segment where this one is long; no more than break-glass leaves.
    fn make_room(&mut self, bytes: u64, asked: Room) -> Result<(), Error> {
        let end = self.tail.end.saturating_add(bytes);
        let kept = match asked {
            Room::Ordinary => self.shape.reserve_bytes,
            Room::BreakGlass => 0,
        };
        if end.saturating_add(kept) <= self.room {
            return Ok(());
        }
        let grown = if self.tail.end >= self.shape.segment_bytes {
            self.turn_over(bytes)
        } else {
            self.grow(end.saturating_add(self.shape.reserve_bytes))
        };
        match grown {
            Err(_) if end.saturating_add(kept) <= self.room => Ok(()),
            grown => grown.map_err(|error| Error::Full(Arc::new(error))),
        }
    }

    fn grow(&mut self, to: u64) -> io::Result<()> {
        let to = to.max(self.room.saturating_add(self.shape.step_bytes));
        let grown = segment::zero(&self.tail.file, self.room, to.saturating_sub(self.room));
        let grown = grown.and_then(|()| self.tail.file.sync_data());
        // of a full disk as much as there was
        self.room = self.tail.file.metadata()?.len();
        grown
    }

    /// Begins the next segment.
    fn turn_over(&mut self, bytes: u64) -> io::Result<()> {
        let Shape { step_bytes, reserve_bytes, .. } = self.shape;
        let mut start = Vec::new();
        frame::header(&mut start, &self.tail.name, self.tail.last.saturating_add(1));
        for (target, seq) in &self.tail.cursors {
            frame::cursor(&mut start, target, *seq);
        }
        let room = bytes.saturating_add(step_bytes).saturating_add(reserve_bytes);
        let next = self.tail.number.saturating_add(1);
        segment::create(&self.tail.folder, next, &start, room)?;
        let next = Tail::open(&self.tail.folder, next)?;
        // what it has no more use for
        let _kept = self.tail.file.set_len(self.tail.end);
        self.tail = next;
        self.room = self.tail.file.metadata()?.len();
        Ok(())
    }

    /// Makes sure that what was found is on disk, and that nothing is written over what cannot be read.
    fn settle(&mut self) -> io::Result<()> {
        // what an earlier process could not sync is written anew, not trusted
        segment::rewrite(&self.tail.file, self.tail.end)?;
        self.room = self.tail.file.metadata()?.len();
        if self.tail.damaged {
            tracing::warn!(
                folder = %self.tail.folder.display(),
                segment = self.tail.number,
                last = self.tail.last,
                "the audit journal ends in a torn write; it is left as it is, and a new segment goes on"
            );
            self.turn_over_damaged()?;
        }
        Ok(())
    }

    fn turn_over_damaged(&mut self) -> io::Result<()> {
        // all of it is kept: what cannot be read may still be evidence
        let end = std::mem::replace(&mut self.tail.end, self.room);
        let turned = self.turn_over(0);
        if turned.is_err() {
            self.tail.end = end;
        }
        turned
    }
}

/// The file that writers lock, and who wants to know what others wrote.
pub(super) fn lock_file(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(folder.join("lock"))
}
