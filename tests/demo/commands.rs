use std::fs;
use std::path::Path;

use serde_json::json;

use crate::program::{Run, configured, played, run};

fn check(config: &Path) -> Run {
    run(["check".as_ref(), "--config".as_ref(), config.as_os_str()])
}

/// The line, from 1, on which a file says something.
fn line_of(config: &Path, text: &str) -> usize {
    let whole = fs::read_to_string(config).unwrap();
    whole.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn check_prints_what_is_in_force_and_no_key() {
    let (directory, config) = configured(&[]);
    let printed = check(&config).succeeds();
    for expected in [
        "home_community_id = \"urn:oid:2.999.1\"",
        "longest_lifetime_s = 14400",
        "pki/gateway/tls.key",
    ] {
        assert!(printed.contains(expected), "{expected} is not in {printed}");
    }
    for key in ["gateway/tls.key", "partners/riverside/saml.key"] {
        let pem = fs::read_to_string(directory.path().join("pki").join(key)).unwrap();
        assert!(pem.lines().all(|line| !printed.contains(line)), "{key}");
    }
    // what it prints is a configuration again
    fs::write(&config, &printed).unwrap();
    assert_eq!(check(&config).succeeds(), printed);
}

#[test]
fn check_names_key_line_and_what_to_do() {
    let etreat = "etreat = \"treatment\"\n";
    let certificate = "certificate = \"pki/gateway/tls.crt\"";
    let key = "key = \"pki/gateway/tls.key\"";
    let issuer = "certificates = [\"pki/partners/riverside/saml.crt\"";
    for (from, to, at, expected) in [
        (
            etreat,
            "",
            "[[partner]]",
            "`partner[0].etreat`: is missing, and it has no default; ask the partner whether",
        ),
        (
            "clock_skew_s = 60",
            "clock_skews = 60",
            "clock_skews",
            "unknown field `clock_skews`, expected one of",
        ),
        (
            "etreat = \"treatment\"",
            "etreat = \"maybe\"",
            "maybe",
            "unknown variant `maybe`, expected",
        ),
        ("listen = ", "# listen = ", "[server]", "missing field `listen`"),
        (
            certificate,
            "certificate = \"pki/none.crt\"",
            "pki/none.crt",
            "`server.certificate`: cannot read",
        ),
        (
            certificate,
            "certificate = \"pki/gateway/tls.key\"",
            "certificate = \"pki/gateway/tls.key\"",
            "`server.certificate`: pki/gateway/tls.key holds no certificate; name a PEM file",
        ),
        (
            key,
            "key = \"pki/gateway/tls.crt\"",
            "key = \"pki/gateway/tls.crt\"",
            "`server.key`: pki/gateway/tls.crt holds no private key without a passphrase; name",
        ),
        (
            key,
            "key = \"pki/partners/hilltop/tls.key\"",
            certificate,
            "check that `server.key` belongs to the first certificate",
        ),
        (
            issuer,
            "certificates = [\"glassgate.toml\"",
            "[\"glassgate.toml\"",
            "`issuer[0].certificates`: glassgate.toml holds no certificate; name",
        ),
        ("[\"TREAT\", \"BTG\"]", "[\"TREET\"]", "TREET", "`TREET` is no code of HL7 ActReason"),
        ("= \"urn:oid:2.999.1\"", "= \"2.999.x\"", "2.999.x", "`community.home_community_id`: "),
    ] {
        let (_directory, config) = configured(&[(from, to)]);
        let told = check(&config).fails();
        let place = format!("{}:{}: ", config.display(), line_of(&config, at));
        assert!(told.contains(&place), "{to}: {place} is not in {told}");
        assert!(told.contains(expected), "{expected} is not in {told}");
        assert!(told.lines().all(|line| line.contains("; ")), "nothing to do in {told}");
    }
}

#[test]
fn check_tells_all_problems_at_once_and_what_is_unwise() {
    let (_directory, config) = configured(&[
        ("etreat = \"treatment\"\n", ""),
        ("etreat = \"break-glass\"\n", ""),
        ("certificate = \"pki/gateway/tls.crt\"", "certificate = \"none\""),
    ]);
    assert_eq!(check(&config).fails().lines().count(), 3);
    let missing = check("/nowhere/glassgate.toml".as_ref()).fails();
    assert!(missing.contains("/nowhere/glassgate.toml: No such file"), "{missing}");

    let tls = played().config.split("transport = \"tls\"").nth(1).unwrap();
    let tls = tls.split("[[issuer]]").next().unwrap();
    let udp = "transport = \"udp\"\nhost = \"127.0.0.1\"\nport = 514\n\n";
    let (_directory, config) = configured(&[(&format!("transport = \"tls\"{tls}"), udp)]);
    let run = check(&config);
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("UDP"), "{run:?}");
    run.succeeds();
}

