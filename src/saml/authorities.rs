use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use lru::LruCache;
use openssl::sha::Sha256;
use openssl::x509::{X509, X509Ref};

use super::certificates::{Authority, Standing, Unfit};
use crate::clock::Timestamp;
use crate::dsig::Key;
use crate::limits;

/// Certificates of KeyInfo that are looked at: a signer and its issuers.
const CERTIFICATES: usize = 8;
/// Chains remembered for an issuer: it signs with one or two certificates at a time.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The roots of an issuer, and the names that its certificate bears.
pub struct Authorities {
    authority: Authority,
    names: Names,
    /// What was found good: parsing a certificate costs more than a signature.
    good: Mutex<LruCache<[u8; 32], Good>>,
}

/// The names of which an issuer's certificate bears one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Whole subjects, the parts in any order.
    pub subjects: Vec<Subject>,
    /// Subject alternative names: DNS, e-mail or URI.
    pub alternative: Vec<String>,
}

/// A distinguished name, its parts sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(Vec<(String, String)>);

/// A key that a chain was found for.
struct Good {
    key: Key,
    checked: Timestamp,
    standing: Standing,
    /// Of which responders are still to be asked, once the key has signed something.
    chain: Vec<X509>,
}

/// Why no certificate of KeyInfo counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchained {
    /// There is none in KeyInfo.
    #[error("KeyInfo offers no certificate")]
    Absent,
    /// More than anyone needs.
    #[error("KeyInfo offers more than {CERTIFICATES} certificates")]
    TooMany,
    /// None bears a configured subject or alternative name.
    #[error("no certificate bears the issuer's name; unverified: {0}")]
    Name(String),
    /// No chain to a configured root.
    #[error("no chain to the issuer's roots; unverified: {0}")]
    Chain(String),
    /// Revoked, or nothing says that it was not.
    #[error("{0}")]
    Revocation(String),
    /// Revoked, as a responder says.
    #[error("{0}")]
    SaidRevoked(String),
    /// Its key usage does not allow signatures.
    #[error("the certificate is not for signatures")]
    Usage,
    /// A key that is too weak or of a kind that is not used.
    #[error("the certificate's key: {0}")]
    Key(String),
}

impl Unchained {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "no-certificate",
            Self::TooMany => "too-many-certificates",
            Self::Name(_) => "certificate-name",
            Self::Chain(_) => "certificate-chain",
            Self::Revocation(_) => "certificate-revocation",
            Self::SaidRevoked(_) => "certificate-revoked-by-ocsp",
            Self::Usage => "certificate-usage",
            Self::Key(_) => "certificate-key",
        }
    }
}

