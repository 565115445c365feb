//! A gateway's settings in a folder of their own, with the tests' PKI.

use std::fs;
use std::path::{Path, PathBuf};

use glassgate::demo::pki;
use tempfile::TempDir;

/// `entries` are its issuers and partners.
pub(crate) fn settings(home: &str, entries: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
    pki::copy(&certs, &directory.path().join("pki")).unwrap();
    let toml = format!(
        r#"
[community]
name = "Lakeside"
home_community_id = "{home}"
repository_id = "2.999.1.2"
patient_authority = "2.999.1.3"
[server]
listen = "127.0.0.1:8443"
certificate = "pki/gateway/tls.crt"
key = "pki/gateway/tls.key"
client_ca = "pki/ca.crt"
[repository]
directory = "store"
[audit]
journal = "journal"
source_id = "lakeside"
{entries}
"#
    );
    fs::write(file(&directory), toml).unwrap();
    directory
}

/// The file that they stand in.
pub(crate) fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("glassgate.toml")
}
