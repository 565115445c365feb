//! An assertion that keeps every rule, and the settings that accept it.

use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;

use crate::dsig::SigningKey;
use crate::ids::HomeCommunityId;
use crate::xml::ns;

use super::trust::{Issuer, Keys, Partner, Settings};

/// When the tests take place.
pub(super) const NOW: &str = "2026-11-22T12:01:00Z";

/// The assertion, without a signature.
pub(super) const ASSERTION: &str = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_a1\" \
IssueInstant=\"2026-11-22T12:00:00Z\" Version=\"2.0\"><saml:Issuer>https://sts.riverside.example</saml:Issuer>\
<saml:Subject><saml:NameID SPProvidedID=\"JD\">john.doe</saml:NameID>\
<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
<saml:SubjectConfirmationData NotOnOrAfter=\"2026-11-22T12:05:00Z\" \
Recipient=\"https://127.0.0.1:8443/xca/query\"/></saml:SubjectConfirmation></saml:Subject>\
<saml:Conditions NotBefore=\"2026-11-22T11:59:00Z\" NotOnOrAfter=\"2026-11-22T13:00:00Z\">\
<saml:AudienceRestriction><saml:Audience>urn:oid:2.999.1</saml:Audience>\
<saml:Audience>x</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
<saml:AuthnStatement AuthnInstant=\"2026-11-22T12:00:00Z\" SessionNotOnOrAfter=\"2026-11-22T12:30:00Z\">\
<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509\
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
<saml:AttributeStatement><saml:Attribute Name=\"urn:ihe:iti:xca:2010:homeCommunityId\">\
<saml:AttributeValue>urn:oid:2.999.2</saml:AttributeValue></saml:Attribute>\
</saml:AttributeStatement></saml:Assertion>";

/// One partner, Riverside, whose TLS fingerprint is all sevens; its issuer has no key yet.
pub(super) fn settings() -> Settings {
    let issuer = "https://sts.riverside.example";
    Settings {
        issuers: vec![Issuer { name: issuer.into(), keys: Keys::Pinned(Vec::new()) }],
        partners: vec![Partner {
            communities: ["2.999.2", "2.999.22"]
                .map(|home| HomeCommunityId::parse(home).unwrap())
                .to_vec(),
            tls_fingerprints: vec![[7; 32]],
            issuers: vec![issuer.into()],
            audiences: vec!["urn:oid:2.999.1".into()],
            recipients: Some(vec!["https://127.0.0.1:8443/xca/query".into()]),
            clock_skew: Duration::from_secs(60),
            longest_lifetime: Duration::from_secs(4 * 3600),
            ..Partner::named("Riverside")
        }],
        generation: 1,
    }
}

/// A new P-256 key with a self-signed certificate.
pub(super) fn signing_key() -> SigningKey {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build().to_pem().unwrap();
    SigningKey::from_pem(&key.private_key_to_pem_pkcs8().unwrap(), &certificate).unwrap()
}

/// A SOAP message whose security header holds that.
pub(super) fn message(security: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{}\"><e:Header><w:Security xmlns:w=\"{}\">{security}</w:Security>\
         </e:Header><e:Body/></e:Envelope>",
        ns::SOAP,
        ns::WSSE
    )
}
