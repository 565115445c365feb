//! One user as every kind of sender writes him: each row is a shape seen in the field, and all read to the same claims.

use super::{Naming, read};
use crate::ids::{Coded, HomeCommunityId, PatientId};
use crate::principal::Claims;
use crate::xml::{self, Bounds, ns};

const XSI: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
const TREAT: &str = "code=\"TREAT\" codeSystem=\"2.16.840.1.113883.5.8\"";
const TREAT_URN: &str = "code=\"TREAT\" codeSystem=\"urn:oid:2.16.840.1.113883.5.8\"";
const PHYSICIAN: &str = "code=\"309343006\" codeSystem=\"2.16.840.1.113883.6.96\"";

const PURPOSE: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
const PURPOSE_NORWAY: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeOfUse";
const ACTION: &str = "urn:oasis:names:tc:xacml:2.0:action:purpose";
const ROLE: &str = "urn:oasis:names:tc:xacml:2.0:subject:role";
const ROLE_XSPA: &str = "urn:oasis:names:tc:xspa:1.0:subject:role";
const NAME: &str = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
const ORGANIZATION: &str = "urn:oasis:names:tc:xspa:1.0:subject:organization";
const ORGANIZATION_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:organization-id";
const NPI: &str = "urn:oasis:names:tc:xspa:2.0:subject:npi";
const NPI_OLD: &str = "urn:oasis:names:tc:xspa:1.0:subject:npi";
const PROVIDER: &str = "urn:ihe:iti:xua:2017:subject:provider-identifier";
const HOME: &str = "urn:nhin:names:saml:homeCommunityId";
const HOME_IHE: &str = "urn:ihe:iti:xca:2010:homeCommunityId";
const HOME_NORWAY: &str = "urn:no:ehelse:saml:1.0:subject:homeCommunityId";
const RESOURCE: &str = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
const RESOURCE_OLD: &str = "urn:oasis:names:tc:xacml:1.0:resource:resource-id";

/// What the user's attributes are, and how the US exchanges write each.
fn usual() -> Vec<(&'static str, String)> {
    vec![
        (NAME, value("Ada Lake")),
        (ORGANIZATION, value("Riverside")),
        (ORGANIZATION_ID, value("urn:oid:2.999.5")),
        (HOME, value("urn:oid:2.999.2")),
        (NPI, value("1234567893")),
        (RESOURCE, value("P-1001^^^&amp;2.999.1.3&amp;ISO")),
        (ROLE, value(&format!("<hl7:Role xmlns:hl7=\"urn:hl7-org:v3\" {PHYSICIAN}/>"))),
        (PURPOSE, value(&format!("<hl7:PurposeOfUse xmlns:hl7=\"urn:hl7-org:v3\" {TREAT}/>"))),
    ]
}

fn value(content: &str) -> String {
    format!("<saml:AttributeValue>{content}</saml:AttributeValue>")
}

/// The text as a sender writes it who puts XML into text.
fn escaped(xml: &str) -> String {
    let mut out = String::new();
    xml::escape_text(&mut out, xml);
    out
}

/// The usual attributes, in one statement or in one each.
fn claims_of(attributes: &[(&str, String)], statements_apart: bool) -> Claims {
    let attribute = |(name, values): &(&str, String)| {
        format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
    };
    let inside = match statements_apart {
        false => attributes.iter().map(attribute).collect::<String>(),
        true => attributes
            .iter()
            .map(attribute)
            .collect::<Vec<_>>()
            .join("</saml:AttributeStatement><saml:AttributeStatement>"),
    };
    let text = format!(
        "<saml:Assertion xmlns:saml=\"{}\"><saml:AttributeStatement>{inside}</saml:AttributeStatement>\
         </saml:Assertion>",
        ns::SAML
    );
    let document = xml::parse(&text, Bounds::REQUEST).unwrap();
    let mut claims = Claims::default();
    read(document.root(), Naming::User, &mut claims).unwrap();
    claims
}

