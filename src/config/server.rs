use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::limits;
use crate::server::{self, Identity};

/// `[server]`: where partners connect.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    listen: SocketAddr,
    /// Partners reach us here; by default `https://` and `listen`.
    #[serde(default)]
    pub(super) public_url: Option<String>,
    certificate: PathBuf,
    key: PathBuf,
    client_ca: PathBuf,
    #[serde(default = "management")]
    management: SocketAddr,
    #[serde(default = "connections")]
    connections: usize,
}

fn management() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9080))
}

fn connections() -> usize {
    limits::CONNECTIONS
}

impl Raw {
    /// The base of the transactions' addresses, without a slash at its end.
    pub(super) fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", self.listen),
        }
    }
}

pub(super) fn read(raw: &Raw, check: &mut Check<'_>) -> Option<server::Settings> {
    if !raw.public_url().starts_with("https://") {
        check.problem("server.public_url", "is no https address", "write https:// and the host");
    }
    if !raw.management.ip().is_loopback() {
        let what = format!("{} is reachable from outside", raw.management);
        check.problem(
            "server.management",
            what,
            "choose a loopback address such as 127.0.0.1:9080",
        );
    }
    if raw.connections == 0 || raw.connections > limits::CONNECTIONS {
        let mend = format!("write a number from 1 to {}", limits::CONNECTIONS);
        check.problem("server.connections", "is out of range", &mend);
    }
    let chain = check.certificates("server.certificate", &raw.certificate);
    let key = check.private_key("server.key", &raw.key);
    let cas = check.certificates("server.client_ca", &raw.client_ca);
    let acceptor = server::acceptor(&Identity { chain: chain?, key: key? }, &cas?);
    let acceptor = check.parsed(
        "server.certificate",
        acceptor,
        "check that `server.key` belongs to the first certificate of `server.certificate`",
    );
    Some(server::Settings {
        listen: raw.listen,
        management: raw.management,
        acceptor: acceptor?,
        connections: raw.connections,
    })
}
