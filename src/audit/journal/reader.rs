//! The log as its readers see it: from one record on, beside those who write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::frame::{self, Frame, Packed, Records};
use super::segment::{self, Frames};
use super::{Record, pack};

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
    buffer: Vec<u8>,
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
        Self {
            folder: folder.to_owned(),
            firsts: Vec::new(),
            places: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// The number of the oldest record that is kept, or of the first to come.
    pub(super) fn first(&mut self) -> io::Result<u64> {
        self.look_for_segments()?;
        self.firsts.first().map(|(_, first)| *first).ok_or(io::ErrorKind::NotFound.into())
    }

    /// The records that follow `seq` up to `last`, in order, at least one where there is one.
    pub(super) fn after(&mut self, seq: u64, last: u64, limit: usize) -> io::Result<Vec<Record>> {
        let mut batch = Batch::new(last, limit);
        if last <= seq || limit == 0 {
            return Ok(batch.records);
        }
        let mut place = match self.places.iter().position(|place| place.after == seq) {
            Some(known) => self.places.swap_remove(known),
            None => self.locate(seq)?,
        };
        loop {
            let next = place.segment.saturating_add(1);
            // looked at first: a segment with another behind it gets no more records
            let is_final = segment::path(&self.folder, next).try_exists()?;
            let Place { after, file, at, .. } = &mut place;
            let mut frames = Frames::within(file, *at, std::mem::take(&mut self.buffer));
            let read = batch.read(&mut frames, after, at, is_final);
            self.buffer = frames.into_buffer();
            if read? || !is_final {
                break;
            }
            place = self.begin(next, place.after)?;
        }
        self.places.truncate(PLACES - 1);
        self.places.insert(0, place);
        Ok(batch.records)
    }

    /// Where to look for the record after `seq`: in the segment that holds it, from where somebody came to.
    fn locate(&mut self, seq: u64) -> io::Result<Place> {
        self.look_for_segments()?;
        let wanted = seq.saturating_add(1);
        let holds = self.firsts.iter().rev().find(|(_, first)| *first <= wanted);
        let (segment, _) =
            *holds.or(self.firsts.first()).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        let before = |place: &&Place| place.segment == segment && place.after <= seq;
        match self.places.iter().filter(before).max_by_key(|place| place.at) {
            Some(Place { file, at, .. }) => {
                Ok(Place { after: seq, segment, file: file.try_clone()?, at: *at })
            }
            None => self.begin(segment, seq),
        }
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

/// What is read at once.
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    bytes: usize,
    /// The last record that is durable.
    last: u64,
    limit: usize,
}

impl Batch {
    pub(super) fn new(last: u64, limit: usize) -> Self {
        Self { records: Vec::new(), bytes: 0, last, limit }
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.limit || self.bytes >= READ_BYTES
    }

    /// Reads on behind the record `after`, within a segment; says whether enough was read. Then `at` is where to go on.
    fn read(
        &mut self,
        frames: &mut Frames<'_>,
        after: &mut u64,
        at: &mut u64,
        is_final: bool,
    ) -> io::Result<bool> {
        loop {
            let more = match frames.next()? {
                // of what is being written just now nothing is durable
                Ok(frame)
                    if frame.numbers().is_some_and(|numbers| *numbers.start() > self.last) =>
                {
                    return Ok(true);
                }
                Ok(Frame::Records(found)) if !self.take(&found, after, Bytes::copy_from_slice) => {
                    return Ok(true);
                }
                Ok(Frame::Packed(packed)) if !self.take_packed(&packed, after) => return Ok(true),
                found => found.is_ok(),
            };
            // behind a damaged place there may be more
            let goes_on = more || is_final && frames.find_after(*after)?;
            if !goes_on {
                return Ok(self.is_full());
            }
            *at = frames.at();
        }
    }

    /// Takes of these what follows `after`; `false` where it is not all taken. What cannot be unpacked is passed over.
    fn take_packed(&mut self, packed: &Packed<'_>, after: &mut u64) -> bool {
        if packed.last <= *after {
            return true;
        }
        if self.is_full() {
            return false;
        }
        // copied, so that whoever keeps one record does not keep all
        let all = pack::unpack(packed)
            .is_none_or(|frames| self.take_all(&frames, after, Bytes::copy_from_slice));
        if all && *after < packed.last {
            let Packed { first, last, .. } = packed;
            tracing::error!(first, last, "audit records cannot be unpacked");
        }
        all
    }

    /// Takes of these frames what follows `after`; `false` where it is not all taken.
    pub(super) fn take_all<'f>(
        &mut self,
        frames: &'f [u8],
        after: &mut u64,
        keep: impl Fn(&'f [u8]) -> Bytes,
    ) -> bool {
        let mut rest = frames;
        while let Some((frame, behind)) = frame::split(rest) {
            if let Frame::Records(found) = frame
                && !self.take(&found, after, &keep)
            {
                return false;
            }
            rest = behind;
        }
        true
    }

    /// Takes of these what follows `after`; `false` where they are not all taken.
    fn take<'f>(
        &mut self,
        found: &Records<'f>,
        after: &mut u64,
        keep: impl Fn(&'f [u8]) -> Bytes,
    ) -> bool {
        for (message, seq) in found.messages().zip(found.first..) {
            if seq <= *after {
                continue;
            }
            if self.is_full() {
                return false;
            }
            let missing = seq.saturating_sub(*after).saturating_sub(1);
            if missing > 0 {
                tracing::error!(after = *after, missing, "audit records cannot be read");
            }
            self.bytes = self.bytes.saturating_add(message.len());
            self.records.push(Record { seq, at: found.at, message: keep(message) });
            *after = seq;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame;
    use super::*;
    use crate::clock::Timestamp;

    const AT: Timestamp = Timestamp::from_micros(1);
    /// A number that is near no small one.
    const FAR: u64 = 1 << 40;

    #[test]
    fn what_cannot_be_unpacked_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        frame::header(&mut bytes, "name", 1);
        frame::records(&mut bytes, 1, AT, &[()], |(), _, out| out.push(b'x'));
        // nothing of that format, and what is no frame
        frame::packed(&mut bytes, &(2..=3), 9, |out| out.extend(b"\xff\xff"));
        frame::packed(&mut bytes, &(4..=5), 2, |out| out.extend(b"\x20xx"));
        frame::records(&mut bytes, 6, AT, &[()], |(), _, out| out.push(b'x'));
        std::fs::write(segment::path(folder.path(), 1), bytes).unwrap();
        let records = Reader::open(folder.path()).after(0, 6, 9).unwrap();
        assert!(records.iter().map(|record| record.seq).eq([1, 6]));
    }

    #[test]
    fn what_is_packed_is_read_from_any_record_on_and_no_more_than_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        frame::header(&mut bytes, "name", 1);
        for commit in [[1, 3, 5], [7, 9, 11]] {
            let (mut frames, start) = (Vec::new(), bytes.len());
            for first in commit {
                frame::records(&mut frames, first, AT, &[first, first + 1], |one, seq, out| {
                    out.extend(format!("{} {seq} {one}", "alike".repeat(9)).into_bytes());
                });
            }
            pack::pack(&mut bytes, &frames);
            assert!(matches!(frame::parse(&bytes[start..]), Some(Frame::Packed(_))));
        }
        std::fs::write(segment::path(folder.path(), 1), bytes).unwrap();
        let mut reader = Reader::open(folder.path());
        // first as long as the second of them is not yet durable
        for last in [6, 12] {
            for seq in 0..=last {
                for limit in 1..=last as usize + 1 {
                    let records = reader.after(seq, last, limit).unwrap();
                    let texts: Vec<_> =
                        records.iter().map(|record| &record.message[45..]).collect();
                    let wanted = (seq + 1..=last).take(limit).map(|seq| format!(" {seq} {seq}"));
                    let wanted = wanted.map(String::into_bytes);
                    assert!(texts.into_iter().eq(wanted), "{seq} {last} {limit}");
                }
            }
        }
    }

    #[test]
    fn whoever_begins_in_the_midst_of_what_lies_behind_a_damaged_place_reads_the_rest_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        frame::header(&mut bytes, "name", FAR + 1);
        let mut damaged = 0;
        for (first, count) in [(FAR + 1, 1), (FAR + 2, 1), (FAR + 3, 3)] {
            damaged = if first == FAR + 2 { bytes.len() + 20 } else { damaged };
            let all = vec![(); count];
            frame::records(&mut bytes, first, AT, &all, |(), _, out| out.extend(b"a message"));
            if first == FAR + 2 {
                // as a text in it might look like; what is far away is none of this segment's
                frame::records(&mut bytes, 3, AT, &[()], |(), _, out| out.push(b'x'));
            }
        }
        bytes[damaged] ^= 1;
        std::fs::write(segment::path(folder.path(), 1), bytes).unwrap();
        let mut next = Vec::new();
        frame::header(&mut next, "name", FAR + 6);
        std::fs::write(segment::path(folder.path(), 2), next).unwrap();
        for seq in FAR..=FAR + 5 {
            let records = Reader::open(folder.path()).after(seq, FAR + 5, 9).unwrap();
            let wanted = [1, 3, 4, 5].map(|one| FAR + one).into_iter().filter(|one| *one > seq);
            assert!(records.iter().map(|record| record.seq).eq(wanted), "{seq}");
        }
    }
}
