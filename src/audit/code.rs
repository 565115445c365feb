//! Codes of the audit vocabulary (DICOM PS3.16 CID 400 to 405, ITI TF-2 3.20).

/// A code of a fixed vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code itself.
    pub code: &'static str,
    /// The code system as audit messages name it.
    pub system: &'static str,
    /// What it means, required as `originalText`.
    pub text: &'static str,
}

const fn dcm(code: &'static str, text: &'static str) -> Code {
    Code { code, system: "DCM", text }
}

const fn transaction(code: &'static str, text: &'static str) -> Code {
    Code { code, system: "IHE Transactions", text }
}

const fn rfc3881(code: &'static str, text: &'static str) -> Code {
    Code { code, system: "RFC-3881", text }
}

/// EventID: the gateway started or stopped.
pub const APPLICATION_ACTIVITY: Code = dcm("110100", "Application Activity");
/// EventID: documents left.
pub const EXPORT: Code = dcm("110106", "Export");
/// EventID: documents came in.
pub const IMPORT: Code = dcm("110107", "Import");
/// EventID: a query.
pub const QUERY: Code = dcm("110112", "Query");
/// EventID: something that a security officer looks at.
pub const SECURITY_ALERT: Code = dcm("110113", "Security Alert");
/// EventID: a user was authenticated, or not.
pub const USER_AUTHENTICATION: Code = dcm("110114", "User Authentication");

/// EventTypeCode of ITI-38.
pub const ITI_38: Code = transaction("ITI-38", "Cross Gateway Query");
/// EventTypeCode of ITI-39.
pub const ITI_39: Code = transaction("ITI-39", "Cross Gateway Retrieve");
/// EventTypeCode: the gateway started.
pub const APPLICATION_START: Code = dcm("110120", "Application Start");
/// EventTypeCode: the gateway stopped.
pub const APPLICATION_STOP: Code = dcm("110121", "Application Stop");
/// EventTypeCode: a user presented himself.
pub const LOGIN: Code = dcm("110122", "Login");
/// EventTypeCode: a node presented itself.
pub const NODE_AUTHENTICATION: Code = dcm("110126", "Node Authentication");
/// EventTypeCode: break-glass released something.
pub const EMERGENCY_OVERRIDE_STARTED: Code = dcm("110127", "Emergency Override Started");
/// EventTypeCode: settings of trust or policy changed.
pub const SECURITY_CONFIGURATION: Code = dcm("110129", "Security Configuration");
/// EventTypeCode: something that few may do was done.
pub const RESTRICTED_FUNCTION: Code = dcm("110132", "Use of Restricted Function");
/// EventTypeCode: an access decision worth an alert.
pub const ACCESS_CONTROL_DECISION: Code = dcm("110147", "Access Control Decision");

/// RoleIDCode: the program itself.
pub const APPLICATION: Code = dcm("110150", "Application");
/// RoleIDCode: where data or the query go.
pub const DESTINATION: Code = dcm("110152", "Destination Role ID");
/// RoleIDCode: where data or the query come from.
pub const SOURCE: Code = dcm("110153", "Source Role ID");

/// ParticipantObjectIDTypeCode of a patient id in CX form.
pub const PATIENT_NUMBER: Code = rfc3881("2", "Patient Number");
/// ParticipantObjectIDTypeCode of a document's uniqueId.
pub const REPORT_NUMBER: Code = rfc3881("9", "Report Number");
/// ParticipantObjectIDTypeCode of a URI.
pub const URI: Code = rfc3881("12", "URI");
/// ParticipantObjectIDTypeCode of a node.
pub const NODE_ID: Code = dcm("110182", "Node ID");
