//! The one place where a failure gets its three faces: wire, audit and metric.

use crate::policy::Refusal;
use crate::repository;
use crate::saml::Untrusted;
use crate::soap::{self, Fault, FaultKind};
use crate::xds::{self, ErrorCode, RegistryError};
use crate::xml;

use super::Transaction;

/// Why a request was turned away before its body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The connection broke off in the body.
    Broken,
    /// Not a POST.
    Method,
    /// More bytes than [`crate::limits::REQUEST_BYTES`].
    TooLarge,
    /// The body took longer than [`crate::limits::BODY_TIME`].
    TooSlow,
}

/// Why a transaction was not answered with what it asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused by size, time or method.
    Http(Refused),
    /// Not SOAP that we read.
    Soap(soap::Error),
    /// The proof does not hold.
    Untrusted(Box<Untrusted>),
    /// Policy says no.
    Refused(Refusal),
    /// Break-glass is not honoured, and the partner wants nothing instead.
    NotHonoured,
    /// The body asks for something that cannot be answered.
    Registry(Box<RegistryError>),
    /// The store is unreachable or damaged.
    Store(repository::Error),
    /// Too many requests of the sender failed: this one is not looked at.
    Busy,
    /// No randomness, or a task died: ours to mend.
    Internal(&'static str),
}

/// What the sender gets.
pub(super) enum Wire {
    /// A SOAP fault.
    Fault(Fault),
    /// The transaction's own answer with status Failure.
    Body(RegistryError),
}

/// How bad it is (DICOM PS3.15 A.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gravity {
    /// The request was turned away; nothing is wrong here.
    Serious,
    /// This gateway cannot do its work.
    Major,
}

impl Failure {
    /// The answer: one for all of trust, one for all of policy, specific where only syntax is at fault.
    pub(super) fn wire(&self, transaction: Transaction) -> Wire {
        match self {
            Self::Http(Refused::Broken) => Wire::Fault(Fault::sender("The body broke off")),
            Self::Http(Refused::Method) => Wire::Fault(FaultKind::MethodNotAllowed.into()),
            Self::Http(Refused::TooLarge) => Wire::Fault(FaultKind::TooLarge.into()),
            Self::Http(Refused::TooSlow) => Wire::Fault(FaultKind::Timeout.into()),
            Self::Soap(error) => Wire::Fault(error.fault()),
            Self::Untrusted(_) => Wire::Fault(Fault::security()),
            Self::Refused(_) => Wire::Body(RegistryError::new(
                transaction.general_error(),
                "the request is not permitted",
            )),
            Self::NotHonoured => Wire::Body(RegistryError::new(
                transaction.general_error(),
                "break-glass declaration not honoured",
            )),
            Self::Registry(error) => Wire::Body((**error).clone()),
            // answered without a record, before anyone asks here
            Self::Busy => Wire::Fault(FaultKind::Receiver.into()),
            Self::Store(_) | Self::Internal(_) => Wire::Body(RegistryError::new(
                transaction.general_error(),
                "the request cannot be answered now",
            )),
        }
    }

    /// The true reason, for log and audit; no patient or user is named.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Http(refused) => refused.reason().to_owned(),
            Self::Soap(error) => error.to_string(),
            Self::Untrusted(untrusted) => untrusted.reason.to_string(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::NotHonoured => "break-glass declaration not honoured".to_owned(),
            Self::Registry(error) => format!("{}: {}", error.code.as_str(), error.context),
            Self::Store(error) => error.to_string(),
            Self::Busy => "too many requests of the sender failed".to_owned(),
            Self::Internal(what) => (*what).to_owned(),
        }
    }

    /// The metric's label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Http(refused) => refused.label(),
            Self::Soap(error) => error.code(),
            Self::Untrusted(untrusted) => untrusted.reason.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::NotHonoured => "break-glass-not-honoured",
            Self::Registry(error) => error.code.as_str(),
            Self::Store(_) => "store",
            Self::Busy => "busy",
            Self::Internal(_) => "internal",
        }
    }

    /// Whether it counts against the sender: trust, form or policy, not what a body asks for, and not our own.
    pub(super) fn is_the_senders(&self) -> bool {
        match self {
            // whoever else filled the memory
            Self::Untrusted(untrusted) => !untrusted.reason.is_full(),
            Self::Http(_) | Self::Soap(_) | Self::Refused(_) => true,
            _ => false,
        }
    }

    /// The audit outcome.
    pub(super) fn gravity(&self) -> Gravity {
        match self {
            Self::Http(_)
            | Self::Soap(_)
            | Self::Untrusted(_)
            | Self::Refused(_)
            | Self::Busy
            | Self::NotHonoured
            | Self::Registry(_) => Gravity::Serious,
            Self::Store(_) | Self::Internal(_) => Gravity::Major,
        }
    }
}

impl Refused {
    fn reason(self) -> &'static str {
        match self {
            Self::Broken => "the connection broke off in the request body",
            Self::Method => "neither POST nor a request for the WSDL",
            Self::TooLarge => "the request body is larger than the limit",
            Self::TooSlow => "the request body took longer than the limit",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Broken => "body-broken",
            Self::Method => "method",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
        }
    }
}

impl From<soap::Error> for Failure {
    fn from(error: soap::Error) -> Self {
        Self::Soap(error)
    }
}

impl From<xml::Error> for Failure {
    fn from(error: xml::Error) -> Self {
        Self::Soap(error.into())
    }
}

impl From<Untrusted> for Failure {
    fn from(untrusted: Untrusted) -> Self {
        Self::Untrusted(Box::new(untrusted))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<xds::Error> for Failure {
    fn from(error: xds::Error) -> Self {
        match error {
            xds::Error::WrongBody { .. } => Self::Soap(soap::Error::WrongBody),
            xds::Error::Refused(error) => Self::Registry(error),
        }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl From<repository::Error> for Failure {
    fn from(error: repository::Error) -> Self {
        Self::Store(error)
    }
}

impl Transaction {
    /// The code for what has no code of its own.
    pub(super) fn general_error(self) -> ErrorCode {
        match self {
            Self::Query => ErrorCode::XDSRegistryError,
            Self::Retrieve => ErrorCode::XDSRepositoryError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::{Reason, Replayed};

    #[test]
    fn a_full_memory_is_not_counted_against_who_finds_it_full() {
        let untrusted = |reason| {
            let (claimed, partner, verified_subject) = (None, None, None);
            Failure::from(Untrusted { reason, claimed, partner, verified_subject })
        };
        assert!(untrusted(Reason::Replay(Replayed::Again)).is_the_senders());
        assert!(untrusted(Reason::NoAudience).is_the_senders());
        assert!(!untrusted(Reason::Replay(Replayed::Full)).is_the_senders());
        let second = |replayed| Reason::Relationship(Box::new(Reason::Replay(replayed)));
        assert!(!untrusted(second(Replayed::Full)).is_the_senders());
        assert!(untrusted(second(Replayed::Again)).is_the_senders());
    }
}
