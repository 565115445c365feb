//! Assertions that other programs signed with Riverside's key.

use std::path::{Path, PathBuf};
use std::process::Command;

use glassgate::demo::world::RIVERSIDE;
use glassgate::saml::issue::Order;
use glassgate::xml::ns;

use super::{Draft, Letter, SAML, piece, riverside};
use crate::world::{event_type, run, shared};

/// Two spellings of names and text that our own writer would not choose.
fn draft() -> Draft {
    let order = Order { subject_name: Some("Ada Müller".to_owned()), ..riverside() };
    Draft::new(&order)
        .edited("Ada Müller", "Ada M&#252;<![CDATA[ller]]><!-- née -->")
        .edited("<saml2:Subject>", "\n  <saml2:Subject >")
}

fn pem(kind: &str) -> PathBuf {
    shared().stage.layout.pki().join(SAML).with_extension(kind)
}

/// Believed as it is; not after any one byte of a value was changed.
fn believed_as_signed(assertion: &str) {
    run(async {
        let record = Letter::new(assertion.to_owned()).is_believed().await;
        assert!(record.contains("UserID=\"user-7\""), "{record}");
        let digest = piece(assertion, "DigestValue>", "<");
        let value = piece(assertion, "SignatureValue>", "<");
        for (from, to) in [
            (">user-7<", ">user-6<".to_owned()),
            ("code=\"309343006\"", "code=\"309343007\"".to_owned()),
            ("urn:oid:2.999.2<", "urn:oid:2.999.3<".to_owned()),
            (&digest, flipped(&digest)),
            (&value, flipped(&value)),
        ] {
            assert!(assertion.contains(from), "{from}");
            let letter = Letter::new(assertion.replacen(from, &to, 1));
            let answer = letter.send(&RIVERSIDE).await;
            assert!(answer.outcome.fault().is_some(), "{from}: {}", answer.xml);
            let records = shared().records(&letter.ask).await;
            assert_eq!(event_type(&records[0]), "110122");
        }
    });
}

/// One base64 character in the middle becomes another.
fn flipped(piece: &str) -> String {
    let at = piece.len() / 2 + piece[piece.len() / 2..].find(char::is_alphanumeric).unwrap();
    let other = if &piece[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &piece[..at], &piece[at + 1..])
}

#[test]
fn xmlsec1() {
    let draft = draft();
    let transform = |algorithm: &str| format!("<ds:Transform Algorithm=\"{algorithm}\"/>");
    let template = format!(
        "</saml2:Issuer><ds:Signature xmlns:ds=\"{dsig}\">\n<ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"{c14n}\"/><ds:SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><ds:Reference \
         URI=\"#{id}\"><ds:Transforms>{enveloped}{exclusive}</ds:Transforms><ds:DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/></ds:Reference>\
         </ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature>",
        dsig = ns::DSIG,
        c14n = ns::EXC_C14N,
        id = draft.id,
        enveloped = transform(&format!("{}enveloped-signature", ns::DSIG)),
        exclusive = transform(ns::EXC_C14N),
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("template.xml");
    std::fs::write(&file, draft.edited("</saml2:Issuer>", &template).xml).unwrap();
    let pair = format!("{},{}", pem("key").display(), pem("crt").display());
    let id_attribute = format!("{}:Assertion", ns::SAML);
    let mut command = Command::new("xmlsec1");
    command.args(["--sign", "--privkey-pem", &pair, "--id-attr:ID", &id_attribute]).arg(&file);
    let signed = output(&mut command);
    let (_, assertion) = signed.split_once("?>").unwrap();
    believed_as_signed(assertion.trim());
}

#[test]
fn signxml() {
    const PROGRAM: &str = "
import sys
from lxml import etree
from signxml import XMLSigner, methods
key, certificate, source, identifier = sys.argv[1:]
signer = XMLSigner(method=methods.enveloped, signature_algorithm='rsa-sha256', digest_algorithm='sha256',
                   c14n_algorithm='http://www.w3.org/2001/10/xml-exc-c14n#')
signed = signer.sign(etree.parse(source).getroot(), key=open(key, 'rb').read(),
                     cert=open(certificate).read(), reference_uri=identifier, id_attribute='ID')
sys.stdout.buffer.write(etree.tostring(signed))
";
    let placeholder =
        format!("</saml2:Issuer><ds:Signature xmlns:ds=\"{}\" Id=\"placeholder\"/>", ns::DSIG);
    let draft = draft();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("unsigned.xml");
    std::fs::write(&file, draft.edited("</saml2:Issuer>", &placeholder).xml).unwrap();
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python");
    let interpreter = std::env::var("GLASSGATE_PYTHON").unwrap_or_else(|_| installed.to_owned());
    let mut command = Command::new(interpreter);
    let arguments: [&Path; 4] = [&pem("key"), &pem("crt"), &file, draft.id.as_ref()];
    command.args(["-c", PROGRAM]).args(arguments);
    believed_as_signed(&output(&mut command));
}

pub(super) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} does not run ({error}): `make test` installs what it needs")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
