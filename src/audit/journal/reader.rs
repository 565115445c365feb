//! The log as its readers see it: from one record on, beside those who write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Record;
use super::frame::Frame;
use super::log::lock_file;
use super::segment::{self, Frames};
use super::tail::Tail;

/// Bytes of records read at once: a few TLS writes' worth.
pub(in crate::audit) const READ_BYTES: usize = 256 * 1024;
/// Places remembered: one for each target, and some for whoever looks.
const PLACES: usize = 8;

/// Reads records, and remembers where it came to.
#[derive(Debug)]
pub(super) struct Reader {
    folder: PathBuf,
    lock: File,
    tail: Tail,
    /// The first record of each segment, as far as they are known.
    firsts: Vec<(u64, u64)>,
    places: Vec<Place>,
}

/// Where the record after `after` stands, or will stand.
#[derive(Debug)]
struct Place {
    after: u64,
    segment: u64,
    file: File,
    at: u64,
}

impl Reader {
    /// A reader of a log that was opened.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let lock = lock_file(folder)?;
        lock.lock_shared()?;
        let tail = Tail::find(folder)?.ok_or(io::ErrorKind::NotFound)?;
        lock.unlock()?;
        let (firsts, places) = (Vec::new(), Vec::new());
        Ok(Self { folder: folder.to_owned(), lock, tail, firsts, places })
    }

    /// The last durable record, whoever wrote it.
    pub(super) fn last(&mut self) -> io::Result<u64> {
        self.lock.lock_shared()?;
        let caught_up = self.tail.catch_up();
        self.lock.unlock()?;
        caught_up.map(|()| self.tail.last)
    }

    /// The number of the oldest record that is kept, or of the first to come.
    pub(super) fn first(&mut self) -> io::Result<u64> {
        self.look_for_segments()?;
        self.firsts.first().map(|(_, first)| *first).ok_or(io::ErrorKind::NotFound.into())
    }

    /// The records that follow `seq` up to `last`, in order, at least one where there is one.
    pub(super) fn after(&mut self, seq: u64, last: u64, limit: usize) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        if last <= seq || limit == 0 {
            return Ok(records);
        }
        let mut place = match self.places.iter().position(|place| place.after == seq) {
            Some(known) => self.places.swap_remove(known),
            None => self.locate(seq)?,
        };
        let mut bytes = 0_usize;
        loop {
            let full = read(&mut place, last, limit, &mut bytes, &mut records)?;
            let next = place.segment.saturating_add(1);
            if full || !segment::path(&self.folder, next).try_exists()? {
                break;
            }
            place = self.begin(next, place.after)?;
        }
        self.places.truncate(PLACES - 1);
        self.places.insert(0, place);
        Ok(records)
    }

    /// The segment that holds the record after `seq`, read from its beginning.
    fn locate(&mut self, seq: u64) -> io::Result<Place> {
        self.look_for_segments()?;
        let wanted = seq.saturating_add(1);
        let holds = self.firsts.iter().rev().find(|(_, first)| *first <= wanted);
        let (segment, _) =
            holds.or(self.firsts.first()).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        self.begin(*segment, seq)
    }

    fn begin(&self, segment: u64, after: u64) -> io::Result<Place> {
        let file = File::open(segment::path(&self.folder, segment))?;
        Ok(Place { after, segment, file, at: 0 })
    }

    fn look_for_segments(&mut self) -> io::Result<()> {
        let known = self.firsts.last().map_or(0, |(number, _)| *number);
        for number in segment::numbers(&self.folder)?.into_iter().filter(|n| *n > known) {
            let file = File::open(segment::path(&self.folder, number))?;
            if let Ok(Frame::Header { first, .. }) = Frames::from(&file, 0).next()? {
                self.firsts.push((number, first));
            }
        }
        Ok(())
    }
}

/// Reads on from a place, within its segment; says whether enough was read.
fn read(
    place: &mut Place,
    last: u64,
    limit: usize,
    bytes: &mut usize,
    records: &mut Vec<Record>,
) -> io::Result<bool> {
    let mut frames = Frames::from(&place.file, place.at);
    while let Ok(frame) = frames.next()? {
        if let Frame::Records(found) = frame {
            // of what is being written just now nothing is durable
            if found.first > last {
                return Ok(true);
            }
            for (message, seq) in found.messages().zip(found.first..) {
                if seq <= place.after {
                    continue;
                }
                if records.len() >= limit || *bytes >= READ_BYTES {
                    return Ok(true);
                }
                *bytes = bytes.saturating_add(message.len());
                records.push(Record { seq, at: found.at, message: message.to_owned() });
                place.after = seq;
            }
        }
        place.at = frames.at();
    }
    Ok(records.len() >= limit || *bytes >= READ_BYTES)
}
