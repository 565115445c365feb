//! Clients that others wrote ask the running gateway: zeep, requests with signxml, curl, Node with xml-crypto.
//!
//! Each script in `tests/clients/` takes the gateway's URL and the PKI's folder, and prints one JSON line a case.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{event_type, kinds, run, shared};
use glassgate::demo::world::{PHYSICIAN, document_id};
use serde::Deserialize;

const SUCCESS: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success";

#[test]
fn zeep_asks_by_the_served_description() {
    check("zeep-user", &python("zeep_soap.py"));
}

#[test]
fn requests_asks_with_what_signxml_signed() {
    check("requests-user", &python("requests_signxml.py"));
}

#[test]
fn node_asks_with_what_xml_crypto_signed() {
    let modules = place("GLASSGATE_NODE_MODULES", "target/node/node_modules");
    assert!(modules.is_absolute(), "GLASSGATE_NODE_MODULES is to be an absolute path");
    let mut node = Command::new("node");
    check("node-user", &told(node.env("NODE_PATH", modules).arg(script("xml_crypto.js"))));
}

#[test]
fn curl_asks_with_assertions_from_files() {
    let folder = tempfile::tempdir().unwrap();
    for (purpose, file) in [("TREAT", "treat.xml"), ("BTG", "btg.xml")] {
        let mut glassgate = Command::new(env!("CARGO_BIN_EXE_glassgate"));
        glassgate.args(["assert", "--subject", "curl-user", "--role", PHYSICIAN.0]);
        glassgate.args(["--purpose", purpose, "--demo"]).arg(shared().stage.layout.root());
        std::fs::write(folder.path().join(file), output(&mut glassgate)).unwrap();
    }
    let mut curl = Command::new("bash");
    curl.arg(script("curl.sh"));
    check("curl-user", &told_with(&mut curl, &[folder.path()]));
}

/// What a script saw of one case.
#[derive(Debug, Deserialize)]
struct Sight {
    case: String,
    message_id: String,
    http: u16,
    status: Option<String>,
    /// SHA-1 by unique id: as the metadata say after a query, of the bytes after a retrieve.
    documents: Option<BTreeMap<String, String>>,
    /// The subcode's local name.
    fault: Option<String>,
}

/// The same cases for every client, each with its answer and its audit records.
fn check(user: &str, sights: &[Sight]) {
    let stored = stored();
    let mut by_treatment = stored.clone();
    by_treatment.retain(|id, _| ![document_id(1002, 5), document_id(1002, 6)].contains(id));
    let expected = [
        ("treat", Ok(&by_treatment), &[("ITI-38", "0")][..]),
        ("btg", Ok(&stored), &[("110127", "0"), ("ITI-38", "0")]),
        ("tampered", Err("FailedAuthentication"), &[("110122", "8")]),
        ("retrieve", Ok(&by_treatment), &[("ITI-39", "0")]),
        ("retrieve-btg", Ok(&stored), &[("110127", "0"), ("ITI-39", "0")]),
        ("retrieve-tampered", Err("FailedAuthentication"), &[("110122", "8")]),
    ];
    assert_eq!(sights.len(), expected.len(), "{sights:?}");
    for (sight, (case, answer, audit)) in sights.iter().zip(expected) {
        assert_eq!(sight.case, case);
        match answer {
            Ok(documents) => {
                assert_eq!((sight.http, sight.status.as_deref()), (200, Some(SUCCESS)), "{case}");
                assert_eq!(sight.documents.as_ref(), Some(documents), "{case}");
            }
            Err(fault) => {
                assert_eq!((sight.http, sight.fault.as_deref()), (400, Some(fault)), "{case}");
            }
        }
        let records = run(shared().records_of(&sight.message_id));
        let seen = kinds(&records);
        let seen: Vec<_> = seen.iter().map(|(kind, end)| (kind.as_str(), end.as_str())).collect();
        assert_eq!(seen, audit, "{case}: {records:#?}");
        assert!(records.iter().all(|record| record.contains(user)), "{case}: {records:#?}");
        let unverified = records.iter().any(|record| record.contains("unverified: subject"));
        assert_eq!(unverified, answer.is_err(), "{case}: {records:#?}");
        let overridden = records.iter().find(|record| event_type(record) == "110127");
        for (id, withheld) in stored.keys().map(|id| (id, !by_treatment.contains_key(id))) {
            let object = format!("ParticipantObjectID=\"{id}\"");
            let named = overridden.is_some_and(|record| record.contains(&object));
            assert_eq!(named, withheld && overridden.is_some(), "{case}: {overridden:?}");
        }
    }
}

/// SHA-1 of the six documents of P-1002, by unique id.
fn stored() -> BTreeMap<String, String> {
    let folder = shared().stage.layout.data().join("p1002/documents");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let hashed = files.map(|path| {
        let n = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let hash = openssl::sha::sha1(&std::fs::read(&path).unwrap());
        (document_id(1002, n), hash.iter().map(|byte| format!("{byte:02x}")).collect())
    });
    hashed.collect()
}

fn python(name: &str) -> Vec<Sight> {
    let mut python = Command::new(place("GLASSGATE_PYTHON", "target/python/bin/python"));
    told(python.env("PYTHONDONTWRITEBYTECODE", "1").arg(script(name)))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// What the variable says, or where `make test` puts it.
fn place(variable: &str, default: &str) -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join(default);
    std::env::var_os(variable).map_or_else(default, PathBuf::from)
}

fn told(client: &mut Command) -> Vec<Sight> {
    told_with(client, &[])
}

/// Runs a script and reads its lines. The environment names a wrong authority: clients are to trust what they say.
fn told_with(client: &mut Command, more: &[&Path]) -> Vec<Sight> {
    let pki = shared().stage.layout.pki();
    let wrong = pki.join("stranger/ca.crt");
    for variable in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"] {
        client.env(variable, &wrong);
    }
    let told = output(client.arg(&shared().stage.url).arg(&pki).args(more));
    told.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn output(command: &mut Command) -> String {
    let name: OsString = command.get_program().to_owned();
    let hint = "`make test` installs what clients need and says where it is";
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{name:?} does not run: {error}; {hint}"));
    let (told, errors) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed; {hint}:\n{errors}");
    String::from_utf8(told).unwrap()
}
