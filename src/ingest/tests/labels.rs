//! Documents are labelled when they are written, by what belongs to them too, and again when the rules change.

use super::*;
use crate::consent::Facts;
use crate::labels::{Confidentiality, Settings as Rules};
use crate::repository::Released;

const ICD: &str = "http://hl7.org/fhir/sid/icd-10";

fn codes(facts: &Facts) -> Vec<&str> {
    facts.labels.iter().map(|label| label.code.as_str()).collect()
}

/// The labels of a patient's documents, by uniqueId.
fn labels_of(store: &Store, number: &str) -> Vec<String> {
    let mut found = all(store, &subject(store, number).unwrap());
    found.sort_by(|one, other| one.unique_id.cmp(&other.unique_id));
    found.iter().map(|candidate| codes(&candidate.facts).join(" ")).collect()
}

fn entry_of(world: &World, number: &str) -> Released {
    let subject = subject(&world.store, number).unwrap();
    let candidates = all(&world.store, &subject);
    let permit = permit(&world.store, &subject, &candidates[0]);
    world.store.snapshot().unwrap().release(&permit).unwrap().unwrap()
}

fn unlabelled(number: &str, id: u32, attachment: &Value) -> Value {
    let mut document = document(number, id, attachment);
    document.as_object_mut().unwrap().remove("securityLabel");
    document
}

/// A C-CDA document with a value of ICD-10.
fn cda(icd: &str, confidentiality: &str) -> Value {
    let text = format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><confidentialityCode code=\"{confidentiality}\" codeSystem=\"2.16.840.1.113883.5.25\"/>\
         <component><structuredBody><component><section><entry><observation><value code=\"{icd}\" codeSystem=\"2.16.840.1.113883.6.3\"/>\
         </observation></entry></section></component></structuredBody></component></ClinicalDocument>"
    );
    inline(text.as_bytes())
}

fn condition(number: &str, id: &str, icd: &str, encounter: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": format!("Patient/p{number}")},
        "encounter": {"reference": encounter}, "code": {"coding": [{"system": ICD, "code": icd}]}})
}

fn encounter(number: &str, id: &str) -> Value {
    json!({"resourceType": "Encounter", "id": id, "subject": {"reference": format!("Patient/p{number}")}})
}

fn of_encounter(mut document: Value, encounter: &str) -> Value {
    document["context"] = json!({"encounter": [{"reference": encounter}]});
    document
}

fn with_rules(world: &World, rules: &Rules) -> (Store, Settings) {
    let labeller = Labeller::compile(rules).unwrap();
    let settings = embedded::Settings::new(world.directory.path().join("store"));
    let rules = labeller.version().to_owned();
    let store = Store::open(&embedded::Settings { rules, ..settings }).unwrap();
    (store, Settings { labeller: Arc::new(labeller), ..world.settings() })
}

/// Relabels everything, and gives what was recorded before each commit.
fn relabelled(store: &Store, settings: &Settings) -> (Relabelled, Vec<Renewed>) {
    let mut all = Vec::new();
    let mut record = |batch: &Batched<'_>| {
        all.extend(batch.renewed.to_vec());
        Ok::<_, embedded::Error>(())
    };
    let done = relabel(store, settings, &|| true, &mut record).unwrap();
    (done, all)
}

#[test]
fn codes_inside_and_outside_of_a_document_label_it() {
    let world = World::new();
    let hiv_event = json!({"coding": [{"system": ICD, "code": "B20"}]});
    let mut event = unlabelled("1", 3, &inline(b"a note"));
    event["context"] = json!({"event": [hiv_event]});
    let mut contained = unlabelled("1", 4, &inline(b"a note"));
    contained["contained"] = json!([{"resourceType": "Condition", "id": "c", "code": hiv_event}]);
    let resources = [
        patient("1"),
        unlabelled("1", 1, &cda("B20.1", "N")),
        unlabelled("1", 2, &cda("I10", "R")),
        event,
        contained,
        unlabelled("1", 5, &inline(b"a note")),
    ];
    world.write("a.json", bundle(&resources));
    let report = world.load_all();
    assert!(report.is_complete() && report.warnings.is_empty(), "{report:?}");
    assert_eq!(labels_of(&world.store, "1"), ["R HIV", "R", "R HIV", "R HIV", ""]);
}

