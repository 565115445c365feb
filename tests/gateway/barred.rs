//! Break-glass that is allowed and releases nothing more, or not all: what the user hears, and what is left to review.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::audit::review::{Evidence, Filter, Item, Reviews};
use glassgate::client::Query;
use glassgate::config;
use glassgate::demo::Layout;
use glassgate::demo::world::{self, HILLTOP, HOME, NURSE, Partner, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::saml::issue::Order;
use glassgate::soap::Packaging;
use glassgate::xds::{QueryAnswer, ReturnType, Status, retrieve_request};
use serde_json::{Value, json};

use crate::asked::{Asked, codes, numbered, numbers, without_uuids};
use crate::record::kinds;
use crate::terms::{ACT_CODE, CONFIDENTIALITY, consent, document, label, write};
use crate::unseen::same;
use crate::world::{World, order};

const WARNING: &str = "GlassgateBreakGlassNotHonoured";

/// Forbids break-glass for what is labelled PSY, and withholds what is R.
const PSY_FORBIDDEN: u32 = 1051;
/// Opted out but for what is N.
const NORMAL_ALONE: u32 = 1052;
/// Withholds what is R.
const WITHHOLDING: u32 = 1053;
/// Permits research by one consent, treatment but for R by another.
const FOR_RESEARCH: u32 = 1054;
/// Withholds what is R, and has what the domain keeps from break-glass.
const BEYOND: u32 = 1055;

fn whole() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let prepare = |layout: &Layout| prepare(layout, true);
    WORLD.get_or_init(|| World::changed("barred", prepare, &[FAILURE]))
}

/// The same, where nobody ever wrote what no break-glass releases.
fn deleted() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let prepare = |layout: &Layout| prepare(layout, false);
    WORLD.get_or_init(|| World::changed("barred-deleted", prepare, &[FAILURE]))
}

/// The same, where the domain honours neither a ban nor an opt-out.
fn lenient() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let switches = "[consent]\nhonour_patient_btg_ban = false\nbtg_overrides_opt_out = true\n";
    let prepare = |layout: &Layout| prepare(layout, true);
    WORLD.get_or_init(|| World::changed("barred-lenient", prepare, &[("[consent]\n", switches)]))
}

/// Hilltop wants failures.
const FAILURE: (&str, &str) = (
    "etreat = \"break-glass\"\n",
    "etreat = \"break-glass\"\nbreak_glass = { not_honoured = \"failure\" }\n",
);

fn prepare(layout: &Layout, barred_too: bool) {
    let reason = |code: &str| json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}]);
    let level = |code: &str| json!([{"system": CONFIDENTIALITY, "code": code}]);
    let denies_r = json!({"type": "deny", "securityLabel": level("R")});
    let psy = json!([{"system": ACT_CODE, "code": "PSY"}]);
    let forbids = json!({"type": "deny", "purpose": reason("BTG"), "securityLabel": psy});
    let withholding = |more: Vec<Value>| {
        let rules: Vec<_> = [denies_r.clone()].into_iter().chain(more).collect();
        json!({"type": "permit", "provision": rules})
    };
    let normal = json!({"type": "permit", "securityLabel": level("N")});
    let normal_alone = json!({"type": "deny", "provision": [normal]});
    let research = json!({"type": "permit", "purpose": reason("HRESCH")});
    for (patient, consents) in [
        (PSY_FORBIDDEN, vec![withholding(vec![forbids])]),
        (NORMAL_ALONE, vec![normal_alone]),
        (WITHHOLDING, vec![withholding(vec![])]),
        (FOR_RESEARCH, vec![withholding(vec![]), research]),
        (BEYOND, vec![withholding(vec![])]),
    ] {
        let of = |n: u32, codes: &[&str]| {
            let labels = codes.iter().map(|code| match code.len() {
                1 => label(CONFIDENTIALITY, code),
                _ => label(ACT_CODE, code),
            });
            document(patient, n, &labels.collect())
        };
        let consents = consents.iter().zip(["a", "b"]).map(|(one, id)| consent(patient, id, one));
        let mut all: Vec<_> = consents.collect();
        all.push(of(1, &["N"]));
        if patient != NORMAL_ALONE || barred_too {
            // HIV is no kind of PSY
            all.push(of(2, &["R", "HIV"]));
        }
        if patient == PSY_FORBIDDEN && barred_too {
            all.push(of(3, &["R", "PSY"]));
        }
        if patient == BEYOND {
            all.extend([of(3, &["V"]), of(4, &["R", "PSYTHPN"])]);
        }
        write(layout, patient, all);
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    whole().runtime.block_on(future)
}

