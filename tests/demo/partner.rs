//! `glassgate partner`, as an operator uses it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use glassgate::audit::Journal;
use glassgate::clock::SystemRandom;
use glassgate::config;
use glassgate::demo::world::RIVERSIDE;

use crate::program::{Run, configured, glassgate, played, run, tool};

fn partner(command: &str, config: &Path, arguments: &[&str]) -> Run {
    let mut program = glassgate(["partner", command, "--config"]);
    Run::of(program.arg(config).args(arguments).output().unwrap())
}

/// The same with somebody who types.
fn typed(config: &Path, arguments: &[&str], lines: &str) -> Run {
    let mut program = glassgate(["partner", "add", "--config"]);
    program.arg(config).args(arguments);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Run::of(child.wait_with_output().unwrap())
}

/// A captured ITI-38 request of Riverside.
fn captured(folder: &Path, purpose: &str, audience: &str) -> String {
    let mut assert = glassgate(["assert", "--resource-id", "P-1001^^^&2.999.1.3&ISO", "--demo"]);
    assert.arg(&played().world).args(["--purpose", purpose, "--audience", audience]);
    let assertion = Run::of(assert.output().unwrap()).succeeds();
    let body = glassgate::client::Query::find_documents("P-1001^^^&2.999.1.3&ISO").body();
    let ask = glassgate::client::Ask {
        assertion: assertion.trim().to_owned(),
        message_id: "8bb1ef3c-4a86-4a2d-9a0c-6f0e3c1d2b11".to_owned(),
        to: None,
    };
    let action = glassgate::soap::action::QUERY;
    let path = folder.join("captured.xml");
    fs::write(&path, ask.envelope(action, "https://gateway.example/xca/query", &body)).unwrap();
    path.display().to_string()
}

