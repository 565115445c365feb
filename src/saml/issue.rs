//! Makes unsigned assertions in the shape of the US exchanges, for the client, the demo and tests (ITI TF-2 3.40.4.1.2).

use std::fmt;
use std::time::Duration;

use crate::clock::{NoRandomness, Random, Timestamp, uuid};
use crate::ids::{Coded, HomeCommunityId, PatientId};
use crate::xml::{escape_attribute, escape_text, ns};

/// What an assertion is to say.
#[derive(Clone, Default)]
pub struct Order {
    /// The assertion's ID; a random one if absent.
    pub id: Option<String>,
    /// Who vouches.
    pub issuer: String,
    /// Text of NameID.
    pub subject: String,
    /// NameID's SPProvidedID.
    pub alias: Option<String>,
    /// For whom it is meant.
    pub audience: String,
    /// The endpoint it is meant for.
    pub recipient: Option<String>,
    /// From when it is valid; from now on if absent.
    pub not_before: Option<Timestamp>,
    /// How long it is valid.
    pub lifetime: Duration,
    /// The purposes of use.
    pub purposes: Vec<Coded>,
    /// The subject's roles.
    pub roles: Vec<Coded>,
    /// The organization's name.
    pub organization: Option<String>,
    /// The organization's identifier, as it is to be written.
    pub organization_id: Option<String>,
    /// The subject's community.
    pub home_community: Option<HomeCommunityId>,
    /// The ID of an identity assertion, where this one confirms its user's treatment relationship (eHDSI).
    pub confirms: Option<String>,
    /// The patient it speaks of.
    pub resource_id: Option<PatientId>,
    /// The subject's name as people know it.
    pub subject_name: Option<String>,
    /// The national provider identifier.
    pub npi: Option<String>,
    /// The highest confidentiality asked for.
    pub confidentiality_ceiling: Option<String>,
    /// How the subject was authenticated; `unspecified` if absent.
    pub authn_context: Option<String>,
}

/// Subjects stay out of logs.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("purposes", &self.purposes)
            .finish_non_exhaustive()
    }
}

/// An assertion that still lacks its signature; `dsig::sign` takes both fields.
#[derive(Clone)]
pub struct Unsigned {
    /// The ID that the signature refers to.
    pub id: String,
    /// The `saml2:Assertion` element.
    pub xml: String,
}

