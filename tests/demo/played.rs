use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};
use serde_json::Value;

use crate::program::{all_between, played, tool};

const PHYSICIAN: &str = "309343006";
const NURSE: &str = "224535009";

/// Transaction, purpose, role, patient, outcome, audit.
type Step = (&'static str, &'static str, &'static str, &'static str, &'static str, Audit);
type Audit = &'static [&'static str];

/// The scenario as the demo promises it.
const STEPS: [Step; 17] = [
    ("ITI-38", "TREAT", PHYSICIAN, "P-1001", "all", &["ITI-38"]),
    ("ITI-38", "TREAT", PHYSICIAN, "P-1002", "as-treatment", &["ITI-38"]),
    ("ITI-38", "BTG", PHYSICIAN, "P-1002", "override", &["110127", "ITI-38"]),
    ("ITI-38", "BTG", NURSE, "P-1002", "as-treatment", &["110147", "ITI-38"]),
    ("ITI-38", "BTG", PHYSICIAN, "P-1003", "as-treatment", &["110147", "ITI-38"]),
    ("ITI-38", "BTG", PHYSICIAN, "P-1001", "no-effect", &["ITI-38"]),
    ("ITI-38", "ETREAT", PHYSICIAN, "P-1002", "as-treatment", &["ITI-38"]),
    ("ITI-38", "ETREAT", PHYSICIAN, "P-1002", "override", &["110127", "ITI-38"]),
    ("ITI-38", "TREAT", PHYSICIAN, "P-1004", "absent", &["ITI-38"]),
    ("ITI-38", "BTG", PHYSICIAN, "P-1004", "absent", &["110147", "ITI-38"]),
    ("ITI-38", "HPAYMT", PHYSICIAN, "P-1001", "refused", &["ITI-38"]),
    ("ITI-39", "TREAT", PHYSICIAN, "P-1002", "absent", &["ITI-39"]),
    ("ITI-39", "TREAT", PHYSICIAN, "P-1001", "delivered", &["ITI-39"]),
    ("ITI-38", "TREAT", PHYSICIAN, "P-1001", "fault", &["110122"]),
    ("ITI-38", "TREAT", PHYSICIAN, "P-1001", "fault", &["110122"]),
    ("ITI-38", "TREAT", PHYSICIAN, "P-1001", "fault", &["110122"]),
    ("ITI-38", "TREAT", PHYSICIAN, "P-1001", "fault", &["110122"]),
];

/// How many documents an outcome releases.
fn released(patient: &str, outcome: &str) -> std::ops::RangeInclusive<u32> {
    match (patient, outcome) {
        ("P-1001", "all" | "no-effect") => 1..=5,
        ("P-1001", "delivered") => 5..=5,
        (_, "as-treatment") => 1..=4,
        (_, "override") => 1..=6,
        _ => std::ops::RangeInclusive::new(1, 0),
    }
}

#[test]
fn the_scenario_is_told_in_one_json_object_a_step() {
    let lines: Vec<&str> = played().stdout.lines().collect();
    assert_eq!(lines.len(), STEPS.len());
    for ((line, n), step) in lines.into_iter().zip(1_u32..).zip(STEPS) {
        let told: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "step",
            "transaction",
            "purpose",
            "role",
            "patient",
            "expected",
            "outcome",
            "documents",
            "withheld_visible",
            "audit",
            "ms",
        ];
        assert_eq!(keys, expected);
        let (transaction, purpose, role, patient, outcome, audit) = step;
        let number = patient.trim_start_matches("P-");
        let documents: Vec<_> =
            released(patient, outcome).map(|n| format!("2.999.1.4.{number}.{n}")).collect();
        assert_eq!(told["step"], n);
        assert_eq!(told["transaction"], transaction, "{line}");
        assert_eq!((&told["purpose"], &told["role"]), (&purpose.into(), &role.into()), "{line}");
        assert_eq!(told["patient"], patient, "{line}");
        assert_eq!((&told["expected"], &told["outcome"]), (&outcome.into(), &outcome.into()));
        assert_eq!(told["documents"], Value::from(documents), "{line}");
        assert_eq!(told["withheld_visible"], outcome == "override", "{line}");
        assert_eq!(told["audit"], Value::from(audit.to_vec()), "{line}");
        assert!(told["ms"].is_u64(), "{line}");
    }
}

#[test]
fn the_directory_has_what_others_rely_on() {
    let world = &played().world;
    for name in ["glassgate.toml", "data", "audit/received.log", "ready.json", "pki/ca.crt"] {
        assert!(world.join(name).exists(), "{name}");
    }
    let leaf =
        |name: &str| (world.join(format!("pki/{name}.crt")), world.join(format!("pki/{name}.key")));
    for name in leaves() {
        let (certificate, key) = leaf(name);
        let mode = std::fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is readable by others");
        let key = PKey::private_key_from_pem(&std::fs::read(key).unwrap()).unwrap();
        if name.ends_with("saml-ec") {
            let curve = key.ec_key().unwrap().group().curve_name();
            assert_eq!(curve, Some(Nid::X9_62_PRIME256V1), "{name}");
        } else {
            assert_eq!((key.id(), key.bits()), (Id::RSA, 2048), "{name}");
        }
        let certificate = std::fs::read(certificate).unwrap();
        let certificate = openssl::x509::X509::from_pem(&certificate).unwrap();
        assert!(certificate.public_key().unwrap().public_eq(&key), "{name}");
    }
    let (gateway, _) = leaf("gateway/tls");
    let gateway = openssl::x509::X509::from_pem(&std::fs::read(gateway).unwrap()).unwrap();
    let names = gateway.subject_alt_names().unwrap();
    assert!(names.iter().any(|name| name.ipaddress() == Some(&[127, 0, 0, 1])));
    assert!(names.iter().any(|name| name.dnsname() == Some("localhost")));
}

