//! eHDSI: each message with two assertions, as OpenNCP's contact points write them, to a partner of that profile.

mod refused;

use std::sync::OnceLock;
use std::time::Duration;

use glassgate::client::{Ask, Query};
use glassgate::clock::{Clock, SystemClock, SystemRandom, Timestamp, uuid};
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::dsig::{SigningKey, sign};
use glassgate::soap::Packaging;
use glassgate::xds::Status;

use crate::asked::{document, numbered, numbers, without_uuids};
use crate::record::kinds;
use crate::world::{World, between};

/// The issuers as the countries' contact points name them.
const PROVIDER: &str = "urn:idp:XX:countryB";
const GATEWAY: &str = "urn:initgw:XX:countryB";
const PROVIDER_KEY: &str = "partners/riverside/saml";
const GATEWAY_KEY: &str = "partners/hilltop/saml";

fn countries() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::amended("ehdsi", |_| (), |toml| amend(&toml)))
}

/// Riverside is a country of eHDSI here.
fn amend(toml: &str) -> String {
    let section = "[[partner]]\nname = \"riverside\"\n";
    let (before, rest) = toml.split_once(section).unwrap();
    let (_, after) = rest.split_once("\n[[issuer]]\n").unwrap();
    format!(
        r#"{before}[[partner]]
name = "riverside"
profile = "ehdsi"
home_community_ids = ["2.999.2"]
tls_certificates = ["pki/partners/riverside/tls.crt"]
issuers = ["{PROVIDER}", "https://sts.riverside.example"]
relationship_issuers = ["{GATEWAY}"]

[[issuer]]
name = "{PROVIDER}"
certificates = ["pki/{PROVIDER_KEY}.crt"]

[[issuer]]
name = "{GATEWAY}"
certificates = ["pki/{GATEWAY_KEY}.crt"]

[[issuer]]
{after}"#
    )
}

