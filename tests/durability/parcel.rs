//! What `glassgate load` brings: Bundles of a patient's documents, and what was acknowledged of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::client::Client;
use glassgate::demo::world::{AUTHORITY, document_id};
use glassgate::xds::Status;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::house::House;
use crate::questions::{Ending, Question, find};

/// Documents of a Bundle: some lie in SQLite, one in a file.
const PAPERS: u32 = 3;
/// The largest document that one retrieve of a check may have beside others; more than any has that lies in SQLite.
const LARGE: std::ops::Range<u64> = 65_537..400_000;

/// A document.
#[derive(Debug, Clone)]
pub(crate) struct Paper {
    pub(crate) unique_id: String,
    pub(crate) sha1_hex: String,
}

/// A folder to be loaded: one patient, and his documents in Bundles.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) folder: PathBuf,
    pub(crate) patient: u32,
    pub(crate) bundles: Vec<Vec<Paper>>,
}

impl Parcel {
    /// Writes so many Bundles of a patient whom nobody else uses.
    pub(crate) fn write(root: &Path, patient: u32, bundles: u32, chance: &mut Chance) -> Self {
        let folder = root.join(format!("parcel-{patient}"));
        std::fs::create_dir_all(&folder).unwrap();
        let bundle = |bundle: u32| {
            let mut entries = vec![person(patient)];
            let mut papers = Vec::new();
            for n in bundle * PAPERS + 1..=(bundle + 1) * PAPERS {
                let large = n % PAPERS == 0;
                let size =
                    if large { LARGE.start + chance.below(LARGE.end - LARGE.start) } else { 2_000 };
                let bytes = chance.bytes(size);
                let attachment = if large {
                    let name = format!("{n}.bin");
                    std::fs::write(folder.join(&name), &bytes).unwrap();
                    json!({"url": name})
                } else {
                    json!({"data": STANDARD.encode(&bytes)})
                };
                entries.push(document(patient, n, attachment));
                papers.push(paper(patient, n, &bytes));
            }
            write_bundle(&folder.join(format!("{bundle:03}.json")), &entries);
            papers
        };
        let bundles = (0..bundles).map(bundle).collect();
        Self { folder, patient, bundles }
    }

    /// Writes one Bundle with a document of each of these sizes.
    pub(crate) fn of_sizes(root: &Path, patient: u32, sizes: &[u64], chance: &mut Chance) -> Self {
        let folder = root.join(format!("parcel-{patient}"));
        std::fs::create_dir_all(&folder).unwrap();
        let (mut entries, mut papers) = (vec![person(patient)], Vec::new());
        for (n, size) in (1..).zip(sizes) {
            let (name, bytes) = (format!("{n}.bin"), chance.bytes(*size));
            std::fs::write(folder.join(&name), &bytes).unwrap();
            entries.push(document(patient, n, json!({"url": name})));
            papers.push(paper(patient, n, &bytes));
        }
        write_bundle(&folder.join("all.json"), &entries);
        Self { folder, patient, bundles: vec![papers] }
    }

    /// Loads it whole.
    pub(crate) fn load(&self, house: &House) {
        let mut command = house.command("load");
        assert!(command.arg(&self.folder).status().unwrap().success());
    }

    /// Loads it; killed after that time, if one is given. Says whether all of it was acknowledged.
    pub(crate) fn load_within(&self, house: &House, kill_after: Option<Duration>) -> bool {
        let mut command = house.command("load");
        let mut child = command.arg(&self.folder).spawn().unwrap();
        if let Some(time) = kill_after {
            std::thread::sleep(time);
            child.kill().unwrap();
        }
        child.wait().unwrap().success()
    }

    /// Every Bundle shows wholly or not at all, all of them where the load was acknowledged, and what shows can be
    /// retrieved bit for bit. Gives how many documents show.
    pub(crate) async fn holds(&self, house: &House, client: &Client, acknowledged: bool) -> usize {
        let answer = find(client, &house.signer, self.patient).await;
        assert_eq!(answer.status, Status::Success);
        let mut left: Vec<_> = answer.documents.iter().map(|entry| &entry.unique_id).collect();
        let mut shown = Vec::new();
        for bundle in &self.bundles {
            let here: Vec<_> = bundle.iter().filter(|p| left.contains(&&p.unique_id)).collect();
            let whole = here.len() == bundle.len();
            assert!(whole || here.is_empty(), "half a Bundle of {}", self.patient);
            assert!(whole || !acknowledged, "{} lacks a Bundle", self.patient);
            left.retain(|id| !bundle.iter().any(|paper| paper.unique_id == **id));
            shown.extend(here.into_iter().cloned());
        }
        assert_eq!(left, Vec::<&String>::new(), "nobody loaded these");
        for some in shown.chunks(50) {
            let told = Question::of(some).ask(client, &house.signer).await;
            assert_eq!(told.ending, Ending::Answered);
        }
        shown.len()
    }

    /// All documents.
    pub(crate) fn papers(&self) -> Vec<Paper> {
        self.bundles.concat()
    }
}

fn paper(patient: u32, n: u32, bytes: &[u8]) -> Paper {
    let sha1 = openssl::sha::sha1(bytes);
    let sha1_hex = sha1.iter().map(|byte| format!("{byte:02x}")).collect();
    Paper { unique_id: document_id(patient, n), sha1_hex }
}

fn write_bundle(path: &Path, entries: &[Value]) {
    let entries: Vec<_> = entries.iter().map(|resource| json!({"resource": resource})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    std::fs::write(path, bundle.to_string()).unwrap();
}

fn person(patient: u32) -> Value {
    let system = format!("urn:oid:{AUTHORITY}");
    json!({
        "resourceType": "Patient",
        "id": format!("p{patient}"),
        "identifier": [{"system": system, "value": format!("P-{patient}")}],
    })
}

fn document(patient: u32, n: u32, mut attachment: Value) -> Value {
    attachment["contentType"] = json!("application/octet-stream");
    attachment["creation"] = json!("2026-03-01T09:00:00Z");
    let unique_id = format!("urn:oid:{}", document_id(patient, n));
    json!({
        "resourceType": "DocumentReference",
        "id": format!("d{patient}-{n}"),
        "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": unique_id},
        "subject": {"reference": format!("Patient/p{patient}")},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3", "display": "Note"}]},
        "securityLabel": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N",
        }]}],
        "content": [{"attachment": attachment}],
    })
}
