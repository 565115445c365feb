use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::audit::delivery::{Settings as Delivery, Target, Times, Wanted};
use crate::audit::{self, Shape};

/// `[audit]`: where records are kept and where they go.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) journal: PathBuf,
    source_id: String,
    #[serde(default)]
    enterprise_site: Option<String>,
    /// What records of break-glass alone may use once the disk is full.
    #[serde(default = "break_glass_reserve_kib")]
    break_glass_reserve_kib: u64,
    #[serde(default)]
    target: Vec<RawTarget>,
}

fn break_glass_reserve_kib() -> u64 {
    Shape::default().reserve_bytes / 1024
}

/// Less would not hold one answer's records, more would be no reserve.
const RESERVE_KIB: std::ops::RangeInclusive<u64> = 64..=1024 * 1024;

/// `[[audit.target]]`: one receiver.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    name: String,
    transport: Transport,
    host: String,
    port: u16,
    /// TLS: the name in the receiver's certificate; by default `host`.
    server_name: Option<String>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    /// Which records it gets, where not all.
    only: Option<Only>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Only {
    BreakGlass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Transport {
    Tls,
    Udp,
}

impl Raw {
    pub(super) fn journal(&self) -> &Path {
        &self.journal
    }
}

/// The section's two halves.
pub(super) struct Audit {
    pub(super) journal: audit::Settings,
    pub(super) delivery: Delivery,
}

/// `home` is the audit enterprise site where none is named.
pub(super) fn read(raw: &mut Raw, home: &str, host: &str, check: &mut Check<'_>) -> Option<Audit> {
    if raw.source_id.trim().is_empty() {
        check.problem("audit.source_id", "is empty", "write a name that is this gateway's alone");
    }
    if raw.target.is_empty() {
        check.warnings.push(
            "no [[audit.target]]: records stay in the journal and no auditor sees them".to_owned(),
        );
    } else if raw.target.iter().all(|target| target.transport == Transport::Udp) {
        check.warnings.push(
            "all audit targets are UDP, which loses records silently; add one with transport = \"tls\""
                .to_owned(),
        );
    }
    if !raw.target.is_empty() && raw.target.iter().all(|target| target.only.is_some()) {
        check.warnings.push(
            "no [[audit.target]] gets every record: all have `only`; add one without it".to_owned(),
        );
    }
    let enterprise_site = raw.enterprise_site.get_or_insert_with(|| home.to_owned()).clone();
    let source = audit::Source {
        enterprise_site,
        id: raw.source_id.clone(),
        host: host.to_owned(),
        process_id: std::process::id(),
    };
    let key = "audit.break_glass_reserve_kib";
    if !RESERVE_KIB.contains(&raw.break_glass_reserve_kib) {
        check.problem(key, "is out of bounds", "write a number of KiB from 64 to 1048576");
    }
    let reserve_bytes = raw.break_glass_reserve_kib.saturating_mul(1024);
    let shape = Shape::with_reserve(reserve_bytes);
    let mut names = BTreeSet::new();
    for (at, target) in raw.target.iter().enumerate() {
        for (name, text) in [("name", &target.name), ("host", &target.host)] {
            if text.trim().is_empty() {
                let mend = match name {
                    "name" => "write a short name: the journal remembers by it what was sent",
                    _ => "write where the receiver listens, a name or an IP address",
                };
                check.problem(&format!("audit.target[{at}].{name}"), "is empty", mend);
            }
        }
        let is_address = target.host.parse::<std::net::IpAddr>().is_ok();
        if !is_address && target.host.contains([':', '/', '[', ' ']) {
            let mend = "write a name or an IP address alone; the port stands in `port`";
            check.problem(&format!("audit.target[{at}].host"), "is no host", mend);
        }
        if target.port == 0 {
            let mend = "write the receiver's port, 6514 for syslog over TLS";
            check.problem(&format!("audit.target[{at}].port"), "is 0", mend);
        }
        if !names.insert(&target.name) {
            let key = format!("audit.target[{at}].name");
            check.problem(&key, "is taken by another target", "each name has a cursor of its own");
        }
    }
    let wanted = |raw: &RawTarget| match raw.only {
        None => Wanted::All,
        Some(Only::BreakGlass) => Wanted::BreakGlass,
    };
    let targets = raw.target.iter().enumerate();
    let targets = targets.filter_map(|(at, t)| Some((target(t, at, check)?, wanted(t)))).collect();
    Some(Audit {
        journal: audit::Settings { path: check.path(&raw.journal), source, shape },
        delivery: Delivery { targets, times: Times::default() },
    })
}

fn target(raw: &RawTarget, at: usize, check: &mut Check<'_>) -> Option<Target> {
    let key = |name: &str| format!("audit.target[{at}].{name}");
    let (name, host, port) = (raw.name.clone(), raw.host.clone(), raw.port);
    if raw.transport == Transport::Udp {
        for (name, given) in [
            ("server_name", raw.server_name.is_some()),
            ("ca", raw.ca.is_some()),
            ("certificate", raw.certificate.is_some()),
            ("key", raw.key.is_some()),
        ] {
            if given {
                let mend = "write transport = \"tls\", or remove it: a datagram is not encrypted";
                check.problem(&key(name), "has no meaning with transport = \"udp\"", mend);
            }
        }
        return Some(Target::Udp { name, host, port });
    }
    let Some(ca) = &raw.ca else {
        check.problem(&key("ca"), "is missing", "name the PEM file of the receiver's CA");
        return None;
    };
    check.certificates(&key("ca"), ca)?;
    let ca_pem = check.bytes(&key("ca"), ca)?;
    let identity = match (&raw.certificate, &raw.key) {
        (None, None) => None,
        (Some(certificate), Some(private)) => {
            let chain = check.certificates(&key("certificate"), certificate)?;
            let own = check.private_key(&key("key"), private)?;
            check.pair(&key("certificate"), &chain, &own);
            let certificate = check.bytes(&key("certificate"), certificate)?;
            Some((certificate, check.bytes(&key("key"), private)?))
        }
        _ => {
            check.problem(&key("certificate"), "and `key` go together", "name both or neither");
            return None;
        }
    };
    let server_name = raw.server_name.clone().unwrap_or_else(|| host.clone());
    Some(Target::Tls { name, host, port, server_name, ca_pem, identity })
}
