//! Disks that become full: under the journal, while partners ask, and under the store, while documents are loaded.

use std::io::Read;
use std::process::{Output, Stdio};

use crate::chance::Chance;
use crate::crowd::{Crowd, count};
use crate::disk::Disk;
use crate::evidence::Evidence;
use crate::house::{Gateway, House, until};
use crate::parcel::{Paper, Parcel};
use crate::questions::{Ending, Question, Told};

/// How often the disk becomes full in `make test`.
const FILLINGS: usize = 3;
/// What the store's disk has, and the journal's beside what the fillings leave behind.
const DISK_KIB: u64 = 64 * 1024;
/// Room that a new journal with a small reserve and a few records need.
const LEAST_KIB: u64 = 2 * 1024;
/// Room beyond that which chance gives: the journal takes a MiB at a time, and may find a part of one.
const MORE_KIB: u64 = 2 * 1024;
/// What break-glass may use beyond that.
const RESERVE_KIB: u64 = 256;

#[test]
fn a_full_disk_under_the_journal_refuses_and_loses_nothing() {
    let toll = fillings(FILLINGS, &mut Chance::new("full disk"));
    assert!(toll.answers > 0 && toll.refusals > 0, "{toll:?}");
}

/// What the fillings came to.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    pub(crate) fillings: usize,
    pub(crate) answers: usize,
    pub(crate) refusals: usize,
    pub(crate) records: usize,
}

/// Fills the disk of a running gateway and frees it again, so many times.
pub(crate) fn fillings(fillings: usize, chance: &mut Chance) -> Toll {
    let house = House::new();
    let parcel = Parcel::write(house.layout.root(), 100_001, 2, chance);
    parcel.load(&house);
    let folder = house.layout.root().join("small");
    house.reconfigure(
        "\"audit/journal\"",
        &format!("\"small/journal\"\nbreak_glass_reserve_kib = {RESERVE_KIB}"),
    );
    // what was recorded stays
    let recorded_kib = u64::try_from(fillings).unwrap() * (LEAST_KIB + MORE_KIB);
    let mut disk = Disk::new(&folder, DISK_KIB + recorded_kib);
    let not_ready = disk.expected(
        &["audit journal cannot grow: No space left on device"],
        &["audit journal cannot grow: File too large"],
    );
    let fillings = if disk.is_mounted() { fillings } else { 1 };
    let client = house.client();
    let ask = |question: Question| house.runtime.block_on(question.ask(&client, &house.signer));
    let kinds =
        || [Question::Find(1002), Question::BreakGlass(1002), Question::of(&parcel.papers())];
    let (mut all, mut loads) = (Vec::new(), Vec::new());
    disk.fill(LEAST_KIB + chance.below(MORE_KIB));
    let mut gateway = house.start(&mut disk.command(&house.command("serve")));
    for patient in (100_002..).take(fillings) {
        let load = Parcel::write(house.layout.root(), patient, 2, chance);
        all.extend(refused(&house, &parcel.papers(), not_ready, chance));
        // one at a time, each kind is refused in the end
        for question in kinds() {
            until("a refusal", || {
                all.push(ask(question.clone()));
                all.last().is_some_and(|told| told.ending == Ending::Refused).then_some(())
            });
        }
        let mut command = house.command("load");
        let status = disk.command(command.arg(&load.folder)).status().unwrap();
        loads.push((load, status.success()));
        // a limit on files goes with the process that has it
        if chance.one_in(3) || !disk.is_mounted() {
            drop(gateway);
            starts_or_says_why(&house, &disk);
            disk.free();
            gateway = house.start(&mut disk.command(&house.command("serve")));
        } else {
            disk.free();
        }
        until("the gateway is ready again", || {
            house.manage("/readyz").starts_with("HTTP/1.1 200").then_some(())
        });
        for question in kinds() {
            let told = ask(question);
            assert_eq!(told.ending, Ending::Answered);
            all.push(told);
        }
        disk.fill(LEAST_KIB + chance.below(MORE_KIB));
    }
    disk.free();
    let shown: Vec<_> = loads
        .iter()
        .map(|(load, acknowledged)| {
            house.runtime.block_on(load.holds(&house, &client, *acknowledged)) > 0
        })
        .collect();
    gateway.stop();
    disk.copy(&house.layout.root().join("copy"));
    house.reconfigure("\"small/journal\"", "\"copy/journal\"");
    let mut evidence = Evidence::default();
    evidence.read(&house);
    all.iter().for_each(|told| evidence.holds(told));
    for ((load, acknowledged), _) in loads.iter().zip(shown).filter(|(_, shown)| *shown) {
        evidence.holds_load(load, *acknowledged);
    }
    evidence.arrives(&house);
    Toll {
        fillings,
        answers: count(&all, Ending::Answered),
        refusals: count(&all, Ending::Refused),
        records: evidence.records(),
    }
}