/// A captured ITI-38 request of Riverside with two assertions, the second of which confirms the first one's user.
fn captured_pair(folder: &Path, patient: &str) -> String {
    let assert = |arguments: &[&str]| {
        let mut assert = glassgate(["assert", "--demo"]);
        let made = assert.arg(&played().world).args(arguments).output().unwrap();
        Run::of(made).succeeds().trim().to_owned()
    };
    let identity = assert(&[]);
    let id = identity.split(" ID=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let second = assert(&["--confirms", id, "--resource-id", patient]);
    let body = glassgate::client::Query::find_documents("P-1001^^^&2.999.1.3&ISO").body();
    let ask = glassgate::client::Ask {
        assertion: format!("{second}{identity}"),
        message_id: "8bb1ef3c-4a86-4a2d-9a0c-6f0e3c1d2b11".to_owned(),
        to: None,
    };
    let path = folder.join("captured.xml");
    let action = glassgate::soap::action::QUERY;
    fs::write(&path, ask.envelope(action, "https://gateway.example/xca/query", &body)).unwrap();
    path.display().to_string()
}

/// Settings that know the demo's own keys, with a journal of their own.
fn settings(folder: &Path) -> std::path::PathBuf {
    let world = fs::canonicalize(&played().world).unwrap();
    let text = played().config.replace("\"pki/", &format!("\"{}/pki/", world.display()));
    let path = folder.join("glassgate.toml");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_message_that_is_admitted_is_explained_and_nothing_of_it_shown_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let (config, message) =
        (settings(folder.path()), captured(folder.path(), "TREAT", "urn:oid:2.999.1"));
    let told = partner("test", &config, &[&message]).succeeds();
    for line in [
        "judged as sent by riverside",
        "ok       signature",
        "ok       audience",
        "ok       purpose of use",
        "ok       body",
        "The assertion says (verified):",
        "subject         ***",
        "would be admitted, from riverside",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(!told.contains("user-7") && !told.contains("P-1001") && !told.contains("TREAT@"));
    let shown = partner("test", &config, &[&message, "--show"]).succeeds();
    assert!(shown.contains("subject         user-7") && shown.contains("P-1001^^^&2.999.1.3&ISO"));

    // each look is on record, and nothing else is: no replay, no store
    let settings = config::read(&config).unwrap().journal;
    let journal = Journal::open(settings, &SystemRandom).unwrap();
    let records: Vec<String> = journal
        .after(0, 10)
        .unwrap()
        .into_iter()
        .map(|record| String::from_utf8(record.message.into()).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    for (record, values) in records.iter().zip(["masked", "shown"]) {
        assert!(record.contains("csd-code=\"110132\""), "{record}");
        let told = format!("would be admitted, from riverside; values {values}");
        assert!(record.contains(&told), "{record}");
        assert!(!record.contains("user-7"), "{record}");
    }
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["audit", "captured.xml", "glassgate.toml"]);
    let audit = fs::read_dir(folder.path().join("audit")).unwrap();
    assert!(audit.flatten().all(|e| !e.file_name().to_string_lossy().contains("replay")));
}

#[test]
fn a_message_that_is_refused_is_told_every_rule_it_breaks_and_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let (config, message) = (settings(folder.path()), captured(folder.path(), "TREAT", "urn:x"));
    let told = partner("test", &config, &[&message, "--at", "2026-01-01T00:00:00Z"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    for line in [
        "ok       signature",
        "REFUSED  IssueInstant: issued at",
        "(not-yet-valid)",
        "REFUSED  audience: meant for another audience: urn:x (audience)",
        "to mend it: the issuer names us, or the partner's `audiences` get what it writes",
        "ok       homeCommunityId",
        "The assertion says (UNVERIFIED):",
        "would be refused, from riverside: issued-in-future",
    ] {
        assert!(told.stdout.contains(line), "{line} is not in {}", told.stdout);
    }
    assert!(!told.stdout.contains("purpose of use"), "what was not reached is not told");

    // what a trusted key vouches for is verified, though its purpose was not agreed
    let message = captured(folder.path(), "HPAYMT", "urn:oid:2.999.1");
    let told = partner("test", &config, &[&message]);
    for line in ["The assertion says (verified):", "from riverside: outside-agreement"] {
        assert!(told.stdout.contains(line), "{line} is not in {}", told.stdout);
    }
    let told = partner("test", &config, &[&message, "--client", "riverside"]).fails();
    assert!(told.contains("cannot read riverside: "), "{told}");

    // who sent it counts, as in the gateway
    let message = captured(folder.path(), "TREAT", "urn:oid:2.999.1");
    let client = played().world.join("pki/partners/hilltop/tls.crt");
    let told = partner("test", &config, &[&message, "--client", client.to_str().unwrap()]);
    assert_eq!(told.code, Some(1));
    assert!(told.stdout.contains("(issuer-not-listed)"), "{}", told.stdout);
    // a purpose is an attribute's value: it is named on demand alone
    let message = captured(folder.path(), "HRESCH", "urn:oid:2.999.1");
    let told = partner("test", &config, &[&message]);
    assert!(told.stdout.contains("(outside-agreement)"), "{}", told.stdout);
    assert!(!told.stdout.contains("HRESCH"), "{}", told.stdout);
    let told = partner("test", &config, &[&message, "--show"]);
    assert!(told.stdout.contains("purpose of use HRESCH is outside"), "{}", told.stdout);
    let nothing = folder.path().join("nothing");
    fs::write(&nothing, "").unwrap();
    let told = partner("test", &config, &[nothing.to_str().unwrap()]).fails();
    assert!(told.contains("nothing is no SOAP message: ") && !told.contains("--client"), "{told}");
    fs::write(&nothing, "<Envelope/>").unwrap();
    let told = partner("test", &config, &[nothing.to_str().unwrap()]).fails();
    assert!(told.contains("its first element is no SOAP 1.2 Envelope; name an"), "{told}");
    let message = fs::read_to_string(captured(folder.path(), "TREAT", "urn:oid:2.999.1")).unwrap();
    fs::write(&nothing, message.replace(RIVERSIDE.issuer, "https://sts.nobody.example")).unwrap();
    let told = partner("test", &config, &[nothing.to_str().unwrap()]).fails();
    assert!(
        told.contains("no partner may bring assertions of https://sts.nobody.example"),
        "{told}"
    );
    assert!(told.contains("name the TLS client certificate that it came with, --client"), "{told}");

    // a parameter's name is no secret
    let without = message.replace("$XDSDocumentEntryStatus", "$XDSDocumentEntryStatuz");
    assert_ne!(without, message);
    fs::write(&nothing, without).unwrap();
    let told = partner("test", &config, &[nothing.to_str().unwrap()]);
    assert_eq!(told.code, Some(1), "{told:?}");
    let named = "$XDSDocumentEntryStatus is required and has no value that is understood";
    assert!(told.stdout.contains(named), "{}", told.stdout);
}

#[test]
fn the_demo_keeps_messages_to_try_it_with() {
    let folder = tempfile::tempdir().unwrap();
    let config = settings(folder.path());
    for (name, verdict) in [
        ("admitted", "would be admitted, from riverside"),
        ("not-agreed", "would be refused, from riverside: outside-agreement"),
        ("tampered", "would be refused, from riverside: digest-mismatch"),
        ("unsigned", "would be refused, from riverside: unsigned"),
        ("stranger", "would be refused, from riverside: signature-mismatch"),
        ("expired", "would be refused, from riverside: expired"),
    ] {
        let message = played().world.join(format!("captured/{name}.xml"));
        let told = partner("test", &config, &[message.to_str().unwrap()]);
        assert!(told.stdout.contains(verdict), "{verdict} is not in {told:?}");
        let as_of_now = told.stdout.contains("--at, with the time when it came");
        assert_eq!(as_of_now, name == "expired", "{told:?}");
    }
}

#[test]
fn both_of_two_assertions_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let config = settings(folder.path());
    let message = captured_pair(folder.path(), "P-1001^^^&2.999.1.3&ISO");
    let told = partner("test", &config, &[&message]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stdout.contains("(several-assertions)"), "{}", told.stdout);

    let issuers = format!("issuers = [\"{}\"]\n", RIVERSIDE.issuer);
    let required = format!("{issuers}treatment_relationship = \"require\"\nrelationship_{issuers}");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&issuers));
    fs::write(&config, text.replacen(&issuers, &required, 1)).unwrap();
    let told = partner("test", &config, &[&message]).succeeds();
    for line in [
        "ok       as many assertions as agreed, signed in the allowed shape",
        "ok       identity: signature",
        "ok       treatment relationship: signature",
        "ok       treatment relationship: names the identity assertion and agrees with it",
        "ok       identity: audience",
        "ok       treatment relationship: audience",
        "Assertion 1 says (verified):",
        "Assertion 2 says (verified):",
        "would be admitted, from riverside",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(!told.contains("P-1001"), "{told}");
    let shown = partner("show", &config, &["riverside"]).succeeds();
    assert!(shown.contains("resource_id = \"require\""), "{shown}");
    assert!(shown.contains("relationship_lifetime_s = 7200"), "{shown}");

    let nobody = captured_pair(folder.path(), "P-1001^^^&2.999.1.3&ISO").replace("captured", "c");
    let text = fs::read_to_string(folder.path().join("captured.xml")).unwrap();
    fs::write(&nobody, text.replacen("P-1001", "P-1002", 1)).unwrap();
    let told = partner("test", &config, &[&nobody]);
    assert_eq!(told.code, Some(1));
    for line in [
        "ok       identity: signature",
        "REFUSED  treatment relationship: signature: ",
        "(digest-mismatch)",
        "Assertion 2 says (UNVERIFIED):",
    ] {
        assert!(told.stdout.contains(line), "{line} is not in {}", told.stdout);
    }
}

#[test]
fn partners_are_listed_and_shown() {
    let (_directory, config) = configured(&[]);
    let listed = partner("list", &config, &[]).succeeds();
    let lines: Vec<_> = listed.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[1][..3], ["riverside", "urn:oid:2.999.2", RIVERSIDE.issuer]);
    assert_eq!(lines[2].last(), Some(&"break-glass"));
    let json = partner("list", &config, &["--json"]).succeeds();
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["purposes"], serde_json::json!(["TREAT", "BTG"]));
    let shown = partner("show", &config, &["hilltop"]).succeeds();
    for text in [
        "resource_id = \"compare\"",
        "name = \"https://sts.hilltop.example\"",
        "tls_certificates pki/partners/hilltop/tls.crt",
        "CN=sts-ec.hilltop.example",
        "SHA-256 ",
    ] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    assert!(!shown.contains("riverside"), "{shown}");
    let told = partner("show", &config, &["nobody"]).fails();
    assert!(told.contains("there are: riverside, hilltop"), "{told}");
}

