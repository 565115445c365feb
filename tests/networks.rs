//! Profiles of national networks, each tried with messages of that shape: the foreign ones with a key of ours, as
//! their issuers' keys are not to be had.

mod lakeside;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use glassgate::client::{Ask, Query};
use glassgate::clock::Timestamp;
use glassgate::config;
use glassgate::dsig::{SigningKey, canonicalize, sign};
use glassgate::gateway::{Arrival, Rehearsal, ResourceId, Transaction, rehearse};
use glassgate::policy::BreakGlass;
use glassgate::saml::Peer;
use glassgate::soap::{SIMPLE_CONTENT_TYPE, action};
use glassgate::xml::{Bounds, ns, parse};
use openssl::base64::encode_block;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;
use openssl::x509::X509;
use tempfile::TempDir;

/// A gateway's settings with one partner of a network.
struct Network {
    directory: TempDir,
}

impl Network {
    /// `keys` says how the issuer is trusted, `partner` what the profile does not know.
    fn new(home: &str, profile: &str, issuer: &str, keys: &str, partner: &str) -> Self {
        let entries = format!(
            r#"
[[issuer]]
name = "{issuer}"
{keys}
[[partner]]
name = "partner"
profile = "{profile}"
tls_certificates = ["pki/partners/riverside/tls.crt"]
issuers = ["{issuer}"]
{partner}
"#
        );
        Self { directory: lakeside::settings(home, &entries) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self) -> config::Config {
        config::read(&lakeside::file(&self.directory))
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// What would become of an ITI-38 message at that moment.
    fn judge(&self, message: &str, at: &str) -> Rehearsal {
        let config = self.config();
        let certificate = fs::read(self.path("pki/partners/riverside/tls.crt")).unwrap();
        let certificate = X509::from_pem(&certificate).unwrap();
        let peer = Peer::of(&certificate, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        let content_type = Some(SIMPLE_CONTENT_TYPE.to_owned());
        let arrival = Arrival { peer, content_type, body: message.to_owned().into() };
        let at = Timestamp::parse(at).unwrap();
        rehearse(&config.gateway, config.terms, Transaction::Query, &arrival, at)
    }

    /// The codes of what is refused.
    fn refusals(&self, message: &str, at: &str) -> Vec<&'static str> {
        let findings = self.judge(message, at).findings;
        findings.iter().filter_map(|one| Some(one.refused.as_ref()?.0)).collect()
    }

    /// The assertion signed with a key of the PKI.
    fn signed(&self, assertion: &str, key: &str) -> String {
        let read = |kind: &str| fs::read(self.path(&format!("pki/{key}.{kind}"))).unwrap();
        let key = SigningKey::from_pem(&read("key"), &read("crt")).unwrap();
        let (_, id) = assertion.split_once(" ID=\"").unwrap();
        sign(assertion, id.split('"').next().unwrap(), &key).unwrap()
    }
}

fn foreign(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The assertion of a message, without the signature that indentation broke.
fn assertion(text: &str) -> (String, String) {
    let prefix =
        ["saml", "saml2"].into_iter().find(|p| text.contains(&format!("</{p}:Assertion>")));
    let prefix = prefix.unwrap();
    let close = format!("</{prefix}:Assertion>");
    let start = text.find(&format!("<{prefix}:Assertion")).unwrap();
    let whole = &text[start..text.find(&close).unwrap() + close.len()];
    let at = whole.find("Signature ").map(|at| whole[..at].rfind('<').unwrap()).unwrap();
    let end = whole.rfind("Signature>").unwrap() + "Signature>".len();
    (whole.to_owned(), format!("{}{}", &whole[..at], &whole[end..]))
}

/// A query of ours around an assertion.
fn query(assertion: String, patient: &str) -> String {
    let message_id = "8bb1ef3c-4a86-4a2d-9a0c-6f0e3c1d2b11".to_owned();
    let ask = Ask { assertion, message_id, to: None };
    let body = Query::find_documents(patient).body();
    ask.envelope(action::QUERY, "https://127.0.0.1:8443/xca/query", &body)
}

const PINNED: &str = "trust = \"pinned\"\ncertificates = [\"pki/partners/riverside/saml.crt\"]";

#[test]
fn norway_s_messages_are_admitted_as_they_are_sent() {
    for (file, issuer, at, purpose) in [
        (
            "no-iti38-iti40-request-kj.xml",
            "https://helseid-xdssaml.test.nhn.no",
            "2025-07-31T19:00:00Z",
            "TREAT",
        ),
        ("no-iti38-iti40-request-hn.xml", "sikkerhet.helsenorge.no", "2025-08-29T09:50:00Z", "13"),
    ] {
        let message = foreign(&format!("saml-norway/{file}"));
        let (whole, unsigned) = assertion(&message);
        let issuer = if whole.contains(&format!(">{issuer}<")) {
            issuer.to_owned()
        } else {
            whole
                .split_once("Issuer")
                .unwrap()
                .1
                .split_once('>')
                .unwrap()
                .1
                .split('<')
                .next()
                .unwrap()
                .to_owned()
        };
        // Helsenorge names the receiver's address, which is no habit but the receiver's own
        let partner = "home_community_ids = [\"2.16.578.1.12.4.1.7.1.1\"]\naudiences = \
                       [\"nhn:dokumentdeling-saml\", \"https://xds-web.test.nhn.no/\"]";
        let network = Network::new(HOME_OF_NORWAY, "norway", &issuer, PINNED, partner);
        let signed =
            |text: &str| message.replace(&whole, &network.signed(text, "partners/riverside/saml"));
        let judged = network.judge(&signed(&unsigned), at);
        let access = judged.access.unwrap_or_else(|| panic!("{file}: {:?}", judged.findings));
        assert_eq!(access.purposes_stated()[0].code, purpose, "{file}");
        assert_eq!(access.break_glass(), &BreakGlass::NotDeclared, "{file}");
        // a purpose in a vocabulary that Norway does not use
        let nhin = unsigned
            .replace("2.16.840.1.113883.1.11.20448", "2.16.840.1.113883.3.18.7.1")
            .replace("1.0.14265.1", "2.16.840.1.113883.3.18.7.1")
            .replace("code=\"TREAT\"", "code=\"TREATMENT\"")
            .replace("code=\"13\"", "code=\"TREATMENT\"");
        assert_ne!(nhin, unsigned);
        assert_eq!(network.refusals(&signed(&nhin), at), ["code-system"], "{file}");
    }
}

const HOME_OF_NORWAY: &str = "2.16.578.1.12.4.1.7.1.1";

#[test]
fn in_norway_etreat_is_treatment() {
    let message = foreign("saml-norway/no-iti38-iti40-request-kj.xml");
    let (whole, unsigned) = assertion(&message);
    let partner = "home_community_ids = [\"2.16.578.1.12.4.1.7.1.1\"]";
    let issuer = "https://helseid-xdssaml.test.nhn.no";
    let network = Network::new(HOME_OF_NORWAY, "norway", issuer, PINNED, partner);
    let etreat = unsigned.replace("code=\"TREAT\"", "code=\"ETREAT\"");
    let signed = message.replace(&whole, &network.signed(&etreat, "partners/riverside/saml"));
    let access = network.judge(&signed, "2025-07-31T19:00:00Z").access.unwrap();
    assert_eq!(access.break_glass(), &BreakGlass::NotDeclared);
}

#[test]
fn switzerland_s_assertions_are_admitted_as_they_are_issued() {
    let (whole, unsigned) = assertion(&foreign("saml-swiss/ch-ITI-18_request_raw.xml"));
    let issuer = whole.split_once("Issuer").unwrap().1.split_once('>').unwrap().1;
    let issuer = issuer.split('<').next().unwrap();
    let partner = "home_community_ids = [\"1.3.6.1.4.1.21367.2017.2.6.19\"]";
    let network = Network::new("2.999.1", "switzerland", issuer, PINNED, partner);
    let patient = "761337610410098484^^^&2.16.756.5.30.1.127.3.10.3&ISO";
    let message = |text: &str| query(network.signed(text, "partners/riverside/saml"), patient);
    let at = "2020-09-22T11:20:00Z";
    let judged = network.judge(&message(&unsigned), at);
    let access = judged.access.unwrap_or_else(|| panic!("{:?}", judged.findings));
    // EMER is break-glass, and a health professional may
    assert!(matches!(access.break_glass(), BreakGlass::Honoured(_)));
    assert_eq!(access.principal().claims().patients[0].to_string(), patient);
    assert_eq!(network.config().terms.manners["partner"].resource_id, ResourceId::Require);
    let normal = unsigned.replace("code=\"EMER\"", "code=\"NORM\"");
    let access = network.judge(&message(&normal), at).access.unwrap();
    assert_eq!(access.break_glass(), &BreakGlass::NotDeclared);
    let representative = unsigned.replace("code=\"HCP\"", "code=\"REP\"");
    let access = network.judge(&message(&representative), at).access.unwrap();
    assert!(matches!(access.break_glass(), BreakGlass::NotHonoured(_)));
    for (from, to, code) in [
        ("code=\"EMER\"", "code=\"AUTO\"", "unknown-purpose"),
        ("token-audience:all-communities", "token-audience:one-community", "audience"),
    ] {
        assert!(unsigned.contains(from), "{from}");
        assert_eq!(network.refusals(&message(&unsigned.replace(from, to)), at), [code]);
    }
}

/// As Carequality's and eHealth Exchange's gateways write it; the holder's key is put in where `@key@` stands.
const US: &str = "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_us1\" \
IssueInstant=\"2026-11-22T12:00:00.000Z\" Version=\"2.0\"><saml2:Issuer \
Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">admin@sts.riverside.example</saml2:Issuer>\
<saml2:Subject><saml2:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName\">\
CN=Dr. Lake,O=Riverside</saml2:NameID><saml2:SubjectConfirmation \
Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\"><saml2:SubjectConfirmationData>@key@\
</saml2:SubjectConfirmationData></saml2:SubjectConfirmation></saml2:Subject>\
<saml2:Conditions NotBefore=\"2026-11-22T11:59:55Z\" NotOnOrAfter=\"2026-11-22T12:05:00Z\">\
<saml2:AudienceRestriction><saml2:Audience>https://127.0.0.1:8443/xca/query</saml2:Audience>\
</saml2:AudienceRestriction></saml2:Conditions>\
<saml2:AuthnStatement AuthnInstant=\"2026-11-22T12:00:00Z\"><saml2:AuthnContext><saml2:AuthnContextClassRef>\
urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>\
<saml2:AttributeStatement><saml2:Attribute Name=\"urn:oasis:names:tc:xspa:1.0:subject:subject-id\">\
<saml2:AttributeValue>Dr. Lake</saml2:AttributeValue></saml2:Attribute>\
<saml2:Attribute Name=\"urn:nhin:names:saml:homeCommunityId\"><saml2:AttributeValue>2.999.2</saml2:AttributeValue>\
</saml2:Attribute><saml2:Attribute Name=\"urn:oasis:names:tc:xacml:2.0:subject:role\"><saml2:AttributeValue>\
<hl7:Role xmlns:hl7=\"urn:hl7-org:v3\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"hl7:CE\" \
code=\"106331006\" codeSystem=\"2.16.840.1.113883.6.96\" codeSystemName=\"SNOMED_CT\"/></saml2:AttributeValue>\
</saml2:Attribute><saml2:Attribute Name=\"urn:oasis:names:tc:xspa:1.0:subject:purposeofuse\"><saml2:AttributeValue>\
<hl7:PurposeOfUse xmlns:hl7=\"urn:hl7-org:v3\" code=\"TREATMENT\" codeSystem=\"2.16.840.1.113883.3.18.7.1\" \
codeSystemName=\"nhin-purpose\" displayName=\"Treatment\"/></saml2:AttributeValue></saml2:Attribute>\
</saml2:AttributeStatement></saml2:Assertion>";

/// The key of the sender, who is the TLS client too.
const SENDER: &str = "partners/riverside/tls";

/// `X509Data` and `RSAKeyValue`, as these gateways state both.
fn key_info(network: &Network, name: &str) -> String {
    let pem = fs::read(network.path(&format!("pki/{name}.crt"))).unwrap();
    let certificate = X509::from_pem(&pem).unwrap();
    let rsa = certificate.public_key().unwrap().rsa().unwrap();
    format!(
        "<ds:KeyInfo xmlns:ds=\"{}\"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>\
         <ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent></ds:RSAKeyValue>\
         </ds:KeyValue></ds:KeyInfo>",
        ns::DSIG,
        encode_block(&certificate.to_der().unwrap()),
        encode_block(&rsa.n().to_vec()),
        encode_block(&rsa.e().to_vec())
    )
}

/// A Timestamp of a minute before `at`, signed with that key; KeyInfo refers to the assertion.
fn signed_timestamp(network: &Network, name: &str, created: &str) -> String {
    let canonical = |xml: &str, inside: bool| {
        let document = parse(xml, Bounds::REQUEST).unwrap();
        let root = document.root();
        let node = if inside { root.first_element_child().unwrap() } else { root };
        canonicalize(node, &[], None)
    };
    let timestamp = format!(
        "<wsu:Timestamp xmlns:wsu=\"{}\" wsu:Id=\"_1\"><wsu:Created>{created}</wsu:Created>\
         <wsu:Expires>2026-11-22T12:05:00.000Z</wsu:Expires></wsu:Timestamp>",
        ns::WSU
    );
    let digest = encode_block(&sha256(canonical(&timestamp, false).as_bytes()));
    let opened = format!(
        "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\
         <ds:Reference URI=\"#_1\"><ds:Transforms><ds:Transform Algorithm=\"{c14n}\"/></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        ns::DSIG,
        c14n = ns::EXC_C14N
    );
    let key = fs::read(network.path(&format!("pki/{name}.key"))).unwrap();
    let key = PKey::private_key_from_pem(&key).unwrap();
    let octets = canonical(&format!("{opened}</ds:Signature>"), true);
    let value = Signer::new(MessageDigest::sha256(), &key)
        .unwrap()
        .sign_oneshot_to_vec(octets.as_bytes())
        .unwrap();
    format!(
        "{timestamp}{opened}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo><wsse:SecurityTokenReference>\
         <wsse:KeyIdentifier ValueType=\"http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID\">\
         _us1</wsse:KeyIdentifier></wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>",
        encode_block(&value)
    )
}

#[test]
fn the_united_states_senders_hold_the_key_that_their_assertion_names() {
    let keys = "trust = \"ca\"\nroots = [\"pki/ca.crt\"]\n\
                subjects = [\"CN=sts.riverside.example, O=riverside\"]";
    let network = Network::new(
        "2.999.1",
        "us",
        "admin@sts.riverside.example",
        keys,
        "home_community_ids = [\"urn:oid:2.999.2\"]",
    );
    let assertion = |named: &str| {
        network.signed(&US.replace("@key@", &key_info(&network, named)), "partners/riverside/saml")
    };
    let bearer = US.replace("holder-of-key", "bearer").replace("@key@", "");
    let bearer = network.signed(&bearer, "partners/riverside/saml");
    let stamp = |signer: &str, created: &str| signed_timestamp(&network, signer, created);
    let (fresh, old) = ("2026-11-22T12:00:00.000Z", "2026-11-22T11:40:00.000Z");
    let hilltop = "partners/hilltop/tls";
    for (timestamp, assertion, codes) in [
        (stamp(SENDER, fresh), assertion(SENDER), &[][..]),
        (stamp(SENDER, old), assertion(SENDER), &["timestamp-expired"]),
        (stamp(hilltop, fresh), assertion(SENDER), &["message-signature"]),
        (stamp(SENDER, fresh), assertion(hilltop), &["message-signature"]),
        (String::new(), assertion(SENDER), &["timestamp-unsigned"]),
        (stamp(SENDER, fresh), bearer, &["timestamp-unsigned"]),
    ] {
        let message = query(format!("{timestamp}{assertion}"), "P-1^^^&2.999.1.3&ISO");
        let refused = network.refusals(&message, "2026-11-22T12:01:00Z");
        assert_eq!(refused.first(), codes.first(), "{refused:?}");
    }
}

#[test]
fn the_united_states_purposes_come_with_a_certificate_of_the_network() {
    let keys = "trust = \"ca\"\nroots = [\"pki/ca.crt\"]\n\
                subjects = [\"CN=sts.riverside.example, O=riverside\"]";
    let network = Network::new(
        "2.999.1",
        "us",
        "admin@sts.riverside.example",
        keys,
        "home_community_ids = [\"urn:oid:2.999.2\"]",
    );
    let at = "2026-11-22T12:01:00Z";
    let timestamp = signed_timestamp(&network, SENDER, "2026-11-22T12:00:00.000Z");
    let message = |text: &str, key: &str| {
        let assertion = network.signed(&text.replace("@key@", &key_info(&network, SENDER)), key);
        query(format!("{timestamp}{assertion}"), "P-1^^^&2.999.1.3&ISO")
    };
    let ours = "partners/riverside/saml";
    let rce = "codeSystem=\"2.16.840.1.113883.3.7204.1.5.2.1\"";
    let nhin = "codeSystem=\"2.16.840.1.113883.3.18.7.1\"";
    for (code, system) in
        [("TREATMENT", nhin), ("EMERGENCY", nhin), ("T-TREAT", rce), ("T-TRTMNT", rce)]
    {
        let text =
            US.replace("code=\"TREATMENT\"", &format!("code=\"{code}\"")).replace(nhin, system);
        let judged = network.judge(&message(&text, ours), at);
        let access = judged.access.unwrap_or_else(|| panic!("{code}: {:?}", judged.findings));
        assert_eq!(access.break_glass(), &BreakGlass::NotDeclared, "{code}");
    }
    let refused = |text: &str, key: &str| network.refusals(&message(text, key), at);
    assert_eq!(refused(US, "partners/hilltop/saml"), ["certificate-name"]);
    assert_eq!(refused(US, "stranger/saml"), ["certificate-name"]);
    let swiss = US.replace("2.16.840.1.113883.3.18.7.1", "2.16.756.5.30.1.127.3.10.5");
    let swiss = swiss.replace("\"TREATMENT\"", "\"NORM\"");
    assert_eq!(refused(&swiss, ours), ["code-system"]);
    let payment = US.replace("\"TREATMENT\"", "\"PAYMENT\"");
    assert_eq!(refused(&payment, ours), ["outside-agreement"]);
}

#[test]
fn a_country_of_ehdsi_confirms_treatment_relationships() {
    // `tests/gateway/ehdsi` asks the running gateway with such messages
    let gateway = "urn:initgw:XX:countryB";
    let second = format!("\n[[issuer]]\nname = \"{gateway}\"\n{PINNED}\n");
    let partner = |own: &str| {
        let own = format!("home_community_ids = [\"2.999.2\"]\n{own}{second}");
        Network::new("2.999.1", "ehdsi", "urn:idp:XX:countryB", PINNED, &own)
    };
    let listed = format!("relationship_issuers = [\"{gateway}\"]\n");
    let terms = partner(&listed).config().terms;
    let settings = &terms.trust.settings().partners[0];
    let relationship = settings.relationship.as_ref().unwrap();
    assert_eq!(relationship.issuers, [gateway]);
    assert_eq!(relationship.qualifier.as_deref(), Some("urn:ehdsi:assertions:trc"));
    let hours = |lifetime: Duration| lifetime.as_secs() / 3600;
    assert_eq!(hours(relationship.longest_lifetime), 2);
    assert_eq!(hours(settings.longest_lifetime), 4);
    assert_eq!(terms.manners["partner"].resource_id, ResourceId::Require);
    // what the partner writes itself goes before
    let own = format!("{listed}relationship_lifetime_s = 3600\nresource_id = \"compare\"\n");
    let terms = partner(&own).config().terms;
    let settings = &terms.trust.settings().partners[0];
    assert_eq!(hours(settings.relationship.as_ref().unwrap().longest_lifetime), 1);
    assert_eq!(terms.manners["partner"].resource_id, ResourceId::Compare);

    let problems = |own: &str| {
        let network = partner(own);
        config::read(&network.path("glassgate.toml")).unwrap_err().to_string()
    };
    for (own, told) in [
        ("", "`partner[0].relationship_issuers`: names no issuer"),
        ("relationship_issuers = [\"urn:x\"]\n", "`urn:x` is the name of no [[issuer]]"),
        (&format!("{listed}relationship_lifetime_s = 90000\n"), "relationship_lifetime_s"),
        (&format!("{listed}relationship_qualifier = \" \"\n"), "relationship_qualifier`: is empty"),
        (
            &format!("{listed}treatment_relationship = \"none\"\n"),
            "`partner[0].relationship_issuers`: has no meaning without treatment_relationship",
        ),
    ] {
        let problems = problems(own);
        assert!(problems.contains(told), "{told} is not in {problems}");
    }
}

#[test]
fn what_a_partner_writes_goes_before_its_profile() {
    let partner =
        "home_community_ids = [\"2.999.2\"]\netreat = \"break-glass\"\npurposes = [\"HPAYMT\"]";
    let network = Network::new("2.999.1", "norway", "urn:sts", PINNED, partner);
    let config = network.config();
    let agreement = &config.terms.policy.agreements[0];
    assert_eq!(agreement.purposes, [glassgate::purpose::Purpose::HPAYMT]);
    assert_eq!(agreement.etreat, glassgate::policy::Etreat::BreakGlass);
    let settings = &config.terms.trust.settings().partners[0];
    assert_eq!(settings.audiences, ["nhn:dokumentdeling-saml"]);
    let unknown = fs::read_to_string(network.path("glassgate.toml")).unwrap();
    fs::write(network.path("glassgate.toml"), unknown.replace("\"norway\"", "\"atlantis\""))
        .unwrap();
    let problems = config::read(&network.path("glassgate.toml")).unwrap_err().to_string();
    assert!(
        problems.contains("`atlantis` is no network that is known; write one of us,"),
        "{problems}"
    );
}
