//! What the log is made of: frames, each whole or not there.
//!
//! A frame is the length of its body, a CRC-32 of that length and the body, and the body: a letter that says what
//! it is, and its fields. Numbers are little-endian. Where no frame was written yet there are zeros.

use std::ops::RangeInclusive;

use crate::clock::Timestamp;

/// Bytes before a body: its length and the check.
pub(super) const HEAD_BYTES: usize = 8;
/// Bytes of a body at most; what claims more is no frame. A request by 100 ids may have some 3 MiB of records.
pub(super) const BODY_BYTES: usize = 8 * 1024 * 1024;
/// More records than a damaged place costs; so of nearly all numbers there five bytes are the same.
const NEAR: u64 = 1 << 24;
/// The version of all this. The first had nothing packed, and whoever knows no other takes what is for damage: so a
/// segment that begins with it gets nothing packed.
const VERSION: u8 = 2;

const HEADER: u8 = b'H';
const RECORDS: u8 = b'R';
const PACKED: u8 = b'P';
const CURSOR: u8 = b'C';

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'b> {
    /// First in each segment: the journal's name, the number of the segment's first record, and whether records may be
    /// packed in it.
    Header { name: &'b str, first: u64, packs: bool },
    /// The records of one order.
    Records(Records<'b>),
    /// Those of one order or of several, compressed.
    Packed(Packed<'b>),
    /// How far a target has come.
    Cursor { target: &'b str, seq: u64 },
}

impl Frame<'_> {
    /// The numbers of the records in it.
    pub(super) fn numbers(&self) -> Option<RangeInclusive<u64>> {
        match self {
            Self::Records(records) => Some(records.first..=records.last()),
            Self::Packed(packed) => Some(packed.first..=packed.last),
            Self::Header { .. } | Self::Cursor { .. } => None,
        }
    }

    /// The first record that it has, or the one after all that it knows of.
    pub(super) fn first(&self) -> u64 {
        self.numbers().map_or(self.knows_of().saturating_add(1), |numbers| *numbers.start())
    }

    /// The last record that it knows of; a target had what its cursor tells.
    pub(super) fn knows_of(&self) -> u64 {
        match self {
            Self::Header { first, .. } => first.saturating_sub(1),
            Self::Records(records) => records.last(),
            Self::Packed(packed) => packed.last,
            Self::Cursor { seq, .. } => *seq,
        }
    }
}

/// Records that were ordered together, numbered from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Records<'b> {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) at: Timestamp,
    messages: &'b [u8],
}

impl<'b> Records<'b> {
    /// The number of the last of them.
    pub(super) fn last(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count)).saturating_sub(1)
    }

    /// Each message, in order.
    pub(super) fn messages(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut rest = Fields(self.messages);
        std::iter::from_fn(move || rest.sized())
    }
}

/// Frames of records, one behind the other, compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed<'b> {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Bytes of the frames; no more than one frame may have.
    pub(super) bytes: usize,
    pub(super) block: &'b [u8],
}

/// Why there is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing was written here.
    Nothing,
    /// So many bytes are needed to tell.
    More(usize),
    /// What stands here is no frame.
    Damaged,
}

/// The length of the frame that the bytes begin with, once it is known to be whole.
pub(super) fn measure(bytes: &[u8]) -> Result<usize, Missing> {
    let mut head = Fields(bytes);
    let (Some(length), Some(check)) = (head.u32(), head.u32()) else {
        return Err(Missing::More(HEAD_BYTES));
    };
    if length == 0 {
        return Err(if check == 0 { Missing::Nothing } else { Missing::Damaged });
    }
    let body = usize::try_from(length).ok().filter(|body| *body <= BODY_BYTES);
    let whole = body.ok_or(Missing::Damaged)?.saturating_add(HEAD_BYTES);
    let frame = bytes.get(..whole).ok_or(Missing::More(whole))?;
    let body = frame.get(HEAD_BYTES..).unwrap_or_default();
    if check == self::check(length, body) { Ok(whole) } else { Err(Missing::Damaged) }
}

/// The first of frames that are known to be whole, and the others.
pub(super) fn split(frames: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let body = usize::try_from(Fields(frames).u32()?).ok()?;
    let (first, rest) = frames.split_at_checked(body.checked_add(HEAD_BYTES)?)?;
    Some((parse(first)?, rest))
}

/// What a whole frame says.
pub(super) fn parse(frame: &[u8]) -> Option<Frame<'_>> {
    let mut fields = Fields(frame.get(HEAD_BYTES..)?);
    match fields.u8()? {
        HEADER => {
            let (version, first) = (fields.u8()?, fields.u64()?);
            let name = str::from_utf8(fields.0).ok()?;
            let header = Frame::Header { name, first, packs: version > 1 };
            (1..=VERSION).contains(&version).then_some(header)
        }
        RECORDS => {
            let (first, count, at) = (fields.u64()?, fields.u32()?, fields.u64()?);
            let at = Timestamp::from_micros(at.cast_signed());
            let records = Records { first, count, at, messages: fields.0 };
            let counted = u32::try_from(records.messages().count()).is_ok_and(|all| all == count);
            (counted && count > 0 && first > 0).then_some(Frame::Records(records))
        }
        PACKED => {
            let (first, last) = (fields.u64()?, fields.u64()?);
            let bytes = usize::try_from(fields.u32()?).ok()?;
            // each record takes some of them
            let counted = last.checked_sub(first).is_some_and(|more| more < bytes as u64);
            let known = first > 0 && counted && bytes <= HEAD_BYTES + BODY_BYTES;
            known.then_some(Frame::Packed(Packed { first, last, bytes, block: fields.0 }))
        }
        CURSOR => {
            let seq = fields.u64()?;
            Some(Frame::Cursor { target: str::from_utf8(fields.0).ok()?, seq })
        }
        _ => None,
    }
}

