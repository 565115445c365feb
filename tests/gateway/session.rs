//! A TLS session of a client that OpenSSL's program is, kept and resumed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const REQUEST: &[u8] = b"GET /xca/query?wsdl HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// A session that a client of the PKI keeps.
pub(crate) struct Session {
    directory: TempDir,
    pki: PathBuf,
    identity: String,
    port: u16,
    version: &'static str,
}

impl Session {
    /// Connects, is answered, and keeps the session; `version` is `-tls1_2` or `-tls1_3`.
    pub(crate) fn begin(pki: &Path, identity: &str, port: u16, version: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (pki, identity) = (pki.to_owned(), identity.to_owned());
        let session = Self { directory, pki, identity, port, version };
        assert_eq!(session.ask("-sess_out"), Ok("New".to_owned()));
        session
    }

    /// Connects with the session and asks: whether the answer came over one that is `New` or `Reused`.
    pub(crate) fn resume(&self) -> Result<String, String> {
        self.ask("-sess_in")
    }

    fn ask(&self, kept: &str) -> Result<String, String> {
        let identity = |kind: &str| self.pki.join(format!("{}.{kind}", self.identity));
        let mut child = Command::new("openssl")
            .args(["s_client", "-ign_eof", self.version, kept])
            .arg(self.directory.path().join("session"))
            .args(["-connect", &format!("127.0.0.1:{}", self.port)])
            .arg("-cert")
            .arg(identity("crt"))
            .arg("-key")
            .arg(identity("key"))
            .arg("-CAfile")
            .arg(self.pki.join("ca.crt"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // whoever is refused may be gone already
        let _unsent = child.stdin.as_mut().unwrap().write_all(REQUEST);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        if !told.contains("HTTP/1.1 200") {
            return Err(told + &String::from_utf8_lossy(&output.stderr));
        }
        let kind = told.lines().find_map(|line| {
            let (kind, rest) = line.split_once(", ")?;
            rest.contains("Cipher is").then(|| kind.to_owned())
        });
        kind.ok_or(told)
    }
}