#[test]
fn load_keeps_to_its_folder_and_tells_why() {
    let (directory, config) = configured(&[]);
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    let write = |name: &str, resource: serde_json::Value| {
        fs::write(data.join(name), resource.to_string()).unwrap();
    };
    write(
        "patient.json",
        json!({"resourceType": "Patient", "id": "p1",
               "identifier": [{"system": "urn:oid:2.999.1.3", "value": "P-1"}]}),
    );
    fs::write(directory.path().join("outside.txt"), "not to be served").unwrap();
    std::os::unix::fs::symlink("../outside.txt", data.join("link.txt")).unwrap();
    fs::write(data.join("inside.txt"), "to be served").unwrap();
    let reference = |id: &str, attachment: serde_json::Value| {
        let code = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code, "display": code}]});
        json!({
            "resourceType": "DocumentReference", "id": id, "status": "current",
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.1.4.1.1"},
            "subject": {"reference": "Patient/p1"},
            "type": code("http://loinc.org", "34133-9"),
            "category": [code("http://loinc.org", "26436-6")],
            "securityLabel": [code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
            "content": [{
                "attachment": attachment,
                "format": {"system": "urn:oid:1.3.6.1.4.1.19376.1.2.3", "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient", "display": "f"},
            }],
            "context": {
                "facilityType": code("http://snomed.info/sct", "22232009"),
                "practiceSetting": code("http://snomed.info/sct", "394802001"),
            },
        })
    };
    let load = || run(["load".as_ref(), "--config".as_ref(), config.as_os_str(), data.as_os_str()]);
    let outside = directory.path().join("outside.txt").display().to_string();
    for (url, why) in [
        ("../outside.txt", "leads out of the loaded folder: move the file into it"),
        ("link.txt", "leads out of the loaded folder"),
        (outside.as_str(), "is neither `Binary/<id>` nor a path relative"),
        ("file:///etc/passwd", "is neither `Binary/<id>` nor a path relative"),
        ("https://127.0.0.1/x", "is neither `Binary/<id>` nor a path relative"),
        ("nothing.txt", "is not a file"),
    ] {
        let attachment = json!({
            "contentType": "text/plain", "language": "en", "url": url,
            "creation": "2024-01-01T00:00:00Z",
        });
        write("document.json", reference("d1", attachment));
        let told = load().fails();
        assert!(told.contains("refused: ") && told.contains("document.json"), "{told}");
        assert!(told.contains(why), "{url}: {told}");
    }
    let inside = |more: (&str, serde_json::Value)| {
        let mut attachment = json!({
            "contentType": "text/plain", "language": "en", "url": "inside.txt",
            "creation": "2024-01-01T00:00:00Z",
        });
        attachment.as_object_mut().unwrap().insert(more.0.to_owned(), more.1);
        write("document.json", reference("d1", attachment));
    };
    inside(("size", 11.into()));
    assert!(load().fails().contains("size says 11, there are 12 bytes"));
    inside(("hash", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".into()));
    assert!(load().fails().contains("hash says AAAAAAAAAAAAAAAAAAAAAAAAAAA=, the bytes have"));
    inside(("size", 12.into()));
    let told = load().succeeds();
    assert!(told.contains("DocumentReference: 1 added, 0 updated, 0 unchanged"), "{told}");
    assert!(told.contains("Patient: 0 added, 0 updated, 1 unchanged"), "{told}");
    let told = load().succeeds();
    assert!(told.contains("DocumentReference: 0 added, 0 updated, 1 unchanged"), "{told}");
}

#[test]
fn help_is_worth_reading() {
    let overview = run(["--help"]).succeeds();
    for command in ["demo", "serve", "check", "load", "query", "retrieve", "assert"] {
        assert!(overview.contains(&format!("  {command}")), "{overview}");
        let help = run([command, "--help"]).succeeds();
        let (about, _) = help.split_once("Usage: ").unwrap();
        // what it does, and then more of it or an example
        assert!(about.trim().lines().count() >= 3, "{help}");
    }
    assert_eq!(run(["fly"]).code, Some(2));
}
