mod labels;
mod told;
mod twins;

use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::repository::embedded;
use crate::repository::evidence::{all, grant_for, permit, subject};
use crate::repository::{ContentBytes, Repository};

const URI: &str = "urn:ietf:rfc:3986";

struct World {
    directory: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("in")).unwrap();
        let settings = embedded::Settings::new(directory.path().join("store"));
        let rules = labeller().version().to_owned();
        let store = Store::open(&embedded::Settings { rules, ..settings }).unwrap();
        Self { directory, store }
    }

    /// A file to be loaded.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join("in")
    }

    fn settings(&self) -> Settings {
        Settings {
            home: HomeCommunityId::parse("2.999.1").unwrap(),
            repository: RepositoryId::parse("2.999.1.2").unwrap(),
            patient_authority: Oid::parse("2.999.1.3").unwrap(),
            labeller: Arc::new(labeller()),
        }
    }

    fn load(&self, path: &Path) -> Report {
        let mut last = None;
        let report = load(&self.store, &self.settings(), &[path.to_owned()], &mut |now| {
            assert!(now.done <= now.total);
            last = Some(now);
        });
        assert!(last.is_some_and(|last| last.done == last.total));
        report
    }

    /// Loads the whole folder.
    fn load_all(&self) -> Report {
        self.load(&self.folder())
    }

    /// The uniqueIds that a treating partner finds.
    fn released(&self, number: &str) -> Vec<String> {
        let Some(subject) = subject(&self.store, number) else { return vec![] };
        let grant = grant_for(&self.store, &subject);
        let permitted = all(&self.store, &subject).into_iter().filter_map(|candidate| {
            grant.decide(&candidate.facts).outcome().ok().map(|_| candidate.unique_id)
        });
        let mut ids: Vec<_> = permitted.collect();
        ids.sort();
        ids
    }

    /// How many documents patient 1 has, whatever his consent says.
    fn stored(&self) -> usize {
        all(&self.store, &subject(&self.store, "1").unwrap()).len()
    }

    /// The bytes of the patient's only document.
    fn bytes(&self, number: &str) -> Vec<u8> {
        let subject = subject(&self.store, number).unwrap();
        let candidates = all(&self.store, &subject);
        assert_eq!(candidates.len(), 1);
        let permit = permit(&self.store, &subject, &candidates[0]);
        match self.store.open(&permit).unwrap().unwrap().bytes {
            ContentBytes::Inline(bytes) => bytes.to_vec(),
            ContentBytes::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                bytes
            }
        }
    }
}

fn labeller() -> Labeller {
    Labeller::compile(&crate::labels::Settings::default()).unwrap()
}

fn patient(number: &str) -> Value {
    json!({"resourceType": "Patient", "id": format!("p{number}"),
        "identifier": [{"system": "urn:oid:2.999.1.3", "value": number}]})
}

fn document(number: &str, id: u32, attachment: &Value) -> Value {
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    let mut value = json!({"resourceType": "DocumentReference", "id": format!("d{id}"), "status": "current",
        "masterIdentifier": {"system": URI, "value": format!("urn:oid:2.999.1.4.{number}.{id}")},
        "subject": {"reference": format!("Patient/p{number}")}, "date": "2025-01-01T00:00:00Z",
        "securityLabel": [{"coding": [{"system": confidentiality, "code": "N"}]}],
        "content": [{"attachment": attachment}]});
    value["content"][0]["attachment"]["contentType"] = "text/plain".into();
    value
}

fn inline(bytes: &[u8]) -> Value {
    json!({"data": STANDARD.encode(bytes)})
}

fn opt_out(number: &str) -> Value {
    json!({"resourceType": "Consent", "id": format!("c{number}"), "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy"}]},
        "patient": {"reference": format!("Patient/p{number}")},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": "OPTOUT"}]}})
}

fn bundle(resources: &[Value]) -> String {
    let entry: Vec<_> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entry}).to_string()
}

fn counts(report: &Report, kind: &str) -> (u64, u64, u64) {
    let counts = report.counts.get(kind).copied().unwrap_or_default();
    (counts.added, counts.updated, counts.unchanged)
}

fn only_reason(report: &Report) -> &Error {
    assert_eq!(report.refused.len(), 1, "{:?}", report.refused);
    assert!(!report.is_complete());
    &report.refused[0].reason
}

