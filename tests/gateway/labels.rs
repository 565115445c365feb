//! What labels keep from a partner, and what of labels a partner is shown.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::audit::Journal;
use glassgate::client::Query;
use glassgate::clock::SystemRandom;
use glassgate::config;
use glassgate::demo::world::{self, HILLTOP, HOME, Partner, RIVERSIDE};
use glassgate::demo::{Layout, pki};
use glassgate::saml::issue::Order;
use glassgate::soap::Packaging;
use serde_json::{Value, json};

use crate::asked::{Asked, codes, numbered, numbers, unique_ids, without_uuids};
use crate::explained::supposed;
use crate::record::{Record, kinds};
use crate::world::{World, order};

const PATIENT: u32 = 3001;

/// One document each; the fifth to seventh are C-CDA, two of them without any label.
const NORMAL: u32 = 1;
const OBLIGED: u32 = 2;
const FOREIGN: u32 = 3;
const OURS: u32 = 4;
const TEST: u32 = 5;
const CODED_HIV: u32 = 6;
const CODED: u32 = 7;
const MASKED: u32 = 8;

/// Riverside understands what is listed, Hilltop is shown no label but the confidentiality.
fn labelled() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::amended("labels", write, |toml| amend(&toml)))
}

fn amend(toml: &str) -> String {
    let toml = toml.replace("[\"TREAT\", \"BTG\"]", "[\"TREAT\", \"BTG\", \"HTEST\"]");
    let understood =
        "etreat = \"treatment\"\nunderstood_labels = [\"HIV\", \"HTEST\", \"MASK\", \"NOREUSE\"]";
    let toml = toml.replace("etreat = \"treatment\"", understood);
    toml.replace(
        "etreat = \"break-glass\"",
        "etreat = \"break-glass\"\nstrip_labels_outbound = true",
    )
}

fn write(layout: &Layout) {
    let label = |code: &str| {
        let system = match code {
            "N" | "R" | "V" => "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
            "HTEST" => "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            _ => "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        };
        json!({"coding": [{"system": system, "code": code}]})
    };
    let document = |n: u32, labels: &[&str], source: &str, content: &str| {
        let mime_type = if content.starts_with('<') { "text/xml" } else { "text/plain" };
        json!({"resource": {
            "resourceType": "DocumentReference",
            "id": format!("l{n}"),
            "meta": {"source": source},
            "status": "current",
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{}", world::document_id(PATIENT, n))},
            "subject": {"reference": format!("Patient/p{PATIENT}")},
            "date": "2025-01-01T12:00:00Z",
            "securityLabel": labels.iter().map(|code| label(code)).collect::<Value>(),
            "content": [{"attachment": {"contentType": mime_type, "data": STANDARD.encode(content)}}],
        }})
    };
    let (ours, other) = (HOME, "urn:oid:2.999.77");
    let patient = json!({"resource": {"resourceType": "Patient", "id": format!("p{PATIENT}"),
        "identifier": [{"system": format!("urn:oid:{}", world::AUTHORITY), "value": format!("P-{PATIENT}")}]}});
    let entries = [
        patient,
        document(NORMAL, &["N"], ours, "note 1"),
        document(OBLIGED, &["N", "DELAU"], ours, "note 2"),
        document(FOREIGN, &["N", "NOREUSE"], other, "note 3"),
        document(OURS, &["N", "NOREUSE"], ours, "note 4"),
        document(TEST, &["N", "HTEST"], ours, "note 5"),
        document(CODED_HIV, &[], ours, &cda("B20")),
        document(CODED, &[], ours, &cda("I10")),
        document(MASKED, &["R", "HIV", "MASK"], ours, "note 8"),
    ];
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    fs::create_dir_all(layout.data()).unwrap();
    fs::write(layout.data().join("labels.json"), bundle.to_string()).unwrap();
}

fn cda(icd: &str) -> String {
    format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><component><structuredBody><component><section><entry><observation>\
         <value code=\"{icd}\" codeSystem=\"2.16.840.1.113883.6.90\"/></observation></entry></section></component>\
         </structuredBody></component></ClinicalDocument>"
    )
}

fn run<T>(future: impl Future<Output = T>) -> T {
    labelled().runtime.block_on(future)
}

fn find() -> Query {
    Query::find_documents(&world::patient_id(PATIENT))
}

async fn ask(
    partner: &Partner,
    order: &Order,
    query: &Query,
) -> Asked<glassgate::xds::QueryAnswer> {
    labelled().query(partner, order, query).await
}

/// The confidentialityCodes of each document, by its number.
fn shown(asked: &Asked<glassgate::xds::QueryAnswer>) -> Vec<(u32, String)> {
    let mut shown: Vec<_> = asked
        .answer
        .documents
        .iter()
        .map(|d| {
            let n = d.unique_id.rsplit_once('.').unwrap().1.parse().unwrap();
            (n, d.confidentiality_codes.join(" "))
        })
        .collect();
    shown.sort();
    shown
}

