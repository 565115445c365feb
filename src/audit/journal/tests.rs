use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use super::*;
use crate::audit::{Endpoint, Event};
use crate::clock::SystemRandom;

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// Little room, and a new segment for more of it.
const SMALL: Shape = Shape { segment_bytes: 0, step_bytes: 8 << 10, reserve_bytes: 0 };

fn open_with(folder: &tempfile::TempDir, shape: Shape) -> Result<Journal, Error> {
    let source = Source {
        enterprise_site: "2.999.1".to_owned(),
        id: "lakeside".to_owned(),
        host: "gateway.lakeside.example".to_owned(),
        process_id: 4242,
    };
    Journal::open(Settings { path: folder.path().join("audit"), source, shape }, &SystemRandom)
}

fn open(folder: &tempfile::TempDir) -> Result<Journal, Error> {
    open_with(folder, Shape { reserve_bytes: 64 << 10, ..Shape::default() })
}

/// More records than there is little room for, packed as they are.
const MANY: usize = 8_000;

/// Lets no segment be begun, as on a full disk.
fn fill_up(folder: &tempfile::TempDir) {
    std::fs::create_dir(folder.path().join("audit/next")).unwrap();
}

fn free(folder: &tempfile::TempDir) {
    std::fs::remove_dir(folder.path().join("audit/next")).unwrap();
}

fn segments(folder: &tempfile::TempDir) -> usize {
    segment::numbers(&folder.path().join("audit")).unwrap().len()
}

/// Hands over without waiting.
fn submit(
    journal: &Journal,
    events: &[Event],
    room: Room,
) -> std::sync::mpsc::Receiver<Result<Receipt, Error>> {
    let (done, told) = std::sync::mpsc::channel();
    journal.hand_over(NOW, events, room, move |result| drop(done.send(result)));
    told
}

fn event() -> Event {
    let gateway = Endpoint { uri: "lakeside".to_owned(), host: "10.0.0.1".to_owned() };
    Event::application_start(NOW, &gateway)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receipt_of_a_concurrent_crowd_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let crowd = (0..200).map(|n| {
        let journal = journal.clone();
        tokio::spawn(async move { journal.record(NOW, &vec![event(); 1 + n % 3]).await })
    });
    let mut numbers = HashSet::new();
    for (n, one) in crowd.collect::<Vec<_>>().into_iter().enumerate() {
        let receipt = one.await.unwrap().unwrap();
        assert_eq!(receipt.records().count(), 1 + n % 3);
        assert!(receipt.records().all(|seq| numbers.insert(seq)), "a number twice");
    }
    // as another process sees it, while this one still runs
    assert_eq!(open(&folder).unwrap().len().unwrap(), 399);
    drop(journal);
    let journal = open(&folder).unwrap();
    assert_eq!((journal.len().unwrap(), journal.last().unwrap()), (399, 399));
    let records = journal.after(0, 1_000).unwrap();
    assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == seq));
}

#[test]
fn messages_are_final_and_end_in_an_id_that_counts() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let receipt = journal.record_blocking(NOW, &[event(), event()]).unwrap();
    assert_eq!(receipt.records(), 1..=2);
    let records = journal.after(0, 10).unwrap();
    let texts: Vec<_> = records.iter().map(|r| str::from_utf8(&r.message).unwrap()).collect();
    let head = "<85>1 2026-09-21T14:13:20.000000Z gateway.lakeside.example glassgate 4242 \
                IHE+RFC-3881 - <?xml version=\"1.0\" encoding=\"UTF-8\"?><AuditMessage>";
    assert!(texts[0].starts_with(head), "{}", texts[0]);
    let name = journal.shared.author.journal();
    assert!(texts[0].contains(&format!(">record-id {name}/1<")), "{}", texts[0]);
    assert_eq!(texts[0].replace(&format!("{name}/1<"), &format!("{name}/2<")), texts[1]);
    assert_eq!(journal.after(1, 10).unwrap(), records[1..]);
    assert!(!format!("{records:?}").contains("lakeside"));
}

#[tokio::test]
async fn blocking_inside_a_runtime_does_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 1..=1);
}

#[test]
fn who_was_announced_counts_until_he_goes() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let announced = || journal.shared.progress.announced.load(Ordering::Relaxed);
    let coming: Vec<_> = (0..10).map(|_| journal.announce()).collect();
    assert_eq!(announced(), 10);
    // nobody of them comes, and it is recorded all the same
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 1..=1);
    drop(coming);
    assert_eq!(announced(), 0);
}

