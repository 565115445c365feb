use super::*;
use crate::audit::review::item::Document;

fn at(hours: u64) -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap().plus(Duration::from_secs(hours * 3600))
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    let due = Duration::from_secs(24 * 3600);
    Settings { path: folder.path().join("reviews.db"), due }
}

fn patient_id(number: u32) -> PatientId {
    PatientId::parse(&format!("P-{number}^^^&2.999.1.3&ISO")).unwrap()
}

fn glass(subject: &str, number: u32, hours: u64) -> Glass {
    Glass {
        partner: "riverside".to_owned(),
        issuer: "https://sts.riverside.example".to_owned(),
        subject: subject.to_owned(),
        user_name: format!("<{subject}@https://sts.riverside.example>"),
        organization: Some("2.999.2.1".to_owned()),
        patient: Some(patient_id(number)),
        declared: "BTG".to_owned(),
        rationale: None,
        evidence: Evidence {
            at: at(hours),
            transaction: "ITI-38".to_owned(),
            message_id: Some("urn:uuid:1".to_owned()),
            assertion_id: format!("_{hours}"),
            documents: vec![Document {
                unique_id: "2.999.1.4.1002.5".to_owned(),
                labels: vec!["R".to_owned(), "PSY".to_owned()],
                rules: vec!["Consent/c1002/_history/1#provision.provision[0]".to_owned()],
                grounds: vec![
                    "unenforceable: overrode a consent that cannot be enforced".to_owned(),
                ],
            }],
            in_vain: None,
        },
    }
}

fn judged(verdict: Verdict) -> Judgement {
    Judgement { at: at(2), operator: "eve".to_owned(), verdict, note: None, rationale: None }
}

fn judge(reviews: &Reviews, id: i64, judgement: &Judgement) -> Result<Item, Error> {
    reviews.judge(id, judgement, |_| Ok::<(), Error>(()))
}

fn ids(items: &[Item]) -> Vec<i64> {
    items.iter().map(|item| item.id).collect()
}

#[test]
fn each_break_glass_opens_one_item_that_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    let first = reviews.note(&glass("a", 1002, 1)).unwrap();
    // what follows for the same patient is evidence of the same, with the reason once it is said
    let said = Glass { rationale: Some("unconscious".to_owned()), ..glass("a", 1002, 2) };
    assert_eq!(reviews.note(&said).unwrap(), first);
    let others = [glass("b", 1002, 2), glass("a", 1003, 2), glass("a", 1002, 14)];
    let others: Vec<_> = others.iter().map(|glass| reviews.note(glass).unwrap()).collect();
    assert_eq!(others, [first + 1, first + 2, first + 3]);
    drop(reviews);

    let reviews = Reviews::open(&settings(&folder)).unwrap();
    assert_eq!(ids(&reviews.list(&Filter::default()).unwrap()).len(), 4);
    let item = reviews.item(first).unwrap().unwrap();
    assert_eq!((item.state, item.due), (State::Open, at(25)));
    assert_eq!(item.rationale.as_deref(), Some("unconscious"));
    let evidence = reviews.evidence(first).unwrap();
    assert_eq!(evidence.len(), 2);
    assert!(evidence[0] == glass("a", 1002, 1).evidence);
    assert!(reviews.item(99).unwrap().is_none());
    let since = reviews.since(at(1)).unwrap();
    let known: Vec<_> =
        since.iter().map(|one| (one.subject.as_str(), one.assertion_id.as_str())).collect();
    assert_eq!(known, [("a", "_2"), ("b", "_2"), ("a", "_2"), ("a", "_14")]);
    assert_eq!(since[0].organization.as_deref(), Some("2.999.2.1"));
}

#[test]
fn items_are_found_by_patient_user_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    for one in [glass("ann", 1002, 1), glass("bob", 1002, 5), glass("ann", 1003, 9)] {
        reviews.note(&one).unwrap();
    }
    let found = |filter: Filter| ids(&reviews.list(&filter).unwrap());
    assert_eq!(found(Filter { patient: Some(patient_id(1002)), ..Filter::default() }), [1, 2]);
    assert_eq!(found(Filter { user: Some("ann@".to_owned()), ..Filter::default() }), [1, 3]);
    assert_eq!(found(Filter { since: Some(at(5)), ..Filter::default() }), [2, 3]);
}

#[test]
fn a_verdict_closes_once_and_needs_the_reason_that_is_owed() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    let id = reviews.note(&glass("a", 1002, 1)).unwrap();
    let justified = judged(Verdict::Justified);
    assert!(matches!(judge(&reviews, id, &justified), Err(Error::RationaleOwed(_))));
    assert_eq!(judge(&reviews, id, &judged(Verdict::NeedsInfo)).unwrap().state, State::NeedsInfo);
    assert_eq!(ids(&reviews.list(&Filter::default()).unwrap()), [id]);
    let said = Judgement { rationale: Some("unconscious".to_owned()), ..justified };
    // what cannot be put on record does not happen
    let unrecorded = reviews.judge(id, &said, |_| Err(Error::Damaged(id)));
    assert!(unrecorded.is_err());
    assert_eq!(reviews.item(id).unwrap().unwrap().state, State::NeedsInfo);
    let closed = judge(&reviews, id, &said).unwrap();
    assert_eq!(
        (closed.state, closed.rationale.as_deref()),
        (State::Justified, Some("unconscious"))
    );
    assert!(matches!(judge(&reviews, id, &said), Err(Error::Closed { .. })));
    assert!(matches!(judge(&reviews, 99, &said), Err(Error::Unknown(99))));
    assert!(reviews.list(&Filter::default()).unwrap().is_empty());
    assert_eq!(ids(&reviews.list(&Filter { all: true, ..Filter::default() }).unwrap()), [id]);
    let judgements = reviews.judgements(id).unwrap();
    assert_eq!(judgements.len(), 2);
    assert!(judgements[1] == said);
    // another break-glass is another item
    assert_eq!(reviews.note(&glass("a", 1002, 3)).unwrap(), id + 1);
}

