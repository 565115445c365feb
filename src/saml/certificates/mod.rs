//! Whether a certificate may be believed: chain, dates, use, key, and whether it was revoked (RFC 5280 6).
//!
//! One [`Authority`] serves the TLS clients, another each issuer whose certificates must chain. What it finds holds for
//! a span of time that ends with the first certificate or revocation list of the chain, so that it is asked once and
//! compared with the clock on each use. A pinned certificate needs none of this.

mod crl;
mod expiry;
pub mod ocsp;
mod standing;
#[cfg(test)]
mod tests;
mod unfit;

use std::fmt;
use std::time::Duration;

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509KeyUsage, X509NameRef, X509PurposeId, X509Ref, X509StoreContext};

use super::untrusted::quote;
use crate::clock::Timestamp;
use crate::dsig::Key;

pub use crl::{Crl, CrlError};
pub use expiry::{EXPIRY_WARNING, Kind, LIST_WARNING, Watched, Watchlist};
use ocsp::Ocsp;
pub use standing::Standing;
pub use unfit::Unfit;

/// What certificates must meet; files are already read.
#[derive(Clone)]
pub struct Settings {
    /// The certificates that a chain must end in; an issuing CA will do as well as its root.
    pub roots: Vec<X509>,
    /// Certificates that may stand between, beside those that a peer shows.
    pub intermediates: Vec<X509>,
    /// Revocation lists; where there is one, each certificate below a root needs one of its issuer.
    pub crls: Vec<Crl>,
    /// How long after its nextUpdate a list still counts.
    pub crl_grace: Duration,
    /// Whether responders are asked, beside the lists, and where.
    pub ocsp: Option<Ocsp>,
    /// The shortest RSA key; less than 2048 bits are never taken.
    pub minimum_rsa_bits: u32,
    /// What the certificates are for.
    pub purpose: Usage,
}

/// A day: long enough to mend a broken download, short enough to matter.
pub const DEFAULT_CRL_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Certificates between one and its root.
const INTERMEDIATES: i32 = 4;

/// RSA keys below this are refused (NIST SP 800-131A: 112 bits of security).
pub const DEFAULT_RSA_BITS: u32 = 2048;

impl Settings {
    /// These roots, with defaults for all else.
    #[must_use]
    pub fn new(purpose: Usage, roots: Vec<X509>) -> Self {
        Self {
            roots,
            intermediates: Vec::new(),
            crls: Vec::new(),
            crl_grace: DEFAULT_CRL_GRACE,
            ocsp: None,
            minimum_rsa_bits: DEFAULT_RSA_BITS,
            purpose,
        }
    }
}

/// What a certificate is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// To sign assertions or messages: digitalSignature or nonRepudiation, where usage is stated.
    Signing,
    /// To connect: a TLS client.
    TlsClient,
}

/// Certificates are checked against these settings; the store is built once.
pub struct Authority {
    settings: Settings,
    store: X509Store,
}