#[test]
fn what_belongs_to_an_encounter_labels_its_documents_in_whatever_order_it_comes() {
    let world = World::new();
    let note = |number, id| of_encounter(document(number, id, &inline(b"a note")), "Encounter/e1");
    world.write("a.json", bundle(&[patient("1"), patient("2"), note("1", 1), note("2", 2)]));
    world.write("b.json", document("1", 3, &inline(b"elsewhere")).to_string());
    assert!(world.load_all().is_complete());
    assert_eq!(labels_of(&world.store, "1"), ["N", "N"]);
    // a panel's member, whose panel is of the encounter
    let panel = json!({"resourceType": "Observation", "id": "panel", "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"}, "hasMember": [{"reference": "Observation/member"}]});
    let member = json!({"resourceType": "Observation", "id": "member", "subject": {"reference": "Patient/p1"},
        "valueCodeableConcept": {"coding": [{"system": ICD, "code": "F11.2"}]}});
    let later = bundle(&[encounter("1", "e1"), panel, member]);
    let path = world.write("later.json", later);
    let report = world.load(&path);
    assert!(report.is_complete());
    assert_eq!(counts(&report, "Resources read for labels"), (3, 0, 0));
    // audit is told which documents have other labels now
    let changed: Vec<_> = report.patients.values().flat_map(|changed| &changed.documents).collect();
    assert_eq!(changed, ["2.999.1.4.1.1"]);
    assert_eq!(labels_of(&world.store, "1"), ["R OPIOIDUD SUD", "N"]);
    assert_eq!(labels_of(&world.store, "2"), ["N"], "another patient's encounter is not his");
    assert_eq!(counts(&world.load(&path), "Resources read for labels"), (0, 0, 3));
    // what was entered in error is taken back
    let mut wrong = condition("1", "c1", "B20", "Encounter/e1");
    let path = world.write("c.json", wrong.to_string());
    assert!(world.load(&path).is_complete());
    assert_eq!(labels_of(&world.store, "1"), ["R HIV OPIOIDUD SUD", "N"]);
    wrong["status"] = "entered-in-error".into();
    let path = world.write("c.json", wrong.to_string());
    assert_eq!(counts(&world.load(&path), "Resources read for labels"), (0, 1, 0));
    assert_eq!(labels_of(&world.store, "1"), ["R OPIOIDUD SUD", "N"]);
}

#[test]
fn members_are_known_by_the_names_of_their_bundle_and_strangers_are_left_out() {
    let world = World::new();
    let (who, stay) =
        ("urn:uuid:0b2b3f6e-0f55-4a3c-9d6e-0c5d1c1d1a11", "https://ehr.example/Encounter/9");
    let mut person = patient("1");
    person.as_object_mut().unwrap().remove("id");
    let mut note = of_encounter(document("1", 1, &inline(b"a note")), stay);
    note["subject"] = json!({"reference": who});
    let mut found = condition("1", "c1", "B20", stay);
    found["subject"] = json!({"reference": who});
    let mut visit = encounter("1", "");
    visit["subject"] = json!({"reference": who});
    visit.as_object_mut().unwrap().remove("id");
    let herd =
        json!({"resourceType": "Observation", "id": "o", "subject": {"reference": "Group/g"}});
    let entries = json!([{"resource": note}, {"resource": found}, {"resource": herd},
        {"fullUrl": stay, "resource": visit}, {"fullUrl": who, "resource": person}]);
    world.write(
        "a.json",
        json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string(),
    );
    let report = world.load_all();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.ignored["Observation"], 1);
    assert_eq!(labels_of(&world.store, "1"), ["R HIV"]);
}

#[test]
fn a_document_that_comes_after_its_encounter_is_labelled_by_it() {
    let world = World::new();
    // as files come, the condition is read before its patient is known
    world.write("a.ndjson", condition("1", "c1", "B20", "Encounter/e1").to_string());
    let note = of_encounter(unlabelled("1", 1, &inline(b"a note")), "Encounter/e1");
    world.write("b.json", bundle(&[patient("1"), encounter("1", "e1")]));
    world.write("c.json", note.to_string());
    let report = world.load_all();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(labels_of(&world.store, "1"), ["R HIV"]);
    assert!(report.patients.values().all(|c| c.resources.contains("Condition/c1")));
}