fn is_ada(claims: &Claims, shape: &str) {
    let Claims { name, organization, organization_ids, home_community, .. } = claims;
    assert_eq!(name.as_deref(), Some("Ada Lake"), "{shape}");
    assert_eq!(organization.as_deref(), Some("Riverside"), "{shape}");
    assert_eq!(*organization_ids, ["2.999.5"], "{shape}");
    assert_eq!(*home_community, HomeCommunityId::parse("2.999.2").ok(), "{shape}");
    let Claims { roles, provider_ids, purposes, patients, .. } = claims;
    let [role] = roles.as_slice() else { panic!("{shape}: {roles:?}") };
    assert!(role.same_as(&Coded::new("309343006", "2.16.840.1.113883.6.96")), "{shape}");
    assert_eq!(*provider_ids, ["1234567893"], "{shape}");
    let [purpose] = purposes.coded.as_slice() else { panic!("{shape}: {purposes:?}") };
    assert!(purpose.same_as(&Coded::new("TREAT", "2.16.840.1.113883.5.8")), "{shape}");
    assert!(purposes.plain.is_empty(), "{shape}: {purposes:?}");
    let patient = PatientId::parse("P-1001^^^&2.999.1.3&ISO").unwrap();
    assert_eq!(*patients, [patient], "{shape}");
    assert_eq!((claims.unassigned_patients, claims.unreadable_patients), (0, 0), "{shape}");
}