#[test]
fn what_was_handed_over_is_durable_once_the_journal_closed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    // far more than one commit takes, from where no runtime is, and nobody waits
    (0..1_000).for_each(|_| drop(submit(&journal, &[event()], Room::Ordinary)));
    drop(journal);
    assert_eq!(open(&folder).unwrap().len().unwrap(), 1_000);
}

#[test]
fn two_processes_share_one_count() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, load) = (open(&folder).unwrap(), open(&folder).unwrap());
    assert_eq!(gateway.shared.author.journal(), load.shared.author.journal());
    for turn in 0..3 {
        let first = gateway.record_blocking(NOW, &[event()]).unwrap();
        let second = load.record_blocking(NOW, &[event(), event()]).unwrap();
        assert_eq!(
            (first.records(), *second.records().end()),
            (3 * turn + 1..=3 * turn + 1, 3 * turn + 3)
        );
    }
    assert_eq!(gateway.last().unwrap(), 9);
}

#[test]
fn who_comes_back_to_a_log_that_grew_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let grows = Shape { segment_bytes: 64 << 20, step_bytes: 8 << 10, reserve_bytes: 0 };
    let (gateway, load) = (open_with(&folder, grows).unwrap(), open_with(&folder, grows).unwrap());
    let mut last = 0;
    for _ in 0..3 {
        for _ in 0..50 {
            last = *gateway.record_blocking(NOW, &[event()]).unwrap().records().end();
        }
        assert_eq!(load.record_blocking(NOW, &[event()]).unwrap().records(), last + 1..=last + 1);
    }
    for journal in [&gateway, &load, &open_with(&folder, grows).unwrap()] {
        assert_eq!(journal.last().unwrap(), 153);
        let records = journal.after(0, 1_000).unwrap();
        assert!(records.iter().map(|record| record.seq).eq(1..=153), "{}", records.len());
    }
}

#[test]
fn a_damaged_place_costs_its_record_alone_and_no_number_is_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    for _ in 0..10 {
        let _receipt = journal.record_blocking(NOW, &[event()]).unwrap();
    }
    drop(journal);
    let path = segment::path(&folder.path().join("audit"), 1);
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[starts(&path)[3] + 100] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    let journal = open(&folder).unwrap();
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 11..=11);
    let seqs: Vec<_> = journal.after(0, 99).unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(open(&folder).unwrap().last().unwrap(), 11);
}

#[test]
fn what_a_crash_left_of_a_write_comes_back_as_nobody_s_record() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes, _) = written(&folder);
    // the head of the second order is lost, though the third is whole
    let (mut torn, second) = (bytes, starts(&path)[2]);
    torn[second..second + 40].fill(0);
    std::fs::write(&path, torn).unwrap();
    let journal = open(&folder).unwrap();
    let next = *journal.record_blocking(NOW, &[event()]).unwrap().records().end();
    assert_eq!(next, 7);
    let seqs: Vec<_> = journal.after(0, 99).unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [1, 4, 5, 6, 7]);
}

#[test]
fn more_than_one_commit_holds_is_refused_and_much_is_cut_into_commits() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let many = vec![event(); 12_000];
    assert!(matches!(journal.record_blocking(NOW, &many), Err(Error::TooMuch)));
    let told: Vec<_> = (0..6).map(|_| submit(&journal, &many[..4_000], Room::Ordinary)).collect();
    let mut first = 1;
    for one in told {
        let records = one.recv().unwrap().unwrap().records();
        assert_eq!(records, first..=first + 3_999);
        first += 4_000;
    }
    assert_eq!(journal.after(23_998, 99).unwrap().len(), 2);
}

#[test]
fn a_receiver_of_receipts_that_breaks_ends_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    journal.hand_over(NOW, &[event()], Room::Ordinary, |_| panic!("this one breaks"));
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 2..=2);
}

#[test]
fn a_failed_commit_gives_no_receipt_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(&folder, SMALL).unwrap();
    assert!(matches!(journal.record_blocking(NOW, &[]), Err(Error::Nothing)));
    fill_up(&folder);
    let many = vec![event(); MANY];
    assert!(matches!(journal.record_blocking(NOW, &many), Err(Error::Full(_))));
    assert!(journal.is_empty().unwrap());
    // what there is room for finds it
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 1..=1);
    free(&folder);
    assert_eq!(journal.record_blocking(NOW, &many).unwrap().records(), 2..=1 + MANY as u64);
}