#[test]
fn labels_that_reveal_hiding_are_decided_on_and_not_rendered() {
    let world = World::new();
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let mut one = document("1", 1, &inline(b"a note"));
    one["meta"] =
        json!({"security": [{"system": act, "code": "MASK"}, {"system": act, "code": "HIV"}]});
    world.write("a.json", bundle(&[patient("1"), one]));
    let report = world.load_all();
    assert!(matches!(report.warnings[0].reason, Caution::Duty(ref code) if code == "MASK"));
    assert_eq!(labels_of(&world.store, "1"), ["N MASK HIV"]);
    let entry = entry_of(&world, "1");
    assert!(!entry.rendered.contains("MASK") && entry.rendered.contains("\"HIV\""));
    let searched = String::from_utf8_lossy(&entry.searched).into_owned();
    assert!(!searched.contains("MASK") && searched.contains("HIV"));
    let mut stripped = entry.rendered.clone();
    stripped.replace_range(entry.labels.unwrap(), "");
    assert!(!stripped.contains("HIV") && stripped.contains("nodeRepresentation=\"N\""));
}

/// FHIR meta.security and securityLabel, XDS confidentialityCode and C-CDA confidentialityCode (B11).
#[test]
fn labels_make_the_round_without_loss() {
    let world = World::new();
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let reason = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
    let local = "urn:oid:2.999.9";
    let attachment = cda("I10", "R");
    let mut one = document("1", 1, &attachment);
    one["securityLabel"] =
        json!([{"coding": [{"system": act, "code": "PSY", "display": "psychiatry"}]}]);
    one["meta"] = json!({"security": [
        {"system": confidentiality, "code": "N"}, {"system": act, "code": "DELAU"},
        {"system": reason, "code": "HTEST"}, {"system": local, "code": "k"}]});
    world.write("a.json", bundle(&[patient("1"), one]));
    assert!(world.load_all().is_complete());
    assert_eq!(labels_of(&world.store, "1"), ["R PSY DELAU HTEST k"]);
    let entry = entry_of(&world, "1");
    for (code, scheme) in [
        ("R", "2.16.840.1.113883.5.25"),
        ("PSY", "2.16.840.1.113883.5.4"),
        ("DELAU", "2.16.840.1.113883.5.4"),
        ("HTEST", "2.16.840.1.113883.5.8"),
        ("k", "2.999.9"),
    ] {
        let written = format!(
            "nodeRepresentation=\"{code}\"><rim:Slot name=\"codingScheme\"><rim:ValueList><rim:Value>{scheme}<"
        );
        assert!(entry.rendered.contains(&written), "{code}: {}", entry.rendered);
    }
    // as a client reads it, and as a document that goes on carries it
    let mut answer = String::new();
    crate::xds::query_response(&mut answer, &world.settings().home, &[], [entry.rendered.as_str()]);
    let read = crate::xds::read_query_response(&answer).unwrap();
    assert_eq!(read.documents[0].confidentiality_codes, ["R", "PSY", "DELAU", "HTEST", "k"]);
    let bytes = STANDARD.decode(attachment["data"].as_str().unwrap()).unwrap();
    assert_eq!(world.bytes("1"), bytes);
    let mut evidence = crate::labels::Evidence::default();
    labeller().content(&mut evidence, "text/xml", world.bytes("1").as_slice());
    let inside = labeller().label(&Default::default(), &evidence).labels;
    assert_eq!(Confidentiality::of(&inside), Some(Confidentiality::Restricted));
}

