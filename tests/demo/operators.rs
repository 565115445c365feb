//! Commands that show data: who may run them, what they say, what is on record of them.

use std::ffi::OsStr;
use std::path::Path;

use glassgate::audit::Journal;
use glassgate::audit::review::{Evidence, Glass, Reviews};
use glassgate::clock::{Clock as _, SystemClock, SystemRandom};
use glassgate::config;
use glassgate::ids::PatientId;
use serde_json::Value;

use crate::program::{Run, configured, played, run};

fn command(name: &str, config: &Path, arguments: &[&str]) -> Run {
    let head = [OsStr::new(name), OsStr::new("--config"), config.as_os_str()];
    run(head.into_iter().chain(arguments.iter().map(OsStr::new)))
}

fn demo() -> std::path::PathBuf {
    played().world.join("glassgate.toml")
}

fn explain(arguments: &[&str]) -> Run {
    command("explain", &demo(), arguments)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Records that mention all of these texts.
fn recorded(texts: &[&str]) -> usize {
    let journal = Journal::open(config::read(&demo()).unwrap().journal, &SystemRandom).unwrap();
    let (mut seq, mut found) = (0, 0);
    loop {
        let records = journal.after(seq, 1_000).unwrap();
        let Some(last) = records.last() else { return found };
        seq = last.seq;
        let message = |message: &[u8]| String::from_utf8(message.to_vec()).unwrap();
        let all = |message: String| texts.iter().all(|text| message.contains(text));
        found += records.iter().filter(|record| all(message(&record.message))).count();
    }
}

#[test]
fn a_decision_is_explained_document_by_document() {
    let asked = ["--patient", "P-1002", "--purpose", "TREAT", "--role", "224535009", "--json"];
    let told = objects(&explain(&asked).succeeds());
    assert_eq!(told.len(), 6);
    for object in &told {
        let keys: Vec<_> = object.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["document", "decision", "consent", "version", "provision", "element"]);
        let restricted = ["2.999.1.4.1002.5", "2.999.1.4.1002.6"].map(Value::from);
        let denied = restricted.contains(&object["document"]);
        assert_eq!(object["decision"], if denied { "deny" } else { "permit" });
        assert_eq!((&object["consent"], &object["version"]), (&"c1002".into(), &"1".into()));
        if denied {
            assert_eq!(object["provision"], "provision.provision[0]");
            assert_eq!(object["element"], "securityLabel");
        }
    }
    // as break-glass: both decisions
    let asked = ["--patient", "P-1002", "--purpose", "BTG", "--role", "309343006", "--json"];
    let told = objects(&explain(&asked).succeeds());
    assert!(told.iter().all(|object| object["decision"] == "permit"));
    let overrides: Vec<_> =
        told.iter().filter(|object| object["break_glass"]["override"] == true).collect();
    assert_eq!(overrides.len(), 2);
    assert!(overrides.iter().all(|object| object["treatment"]["decision"] == "deny"));
    let refused = ["--patient", "P-1002", "--purpose", "HPAYMT", "--json"];
    let [refused] = &objects(&explain(&refused).succeeds())[..] else { panic!("one object") };
    assert_eq!(
        (&refused["provision"], &refused["element"]),
        (&"policy".into(), &"outside-agreement".into())
    );
}

#[test]
fn a_person_reads_a_tree_and_an_auditor_who_read_it() {
    let asked = [
        "--patient",
        "P-1003",
        "--purpose",
        "BTG",
        "--role",
        "309343006",
        "--subject",
        "user-tree",
    ];
    let told = explain(&asked).succeeds();
    for expected in [
        "P-1003: if \"user-tree\" of riverside asked, role 309343006, for BTG\n",
        "├─ break-glass is honoured\n",
        "2.999.1.4.1003.5  deny  [R",
        "Consent/c1003/_history/1#provision.provision[",
        "break-glass barred: forbidden",
    ] {
        assert!(told.contains(expected), "{expected} is not in {told}");
    }
    let account = config::account();
    let operator = format!("UserID=\"{account}\"");
    let texts = ["110110", "user-tree", "simulation, nothing was released", operator.as_str()];
    assert_eq!(recorded(&texts), 1);
    let partner =
        ["--patient", "P-1002", "--purpose", "ETREAT", "--role", "309343006", "--partner"];
    let told = explain(&[&partner[..], &["hilltop"]].concat()).succeeds();
    assert!(told.contains("2.999.1.4.1002.6  permit by break-glass  [R,HIV]"), "{told}");
    assert!(
        told.contains(
            "treatment would deny: Consent/c1002/_history/1#provision.provision[0] (securityLabel)"
        ),
        "{told}"
    );
    let told = explain(&[&partner[..], &["nowhere"]].concat()).fails();
    assert!(told.contains("--partner is one of: riverside, hilltop"), "{told}");
    let told = explain(&["--patient", "P-9999"]).fails();
    assert!(told.contains("the patient is not known here"), "{told}");
}

