use super::*;
use crate::ids::{Coded, PatientId};
use crate::xml::Bounds;
use proptest::prelude::*;

proptest! {
    #[test]
    fn whatever_a_value_holds_is_taken_or_counted(
        kind in prop::sample::select(vec!["purposeofuse", "role", "organization-id", "npi", "resource-id"]),
        text in "[0-9a-c.^&;:<>/ ]{1,30}|[0-9]{1,4}\\^\\^\\^[A-Z]{0,3}&[0-9.]{1,9}&ISO|\\PC{1,30}",
    ) {
        let resource = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
        let name = if kind == "resource-id" { resource.to_owned() } else { format!("{XSPA}{kind}") };
        let mut content = String::new();
        xml::escape_text(&mut content, &text);
        let claims = claims_of(&name, &content);
        let taken = claims.purposes.coded.len() + claims.purposes.plain.len() + claims.roles.len()
            + claims.organization_ids.len() + claims.provider_ids.len() + claims.patients.len()
            + claims.unassigned_patients + claims.unreadable_patients;
        prop_assert_eq!(taken > 0, !text.trim().is_empty());
    }
}

const XSPA: &str = "urn:oasis:names:tc:xspa:1.0:subject:";

fn statement(attributes: &[(&str, &str)]) -> String {
    let mut inside = String::new();
    for (name, values) in attributes {
        inside.push_str(&format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>"));
    }
    format!("<saml:AttributeStatement>{inside}</saml:AttributeStatement>")
}

fn try_claims(statements: &str) -> Result<Claims, Malformed> {
    let text = format!("<saml:Assertion xmlns:saml=\"{}\">{statements}</saml:Assertion>", ns::SAML);
    let document = xml::parse(&text, Bounds::REQUEST).unwrap();
    let mut claims = Claims::default();
    read(document.root(), Naming::User, &mut claims).map(|_| claims)
}

fn claims_of(name: &str, content: &str) -> Claims {
    let value = format!("<saml:AttributeValue>{content}</saml:AttributeValue>");
    try_claims(&statement(&[(name, &value)])).unwrap()
}

#[test]
fn every_shape_of_a_purpose_reads_alike() {
    let usual = format!("{XSPA}purposeofuse");
    let norway = format!("{XSPA}purposeOfUse");
    let action = "urn:oasis:names:tc:xacml:2.0:action:purpose";
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let hl7 = "xmlns:hl7=\"urn:hl7-org:v3\"";
    let code = "code=\"TREAT\" codeSystem=\"2.16.840.1.113883.5.8\"";
    let urn = "code=\"TREAT\" codeSystem=\"urn:oid:2.16.840.1.113883.5.8\"";
    for (shape, name, content) in [
        (
            "US",
            &*usual,
            format!(
                "<hl7:PurposeOfUse {hl7} {xsi} xsi:type=\"hl7:CE\" {code} displayName=\"Treatment\"/>"
            ),
        ),
        (
            "Allscripts",
            &usual,
            format!("<PurposeForUse {xsi} xsi:type=\"hl7:CE\" {code} xmlns=\"urn:hl7-org:v3\"/>"),
        ),
        ("CONNECT 2010", &usual, format!("<hl7:PurposeForUse {hl7} {code}/>")),
        ("Swiss", &usual, format!("\n <hl7:PurposeOfUse {hl7} {code}></hl7:PurposeOfUse>\n ")),
        ("default namespace", &usual, format!("<PurposeOfUse xmlns=\"urn:hl7-org:v3\" {code}/>")),
        ("no namespace", &usual, format!("<PurposeOfUse xmlns=\"\" {code}/>")),
        (
            "IPF's foreign namespace and neighbour",
            &usual,
            format!("<other/><PurposeOfUse xmlns=\"urn:hl7-org:v0000\" {code}/>"),
        ),
        (
            "padded",
            &usual,
            "<PurposeOfUse code=\" TREAT \" codeSystem=\" 2.16.840.1.113883.5.8\"/>".into(),
        ),
        (
            "Norway clinician, xsi unbound",
            &norway,
            format!("&lt;PurposeOfUse xmlns=\"urn:hl7-org:v3\" xsi:type=\"CE\" {urn}/&gt;"),
        ),
        (
            "Norway, xsi is HL7",
            action,
            format!(
                "&lt;Purpose xmlns:xsi=\"urn:hl7-org:v3\" xsi:type=\"CE\" {urn} displayName=\"Treatment\"/&gt;"
            ),
        ),
        (
            "Norway citizen",
            &usual,
            format!("&lt;PurposeOfUse xmlns=\"urn:hl7-org:v3\" type=\"CE\" {code} /&gt;"),
        ),
        ("hl7 prefix unbound", &usual, format!(" &lt;hl7:PurposeOfUse {code}/&gt; ")),
        ("escaped twice", &usual, format!("&amp;lt;PurposeOfUse xsi:type=\"CE\" {code}/&amp;gt;")),
        (
            "escaped, quotes too",
            &usual,
            format!("&amp;lt;PurposeOfUse {}/&amp;gt;", code.replace('"', "&amp;quot;")),
        ),
        (
            "CDATA with a declaration",
            &usual,
            format!("<![CDATA[<?xml version='1.0'?>\n<PurposeOfUse {code}/>]]>"),
        ),
        ("split by a comment", &usual, format!("&lt;PurposeOfUse <!-- x -->{code}/&gt;")),
        (
            "upper-case urn",
            &usual,
            "<PurposeOfUse code=\"TREAT\" codeSystem=\"URN:OID:2.16.840.1.113883.5.8\"/>".into(),
        ),
        (
            "upper-case attribute name",
            &usual.replace("purposeofuse", "PURPOSEOFUSE"),
            format!("<PurposeOfUse {code}/>"),
        ),
        ("twice", &usual, format!("<PurposeOfUse {code}/><PurposeOfUse {urn} displayName=\"x\"/>")),
    ] {
        let stated = claims_of(name, &content).purposes;
        assert_eq!(stated.coded.len(), 1, "{shape}: {stated:?}");
        assert!(stated.coded[0].same_as(&Coded::new("TREAT", "2.16.840.1.113883.5.8")), "{shape}");
        assert!(stated.plain.is_empty(), "{shape}: {stated:?}");
    }
}

#[test]
fn purposes_of_every_statement_attribute_and_value_are_gathered() {
    let value = |code: &str| {
        format!(
            "<saml:AttributeValue><PurposeOfUse code=\"{code}\" codeSystem=\"1.2\"/></saml:AttributeValue>"
        )
    };
    let usual = format!("{XSPA}purposeofuse");
    let two = format!("{}{}", value("A"), value("B"));
    let text = statement(&[(&usual, &two), (&usual, &value("C"))])
        + &statement(&[
            ("urn:oasis:names:tc:xacml:2.0:action:purpose", &value("D")),
            (&usual, &value("A")),
        ]);
    let codes: Vec<String> =
        try_claims(&text).unwrap().purposes.coded.into_iter().map(|c| c.code).collect();
    assert_eq!(codes, ["A", "B", "C", "D"]);
}

#[test]
fn a_purpose_that_cannot_be_read_stays_as_plain_text() {
    let usual = format!("{XSPA}purposeofuse");
    for (content, plain) in [
        ("TREATMENT", "TREATMENT"),
        ("<![CDATA[TREATMENT]]>", "TREATMENT"),
        ("<PurposeOfUse code=\"TREAT\"/>", "TREAT"),
        ("&lt;PurposeOfUse code=\"TREAT\"", "<PurposeOfUse code=\"TREAT\""),
        ("&lt;x:PurposeOfUse code=\"T\"/&gt;", "<x:PurposeOfUse code=\"T\"/>"),
        (
            "<saml:Why code=\"T\" codeSystem=\"1.2\"/>",
            "<saml:AttributeValue><saml:Why code=\"T\" codeSystem=\"1.2\"/></saml:AttributeValue>",
        ),
        (
            "<a><PurposeOfUse code=\"T\" codeSystem=\"1.2\"/></a>",
            "<saml:AttributeValue><a><PurposeOfUse code=\"T\" codeSystem=\"1.2\"/></a></saml:AttributeValue>",
        ),
        ("&lt;Why/&gt;", "<Why/>"),
    ] {
        let stated = claims_of(&usual, content).purposes;
        assert_eq!(
            (stated.coded.len(), stated.plain.as_slice()),
            (0, &[plain.to_owned()][..]),
            "{content}"
        );
    }
    let mixed = claims_of(&usual, "BTG<PurposeOfUse code=\"T\" codeSystem=\"1.2\"/>").purposes;
    assert_eq!((mixed.coded.len(), mixed.plain.as_slice()), (1, &["BTG".to_owned()][..]));
    let ehdsi = "<saml:AttributeValue><PurposeOfUse code=\"TREATMENT\" codeSystem=\"3bc18518-d305-46c2-a8d6-94bd59856e9e\"/>\
         </saml:AttributeValue><saml:AttributeValue>TREATMENT</saml:AttributeValue>";
    let ehdsi = try_claims(&statement(&[(&usual, ehdsi)])).unwrap().purposes;
    assert_eq!((ehdsi.coded.len(), ehdsi.plain.len()), (1, 1));
}

#[test]
fn an_empty_value_is_no_value() {
    let nil = "<saml:AttributeValue xmlns:a=\"http://www.w3.org/2001/XMLSchema-instance\" a:nil=\"true\"/>";
    for values in ["", nil, "<saml:AttributeValue> </saml:AttributeValue>"] {
        let names =
            ["purposeofuse", "role", "organization", "organization-id", "npi", "subject-id"];
        let names: Vec<String> = names.iter().map(|n| format!("{XSPA}{n}")).collect();
        let mut all: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), values)).collect();
        all.push(("urn:ihe:iti:xca:2010:homeCommunityId", values));
        all.push(("urn:oasis:names:tc:xacml:2.0:resource:resource-id", values));
        let claims = try_claims(&statement(&all)).unwrap();
        assert!(claims.purposes.coded.is_empty() && claims.purposes.plain.is_empty());
        assert!(claims.roles.is_empty() && claims.organization_ids.is_empty());
        assert!(claims.name.is_none() && claims.organization.is_none());
        assert!(claims.provider_ids.is_empty() && claims.home_community.is_none());
        assert!(claims.patients.is_empty() && claims.unreadable_patients == 0);
        assert_eq!(claims.unassigned_patients, 0);
    }
}

