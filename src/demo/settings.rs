//! Where everything of a demo lies, and the configuration that joins it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::files::{self, Readers};
use super::world::{self, Partner};
use crate::config;

/// The folders and files of a demo, relied on by tests from outside.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// A demo in this directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The directory of all.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Certificates and keys.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The gateway's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("glassgate.toml")
    }

    /// The FHIR resources and documents that are loaded.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What the receiver received, one syslog message a line.
    #[must_use]
    pub fn received(&self) -> PathBuf {
        self.root.join("audit/received.log")
    }

    /// Messages of the scenario as they were sent, for `glassgate partner test`.
    #[must_use]
    pub fn captured(&self) -> PathBuf {
        self.root.join("captured")
    }

    /// Written once the scenario was played.
    #[must_use]
    pub fn ready(&self) -> PathBuf {
        self.root.join("ready.json")
    }

    /// A file of a partner, such as `saml.key`.
    #[must_use]
    pub fn partner(&self, partner: &str, file: &str) -> PathBuf {
        self.pki().join("partners").join(partner).join(file)
    }
}

/// Writes `glassgate.toml` for these listeners.
pub(super) fn write(
    layout: &Layout,
    listen: SocketAddr,
    management: SocketAddr,
    receiver: SocketAddr,
    change: impl FnOnce(String) -> String,
) -> Result<(), Error> {
    let home = world::HOME;
    let mut toml = format!(
        r#"# The demo's configuration, written anew by each `glassgate demo`.

[community]
name = "Lakeside"
home_community_id = "{home}"
repository_id = "{repository}"
patient_authority = "{authority}"

[server]
listen = "{listen}"
public_url = "https://{listen}"
certificate = "pki/gateway/tls.crt"
key = "pki/gateway/tls.key"
client_ca = "pki/ca.crt"
management = "{management}"

[saml]
audiences = ["{home}", "https://{listen}/xca/query", "https://{listen}/xca/retrieve"]
recipients = ["{home}", "https://{listen}/xca/query", "https://{listen}/xca/retrieve"]
clock_skew_s = 60

[consent]
implicit = "permit-treatment"
break_glass_ceiling = "R"

[break_glass]
# the scenario breaks glass on purpose, again and again
rate_user = 10000
rate_organization = 10000
rate_community = 10000

[repository]
directory = "store"

[audit]
journal = "audit/journal"
source_id = "glassgate-demo"

[[operator]]
account = "{operator}"

[[audit.target]]
name = "demo-receiver"
transport = "tls"
host = "{receiver_ip}"
port = {receiver_port}
server_name = "localhost"
ca = "pki/ca.crt"
certificate = "pki/gateway/tls.crt"
key = "pki/gateway/tls.key"
"#,
        operator = config::account(),
        repository = world::REPOSITORY,
        authority = world::AUTHORITY,
        receiver_ip = receiver.ip(),
        receiver_port = receiver.port(),
    );
    for partner in world::PARTNERS {
        toml.push_str(&partner_section(&partner));
    }
    files::write(&layout.config(), change(toml).as_bytes(), Readers::All)
}

fn partner_section(partner: &Partner) -> String {
    let Partner { name, home, issuer, etreat, .. } = partner;
    let (role, _) = world::PHYSICIAN;
    let system = world::SNOMED_CT;
    format!(
        r#"
[[issuer]]
name = "{issuer}"
trust = "pinned"
certificates = ["pki/partners/{name}/saml.crt", "pki/partners/{name}/saml-ec.crt"]

[[partner]]
name = "{name}"
home_community_ids = ["{home}"]
tls_certificates = ["pki/partners/{name}/tls.crt"]
issuers = ["{issuer}"]
etreat = "{etreat}"
purposes = ["TREAT", "BTG"]
break_glass_roles = [{{ code = "{role}", system = "{system}" }}]
"#
    )
}