#[test]
fn on_a_full_disk_break_glass_is_answered_longest() {
    let (house, mut chance) = (House::new(), Chance::new("reserve"));
    house.reconfigure(
        "\"audit/journal\"",
        &format!("\"small/journal\"\nbreak_glass_reserve_kib = {RESERVE_KIB}"),
    );
    let mut disk = Disk::new(&house.layout.root().join("small"), DISK_KIB);
    disk.fill(LEAST_KIB + chance.below(MORE_KIB));
    let gateway = house.start(&mut disk.command(&house.command("serve")));
    let client = house.client();
    let (mut all, mut urgent) = (Vec::new(), 0);
    let mut ask = |question: Question| {
        all.push(house.runtime.block_on(question.ask(&client, &house.signer)));
        all.last().map(|told| told.ending)
    };
    until("treatment is refused", || {
        (ask(Question::Find(1002)) == Some(Ending::Refused)).then_some(())
    });
    until("break-glass is refused too", || {
        let refused = ask(Question::BreakGlass(1002)) == Some(Ending::Refused);
        assert_eq!(ask(Question::Find(1002)), Some(Ending::Refused));
        urgent += usize::from(!refused);
        refused.then_some(())
    });
    // two records of 6 KB each, which take less than half of it
    assert!(urgent >= 40, "{urgent} answers");
    if disk.is_mounted() {
        disk.free();
        assert_eq!(ask(Question::Find(1002)), Some(Ending::Answered));
        disk.fill(LEAST_KIB);
    }
    gateway.stop();
    disk.copy(&house.layout.root().join("copy"));
    house.reconfigure("\"small/journal\"", "\"copy/journal\"");
    let mut evidence = Evidence::default();
    evidence.read(&house);
    all.iter().for_each(|told| evidence.holds(told));
}

/// Lets everybody ask until the disk is full, and longer; health and metrics say so.
fn refused(house: &House, papers: &[Paper], not_ready: &[&str], chance: &mut Chance) -> Vec<Told> {
    house.runtime.block_on(async {
        let crowd = Crowd::begin(house, papers, chance);
        crowd.refused(50).await;
        until("health and metrics say so", || {
            let ready = house.manage("/readyz");
            let told = ready.starts_with("HTTP/1.1 503")
                && not_ready.iter().any(|why| ready.contains(&format!("not ready: {why}")))
                && house.manage("/healthz").starts_with("HTTP/1.1 200")
                && house.manage("/metrics").contains("outcome=\"not-recorded\"");
            told.then_some(())
        });
        crowd.end().await
    })
}

/// A gateway that is started on a full disk.
fn starts_or_says_why(house: &House, disk: &Disk) {
    let mut command = disk.command(&house.command("serve"));
    let mut gateway = Gateway(command.stderr(Stdio::piped()).spawn().unwrap());
    let ended = until("it starts or ends", || match gateway.0.try_wait().unwrap() {
        Some(status) => Some(Some(status)),
        None => house.manage("/healthz").starts_with("HTTP/1.1 200").then_some(None),
    });
    if let Some(status) = ended {
        let mut told = String::new();
        gateway.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(!status.success() && told.contains("audit journal "), "{told}");
        assert!(told.contains("cannot be opened: "), "{told}");
    }
}

#[test]
fn a_full_disk_under_the_store_stops_a_load_and_loses_nothing() {
    let (house, mut chance) = (House::new(), Chance::new("full store"));
    house.reconfigure("directory = \"store\"", "directory = \"small\"");
    let mut disk = Disk::new(&house.layout.root().join("small"), DISK_KIB);
    let load = |disk: &Disk, parcel: &Parcel| -> Output {
        let mut command = house.command("load");
        disk.command(command.arg(&parcel.folder)).stderr(Stdio::piped()).output().unwrap()
    };
    let root = house.layout.root();
    let kept = Parcel::write(root, 100_001, 2, &mut chance);
    assert!(load(&disk, &kept).status.success());
    let gateway = house.start(&mut disk.command(&house.command("serve")));
    let client = house.client();
    disk.fill(1_024);
    let reasons = disk.expected(
        &["database or disk is full", "No space left on device"],
        &["disk I/O error", "File too large"],
    );
    // the disk is full at the commit, before it since SQLite's cache is full too, and in a file
    let many = Parcel::of_sizes(root, 100_002, &[60_000; 100], &mut chance);
    let too_many = Parcel::of_sizes(root, 100_003, &[60_000; 1_200], &mut chance);
    let large = Parcel::of_sizes(root, 100_004, &[2_000, 8 << 20], &mut chance);
    for parcel in [&many, &too_many, &large] {
        let output = load(&disk, parcel);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("stopped: "), "{told}");
        assert!(reasons.iter().any(|reason| told.contains(reason)), "{told}");
        house.runtime.block_on(async {
            assert_eq!(parcel.holds(&house, &client, false).await, 0);
            kept.holds(&house, &client, true).await;
        });
    }
    disk.free();
    for parcel in [&many, &large] {
        assert!(load(&disk, parcel).status.success());
        house.runtime.block_on(parcel.holds(&house, &client, true));
    }
    gateway.stop();
    let mut evidence = Evidence::default();
    evidence.read(&house);
    for parcel in [&kept, &many, &large] {
        evidence.holds_load(parcel, true);
    }
    assert_eq!(evidence.loads_stopped(), 3);
}
