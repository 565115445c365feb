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
    let implicit = "implicit = \"permit-treatment\"";
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
        (
            implicit,
            "implicit = \"sometimes\"",
            "sometimes",
            "`consent.implicit`: `sometimes` is no implicit policy; write permit-treatment",
        ),
        (
            implicit,
            "implicit = \"deny\"\nbtg_overrides_opt_out = true",
            "btg_overrides_opt_out",
            "`consent.btg_overrides_opt_out`: contradicts `implicit`",
        ),
        (
            "[repository]",
            "[[consent.party]]\nreference = \"Group/g\"\n\n[repository]",
            "Group/g",
            "`consent.party[0].reference`: means nobody; add `organizations`, `providers` or",
        ),
        ("[\"TREAT\", \"BTG\"]", "[\"TREET\"]", "TREET", "`TREET` is no code of HL7 ActReason"),
        ("= \"urn:oid:2.999.1\"", "= \"2.999.x\"", "2.999.x", "`community.home_community_id`: "),
        (
            "[break_glass]\n",
            "[break_glass]\nreview_due_h = 0\n",
            "review_due_h",
            "`break_glass.review_due_h`: is out of range; write a number of hours from 1 to",
        ),
        (
            "[[operator]]\n",
            "[[operator]]\naccount = \"\"\n\n[[operator]]\n",
            "account = \"\"",
            "`operator[0].account`: is empty; write an account of this machine",
        ),
        (
            etreat,
            "etreat = \"treatment\"\nbreak_glass = { telling_code = \"XDSRegistryError\" }\n",
            "telling_code",
            "`partner[0].break_glass.telling_code`: says how, but nothing is told; write telling",
        ),
        (
            etreat,
            "etreat = \"treatment\"\nbreak_glass = { rationale_characters = 0 }\n",
            "rationale_characters",
            "`partner[0].break_glass.rationale_characters`: is out of range; write a number from 1",
        ),
        (
            "system = \"2.16.840.1.113883.6.96\"",
            "system = \"SNOMED\"",
            "SNOMED",
            "`partner[0].break_glass_roles`: `SNOMED` is neither an OID nor a URI; write the code system's",
        ),
        (
            "journal = \"audit/journal\"",
            "journal = \"store/journal\"",
            "store/journal",
            "`audit.journal`: store/journal and the store, store, lie in one another; give each a",
        ),
        (
            "host = \"127.0.0.1\"",
            "host = \"127.0.0.1:6514\"",
            "127.0.0.1:6514",
            "`audit.target[0].host`: is no host; write a name or an IP address alone",
        ),
        (
            "server_name = \"localhost\"\nca = \"pki/ca.crt\"\ncertificate = \"pki/gateway/tls.crt\"",
            "server_name = \"localhost\"\nca = \"pki/ca.crt\"\ncertificate = \"pki/stranger/tls.crt\"",
            "pki/stranger/tls.crt",
            "`audit.target[0].certificate`: is another's than the key; check that `audit.target[0].key` belongs",
        ),
        (
            "public_url = \"https://",
            "public_url = \"https://gateway.example/xca/query\" # ",
            "gateway.example",
            "`server.public_url`: is the address of a transaction; leave /xca/query and",
        ),
        (
            "public_url = \"https://",
            "public_url = \"https://gate way/\" # ",
            "gate way",
            "`server.public_url`: is no address that can be added to; write https://, the host",
        ),
        (
            "transport = \"tls\"",
            "transport = \"udp\"",
            "server_name = ",
            "`audit.target[0].ca`: has no meaning with transport = \"udp\"; write transport = \"tls\"",
        ),
        (
            "etreat = \"treatment\"",
            "etreat = treatment",
            "etreat = treatment",
            "write it as TOML: texts in quotes; see docs/configuration.md",
        ),
        (
            "name = \"demo-receiver\"",
            "name = \" \"",
            "name = \" \"",
            "`audit.target[0].name`: is empty; write a short name",
        ),
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

    // also where some are slips of the pen
    let (_directory, config) = configured(&[
        ("clock_skew_s = 60", "clock_skews = 60"),
        ("directory = \"store\"", "directory = \"store\"\nreeders = 4"),
    ]);
    let told = check(&config).fails();
    for slip in ["unknown field `clock_skews`", "unknown field `reeders`"] {
        assert!(told.contains(slip), "{slip} is not in {told}");
    }

    let listen = played().config.lines().find(|line| line.starts_with("listen = ")).unwrap();
    let management = played().config.lines().find(|line| line.starts_with("management = "));
    let taken = listen.replace("listen", "management");
    let account = format!("account = \"{}\"", glassgate::config::account());
    let (_directory, config) = configured(&[(management.unwrap(), &taken)]);
    let told = check(&config).fails();
    assert!(
        told.contains("`server.management`: ") && told.contains("is taken by `listen`"),
        "{told}"
    );

    let (_directory, config) = configured(&[(&account, "account = \"nobody-here\"")]);
    let run = check(&config);
    let warning =
        "warning: operator `nobody-here` is no account in /etc/passwd, so nobody is meant";
    assert!(run.stderr.contains(warning), "{run:?}");
    run.succeeds();
    let missing = check("/nowhere/glassgate.toml".as_ref()).fails();
    assert!(missing.contains("/nowhere/glassgate.toml: No such file"), "{missing}");

    // what overrides patients is told; every setting of consent is taken
    let consent = "implicit = \"https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only\"\n\
                   btg_overrides_opt_out = true\nhonour_patient_btg_ban = false\n\
                   btg_overrides_unenforceable = false\nconflicts = \"most-recent\"\n\
                   authorities = [\"https://law.example\"]\n\n\
                   [[consent.party]]\nreference = \"Group/g\"\n\
                   roles = [{ code = \"309343006\", system = \"2.16.840.1.113883.6.96\" }]\n";
    let ceiling = "implicit = \"permit-treatment\"\nbreak_glass_ceiling = \"R\"\n";
    let (_directory, config) = configured(&[(ceiling, consent)]);
    let run = check(&config);
    for switch in ["btg_overrides_opt_out", "honour_patient_btg_ban"] {
        assert!(run.stderr.contains(&format!("warning: `consent.{switch}`: ")), "{run:?}");
    }
    run.succeeds();

    let tls = played().config.split("transport = \"tls\"").nth(1).unwrap();
    let tls = tls.split("[[issuer]]").next().unwrap();
    let udp = "transport = \"udp\"\nhost = \"127.0.0.1\"\nport = 514\n\n";
    let (_directory, config) = configured(&[(&format!("transport = \"tls\"{tls}"), udp)]);
    let run = check(&config);
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("UDP"), "{run:?}");
    run.succeeds();
}

