use crate::ids::HomeCommunityId;
use crate::xml;

/// Why a body is not a request that can be answered with documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not the body that the action announced: a SOAP fault.
    #[error("the body is not {expected}")]
    WrongBody {
        /// The element that belongs there.
        expected: &'static str,
    },
    /// The right body with something wrong in it: a registry error.
    #[error("{}: {}", .0.code.as_str(), .0.context)]
    Refused(Box<RegistryError>),
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// An error or warning inside an answer (ITI TF-3 4.2.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryError {
    /// What went wrong.
    pub code: ErrorCode,
    /// What a person can do about it; never a patient id.
    pub context: String,
    /// Whether the request suffered.
    pub severity: Severity,
    /// The community that says so; left open it becomes that of the answer.
    pub location: Option<String>,
    /// What is written in the code's place, where a partner's software wants another.
    pub spelled: Option<Box<str>>,
}

impl RegistryError {
    /// An error whose location is left to the answer.
    #[must_use]
    pub fn new(code: ErrorCode, context: impl Into<String>) -> Self {
        let (context, severity) = (context.into(), Severity::Error);
        Self { code, context, severity, location: None, spelled: None }
    }

    /// The one answer for a document that does not exist, is withheld, or belongs to somebody else.
    #[must_use]
    pub fn document_unavailable(document: &str, home: &HomeCommunityId) -> Self {
        let context = format!("document not available: {document}");
        Self::new(ErrorCode::XDSDocumentUniqueIdError, context).at(home)
    }

    /// The constant warning to a caller whose break-glass declaration changed nothing for want of authority.
    #[must_use]
    pub fn override_not_honoured(home: &HomeCommunityId) -> Self {
        let context = "break-glass declaration not honoured";
        let error = Self::new(ErrorCode::GlassgateBreakGlassNotHonoured, context).at(home);
        Self { severity: Severity::Warning, ..error }
    }

    /// The warning to a caller who may break glass, that it would release more.
    #[must_use]
    pub fn override_available(
        code: ErrorCode,
        spelled: Option<&str>,
        home: &HomeCommunityId,
    ) -> Self {
        // FHIR's example of an OperationOutcome says it in these words
        let context = "additional information may be available using the break-the-glass protocol";
        let spelled = spelled.map(Box::from);
        Self { severity: Severity::Warning, spelled, ..Self::new(code, context).at(home) }
    }

    /// The code as it is written.
    #[must_use]
    pub fn code(&self) -> &str {
        self.spelled.as_deref().unwrap_or_else(|| self.code.as_str())
    }

    /// Names the community that says so (ITI TF-2 3.38.4.1.3, 3.39.4.1.3).
    #[must_use]
    pub fn at(self, home: &HomeCommunityId) -> Self {
        Self { location: Some(home.to_string()), ..self }
    }
}

/// Declares the codes with their spelling on the wire.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident,)*) => {
        /// The error codes of query and retrieve (ITI TF-3 Table 4.2.4.1-2), and one of our own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $code,)*
        }

        impl ErrorCode {
            /// The code as it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)*
                }
            }
        }
    };
}

codes! {
    /// The patient is not known here.
    XDSUnknownPatientId,
    /// The home community is required and absent.
    XDSMissingHomeCommunityId,
    /// The home community is not one of ours.
    XDSUnknownCommunity,
    /// Another community could not be reached.
    XDSUnavailableCommunity,
    /// No stored query has that id.
    XDSUnknownStoredQuery,
    /// A required parameter is absent.
    XDSStoredQueryMissingParam,
    /// A single value is given several times, or both of a pair are given.
    XDSStoredQueryParamNumber,
    /// More results than one answer may hold.
    XDSTooManyResults,
    /// One request would return several patients.
    XDSResultNotSinglePatient,
    /// The document is not available.
    XDSDocumentUniqueIdError,
    /// The repository is not one of ours.
    XDSUnknownRepositoryId,
    /// A query failed for a reason without a code of its own.
    XDSRegistryError,
    /// A retrieve failed for a reason without a code of its own.
    XDSRepositoryError,
    /// Too much to do for another query.
    XDSRegistryBusy,
    /// Too much to do for another retrieve.
    XDSRepositoryBusy,
    /// No resources left for a query.
    XDSRegistryOutOfResources,
    /// No resources left for a retrieve.
    XDSRepositoryOutOfResources,
    /// Ours: a warning, as no code for one is predefined.
    GlassgateBreakGlassNotHonoured,
}

