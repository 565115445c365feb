use crate::limits;
use crate::xml;

use super::fault::{Fault, FaultKind, Flaw};

/// Why an HTTP entity is no request that this gateway reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No Content-Type at all.
    #[error("no Content-Type")]
    ContentTypeMissing,
    /// A Content-Type that breaks its grammar, or names a parameter twice.
    #[error("malformed Content-Type")]
    ContentType,
    /// Neither SOAP 1.2 nor MTOM; holds the media type.
    #[error("media type {0:?} is neither SOAP 1.2 nor MTOM")]
    MediaType(String),
    /// `text/xml`, which is SOAP 1.1.
    #[error("text/xml is SOAP 1.1, SOAP 1.2 is required")]
    Soap11,
    /// A charset other than UTF-8.
    #[error("charset {0:?} is not utf-8")]
    Charset(String),
    /// A multipart without a usable boundary.
    #[error("multipart without a boundary of 1 to 70 visible characters")]
    Boundary,
    /// No closing boundary: the entity was cut short.
    #[error("the multipart does not end in its closing boundary")]
    Unclosed,
    /// More parts than allowed.
    #[error("more than {limit} MIME parts")]
    TooManyParts {
        /// The ceiling.
        limit: usize,
    },
    /// The headers of one part are too long.
    #[error("a MIME part has more than {limit} bytes of headers")]
    PartHeadTooLarge {
        /// The ceiling.
        limit: usize,
    },
    /// The headers of one part break their grammar, or name one of ours twice.
    #[error("malformed MIME part header")]
    PartHead,
    /// Two parts carry the same Content-ID.
    #[error("two MIME parts have the same Content-ID")]
    DuplicateContentId,
    /// No part has the Content-ID that `start` names, or there is no part.
    #[error("the multipart has no root part")]
    RootMissing,
    /// The root part is not XML of SOAP 1.2; holds the media type.
    #[error("root part of type {0:?} is neither XOP nor SOAP 1.2")]
    RootType(String),
    /// A part in an encoding that is not the identity.
    #[error("Content-Transfer-Encoding {0:?} is not supported")]
    TransferEncoding(String),
    /// An `xop:Include` of the security header that names no part, parts that are too large for a header, or too many.
    #[error(
        "an xop:Include of the security header names no part, or parts too large or too many for a header"
    )]
    Include,
    /// The envelope is not UTF-8.
    #[error("the envelope is not UTF-8")]
    NotUtf8,
    /// The XML declaration names another encoding.
    #[error("the XML declaration says {0:?}, not UTF-8")]
    XmlEncoding(String),
    /// The envelope is not well-formed or too large.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is not the SOAP 1.2 envelope.
    #[error("not a SOAP 1.2 envelope")]
    Version,
    /// Something beside one optional Header and then one Body.
    #[error("an envelope holds at most one Header, then one Body")]
    Envelope,
    /// The Body does not hold exactly one element.
    #[error("the Body holds {0} elements, not one")]
    Body(usize),
    /// A header block that must be understood and is not.
    #[error("header block {{{namespace}}}{name} is not understood")]
    NotUnderstood {
        /// Namespace of the block, empty where it has none.
        namespace: String,
        /// Local name of the block.
        name: String,
    },
    /// No `wsa:Action`.
    #[error("no wsa:Action")]
    ActionMissing,
    /// A WS-Addressing header that breaks the rules.
    #[error("wsa:{header} has a wrong {flaw}")]
    Addressing {
        /// Local name of the header.
        header: &'static str,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The answer or its faults are wanted on another connection.
    #[error("wsa:{header} is not anonymous")]
    NotAnonymous {
        /// `ReplyTo` or `FaultTo`.
        header: &'static str,
    },
    /// An action that is not served here; for whoever dispatches.
    #[error("action {0:?} is not served here")]
    ActionNotSupported(String),
    /// A body that does not belong to its action; for whoever dispatches.
    #[error("the body does not belong to the action")]
    WrongBody,
    /// The other packaging than the transaction prescribes; for a strict partner.
    #[error("the packaging is not that of the transaction")]
    Packaging,
}