#[test]
fn check_warns_of_what_would_surprise() {
    let listed = |start: &str| {
        played().config.lines().find(|line| line.starts_with(start)).unwrap().to_owned()
    };
    let (listen, url) = (listed("listen = "), listed("public_url = "));
    let everywhere = listen.replace("127.0.0.1", "0.0.0.0");
    let changes: [(&[(&str, &str)], &str); 4] = [
        (
            &[("client_ca = \"pki/ca.crt\"", "client_ca = \"pki/stranger/tls.crt\"")],
            "warning: partner[1].tls_certificates: certificate O=hilltop, CN=gateway.hilltop.example: ",
        ),
        (
            &[
                ("etreat = \"treatment\"", "etreat = \"break-glass\""),
                ("[\"TREAT\", \"BTG\"]", "[\"TREAT\"]"),
            ],
            "warning: partner `riverside` means break-glass by ETREAT, and BTG is not agreed",
        ),
        (
            &[("[break_glass]\n", "[break_glass]\nwithheld_sensitivities = [\"PSYTHPM\"]\n")],
            "warning: `break_glass.withheld_sensitivities`: `PSYTHPM` is no sensitivity",
        ),
        (&[(&listen, &everywhere), (&url, "")], "warning: `server.public_url` is missing, and "),
    ];
    for (changes, warning) in changes {
        let (_directory, config) = configured(changes);
        let run = check(&config);
        assert!(run.stderr.contains(warning), "{warning} is not in {run:?}");
        run.succeeds();
        let (_directory, config) = configured(&[]);
        assert!(!check(&config).stderr.contains(warning), "{warning} without cause");
    }
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
fn consent_check_says_which_cannot_be_enforced_and_why() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/consent");
    let check = |path: &Path| run(["consent".as_ref(), "check".as_ref(), path.as_os_str()]);
    let told = check(&fixtures.join("accept/p1002.json")).succeeds();
    assert!(told.contains("p1002.json: Consent/"), "{told}");
    assert!(told.trim_end().ends_with("it can be enforced"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let draft = folder.path().join("draft.json");
    let text = std::fs::read_to_string(fixtures.join("accept/p1002.json")).unwrap();
    std::fs::write(&draft, text.replace("\"active\"", "\"draft\"")).unwrap();
    let told = check(&draft).succeeds();
    assert!(told.contains("(set-aside): it decides nothing"), "{told}");
    let unread = folder.path().join("unread.json");
    std::fs::write(&unread, text.replace("v3-Confidentiality", "v3-Confidential")).unwrap();
    let told = check(&unread).succeeds();
    assert!(told.contains("counts against release (unread); write code and system"), "{told}");

    let mistyped = folder.path().join("mistyped.json");
    std::fs::write(&mistyped, text.replace("\"active\"", "[5]")).unwrap();
    let told = check(&mistyped);
    let why = "it cannot be enforced (malformed), so it denies: malformed in status; write it as FHIR has it";
    assert!(told.stdout.contains(why), "{told:?}");

    let broken = check(&fixtures.join("reject/ambiguous/r5-emergency.json"));
    assert_eq!(broken.code, Some(1), "{broken:?}");
    for why in [
        "it cannot be enforced (ambiguous), so it denies: provision[0].provision[0] can be read both ways",
        "permit emergencies in a rule of their own",
    ] {
        assert!(broken.stdout.contains(why), "{broken:?}");
    }

    // a folder is read whole, and what is no JSON spoils nothing else
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["accept/p1003.json", "reject/malformed/cut-off.json", "reject/no-base/no-provision.json"]
    {
        let from = fixtures.join(name);
        fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
    }
    let all = check(folder.path());
    assert_eq!(all.code, Some(1), "{all:?}");
    let why = "it cannot be enforced (no-base), so it denies: no base decision; give a policyRule,";
    assert!(all.stdout.contains("p1003.json: Consent/") && all.stdout.contains(why), "{all:?}");
    assert!(all.stderr.contains("refused: ") && all.stderr.contains("cut-off.json"), "{all:?}");

    let empty = tempfile::tempdir().unwrap();
    assert!(check(empty.path()).fails().contains("no Consent in these files"));
}

#[test]
fn help_is_worth_reading() {
    let overview = run(["--help"]).succeeds();
    let about = run(["consent", "check", "--help"]).succeeds();
    assert!(about.contains("whether they can be enforced"), "{about}");
    let commands = [
        "demo", "serve", "check", "load", "partner", "consent", "explain", "review", "audit",
        "query", "retrieve", "assert",
    ];
    for command in commands {
        assert!(overview.contains(&format!("  {command}")), "{overview}");
        let help = run([command, "--help"]).succeeds();
        let (about, _) = help.split_once("Usage: ").unwrap();
        // what it does, and then more of it or an example
        assert!(about.trim().lines().count() >= 3, "{help}");
        assert!(about.contains("\nTry: glassgate "), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    assert!(overview.contains("The exit code is 0 when all went well"), "{overview}");
    assert_eq!(run(["fly"]).code, Some(2));
}