#[test]
fn on_a_full_disk_break_glass_has_room_that_nothing_else_has() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { reserve_bytes: 32 << 10, ..SMALL };
    let journal = open_with(&folder, shape).unwrap();
    fill_up(&folder);
    let record = |room| submit(&journal, &[event(), event()], room).recv().unwrap();
    let ordinary = std::iter::from_fn(|| record(Room::Ordinary).ok()).count();
    assert!(ordinary > 0);
    let first = record(Room::BreakGlass).unwrap();
    assert_eq!(first.records(), 2 * ordinary as u64 + 1..=2 * ordinary as u64 + 2);
    assert!(matches!(record(Room::Ordinary), Err(Error::Full(_))));
    let urgent = std::iter::from_fn(|| record(Room::BreakGlass).ok()).count();
    assert!(urgent > 5, "{urgent}");
    assert!(matches!(record(Room::BreakGlass), Err(Error::Full(_))));
    assert_eq!(journal.len().unwrap() as usize, 2 * (ordinary + 1 + urgent));
    free(&folder);
    assert!(record(Room::Ordinary).is_ok());
}

#[test]
fn of_one_commit_on_a_full_disk_each_order_gets_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { reserve_bytes: 32 << 10, ..SMALL };
    let journal = open_with(&folder, shape).unwrap();
    fill_up(&folder);
    // keeps the committer waiting, so that all that follows comes together
    let lock = log::lock_file(&folder.path().join("audit")).unwrap();
    lock.lock().unwrap();
    let begun = submit(&journal, &[event()], Room::Ordinary);
    let large = submit(&journal, &vec![event(); MANY], Room::Ordinary);
    let urgent = submit(&journal, &[event(), event()], Room::BreakGlass);
    lock.unlock().unwrap();
    let first = begun.recv().unwrap();
    assert!(matches!(large.recv().unwrap(), Err(Error::Full(_))));
    let before = u64::from(first.is_ok());
    assert_eq!(urgent.recv().unwrap().unwrap().records(), before + 1..=before + 2);
    assert_eq!(journal.last().unwrap(), before + 2);
}

#[tokio::test]
async fn whether_it_is_writable_is_found_out_by_making_room() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(&folder, SMALL).unwrap();
    fill_up(&folder);
    assert!(matches!(journal.writable().await, Err(Error::Full(_))));
    // which takes no record with it
    let _receipt = journal.record(NOW, &[event()]).await.unwrap();
    free(&folder);
    journal.writable().await.unwrap();
    assert_eq!(journal.len().unwrap(), 1);
}

#[tokio::test]
async fn segments_follow_one_another_with_all_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(&folder, SMALL).unwrap();
    journal.save_cursor("arr", 7).await.unwrap();
    let mut last = 0;
    while segments(&folder) < 4 {
        last = *journal.record(NOW, &[event(), event()]).await.unwrap().records().end();
    }
    let again = open_with(&folder, SMALL).unwrap();
    for journal in [&journal, &again] {
        let records = journal.after(0, 10_000).unwrap();
        assert_eq!(records.len() as u64, last);
        assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == seq));
        // from any record on, and piece by piece
        for seq in 0..last {
            assert_eq!(journal.after(seq, 1).unwrap(), records[seq as usize..][..1]);
        }
        assert_eq!((journal.len().unwrap(), journal.cursor("arr")), (last, 7));
    }
    // the other one writes on where this one was
    assert_eq!(again.record_blocking(NOW, &[event()]).unwrap().records(), last + 1..=last + 1);
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), last + 2..=last + 2);
    assert_eq!(journal.after(last, 9).unwrap().len(), 2);
}

#[test]
fn the_next_segment_is_made_while_records_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { segment_bytes: 256 << 10, step_bytes: 16 << 10, reserve_bytes: 0 };
    let journal = open_with(&folder, shape).unwrap();
    let audit = folder.path().join("audit");
    let (mut last, mut made) = (0, 0);
    while made < 2 {
        last = *journal.record_blocking(NOW, &[event()]).unwrap().records().end();
        let newest = segments(&folder) as u64;
        // one that a commit had to zero itself is shorter
        let whole = std::fs::metadata(segment::path(&audit, newest)).unwrap().len() == 256 << 10;
        made += u64::from(whole && end(&segment::path(&audit, newest)) < 2_000);
    }
    let records = journal.after(0, usize::MAX).unwrap();
    let mut seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
    while let Some(seq) = seqs.last().copied().filter(|seq| *seq < last) {
        seqs.extend(journal.after(seq, usize::MAX).unwrap().iter().map(|record| record.seq));
    }
    assert!(seqs.into_iter().eq(1..=last));
    drop(journal);
    let names = std::fs::read_dir(&audit).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().starts_with("blank")));
    assert_eq!(open_with(&folder, shape).unwrap().last().unwrap(), last);
}