impl Authority {
    /// Takes the settings as configuration read them.
    pub fn new(settings: Settings) -> Result<Self, ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        for root in &settings.roots {
            builder.add_cert(root.clone())?;
        }
        let mut rules = X509VerifyParam::new()?;
        // dates are compared here, by our clock; a configured issuing CA ends a chain as a root does
        rules.set_flags(X509VerifyFlags::NO_CHECK_TIME | X509VerifyFlags::PARTIAL_CHAIN)?;
        // 112 bits of security for every key and signature of the chain: no SHA-1, no short keys
        rules.set_auth_level(2);
        rules.set_depth(INTERMEDIATES);
        rules.set_purpose(match settings.purpose {
            Usage::Signing => X509PurposeId::ANY,
            Usage::TlsClient => X509PurposeId::SSL_CLIENT,
        })?;
        builder.set_param(&rules)?;
        Ok(Self { settings, store: builder.build() })
    }

    /// Builds a chain from what a peer showed who has the key, checks all of it, and has responders asked.
    pub fn check(
        &self,
        certificate: &X509Ref,
        shown: &[X509],
        now: Timestamp,
    ) -> Result<Standing, Unfit> {
        let (standing, chain) = self.chained(certificate, shown, now)?;
        self.ask(standing, &chain, now)
    }

    /// The same of who may not have the key: nobody is asked yet.
    pub fn chained(
        &self,
        certificate: &X509Ref,
        shown: &[X509],
        now: Timestamp,
    ) -> Result<(Standing, Vec<X509>), Unfit> {
        let chain = self.chain(certificate, shown)?;
        Ok((self.judge(&chain, now)?, chain))
    }

    fn chain(&self, certificate: &X509Ref, shown: &[X509]) -> Result<Vec<X509>, Unfit> {
        let mut others = Stack::new()?;
        for other in shown.iter().chain(&self.settings.intermediates) {
            others.push(other.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        let built = context.init(&self.store, certificate, &others, |context| {
            if !context.verify_cert()? {
                return Ok(Err(context.error()));
            }
            let chain = context.chain();
            Ok(Ok(chain.map(|chain| chain.iter().map(ToOwned::to_owned).collect::<Vec<_>>())))
        })?;
        let subject = || quoted(certificate.subject_name());
        built
            .map_err(|reason| Unfit::Chain { subject: subject(), reason: reason.error_string() })?
            .ok_or_else(|| Unfit::Chain { subject: subject(), reason: "no chain" })
    }

    /// The key of a certificate that holds, or will once its time begins, kept to the time in which it does.
    ///
    /// What its responders say is to be looked at on each use.
    pub fn key(
        &self,
        certificate: &X509Ref,
        shown: &[X509],
        now: Timestamp,
    ) -> Result<(Key, Standing), Unfit> {
        let now = now.max(moment(certificate.not_before())?);
        let chain = self.chain(certificate, shown)?;
        let standing = self.ask(self.stand(&chain, now)?, &chain, now)?;
        let key = Key::from_certificate(certificate);
        let key = key.map_err(|error| Unfit::Key(quoted(certificate.subject_name()), error))?;
        Ok((key.within(standing.from, standing.until), standing))
    }

    /// Has responders asked of a chain that was judged, once whoever showed it has the key: anybody may show one.
    pub fn ask(
        &self,
        mut standing: Standing,
        chain: &[X509],
        now: Timestamp,
    ) -> Result<Standing, Unfit> {
        if let Some(ocsp) = &self.settings.ocsp {
            standing.asked.clear();
            for (certificate, issuer) in issued(chain) {
                standing.asked.extend(ocsp.of(certificate, issuer, now)?);
            }
        }
        Ok(standing)
    }

    /// Checks a chain that was built already, the certificate first: dates, usage, key, revocation as far as it is known.
    pub fn judge(&self, chain: &[X509], now: Timestamp) -> Result<Standing, Unfit> {
        let standing = self.stand(chain, now)?;
        standing.unrevoked()?;
        Ok(standing)
    }

    /// All but whether responders said that it was revoked.
    fn stand(&self, chain: &[X509], now: Timestamp) -> Result<Standing, Unfit> {
        let mut standing = Standing {
            from: Timestamp::from_micros(i64::MIN),
            until: Timestamp::from_micros(i64::MAX),
            asked: Vec::new(),
        };
        if let Some(leaf) = chain.first() {
            self.fits(leaf)?;
        }
        for certificate in chain {
            let (from, until) =
                (moment(certificate.not_before())?, moment(certificate.not_after())?);
            if now < from || until < now {
                let subject = quoted(certificate.subject_name());
                return Err(Unfit::Dates { subject, from, until });
            }
            standing.from = standing.from.max(from);
            standing.until = standing.until.min(until);
        }
        if !self.settings.crls.is_empty() {
            for (certificate, issuer) in issued(chain) {
                let until = self.not_revoked(certificate, issuer, now)?;
                standing.until = standing.until.min(until);
            }
        }
        if let Some(ocsp) = &self.settings.ocsp {
            for (certificate, _) in issued(chain) {
                standing.asked.extend(ocsp.known(certificate)?);
            }
        }
        Ok(standing)
    }

    fn fits(&self, leaf: &X509Ref) -> Result<(), Unfit> {
        let subject = || quoted(leaf.subject_name());
        let signs = X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION;
        let usage = leaf.key_usage();
        let signing = self.settings.purpose == Usage::Signing;
        if signing && usage.is_some_and(|usage| !usage.intersects(signs)) {
            return Err(Unfit::Usage(subject()));
        }
        let key = leaf.public_key()?;
        let minimum = self.settings.minimum_rsa_bits.max(DEFAULT_RSA_BITS);
        let rsa = matches!(key.id(), openssl::pkey::Id::RSA | openssl::pkey::Id::RSA_PSS);
        if rsa && key.bits() < minimum {
            return Err(Unfit::WeakKey { subject: subject(), bits: key.bits(), minimum });
        }
        Ok(())
    }

    /// Until when the issuer's newest list in force says that it was not revoked.
    fn not_revoked(
        &self,
        certificate: &X509,
        issuer: &X509Ref,
        now: Timestamp,
    ) -> Result<Timestamp, Unfit> {
        let subject = || quoted(certificate.subject_name());
        let lists = self.settings.crls.iter().filter(|crl| crl.this_update() <= now);
        let newest = lists.filter(|crl| crl.is_of(issuer)).max_by_key(|crl| crl.this_update());
        let issuer = || quoted(issuer.subject_name());
        let newest = newest.ok_or_else(|| Unfit::NoCrl { subject: subject(), issuer: issuer() })?;
        let until = newest.next_update().plus(self.settings.crl_grace);
        if newest.revokes(certificate) {
            return Err(Unfit::Revoked(subject()));
        }
        if until < now {
            return Err(Unfit::StaleCrl { issuer: issuer(), until });
        }
        Ok(until)
    }
}

/// Each certificate below the root, with who issued it.
fn issued(chain: &[X509]) -> impl Iterator<Item = (&X509, &X509)> {
    chain.iter().zip(chain.iter().skip(1))
}

/// Shows how much it knows.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

/// Shows how much is configured.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("purpose", &self.purpose)
            .field("roots", &self.roots.len())
            .field("crls", &self.crls.len())
            .finish_non_exhaustive()
    }
}

/// A subject for a text that audit and log tell: a message may have brought the certificate.
fn quoted(name: &X509NameRef) -> String {
    quote(&subject_line(name))
}

/// A subject in one line, `CN=riverside, O=Riverside Hospital`.
#[must_use]
pub fn subject_line(name: &X509NameRef) -> String {
    let mut line = String::new();
    for entry in name.entries() {
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(entry.object().nid().short_name().unwrap_or("OID"));
        line.push('=');
        match entry.data().to_string() {
            Ok(value) => line.push_str(&value),
            Err(_) => line.push('?'),
        }
    }
    line
}

/// A time of ASN.1 as ours.
fn moment(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds =
        i64::from(since.days).saturating_mul(86_400).saturating_add(i64::from(since.secs));
    Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}
