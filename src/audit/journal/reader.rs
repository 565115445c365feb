//! The log as its readers see it: from one record on, beside those who write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Record;
use super::frame::Frame;
use super::segment::{self, Frames};

/// Bytes of records read at once: a few TLS writes' worth.
pub(in crate::audit) const READ_BYTES: usize = 256 * 1024;
/// Places remembered: one for each target, and some for whoever looks.
const PLACES: usize = 8;

/// Reads records, and remembers where it came to.
#[derive(Debug)]
pub(super) struct Reader {
    folder: PathBuf,
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
    pub(super) fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), firsts: Vec::new(), places: Vec::new() }
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
            let next = place.segment.saturating_add(1);
            // looked at first: a segment with another behind it gets no more records
            let is_final = segment::path(&self.folder, next).try_exists()?;
            let full = read(&mut place, last, limit, &mut bytes, &mut records, is_final)?;
            if full || !is_final {
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
    is_final: bool,
) -> io::Result<bool> {
    let mut frames = Frames::from(&place.file, place.at);
    loop {
        let more = match frames.next()? {
            Ok(Frame::Records(found)) => {
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
                    let missing = seq.saturating_sub(place.after).saturating_sub(1);
                    if missing > 0 {
                        tracing::error!(
                            after = place.after,
                            missing,
                            "audit records cannot be read"
                        );
                    }
                    *bytes = bytes.saturating_add(message.len());
                    records.push(Record { seq, at: found.at, message: message.to_owned() });
                    place.after = seq;
                }
                true
            }
            Ok(Frame::Header { .. } | Frame::Cursor { .. }) => true,
            Err(_) => false,
        };
        // behind a damaged place there may be more
        if !more && !(is_final && frames.find_after(place.after)?) {
            return Ok(records.len() >= limit || *bytes >= READ_BYTES);
        }
        place.at = frames.at();
    }
}