#[test]
fn loading_again_changes_nothing() {
    let world = World::new();
    let resources = [document("1", 1, &inline(b"bytes")), opt_out("1"), patient("1"), patient("2")];
    world.write("all.json", bundle(&resources));
    let report = world.load_all();
    assert!(report.is_complete() && report.warnings.is_empty(), "{report:?}");
    assert_eq!(counts(&report, "Patient"), (2, 0, 0));
    assert_eq!(counts(&report, "Consent"), (1, 0, 0));
    assert_eq!(counts(&report, "DocumentReference"), (1, 0, 0));
    let patients: Vec<_> = report.patients.keys().map(ToString::to_string).collect();
    assert_eq!(patients, ["1^^^&2.999.1.3&ISO", "2^^^&2.999.1.3&ISO"]);
    let report = world.load_all();
    assert_eq!(counts(&report, "Patient"), (0, 0, 2));
    assert_eq!(counts(&report, "Consent"), (0, 0, 1));
    assert_eq!(counts(&report, "DocumentReference"), (0, 0, 1));
    assert_eq!(world.stored(), 1);
    assert!(world.released("1").is_empty());
}

#[test]
fn one_bad_entry_refuses_its_bundle_and_nothing_else() {
    let world = World::new();
    let mut bad = document("1", 2, &inline(b"bytes"));
    bad["content"][0]["attachment"]["size"] = 17.into();
    let spoiled = bundle(&[patient("1"), document("1", 1, &inline(b"bytes")), bad]);
    world.write("a.json", spoiled);
    world.write("b.json", bundle(&[patient("2"), document("2", 3, &inline(b"bytes"))]));
    let report = world.load_all();
    assert!(matches!(only_reason(&report), Error::Size { stated: 17, computed: 5 }));
    let shown = report.refused[0].to_string();
    assert!(
        shown.ends_with("a.json, entry 3: DocumentReference/d2: size says 17, there are 5 bytes")
    );
    assert!(subject(&world.store, "1").is_none());
    assert_eq!(world.released("2"), ["2.999.1.4.2.3"]);
}

#[test]
fn a_bad_line_spoils_no_other() {
    let world = World::new();
    let lines = [
        document("1", 1, &inline(b"one")).to_string(),
        "{ not json".to_owned(),
        String::new(),
        document("1", 2, &json!({"data": "not base64!"})).to_string(),
        bundle(&[patient("1"), opt_out("1")]),
        json!({"resourceType": "Patient", "id": "stranger"}).to_string(),
        json!({"resourceType": "Observation", "id": "o"}).to_string(),
        "[]".to_owned(),
    ];
    let path = world.write("all.ndjson", lines.join("\n"));
    let report = world.load(&path);
    let mut refused: Vec<_> = report.refused.iter().map(|r| (r.at.line, &r.reason)).collect();
    refused.sort_by_key(|(line, _)| *line);
    assert!(matches!(
        refused.as_slice(),
        [
            (Some(2), Error::Json(_)),
            (Some(4), Error::Base64(_)),
            (Some(6), Error::NoHomeIdentifier { .. }),
            (Some(8), Error::NoType),
        ]
    ));
    assert_eq!(report.ignored["Observation"], 1);
    assert_eq!(counts(&report, "DocumentReference"), (1, 0, 0));
}

#[test]
fn order_among_files_does_not_matter() {
    let world = World::new();
    world.write("a.json", document("1", 1, &json!({"url": "Binary/b1"})).to_string());
    world.write("b.json", opt_out("2").to_string());
    let chain = [document("3", 3, &inline(b"three")), patient("1")];
    world.write("c.json", bundle(&chain));
    let binary = json!({"resourceType": "Binary", "id": "b1", "data": STANDARD.encode(b"binary")});
    world.write("sub/d.ndjson", format!("{}\n{binary}\n", patient("2")));
    world.write("sub/e.json", bundle(&[document("1", 2, &inline(b"two")), patient("3")]));
    let report = world.load_all();
    // c waits for e and e for c: each is atomic, so neither can be first
    assert_eq!(report.refused.len(), 3);
    assert!(report.refused.iter().all(|r| matches!(r.reason, Error::UnknownPatient(_))));
    world.write("f.json", patient("1").to_string());
    let report = world.load_all();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(world.released("1"), ["2.999.1.4.1.1", "2.999.1.4.1.2"]);
    assert_eq!(world.released("3"), ["2.999.1.4.3.3"]);
}