impl Authorities {
    /// Believes what chains to these roots and no others, of certificates of these names.
    #[must_use]
    pub fn new(authority: Authority, names: Names) -> Self {
        Self { authority, names, good: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// The key of the first offered certificate that bears the name and chains to a root now.
    pub(super) fn key(&self, offered: &[Vec<u8>], now: Timestamp) -> Result<Key, Unchained> {
        if offered.is_empty() {
            return Err(Unchained::Absent);
        }
        if offered.len() > CERTIFICATES {
            return Err(Unchained::TooMany);
        }
        let name = name_of(offered);
        if let Some((key, standing)) = self.remembered(&name, now) {
            // a responder may have answered since
            standing.unrevoked()?;
            return Ok(key);
        }
        let certificates: Vec<X509> =
            offered.iter().filter_map(|der| X509::from_der(der).ok()).collect();
        let mut why = None;
        for candidate in certificates.iter().filter(|one| self.names.bears(one)) {
            match self.chain(candidate, &certificates, now) {
                Ok(good) => {
                    let key = good.key.clone();
                    if let Ok(mut known) = self.good.lock() {
                        known.put(name, good);
                    }
                    return Ok(key);
                }
                Err(unchained) => why = Some(unchained),
            }
        }
        Err(why.unwrap_or_else(|| {
            let subjects: Vec<_> =
                certificates.iter().map(|one| Subject::of(one).to_string()).collect();
            Unchained::Name(super::untrusted::quote(&subjects.join("; ")))
        }))
    }

    /// Has responders asked of the certificate whose key made a signature; no sooner, for anybody may show one.
    pub(super) fn signed(&self, key: &[u8; 32], now: Timestamp) -> Result<(), Unfit> {
        let Ok(mut known) = self.good.lock() else { return Ok(()) };
        for (_, good) in known.iter_mut().filter(|(_, good)| good.key.fingerprint() == key) {
            let chain = std::mem::take(&mut good.chain);
            if !chain.is_empty() {
                good.standing = self.authority.ask(good.standing.clone(), &chain, now)?;
            }
        }
        Ok(())
    }

    fn remembered(&self, name: &[u8; 32], now: Timestamp) -> Option<(Key, Standing)> {
        let mut known = self.good.lock().ok()?;
        let good = known.get(name)?;
        let fresh = good.checked <= now && now.since(good.checked) <= limits::SIGNATURE_CACHE_TIME;
        (fresh && now <= good.standing.until()).then(|| (good.key.clone(), good.standing.clone()))
    }

    /// The key and what its chain is worth, where there is one.
    fn chain(
        &self,
        candidate: &X509Ref,
        offered: &[X509],
        now: Timestamp,
    ) -> Result<Good, Unchained> {
        let (standing, chain) = self.authority.chained(candidate, offered, now)?;
        let key = Key::from_certificate(candidate);
        let key = key.map_err(|error| Unchained::Key(error.to_string()))?;
        Ok(Good { key, checked: now, standing, chain })
    }
}

impl From<Unfit> for Unchained {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Usage(_) => Self::Usage,
            Unfit::WeakKey { .. } | Unfit::Key(..) => Self::Key(unfit.to_string()),
            Unfit::Revoked(_) | Unfit::NoCrl { .. } | Unfit::StaleCrl { .. } => {
                Self::Revocation(unfit.to_string())
            }
            Unfit::SaidRevoked(_) => Self::SaidRevoked(unfit.to_string()),
            Unfit::Chain { .. } | Unfit::Dates { .. } | Unfit::OpenSsl(_) => {
                Self::Chain(unfit.to_string())
            }
        }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Names {
    fn bears(&self, certificate: &X509Ref) -> bool {
        if self.subjects.contains(&Subject::of(certificate)) {
            return true;
        }
        let Some(alternative) = certificate.subject_alt_names() else { return false };
        alternative.iter().any(|name| {
            let dns = name.dnsname().map(|dns| (dns, true));
            let exact = name.email().or_else(|| name.uri()).map(|text| (text, false));
            dns.or(exact).is_some_and(|(text, any_case)| {
                self.alternative
                    .iter()
                    .any(|own| own == text || any_case && own.eq_ignore_ascii_case(text))
            })
        })
    }
}

impl Subject {
    /// Reads `CN=sts, O=Riverside`, as `openssl x509 -subject` prints it too; a part must have a value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts: Vec<(String, String)> = Vec::new();
        for piece in text.split(',') {
            let part = piece.split_once('=').filter(|(kind, _)| is_kind(kind.trim()));
            match (part, parts.last_mut()) {
                (Some((kind, value)), _) => {
                    parts.push((kind.trim().to_owned(), value.trim().to_owned()));
                }
                // a comma within a value
                (None, Some((_, value))) => {
                    value.push(',');
                    value.push_str(piece);
                }
                (None, None) => return None,
            }
        }
        parts.sort();
        parts.iter().all(|(_, value)| !value.is_empty()).then_some(Self(parts))
    }

    fn of(certificate: &X509Ref) -> Self {
        let entries = certificate.subject_name().entries();
        let mut parts: Vec<(String, String)> = entries
            .map(|entry| {
                let kind = entry.object().nid().short_name().unwrap_or("OID").to_owned();
                (kind, entry.data().to_string().unwrap_or_default())
            })
            .collect();
        parts.sort();
        Self(parts)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, value)) in self.0.iter().enumerate() {
            write!(f, "{}{kind}={value}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

/// The name under which a chain is remembered: all that was offered, each with its length.
fn name_of(offered: &[Vec<u8>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for der in offered {
        hash.update(&(der.len() as u64).to_be_bytes());
        hash.update(der);
    }
    hash.finish()
}

#[cfg(test)]
mod tests;