/// Whether these bytes may begin a frame that knows of records near this one: cheap, and what texts and their
/// compressed form hold does not. Otherwise so many bytes are needed to tell.
pub(super) fn may_begin_near(bytes: &[u8], seq: u64) -> Result<bool, usize> {
    let mut fields = Fields(bytes.get(HEAD_BYTES..).unwrap_or_default());
    let (Some(kind), Some(number)) = (fields.u8(), fields.u64()) else {
        return Err(HEAD_BYTES + size_of::<u8>() + size_of::<u64>());
    };
    Ok(matches!(kind, RECORDS | PACKED | CURSOR) && number.abs_diff(seq) < NEAR)
}

/// Appends the first frame of a segment.
pub(super) fn header(out: &mut Vec<u8>, name: &str, first: u64) {
    header_of(out, VERSION, name, first);
}

/// The same, of any version.
pub(super) fn header_of(out: &mut Vec<u8>, version: u8, name: &str, first: u64) {
    frame(out, |out| {
        out.extend([HEADER, version]);
        out.extend(first.to_le_bytes());
        out.extend(name.as_bytes());
    });
}

/// Appends where a target stands.
pub(super) fn cursor(out: &mut Vec<u8>, target: &str, seq: u64) {
    frame(out, |out| {
        out.push(CURSOR);
        out.extend(seq.to_le_bytes());
        out.extend(target.as_bytes());
    });
}

/// Appends records; `write` appends the one of a number.
pub(super) fn records<T>(
    out: &mut Vec<u8>,
    first: u64,
    at: Timestamp,
    all: &[T],
    write: impl Fn(&T, u64, &mut Vec<u8>),
) {
    frame(out, |out| {
        out.push(RECORDS);
        out.extend(first.to_le_bytes());
        out.extend(u32_of(all.len()).to_le_bytes());
        out.extend(at.micros().to_le_bytes());
        for (one, seq) in all.iter().zip(first..) {
            let start = out.len();
            out.extend([0; 4]);
            write(one, seq, out);
            let length = u32_of(out.len().saturating_sub(start).saturating_sub(4));
            put(out, start, length);
        }
    });
}

/// Appends records of these numbers, packed: `write` appends the block, which unpacked has so many bytes.
pub(super) fn packed(
    out: &mut Vec<u8>,
    numbers: &RangeInclusive<u64>,
    bytes: usize,
    write: impl FnOnce(&mut Vec<u8>),
) {
    frame(out, |out| {
        out.push(PACKED);
        out.extend(numbers.start().to_le_bytes());
        out.extend(numbers.end().to_le_bytes());
        out.extend(u32_of(bytes).to_le_bytes());
        write(out);
    });
}

/// Appends what `write` does as the body of a frame.
fn frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; HEAD_BYTES]);
    write(out);
    let body = out.get(start.saturating_add(HEAD_BYTES)..).unwrap_or_default();
    let length = u32_of(body.len());
    let check = check(length, body);
    put(out, start, length);
    put(out, start.saturating_add(4), check);
}

fn put(out: &mut [u8], at: usize, number: u32) {
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = number.to_le_bytes();
    }
}

fn check(length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// What is too long for its number is no frame when it is read.
fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Fields yet to be read.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// Bytes that their number stands before.
    fn sized(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Timestamp = Timestamp::from_micros(-7);

    fn read(bytes: &[u8]) -> Result<(Frame<'_>, usize), Missing> {
        let length = measure(bytes)?;
        Ok((parse(&bytes[..length]).ok_or(Missing::Damaged)?, length))
    }

    fn write(messages: &[Vec<u8>], first: u64) -> Vec<u8> {
        let mut out = Vec::new();
        records(&mut out, first, AT, messages, |message, _, out| out.extend(message));
        out
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_no_part_or_change_of_it_does(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
            first in 1..u64::MAX / 2,
            cut: prop::sample::Index,
            flip in 1..=u8::MAX,
        ) {
            let mut bytes = write(&messages, first);
            let (frame, length) = read(&bytes).unwrap();
            let Frame::Records(records) = frame else { panic!("{frame:?}") };
            prop_assert_eq!(length, bytes.len());
            prop_assert_eq!((records.first, records.at), (first, AT));
            prop_assert_eq!(records.last(), first + messages.len() as u64 - 1);
            prop_assert!(records.messages().eq(messages.iter().map(Vec::as_slice)));

            let at = cut.index(bytes.len());
            prop_assert!(read(&bytes[..at]).is_err());
            // as a disk has it that wrote the beginning alone
            let mut torn = bytes.clone();
            torn[at..].fill(0);
            prop_assert!(torn == bytes || read(&torn).is_err());
            bytes[at] ^= flip;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn garbage_is_no_frame_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(read(&bytes).is_err());
        }
    }

    #[test]
    fn each_kind_reads_back() {
        let mut bytes = Vec::new();
        header(&mut bytes, "name", 7);
        cursor(&mut bytes, "arr", 6);
        let (frame, length) = read(&bytes).unwrap();
        assert_eq!(frame, Frame::Header { name: "name", first: 7, packs: true });
        assert_eq!(read(&bytes[length..]).unwrap().0, Frame::Cursor { target: "arr", seq: 6 });
        assert_eq!(read(&[0; HEAD_BYTES]), Err(Missing::Nothing));
        assert_eq!(read(&[0; HEAD_BYTES - 1]), Err(Missing::More(HEAD_BYTES)));
        assert_eq!(read(&[0xff; 64]), Err(Missing::Damaged));
    }
}