#[test]
fn a_bundles_own_names_hold() {
    let world = World::new();
    let (who, what) =
        ("urn:uuid:0b2b3f6e-0f55-4a3c-9d6e-0c5d1c1d1a11", "https://ehr.example/Binary/9");
    let mut person = patient("1");
    person.as_object_mut().unwrap().remove("id");
    let mut reference = document("1", 1, &json!({"url": what}));
    reference["subject"] = json!({"reference": who});
    let mut consent = opt_out("1");
    consent["patient"] = json!({"reference": who});
    let binary = json!({"resourceType": "Binary", "data": STANDARD.encode(b"here")});
    let entries = json!([
        {"resource": reference}, {"resource": consent},
        {"fullUrl": who, "resource": person}, {"fullUrl": what, "resource": binary}]);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    world.write("a.json", bundle.to_string());
    let report = world.load_all();
    assert!(report.is_complete() && report.warnings.is_empty(), "{report:?}");
    assert_eq!(world.stored(), 1);
    assert!(world.released("1").is_empty(), "the consent must speak of this patient");
}

#[test]
fn subjects_are_known_by_identifier_too() {
    let world = World::new();
    let identifier = json!({"system": "urn:oid:2.999.1.3", "value": "1"});
    let mut by_identifier = document("1", 1, &inline(b"one"));
    by_identifier["subject"] = json!({"identifier": identifier});
    let mut consent = opt_out("1");
    consent["policyRule"]["coding"][0]["code"] = "OPTIN".into();
    consent["patient"] =
        json!({"identifier": identifier, "reference": "https://ehr.example/Patient/7"});
    let mut torn = document("2", 2, &inline(b"two"));
    torn["subject"]["identifier"] = identifier;
    world.write("a.json", bundle(&[patient("1"), by_identifier, consent]));
    world.write("b.json", bundle(&[patient("2"), torn]));
    let report = world.load_all();
    assert!(matches!(only_reason(&report), Error::TwoPatients));
    // were the consent thought to speak of somebody else, it would deny
    assert_eq!(world.released("1"), ["2.999.1.4.1.1"]);
}

#[test]
fn files_are_taken_from_the_loaded_folder_alone() {
    let world = World::new();
    let outside = world.directory.path().join("secret.txt");
    fs::write(&outside, "secret").unwrap();
    std::os::unix::fs::symlink(&outside, world.folder().join("link.txt")).unwrap();
    std::os::unix::fs::symlink(world.directory.path(), world.folder().join("up")).unwrap();
    world.write("patient.json", patient("1").to_string());
    world.write("files/note.txt", "a note");
    let refusal = |url: &str| {
        world.write("sub/document.json", document("1", 1, &json!({"url": url})).to_string());
        let report = world.load_all();
        report.refused.into_iter().next().map(|refused| refused.reason)
    };
    for url in ["../../secret.txt", "../link.txt", "../up/secret.txt"] {
        assert!(matches!(refusal(url), Some(Error::OutsideFolder(_))), "{url}");
    }
    let absolute = outside.to_str().unwrap();
    for url in [absolute, "file:///etc/passwd", "https://ehr.example/x", "urn:oid:2.999.1", ""] {
        assert!(matches!(refusal(url), Some(Error::Url(_))), "{url}");
    }
    for url in ["nothing.txt", "../files", "."] {
        assert!(matches!(refusal(url), Some(Error::NoFile(_))), "{url}");
    }
    assert!(refusal("../files/note.txt").is_none());
    assert_eq!(world.bytes("1"), b"a note");
    // a single file may only reach what lies beside and below it
    let report = world.load(&world.folder().join("sub/document.json"));
    assert!(matches!(only_reason(&report), Error::OutsideFolder(_)));
}

#[test]
fn a_large_file_is_stored_bit_for_bit() {
    let world = World::new();
    let bytes: Vec<u8> = (0..2 * 1024 * 1024_u32).map(|n| (n ^ n >> 11) as u8).collect();
    let hash = STANDARD.encode(openssl::sha::sha1(&bytes));
    world.write("scan.pdf", &bytes);
    let attachment = json!({"url": "scan.pdf", "size": bytes.len(), "hash": hash});
    world.write("a.json", bundle(&[patient("1"), document("1", 1, &attachment)]));
    assert!(world.load_all().is_complete());
    assert!(world.bytes("1") == bytes);
    assert!(world.directory.path().join("store/blobs").read_dir().unwrap().next().is_some());

    world.write("scan.pdf", "replaced");
    let mut attachment = attachment;
    attachment.as_object_mut().unwrap().remove("size");
    world.write("a.json", bundle(&[patient("1"), document("1", 1, &attachment)]));
    assert!(matches!(only_reason(&world.load_all()), Error::Hash { .. }));
    assert!(world.bytes("1") == bytes, "what was stored stays");
}

