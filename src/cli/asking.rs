//! Flags that say who asks, shared by `query`, `retrieve` and `assert`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use openssl::pkey::PKey;
use openssl::x509::X509;

use super::Failed;
use crate::client::{self, Ask, Client, Query, Signer, Trouble, TroubleKind, coded};
use crate::clock::{SystemClock, SystemRandom};
use crate::demo::{Layout, world};
use crate::ids::{HomeCommunityId, PatientId};
use crate::saml::issue::Order;

/// Who asks, and for what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who asks")]
pub(super) struct Who {
    /// Take every key, certificate and name below from a demo world ...
    #[arg(long, value_name = "DIR")]
    demo: Option<PathBuf>,
    /// ... as this partner of it: riverside or hilltop.
    #[arg(long, value_name = "NAME", default_value = "riverside")]
    partner: String,
    /// The purpose of use: a code of HL7 ActReason, or CODE^^SYSTEM; may be given again.
    #[arg(long, value_name = "CODE", default_value = "TREAT")]
    purpose: Vec<String>,
    /// The user's role: a code of SNOMED CT, or CODE^^SYSTEM; may be given again.
    #[arg(long, value_name = "CODE")]
    role: Vec<String>,
    /// The user, as the issuer knows him.
    #[arg(long, value_name = "NAME", default_value = "user-7")]
    subject: String,
    /// The user's organization.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The user's home community, urn:oid:...
    #[arg(long, value_name = "OID")]
    home_community: Option<String>,
    /// The patient that the assertion speaks of, id^^^&OID&ISO.
    #[arg(long, value_name = "CX")]
    resource_id: Option<String>,
    /// Confirm the treatment relationship of the user whose assertion has this ID (eHDSI), as the second of two.
    #[arg(long, value_name = "ID")]
    confirms: Option<String>,
    /// The assertion's Issuer.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The assertion's Audience.
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// The assertion's lifetime.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    lifetime_s: u64,
    /// The issuer's certificate, PEM.
    #[arg(long, value_name = "FILE")]
    saml_cert: Option<PathBuf>,
    /// The issuer's key, PEM.
    #[arg(long, value_name = "FILE")]
    saml_key: Option<PathBuf>,
}

/// Which gateway is asked, over which TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which gateway")]
pub(super) struct Gateway {
    /// The gateway, https://host:port.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The authority of its certificate, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our TLS certificate, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Our TLS key, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The community that is asked, urn:oid:...
    #[arg(long, value_name = "OID")]
    home: Option<String>,
}

impl Who {
    /// The signed assertion.
    pub(super) fn assertion(&self) -> Result<String, Failed> {
        Ok(self.signer()?.sign(&self.order()?)?)
    }

    /// A patient id; a bare one is of the demo's authority.
    pub(super) fn patient_id(&self, text: &str) -> Result<String, Failed> {
        let bare = self.demo.is_some() && !text.contains('^');
        let cx = if bare { format!("{text}^^^&{}&ISO", world::AUTHORITY) } else { text.to_owned() };
        Ok(PatientId::parse(&cx)?.to_string())
    }

    /// What a flag gives, or the demo's.
    pub(super) fn or_demo(
        &self,
        given: &Option<String>,
        demo: &str,
        flag: &str,
    ) -> Result<String, Failed> {
        let known = self.known()?.map(|_| demo.to_owned());
        Ok(given.clone().or(known).ok_or_else(|| format!("give {flag}, or use --demo"))?)
    }

    /// The beginning of a request.
    pub(super) fn ask(&self) -> Result<Ask, Failed> {
        Ok(self.signer()?.ask(&self.order()?)?)
    }

    fn signer(&self) -> Result<Signer, Failed> {
        let key = self.file(&self.saml_key, "saml.key", "--saml-key")?;
        let cert = self.file(&self.saml_cert, "saml.crt", "--saml-cert")?;
        let key = own_key(&key, &cert, "--saml-key")?;
        let cert = certificate(&cert, "--saml-cert")?;
        Ok(Signer::from_pem(&key, &cert, Arc::new(SystemClock), Arc::new(SystemRandom))?)
    }

