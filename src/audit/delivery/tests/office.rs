use super::*;
use crate::audit::{
    Document, Explained, Outcome, Override, Peer, Query, Refusals, Released, Transaction,
};
use crate::ids::{Coded, PatientId};

fn transaction() -> Transaction {
    let gateway = Endpoint { uri: "gw".to_owned(), host: "gw.example".to_owned() };
    Transaction {
        at: Timestamp::from_micros(1),
        requestor: None,
        peer: Peer { id: "CN=riverside".to_owned(), address: [198, 51, 100, 7].into() },
        endpoint: gateway,
        purposes: vec![Coded::new("BTG", "2.16.840.1.113883.5.8")],
        message_id: None,
        // what comes from outside may say anything
        notes: vec!["<EventID csd-code=\"110113\" <EventTypeCode csd-code=\"110127\"".to_owned()],
    }
}

/// Alerts of break-glass.
fn alerts() -> Vec<Event> {
    let (one, patient) = (transaction(), PatientId::parse("P-1^^^&2.999.1.3&ISO").unwrap());
    let unique_id = "2.999.1.4.1".to_owned();
    let document = Document { unique_id, repository: "2.999.1.2".to_owned(), home: None };
    let released = Released { document, labels: vec![], rules: vec![], grounds: vec![] };
    let glass = Override { rationale: None, review: Some(1), released: vec![released.clone()] };
    let mut alerts = Event::emergency_override(&one, &patient, &glass);
    alerts.extend(Event::part_2_emergency(&one, &patient, &[released]));
    alerts.push(Event::unusual_rate(&one, "4 times", false));
    alerts.push(Event::override_refused(&one, None, "no role"));
    alerts
}

/// What is no alert, and alerts of something else, one of them with a code that break-glass has too.
fn others() -> Vec<Event> {
    let one = transaction();
    let (at, peer, endpoint) = (one.at, one.peer.clone(), one.endpoint.clone());
    let refusals = Refusals { at, peer, endpoint, counts: [("expired", 1)].into() };
    let query = Event::query(&one, &Query::default(), Outcome::success());
    let explained = Explained {
        at,
        endpoint: one.endpoint.clone(),
        operator: "eve".to_owned(),
        // as is what stands in it
        file: "<PurposeOfUse csd-code=\"BTG\"".to_owned(),
        shown: false,
        verdict: "it would be answered".to_owned(),
    };
    vec![query, Event::refusals(&refusals), Event::message_explained(&explained)]
}

#[tokio::test]
async fn an_office_gets_the_alerts_of_break_glass_alone_and_after_an_outage_too() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority("ca"));
    let journal = journal(&folder);
    let (mut all, mut office) =
        (Receiver::start(&authority, 0).await, Receiver::start(&authority, 0).await);
    let port = office.port;
    let named = |name: &str, port| match target(&authority, port) {
        Target::Tls { host, server_name, ca_pem, identity, .. } => {
            Target::Tls { name: name.to_owned(), host, port, server_name, ca_pem, identity }
        }
        udp @ Target::Udp { .. } => udp,
    };
    let times = Times {
        retry_first: Duration::from_millis(5),
        retry_longest: Duration::from_millis(50),
        ..Times::default()
    };
    let targets =
        vec![(named("arr", all.port), Wanted::All), (named("privacy", port), Wanted::BreakGlass)];
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let delivery = Delivery::start(Settings { targets, times }, &journal, &random).unwrap();
    let now = Timestamp::from_micros(1);
    let record = async |events: Vec<Event>| {
        let _receipt = journal.record(now, &events).await.unwrap();
    };
    let alerts_among = |stored: &[Vec<u8>]| {
        let (before, amid) = (others().len(), alerts().len());
        let turn = 2 * before + amid;
        let is_alert = |at: &usize| (before..before + amid).contains(&(at % turn));
        let found = (0..stored.len()).filter(is_alert).map(|at| stored[at].clone());
        found.collect::<Vec<_>>()
    };
    for _ in 0..2 {
        record(others()).await;
        record(alerts()).await;
        record(others()).await;
    }
    let stored_now = stored(&journal);
    assert_eq!(stored_now.len(), 20);
    assert_eq!(all.take(20).await, stored_now);
    assert_eq!(office.take(8).await, alerts_among(&stored_now));
    // the office is away; the other goes on, and nothing is lost
    office.die().await;
    record(others()).await;
    record(alerts()).await;
    assert_eq!(all.take(7).await, stored(&journal)[20..]);
    let mut office = Receiver::start(&authority, port).await;
    // what was in flight comes once more
    let again = office.take(12).await;
    assert_eq!(again, alerts_among(&stored(&journal)));
    delivery.shutdown(PATIENCE).await;
    assert_eq!((journal.cursor("arr"), journal.cursor("privacy")), (27, 27));
}
