//! Queries: what is found, by whom and for what purpose.

use glassgate::client::Query;
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::xds::Status;

use crate::world::{kinds, order, run, shared};

#[test]
fn treatment_finds_what_no_consent_withholds() {
    run(async {
        let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let query = Query::find_documents(&world::patient_id(1001));
        let answer = shared().client(&RIVERSIDE).query(&ask, &query).await.unwrap();
        let found = answer.outcome.answered().unwrap();
        assert_eq!((answer.status, found.status), (200, Status::Success));
        assert_eq!(found.documents.len(), 5);
        let records = shared().records(&ask).await;
        assert_eq!(kinds(&records), [("ITI-38".to_owned(), "0".to_owned())]);
        assert!(records[0].contains("P-1001^^^&amp;2.999.1.3&amp;ISO"), "{}", records[0]);
    });
}