#[test]
fn the_demo_s_break_glass_waits_for_review() {
    let review = |arguments: &[&str]| command("review", &demo(), arguments);
    let listed = objects(&review(&["list", "--json", "--patient", "P-1002"]).succeeds());
    assert!(!listed.is_empty());
    let item = &listed[0];
    assert_eq!((&item["state"], &item["rationale"]), (&"open".into(), &Value::Null));
    assert_eq!(item["patient"], "P-1002^^^&2.999.1.3&ISO");
    let id = item["id"].to_string();
    let shown = objects(&review(&["show", &id, "--json"]).succeeds()).remove(0);
    let documents = shown["evidence"][0]["documents"].as_array().unwrap();
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0]["overridden"][0], "Consent/c1002/_history/1#provision.provision[0]");

    let close = |more: &[&str]| review(&[&["close", id.as_str(), "--verdict"], more].concat());
    let owed = close(&["justified"]).fails();
    assert!(
        owed.contains("still lacks its reason; ask the user, and give it with --rationale"),
        "{owed}"
    );
    close(&["needs-info", "--note", "who was there?"]).succeeds();
    let told = close(&["justified", "--rationale", "unconscious"]).succeeds();
    assert!(told.contains(&format!("review {id} is justified")), "{told}");
    assert!(close(&["justified"]).fails().contains("was closed as justified"));
    let open = objects(&review(&["list", "--json"]).succeeds());
    assert!(open.iter().all(|one| one["id"] != item["id"]));
    let shown = review(&["show", &id]).succeeds();
    for expected in
        ["justified", "reason: unconscious", "who was there?", "overrides Consent/c1002"]
    {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
    // what is shown and judged is on record
    let operator = format!("UserID=\"{}\"", config::account());
    assert!(
        recorded(&["\"110101\"", "Security Audit Log", &operator, &format!("review {id} of")]) >= 2
    );
    assert_eq!(recorded(&["review-judged", &format!("review {id} of break-glass: justified")]), 1);
    assert!(review(&["show", "999999"]).fails().contains("there is no review item 999999"));
}

#[test]
fn what_a_partner_wrote_begins_no_line_and_moves_no_cursor() {
    let reviews = Reviews::open(&config::read(&demo()).unwrap().reviews).unwrap();
    let forged = "dr.x\n  reason: unconscious\u{9b}2J\u{202e}";
    let glass = Glass {
        partner: "riverside".to_owned(),
        issuer: "https://sts.riverside.example".to_owned(),
        subject: forged.to_owned(),
        user_name: forged.to_owned(),
        organization: None,
        patient: PatientId::parse("P-1001^^^&2.999.1.3&ISO").unwrap(),
        declared: "BTG".to_owned(),
        rationale: None,
        evidence: Evidence {
            at: SystemClock.now(),
            transaction: "ITI-38".to_owned(),
            message_id: None,
            assertion_id: "_forged".to_owned(),
            documents: vec![],
        },
    };
    let id = reviews.note(&glass).unwrap().to_string();
    let review = |arguments: &[&str]| command("review", &demo(), arguments).succeeds();
    for shown in [review(&["show", &id]), review(&["list"])] {
        let harmful = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!shown.contains(harmful), "{shown:?}");
        assert!(!shown.lines().any(|line| line == "  reason: unconscious"), "{shown}");
        assert!(shown.contains("dr.x\\u000a  reason: unconscious\\u009b2J\\u202e"), "{shown}");
    }
    let json = review(&["show", &id, "--json"]);
    assert!(!json.contains('\u{9b}') && objects(&json)[0]["user"] == forged);
}

#[test]
fn the_audit_trail_is_read_and_that_is_on_record() {
    let audit = |arguments: &[&str]| command("audit", &demo(), arguments);
    let all = objects(&audit(&["--json", "--last", "1000"]).succeeds());
    assert!(all.iter().zip(1..).all(|(one, number)| one["record"] == number), "{all:?}");
    let of_patient = objects(&audit(&["--json", "--patient", "P-1002"]).succeeds());
    assert!(!of_patient.is_empty());
    for one in &of_patient {
        let patients = one["patients"].as_array().unwrap();
        assert!(patients.contains(&"P-1002^^^&2.999.1.3&ISO".into()), "{one}");
    }
    let last = all.len().to_string();
    let later = objects(&audit(&["--json", "--after", &last]).succeeds());
    let operator = config::account();
    // other commands are recorded at the same time
    let own = later.iter().find(|one| {
        let told = one["description"].as_str().unwrap();
        told.starts_with(&format!("{last} audit records shown"))
    });
    let own = own.unwrap_or_else(|| panic!("{later:?}"));
    assert_eq!((&own["event"], &own["user"]), (&"110101".into(), &operator.into()));
    let override_started = audit(&["--text", "csd-code=\"110127\"", "--xml"]).succeeds();
    assert!(
        override_started.lines().all(|line| line.starts_with("<?xml") && line.contains("110127"))
    );
    assert!(!override_started.is_empty());
    let lines = audit(&["--last", "2"]).succeeds();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let head: Vec<_> = lines.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["RECORD", "AT", "EVENT", "OUTCOME", "USER", "PATIENT", "DESCRIPTION"]);
    // the person is shown, whoever connected for him
    let query = audit(&["--text", "csd-code=\"ITI-38\"", "--patient", "P-1003"]).succeeds();
    let cells: Vec<_> = query.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        cells[2..6],
        ["ITI-38", "success", "user-7@riverside.example", "P-1003^^^&2.999.1.3&ISO"],
        "{query}"
    );
}

#[test]
fn who_is_no_operator_is_told_what_to_add() {
    let account = config::account();
    let line = format!("account = \"{account}\"");
    let (_directory, config) = configured(&[(&line, "account = \"somebody-else\"")]);
    let data = played().world.join("data/patients.json");
    let data = data.to_str().unwrap();
    for (name, arguments) in [
        ("explain", &["--patient", "P-1002"][..]),
        ("audit", &[]),
        ("review", &["list"]),
        ("review", &["show", "1"]),
        ("review", &["close", "1", "--verdict", "justified"]),
        ("load", &[data]),
    ] {
        let told = command(name, &config, arguments);
        assert!(told.stdout.is_empty(), "{told:?}");
        let told = told.fails();
        assert!(told.contains(&format!("[[operator]] with account = \"{account}\"")), "{told}");
    }
}