fn physician(partner: &Partner, subject: &str) -> Order {
    Order { subject: subject.to_owned(), ..order(partner, "BTG") }
}

async fn ask(partner: &Partner, order: &Order, patient: u32) -> Asked<QueryAnswer> {
    let find = Query::find_documents(&world::patient_id(patient));
    whole().query(partner, order, &find).await
}

fn reviews_of(user: &str) -> Vec<(Item, Vec<Evidence>)> {
    reviews_in(whole(), user)
}

fn reviews_in(world: &World, user: &str) -> Vec<(Item, Vec<Evidence>)> {
    let settings = config::read(&world.stage.layout.config()).unwrap().reviews;
    let reviews = Reviews::open(&settings).unwrap();
    let filter = Filter { user: Some(user.to_owned()), ..Filter::default() };
    let items = reviews.list(&filter).unwrap();
    items.into_iter().map(|item| (item.clone(), reviews.evidence(item.id).unwrap())).collect()
}

#[test]
fn who_is_barred_for_some_documents_gets_the_others_and_is_warned() {
    run(async {
        // Hilltop's failure is for what is not honoured at all
        for partner in [RIVERSIDE, HILLTOP] {
            let order = physician(&partner, "dr.part");
            let asked = ask(&partner, &order, PSY_FORBIDDEN).await;
            assert_eq!(
                (asked.answer.status, numbers(&asked.answer)),
                (Status::Success, vec![1, 2])
            );
            assert_eq!(codes(&asked.answer.errors), [WARNING]);
            let all = [("110127", "0"), ("110147", "4"), ("ITI-38", "0")];
            assert_eq!(kinds(&asked.records), all);
            assert_eq!(asked.records[0].documents, [world::document_id(PSY_FORBIDDEN, 2)]);
            assert!(asked.records[1].description.contains("break-glass barred: forbidden"));
            let noted = "a consent bars break-glass in part";
            assert!(asked.records[2].description.contains(noted), "{:?}", asked.records[2]);
        }
        let order = physician(&RIVERSIDE, "dr.part");
        let asked = ask(&RIVERSIDE, &order, NORMAL_ALONE).await;
        assert_eq!((numbers(&asked.answer), codes(&asked.answer.errors)), (vec![1], vec![WARNING]));
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        // where no consent bars, nobody is warned; one for research is none of treatment's
        for patient in [WITHHOLDING, FOR_RESEARCH] {
            let asked = ask(&RIVERSIDE, &order, patient).await;
            assert_eq!((numbers(&asked.answer), asked.answer.errors.len()), (vec![1, 2], 0));
            assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")]);
        }
    });
}

#[test]
fn the_warning_tells_of_a_consent_and_not_whether_there_is_anything_that_it_bars() {
    let _made = (whole(), deleted());
    let order = physician(&RIVERSIDE, "dr.curious");
    let patient = |number| Query::find_documents(&world::patient_id(number));
    let mut asked = Vec::new();
    for number in [PSY_FORBIDDEN, NORMAL_ALONE] {
        for returning in [ReturnType::LeafClass, ReturnType::ObjectRef] {
            asked.push((Transaction::Query, patient(number).returning(returning).body()));
        }
    }
    let three = world::document_id(PSY_FORBIDDEN, 3);
    asked.push((Transaction::Query, Query::get_documents(HOME, &[three]).body()));
    for numbers in [&[3][..], &[1, 3], &[2, 3, 999]] {
        let list: Vec<_> = numbers.iter().map(|n| numbered(PSY_FORBIDDEN, *n)).collect();
        asked.push((Transaction::Retrieve, retrieve_request(&list)));
    }
    run(async {
        for (transaction, body) in asked {
            let request = whole().ask(&RIVERSIDE, &order);
            let packaging = match transaction {
                Transaction::Query => Packaging::Simple,
                Transaction::Retrieve => Packaging::Mtom,
            };
            let with = whole().post(&RIVERSIDE, &request, transaction, &body, packaging).await;
            let without =
                deleted().runtime.spawn({
                    let (request, body) = (request.clone(), body.clone());
                    async move {
                        deleted().post(&RIVERSIDE, &request, transaction, &body, packaging).await
                    }
                });
            same(&with, &without.await.unwrap(), &body);
        }
    });
}

