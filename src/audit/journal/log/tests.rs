use super::*;
use crate::audit::delivery::syslog::Draft as Text;
use crate::clock::{SystemRandom, Timestamp};

/// Never a whole page, so that padding has no room at the end.
const ODD: Shape = Shape { segment_bytes: 1 << 20, step_bytes: 5_000, reserve_bytes: 0 };

fn order(bytes: usize, room: Room) -> Order {
    let (drafts, done) = (vec![Text::of("x".repeat(bytes))], Box::new(|_| ()));
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
}