fn ceiling(partner: &Partner, code: &str) -> Order {
    Order { confidentiality_ceiling: Some(code.to_owned()), ..order(partner, "TREAT") }
}

#[test]
fn a_partner_gets_what_it_understands_and_sees_no_label_that_reveals_hiding() {
    run(async {
        let asked = ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &find()).await;
        let expected = [
            (NORMAL, "N"),
            (OURS, "N NOREUSE"),
            (CODED_HIV, "R HIV"),
            (CODED, "N"),
            (MASKED, "R HIV"),
        ];
        assert_eq!(shown(&asked), expected.map(|(n, codes)| (n, codes.to_owned())));
        assert!(!asked.xml.contains("MASK"));
        assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
        let told = &asked.records[0].description;
        assert!(told.starts_with("3 withheld for labels; confidentiality up to R; "), "{told}");
        let label = "$XDSDocumentEntryConfidentialityCode";
        let by_label = find().list(label, &["HIV^^2.16.840.1.113883.5.4"]);
        let asked = ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &by_label).await;
        assert_eq!(numbers(&asked.answer), [CODED_HIV, MASKED]);
        let by_label = find().list(label, &["MASK^^2.16.840.1.113883.5.4"]);
        let asked = ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &by_label).await;
        assert!(numbers(&asked.answer).is_empty());
    });
}

#[test]
fn a_partner_whose_labels_are_stripped_sees_the_confidentiality_and_gets_nothing_with_duties() {
    run(async {
        let asked = ask(&HILLTOP, &order(&HILLTOP, "TREAT"), &find()).await;
        let expected = [(NORMAL, "N"), (CODED_HIV, "R"), (CODED, "N")];
        assert_eq!(shown(&asked), expected.map(|(n, codes)| (n, codes.to_owned())));
        assert!(!asked.xml.contains("HIV"), "{}", asked.xml);
        // what is not shown is not found by it either
        let label = "$XDSDocumentEntryConfidentialityCode";
        let by_label = find().list(label, &["HIV^^2.16.840.1.113883.5.4"]);
        let asked = ask(&HILLTOP, &order(&HILLTOP, "TREAT"), &by_label).await;
        assert!(numbers(&asked.answer).is_empty());
        let by_level = find().list(label, &["R^^2.16.840.1.113883.5.25"]);
        let asked = ask(&HILLTOP, &order(&HILLTOP, "TREAT"), &by_level).await;
        assert_eq!(numbers(&asked.answer), [CODED_HIV]);
    });
}

#[test]
fn what_labels_keep_looks_like_nothing_and_audit_says_why() {
    run(async {
        for (n, why) in [
            (OBLIGED, "the partner does not understand label DELAU"),
            (FOREIGN, "NOREUSE, and it may be another community's"),
            (TEST, "test data, and the purpose is not HTEST"),
        ] {
            let ask = labelled().ask(&RIVERSIDE, &order(&RIVERSIDE, "BTG"));
            let mut texts = Vec::new();
            for n in [n, 999] {
                let asked = [numbered(PATIENT, n)];
                let answer =
                    labelled().retrieve_as(&RIVERSIDE, &ask, &asked, Packaging::Mtom).await;
                assert_eq!(codes(&answer.answer.errors), ["XDSDocumentUniqueIdError"]);
                let text = without_uuids(&answer.raw.body).replace(&asked[0].document, "id");
                if n != 999 {
                    let records: &[Record] = &answer.records;
                    assert_eq!(
                        kinds(records),
                        [("ITI-39", "8")],
                        "no alert: nobody barred break-glass"
                    );
                    let told = &records[0].description;
                    assert!(
                        told.starts_with(&format!("withheld for its labels: {why}; ")),
                        "{told}"
                    );
                }
                texts.push(text);
            }
            assert_eq!(texts[0], texts[1], "{n}");
        }
    });
}

#[test]
fn the_high_water_mark_tells_of_what_was_given_alone() {
    let find = Query::find_documents(&world::patient_id(1002));
    crate::world::run(async {
        for (purpose, mark) in [("TREAT", "N"), ("BTG", "R")] {
            let asked =
                crate::world::shared().query(&RIVERSIDE, &order(&RIVERSIDE, purpose), &find).await;
            let told = &asked.records.last().unwrap().description;
            assert!(told.contains(&format!("confidentiality up to {mark}; ")), "{told}");
        }
        let nobody = Query::find_documents(&world::patient_id(9999));
        let treat = order(&RIVERSIDE, "TREAT");
        let asked = crate::world::shared().query(&RIVERSIDE, &treat, &nobody).await;
        assert!(!asked.records[0].description.contains("confidentiality"));
    });
}