#[test]
fn every_shape_of_a_role_reads_alike() {
    let code = "code=\"309343006\" codeSystem=\"2.16.840.1.113883.6.96\"";
    for (name, content) in [
        (
            "urn:oasis:names:tc:xacml:2.0:subject:role",
            format!("<hl7:Role xmlns:hl7=\"urn:hl7-org:v3\" {code}/>"),
        ),
        (
            "urn:oasis:names:tc:xspa:1.0:subject:role",
            format!("&lt;Role xmlns=\"urn:hl7-org:v3\" xsi:type=\"CE\" {code}/&gt;"),
        ),
        (
            "urn:oasis:names:tc:xacml:2.0:subject:role",
            format!("<Role xmlns=\"urn:hl7-org:v3\" {code}/>"),
        ),
        ("urn:oasis:names:tc:xacml:2.0:subject:role", format!("<CE {code}/>")),
    ] {
        let roles = claims_of(name, &content).roles;
        assert_eq!(roles, [Coded::new("309343006", "2.16.840.1.113883.6.96")], "{content}");
    }
    let plain = claims_of("urn:oasis:names:tc:xacml:2.0:subject:role", "physician").roles;
    assert_eq!(plain, [Coded::new("physician", "")]);
}

#[test]
fn every_shape_of_a_patient_reads_alike() {
    let patient = PatientId::parse("P-1001^^^&2.999.1.3&ISO").unwrap();
    for (version, content) in [
        ("2.0", "P-1001^^^&amp;2.999.1.3&amp;ISO"),
        ("1.0", "P-1001^^^&amp;2.999.1.3&amp;ISO"),
        ("2.0", " P-1001^^^&amp;amp;2.999.1.3&amp;amp;ISO "),
        ("2.0", "P-1001^^^&amp;urn:oid:2.999.1.3&amp;ISO"),
        ("2.0", "P-1001^^^SPID&amp;2.999.1.3&amp;ISO"),
        ("2.0", "P-1001^^^&amp;2.999.1.3&amp;ISO^PI"),
        ("2.0", "P-1001^^^&amp;2.999.1.3&amp;iso"),
        ("2.0", "P-1001^^^&amp;2.999.1.3"),
        ("2.0", "P-1001^^^2.999.1.3"),
        ("2.0", "P-1001 ^^^ &amp; 2.999.1.3 &amp; ISO"),
        ("2.0", "urn:hl7ii:2.999.1.3:P-1001"),
        (
            "2.0",
            "<InstanceIdentifier xmlns=\"urn:hl7-org:v3\" root=\"2.999.1.3\" extension=\"P-1001\"/>",
        ),
    ] {
        let name = format!("urn:oasis:names:tc:xacml:{version}:resource:resource-id");
        let claims = claims_of(&name, content);
        assert_eq!(
            (claims.patients.as_slice(), claims.unreadable_patients),
            (&[patient.clone()][..], 0),
            "{content}"
        );
    }
    for (content, unassigned) in [
        ("P-1001", true),
        ("P-1001^^^", true),
        ("P-1001^^^^PI", true),
        ("Patient/p1001", true),
        ("<id extension='P-1001'/>", true),
        ("P-1001^^^&amp;2.999.1.3&amp;DNS", false),
        ("P-1001^^^Lakeside", false),
        ("P-1001^&amp;2.999.1.3&amp;ISO", false),
        ("P-1001^^^&amp;&amp;ISO", false),
        ("2.999.1.3|P-1001", false),
        ("https://ehr.example/Patient/p1001", false),
        ("<id root='2.999.1.3'/>", false),
        ("^^^&amp;2.999.1.3&amp;ISO", false),
        ("a^^^&amp;2.9&amp;ISO~b^^^&amp;2.9&amp;ISO", false),
        ("<id/>", false),
    ] {
        let claims = claims_of("urn:oasis:names:tc:xacml:2.0:resource:resource-id", content);
        let counts = (claims.unassigned_patients, claims.unreadable_patients);
        assert_eq!(counts, if unassigned { (1, 0) } else { (0, 1) }, "{content}");
        assert!(claims.patients.is_empty(), "{content}");
    }
}