fn run<T>(future: impl Future<Output = T>) -> T {
    countries().runtime.block_on(future)
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn id() -> String {
    format!("_{}", uuid(&SystemRandom).unwrap())
}

/// One of the two, as it is before it is signed.
#[derive(Clone)]
struct Draft {
    id: String,
    xml: String,
    key: &'static str,
}

impl Draft {
    fn edited(&self, from: &str, to: &str) -> Self {
        assert!(self.xml.contains(from), "{from} is not in {}", self.xml);
        Self { xml: self.xml.replacen(from, to, 1), ..self.clone() }
    }

    fn by(&self, key: &'static str) -> Self {
        Self { key, ..self.clone() }
    }

    fn signed(&self) -> String {
        let path = countries().stage.layout.pki().join(self.key);
        let read = |kind: &str| std::fs::read(path.with_extension(kind)).unwrap();
        let key = SigningKey::from_pem(&read("key"), &read("crt")).unwrap();
        sign(&self.xml, &self.id, &key).unwrap()
    }
}

/// What both have in common; `middle` stands between Conditions and attributes.
fn assertion(
    kind: &str,
    issuer: &str,
    hours: u64,
    middle: &str,
    attributes: &str,
) -> (String, String) {
    let (id, from) = (id(), now());
    let until = from.plus(Duration::from_secs(hours * 3600));
    let xml = format!(
        "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" ID=\"{id}\" IssueInstant=\"{from}\" Version=\"2.0\">\
         <saml2:Issuer NameQualifier=\"urn:ehdsi:assertions:{kind}\">{issuer}</saml2:Issuer><saml2:Subject>\
         <saml2:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">lake@clinic.example\
         </saml2:NameID><saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:sender-vouches\"/>\
         </saml2:Subject><saml2:Conditions NotBefore=\"{from}\" NotOnOrAfter=\"{until}\"><saml2:AudienceRestriction>\
         <saml2:Audience>urn:ehdsi:assertions.audience:x-border</saml2:Audience></saml2:AudienceRestriction>\
         </saml2:Conditions>{middle}<saml2:AttributeStatement>{attributes}</saml2:AttributeStatement></saml2:Assertion>"
    );
    (id, xml)
}

fn authenticated(context: &str) -> String {
    format!(
        "<saml2:AuthnStatement AuthnInstant=\"{}\"><saml2:AuthnContext><saml2:AuthnContextClassRef>\
         urn:oasis:names:tc:SAML:2.0:ac:classes:{context}</saml2:AuthnContextClassRef></saml2:AuthnContext>\
         </saml2:AuthnStatement>",
        now()
    )
}

fn attribute(name: &str, value: &str) -> String {
    format!(
        "<saml2:Attribute Name=\"{name}\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\">\
         <saml2:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xsd:string\">{value}\
         </saml2:AttributeValue></saml2:Attribute>"
    )
}

fn purpose(code: &str) -> String {
    let purpose = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
    format!(
        "<saml2:Attribute Name=\"{purpose}\"><saml2:AttributeValue><PurposeOfUse xmlns=\"urn:hl7-org:v3\" \
         code=\"{code}\" codeSystem=\"3bc18518-d305-46c2-a8d6-94bd59856e9e\" codeSystemName=\"eHDSI XSPA PurposeOfUse\" \
         displayName=\"{code}\"/></saml2:AttributeValue></saml2:Attribute>"
    )
}

/// Who asks.
fn identity() -> Draft {
    let attributes = [
        attribute("urn:ihe:iti:xca:2010:homeCommunityId", "urn:oid:2.999.2"),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:subject-id", "Ada Lake"),
        "<saml2:Attribute Name=\"urn:oasis:names:tc:xacml:2.0:subject:role\"><saml2:AttributeValue><Role \
         xmlns=\"urn:hl7-org:v3\" code=\"221\" codeSystem=\"2.16.840.1.113883.2.9.6.2.7\" codeSystemName=\"ISCO\" \
         displayName=\"Medical Doctors\"/></saml2:AttributeValue></saml2:Attribute>"
            .to_owned(),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:organization-id", "urn:hl7ii:1.2.3.4:ABCD"),
        purpose("TREATMENT"),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:hl7:permission", "PRD-006"),
    ];
    let middle = authenticated("SmartcardPKI");
    let (id, xml) = assertion("hcp", PROVIDER, 4, &middle, &attributes.concat());
    Draft { id, xml, key: PROVIDER_KEY }
}

/// That he treats this patient; as contact points have it now, subject-id names the patient.
fn relationship(identity: &str, patient: u32) -> Draft {
    let patient = world::patient_id(patient).replace('&', "&amp;");
    let attributes = [
        attribute("urn:oasis:names:tc:xspa:1.0:subject:subject-id", &patient),
        purpose("TREATMENT"),
    ];
    let advice = format!(
        "<saml2:Advice><saml2:AssertionIDRef>{identity}</saml2:AssertionIDRef></saml2:Advice>{}",
        authenticated("PreviousSession")
    );
    let (id, xml) = assertion("trc", GATEWAY, 2, &advice, &attributes.concat());
    Draft { id, xml, key: GATEWAY_KEY }
}

fn both(patient: u32) -> (Draft, Draft) {
    let who = identity();
    let treats = relationship(&who.id, patient);
    (who, treats)
}

fn ask(security: String) -> Ask {
    Ask { assertion: security, message_id: uuid(&SystemRandom).unwrap(), to: None }
}

#[test]
fn a_confirmed_relationship_gets_the_patient_s_documents_and_no_other_s() {
    run(async {
        for turned in [false, true] {
            let (who, treats) = both(1001);
            let (first, second) = (who.signed(), treats.signed());
            let pair =
                if turned { format!("{second}{first}") } else { format!("{first}\n{second}") };
            let ids = format!(
                "assertion-id \"{}\"; relationship-id \"{}\"; relationship-issuer \"{GATEWAY}\"",
                who.id, treats.id
            );
            let query = |patient| Query::find_documents(&world::patient_id(patient)).body();
            let asked = countries().query_as(&RIVERSIDE, &ask(pair.clone()), &query(1001)).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5]);
            assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
            assert_eq!(asked.records[0].purposes, ["TREATMENT"]);
            assert!(asked.records[0].description.contains(&ids), "{:?}", asked.records);

            // the same two again: eHDSI asks and retrieves with them
            let one = ask(pair.clone());
            let wanted = [numbered(1001, 1)];
            let got = countries().retrieve_as(&RIVERSIDE, &one, &wanted, Packaging::Mtom).await;
            assert_eq!(got.answer.status, Status::Success);
            assert_eq!(kinds(&got.records), [("ITI-39", "0")]);
            assert!(got.records[0].description.contains(&ids), "{:?}", got.records);

            // a patient whom he does not treat looks like one without documents
            let other = countries().query_as(&RIVERSIDE, &ask(pair.clone()), &query(1002)).await;
            assert!(numbers(&other.answer).is_empty());
            assert!(other.records[0].description.contains("resource-id is another patient's"));
            let mut answers = Vec::new();
            for wanted in [numbered(1002, 1), document("2.999.1.4.404")] {
                let (one, id) = (ask(pair.clone()), wanted.document.clone());
                let got =
                    countries().retrieve_as(&RIVERSIDE, &one, &[wanted], Packaging::Mtom).await;
                assert_eq!(kinds(&got.records), [("ITI-39", "8")]);
                answers.push(without_uuids(&got.raw.body).replace(&id, "id"));
            }
            assert_eq!(answers[0], answers[1]);
        }
    });
}

#[test]
fn the_user_is_the_identity_s() {
    run(async {
        let (who, treats) = both(1001);
        let one = ask(format!("{}{}", treats.signed(), who.signed()));
        let body = Query::find_documents(&world::patient_id(1001)).body();
        countries().query_as(&RIVERSIDE, &one, &body).await;
        let records = countries().records(&one).await;
        let record = records.last().unwrap();
        let user = between(record, "UserID=\"lake@clinic.example\"", ">").unwrap();
        assert!(user.contains(&format!("lt;lake@clinic.example@{PROVIDER}&gt;")), "{user}");
        assert!(record.contains("csd-code=\"221\""), "{record}");
    });
}

#[test]
fn a_relationship_may_come_with_resource_id_and_an_emergency() {
    run(async {
        let (who, treats) = both(1001);
        let emergency = |draft: &Draft| draft.edited("code=\"TREATMENT\"", "code=\"EMERGENCY\"");
        // as contact points wrote it before
        let treats = treats.edited("xspa:1.0:subject:subject-id", "xacml:1.0:resource:resource-id");
        let one = ask(format!("{}{}", emergency(&who).signed(), emergency(&treats).signed()));
        let body = Query::find_documents(&world::patient_id(1001)).body();
        let asked = countries().query_as(&RIVERSIDE, &one, &body).await;
        // an emergency is treatment there, no override
        assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5]);
        assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
        assert_eq!(asked.records[0].purposes, ["EMERGENCY"]);
    });
}