#[test]
fn test_data_and_production_data_never_stand_together() {
    run(async {
        let purposes = ["TREAT", "HTEST"].map(world::purpose).to_vec();
        let tester = Order { purposes, ..order(&RIVERSIDE, "TREAT") };
        let asked = ask(&RIVERSIDE, &tester, &find()).await;
        assert_eq!(shown(&asked), [(TEST, "N HTEST".to_owned())]);
    });
}

#[test]
fn a_ceiling_lowers_and_never_raises() {
    run(async {
        for (code, expected) in [
            ("N", vec![NORMAL, OURS, CODED]),
            ("R", vec![NORMAL, OURS, CODED_HIV, CODED, MASKED]),
            ("V", vec![NORMAL, OURS, CODED_HIV, CODED, MASKED]),
            ("L", vec![]),
            // what nobody knows may be meant to be low
            ("Q", vec![]),
        ] {
            let asked = ask(&RIVERSIDE, &ceiling(&RIVERSIDE, code), &find()).await;
            assert_eq!(numbers(&asked.answer), expected, "{code}");
        }
        let urgent = Order { purposes: vec![world::purpose("BTG")], ..ceiling(&RIVERSIDE, "N") };
        let asked = ask(&RIVERSIDE, &urgent, &find()).await;
        assert_eq!(numbers(&asked.answer), [NORMAL, OURS, CODED]);
    });
}

#[test]
fn new_rules_label_what_is_there_and_the_record_names_both_versions() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("relabel");
    let _none = fs::remove_dir_all(&directory);
    let layout = Layout::new(&directory);
    pki::copy(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("certs"), &layout.pki())
        .unwrap();
    write(&layout);
    let toml = fs::read_to_string(labelled().stage.layout.config()).unwrap();
    fs::create_dir_all(directory.join("audit")).unwrap();
    let configure = |more: &str| {
        fs::write(layout.config(), format!("{toml}\n{more}")).unwrap();
        config::read(&layout.config()).unwrap()
    };
    let without = configure("[labels]\nbuilt_in = false\n");
    let before = without.ingest.labeller.version().to_owned();
    assert!(without.load(&[layout.data()], "test", &mut |_| ()).unwrap().is_complete());
    let mut with = configure("");
    with.delivery.targets.clear();
    let after = with.ingest.labeller.version().to_owned();
    assert_ne!(before, after);
    let journal = Journal::open(with.journal.clone(), &SystemRandom).unwrap();
    let already = journal.after(0, 1_000).unwrap().len() as u64;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let opened = runtime.block_on(async { with.open().unwrap() });
    let begun = Instant::now();
    let records = loop {
        let records = journal.after(already, 1_000).unwrap();
        let records: Vec<_> =
            records.into_iter().map(|r| String::from_utf8(r.message.into()).unwrap()).collect();
        if !records.is_empty() && opened.gateway.metrics().unclassified.get() == 0 {
            break records;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "in vain");
        std::thread::yield_now();
    };
    let [record] = records.as_slice() else { panic!("{} records", records.len()) };
    assert!(record.contains("EventActionCode=\"U\"") && record.contains("csd-code=\"110110\""));
    let record = Record::read(record);
    assert!(
        record.description.starts_with(&format!("labels renewed, rule set {before} to {after}"))
    );
    assert_eq!(record.patients, [world::patient_id(PATIENT)]);
    assert_eq!(record.documents.len(), 8);
    drop(opened);
}

#[test]
fn what_labels_keep_is_explained_as_kept() {
    let config = config::read(&labelled().stage.layout.config()).unwrap();
    let operator = config.operator().unwrap();
    for (partner, purpose) in
        [(RIVERSIDE, "TREAT"), (RIVERSIDE, "HTEST"), (RIVERSIDE, "BTG"), (HILLTOP, "TREAT")]
    {
        let supposed = supposed(&partner, purpose, world::PHYSICIAN, PATIENT);
        let explanation = config.explain(&operator, &supposed).unwrap();
        let permitted = explanation.entries.iter().filter(|entry| entry.outcome().permits);
        let mut permitted: Vec<_> = permitted.map(|entry| entry.document.clone()).collect();
        permitted.sort();
        let find = Query::find_documents(&world::patient_id(PATIENT));
        let asked = labelled().runtime.block_on(labelled().query(
            &partner,
            &order(&partner, purpose),
            &find,
        ));
        let mut found: Vec<_> = unique_ids(&asked.answer).into_iter().map(str::to_owned).collect();
        found.sort();
        assert_eq!(permitted, found, "{} {purpose}", partner.name);
        let kept = explanation.entries.iter().filter(|entry| entry.kept.is_some());
        for entry in kept.clone() {
            let told = entry.outcome();
            assert_eq!((told.permits, told.provision.as_str()), (false, "labels"));
            assert!(!told.element.is_empty() && told.consent.is_none());
        }
        assert!(kept.count() > 0);
    }
}