#[test]
fn identifiers_have_one_form() {
    for (name, content, form) in [
        ("organization-id", "2.999.5", "2.999.5"),
        ("organization-id", "urn:oid:2.999.5", "2.999.5"),
        ("organization-id", "994598759", "994598759"),
        ("organization-id", "Organization/2.999.5", "Organization/2.999.5"),
        ("organization-id", "urn:hl7ii:2.999.5:ABCD", "urn:hl7ii:2.999.5:ABCD"),
        (
            "organization-id",
            "&lt;id xmlns=\"urn:hl7-org:v3\" xsi:type=\"II\" extension=\"ABCD\" root=\"urn:oid:2.999.5\"/&gt;",
            "urn:hl7ii:2.999.5:ABCD",
        ),
        (
            "organization-id",
            "<id xmlns=\"urn:hl7-org:v3\" extension=\"ABCD\" root=\"2.999.5\"/>",
            "urn:hl7ii:2.999.5:ABCD",
        ),
        ("organization-id", "<id xmlns=\"urn:hl7-org:v3\" root=\"2.999.5\"/>", "2.999.5"),
        ("organization-id", "<id xmlns=\"urn:hl7-org:v3\" extension=\"ABCD\"/>", "ABCD"),
    ] {
        let claims = claims_of(&format!("{XSPA}{name}"), content);
        assert_eq!(claims.organization_ids, [form], "{content}");
    }
    for (name, content, form) in [
        ("urn:oasis:names:tc:xspa:1.0:subject:npi", "1234567893", "1234567893"),
        ("urn:oasis:names:tc:xspa:2.0:subject:npi", "1234567893", "1234567893"),
        (
            "urn:ihe:iti:xua:2017:subject:provider-identifier",
            "&lt;id xmlns=\"urn:hl7-org:v3\" type=\"II\" extension=\"9\" root=\"2.999.4\"/&gt;",
            "urn:hl7ii:2.999.4:9",
        ),
        (
            "urn:ihe:iti:xua:2017:subject:provider-identifier",
            "<id xmlns=\"urn:hl7-org:v3\" extension=\"9\" root=\"2.999.4\"/>",
            "urn:hl7ii:2.999.4:9",
        ),
    ] {
        assert_eq!(claims_of(name, content).provider_ids, [form], "{content}");
    }
}

