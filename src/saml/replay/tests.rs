use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::limits;

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);
const ONE_TIME: Rule = Rule { one_time: true, unique_id: false };
const UNIQUE: Rule = Rule { one_time: false, unique_id: true };

fn mark(id: &str, octets: &str) -> Mark {
    Mark::of("https://sts.example", id, octets)
}

/// What a use comes to: its code, or whether the ID was known over other octets.
fn used(replay: &Replay, mark: Mark, rule: Rule, now: Timestamp) -> Result<bool, &'static str> {
    let outcome = replay.remember(mark, rule, NOW.plus(HOUR), now);
    outcome.map(|remembered| remembered.repeated_id).map_err(Replayed::code)
}

#[test]
fn each_rule_refuses_what_it_says_and_nothing_else() {
    let replay = Replay::forgetful();
    assert_eq!(used(&replay, mark("_1", "a"), Rule::default(), NOW), Ok(false));
    assert_eq!(used(&replay, mark("_1", "a"), Rule::default(), NOW), Ok(false));
    assert_eq!(used(&replay, mark("_1", "a"), UNIQUE, NOW), Ok(false));
    assert_eq!(used(&replay, mark("_1", "a"), ONE_TIME, NOW), Err("replayed"));
    assert_eq!(used(&replay, mark("_1", "b"), UNIQUE, NOW), Err("repeated-id"));
    assert_eq!(used(&replay, mark("_1", "b"), ONE_TIME, NOW), Ok(true));
    assert_eq!(used(&replay, mark("_1", "b"), ONE_TIME, NOW), Err("replayed"));
    // an ID means something of its issuer alone
    let other = Mark::of("https://other.example", "_1", "c");
    assert_eq!(used(&replay, other, UNIQUE, NOW), Ok(false));
    assert_ne!(Mark::of("a", "bc", "x").id, Mark::of("ab", "c", "x").id);
}

#[test]
fn what_is_over_is_forgotten_and_not_before() {
    let replay = Replay::forgetful();
    let last = NOW.plus(HOUR).minus(Duration::from_micros(1));
    assert_eq!(used(&replay, mark("_1", "a"), ONE_TIME, NOW), Ok(false));
    assert_eq!(used(&replay, mark("_1", "a"), ONE_TIME, last), Err("replayed"));
    assert_eq!(used(&replay, mark("_1", "a"), ONE_TIME, NOW.plus(HOUR)), Ok(false));
}

#[test]
fn without_room_only_what_no_rule_depends_on_goes_on() {
    let seen = Seen::with_room(16);
    let until = NOW.plus(HOUR);
    // as many as it takes to fill the one shard that these IDs fall into
    let same_shard = (0..).map(|n| mark(&n.to_string(), &n.to_string()));
    let mut same_shard = same_shard.filter(|mark| mark.id[0] % 16 == 3);
    let (first, second) = (same_shard.next().unwrap(), same_shard.next().unwrap());
    assert_eq!(seen.claim(first, ONE_TIME, until, NOW), Ok(Before::Nothing));
    assert_eq!(seen.claim(second, ONE_TIME, until, NOW), Err(Replayed::Full));
    assert_eq!(seen.claim(second, Rule::default(), until, NOW), Ok(Before::Nothing));
    assert_eq!(seen.claim(first, ONE_TIME, until, NOW), Err(Replayed::Again));
    // time makes room
    assert_eq!(seen.claim(second, ONE_TIME, until.plus(HOUR), until), Ok(Before::Nothing));
}

#[test]
fn of_many_at_once_one_is_the_first() {
    let replay = Replay::forgetful();
    let count = std::thread::scope(|scope| {
        let claim = || used(&replay, mark("_1", "a"), ONE_TIME, NOW).is_ok();
        let claims: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
        claims.into_iter().filter(|_| true).map(|c| usize::from(c.join().unwrap())).sum::<usize>()
    });
    assert_eq!(count, 1);
}

fn written(pending: Option<Pending>) -> bool {
    pending.is_some_and(|pending| pending.wait().is_ok())
}

#[test]
fn a_restart_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory/replay.db");
    let until = NOW.plus(HOUR);
    {
        let replay = Replay::open(&path, NOW).unwrap();
        let bound = replay.remember(mark("_1", "a"), ONE_TIME, until, NOW).unwrap();
        assert!(written(bound.pending));
        // counted only: nobody waits, but the end of the program does
        let counted = replay.remember(mark("_2", "b"), Rule::default(), until, NOW).unwrap();
        assert!(counted.pending.is_none());
    }
    let replay = Replay::open(&path, NOW).unwrap();
    assert_eq!(used(&replay, mark("_1", "a"), ONE_TIME, NOW), Err("replayed"));
    assert_eq!(used(&replay, mark("_2", "b"), ONE_TIME, NOW), Err("replayed"));
    assert_eq!(used(&replay, mark("_2", "c"), UNIQUE, NOW), Err("repeated-id"));
    drop(replay);
    let later = Replay::open(&path, until).unwrap();
    assert_eq!(used(&later, mark("_1", "a"), ONE_TIME, until), Ok(false));
}

#[test]
fn a_kill_forgets_nothing_that_was_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.db");
    let replay = Replay::open(&path, NOW).unwrap();
    let bound = replay.remember(mark("_1", "a"), UNIQUE, NOW.plus(HOUR), NOW).unwrap();
    assert!(written(bound.pending));
    // what lies on the disk at this moment, the first memory still open
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let wal = |path: &Path| path.with_extension("db-wal");
    std::fs::copy(wal(&path), wal(&copy)).unwrap();
    let after = Replay::open(&copy, NOW).unwrap();
    assert_eq!(used(&after, mark("_1", "a"), ONE_TIME, NOW), Err("replayed"));
}

#[test]
fn somebody_elses_database_is_left_alone_and_a_broken_one_lets_nothing_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Replay::open(&path, NOW), Err(Error::Foreign { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let path = folder.path().join("replay.db");
    let replay = Replay::open(&path, NOW).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE assertion").unwrap();
    let bound = replay.remember(mark("_1", "a"), ONE_TIME, NOW.plus(HOUR), NOW).unwrap();
    assert!(bound.pending.is_some());
    assert!(!written(bound.pending));
}

proptest! {
    #[test]
    fn one_time_holds_whatever_the_order(uses in proptest::collection::vec((0..4_u8, 0..4_u8), 1..60)) {
        let (replay, mut before) = (Replay::forgetful(), std::collections::HashSet::new());
        for (id, octets) in uses {
            let mark = mark(&id.to_string(), &format!("{id}/{octets}"));
            let first = before.insert((id, octets));
            prop_assert_eq!(used(&replay, mark, ONE_TIME, NOW).is_ok(), first);
        }
    }
}

#[test]
fn the_memory_has_room_for_what_the_limit_says() {
    assert_eq!(limits::REPLAY_ASSERTIONS % 16, 0);
}
