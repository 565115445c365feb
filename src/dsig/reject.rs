/// Why a message's signature is not believed; carries names of the standard, never what a peer wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The document element is something else.
    #[error("the document element is not a SOAP 1.2 Envelope")]
    NotEnvelope,
    /// No SOAP header.
    #[error("the message has no soap:Header")]
    NoHeader,
    /// More than one in the whole message.
    #[error("the message has several soap:Header elements")]
    SeveralHeaders,
    /// Not a child of the Envelope.
    #[error("soap:Header is not a child of the Envelope")]
    MisplacedHeader,
    /// No security header.
    #[error("the message has no wsse:Security header")]
    NoSecurity,
    /// More than one in the whole message.
    #[error("the message has several wsse:Security elements")]
    SeveralSecurities,
    /// Not a child of the Header.
    #[error("wsse:Security is not a child of the Header")]
    MisplacedSecurity,
    /// No assertion.
    #[error("the message has no saml:Assertion")]
    NoAssertion,
    /// More in the security header than agreed: one, or a pair.
    #[error("the message has more saml:Assertion elements than agreed")]
    SeveralAssertions,
    /// One where two were agreed.
    #[error("the message has one saml:Assertion where two are agreed")]
    SingleAssertion,
    /// An assertion within an assertion or its signature.
    #[error("a saml:Assertion lies inside another one")]
    NestedAssertion,
    /// An assertion that is not a child of the security header.
    #[error("a saml:Assertion is not a child of wsse:Security")]
    MisplacedAssertion,
    /// Nothing here decrypts.
    #[error("the message has an EncryptedAssertion")]
    EncryptedAssertion,
    /// SAML 1.0 or 1.1.
    #[error("the message has an assertion of another SAML version")]
    ForeignAssertion,
    /// Without an ID nothing can point at it.
    #[error("the assertion has no ID")]
    NoId,
    /// Another element could be meant by the reference.
    #[error("the assertion's ID occurs more than once among the message's ids")]
    DuplicateId,
    /// No signature inside the assertion.
    #[error("the assertion is not signed")]
    Unsigned,
    /// More than one inside the assertion.
    #[error("the assertion holds several ds:Signature elements")]
    SeveralSignatures,
    /// Not a child of the assertion.
    #[error("ds:Signature is not a child of the assertion")]
    MisplacedSignature,
    /// A required element does not stand in its place.
    #[error("ds:{expected} is missing or not in its place")]
    Missing {
        /// The element that belongs there.
        expected: &'static str,
    },
    /// An element, processing instruction or comment that the profile does not allow.
    #[error("{inside} holds what does not belong there")]
    UnexpectedContent {
        /// The element around it.
        inside: &'static str,
    },
    /// Text where only elements belong.
    #[error("{inside} holds text between its elements")]
    UnexpectedText {
        /// The element around it.
        inside: &'static str,
    },
    /// An attribute that the profile does not allow.
    #[error("{element} has an attribute that does not belong there")]
    UnexpectedAttribute {
        /// The element that carries it.
        element: &'static str,
    },
    /// Not exclusive canonicalisation without comments.
    #[error("SignedInfo is not canonicalised exclusively, without comments")]
    Canonicalization,
    /// Not RSA (PKCS #1 or PSS) or ECDSA with SHA-256, 384 or 512.
    #[error("the signature algorithm is not allowed")]
    SignatureAlgorithm,
    /// More signatures over the message than anyone makes.
    #[error("wsse:Security holds more than {limit} signatures over the message")]
    TooManySignatures {
        /// The ceiling.
        limit: usize,
    },
    /// Not one SecurityTokenReference to the assertion or to a certificate in the header.
    #[error(
        "KeyInfo refers neither to the assertion nor to a BinarySecurityToken with a certificate"
    )]
    KeyInfo,
    /// An id that no element has, that several have, or that is referred to twice.
    #[error("a reference does not lead to one element")]
    ReferenceTarget,
    /// Signed is an element that nobody reads there.
    #[error("a reference leads to an element that is not in its place")]
    ReferencePlace,
    /// Not the key that the sender is known by.
    #[error("the message was not signed with the key of its sender")]
    MessageKey,
    /// The signature is genuine, a part of the message is not what was signed.
    #[error("a part of the message is not what was signed")]
    PartMismatch,
    /// More references than a signature over a message needs.
    #[error("SignedInfo has more than {limit} references")]
    TooManyReferences {
        /// The ceiling.
        limit: usize,
    },
    /// More than one reference.
    #[error("SignedInfo has several references")]
    SeveralReferences,
    /// The reference is not `#` and the assertion's ID.
    #[error("the reference does not point at the assertion")]
    ReferenceUri,
    /// Not exactly enveloped-signature, then exclusive canonicalisation.
    #[error("the transforms are not enveloped-signature, then exclusive canonicalisation")]
    Transforms,
    /// Not SHA-256, 384 or 512.
    #[error("the digest algorithm is not allowed")]
    DigestAlgorithm,
    /// A PrefixList is missing or too long.
    #[error("InclusiveNamespaces has no PrefixList, or one of more than {limit} prefixes")]
    PrefixList {
        /// The ceiling.
        limit: usize,
    },
    /// The text is not base64.
    #[error("{element} is not base64")]
    Base64 {
        /// The element that holds it.
        element: &'static str,
    },
    /// Nothing is configured to verify with.
    #[error("no key is configured for the issuer")]
    NoKey,
    /// RSA asked for, EC configured, or the other way round.
    #[error("no key of the issuer fits the signature algorithm")]
    KeyUnfit,
    /// Of those keys none may be used now.
    #[error("no key of the issuer is in force: certificate or revocation list has ended")]
    KeyEnded,
    /// No candidate key made this signature.
    #[error("the signature was not made by a key of the issuer")]
    SignatureMismatch,
    /// The signature is genuine, the assertion is not what was signed.
    #[error("the assertion is not what was signed")]
    DigestMismatch,
}