#[test]
fn every_shape_of_a_home_community_reads_alike() {
    let home = HomeCommunityId::parse("2.999.2").unwrap();
    for name in [
        "urn:nhin:names:saml:homeCommunityId",
        "urn:ihe:iti:xca:2010:homeCommunityId",
        "urn:no:ehelse:saml:1.0:subject:homeCommunityId",
    ] {
        for content in ["2.999.2", "urn:oid:2.999.2", " URN:OID:2.999.2 "] {
            assert_eq!(claims_of(name, content).home_community, Some(home.clone()), "{content}");
        }
        let unreadable = "<saml:AttributeValue><a/></saml:AttributeValue><saml:AttributeValue>3.1</saml:AttributeValue>";
        let text = format!(
            "<saml:Assertion xmlns:saml=\"{}\">{}</saml:Assertion>",
            ns::SAML,
            statement(&[(name, unreadable)])
        );
        let document = xml::parse(&text, Bounds::REQUEST).unwrap();
        let homes = read(document.root(), Naming::User, &mut Claims::default()).unwrap();
        assert_eq!(homes, ["<saml:AttributeValue><a/></saml:AttributeValue>", "3.1"]);
    }
}

#[test]
fn names_are_read_in_full_and_the_first_counts() {
    let values = "<saml:AttributeValue>Ada <![CDATA[& ]]><!-- x -->Co&#x21;</saml:AttributeValue>\
        <saml:AttributeValue>Other</saml:AttributeValue>";
    let (organization, subject) = (format!("{XSPA}organization"), format!("{XSPA}subject-id"));
    let claims = try_claims(&statement(&[(&organization, values), (&subject, values)])).unwrap();
    assert_eq!(claims.organization.as_deref(), Some("Ada & Co!"));
    assert_eq!(claims.name.as_deref(), Some("Ada & Co!"));
}

