//! SIGKILL at random moments: to the gateway under load, to loads, and to a gateway that is starting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::crowd::{Crowd, count};
use crate::evidence::Evidence;
use crate::house::{Gateway, House};
use crate::parcel::{Paper, Parcel};
use crate::questions::{Ending, Told};

/// Rounds in `make test`.
const ROUNDS: usize = 10;
/// Answers before a kill in `make test`, at most.
const ANSWERS: u64 = 300;
/// A load of a few Bundles takes about as long.
const LOAD_TIME: Duration = Duration::from_millis(250);
/// The patients of loads count from here.
const FIRST_PATIENT: u32 = 100_001;

#[test]
fn kills_at_random_moments_lose_no_record_and_no_document() {
    let toll = rounds(ROUNDS, ANSWERS, &mut Chance::new("kills"), |_| ());
    assert_eq!(toll.recoveries.len(), ROUNDS);
    assert!(toll.answers > 0 && toll.again > 0, "{toll:?}");
}

/// What the rounds came to; whatever was lost or torn would have ended them.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    pub(crate) answers: usize,
    pub(crate) broken_off: usize,
    pub(crate) records: usize,
    pub(crate) again: usize,
    pub(crate) loads: usize,
    pub(crate) loads_killed: usize,
    pub(crate) documents: usize,
    /// From the start of a process to its being ready, after each kill.
    pub(crate) recoveries: Vec<Duration>,
}

/// A load that ended, one way or the other.
struct Load {
    parcel: Parcel,
    acknowledged: bool,
}

/// Kills so many times, after so many answers at most, and holds everything to account after each.
pub(crate) fn rounds(
    rounds: usize,
    answers: u64,
    chance: &mut Chance,
    mut progress: impl FnMut(&Toll),
) -> Toll {
    let house = House::new();
    let base = Parcel::write(house.layout.root(), FIRST_PATIENT - 1, 3, chance);
    base.load(&house);
    let (mut toll, mut evidence) = (Toll::default(), Evidence::default());
    let mut loads = vec![Load { parcel: base, acknowledged: true }];
    let papers = loads[0].parcel.papers();
    let mut gateway = house.serve();
    for _ in 0..rounds {
        let until = usize::try_from(1 + chance.below(answers)).unwrap();
        let (told, fresh) = kill_under_load(&house, gateway, &papers, until, chance, loads.len());
        toll.answers += count(&told, Ending::Answered);
        toll.broken_off += count(&told, Ending::BrokenOff);
        toll.loads += fresh.len();
        toll.loads_killed += fresh.iter().filter(|load| !load.acknowledged).count();

        if chance.one_in(4) {
            // a recovery that is cut short
            let mut starting = Gateway(house.command("serve").spawn().unwrap());
            std::thread::sleep(chance.within(Duration::from_millis(100)));
            starting.0.kill().unwrap();
        }
        let start = Instant::now();
        gateway = house.serve();
        toll.recoveries.push(start.elapsed());

        evidence.read(&house);
        told.iter().for_each(|told| evidence.holds(told));
        toll.documents += shown(&house, &evidence, &fresh);
        loads.extend(fresh);
        evidence.read(&house);
        evidence.arrives(&house);
        if chance.one_in(4) {
            // what the receiver has for sure is then not sent again
            gateway.stop();
            gateway = house.serve();
        }
        (toll.records, toll.again) = (evidence.records(), evidence.again);
        progress(&toll);
    }
    // and nothing that was there once has gone since
    let all = shown(&house, &evidence, &loads);
    assert_eq!(all, toll.documents + papers.len());
    gateway.stop();
    let mut whole = Evidence::default();
    whole.read(&house);
    assert!(whole.goes_on(&evidence), "records changed afterwards");
    toll
}

/// Lets partners ask and loads run, and kills the gateway after that many answers.
fn kill_under_load(
    house: &House,
    mut gateway: Gateway,
    papers: &[Paper],
    answers: usize,
    chance: &mut Chance,
    loaded: usize,
) -> (Vec<Told>, Vec<Load>) {
    let over = AtomicBool::new(false);
    let mut for_loads = chance.fork();
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| {
            let mut loads = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let patient = FIRST_PATIENT + u32::try_from(loaded + loads.len()).unwrap();
                let bundles = 1 + u32::try_from(for_loads.below(4)).unwrap();
                let root = house.layout.root();
                let parcel = Parcel::write(root, patient, bundles, &mut for_loads);
                let kill = for_loads.one_in(2).then(|| for_loads.within(LOAD_TIME));
                let acknowledged = parcel.load_within(house, kill);
                loads.push(Load { parcel, acknowledged });
            }
            loads
        });
        let told = house.runtime.block_on(async {
            let crowd = Crowd::begin(house, papers, chance);
            crowd.answered(answers).await;
            gateway.0.kill().unwrap();
            crowd.end().await
        });
        gateway.0.wait().unwrap();
        over.store(true, Ordering::SeqCst);
        (told, loading.join().unwrap())
    })
}

/// Holds the store to what was loaded; gives how many documents show, each retrieved.
fn shown(house: &House, evidence: &Evidence, loads: &[Load]) -> usize {
    let client = house.client();
    let mut all = 0;
    for Load { parcel, acknowledged } in loads {
        let shown = house.runtime.block_on(parcel.holds(house, &client, *acknowledged));
        if shown > 0 {
            evidence.holds_load(parcel, *acknowledged);
        }
        all += shown;
    }
    all
}
