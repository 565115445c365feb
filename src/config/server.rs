use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::certificates::{self, Asking, Rules};
use super::check::Check;
use crate::limits;
use crate::saml::certificates::{Usage, Watchlist};
use crate::server::{self, Identity};

/// `[server]`: where partners connect.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    listen: String,
    /// Partners reach us here; by default `https://` and `listen`.
    #[serde(default)]
    pub(super) public_url: Option<String>,
    certificate: PathBuf,
    key: PathBuf,
    client_ca: PathBuf,
    /// Revocation lists of the client CAs.
    #[serde(default)]
    client_crls: Vec<PathBuf>,
    #[serde(default = "certificates::crl_grace_s")]
    client_crl_grace_s: u64,
    #[serde(default = "certificates::minimum_rsa_bits")]
    client_minimum_rsa_bits: u32,
    /// Whether the responders of their certificates are asked.
    #[serde(default)]
    client_ocsp: Asking,
    #[serde(default)]
    client_ocsp_responder: Option<String>,
    #[serde(default = "management")]
    management: String,
    #[serde(default = "connections")]
    connections: usize,
}

fn management() -> String {
    "127.0.0.1:9080".to_owned()
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
    let url = raw.public_url();
    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    if url.contains(|c: char| c.is_whitespace() || matches!(c, '?' | '#' | '@')) || host.is_empty()
    {
        let mend = "write https://, the host, its port unless it is 443, and perhaps a path";
        check.problem("server.public_url", "is no address that can be added to", mend);
    }
    if raw.public_url().contains("/xca/") {
        let mend = "leave /xca/query and /xca/retrieve out: they are added";
        check.problem("server.public_url", "is the address of a transaction", mend);
    }
    let listen = address("server.listen", &raw.listen, check);
    if raw.public_url.is_none() && listen.is_some_and(|address| address.ip().is_unspecified()) {
        check.warnings.push(format!(
            "`server.public_url` is missing, and {url} leads nowhere: partners read it in the WSDL, auditors in the \
             records, and the audiences rest on it; write the address that partners connect to"
        ));
    }
    let management = address("server.management", &raw.management, check);
    if management.is_some_and(|address| !address.ip().is_loopback()) {
        let what = format!("{} is reachable from outside", raw.management);
        let mend = "choose a loopback address such as 127.0.0.1:9080";
        check.problem("server.management", what, mend);
    }
    if let (Some(ours), Some(theirs)) = (management, listen) {
        let everywhere = theirs.ip().is_unspecified() || ours.ip() == theirs.ip();
        // port 0 is another one each time
        if ours.port() == theirs.port() && ours.port() != 0 && everywhere {
            let what = format!("{} is taken by `listen`, {}", raw.management, raw.listen);
            let mend = "choose another port, such as 127.0.0.1:9080";
            check.problem("server.management", what, mend);
        }
    }
    if raw.connections == 0 || raw.connections > limits::CONNECTIONS {
        let mend = format!("write a number from 1 to {}", limits::CONNECTIONS);
        check.problem("server.connections", "is out of range", &mend);
    }
    let chain = check.certificates("server.certificate", &raw.certificate);
    let key = check.private_key("server.key", &raw.key);
    let cas = check.certificates("server.client_ca", &raw.client_ca);
    let rules = Rules {
        section: "server".to_owned(),
        roots: cas?,
        crls: ("client_crls", &raw.client_crls),
        crl_grace_s: ("client_crl_grace_s", raw.client_crl_grace_s),
        minimum_rsa_bits: ("client_minimum_rsa_bits", raw.client_minimum_rsa_bits),
        ocsp: raw.client_ocsp,
        ocsp_responder: ("client_ocsp_responder", raw.client_ocsp_responder.as_deref()),
    };
    let clients = certificates::read(rules, Usage::TlsClient, check);
    let identity = Identity { chain: chain?, key: key? };
    check.pair("server.certificate", &identity.chain, &identity.key);
    let acceptor = server::acceptor_for(&identity, clients?);
    let mend = "take a certificate with an RSA key from 2048 bits, or on P-256 to P-521";
    let acceptor = match check.problems.is_empty() {
        true => check.parsed("server.certificate", acceptor, mend),
        // it may only follow from what was told
        false => acceptor.ok(),
    };
    Some(server::Settings {
        listen: listen?,
        management: management?,
        acceptor: server::Acceptor::new(acceptor?),
        connections: raw.connections,
        watched: Watchlist::default(),
        inquiries: check.inquiries.clone(),
    })
}

fn address(key: &str, text: &str, check: &mut Check<'_>) -> Option<SocketAddr> {
    check.parsed(key, text.parse(), "write an IP address and a port, as in 0.0.0.0:8443")
}