#[test]
fn a_reserve_as_large_as_a_segment_leaves_it_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { segment_bytes: 256 << 10, step_bytes: 16 << 10, reserve_bytes: 512 << 10 };
    let journal = open_with(&folder, shape).unwrap();
    while segments(&folder) < 3 {
        let _receipt = journal.record_blocking(NOW, &[event()]).unwrap();
    }
    let [whole, newest] = [2, 3].map(|n| segment::path(&folder.path().join("audit"), n));
    assert!(end(&whole) > 240 << 10, "it ends at {}", end(&whole));
    assert!(std::fs::metadata(newest).unwrap().len() >= 512 << 10);
}

/// Where a segment's frames end.
fn end(path: &Path) -> u64 {
    *starts(path).last().unwrap() as u64
}

/// Where each begins, the header first, and where they end.
fn starts(path: &Path) -> Vec<usize> {
    let file = File::open(path).unwrap();
    let (mut frames, mut starts) = (segment::Frames::from(&file, 0), vec![0]);
    while frames.next().unwrap().is_ok() {
        starts.push(usize::try_from(frames.at()).unwrap());
    }
    starts
}

/// The one segment of a journal with these records.
fn written(folder: &tempfile::TempDir) -> (std::path::PathBuf, Vec<u8>, u64) {
    let journal = open(folder).unwrap();
    for count in [1, 2, 3] {
        let _receipt = journal.record_blocking(NOW, &vec![event(); count]).unwrap();
    }
    drop(journal);
    let path = segment::path(&folder.path().join("audit"), 1);
    let (bytes, end) = (std::fs::read(&path).unwrap(), end(&path));
    (path, bytes, end)
}

#[test]
fn a_torn_end_takes_no_whole_record_with_it_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes, end) = written(&folder);
    let end = usize::try_from(end).unwrap();
    // the last order has three records; of a write that a crash cut short, some of it is there
    for (lost, garbage) in [(1, false), (1, true), (300, false), (9, true)] {
        let mut torn = bytes.clone();
        torn[end - lost..end].fill(0);
        if garbage {
            torn[end..end + 64].fill(0x55);
        }
        for number in 2..9 {
            let _none = std::fs::remove_file(segment::path(&folder.path().join("audit"), number));
        }
        std::fs::write(&path, &torn).unwrap();
        let journal = open(&folder).unwrap();
        assert_eq!(journal.len().unwrap(), 3, "{lost}");
        assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 4..=4);
        assert_eq!(journal.after(0, 9).unwrap().len(), 4);
        drop(journal);
        assert_eq!(open(&folder).unwrap().len().unwrap(), 4);
        assert!(std::fs::read(&path).unwrap().starts_with(&torn[..end]), "evidence is kept");
    }
}

#[test]
fn what_a_writer_left_half_done_is_nobodys_record() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, load) = (open(&folder).unwrap(), open(&folder).unwrap());
    let _receipt = gateway.record_blocking(NOW, &[event()]).unwrap();
    // a third one died in its write, after its length was there
    let path = segment::path(&folder.path().join("audit"), 1);
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[40, 0, 0, 0, 1, 2, 3], end(&path)).unwrap();
    assert_eq!(load.record_blocking(NOW, &[event()]).unwrap().records(), 2..=2);
    assert_eq!(gateway.record_blocking(NOW, &[event()]).unwrap().records(), 3..=3);
    assert_eq!(gateway.after(0, 9).unwrap().len(), 3);
}

#[test]
fn only_its_owner_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _journal = open(&folder).unwrap();
    let audit = folder.path().join("audit");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&audit), 0o700);
    for entry in std::fs::read_dir(&audit).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    std::fs::write(&audit, "a file").unwrap();
    assert!(matches!(open(&folder), Err(Error::NotAFolder { .. })));
    std::fs::remove_file(&audit).unwrap();
    std::fs::create_dir(&audit).unwrap();
    std::fs::write(segment::path(&audit, 1), "somebody else's log").unwrap();
    let Err(Error::Open { source, .. }) = open(&folder) else { panic!("opened") };
    assert!(source.to_string().contains("does not begin as a segment"), "{source}");
    assert_eq!(std::fs::read(segment::path(&audit, 1)).unwrap(), b"somebody else's log");
}