#[test]
fn what_other_rules_labelled_is_unclassified_until_it_is_labelled_anew() {
    let world = World::new();
    // more than lies in the database
    let mut attachment = cda("B20", "N");
    let text = STANDARD.decode(attachment["data"].as_str().unwrap()).unwrap();
    let long = format!("<!--{}--><component>", "x".repeat(100_000));
    let text = String::from_utf8(text).unwrap().replacen("<component>", &long, 1);
    attachment["data"] = STANDARD.encode(text).into();
    let note = of_encounter(document("1", 1, &inline(b"a note")), "Encounter/e1");
    let resources = [
        patient("1"),
        encounter("1", "e1"),
        condition("1", "c1", "F20", "Encounter/e1"),
        note,
        unlabelled("1", 2, &attachment),
        document("1", 3, &cda("I10", "N")),
    ];
    world.write("a.json", bundle(&resources));
    let none = Rules { built_in: false, ..Rules::default() };
    let (store, settings) = with_rules(&world, &none);
    let first = settings.labeller.version().to_owned();
    assert!(load(&store, &settings, &[world.folder()], &mut |_| ()).is_complete());
    assert_eq!(labels_of(&store, "1"), ["N", "N", "N"]);
    let one = subject(&store, "1").unwrap();
    assert!(all(&store, &one).iter().all(|candidate| candidate.facts.labels_are_readable()));
    drop(store);

    let (store, settings) = with_rules(&world, &Rules::default());
    assert!(all(&store, &one).iter().all(|candidate| !candidate.facts.labels_are_readable()));
    let (done, renewed) = relabelled(&store, &settings);
    assert_eq!(done, Relabelled { renewed: 3, without_source: 0, failed: 0 });
    assert!(renewed.iter().all(|one| one.from == first && one.patient.id() == "1"));
    assert_eq!(labels_of(&store, "1"), ["R PSY", "R HIV", "N"]);
    assert!(all(&store, &one).iter().all(|candidate| candidate.facts.labels_are_readable()));
    assert_eq!(relabelled(&store, &settings).0, Relabelled::default());
    // just what loading it again would write
    let report = load(&store, &settings, &[world.folder()], &mut |_| ());
    assert_eq!(counts(&report, "DocumentReference"), (0, 0, 3));
}

#[test]
fn labelling_anew_ends_early_where_it_may_not_go_on_and_changes_nothing_without_a_record() {
    let world = World::new();
    world.write("a.json", bundle(&[patient("1"), document("1", 1, &cda("B20", "N"))]));
    assert!(world.load_all().is_complete());
    let (store, settings) =
        with_rules(&world, &Rules { uncoded_is_normal: true, ..Rules::default() });
    let mut never = |_: &Batched<'_>| panic!("nothing may be done");
    let done: Result<_, embedded::Error> = relabel(&store, &settings, &|| false, &mut never);
    assert_eq!(done.unwrap(), Relabelled::default());
    let mut fails = |_: &Batched<'_>| Err(embedded::Error::Busy);
    assert!(relabel(&store, &settings, &|| true, &mut fails).is_err());
    let (done, renewed) = relabelled(&store, &settings);
    assert_eq!((done.renewed, renewed.len()), (1, 1));
}

#[test]
fn a_consent_about_labels_withholds_what_is_unclassified() {
    let world = World::new();
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let mut consent = opt_out("1");
    consent["policyRule"]["coding"][0]["code"] = "OPTIN".into();
    consent["provision"] =
        json!({"provision": [{"type": "deny", "securityLabel": [{"system": act, "code": "HIV"}]}]});
    let resources = [
        patient("1"),
        consent,
        document("1", 1, &cda("I10", "N")),
        document("1", 2, &cda("B20", "N")),
    ];
    world.write("a.json", bundle(&resources));
    assert!(world.load_all().is_complete());
    assert_eq!(world.released("1"), ["2.999.1.4.1.1"]);
    let (store, settings) =
        with_rules(&world, &Rules { uncoded_is_normal: true, ..Rules::default() });
    let world = World { store, ..world };
    assert!(world.released("1").is_empty());
    relabelled(&world.store, &settings);
    assert_eq!(world.released("1"), ["2.999.1.4.1.1"]);
}