#[test]
fn every_shape_reads_to_the_same_user() {
    let hl7 = "xmlns=\"urn:hl7-org:v3\"";
    let nil = "<saml:AttributeValue xmlns:a=\"http://www.w3.org/2001/XMLSchema-instance\" a:nil=\"true\"/>";
    let id = |more: &str| format!("<id {hl7} xsi:type=\"II\" root=\"urn:oid:2.999.5\"{more}/>");
    let rows: Vec<(&str, &str, &str, String)> = vec![
        // shape, whose attribute, by what name, with what values
        (
            "US, with types",
            PURPOSE,
            PURPOSE,
            format!(
                "<saml:AttributeValue {XSI} xsi:type=\"hl7:CE\" xmlns:hl7=\"urn:hl7-org:v3\"><hl7:PurposeOfUse {TREAT} codeSystemName=\"x\" displayName=\"Treatment\"/></saml:AttributeValue>"
            ),
        ),
        (
            "Allscripts, WCF",
            PURPOSE,
            PURPOSE,
            value(&format!("<PurposeForUse {XSI} xsi:type=\"hl7:CE\" {TREAT} {hl7}/>")),
        ),
        (
            "CONNECT 2010",
            PURPOSE,
            PURPOSE,
            value(&format!("<hl7:PurposeForUse xmlns:hl7=\"urn:hl7-org:v3\" {TREAT}/>")),
        ),
        (
            "metriport, xsd bound to XMLSchema-instance",
            PURPOSE,
            PURPOSE,
            value(&format!(
                "<h:PurposeOfUse xmlns:h=\"urn:hl7-org:v3\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema-instance\" xsd:type=\"h:CE\" {TREAT}/>"
            )),
        ),
        (
            "Norway, clinician, xsi unbound",
            PURPOSE,
            PURPOSE_NORWAY,
            value(&escaped(&format!("<PurposeOfUse {hl7} xsi:type=\"CE\" {TREAT_URN}/>"))),
        ),
        (
            "Norway, clinician, xsi bound to HL7",
            PURPOSE,
            ACTION,
            value(&escaped(&format!(
                "<Purpose xmlns:xsi=\"urn:hl7-org:v3\" xsi:type=\"CE\" {TREAT_URN}/>"
            ))),
        ),
        (
            "Norway, both copies",
            PURPOSE,
            PURPOSE,
            format!(
                "{}{}",
                value(&escaped(&format!("<PurposeOfUse {hl7} {TREAT_URN}/>"))),
                value(&escaped(&format!("<Purpose {hl7} {TREAT_URN}/>")))
            ),
        ),
        (
            "Norway, citizen",
            PURPOSE,
            PURPOSE,
            value(&escaped(&format!("<PurposeOfUse {hl7} type=\"CE\" {TREAT}/>"))),
        ),
        (
            "escaped twice",
            PURPOSE,
            PURPOSE,
            value(&escaped(&escaped(&format!("<PurposeOfUse {hl7} {TREAT}/>")))),
        ),
        (
            "Switzerland, no type",
            PURPOSE,
            PURPOSE,
            value(&format!("\n  <hl7:PurposeOfUse xmlns:hl7=\"urn:hl7-org:v3\" {TREAT}/>\n")),
        ),
        (
            "Denmark, default namespace",
            PURPOSE,
            PURPOSE,
            value(&format!("<PurposeOfUse {hl7} {TREAT}/>")),
        ),
        ("no namespace", PURPOSE, PURPOSE, value(&format!("<PurposeOfUse {TREAT}/>"))),
        (
            "IPF, a foreign namespace and a neighbour",
            PURPOSE,
            PURPOSE,
            value(&format!("<other/><PurposeOfUse xmlns=\"urn:hl7-org:v0000\" {TREAT}/>")),
        ),
        (
            "the same value twice",
            PURPOSE,
            PURPOSE,
            value(&format!("<PurposeOfUse {TREAT}/>")).repeat(2),
        ),
        (
            "a nil value beside it",
            PURPOSE,
            PURPOSE,
            format!("{nil}{}", value(&format!("<PurposeOfUse {TREAT}/>"))),
        ),
        (
            "role, Norway",
            ROLE,
            ROLE_XSPA,
            value(&escaped(&format!("<Role {hl7} xsi:type=\"CE\" {PHYSICIAN}/>"))),
        ),
        (
            "role, Switzerland",
            ROLE,
            ROLE,
            value(&format!("<Role {hl7} {XSI} {PHYSICIAN} xsi:type=\"CE\"/>")),
        ),
        (
            "role, US with type",
            ROLE,
            ROLE,
            value(&format!(
                "<h:Role xmlns:h=\"urn:hl7-org:v3\" {XSI} xsi:type=\"h:CE\" {PHYSICIAN}/>"
            )),
        ),
        ("organization id, bare", ORGANIZATION_ID, ORGANIZATION_ID, value("2.999.5")),
        (
            "organization id, Switzerland",
            ORGANIZATION_ID,
            ORGANIZATION_ID,
            format!(
                "<saml:AttributeValue {XSI} xsi:type=\"xsd:anyURI\">urn:oid:2.999.5</saml:AttributeValue>"
            ),
        ),
        ("organization id, HelseID", ORGANIZATION_ID, ORGANIZATION_ID, value(&escaped(&id("")))),
        ("home, bare", HOME, HOME, value("2.999.2")),
        ("home, Helsenorge", HOME, HOME_IHE, value("urn:oid:2.999.2")),
        ("home, HelseID", HOME, HOME_IHE, value("2.999.2")),
        ("home, Norway's own", HOME, HOME_NORWAY, value("2.999.2")),
        ("NPI, version 1.0", NPI, NPI_OLD, value("1234567893")),
        ("NPI, by IHE's name", NPI, PROVIDER, value("1234567893")),
        (
            "NPI, as an instance without root",
            NPI,
            PROVIDER,
            value(&format!("<id {hl7} extension=\"1234567893\"/>")),
        ),
        (
            "NPI, as escaped instance",
            NPI,
            PROVIDER,
            value(&escaped(&format!("<id {hl7} type=\"II\" extension=\"1234567893\"/>"))),
        ),
        ("patient, Switzerland", RESOURCE, RESOURCE, value("P-1001^^^SPID&amp;2.999.1.3&amp;ISO")),
        (
            "patient, Norway's double escape",
            RESOURCE,
            RESOURCE,
            value("P-1001^^^&amp;amp;2.999.1.3&amp;amp;ISO"),
        ),
        ("patient, XACML 1.0", RESOURCE, RESOURCE_OLD, value("P-1001^^^&amp;2.999.1.3&amp;ISO")),
        ("patient, urn:hl7ii", RESOURCE, RESOURCE, value("urn:hl7ii:2.999.1.3:P-1001")),
        (
            "patient, as an instance",
            RESOURCE,
            RESOURCE,
            value(&format!("<id {hl7} root=\"2.999.1.3\" extension=\"P-1001\"/>")),
        ),
        (
            "name, XACML 1.0",
            NAME,
            "urn:oasis:names:tc:xacml:1.0:subject:subject-id",
            value("Ada Lake"),
        ),
        ("name, padded and split", NAME, NAME, value(" Ada <!-- x --><![CDATA[Lake]]>\n")),
    ];
    is_ada(&claims_of(&usual(), false), "usual");
    is_ada(&claims_of(&usual(), true), "several statements");
    for (shape, of, name, values) in rows {
        let mut attributes = usual();
        let attribute = attributes.iter_mut().find(|(usual, _)| *usual == of).unwrap();
        *attribute = (name, values);
        is_ada(&claims_of(&attributes, false), shape);
        is_ada(&claims_of(&attributes, true), shape);
    }
    // what is nil, and consents that nobody here reads, change nothing
    for ignored in
        ["urn:ihe:iti:xua:2012:acp", "urn:ihe:iti:bppc:2007:docid", NPI_OLD, RESOURCE_OLD]
    {
        let mut attributes = usual();
        attributes.push((ignored, nil.to_owned()));
        is_ada(&claims_of(&attributes, false), ignored);
    }
}
