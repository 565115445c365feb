use openssl::asn1::Asn1GeneralizedTimeRef;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ocsp::{
    OcspBasicResponse, OcspCertId, OcspCertStatus, OcspFlag, OcspRequest, OcspResponse,
    OcspResponseStatus,
};
use openssl::stack::Stack;
use openssl::x509::X509Ref;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use time::PrimitiveDateTime;
use time::format_description::parse_borrowed;

use super::UNDATED;
use crate::clock::Timestamp;
use crate::limits;

/// What a responder says of one certificate, its signature verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether it was revoked.
    pub revoked: bool,
    /// thisUpdate: when that was known to be so.
    pub as_of: Timestamp,
    /// nextUpdate, or an hour after thisUpdate where there is none.
    pub until: Timestamp,
}

/// Why nothing is known; none of it is a reason to disbelieve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Nobody says whom to ask.
    #[error("the certificate names no responder; name one in the settings")]
    NoResponder,
    /// No connection, no answer, or not in time.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// HTTP says no.
    #[error("answers with HTTP status {0}")]
    Status(u16),
    /// More than an answer can be.
    #[error("answers with more than {} bytes", limits::OCSP_BYTES)]
    TooLarge,
    /// Not OCSP.
    #[error("answers with what is no OCSP response")]
    Unreadable,
    /// OCSP says no (RFC 6960 2.3).
    #[error("answers with OCSP response status {0}")]
    Refused(i32),
    /// Signed by somebody else, or for somebody else.
    #[error("is not believed: {0}")]
    Unverified(String),
    /// About another certificate.
    #[error("answers about another certificate")]
    OtherCertificate,
    /// Made in the future, or over.
    #[error("answers for {as_of} to {until}")]
    Stale {
        /// thisUpdate.
        as_of: Timestamp,
        /// nextUpdate, or where there is none when it stops to count.
        until: Timestamp,
    },
    /// Older than what it said before.
    #[error("answers for {as_of}, and has answered for {newest} before")]
    Older {
        /// thisUpdate.
        as_of: Timestamp,
        /// thisUpdate of the newest answer.
        newest: Timestamp,
    },
    /// The responder does not know the certificate.
    #[error("does not know the certificate")]
    Unknown,
}

impl Unanswered {
    /// The stable name for metrics, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoResponder => "no-responder",
            Self::Unreachable(_) => "unreachable",
            Self::Status(_) => "http-status",
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
            Self::Refused(_) => "refused",
            Self::Unverified(_) => "unverified",
            Self::OtherCertificate => "other-certificate",
            Self::Stale { .. } | Self::Older { .. } => "stale",
            Self::Unknown => "unknown",
        }
    }
}

/// The certificate as requests name it: SHA-1 names and protects nothing, and every responder knows it (RFC 5019 2.1.1).
fn id(certificate: &X509Ref, issuer: &X509Ref) -> Result<OcspCertId, ErrorStack> {
    OcspCertId::from_cert(MessageDigest::sha1(), certificate, issuer)
}

pub(super) fn request(certificate: &X509Ref, issuer: &X509Ref) -> Result<Vec<u8>, ErrorStack> {
    let mut request = OcspRequest::new()?;
    request.add_id(id(certificate, issuer)?)?;
    request.to_der()
}

pub(super) fn judge(
    der: &[u8],
    certificate: &X509Ref,
    issuer: &X509Ref,
    now: Timestamp,
) -> Result<Answer, Unanswered> {
    let response = OcspResponse::from_der(der).map_err(|_| Unanswered::Unreadable)?;
    if response.status() != OcspResponseStatus::SUCCESSFUL {
        return Err(Unanswered::Refused(response.status().as_raw()));
    }
    let basic = response.basic().map_err(|_| Unanswered::Unreadable)?;
    verify(&basic, issuer, now).map_err(|stack| Unanswered::Unverified(reasons(&stack)))?;
    let id = id(certificate, issuer).map_err(|_| Unanswered::Unreadable)?;
    let single = basic.find_status(&id).ok_or(Unanswered::OtherCertificate)?;
    let as_of = moment(single.this_update).ok_or(Unanswered::Unreadable)?;
    let until = match single.next_update() {
        Some(next) => moment(next).ok_or(Unanswered::Unreadable)?,
        None => as_of.plus(UNDATED),
    };
    // our clock, by which all else is judged, not OpenSSL's
    let skew = limits::LONGEST_SKEW;
    if now.plus(skew) < as_of || until.plus(skew) < now {
        return Err(Unanswered::Stale { as_of, until });
    }
    match single.status {
        OcspCertStatus::GOOD => Ok(Answer { revoked: false, as_of, until }),
        OcspCertStatus::REVOKED => Ok(Answer { revoked: true, as_of, until }),
        _ => Err(Unanswered::Unknown),
    }
}

/// Signed by the issuer, or by a certificate that it issued for just this (RFC 6960 4.2.2.2).
fn verify(basic: &OcspBasicResponse, issuer: &X509Ref, now: Timestamp) -> Result<(), ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(issuer.to_owned())?;
    let mut rules = X509VerifyParam::new()?;
    // the issuer ends the chain, whether it is a root or not: nothing above it vouches for a responder
    rules.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    rules.set_time(now.micros() / 1_000_000);
    rules.set_auth_level(2);
    rules.set_depth(0);
    store.set_param(&rules)?;
    let mut known = Stack::new()?;
    known.push(issuer.to_owned())?;
    // a trusted root is no responder for other CAs
    basic.verify(&known, &store.build(), OcspFlag::NO_EXPLICIT)
}

const TIME: &str = "[month repr:short] [day padding:space] [hour]:[minute]:[second] [year] GMT";

/// A time of ASN.1 as ours; OpenSSL gives it as text alone, `Nov 22 12:00:00 2026 GMT`.
fn moment(time: &Asn1GeneralizedTimeRef) -> Option<Timestamp> {
    let format = parse_borrowed::<2>(TIME).ok()?;
    let read = PrimitiveDateTime::parse(&time.to_string(), &format).ok()?;
    let seconds = read.assume_utc().unix_timestamp();
    Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
}

/// OpenSSL's reasons without its file names and lines.
fn reasons(stack: &ErrorStack) -> String {
    let reasons: Vec<&str> =
        stack.errors().iter().filter_map(openssl::error::Error::reason).collect();
    if reasons.is_empty() { "its signature does not verify".to_owned() } else { reasons.join("; ") }
}
