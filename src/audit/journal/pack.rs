//! Frames of records packed into one (LZ4 block format): zeroing and writing cost by the byte.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::frame::{self, Packed};

/// Bytes packed together, or one frame that has more: the reach of LZ4's back references. More would be lost with one
/// damaged place, and unpacked for one record.
const PACK_BYTES: usize = 64 * 1024;

/// Appends frames as they are stored: those of records that follow each other packed, where that makes them shorter.
pub(super) fn pack(out: &mut Vec<u8>, frames: &[u8]) {
    let mut rest = frames;
    while let Some((first, behind)) = frame::split(rest) {
        let mut end = behind;
        let Some(mut numbers) = first.numbers() else {
            out.extend(taken(rest, end));
            rest = end;
            continue;
        };
        while let Some((next, behind)) = frame::split(end)
            && let Some(more) = next.numbers()
            && taken(rest, behind).len() <= PACK_BYTES
        {
            numbers = *numbers.start()..=*more.end();
            end = behind;
        }
        let (frames, start) = (taken(rest, end), out.len());
        frame::packed(out, &numbers, frames.len(), |out| {
            let block = out.len();
            out.resize(block.saturating_add(get_maximum_output_size(frames.len())), 0);
            // there is room for whatever comes of them
            let bytes = out.get_mut(block..).and_then(|room| compress_into(frames, room).ok());
            out.truncate(bytes.map_or(usize::MAX, |bytes| block.saturating_add(bytes)));
        });
        if out.len().saturating_sub(start) >= frames.len() {
            out.truncate(start);
            out.extend(frames);
        }
        rest = end;
    }
    out.extend(rest);
}

/// What stands before the rest.
fn taken<'b>(all: &'b [u8], rest: &[u8]) -> &'b [u8] {
    all.get(..all.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// The frames; `None` where what is packed is none of ours, whole as it may be.
pub(super) fn unpack(packed: &Packed<'_>) -> Option<Vec<u8>> {
    let mut frames = vec![0; packed.bytes];
    let unpacked = decompress_into(packed.block, &mut frames).ok()?;
    (unpacked == packed.bytes).then_some(frames)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::*;
    use crate::clock::Timestamp;

    const AT: Timestamp = Timestamp::from_micros(-7);

    fn read(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
        let length = frame::measure(bytes).ok()?;
        Some((frame::parse(&bytes[..length])?, length))
    }

    #[test]
    fn what_is_packed_reads_back_in_order_and_is_never_longer() {
        // alike, unlike any other, large alone, and a cursor between them
        let next = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let noise = || std::iter::successors(Some(1), next).take(9_000).map(|at| (at >> 56) as u8);
        let mut frames = Vec::new();
        for first in 1..=40_u64 {
            let message = match first {
                30 => noise().collect(),
                35 => vec![b'x'; 3 * PACK_BYTES],
                _ => format!("{first}{}", "alike".repeat(800)).into_bytes(),
            };
            if first == 20 {
                frame::cursor(&mut frames, "arr", 19);
            }
            frame::records(&mut frames, first, AT, &[message], |message, _, out| {
                out.extend(message);
            });
        }
        let mut packed = Vec::new();
        pack(&mut packed, &frames);
        assert!(packed.len() < frames.len() / 10, "{} of {}", packed.len(), frames.len());
        let (mut unpacked, mut rest, mut largest) = (Vec::new(), packed.as_slice(), 0);
        while !rest.is_empty() {
            let (frame, length) = read(rest).unwrap();
            match frame {
                Frame::Packed(packed) => {
                    let frames = unpack(&packed).unwrap();
                    let (inner, _) = frame::split(&frames).unwrap();
                    assert_eq!(inner.numbers().unwrap().start(), &packed.first);
                    largest =
                        largest.max(if packed.first == packed.last { 0 } else { frames.len() });
                    unpacked.extend(frames);
                }
                _ => unpacked.extend(&rest[..length]),
            }
            rest = &rest[length..];
        }
        assert!(unpacked == frames);
        assert!((PACK_BYTES / 2..=PACK_BYTES).contains(&largest), "{largest}");

        let mut small = Vec::new();
        frame::records(&mut small, 1, AT, &[()], |(), _, out| out.extend(noise()));
        let mut stored = Vec::new();
        pack(&mut stored, &small);
        assert!(stored == small, "what would not be shorter is left as it is");
        let mut other = Vec::new();
        pack(&mut other, b"no frame");
        assert_eq!(other, b"no frame");
    }

    #[test]
    fn what_claims_to_be_packed_and_is_not_is_no_frame_and_takes_no_room() {
        let claim = |first, last, bytes, block: &[u8]| {
            let mut out = Vec::new();
            frame::packed(&mut out, &(first..=last), bytes, |out| out.extend(block));
            out
        };
        for (first, last, length) in [(0, 1, 9), (2, 1, 9), (1, 10, 9), (1, 1, usize::MAX)] {
            assert_eq!(frame::parse(&claim(first, last, length, b"")), None);
        }
        // fewer bytes than claimed, more, and none of that format
        for (length, block) in [(9, &b"\x10x"[..]), (1, b"\x20xx"), (9, b"\xff\xff")] {
            let bytes = claim(1, 1, length, block);
            let Some(Frame::Packed(packed)) = frame::parse(&bytes) else { panic!("{length}") };
            assert_eq!(unpack(&packed), None);
        }
    }
}