    fn order(&self) -> Result<Order, Failed> {
        let known = self.known()?;
        let issuer = self.issuer.clone().or(known.map(|partner| partner.issuer.to_owned()));
        let audience = self.audience.clone().or(known.map(|_| world::HOME.to_owned()));
        let home = self.home_community.clone().or(known.map(|partner| partner.home.to_owned()));
        Ok(Order {
            issuer: issuer.ok_or("say who vouches with --issuer, or use --demo")?,
            subject: self.subject.clone(),
            audience: audience.ok_or("say for whom it is meant with --audience, or use --demo")?,
            lifetime: Duration::from_secs(self.lifetime_s),
            purposes: self.purpose.iter().map(|code| coded(code, world::ACT_REASON)).collect(),
            roles: self.role.iter().map(|code| coded(code, world::SNOMED_CT)).collect(),
            organization: self.organization.clone(),
            confirms: self.confirms.clone(),
            home_community: home.map(|home| HomeCommunityId::parse(&home)).transpose()?,
            resource_id: self.resource_id.as_deref().map(PatientId::parse).transpose()?,
            ..Order::default()
        })
    }

    /// The partner of the demo world, where one is used.
    fn known(&self) -> Result<Option<&'static world::Partner>, Failed> {
        if self.demo.is_none() {
            return Ok(None);
        }
        let found = world::PARTNERS.iter().find(|partner| partner.name == self.partner);
        Ok(Some(found.ok_or("--partner is riverside or hilltop")?))
    }

    fn file(&self, given: &Option<PathBuf>, name: &str, flag: &str) -> Result<PathBuf, Failed> {
        match (given, &self.demo) {
            (Some(path), _) => Ok(path.clone()),
            (None, Some(demo)) => {
                self.known()?;
                Ok(Layout::new(demo).partner(&self.partner, name))
            }
            (None, None) => Err(format!("name a file with {flag}, or use --demo").into()),
        }
    }
}

impl Gateway {
    /// A query for a patient, which names the community only where a flag does.
    pub(super) fn addressed(&self, query: Query) -> Query {
        match &self.home {
            Some(home) => query.of(home),
            None => query,
        }
    }

    /// The community that is asked.
    pub(super) fn home(&self, who: &Who) -> Result<String, Failed> {
        who.or_demo(&self.home, world::HOME, "--home")
    }

    /// A client for the gateway.
    pub(super) fn client(&self, who: &Who) -> Result<Client, Failed> {
        let url = match (&self.url, &who.demo) {
            (Some(url), _) => url.clone(),
            (None, Some(demo)) => demo_url(demo)?,
            (None, None) => return Err("say which gateway with --url, or use --demo".into()),
        };
        let host = url.strip_prefix("https://").filter(|rest| !rest.starts_with(['/', ':']));
        if host.is_none_or(str::is_empty) || url.contains("/xca/") {
            return Err(format!("--url is https://host:port, and not `{url}`").into());
        }
        let authority = certificate(&self.authority(who)?, "--ca")?;
        let (own, key) = (self.certificate(who)?, who.file(&self.key, "tls.key", "--key")?);
        let key = own_key(&key, &own, "--key")?;
        let settings = client::Settings::at(&url, authority, certificate(&own, "--cert")?, key);
        Ok(Client::new(&settings)?)
    }