#[test]
fn what_is_declared_for_an_error_is_reviewed_too() {
    let order = physician(&RIVERSIDE, "dr.error");
    run(async {
        let ids = [world::document_id(1001, 1), world::document_id(1002, 5)];
        let query = Query::get_documents(HOME, &ids);
        let refused = whole().query(&RIVERSIDE, &order, &query).await;
        assert_eq!(refused.answer.status, Status::Failure);
        assert_eq!(kinds(&refused.records), [("ITI-38", "8")]);
        let reviews = reviews_of("dr.error");
        let patients: Vec<_> =
            reviews.iter().map(|(item, _)| item.patient.as_ref().unwrap().to_string()).collect();
        assert_eq!(patients, [world::patient_id(1001), world::patient_id(1002)]);
        for (item, evidence) in &reviews {
            let why = "the answer is an error: XDSResultNotSinglePatient";
            assert_eq!(evidence[0].in_vain.as_deref(), Some(why));
            let noted = format!("review {} of break-glass in vain", item.id);
            assert!(refused.records[0].description.contains(&noted), "{:?}", refused.records);
        }
    });
}

#[test]
fn what_is_declared_in_vain_is_reviewed_too_and_owes_no_reason() {
    let order = physician(&RIVERSIDE, "dr.vain");
    run(async {
        let same = ask(&RIVERSIDE, &order, 1001).await;
        assert_eq!(kinds(&same.records), [("ITI-38", "0")]);
        let barred = ask(&RIVERSIDE, &order, 1003).await;
        assert_eq!(kinds(&barred.records), [("110147", "4"), ("ITI-38", "0")]);
        let unknown = ask(&RIVERSIDE, &order, 9999).await;
        assert_eq!(kinds(&unknown.records), [("ITI-38", "0")]);
        let nothing = [numbered(1001, 999)];
        let (answer, _, retrieved) = whole().retrieve(&RIVERSIDE, &order, &nothing).await;
        assert_eq!((answer.status, kinds(&retrieved)), (Status::Failure, vec![("ITI-39", "8")]));

        let all = reviews_of("dr.vain");
        let told: Vec<_> = all
            .iter()
            .map(|(item, evidence)| {
                assert!(!item.is_override && !item.owes_rationale() && item.rationale.is_none());
                assert!(evidence.len() == 1 && evidence[0].documents.is_empty());
                let patient = item.patient.as_ref().map(ToString::to_string);
                (patient, evidence[0].in_vain.clone().unwrap())
            })
            .collect();
        let patient = |number| Some(world::patient_id(number));
        let nothing_more = "treatment gets the same".to_owned();
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(told[0], (patient(1001), nothing_more.clone()));
        assert_eq!(told[1].0, patient(1003));
        assert!(told[1].1.contains("break-glass barred: forbidden"), "{told:?}");
        assert_eq!(told[2..], [(patient(9999), nothing_more.clone()), (None, nothing_more)]);
        // the transaction's record names the item
        let records = [&same.records, &barred.records, &unknown.records, &retrieved];
        for ((item, _), records) in all.iter().zip(records) {
            let noted = format!("review {} of break-glass in vain", item.id);
            let last = records.last().unwrap();
            assert!(last.description.contains(&noted), "{noted}: {last:?}");
        }
        // once something is released, the same item is one of an override
        let order = physician(&RIVERSIDE, "dr.patient");
        let get = |n| Query::get_documents(HOME, &[world::document_id(1002, n)]);
        let first = whole().query(&RIVERSIDE, &order, &get(1)).await;
        assert_eq!(numbers(&first.answer), [1]);
        let [(vain, _)] = &reviews_of("dr.patient")[..] else { panic!("one review") };
        assert!(!vain.is_override);
        whole().query(&RIVERSIDE, &order, &get(5)).await;
        let [(item, evidence)] = &reviews_of("dr.patient")[..] else { panic!("one review") };
        assert_eq!((item.id, item.is_override, evidence.len()), (vain.id, true, 2));
        assert!(item.owes_rationale());
    });
}

