//! Runs `glassgate` and plays the demo once for all tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use glassgate::demo::pki;
use serde_json::Value;
use tempfile::TempDir;

/// What `demo --once --json --port 0` left behind, read before anything else runs in its directory.
pub(crate) struct Played {
    pub(crate) world: PathBuf,
    pub(crate) stdout: String,
    pub(crate) ready: Value,
    pub(crate) received: String,
    pub(crate) config: String,
}

/// The program with these arguments.
pub(crate) fn glassgate(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassgate"));
    command.args(arguments);
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    Run::of(glassgate(arguments).output().unwrap())
}

/// How a run ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// What it printed, given that all went well.
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// What it complained of, given that it failed as commands do.
    pub(crate) fn fails(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        self.stderr
    }
}

/// The demo, played once a run of these tests.
pub(crate) fn played() -> &'static Played {
    static PLAYED: OnceLock<Played> = OnceLock::new();
    PLAYED.get_or_init(|| {
        // nothing drops a static: the next run clears up after this one
        let world = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
        let _none = std::fs::remove_dir_all(&world);
        let once = ["demo", "--once", "--json", "--port", "0", "--dir"].map(OsStr::new);
        let stdout = run(once.into_iter().chain([world.as_os_str()])).succeeds();
        let read = |name: &str| std::fs::read_to_string(world.join(name)).unwrap();
        let ready = serde_json::from_str(&read("ready.json")).unwrap();
        let (received, config) = (read("audit/received.log"), read("glassgate.toml"));
        Played { world, stdout, ready, received, config }
    })
}

/// A directory with the tests' PKI and a configuration like the demo's, after changes; each `from` must be there.
pub(crate) fn configured(changes: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
    pki::copy(&certs, &directory.path().join("pki")).unwrap();
    let mut config = played().config.clone();
    for (from, to) in changes {
        assert!(config.contains(from), "{from}");
        config = config.replacen(from, to, 1);
    }
    let path = directory.path().join("glassgate.toml");
    std::fs::write(&path, config).unwrap();
    (directory, path)
}

/// A program of the system, run to its end.
pub(crate) fn tool(command: &mut Command) -> Run {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} does not run ({error}): `make test` installs what it needs")
    });
    Run::of(output)
}

/// What stands between two texts, each time it does.
pub(crate) fn all_between<'t>(text: &'t str, start: &str, end: &str) -> Vec<&'t str> {
    text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}
