//! Values of `wsa:Action` and the addresses of WS-Addressing.

/// Request of ITI-38 (ITI TF-2 Table 3.38.5-2).
pub const QUERY: &str = "urn:ihe:iti:2007:CrossGatewayQuery";
/// Response of ITI-38.
pub const QUERY_RESPONSE: &str = "urn:ihe:iti:2007:CrossGatewayQueryResponse";
/// Request of ITI-39 (ITI TF-2 Table 3.39.5-2).
pub const RETRIEVE: &str = "urn:ihe:iti:2007:CrossGatewayRetrieve";
/// Response of ITI-39.
pub const RETRIEVE_RESPONSE: &str = "urn:ihe:iti:2007:CrossGatewayRetrieveResponse";
/// Faults that WS-Addressing defines (WS-Addressing 1.0 SOAP Binding 6).
pub const WSA_FAULT: &str = "http://www.w3.org/2005/08/addressing/fault";
/// Faults that SOAP or another specification defines (WS-Addressing 1.0 SOAP Binding 6).
pub const SOAP_FAULT: &str = "http://www.w3.org/2005/08/addressing/soap/fault";
/// The address that means the connection the request came by (WS-Addressing 1.0 Core 2.1).
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