#[test]
fn values_have_a_ceiling() {
    let name = format!("{XSPA}purposeofuse");
    let many = "<saml:AttributeValue>x</saml:AttributeValue>".repeat(VALUES + 1);
    let refused = Malformed::TooManyValues { limit: VALUES };
    assert_eq!(try_claims(&statement(&[(&name, &many)])).unwrap_err(), refused);
    let inside =
        format!("<saml:AttributeValue>{}</saml:AttributeValue>", "<a/>".repeat(VALUES + 1));
    assert_eq!(try_claims(&statement(&[(&name, &inside)])).unwrap_err(), refused);
}

#[test]
fn every_shape_of_a_ceiling_reads_alike_and_none_vanishes() {
    let ceilings = |content: &str| claims_of(CEILING, content).confidentiality_ceilings;
    let coded = "<CE xmlns=\"urn:hl7-org:v3\" code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/>";
    assert_eq!(ceilings(coded), ["N"]);
    assert_eq!(ceilings(" N "), ["N"]);
    // what no code is found in is no code that anybody knows
    assert_eq!(ceilings("<CE xmlns=\"urn:hl7-org:v3\"/>"), [""]);
    let two =
        "<saml:AttributeValue>R</saml:AttributeValue><saml:AttributeValue>L</saml:AttributeValue>";
    let both = try_claims(&statement(&[(CEILING, two)])).unwrap();
    assert_eq!(both.confidentiality_ceilings, ["R", "L"]);
}

#[test]
fn what_only_an_agreement_knows_is_kept_as_text_up_to_a_limit() {
    let why = "urn:example:why";
    let said = claims_of(why, " unconscious, 3 am ");
    assert_eq!(said.other(why).collect::<Vec<_>>(), ["unconscious, 3 am"]);
    let coded = claims_of(why, "<CE xmlns=\"urn:hl7-org:v3\" code=\"1\" displayName=\"coma\"/>");
    assert_eq!(coded.other(why).collect::<Vec<_>>(), ["coma"]);
    assert_eq!(coded.other("urn:example:wh").count(), 0);
    let value = |text: &str| format!("<saml:AttributeValue>{text}</saml:AttributeValue>");
    let several = ["", "one", &"x".repeat(OTHERS_BYTES), "two"].map(value).concat();
    let kept = try_claims(&statement(&[(why, &several)])).unwrap();
    assert_eq!(kept.other(why).collect::<Vec<_>>(), ["one", "two"]);
    // what has a meaning of its own is no matter of agreement
    assert!(claims_of(&format!("{XSPA}role"), "x").others.is_empty());
}

#[test]
fn of_who_is_not_believed_the_purposes_are_read_and_no_more_than_a_few() {
    let usual = format!("{XSPA}purposeofuse");
    let coded = |code: usize| {
        format!(
            "<saml:AttributeValue><PurposeOfUse xmlns=\"urn:hl7-org:v3\" code=\"{code}\" codeSystem=\"2.999.5\"/>\
             </saml:AttributeValue>"
        )
    };
    let claimed = |statements: &str| {
        let text =
            format!("<saml:Assertion xmlns:saml=\"{}\">{statements}</saml:Assertion>", ns::SAML);
        claimed_purposes(xml::parse(&text, Bounds::REQUEST).unwrap().root())
    };
    let many = |count: usize| statement(&[(&usual, &(0..count).map(coded).collect::<String>())]);
    // neither an attribute that hides something nor values beyond the limit of another one are looked at
    let others = "<saml:AttributeValue>x</saml:AttributeValue>".repeat(VALUES + 1);
    let others = statement(&[(&format!("{XSPA}npi"), &others)]);
    let hidden = "<saml:AttributeStatement><saml:EncryptedAttribute/></saml:AttributeStatement>";
    let found = claimed(&format!("{hidden}{others}{}", many(2))).unwrap();
    assert_eq!(found, try_claims(&many(2)).unwrap().purposes);
    assert_eq!(claimed(&many(CLAIMED_PURPOSES)).unwrap().coded.len(), CLAIMED_PURPOSES);
    let too_many = Malformed::TooManyValues { limit: CLAIMED_PURPOSES };
    assert_eq!(claimed(&many(CLAIMED_PURPOSES + 1)).unwrap_err(), too_many);
}
