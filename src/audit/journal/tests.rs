use std::collections::HashSet;

use super::*;
use crate::audit::{Endpoint, Event};
use crate::clock::SystemRandom;

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn settings(folder: &tempfile::TempDir) -> Settings {
    let source = Source {
        enterprise_site: "2.999.1".to_owned(),
        id: "lakeside".to_owned(),
        host: "gateway.lakeside.example".to_owned(),
        process_id: 4242,
    };
    Settings { path: folder.path().join("audit.db"), source }
}

fn open(folder: &tempfile::TempDir) -> Result<Journal, Error> {
    Journal::open(settings(folder), &SystemRandom)
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
    let other = Connection::open(folder.path().join("audit.db")).unwrap();
    let kept: i64 = other.query_row("SELECT count(*) FROM record", [], |r| r.get(0)).unwrap();
    assert_eq!(kept, 399);
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
    let name = &journal.shared.name;
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
    for _ in 0..1_000 {
        drop(journal.submit(NOW, &[event()]).unwrap());
    }
    drop(journal);
    assert_eq!(open(&folder).unwrap().len().unwrap(), 1_000);
}

#[test]
fn two_processes_share_one_count() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, load) = (open(&folder).unwrap(), open(&folder).unwrap());
    assert_eq!(gateway.shared.name, load.shared.name);
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
fn a_failed_commit_gives_no_receipt_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    assert!(matches!(journal.record_blocking(NOW, &[]), Err(Error::Nothing)));
    let other = Connection::open(folder.path().join("audit.db")).unwrap();
    // the second insert of the transaction fails
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON record WHEN new.seq = 2
             BEGIN SELECT raise(ABORT, 'no'); END;",
        )
        .unwrap();
    assert!(matches!(journal.record_blocking(NOW, &[event(), event()]), Err(Error::Write(_))));
    assert!(journal.is_empty().unwrap());
    other.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 1..=1);
}

#[tokio::test]
async fn whether_it_is_writable_is_found_out_by_writing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    journal.writable().await.unwrap();
    let other = Connection::open(folder.path().join("audit.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON room BEGIN SELECT raise(ABORT, 'no'); END;",
        )
        .unwrap();
    assert!(matches!(journal.writable().await, Err(Error::Write(_))));
    other.execute_batch("DROP TRIGGER full").unwrap();
    journal.writable().await.unwrap();
    assert!(journal.is_empty().unwrap());
}

#[tokio::test]
async fn a_failed_try_takes_no_record_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let other = Connection::open(folder.path().join("audit.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON room BEGIN SELECT raise(ABORT, 'no'); END;
             BEGIN IMMEDIATE;",
        )
        .unwrap();
    // keeps the committer waiting, so that all that follows comes together
    let first = journal.submit(NOW, &[event()]).unwrap();
    let events = [event()];
    let end = async { other.execute_batch("COMMIT") };
    let (one, record, two, ended) =
        tokio::join!(journal.writable(), journal.record(NOW, &events), journal.writable(), end);
    ended.unwrap();
    assert!(matches!((one, two), (Err(Error::Write(_)), Err(Error::Write(_)))));
    assert_eq!(first.await.unwrap().records(), 1..=1);
    assert_eq!(record.unwrap().records(), 2..=2);
    assert_eq!(journal.len().unwrap(), 2);
}

#[test]
fn a_journal_of_an_earlier_program_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let _receipt = open(&folder).unwrap().record_blocking(NOW, &[event()]).unwrap();
    let other = Connection::open(folder.path().join("audit.db")).unwrap();
    other.execute_batch("DROP TABLE room").unwrap();
    assert_eq!(open(&folder).unwrap().record_blocking(NOW, &[event()]).unwrap().records(), 2..=2);
}

#[test]
fn numbers_are_not_used_again_after_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let _receipt = journal.record_blocking(NOW, &[event(), event()]).unwrap();
    let other = Connection::open(folder.path().join("audit.db")).unwrap();
    other.execute("DELETE FROM record", []).unwrap();
    assert_eq!(journal.record_blocking(NOW, &[event()]).unwrap().records(), 3..=3);
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    std::fs::write(&path, b"not a database, but long enough to look at ".repeat(40)).unwrap();
    assert!(matches!(open(&folder), Err(Error::Open { .. })));
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&folder), Err(Error::NotAJournal { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::remove_file(&path).unwrap();
    drop(open(&folder).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(open(&folder), Err(Error::Schema { found: 2, known: 1, .. })));
}

#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder).unwrap();
    let _receipt = journal.record_blocking(NOW, &[event()]).unwrap();
    for name in ["audit.db", "audit.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