#[test]
fn what_released_nothing_is_an_item_that_owes_no_reason_until_something_is() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    let vain = |subject: &str, hours| {
        let mut glass = glass(subject, 1002, hours);
        glass.evidence.documents.clear();
        glass.evidence.in_vain = Some("treatment gets the same".to_owned());
        glass
    };
    let nobody = Glass { patient: None, ..vain("a", 1) };
    let ids_of = [vain("a", 1), nobody.clone(), vain("b", 1)].map(|g| reviews.note(&g).unwrap());
    assert_eq!(ids_of, [1, 2, 3]);
    // of nobody known, too, further requests are evidence of the same
    assert_eq!(reviews.note(&nobody).unwrap(), 2);
    assert_eq!(reviews.item(2).unwrap().unwrap().patient, None);
    assert!(reviews.evidence(1).unwrap()[0] == vain("a", 1).evidence);
    let overrides = Filter { overrides: true, ..Filter::default() };
    assert!(reviews.list(&overrides).unwrap().is_empty());
    let closed = judge(&reviews, 3, &judged(Verdict::Justified)).unwrap();
    assert_eq!((closed.state, closed.rationale), (State::Justified, None));
    assert_eq!(reviews.note(&glass("a", 1002, 2)).unwrap(), 1);
    assert_eq!(ids(&reviews.list(&overrides).unwrap()), [1]);
    let justified = judge(&reviews, 1, &judged(Verdict::Justified));
    assert!(matches!(justified, Err(Error::RationaleOwed(1))), "{justified:?}");
    // what cannot be read may be anything
    reviews.lock().execute("UPDATE evidence SET evidence = 'x' WHERE item = 2", []).unwrap();
    assert_eq!(ids(&reviews.list(&overrides).unwrap()), [1, 2]);
    // and hides no other declaration from those who count them
    assert_eq!(reviews.since(at(0)).unwrap().len(), 3);
}

#[test]
fn what_is_due_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    let (late, judged_late) = (glass("a", 1002, 1), glass("b", 1002, 1));
    let [late, judged_late] = [late, judged_late].map(|glass| reviews.note(&glass).unwrap());
    judge(&reviews, judged_late, &judged(Verdict::NotJustified)).unwrap();
    assert!(reviews.overdue(at(24)).unwrap().is_empty());
    assert_eq!(ids(&reviews.overdue(at(25)).unwrap()), [late]);
    reviews.escalated(late, at(25)).unwrap();
    assert!(reviews.overdue(at(26)).unwrap().is_empty());
}

#[test]
fn nothing_hides_behind_a_delay_that_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let soon = Settings { due: Duration::from_secs(3600), ..settings(&folder) };
    let reviews = Reviews::open(&soon).unwrap();
    let first = reviews.note(&glass("a", 1002, 1)).unwrap();
    reviews.escalated(first, at(2)).unwrap();
    let second = reviews.note(&glass("a", 1002, 3)).unwrap();
    assert_ne!(second, first);
    assert_eq!(ids(&reviews.overdue(at(4)).unwrap()), [second]);
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = settings(&folder).path;
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(Reviews::open(&settings(&folder)), Err(Error::NotReviews { .. })));
}

#[test]
fn the_items_of_one_request_are_noted_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    let patience = Duration::from_secs(9);
    let all: Vec<Glass> = (1..=3).map(|patient| glass("a", patient, 1)).collect();
    assert_eq!(reviews.note_within(&all, patience).unwrap(), [1, 2, 3]);
    // the second fails
    let breaks = "CREATE TRIGGER breaks BEFORE INSERT ON evidence WHEN NEW.item = 2
                  BEGIN SELECT RAISE(FAIL, 'broken'); END";
    schema::open(&settings(&folder).path).unwrap().execute_batch(breaks).unwrap();
    assert!(reviews.note_within(&all, patience).is_err());
    let evidence = [1, 2, 3].map(|id| reviews.evidence(id).unwrap().len());
    assert_eq!(evidence, [1, 1, 1]);
}

#[test]
fn who_cannot_wait_is_not_kept_by_who_works_on_the_items() {
    let folder = tempfile::tempdir().unwrap();
    let reviews = Reviews::open(&settings(&folder)).unwrap();
    let patience = Duration::from_millis(1);
    let id = reviews.note_within(&[glass("a", 1002, 1)], patience).unwrap()[0];
    // while somebody here works on them
    let another = |_: &Item| {
        let noted = reviews.note_within(&[glass("b", 1002, 1)], patience);
        assert!(matches!(noted, Err(Error::Busy)), "{noted:?}");
        Ok::<(), Error>(())
    };
    reviews.judge(id, &judged(Verdict::NeedsInfo), another).unwrap();
    // or somebody else, who goes on only when the other gave up
    let mut other = schema::open(&settings(&folder).path).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let noted = reviews.note_within(&[glass("b", 1002, 1)], patience);
    assert!(matches!(noted, Err(Error::Sqlite(_))), "{noted:?}");
    drop(held);
    assert!(reviews.note_within(&[glass("b", 1002, 1)], patience).is_ok());
}
