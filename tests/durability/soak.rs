//! The long run: more of everything, with figures for `docs/reliability.md`.

use std::fmt::Display;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::chance::Chance;
use crate::house::say;
use crate::{full, kill, many, marks};

/// Kills, where `GLASSGATE_ROUNDS` says nothing.
const ROUNDS: usize = 100;
/// Answers before a kill, at most.
const ANSWERS: u64 = 2_000;
/// How often the disk becomes full.
const FILLINGS: usize = 25;
/// Connections that say nothing.
const IDLE: usize = 1_000;

#[test]
#[ignore = "takes many minutes and writes docs/reliability.md: make soak"]
fn soak() {
    let rounds = std::env::var("GLASSGATE_ROUNDS")
        .map_or(ROUNDS, |rounds| rounds.parse().expect("GLASSGATE_ROUNDS is a number"));
    let mut chance = Chance::new("soak");
    let mut table = Table(String::new());
    let version = command("git", &["describe", "--always", "--dirty"]);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    table.row("build", format!("{version}, {profile}, {}", command("date", &["-u", "+%Y-%m-%d"])));

    let mut kills = kill::rounds(rounds, ANSWERS, &mut chance, |toll| {
        let round = toll.recoveries.len();
        say(&format!(
            "kill {round} of {rounds}: {} answers, {} records",
            toll.answers, toll.records
        ));
    });
    table.row("kills of the gateway under load", rounds);
    table.row("requests answered before them", kills.answers);
    table.row("answers that a kill broke off midway", kills.broken_off);
    table.row("audit records, each checked", kills.records);
    table.row("answers without their record", 0);
    table.row("records missing in the count, or torn", 0);
    table.row("records that a receiver got again, the same bytes", kills.again);
    table.row("loads, and how many of them were killed", pair(kills.loads, kills.loads_killed));
    table.row("documents retrieved and compared by SHA-1 afterwards", kills.documents);
    table.row("documents lost, damaged or half-loaded", 0);
    kills.recoveries.sort();
    let (half, longest) = (kills.recoveries[rounds / 2], kills.recoveries[rounds - 1]);
    table.row("from start to ready after a kill, p50 / longest", times(half, longest));

    let full = full::fillings(FILLINGS, &mut chance);
    table.row("times the disk under the journal became full", full.fillings);
    table.row("requests answered, refused", pair(full.answers, full.refusals));
    table.row("audit records then, each checked; missing, torn", format!("{}; 0, 0", full.records));

    let (partners, each) = many::idle(IDLE);
    table.row(
        "idle connections, and what each costs the gateway",
        format!("{partners}, {each} bytes"),
    );

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let written = marks::write(&page, "soak", |_| table.0);
    written.unwrap();
}

/// The figures, as a table.
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, figure: impl Display) {
        say(&format!("{what}: {figure}"));
        if self.0.is_empty() {
            self.0 = "| what | figure |\n|---|---|\n".to_owned();
        }
        self.0.push_str(&format!("| {what} | {figure} |\n"));
    }
}

fn pair(one: usize, other: usize) -> String {
    format!("{one}, {other}")
}

fn times(half: Duration, longest: Duration) -> String {
    format!("{} / {} ms", half.as_millis(), longest.as_millis())
}

fn command(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