impl Reject {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEnvelope => "not-envelope",
            Self::NoHeader => "no-header",
            Self::SeveralHeaders => "several-headers",
            Self::MisplacedHeader => "misplaced-header",
            Self::NoSecurity => "no-security",
            Self::SeveralSecurities => "several-securities",
            Self::MisplacedSecurity => "misplaced-security",
            Self::NoAssertion => "no-assertion",
            Self::SeveralAssertions => "several-assertions",
            Self::SingleAssertion => "single-assertion",
            Self::NestedAssertion => "nested-assertion",
            Self::MisplacedAssertion => "misplaced-assertion",
            Self::EncryptedAssertion => "encrypted-assertion",
            Self::ForeignAssertion => "foreign-assertion",
            Self::NoId => "no-id",
            Self::DuplicateId => "duplicate-id",
            Self::Unsigned => "unsigned",
            Self::SeveralSignatures => "several-signatures",
            Self::MisplacedSignature => "misplaced-signature",
            Self::Missing { .. } => "missing-element",
            Self::UnexpectedContent { .. } => "unexpected-content",
            Self::UnexpectedText { .. } => "unexpected-text",
            Self::UnexpectedAttribute { .. } => "unexpected-attribute",
            Self::Canonicalization => "canonicalization",
            Self::SignatureAlgorithm => "signature-algorithm",
            Self::TooManySignatures { .. } => "too-many-signatures",
            Self::KeyInfo => "key-info",
            Self::ReferenceTarget => "reference-target",
            Self::ReferencePlace => "reference-place",
            Self::MessageKey => "message-key",
            Self::PartMismatch => "part-mismatch",
            Self::TooManyReferences { .. } => "too-many-references",
            Self::SeveralReferences => "several-references",
            Self::ReferenceUri => "reference-uri",
            Self::Transforms => "transforms",
            Self::DigestAlgorithm => "digest-algorithm",
            Self::PrefixList { .. } => "prefix-list",
            Self::Base64 { .. } => "base64",
            Self::NoKey => "no-key",
            Self::KeyUnfit => "key-unfit",
            Self::KeyEnded => "key-ended",
            Self::SignatureMismatch => "signature-mismatch",
            Self::DigestMismatch => "digest-mismatch",
        }
    }
}
