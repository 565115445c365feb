//! A file system that becomes full: a small tmpfs in a mount namespace of its own.
//!
//! Where this machine allows none, a limit on the size of files takes its place. To SQLite that is an I/O error and no
//! full disk, so the tests hold the program to another thing and say so; with `GLASSGATE_NEEDS_TMPFS=1` they fail.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::house::say;

/// A folder on that file system, for those commands that are wrapped by it.
pub(crate) struct Disk {
    folder: PathBuf,
    /// Holds the namespace, as long as its input is open.
    holder: Option<Child>,
    /// The limit on files, in place of a holder.
    limit_kib: Option<u64>,
}

impl Disk {
    /// An empty one of this size over a folder.
    pub(crate) fn new(folder: &Path, size_kib: u64) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mount =
            format!("mount -t tmpfs -o size={size_kib}k tmpfs \"$0\" && echo ready && exec cat");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let holder = command.spawn().ok().and_then(|mut holder| {
            let mut line = String::new();
            BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
            if line != "ready\n" {
                holder.wait().unwrap();
                return None;
            }
            Some(holder)
        });
        let mut disk = Self { folder: folder.to_owned(), holder, limit_kib: None };
        let entered = disk.is_mounted()
            && disk.command(&Command::new("true")).status().is_ok_and(|s| s.success());
        if !entered {
            let needed = std::env::var_os("GLASSGATE_NEEDS_TMPFS").is_some_and(|set| set == "1");
            assert!(!needed, "no tmpfs can be mounted here, and GLASSGATE_NEEDS_TMPFS asks for it");
            say("no tmpfs can be mounted here: a limit on files takes the place of the full disk");
            disk.holder = None;
        }
        disk
    }

    /// Whether it is a file system, which can be freed while a program runs.
    pub(crate) fn is_mounted(&self) -> bool {
        self.holder.is_some()
    }

    /// Which of these texts must be told here, that of a full disk or that of an I/O error; says so for the latter.
    pub(crate) fn expected<'t>(&self, full: &'t [&'t str], failed: &'t [&'t str]) -> &'t [&'t str] {
        if self.is_mounted() {
            return full;
        }
        say(&format!("no full disk was tried, but an I/O error: expecting {failed:?}"));
        failed
    }

    /// The same command, with this file system in its folder.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let mut wrapped = if let Some(holder) = &self.holder {
            let mut wrapped = Command::new("nsenter");
            let pid = holder.id().to_string();
            wrapped.args(["--user", "--mount", "--preserve-credentials", "--target", &pid, "--"]);
            wrapped
        } else {
            // half a KiB a block
            let blocks = self.limit_kib.map_or("unlimited".to_owned(), |kib| (kib * 2).to_string());
            let mut wrapped = Command::new("sh");
            wrapped.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks]);
            wrapped
        };
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        wrapped
    }

    /// Leaves so much room and no more.
    pub(crate) fn fill(&mut self, leave_kib: u64) {
        if self.is_mounted() {
            let script = "room=$(df -k --output=avail \"$0\" | tail -n 1); \
                 head -c $(((room - $1) * 1024)) /dev/zero > \"$0\"/ballast";
            self.run(script, &[&leave_kib.to_string()]);
        } else {
            self.limit_kib = Some(leave_kib);
        }
    }

    /// Makes room again; a program that was started under a limit does not notice.
    pub(crate) fn free(&mut self) {
        if self.is_mounted() {
            self.run("rm \"$0\"/ballast", &[]);
        } else {
            self.limit_kib = None;
        }
    }

    /// Copies all that lies on it to where everybody sees it.
    pub(crate) fn copy(&self, to: &Path) {
        self.run("cp -r \"$0\" \"$1\"", &[to.to_str().unwrap()]);
    }

    fn run(&self, script: &str, arguments: &[&str]) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&self.folder).args(arguments);
        let output = self.command(&command).stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}: {told}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(holder) = &mut self.holder {
            // its input closes
            drop(holder.stdin.take());
            let _gone = holder.wait();
        }
    }
}