impl Error {
    /// A stable name for logs, metrics and fixtures.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ContentTypeMissing => "content-type-missing",
            Self::ContentType => "content-type",
            Self::MediaType(_) => "media-type",
            Self::Soap11 => "soap-1-1",
            Self::Charset(_) => "charset",
            Self::Boundary => "boundary",
            Self::Unclosed => "unclosed",
            Self::TooManyParts { .. } => "too-many-parts",
            Self::PartHeadTooLarge { .. } => "part-head-too-large",
            Self::PartHead => "part-head",
            Self::DuplicateContentId => "duplicate-content-id",
            Self::RootMissing => "root-missing",
            Self::RootType(_) => "root-type",
            Self::TransferEncoding(_) => "transfer-encoding",
            Self::Include => "xop-include",
            Self::NotUtf8 => "not-utf-8",
            Self::XmlEncoding(_) => "xml-encoding",
            Self::Xml(xml::Error::Malformed(_)) => "xml-malformed",
            Self::Xml(_) => "xml-bounds",
            Self::Version => "version",
            Self::Envelope => "envelope",
            Self::Body(_) => "body",
            Self::NotUnderstood { .. } => "not-understood",
            Self::ActionMissing => "action-missing",
            Self::Addressing { .. } => "addressing",
            Self::NotAnonymous { .. } => "not-anonymous",
            Self::ActionNotSupported(_) => "action-not-supported",
            Self::WrongBody => "wrong-body",
            Self::Packaging => "packaging",
        }
    }

    /// What the sender is told; constant but for names that he sent.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::ContentTypeMissing
            | Self::MediaType(_)
            | Self::Soap11
            | Self::Charset(_)
            | Self::RootType(_) => Fault::from(FaultKind::UnsupportedMediaType),
            Self::ContentType
            | Self::Boundary
            | Self::Unclosed
            | Self::TooManyParts { .. }
            | Self::PartHeadTooLarge { .. }
            | Self::PartHead
            | Self::DuplicateContentId
            | Self::RootMissing
            | Self::Include
            | Self::TransferEncoding(_) => Fault::sender("The MIME package could not be read"),
            Self::NotUtf8 | Self::XmlEncoding(_) => Fault::sender("The envelope is not UTF-8"),
            Self::Xml(xml::Error::Malformed(_)) => {
                Fault::sender("The envelope is not well-formed XML")
            }
            Self::Xml(_) => Fault::sender("The envelope exceeds a limit of this receiver"),
            Self::Version => Fault::from(FaultKind::VersionMismatch),
            Self::Envelope => Fault::sender("An envelope holds at most one Header, then one Body"),
            Self::Body(_) => Fault::sender("The Body does not hold exactly one element"),
            Self::NotUnderstood { namespace, name } => Fault::from(FaultKind::MustUnderstand {
                namespace: namespace.clone(),
                name: name.clone(),
            }),
            Self::ActionMissing => Fault::from(FaultKind::MessageAddressingHeaderRequired),
            Self::Addressing { header, flaw } => {
                Fault::from(FaultKind::InvalidAddressingHeader { header, flaw: *flaw })
            }
            Self::NotAnonymous { header } => {
                Fault::from(FaultKind::OnlyAnonymousAddressSupported { header })
            }
            Self::ActionNotSupported(action) => Fault {
                problem_action: Some(action.clone()),
                ..Fault::from(FaultKind::ActionNotSupported)
            },
            Self::WrongBody => Fault::sender("The body does not belong to the action"),
            Self::Packaging => Fault::sender("Message Format: wrong packaging for the transaction"),
        }
    }
}

/// Cuts what a sender wrote, so that an error stays short.
pub(super) fn quote(text: &str) -> String {
    text.chars().take(limits::UNVERIFIED_QUOTE_CHARS).collect()
}