#[test]
fn what_is_not_honoured_opens_no_review() {
    let nurse = Order { roles: vec![world::role(NURSE)], ..physician(&RIVERSIDE, "nurse.vain") };
    run(async {
        for patient in [1001, 1002, 9999] {
            let asked = ask(&RIVERSIDE, &nurse, patient).await;
            assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "0")]);
        }
        // nor what is refused before anything is looked up
        let wrong = physician(&RIVERSIDE, "dr.wrong");
        let find = Query::new(glassgate::xds::StoredQuery::FindDocuments);
        let asked = whole().query(&RIVERSIDE, &wrong, &find).await;
        assert_eq!(asked.answer.status, Status::Failure);
        assert_eq!(kinds(&asked.records), [("ITI-38", "8")]);
    });
    assert!(reviews_of("nurse.vain").is_empty() && reviews_of("dr.wrong").is_empty());
}

#[test]
fn where_the_partner_wants_failures_nothing_leaves_and_it_is_reviewed() {
    let order = physician(&HILLTOP, "dr.failing");
    run(async {
        let asked = ask(&HILLTOP, &order, 1003).await;
        assert_eq!(asked.answer.status, Status::Failure);
        assert_eq!(kinds(&asked.records), [("110147", "4"), ("ITI-38", "8")]);
        let [(item, _)] = &reviews_of("dr.failing")[..] else { panic!("one review") };
        assert!(!item.is_override);
    });
}

#[test]
fn where_treatment_gets_everything_the_answer_is_that_of_treatment() {
    let body = Query::find_documents(&world::patient_id(1001)).body();
    run(async {
        let mut answers = Vec::new();
        for purpose in ["TREAT", "BTG"] {
            let order = Order { subject: "dr.same".to_owned(), ..order(&RIVERSIDE, purpose) };
            let ask = whole().ask(&RIVERSIDE, &order);
            let simple = Packaging::Simple;
            let raw = whole().post(&RIVERSIDE, &ask, Transaction::Query, &body, simple).await;
            answers.push((raw.status, without_uuids(&raw.body)));
        }
        assert_eq!(answers[0], answers[1]);
        assert!(answers[0].1.contains(&world::document_id(1001, 5)));
    });
}

#[test]
fn what_the_domain_keeps_from_break_glass_stays_and_audit_says_why() {
    run(async {
        let asked = ask(&RIVERSIDE, &physician(&RIVERSIDE, "dr.beyond"), BEYOND).await;
        // the domain's own limit is no consent that bars
        assert_eq!((numbers(&asked.answer), asked.answer.errors.len()), (vec![1, 2], 0));
        let all = [("110127", "0"), ("110147", "4"), ("ITI-38", "0")];
        assert_eq!(kinds(&asked.records), all);
        assert_eq!(asked.records[0].documents, [world::document_id(BEYOND, 2)]);
        let reasons: Vec<_> = [3, 4].map(|n| numbered(BEYOND, n)).into();
        let order = physician(&RIVERSIDE, "dr.beyond");
        let (answer, _, records) = whole().retrieve(&RIVERSIDE, &order, &reasons).await;
        assert_eq!((answer.status, answer.documents.len()), (Status::Failure, 0));
        let told: String = records.iter().map(|record| record.description.as_str()).collect();
        assert!(told.contains("barred: ceiling") && told.contains("barred: sensitivity"), "{told}");
    });
}

#[test]
fn an_override_of_a_ban_or_an_opt_out_names_the_switch_that_allowed_it() {
    let order = physician(&RIVERSIDE, "dr.lenient");
    lenient().runtime.block_on(async {
        for (patient, found, switch) in
            [(1003, 6, "(honour_patient_btg_ban)"), (1004, 3, "(btg_overrides_opt_out)")]
        {
            let find = Query::find_documents(&world::patient_id(patient));
            let asked = lenient().query(&RIVERSIDE, &order, &find).await;
            assert_eq!(numbers(&asked.answer).len(), found, "{patient}");
            assert!(asked.answer.errors.is_empty(), "{patient}");
            assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")], "{patient}");
            let reviews = reviews_in(lenient(), "dr.lenient");
            let (_, evidence) = reviews.last().unwrap();
            let documents = &evidence[0].documents;
            assert_eq!(documents.len(), asked.records[0].documents.len());
            let named = |one: &glassgate::audit::review::Document| {
                one.grounds.iter().any(|ground| ground.ends_with(switch))
            };
            assert!(documents.iter().all(named), "{:?}", documents[0].grounds);
            // and so does the record, in base64 as DICOM has details
            let ground = STANDARD.encode(documents[0].grounds.last().unwrap());
            let messages = lenient().seen.lock().unwrap();
            assert!(messages.iter().any(|message| message.contains(&ground)), "{patient}");
        }
    });
}
