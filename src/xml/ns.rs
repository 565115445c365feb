//! Namespace names (ITI TF-2 Appendix V, Table V.2.4-1, and the security specifications).

/// SOAP 1.2 envelope.
pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// WS-Addressing 1.0.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// WS-Security header.
pub const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// WS-Security utility: `wsu:Id`, Timestamp.
pub const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// SAML 2.0 assertions.
pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// XML signatures.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Exclusive canonicalisation, algorithm and namespace alike.
pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// XOP includes.
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";
/// ebXML query.
pub const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
/// ebXML registry information model.
pub const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
/// ebXML registry services.
pub const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
/// XDS.b document sets.
pub const XDS: &str = "urn:ihe:iti:xds-b:2007";
/// HL7 version 3 data types, as SAML attributes carry them.
pub const HL7: &str = "urn:hl7-org:v3";
/// The `xml` prefix.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