fn leaves() -> [&'static str; 9] {
    [
        "gateway/tls",
        "partners/riverside/tls",
        "partners/riverside/saml",
        "partners/riverside/saml-ec",
        "partners/hilltop/tls",
        "partners/hilltop/saml",
        "partners/hilltop/saml-ec",
        "stranger/tls",
        "stranger/saml",
    ]
}

#[test]
fn every_certificate_passes_a_strict_reader() {
    let pki = played().world.join("pki");
    let verify = |authority: &str, name: &str| {
        // the environment may name other authorities
        let mut command = Command::new("openssl");
        command.args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile"]);
        command.arg(pki.join(authority)).arg(pki.join(name));
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        tool(&mut command)
    };
    for name in leaves() {
        let strange = name.starts_with("stranger/");
        let name = format!("{name}.crt");
        let (ours, theirs) = ("ca.crt", "stranger/ca.crt");
        let (issuer, other) = if strange { (theirs, ours) } else { (ours, theirs) };
        verify(issuer, &name).succeeds();
        assert_ne!(verify(other, &name).code, Some(0), "{name}");
    }
    verify("ca.crt", "ca.crt").succeeds();
}

#[test]
fn ready_json_names_the_listeners() {
    let ready = played().ready.as_object().unwrap();
    let keys: BTreeSet<_> = ready.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["url", "pid", "metrics", "syslog"]));
    let (url, config) = (ready["url"].as_str().unwrap(), &played().config);
    let address = url.strip_prefix("https://").unwrap();
    assert!(!address.ends_with(":8443") && address.starts_with("127.0.0.1:"), "{url}");
    assert!(config.contains(&format!("listen = \"{address}\"")), "{config}");
    assert!(ready["metrics"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(ready["syslog"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(ready["pid"].is_u64());
}

/// The records in the order in which they came.
fn records() -> Vec<&'static str> {
    let received = &played().received;
    assert!(received.ends_with('\n'));
    received.lines().collect()
}

fn of_type(code: &str) -> Vec<&'static str> {
    let typed = format!("<EventTypeCode csd-code=\"{code}\"");
    records().into_iter().filter(|record| record.contains(&typed)).collect()
}

#[test]
fn every_record_is_one_line_of_syslog_and_valid() {
    let directory = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = Vec::new();
    for record in records() {
        assert!(record.starts_with("<85>1 "), "{record}");
        let (head, xml) = record.split_once("<?xml").unwrap();
        assert_eq!(head.split(' ').count(), 8, "{head}");
        assert!(head.ends_with(" IHE+RFC-3881 - "), "{head}");
        let path = directory.path().join(format!("{}.xml", files.len()));
        std::fs::write(&path, format!("<?xml{xml}")).unwrap();
        files.push(path);
    }
    let schema = "fixtures/foreign/atna/dicom2017c.xsd";
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join(schema);
    let mut xmllint = Command::new("xmllint");
    tool(xmllint.args(["--nonet", "--noout", "--schema"]).arg(schema).args(files)).succeeds();
}

#[test]
fn the_record_of_a_break_glass_names_what_it_added() {
    let overrides = of_type("110127");
    assert_eq!(overrides.len(), 2);
    for record in overrides {
        let mut objects: Vec<_> = all_between(record, "ParticipantObjectID=\"", "\"")
            .into_iter()
            .filter(|id| id.starts_with("2.999.1.4."))
            .collect();
        objects.sort_unstable();
        assert_eq!(objects, ["2.999.1.4.1002.5", "2.999.1.4.1002.6"]);
        assert!(record.contains("ParticipantObjectID=\"P-1002^^^&amp;2.999.1.3&amp;ISO\""));
    }
}

#[test]
fn four_bad_assertions_have_four_true_reasons() {
    let reasons: Vec<String> = of_type("110122")
        .into_iter()
        .map(|record| {
            let description = all_between(record, "<EventOutcomeDescription>", ";");
            description[0].to_owned()
        })
        .collect();
    assert_eq!(
        reasons[..3],
        [
            "signature: the assertion is not what was signed",
            "signature: the assertion is not signed",
            "signature: the signature was not made by a key of the issuer",
        ]
    );
    assert!(reasons[3].starts_with("expired at ") && reasons.len() == 4, "{reasons:?}");
}

#[test]
fn all_is_recorded_from_start_to_stop() {
    let records = records();
    let position = |code: &str| {
        let typed = format!("<EventTypeCode csd-code=\"{code}\"");
        records.iter().position(|record| record.contains(&typed)).unwrap()
    };
    assert!(position("110120") < position("ITI-38"));
    assert_eq!(position("110121"), records.len() - 1);
    let numbers: Vec<u64> = records
        .iter()
        .map(|record| {
            let id = all_between(record, "record-id ", "<")[0];
            id.rsplit_once('/').unwrap().1.parse().unwrap()
        })
        .collect();
    // in order, none missing, none twice
    assert!(numbers.iter().copied().eq(1..=records.len() as u64), "{numbers:?}");
}