#[test]
fn an_unenforceable_consent_is_stored_and_denies() {
    let world = World::new();
    let mut consent = opt_out("1");
    consent["provision"] = "whatever".into();
    world.write("a.json", bundle(&[patient("1"), document("1", 1, &inline(b"one")), consent]));
    let report = world.load_all();
    assert!(report.is_complete());
    assert_eq!(report.warnings.len(), 1);
    assert!(report.warnings[0].to_string().contains("entry 3: Consent/c1: "));
    assert!(world.released("1").is_empty());
}

#[test]
fn documents_are_no_resources() {
    let world = World::new();
    // a document that would be a loadable bundle, and one that is no FHIR at all
    let smuggled = bundle(&[patient("9")]);
    world.write("files/smuggled.json", &smuggled);
    world.write("files/plain.json", "{\"temperature\": 39}");
    let one = document("1", 1, &json!({"url": "../files/smuggled.json"}));
    let two = document("2", 2, &json!({"url": "../files/plain.json"}));
    world.write("sub/a.json", bundle(&[patient("1"), patient("2"), one, two]));
    let report = world.load_all();
    assert!(report.is_complete(), "{report:?}");
    assert!(subject(&world.store, "9").is_none());
    assert_eq!(world.bytes("1"), smuggled.as_bytes());
}

#[test]
fn a_document_entered_in_error_disappears() {
    let world = World::new();
    world.write("a.json", bundle(&[patient("1"), document("1", 1, &inline(b"one"))]));
    assert!(world.load_all().is_complete());
    let mut wrong = document("1", 1, &inline(b"one"));
    wrong["status"] = "entered-in-error".into();
    let path = world.write("b.json", wrong.to_string());
    assert_eq!(counts(&world.load(&path), "DocumentReference"), (0, 1, 0));
    assert!(world.released("1").is_empty());
    wrong["id"] = "d2".into();
    let path = world.write("b.json", wrong.to_string());
    assert!(matches!(only_reason(&world.load(&path)), Error::NothingToHide));
}

#[test]
fn ids_that_are_taken_are_refused() {
    let world = World::new();
    world.write("a.json", bundle(&[patient("1"), document("1", 1, &inline(b"one"))]));
    assert!(world.load_all().is_complete());
    let mut other = document("1", 1, &inline(b"other"));
    other["id"] = "d2".into();
    let path = world.write("b.json", other.to_string());
    assert!(matches!(only_reason(&world.load(&path)), Error::Conflict(_)));
    let mut renumbered = patient("2");
    renumbered["id"] = "p1".into();
    let path = world.write("c.json", renumbered.to_string());
    assert!(matches!(only_reason(&world.load(&path)), Error::HomeIdentifierGone));
    let mut second = patient("0");
    second["id"] = "p1".into();
    let kept = patient("1")["identifier"][0].clone();
    second["identifier"].as_array_mut().unwrap().push(kept);
    let path = world.write("c.json", second.to_string());
    assert!(world.load(&path).is_complete());
    let first = &subject(&world.store, "0").unwrap().identifiers[0];
    assert_eq!(first.id(), "1", "his entries carry this one");
    assert_eq!(world.released("1"), ["2.999.1.4.1.1"]);
}

#[test]
fn a_binary_that_is_there_twice_is_nobodys() {
    let world = World::new();
    let binary = |bytes: &[u8]| {
        json!({"resourceType": "Binary", "id": "b", "data": STANDARD.encode(bytes)}).to_string()
    };
    world.write("a.json", binary(b"one"));
    world.write("b.json", binary(b"two"));
    world.write("c.json", bundle(&[patient("1"), document("1", 1, &json!({"url": "Binary/b"}))]));
    assert!(matches!(only_reason(&world.load_all()), Error::AmbiguousBinary(_)));
    fs::remove_file(world.folder().join("b.json")).unwrap();
    assert!(world.load_all().is_complete());
    assert_eq!(world.bytes("1"), b"one");
}

#[test]
fn a_path_to_nothing_is_refused() {
    let world = World::new();
    let report = world.load(&world.folder().join("nothing"));
    assert!(matches!(only_reason(&report), Error::Unreadable(_)));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "[\\[\\]{}\":,a-zA-Z0-9 \n]{0,60}", kind in 0..4_usize) {
        let world = World::new();
        let types = ["Patient", "Consent", "DocumentReference", "Bundle"];
        let resource = json!({"resourceType": types[kind], "id": "x", "patient": text, "subject": text,
            "entry": text, "identifier": text, "content": text});
        world.write("a.ndjson", format!("{text}\n{resource}\n{}{text}\n", patient("1")));
        world.load_all();
    }
}