    /// Why there is no answer, and what to do about it.
    pub(super) fn advise(&self, who: &Who, error: &client::Error) -> Failed {
        let Some(Trouble { kind, .. }) = error.trouble() else { return error.to_string().into() };
        let path = |path: Result<PathBuf, Failed>| path.unwrap_or_default().display().to_string();
        let what = match kind {
            TroubleKind::NoSuchHost | TroubleKind::Unreachable => {
                "look at the address, --url".into()
            }
            TroubleKind::Refused if self.url.is_none() => {
                let demo = who.demo.as_deref().unwrap_or(Path::new("DIR")).display();
                format!("the demo is down: start it with `glassgate demo --dir {demo}`")
            }
            TroubleKind::Refused | TroubleKind::NoTls => {
                "start the gateway there, or name the port of its partners with --url".into()
            }
            TroubleKind::NotTrusted(why) if why.contains("expired") => {
                "have its operator renew it, or look at the clock of this machine".into()
            }
            TroubleKind::NotTrusted(_) => {
                let authority = path(self.authority(who));
                format!(
                    "believed are the authorities in {authority}: name the one of its certificate with --ca"
                )
            }
            TroubleKind::AnotherName(_) => {
                "ask it by a name that stands in its certificate, with --url".into()
            }
            TroubleKind::TurnedAway(_) => {
                let own = path(self.certificate(who));
                format!(
                    "it was shown {own}: name another one with --cert, or have its operator look at the log, at \
                     `server.client_ca` and at the dates of the certificate"
                )
            }
            TroubleKind::BrokenOff => {
                let own = path(self.certificate(who));
                format!(
                    "it may not believe our certificate, {own}: its log and audit trail have the reason"
                )
            }
            TroubleKind::TimedOut | TroubleKind::Other(_) => {
                "the gateway's log may have the reason".to_owned()
            }
        };
        format!("{error}; {what}").into()
    }

    fn authority(&self, who: &Who) -> Result<PathBuf, Failed> {
        match (&self.ca, &who.demo) {
            (Some(path), _) => Ok(path.clone()),
            (None, Some(demo)) => Ok(Layout::new(demo).pki().join("ca.crt")),
            (None, None) => Err("name the gateway's authority with --ca, or use --demo".into()),
        }
    }

    fn certificate(&self, who: &Who) -> Result<PathBuf, Failed> {
        who.file(&self.cert, "tls.crt", "--cert")
    }
}

/// What a person tells the gateway's operator of a request that was refused.
pub(super) fn reference(ask: &Ask) -> String {
    let id = &ask.message_id;
    format!(
        "message-id urn:uuid:{id}: the gateway's operator finds the true reason by it, with `glassgate audit --text {id}`"
    )
}

/// Where the demo's gateway is, as it says itself.
fn demo_url(demo: &Path) -> Result<String, Failed> {
    let path = Layout::new(demo).ready();
    let hint = format!("start it with `glassgate demo --dir {}`", demo.display());
    let text = read(&path).map_err(|error| format!("no demo is up: {error}; {hint}"))?;
    let ready: serde_json::Value = serde_json::from_slice(&text)?;
    let url = ready.get("url").and_then(serde_json::Value::as_str);
    Ok(url.ok_or_else(|| format!("{} names no url; {hint}", path.display()))?.to_owned())
}

/// PEM with a certificate or more.
fn certificate(path: &Path, flag: &str) -> Result<Vec<u8>, Failed> {
    let pem = read(path)?;
    match X509::stack_from_pem(&pem) {
        Ok(found) if !found.is_empty() => Ok(pem),
        _ => {
            Err(format!("{} holds no certificate; name a PEM file with {flag}", path.display())
                .into())
        }
    }
}

/// PEM with the private key of that certificate.
fn own_key(path: &Path, certificate: &Path, flag: &str) -> Result<Vec<u8>, Failed> {
    let pem = read(path)?;
    // without a callback OpenSSL would ask the terminal for a passphrase
    let Ok(key) = PKey::private_key_from_pem_callback(&pem, |_| Ok(0)) else {
        let path = path.display();
        return Err(format!(
            "{path} holds no private key without a passphrase; name a PEM file with {flag}"
        )
        .into());
    };
    let first = X509::from_pem(&read(certificate)?).and_then(|first| first.public_key());
    if first.is_ok_and(|public| !public.public_eq(&key)) {
        let (path, certificate) = (path.display(), certificate.display());
        return Err(
            format!("{path} is not the key of {certificate}; name its key with {flag}").into()
        );
    }
    Ok(pem)
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}
