use super::super::reader::Reader;
use super::*;
use crate::audit::delivery::syslog::Draft as Text;
use crate::clock::{SystemRandom, Timestamp};

/// Never a whole page, so that padding has no room at the end.
const ODD: Shape = Shape { segment_bytes: 1 << 20, step_bytes: 5_000, reserve_bytes: 0 };

/// Of a text that no packing makes shorter.
fn order(bytes: usize, room: Room) -> Order {
    let next = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let noise = std::iter::successors(Some(1), next).take(bytes);
    let text = noise.map(|at| char::from(b' ' + (at >> 58) as u8)).collect();
    let (drafts, done) = (vec![Text::of(text)], Box::new(|_| ()));
    Order::Record { at: Timestamp::from_micros(1), drafts, room, done }
}

#[test]
fn what_pads_a_commit_lengthens_nothing_and_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Log::open(folder.path(), ODD, &SystemRandom).unwrap();
    let (mut one, mut other) = (open(), open());
    for turn in 0..200_u64 {
        let bytes = usize::try_from(turn * turn % 6_000).unwrap();
        let log = if turn % 3 == 0 { &mut other } else { &mut one };
        let written = log.append(&[order(bytes, Room::Ordinary)]).unwrap();
        assert_eq!((written.before, written.last), (turn, turn + 1));
        let room = log.tail.file.metadata().unwrap().len();
        assert_eq!(log.room, room);
        let behind = segment::is_zero(&log.tail.file, log.tail.end, room).unwrap();
        assert!(log.tail.end <= room && behind);
    }
    let tail = Tail::find(folder.path()).unwrap().unwrap();
    assert_eq!((tail.last, tail.damaged), (200, false));
}

#[test]
fn what_could_not_be_read_once_is_seen_to_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { step_bytes: 20_000, ..ODD };
    let open = || Log::open(folder.path(), shape, &SystemRandom).unwrap();
    let (mut one, mut other) = (open(), open());
    let append = |log: &mut Log| log.append(&[order(4_000, Room::Ordinary)]);
    append(&mut one).unwrap();
    // grows beyond the room that the first knows of
    (0..5).for_each(|_| drop(append(&mut other).unwrap()));
    // as one that reads so far, and is then told that the disk fails
    one.tail.catch_up().unwrap();
    one.settled = false;
    assert!(one.room < one.tail.end);
    append(&mut one).unwrap();
    let tail = Tail::find(folder.path()).unwrap().unwrap();
    assert_eq!((tail.last, tail.damaged), (7, false));
}

#[test]
fn what_was_refused_leaves_nothing_to_keep() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { segment_bytes: 0, reserve_bytes: 32 << 10, ..ODD };
    let mut log = Log::open(folder.path(), shape, &SystemRandom).unwrap();
    // lets no segment be begun, as on a full disk
    std::fs::create_dir(folder.path().join("next")).unwrap();
    let batch = [order(900_000, Room::Ordinary), order(100, Room::BreakGlass)];
    let written = log.append(&batch).unwrap();
    assert!(written.full.is_some() && written.last == written.before + 1);
    assert!(written.frames.capacity() < 1_000, "{}", written.frames.capacity());
    assert!(matches!(log.append(&batch[..1]), Err(Fault::Full(_))));
    assert!(log.packed.capacity() <= KEPT_BYTES);
}

/// A number that is near no small one.
const FAR: u64 = 1 << 40;

/// Of a text that packs well.
fn alike() -> Order {
    let (drafts, done) = (vec![Text::of("alike ".repeat(99))], Box::new(|_| ()));
    Order::Record { at: Timestamp::from_micros(1), drafts, room: Room::Ordinary, done }
}

/// Whether each frame of records in a segment is packed.
fn packed(folder: &Path, number: u64) -> Vec<bool> {
    let file = File::open(segment::path(folder, number)).unwrap();
    let (mut frames, mut packed) = (Frames::from(&file, 0), Vec::new());
    while let Ok(frame) = frames.next().unwrap() {
        packed.extend(frame.numbers().map(|_| matches!(frame, frame::Frame::Packed(_))));
    }
    packed
}

#[test]
fn a_segment_that_an_older_program_began_goes_on_as_that_one_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Vec::new();
    frame::header_of(&mut old, 1, "name", 1);
    frame::records(&mut old, 1, Timestamp::from_micros(1), &[()], |(), _, out| out.push(b'x'));
    old.resize(8_000, 0);
    std::fs::write(segment::path(folder.path(), 1), old).unwrap();
    let shape = Shape { segment_bytes: 0, step_bytes: 8_000, reserve_bytes: 0 };
    let mut log = Log::open(folder.path(), shape, &SystemRandom).unwrap();
    let batch: Vec<_> = std::iter::repeat_with(alike).take(5).collect();
    for last in [6, 11, 16, 21] {
        assert_eq!(log.append(&batch).unwrap().last, last);
    }
    assert_eq!(packed(folder.path(), 1), [false; 11]);
    // what was made ready for the old one stands in the new one
    assert_eq!(packed(folder.path(), 2), [false, false, false, false, false, true]);
    let records = Reader::open(folder.path()).after(0, 21, 99).unwrap();
    assert!(records.iter().map(|record| record.seq).eq(1..=21));
    let tail = Tail::find(folder.path()).unwrap().unwrap();
    assert_eq!((tail.last, tail.packs, tail.damaged), (21, true, false));
}

#[test]
fn damage_to_what_was_packed_costs_that_alone_and_no_number_is_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut start) = (segment::path(folder.path(), 1), Vec::new());
    frame::header(&mut start, "name", FAR);
    std::fs::write(&path, &start).unwrap();
    let open = || Log::open(folder.path(), ODD, &SystemRandom).unwrap();
    let cursor = || {
        let (done, _) = tokio::sync::oneshot::channel();
        Order::Cursor { target: "arr".to_owned(), seq: FAR + 14, done }
    };
    let batch: Vec<_> = std::iter::repeat_with(alike).take(5).collect();
    let (mut log, mut ends) = (open(), Vec::new());
    for _ in 0..3 {
        log.append(&batch).unwrap();
        ends.push(usize::try_from(log.tail.end).unwrap());
    }
    log.append(&[cursor()]).unwrap();
    assert_eq!(packed(folder.path(), 1), [true; 3]);
    drop(log);
    let whole = std::fs::read(&path).unwrap();
    // in the midst, and the last, of which only the target's cursor knows
    for (at, lost) in [(ends[0], 5..10), (ends[1], 10..15)] {
        let _none = std::fs::remove_file(segment::path(folder.path(), 2));
        let mut damaged = whole.clone();
        damaged[at + 50] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let mut log = open();
        assert_eq!(log.append(&batch[..1]).unwrap().last, FAR + 15);
        let mut reader = Reader::open(folder.path());
        let mut after = FAR - 1;
        for seq in (0..16).filter(|seq| !lost.contains(seq)) {
            let records = reader.after(after, FAR + 15, 1).unwrap();
            assert!(records.iter().map(|record| record.seq).eq([FAR + seq]), "{seq}");
            after = FAR + seq;
        }
    }
}