/// How bad an error is; the order is that of `highestSeverity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The request was answered all the same.
    Warning,
    /// The request, or a part of it, was not answered.
    Error,
}

impl Severity {
    /// The URN (ITI TF-3 Table 4.2.4.1-1).
    #[must_use]
    pub fn urn(self) -> &'static str {
        match self {
            Self::Warning => "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning",
            Self::Error => "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error",
        }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// No error.
    Success,
    /// Errors beside results.
    PartialSuccess,
    /// Errors and nothing else.
    Failure,
}

impl Status {
    /// Derives the status; `delivered` says whether any result stands in the answer (ITI TF-3 Tables 4.2.4.2-3, -4).
    #[must_use]
    pub fn derive(errors: &[RegistryError], delivered: bool) -> Self {
        let failed = errors.iter().any(|error| error.severity == Severity::Error);
        match (failed, delivered) {
            (false, _) => Self::Success,
            (true, true) => Self::PartialSuccess,
            (true, false) => Self::Failure,
        }
    }

    /// The URN; partial success is IHE's, not OASIS's.
    #[must_use]
    pub fn urn(self) -> &'static str {
        match self {
            Self::Success => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success",
            Self::PartialSuccess => "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess",
            Self::Failure => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure",
        }
    }

    /// Reads the URN; the last part decides, as some write partial success with OASIS's prefix.
    #[must_use]
    pub fn parse(urn: &str) -> Option<Self> {
        let (_, last) = urn.trim().rsplit_once("ResponseStatusType:")?;
        match last {
            "Success" => Some(Self::Success),
            "PartialSuccess" => Some(Self::PartialSuccess),
            "Failure" => Some(Self::Failure),
            _ => None,
        }
    }
}

/// Writes `rs:RegistryErrorList`, or nothing where there is none.
pub(super) fn write_errors(out: &mut String, errors: &[RegistryError], home: &HomeCommunityId) {
    let Some(highest) = errors.iter().map(|error| error.severity).max() else { return };
    out.push_str("<rs:RegistryErrorList highestSeverity=\"");
    out.push_str(highest.urn());
    out.push_str("\">");
    let ours = home.to_string();
    for error in errors {
        out.push_str("<rs:RegistryError codeContext=\"");
        xml::escape_attribute(out, &error.context);
        out.push_str("\" errorCode=\"");
        xml::escape_attribute(out, error.code());
        out.push_str("\" severity=\"");
        out.push_str(error.severity.urn());
        out.push_str("\" location=\"");
        xml::escape_attribute(out, error.location.as_deref().unwrap_or(&ours));
        out.push_str("\"/>");
    }
    out.push_str("</rs:RegistryErrorList>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_errors_and_results() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let warning = RegistryError::override_not_honoured(&home);
        let error = RegistryError::document_unavailable("1", &home);
        let both = [warning.clone(), error.clone()];
        for (errors, delivered, status) in [
            (&[][..], false, Status::Success),
            (&[warning][..], false, Status::Success),
            (&[error][..], false, Status::Failure),
            (&both[..], true, Status::PartialSuccess),
        ] {
            assert_eq!(Status::derive(errors, delivered), status);
            assert_eq!(Status::parse(status.urn()), Some(status));
        }
        assert_eq!(Status::parse("Success"), None);
    }

    #[test]
    fn the_list_names_the_worst_severity_and_a_location() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let mut out = String::new();
        write_errors(&mut out, &[], &home);
        assert_eq!(out, "");
        let plain = RegistryError::new(ErrorCode::XDSRegistryBusy, "a \"b\"");
        write_errors(&mut out, &[RegistryError::override_not_honoured(&home), plain], &home);
        assert!(out.starts_with(
            "<rs:RegistryErrorList highestSeverity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\">"
        ));
        assert_eq!(out.matches("location=\"urn:oid:2.999.1\"").count(), 2);
        assert!(out.contains("codeContext=\"a &quot;b&quot;\" errorCode=\"XDSRegistryBusy\""));
        assert!(out.contains("codeContext=\"break-glass declaration not honoured\" errorCode=\"GlassgateBreakGlassNotHonoured\""));
    }
}
