use super::untrusted::Reason;

/// One step on the way to believing an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The TLS client certificate names a partner.
    Client,
    /// The message has one assertion in its place, or two as agreed, signed in the one shape that is allowed.
    Structure,
    /// The partner may bring assertions of the issuer.
    Issuer,
    /// The issuer has a key, from configuration or by a chain to its roots.
    Key,
    /// The key made the signature over these octets.
    Signature,
    /// The signed octets are an assertion of that issuer.
    Reading,
    /// Of two assertions the second names the first, and both agree.
    Relationship,
    /// Signatures over the message, and its Timestamp.
    Message,
    /// Version.
    Version,
    /// IssueInstant.
    Issued,
    /// NotBefore, NotOnOrAfter, and the time between them.
    Validity,
    /// Every condition is understood.
    Conditions,
    /// AudienceRestriction.
    Audience,
    /// AuthnStatement.
    AuthnStatement,
    /// AuthnContext.
    AuthnContext,
    /// SessionNotOnOrAfter.
    Session,
    /// SubjectConfirmation.
    Confirmation,
    /// homeCommunityId.
    HomeCommunity,
    /// The assertion was not used before, where that matters.
    Replay,
}

impl Check {
    /// What is checked, as people say it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Client => "TLS client certificate names a partner",
            Self::Structure => "as many assertions as agreed, signed in the allowed shape",
            Self::Issuer => "issuer listed for the partner",
            Self::Key => "key of the issuer",
            Self::Signature => "signature",
            Self::Reading => "signed octets are the issuer's assertion",
            Self::Relationship => "names the identity assertion and agrees with it",
            Self::Message => "message signature and Timestamp",
            Self::Version => "SAML version",
            Self::Issued => "IssueInstant",
            Self::Validity => "NotBefore, NotOnOrAfter, lifetime",
            Self::Conditions => "conditions understood",
            Self::Audience => "audience",
            Self::AuthnStatement => "AuthnStatement",
            Self::AuthnContext => "AuthnContext",
            Self::Session => "session",
            Self::Confirmation => "subject confirmation",
            Self::HomeCommunity => "homeCommunityId",
            Self::Replay => "not used before",
        }
    }
}

/// What of a message is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The message, or its only assertion.
    Message,
    /// Of two assertions that of the user.
    Identity,
    /// Of two assertions that of the treatment relationship.
    Relationship,
}

impl Which {
    /// What a check's title begins with.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Message => "",
            Self::Identity => "identity: ",
            Self::Relationship => "treatment relationship: ",
        }
    }
}

/// Sees each check and what came of it; it changes nothing.
pub trait Witness {
    /// A check was made.
    fn saw(&mut self, which: Which, check: Check, outcome: Result<(), &Reason>);

    /// Whether rules that do not depend on each other are all checked, though one is broken.
    fn wants_all(&self) -> bool {
        false
    }
}

/// Nobody looks: what a request in earnest is checked with.
impl Witness for () {
    fn saw(&mut self, _: Which, _: Check, _: Result<(), &Reason>) {}
}
