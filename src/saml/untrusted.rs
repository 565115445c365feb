use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::dsig;
use crate::limits;
use crate::xml::{self, Document, Node, ns};

use super::authorities::Unchained;
use super::confirmation::Unconfirmed;
use super::element::Malformed;
use super::message::Unproven;
use super::relationship::Unrelated;
use super::replay::Replayed;

/// Why a message is not believed, and what can be said of its sender.
#[derive(Debug)]
pub struct Untrusted {
    /// The true reason, for audit and log only.
    pub reason: Reason,
    /// What the message says of itself, unverified.
    pub claimed: Option<Box<Claimed>>,
    /// The partner that the TLS client is.
    pub partner: Option<String>,
    /// The subject, where a trusted key did sign the assertion and a later rule failed.
    pub verified_subject: Option<Box<VerifiedSubject>>,
}

/// Every reason not to believe; none of them reaches the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The TLS client certificate belongs to no partner, or to several.
    #[error("the TLS client certificate names no partner")]
    UnknownPeer,
    /// Structure or signature.
    #[error("signature: {0}")]
    Signature(#[from] dsig::Reject),
    /// The partner may not bring assertions of this issuer.
    #[error("the issuer is not listed for the partner")]
    IssuerNotListed,
    /// The signed Issuer is not the one whose key verified.
    #[error("the signed issuer is not the one whose key verified")]
    IssuerDiffers,
    /// The signed octets cannot be read as an assertion.
    #[error("malformed assertion: {0}")]
    Malformed(#[from] Malformed),
    /// Not SAML 2.0.
    #[error("version {0:?} is not 2.0")]
    Version(String),
    /// IssueInstant lies ahead.
    #[error("issued at {issued}, and it is {now}")]
    IssuedInFuture {
        /// IssueInstant.
        issued: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// NotBefore lies ahead.
    #[error("not valid before {from}, and it is {now}")]
    NotYetValid {
        /// NotBefore.
        from: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// NotOnOrAfter has come.
    #[error("expired at {until}, and it is {now}")]
    Expired {
        /// NotOnOrAfter, or IssueInstant and the longest lifetime.
        until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// NotOnOrAfter does not come after NotBefore.
    #[error("NotOnOrAfter is not later than NotBefore")]
    NoLifetime,
    /// Valid for longer than agreed.
    #[error("valid for {lifetime:?}, longer than {longest:?}")]
    Lifetime {
        /// From NotBefore to NotOnOrAfter.
        lifetime: Duration,
        /// As agreed with the partner.
        longest: Duration,
    },
    /// Meant for nobody in particular.
    #[error("no AudienceRestriction")]
    NoAudience,
    /// An AudienceRestriction that does not name us.
    #[error("meant for another audience: {0}")]
    Audience(String),
    /// A condition that nobody here understands (SAML core 2.5.1.1).
    #[error("unknown condition {0}")]
    UnknownCondition(String),
    /// Nothing says how the subject was authenticated.
    #[error("no AuthnStatement")]
    NoAuthnStatement,
    /// Authenticated in a way that was not agreed.
    #[error("authenticated by {0}, which is not agreed")]
    AuthnContext(String),
    /// SessionNotOnOrAfter has come.
    #[error("the session ended at {until}, and it is {now}")]
    SessionEnded {
        /// SessionNotOnOrAfter.
        until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// The message's own signature or Timestamp.
    #[error("message signature: {0}")]
    Message(#[from] Unproven),
    /// No subject confirmation holds.
    #[error("subject confirmation: {0}")]
    Confirmation(#[from] Unconfirmed),
    /// The subject's community is not one of the partner's, or no OID at all.
    #[error("home community {0} is not the partner's")]
    HomeCommunity(String),
    /// Several homeCommunityId attributes that differ.
    #[error("several home communities that differ")]
    HomeCommunities,
    /// No certificate of KeyInfo counts for the issuer.
    #[error("certificate: {0}")]
    Certificate(#[from] Unchained),
    /// Used before, where it is good for one time.
    #[error("{0}")]
    Replay(#[from] Replayed),
    /// Two assertions that do not belong together.
    #[error("treatment relationship: {0}")]
    Unrelated(#[from] Unrelated),
    /// What the second of two assertions is not believed for.
    #[error("treatment relationship: {0}")]
    Relationship(Box<Self>),
}

impl Reason {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownPeer => "unknown-peer",
            Self::Signature(reject) => reject.code(),
            Self::IssuerNotListed => "issuer-not-listed",
            Self::IssuerDiffers => "issuer-differs",
            Self::Malformed(_) => "malformed-assertion",
            Self::Version(_) => "version",
            Self::IssuedInFuture { .. } => "issued-in-future",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::NoLifetime => "no-lifetime",
            Self::Lifetime { .. } => "lifetime",
            Self::NoAudience => "no-audience",
            Self::Audience(_) => "audience",
            Self::UnknownCondition(_) => "unknown-condition",
            Self::NoAuthnStatement => "no-authn-statement",
            Self::AuthnContext(_) => "authn-context",
            Self::SessionEnded { .. } => "session-ended",
            Self::Message(unproven) => unproven.code(),
            Self::Confirmation(unconfirmed) => unconfirmed.code(),
            Self::HomeCommunity(_) => "home-community",
            Self::HomeCommunities => "home-communities-differ",
            Self::Certificate(unchained) => unchained.code(),
            Self::Replay(replayed) => replayed.code(),
            Self::Unrelated(unrelated) => unrelated.code(),
            Self::Relationship(reason) => reason.code(),
        }
    }

    /// Whether there was no room to remember an assertion, whoever filled it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Replay(Replayed::Full) => true,
            Self::Relationship(reason) => reason.is_full(),
            _ => false,
        }
    }
}

/// What a message says of itself before anyone believes it: cut, harmless to print, for audit alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Text of Issuer.
    pub issuer: String,
    /// Text of NameID.
    pub subject: String,
    /// The assertion's ID.
    pub id: String,
}

impl Claimed {
    /// Quotes the first assertion anywhere in a message, whatever is wrong with it.
    pub(super) fn quote(document: &Document<'_>) -> Option<Self> {
        let assertion =
            document.root().descendants().find(|n| n.has_tag_name((ns::SAML, "Assertion")))?;
        let text = |node: Option<Node<'_, '_>>| node.map(|n| quote(&xml::text(n)));
        let subject = xml::child(assertion, ns::SAML, "Subject");
        Some(Self {
            issuer: text(xml::child(assertion, ns::SAML, "Issuer")).unwrap_or_default(),
            subject: text(subject.and_then(|s| xml::child(s, ns::SAML, "NameID")))
                .unwrap_or_default(),
            id: xml::attribute(assertion, "ID").map(quote).unwrap_or_default(),
        })
    }
}

/// Subjects stay out of logs, claimed ones too.
impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The subject of an assertion whose signature verified.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedSubject {
    /// As audit names a user: `alias<user@issuer>` (ITI TF-2 3.40.4.2).
    pub user_name: String,
    /// Text of NameID.
    pub subject: String,
    /// The ID of the assertion that names him.
    pub assertion_id: String,
}

/// Subjects stay out of logs.
impl fmt::Debug for VerifiedSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSubject").finish_non_exhaustive()
    }
}

/// Cuts a text and replaces control characters, so that it may be quoted.
pub(super) fn quote(text: &str) -> String {
    text.trim()
        .chars()
        .take(limits::UNVERIFIED_QUOTE_CHARS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Bounds;

    #[test]
    fn claims_are_cut_and_never_printed() {
        let long = "x".repeat(500);
        let text = format!(
            "<e xmlns='{}'><Assertion ID='a'><Issuer>i&#10;j</Issuer><Subject><NameID>{long}\
             </NameID></Subject></Assertion></e>",
            ns::SAML
        );
        let document = xml::parse(&text, Bounds::REQUEST).unwrap();
        let claimed = Claimed::quote(&document).unwrap();
        assert_eq!((claimed.id.as_str(), claimed.issuer.as_str()), ("a", "i\u{fffd}j"));
        assert_eq!(claimed.subject.len(), limits::UNVERIFIED_QUOTE_CHARS);
        assert!(!format!("{claimed:?}").contains('x'));

        let nothing = xml::parse("<e/>", Bounds::REQUEST).unwrap();
        assert!(Claimed::quote(&nothing).is_none());
    }
}