#[test]
fn a_partner_is_added_by_answers_or_by_flags_and_only_if_all_is_well() {
    let (directory, config) = configured(&[]);
    let before = fs::read_to_string(&config).unwrap();
    fs::copy(
        directory.path().join("pki/stranger/tls.crt"),
        directory.path().join("pki/lakeview.crt"),
    )
    .unwrap();
    let flags =
        ["--name", "lakeview", "--home", "2.999.7", "--issuer", "https://sts.lakeview.example"];
    // what is missing is asked for, and asked again where it cannot be read
    let lines = "atlantis\nnone\npki/gone.crt\npki/lakeview.crt\npki/stranger/saml.crt\nmaybe\ntreatment\nTREAT; BTG\n309343006\n";
    let declined = typed(&config, &flags, &format!("{lines}n\n"));
    assert_eq!(declined.code, Some(1), "{declined:?}");
    for asked in [
        "us, norway, switzerland, ",
        "none [none]: ",
        "`atlantis` is no network",
        "there is no file pki/gone.crt",
        "`maybe` is neither",
    ] {
        assert!(declined.stderr.contains(asked), "{asked} is not in {}", declined.stderr);
    }
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    let added = typed(&config, &flags, &format!("{lines}y\n")).succeeds();
    assert!(added.contains("home_community_ids = [\"urn:oid:2.999.7\"]"), "{added}");
    let after = fs::read_to_string(&config).unwrap();
    assert!(after.starts_with(&before), "what was there stays");
    assert!(partner("list", &config, &[]).succeeds().contains("lakeview"));

    // taken names, and keys that are another's, are refused and leave all as it is
    let told = typed(&config, &flags, "").fails();
    assert!(told.contains("--name: `lakeview` is taken"), "{told}");
    let stolen = [
        "--name",
        "thief",
        "--home",
        "2.999.8",
        "--issuer",
        RIVERSIDE.issuer,
        "--profile",
        "norway",
        "--tls-certificate",
        "pki/partners/riverside/tls.crt",
        "--yes",
    ];
    // no network, as nothing is asked: then what a network would say is needed
    let alone: Vec<_> =
        stolen.iter().copied().filter(|a| !["--profile", "norway"].contains(a)).collect();
    let told = typed(&config, &alone, "").fails();
    assert!(
        told.contains("--etreat is missing, and --yes asks nothing: What it means by"),
        "{told}"
    );
    assert!(!told.contains("Network whose habits"), "{told}");
    let known = [&stolen[..], &["--issuer-certificate", "pki/ca.crt"]].concat();
    let told = typed(&config, &known, "").fails();
    assert!(told.contains("has an [[issuer]] `https://sts.riverside.example` already"), "{told}");
    let told = typed(&config, &stolen, "").fails();
    assert!(told.contains("a certificate is `riverside`'s too"), "{told}");
    assert_eq!(fs::read_to_string(&config).unwrap(), after);
    // by flags alone, of a network, with an issuer by CA; a file below the folder is named as from there
    let certificate = directory.path().join("pki/stranger/saml.crt");
    let whole = [
        "--name",
        "us-partner",
        "--home",
        "2.999.9",
        "--profile",
        "us",
        "--tls-certificate",
        certificate.to_str().unwrap(),
        "--issuer",
        "https://sts.us.example",
        "--issuer-root",
        "pki/ca.crt",
        "--issuer-subject",
        "CN=sts.us.example, O=us",
        "--yes",
    ];
    let told = typed(&config, &[&whole[..], &["--issuer-certificate", "pki/ca.crt"]].concat(), "");
    assert_eq!(told.code, Some(2), "one kind of trust: {told:?}");
    let told = typed(&config, &whole, "").succeeds();
    assert!(told.contains("tls_certificates = [\"pki/stranger/saml.crt\"]"), "{told}");
    let shown = partner("show", &config, &["us-partner"]).succeeds();
    assert!(shown.contains("trust = \"ca\"") && shown.contains("2.16.840.1.113883.3.18.7.1"));
    // a country of eHDSI, whose contact point signs with the same certificate
    let country = [
        "--name",
        "country",
        "--home",
        "2.999.10",
        "--profile",
        "ehdsi",
        "--tls-certificate",
        "pki/gateway/tls.crt",
        "--issuer",
        "urn:idp:XX:countryB",
        "--issuer-certificate",
        "pki/gateway/tls.crt",
        "--yes",
    ];
    let told = typed(&config, &country, "").fails();
    assert!(told.contains("--relationship-issuer is missing"), "{told}");
    let whole = [&country[..], &["--relationship-issuer", "urn:initgw:XX:countryB"]].concat();
    let twice = [&country[..], &["--relationship-issuer", RIVERSIDE.issuer]].concat();
    let twice = [&twice[..], &["--relationship-certificate", "pki/gateway/tls.crt"]].concat();
    let told = typed(&config, &twice, "").fails();
    assert!(told.contains("already: leave --relationship-certificate out"), "{told}");
    typed(&config, &whole, "").succeeds();
    let shown = partner("show", &config, &["country"]).succeeds();
    for text in [
        "name = \"urn:initgw:XX:countryB\"",
        "relationship_issuers = [\"urn:initgw:XX:countryB\"]",
        "relationship_qualifier = \"urn:ehdsi:assertions:trc\"",
        "treatment_relationship = \"require\"",
        "resource_id = \"require\"",
    ] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    assert_eq!(shown.matches("certificates pki/gateway/tls.crt").count(), 3, "{shown}");
    // a network that knows of one assertion alone: its second one was agreed beside
    let beside = [
        "--name",
        "beside",
        "--home",
        "2.999.11",
        "--profile",
        "norway",
        "--tls-certificate",
        "pki/receiver/tls.crt",
        "--issuer",
        "urn:idp:XX:countryB",
        "--relationship-issuer",
        "urn:initgw:XX:countryB",
        "--yes",
    ];
    typed(&config, &beside, "").succeeds();
    let shown = partner("show", &config, &["beside"]).succeeds();
    assert!(shown.contains("treatment_relationship = \"require\""), "{shown}");
    let left = fs::read_dir(directory.path()).unwrap();
    assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".new")));
    let checked = run(["check".as_ref(), "--config".as_ref(), config.as_os_str()]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

#[test]
fn an_added_partner_takes_the_configuration_from_nobody() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    let (directory, config) = configured(&[]);
    // the settings lie elsewhere, as where a volume is mounted, and relative paths count from the link
    let elsewhere = directory.path().join("volume");
    fs::create_dir(&elsewhere).unwrap();
    let real = elsewhere.join("settings.toml");
    fs::rename(&config, &real).unwrap();
    symlink("volume/settings.toml", &config).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    // only root may give a file away
    let given = chown(&real, Some(12_345), Some(12_346)).is_ok();
    let before = fs::metadata(&real).unwrap();
    assert!(!given || before.uid() == 12_345);
    let flags = [
        "--name",
        "lakeview",
        "--home",
        "2.999.7",
        "--issuer",
        "https://sts.lakeview.example",
        "--profile",
        "norway",
        "--tls-certificate",
        "pki/stranger/tls.crt",
        "--issuer-certificate",
        "pki/stranger/saml.crt",
        "--yes",
    ];
    typed(&config, &flags, "").succeeds();
    assert!(fs::symlink_metadata(&config).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("lakeview"));
    let after = fs::metadata(&real).unwrap();
    let whose = |one: &fs::Metadata| (one.uid(), one.gid(), one.mode());
    assert_eq!(whose(&after), whose(&before));
    for folder in [directory.path(), &elsewhere] {
        let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".new")));
    }
}

#[test]
fn a_hangup_has_the_settings_read_anew() {
    let (_directory, config) = configured(&[]);
    let mut text = fs::read_to_string(&config).unwrap();
    for key in ["listen", "management"] {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap();
        text = text.replace(&line.to_owned(), &format!("{key} = \"127.0.0.1:0\""));
    }
    fs::write(&config, &text).unwrap();
    let mut command = glassgate(["serve", "--config"]);
    let mut child = command.arg(&config).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut says = |what: &str| lines.by_ref().any(|line| line.contains(what));
    let signal = |name: &str| tool(Command::new("kill").args([name, &pid])).succeeds();
    assert!(says("ready"));
    signal("-HUP");
    assert!(says("settings adopted"));
    fs::write(&config, text.replace("etreat = \"treatment\"", "etreat = \"maybe\"")).unwrap();
    signal("-HUP");
    assert!(says("settings refused, the former stay"));
    signal("-TERM");
    assert!(says("stopped"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
