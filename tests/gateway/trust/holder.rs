//! Holders of a key: by their TLS certificate, and by a Timestamp that `xmlsec1` signs as US networks do.

use std::process::Command;
use std::time::Duration;

use glassgate::clock::Timestamp;
use glassgate::demo::world::RIVERSIDE;
use glassgate::xml::ns;
use openssl::base64::encode_block;
use openssl::x509::X509;

use super::refused::{Case, all_are_refused_alike, case};
use super::{Draft, Letter, now, riverside};
use crate::world::{reason, run, shared};

/// The key that signs messages in these tests.
const HOLDER: &str = "partners/riverside/saml-ec";

fn certificate(name: &str) -> String {
    let pem = std::fs::read(shared().stage.layout.pki().join(format!("{name}.crt"))).unwrap();
    encode_block(&X509::from_pem(&pem).unwrap().to_der().unwrap())
}

/// An assertion that only who holds the key of that certificate may use.
fn held_by(name: &str) -> String {
    let draft = Draft::new(&riverside()).edited("cm:bearer", "cm:holder-of-key");
    let data = draft.piece("<saml2:SubjectConfirmationData", "/>");
    let opened = data.replace("/>", ">");
    let key_info = format!(
        "{opened}<ds:KeyInfo xmlns:ds=\"{}\"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo></saml2:SubjectConfirmationData>",
        ns::DSIG,
        certificate(name)
    );
    draft.edited(&data, &key_info).signed()
}

fn id_of(assertion: &str) -> String {
    super::between(assertion, " ID=\"", "\"").unwrap()
}

fn timestamp(created: Timestamp) -> String {
    let expires = created.plus(Duration::from_secs(300));
    format!(
        "<wsu:Timestamp xmlns:wsu=\"{}\" wsu:Id=\"TS\"><wsu:Created>{created}</wsu:Created>\
         <wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>",
        ns::WSU
    )
}

/// A letter whose Timestamp the holder signed, by way of another program.
fn signed_letter(assertion: &str, timestamp: &str) -> Letter {
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{dsig}\" Id=\"MS\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"/>\
         <ds:Reference URI=\"#TS\"><ds:Transforms><ds:Transform Algorithm=\"{c14n}\"/></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/></ds:Reference>\
         </ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><wsse:SecurityTokenReference><wsse:KeyIdentifier \
         ValueType=\"http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID\">{id}</wsse:KeyIdentifier>\
         </wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>",
        dsig = ns::DSIG,
        c14n = ns::EXC_C14N,
        id = id_of(assertion)
    );
    let mut letter = Letter::new(format!("{timestamp}{signature}{assertion}"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("template.xml");
    std::fs::write(&file, &letter.envelope).unwrap();
    let pem = |kind: &str| shared().stage.layout.pki().join(HOLDER).with_extension(kind);
    let pair = format!("{},{}", pem("key").display(), pem("crt").display());
    let element = format!("{}:Timestamp", ns::WSU);
    let mut command = Command::new("xmlsec1");
    command.args(["--sign", "--privkey-pem", &pair, "--node-xpath", "//*[@Id='MS']"]);
    command.args(["--id-attr:Id", &element]).arg(&file);
    letter.envelope = super::foreign::output(&mut command);
    letter
}

#[test]
fn a_key_of_the_tls_client() {
    run(async {
        let record = Letter::new(held_by("partners/riverside/tls")).is_believed().await;
        assert!(!record.contains("unverified"), "{record}");
        let not_held = "subject confirmation: the sender does not prove to hold the key";
        let case = |name: &str| case(held_by(name), not_held);
        all_are_refused_alike(vec![case("partners/hilltop/tls"), case(HOLDER)]).await;
    });
}

#[test]
fn a_key_that_signs_the_timestamp() {
    run(async {
        let assertion = held_by(HOLDER);
        let record = signed_letter(&assertion, &timestamp(now())).is_believed().await;
        assert!(!record.contains("unverified"), "{record}");
        let hour_ago = now().minus(Duration::from_secs(3600));
        let good = || signed_letter(&assertion, &timestamp(now()));
        let other_key = signed_letter(&held_by("partners/hilltop/tls"), &timestamp(now()));
        let unsigned = format!("{}{assertion}", timestamp(now()));
        let case = |letter, why| Case { letter, partner: RIVERSIDE, why };
        all_are_refused_alike(vec![
            case(
                signed_letter(&assertion, &timestamp(hour_ago)),
                "message signature: Timestamp expired at",
            ),
            case(
                good().edited("<wsu:Created>", "<wsu:Created> "),
                "message signature: a part of the message is not what was signed",
            ),
            case(
                good()
                    .edited("<wsu:Timestamp ", "<x:y xmlns:x=\"urn:x\" Id=\"TS\"/><wsu:Timestamp "),
                "message signature: a reference does not lead to one element",
            ),
            case(
                other_key,
                "message signature: the message was not signed with the key of its sender",
            ),
            case(
                Letter::new(unsigned),
                "subject confirmation: the sender does not prove to hold the key",
            ),
        ])
        .await;
    });
}

#[test]
fn a_signature_that_is_not_understood_is_noted() {
    run(async {
        // the bearer's assertion names no key, so nobody can say whose signature that is
        let assertion = super::signed(&riverside());
        let record = signed_letter(&assertion, &timestamp(now())).is_believed().await;
        let noted = "message signature unverified: the assertion names no key";
        assert!(reason(&record).contains(noted), "{record}");
    });
}