#[test]
fn several_confidentialities_and_unreadable_content_are_told() {
    let world = World::new();
    let mut two = document("1", 1, &inline(b"a note"));
    let other = two["securityLabel"][0]["coding"][0]["system"].clone();
    two["meta"] = json!({"security": [{"system": other, "code": "V"}]});
    let broken = document("1", 2, &inline(b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><a>"));
    world.write("a.json", bundle(&[patient("1"), two, broken]));
    let report = world.load_all();
    let told: Vec<_> = report.warnings.iter().map(ToString::to_string).collect();
    assert!(told[0].ends_with("it has several confidentialities: the highest counts"), "{told:?}");
    assert!(told[1].contains("its codes cannot be read"), "{told:?}");
    assert_eq!(labels_of(&world.store, "1"), ["V", "N"]);
    let found = all(&world.store, &subject(&world.store, "1").unwrap());
    assert_eq!(found.iter().filter(|c| c.facts.unreadable_labels).count(), 1);
}

#[test]
fn what_is_a_test_patients_is_for_tests_alone() {
    let world = World::new();
    let mark = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]});
    let mut tester = patient("1");
    tester["meta"] = mark.clone();
    let one = document("1", 1, &inline(b"a note"));
    world.write("a.json", bundle(&[tester, one, patient("2"), document("2", 2, &inline(b"x"))]));
    assert!(world.load_all().is_complete());
    assert_eq!(labels_of(&world.store, "1"), ["N HTEST"]);
    assert_eq!(labels_of(&world.store, "2"), ["N"]);
    // whoever becomes one, or no more is one, after his documents came
    let path = world.write("b.json", patient("1").to_string());
    assert!(world.load(&path).is_complete());
    assert_eq!(labels_of(&world.store, "1"), ["N"]);
    let mut other = patient("2");
    other["meta"] = mark;
    let path = world.write("c.json", other.to_string());
    let report = world.load(&path);
    assert!(report.patients.values().any(|changed| changed.documents.contains("2.999.1.4.2.2")));
    assert_eq!(labels_of(&world.store, "2"), ["N HTEST"]);
}

#[test]
fn an_encounter_is_known_by_its_address_too() {
    let world = World::new();
    let note =
        of_encounter(unlabelled("1", 1, &inline(b"x")), "https://ehr.example/fhir/Encounter/e1");
    let other =
        of_encounter(unlabelled("2", 2, &inline(b"x")), "https://ehr.example/fhir/Encounter/e1");
    let found = condition("1", "c1", "B20", "Encounter/e1");
    world.write(
        "a.json",
        bundle(&[patient("1"), patient("2"), encounter("1", "e1"), found, note, other]),
    );
    assert!(world.load_all().is_complete());
    assert_eq!(labels_of(&world.store, "1"), ["R HIV"]);
    assert_eq!(labels_of(&world.store, "2"), [""], "another patient's is not his");
}

#[test]
fn a_document_of_an_encounter_that_nobody_knows_may_have_any_label() {
    let world = World::new();
    let of = |n, encounter: Value| {
        let mut note = document("1", n, &inline(b"a note"));
        note["context"] = json!({"encounter": [encounter]});
        note["contained"] = json!([{"resourceType": "Encounter", "id": "visit"}]);
        note
    };
    let resources = [
        patient("1"),
        encounter("1", "e1"),
        // as its only condition tells of it, not the encounter itself
        condition("1", "c1", "I10", "Encounter/e2"),
        document("1", 1, &inline(b"a note")),
        of(2, json!({"reference": "Encounter/e1"})),
        of(3, json!({"reference": "#visit"})),
        of(4, json!({"reference": "Encounter/e2"})),
        of(5, json!({"reference": "#nothing"})),
        of(6, json!({"identifier": {"value": "17"}})),
        of(7, json!({"display": "last week"})),
    ];
    world.write("a.json", bundle(&resources));
    let readable = |store: &Store| {
        let all = all(store, &subject(store, "1").unwrap());
        let mut readable: Vec<_> = all
            .iter()
            .filter(|candidate| candidate.facts.labels_are_readable())
            .map(|candidate| candidate.unique_id.rsplit('.').next().unwrap().to_owned())
            .collect();
        readable.sort();
        readable
    };
    let report = world.load_all();
    let told = report.warnings.iter().filter(|one| one.reason == Caution::Encounter);
    assert!(report.is_complete() && told.count() == 4, "{report:?}");
    assert_eq!(readable(&world.store), ["1", "2", "3"]);
    // nothing that was stated is lost by it
    assert_eq!(labels_of(&world.store, "1"), ["N"; 7]);
    let path = world.write("later.json", encounter("1", "e2").to_string());
    let report = world.load(&path);
    let changed: Vec<_> = report.patients.values().flat_map(|changed| &changed.documents).collect();
    assert_eq!(changed, ["2.999.1.4.1.4"]);
    assert_eq!(readable(&world.store), ["1", "2", "3", "4"]);
    // where the domain does without them
    let (store, settings) =
        with_rules(&world, &Rules { unloaded_are_ignored: true, ..Rules::default() });
    assert_eq!(relabelled(&store, &settings).0.renewed, 7);
    assert_eq!(readable(&store).len(), 7);
}
