//! Refusals that share a record: what each of them waits for.

use glassgate::client::{Ask, Query};
use glassgate::config;
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::limits;
use glassgate::soap::Packaging;

use crate::record::kinds;
use crate::world::{World, order};

/// Riverside's assertions are good for one time; a test makes more noise than is usual.
const CHANGES: [(&str, &str); 2] = [
    ("etreat = \"treatment\"\n", "etreat = \"treatment\"\none_time = true\n"),
    ("clock_skew_s = 60", "clock_skew_s = 60\nfailures_per_s = 10000"),
];

#[test]
fn a_refusal_among_many_waits_until_its_assertion_is_remembered() {
    let world = World::changed("noise", |_| (), &CHANGES);
    let body = Query::find_documents(&world::patient_id(1001)).body();
    let post = async |ask: &Ask| {
        world.post(&RIVERSIDE, ask, Transaction::Query, &body, Packaging::Simple).await
    };
    world.runtime.block_on(async {
        let ask = world.ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let forged = Ask { assertion: ask.assertion.replace("user-7", "user-8"), ..ask };
        let many = (0..limits::REFUSAL_RECORDS).map(|_| post(&forged));
        for answer in futures_util::future::join_all(many).await {
            assert_eq!(answer.status, 400);
        }
        let refused = || world.ask(&RIVERSIDE, &order(&RIVERSIDE, "HPAYMT"));
        let ask = refused();
        let answer = post(&ask).await;
        assert!(answer.status == 200 && answer.body.windows(9).any(|part| part == b":Failure\""));
        assert!(world.journalled(&ask).is_empty(), "it shares a record");
        // used, so it is not believed again
        assert_eq!(post(&ask).await.status, 400);
        // where that cannot be remembered, there is no answer
        let replay = config::read(&world.stage.layout.config()).unwrap().replay_memory;
        rusqlite::Connection::open(replay).unwrap().execute_batch("DROP TABLE assertion").unwrap();
        let ask = refused();
        assert_eq!(post(&ask).await.status, 503);
        assert_eq!(kinds(&world.journalled(&ask)), []);
    });
}
