use std::time::Duration;

use proptest::prelude::*;

use super::*;

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
    let (until, ordinary) = (NOW.plus(HOUR), Rule::default());
    let new = |before, kept| Ok(Claimed { before, kept });
    // one constant ID, as some issuers write it, has all the room that there is
    let same = |n: u32| mark("_1", &n.to_string());
    assert_eq!(seen.claim(same(0), ONE_TIME, until, NOW), new(Before::Nothing, true));
    for n in 1..16 {
        assert_eq!(seen.claim(same(n), ONE_TIME, until, NOW), new(Before::OtherOctets, true));
    }
    let other = mark("_2", "other");
    assert_eq!(seen.claim(other, ONE_TIME, until, NOW), Err(Replayed::Full));
    assert_eq!(seen.claim(other, ordinary, until, NOW), new(Before::Nothing, false));
    assert_eq!(seen.claim(same(0), ONE_TIME, until, NOW), Err(Replayed::Again));
    // time makes room, whichever part of the memory it lies in
    assert_eq!(seen.claim(other, ONE_TIME, until.plus(HOUR), until), new(Before::Nothing, true));
}

#[test]
fn what_no_rule_depends_on_leaves_room_for_what_one_does() {
    let seen = Seen::with_room(16);
    let (until, ordinary) = (NOW.plus(HOUR), Rule::default());
    let claim = |n: u32, rule, now| {
        let name = n.to_string();
        seen.claim(mark(&name, &name), rule, until.plus(HOUR), now).map(|claimed| claimed.kept)
    };
    // one partner uses more assertions than there is room for
    let kept = (0..100).filter(|n| claim(*n, ordinary, NOW) == Ok(true)).count();
    assert_eq!(kept, 12);
    for n in 100..104 {
        assert_eq!(claim(n, ONE_TIME, NOW), Ok(true), "{n}");
        assert_eq!(claim(n, ONE_TIME, NOW), Err(Replayed::Again), "{n}");
    }
    assert_eq!(claim(104, ONE_TIME, NOW), Err(Replayed::Full));
    // time makes room for either
    assert_eq!(claim(105, ordinary, until.plus(HOUR)), Ok(true));
}

#[test]
fn a_restart_remembers_what_a_rule_depends_on_though_there_is_no_room_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.db");
    let until = NOW.plus(HOUR);
    let open = |room| Replay::of(Seen::with_room(room), &path, NOW).unwrap();
    {
        let replay = open(8);
        for n in 0..4_u8 {
            let counted = mark(&n.to_string(), &n.to_string());
            replay.remember(counted, Rule::default(), until, NOW).unwrap();
            let bound = mark(&format!("b{n}"), &format!("b{n}"));
            replay.remember(bound, ONE_TIME, until, NOW).unwrap();
        }
        // there is no room for it, so it is not written either
        replay.remember(mark("over", "over"), Rule::default(), until, NOW).unwrap();
    }
    let replay = open(1);
    for n in 0..4_u8 {
        let bound = mark(&format!("b{n}"), &format!("b{n}"));
        assert_eq!(used(&replay, bound, ONE_TIME, NOW), Err("replayed"));
    }
    drop(replay);
    let replay = open(100);
    assert_eq!(used(&replay, mark("0", "x"), UNIQUE, NOW), Err("repeated-id"));
    assert_eq!(used(&replay, mark("over", "x"), UNIQUE, NOW), Ok(false));
}

#[test]
fn a_memory_of_the_former_schema_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE assertion (octets BLOB PRIMARY KEY, id BLOB NOT NULL, until INTEGER NOT NULL)
         STRICT, WITHOUT ROWID;
         PRAGMA application_id = 1195864685; PRAGMA user_version = 1;",
    )
    .unwrap();
    let known = mark("_1", "a");
    let until = NOW.plus(HOUR).micros();
    old.execute("INSERT INTO assertion VALUES (?1, ?2, ?3)", (known.octets, known.id, until))
        .unwrap();
    drop(old);
    for _ in 0..2 {
        let replay = Replay::of(Seen::with_room(0), &path, NOW).unwrap();
        assert_eq!(used(&replay, known, ONE_TIME, NOW), Err("replayed"));
    }
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