/// Subjects stay out of logs.
impl fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsigned").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Writes the assertion as ordered.
pub fn assertion(
    order: &Order,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Unsigned, NoRandomness> {
    let id = match &order.id {
        Some(id) => id.clone(),
        None => format!("_{}", uuid(random)?),
    };
    let from = order.not_before.unwrap_or(now);
    let until = from.plus(order.lifetime);
    let mut xml = String::with_capacity(4 * 1024);
    xml.push_str("<saml2:Assertion xmlns:saml2=\"");
    xml.push_str(ns::SAML);
    xml.push('"');
    attribute(&mut xml, "ID", &id);
    attribute(&mut xml, "IssueInstant", &now.to_string());
    xml.push_str(" Version=\"2.0\">");
    element(&mut xml, "Issuer", &order.issuer);
    write_subject(&mut xml, order, until);
    xml.push_str("<saml2:Conditions");
    attribute(&mut xml, "NotBefore", &from.to_string());
    attribute(&mut xml, "NotOnOrAfter", &until.to_string());
    xml.push_str("><saml2:AudienceRestriction>");
    element(&mut xml, "Audience", &order.audience);
    xml.push_str("</saml2:AudienceRestriction></saml2:Conditions>");
    if let Some(identity) = &order.confirms {
        xml.push_str("<saml2:Advice>");
        element(&mut xml, "AssertionIDRef", identity);
        xml.push_str("</saml2:Advice>");
    }
    xml.push_str("<saml2:AuthnStatement");
    attribute(&mut xml, "AuthnInstant", &now.to_string());
    attribute(&mut xml, "SessionNotOnOrAfter", &until.to_string());
    xml.push_str("><saml2:AuthnContext>");
    let unspecified = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
    element(
        &mut xml,
        "AuthnContextClassRef",
        order.authn_context.as_deref().unwrap_or(unspecified),
    );
    xml.push_str("</saml2:AuthnContext></saml2:AuthnStatement>");
    write_attributes(&mut xml, order);
    xml.push_str("</saml2:Assertion>");
    Ok(Unsigned { id, xml })
}

fn write_subject(xml: &mut String, order: &Order, until: Timestamp) {
    xml.push_str("<saml2:Subject><saml2:NameID");
    if let Some(alias) = &order.alias {
        attribute(xml, "SPProvidedID", alias);
    }
    xml.push('>');
    escape_text(xml, &order.subject);
    xml.push_str("</saml2:NameID><saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml2:SubjectConfirmationData");
    attribute(xml, "NotOnOrAfter", &until.to_string());
    if let Some(recipient) = &order.recipient {
        attribute(xml, "Recipient", recipient);
    }
    xml.push_str("/></saml2:SubjectConfirmation></saml2:Subject>");
}

fn write_attributes(xml: &mut String, order: &Order) {
    let home = order.home_community.as_ref().map(ToString::to_string);
    let patient = order.resource_id.as_ref().map(ToString::to_string);
    let texts = [
        ("urn:oasis:names:tc:xspa:1.0:subject:subject-id", &order.subject_name),
        ("urn:oasis:names:tc:xspa:1.0:subject:organization", &order.organization),
        ("urn:oasis:names:tc:xspa:1.0:subject:organization-id", &order.organization_id),
        ("urn:nhin:names:saml:homeCommunityId", &home),
        ("urn:oasis:names:tc:xspa:2.0:subject:npi", &order.npi),
        ("urn:oasis:names:tc:xacml:2.0:resource:resource-id", &patient),
        (super::attributes::CEILING, &order.confidentiality_ceiling),
    ];
    let codes = [
        ("urn:oasis:names:tc:xacml:2.0:subject:role", "Role", &order.roles),
        ("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", "PurposeOfUse", &order.purposes),
    ];
    if texts.iter().all(|(_, text)| text.is_none()) && codes.iter().all(|(.., c)| c.is_empty()) {
        return; // an AttributeStatement without Attribute is no valid one
    }
    xml.push_str("<saml2:AttributeStatement>");
    for (name, text) in texts {
        let Some(text) = text else { continue };
        open_attribute(xml, name);
        element(xml, "AttributeValue", text);
        xml.push_str("</saml2:Attribute>");
    }
    for (name, kind, codes) in codes.into_iter().filter(|(.., codes)| !codes.is_empty()) {
        open_attribute(xml, name);
        codes.iter().for_each(|code| write_code(xml, kind, code));
        xml.push_str("</saml2:Attribute>");
    }
    xml.push_str("</saml2:AttributeStatement>");
}

fn open_attribute(xml: &mut String, name: &str) {
    xml.push_str("<saml2:Attribute");
    attribute(xml, "Name", name);
    attribute(xml, "NameFormat", "urn:oasis:names:tc:SAML:2.0:attrname-format:uri");
    xml.push('>');
}

fn write_code(xml: &mut String, kind: &str, code: &Coded) {
    xml.push_str("<saml2:AttributeValue><hl7:");
    xml.push_str(kind);
    attribute(xml, "xmlns:hl7", ns::HL7);
    attribute(xml, "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
    attribute(xml, "xsi:type", "hl7:CE");
    attribute(xml, "code", &code.code);
    attribute(xml, "codeSystem", &code.system);
    if let Some(display) = &code.display {
        attribute(xml, "displayName", display);
    }
    xml.push_str("/></saml2:AttributeValue>");
}

fn element(xml: &mut String, name: &str, text: &str) {
    xml.push_str("<saml2:");
    xml.push_str(name);
    xml.push('>');
    escape_text(xml, text);
    xml.push_str("</saml2:");
    xml.push_str(name);
    xml.push('>');
}

fn attribute(xml: &mut String, name: &str, value: &str) {
    xml.push(' ');
    xml.push_str(name);
    xml.push_str("=\"");
    escape_attribute(xml, value);
    xml.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;
    use crate::saml::assertion::Assertion;
    use crate::saml::check::Which;
    use crate::saml::message::Proofs;
    use crate::saml::{fixture, rules};
    use crate::xml::{self, Bounds};

    fn full() -> Order {
        Order {
            issuer: "https://sts.riverside.example".into(),
            subject: "o'neil & <sons>".into(),
            alias: Some("\"ON\"".into()),
            audience: "urn:oid:2.999.1".into(),
            recipient: Some("https://127.0.0.1:8443/xca/query".into()),
            lifetime: Duration::from_secs(300),
            purposes: vec![Coded::new("TREAT", "2.16.840.1.113883.5.8").with_display("<treat>")],
            roles: vec![Coded::new("309343006", "2.16.840.1.113883.6.96")],
            organization: Some("R&D".into()),
            organization_id: Some("urn:oid:2.999.2.5".into()),
            home_community: HomeCommunityId::parse("2.999.2").ok(),
            resource_id: PatientId::parse("P-1001^^^&2.999.1.3&ISO").ok(),
            subject_name: Some("Ada".into()),
            npi: Some("1234567893".into()),
            authn_context: Some("urn:x".into()),
            confirms: Some("_<1>".into()),
            ..Order::default()
        }
    }

    fn reread(order: &Order, now: Timestamp) -> Assertion {
        let unsigned = assertion(order, &SystemRandom, now).unwrap();
        let document = xml::parse(&unsigned.xml, Bounds::REQUEST).unwrap();
        let read = Assertion::read(document.root()).unwrap();
        assert_eq!(read.claims.assertion_id, unsigned.id);
        read
    }

    #[test]
    fn what_is_ordered_reads_back_and_keeps_the_rules() {
        let now = Timestamp::parse(fixture::NOW).unwrap();
        let (order, settings) = (full(), fixture::settings());
        let read = reread(&order, now);
        let (partner, proofs) = (&settings.partners[0], &Proofs::none());
        let held = rules::Held { assertion: &read, partner, relationship: None, proofs, now };
        assert_eq!(rules::hold(&held, Which::Message, &mut ()), Ok(()));
        let claims = &read.claims;
        assert_eq!((&claims.issuer, &claims.subject), (&order.issuer, &order.subject));
        assert_eq!((&claims.alias, &claims.name), (&order.alias, &order.subject_name));
        assert_eq!(
            (&claims.organization, &claims.authn_context),
            (&order.organization, &order.authn_context)
        );
        assert_eq!((&claims.purposes.coded, &claims.roles), (&order.purposes, &order.roles));
        assert_eq!(
            (&claims.home_community, claims.patients.first()),
            (&order.home_community, order.resource_id.as_ref())
        );
        assert_eq!(
            (claims.organization_ids.as_slice(), claims.provider_ids.as_slice()),
            (&["2.999.2.5".to_owned()][..], &["1234567893".to_owned()][..])
        );
        assert!(claims.purposes.plain.is_empty());
        assert_eq!(read.references, ["_<1>"]);
        assert!(!format!("{order:?}").contains("neil"));
    }

    #[test]
    fn little_may_be_ordered() {
        let now = Timestamp::parse(fixture::NOW).unwrap();
        let order = Order {
            id: Some("_x".into()),
            issuer: "i".into(),
            subject: "s".into(),
            ..Order::default()
        };
        let unsigned = assertion(&order, &SystemRandom, now).unwrap();
        assert!(!unsigned.xml.contains("AttributeStatement"));
        assert_eq!(reread(&order, now).claims.assertion_id, "_x");
    }
}
