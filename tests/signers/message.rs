//! Messages that `xmlsec1` signs beside the assertion, and assertions that `signxml` signs by RSASSA-PSS.

use glassgate::dsig::{
    Algorithms, Cache, Reject, SignedMessage, Signer, gate, message_signatures, sign, verify,
};
use glassgate::xml::{Bounds, ns, parse};

use super::{Kind, assertion, check, envelope, python, refuses_changes, scratch, xmlsec1};

/// A message with a Timestamp, a signed assertion and a signature to be filled in over all three.
fn draft(kind: Kind, prefix_list: &str) -> String {
    let list = match prefix_list {
        "" => String::new(),
        prefixes => format!(
            "<e:InclusiveNamespaces xmlns:e=\"{}\" PrefixList=\"{prefixes}\"/>",
            ns::EXC_C14N
        ),
    };
    let reference = |id: &str| {
        format!(
            "<ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{}\">{list}</ds:Transform>\
             </ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
             <ds:DigestValue/></ds:Reference>",
            ns::EXC_C14N
        )
    };
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{dsig}\" Id=\"MS\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\">\
         {list}</ds:CanonicalizationMethod><ds:SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{name}-sha256\"/>{ts}{body}{saml}</ds:SignedInfo>\
         <ds:SignatureValue/><ds:KeyInfo><wsse:SecurityTokenReference><wsse:KeyIdentifier ValueType=\"http://docs.\
         oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID\">_a1</wsse:KeyIdentifier>\
         </wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>",
        dsig = ns::DSIG,
        c14n = ns::EXC_C14N,
        name = kind.name(),
        ts = reference("TS"),
        body = reference("B"),
        saml = reference("_a1"),
    );
    let timestamp = format!(
        "<wsu:Timestamp xmlns:wsu=\"{wsu}\" wsu:Id=\"TS\">\n <wsu:Created>2026-11-22T12:00:00Z</wsu:Created>\
         <!-- c --></wsu:Timestamp>",
        wsu = ns::WSU
    );
    let signed = sign(&assertion(""), "_a1", &kind.signing_key()).unwrap();
    let message = envelope(&format!("{timestamp}{signature}{signed}"));
    let body =
        format!("<s:Body xmlns:wsu=\"{}\" wsu:Id=\"B\"><q a='&#9;'>one</q></s:Body>", ns::WSU);
    message.replacen("<s:Body/>", &body, 1)
}

fn signed_by_xmlsec1(draft: &str, kind: Kind) -> String {
    let pair = format!("{},{}", kind.key().display(), kind.certificate().display());
    let timestamp = format!("{}:Timestamp", ns::WSU);
    let body = format!("{}:Body", ns::SOAP);
    let arguments = [
        "--sign",
        "--privkey-pem",
        &pair,
        "--node-xpath",
        "//*[@Id='MS']",
        "--id-attr:Id",
        &timestamp,
        "--id-attr:Id",
        &body,
    ];
    let output = xmlsec1(&arguments.map(AsRef::as_ref), &scratch(draft));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn covered(message: &str, kind: Kind) -> Result<SignedMessage, Reject> {
    let document = parse(message, Bounds::REQUEST).unwrap();
    let gated = gate(&document, Algorithms::default())?;
    let key = kind.signing_key();
    let now = glassgate::clock::Timestamp::from_micros(0);
    verify(&gated, &[key.key().clone()], &Cache::new(), 1, now)?;
    let mut found = message_signatures(&gated, Algorithms::default());
    assert_eq!(found.len(), 1);
    let signature = found.remove(0)?;
    assert!(matches!(signature.signer(), Signer::Assertion));
    signature.verify([key.key()])
}

#[test]
fn xmlsec1_signs_a_message_and_we_verify() {
    for kind in Kind::BOTH {
        for prefix_list in ["", "s wsse xs #default"] {
            let message = signed_by_xmlsec1(&draft(kind, prefix_list), kind);
            let signed = covered(&message, kind).unwrap();
            assert!(signed.covers_body() && signed.covers_assertion());
            let timestamp = signed.timestamp().unwrap();
            assert!(timestamp.contains("12:00:00Z") && !timestamp.contains("<!--"), "{timestamp}");
            for (from, to, code) in [
                ("12:00:00Z", "12:00:01Z", "part-mismatch"),
                (">one<", ">two<", "part-mismatch"),
                ("wsu:Id=\"B\"", "wsu:Id=\"C\"", "reference-target"),
                ("#SAMLID", "#Other", "key-info"),
            ] {
                let changed = message.replacen(from, to, 1);
                assert_ne!(changed, message, "{from}");
                assert_eq!(covered(&changed, kind).unwrap_err().code(), code, "{from}");
            }
        }
    }
}

#[test]
fn signxml_signs_by_pss_and_we_verify() {
    const PROGRAM: &str = "
import sys
from lxml import etree
from signxml import DigestAlgorithm, SignatureMethod, XMLSigner, methods
key, certificate, bits, source = sys.argv[1:]
signer = XMLSigner(method=methods.enveloped, signature_algorithm=SignatureMethod['SHA%s_RSA_MGF1' % bits],
                   digest_algorithm=DigestAlgorithm['SHA' + bits],
                   c14n_algorithm='http://www.w3.org/2001/10/xml-exc-c14n#')
signed = signer.sign(etree.parse(source).getroot(), key=open(key, 'rb').read(), cert=open(certificate).read(),
                     reference_uri='_a1', id_attribute='ID')
sys.stdout.buffer.write(etree.tostring(signed))
";
    let placeholder = format!("<ds:Signature xmlns:ds=\"{}\" Id=\"placeholder\"/>", ns::DSIG);
    for bits in ["256", "384", "512"] {
        let source = scratch(&assertion(&placeholder));
        let files = [&*Kind::Rsa.key(), &*Kind::Rsa.certificate(), bits.as_ref(), &*source];
        let message = envelope(&python(PROGRAM, &files));
        assert!(message.contains(&format!("sha{bits}-rsa-MGF1")), "{message}");
        check(&message, Kind::Rsa).unwrap();
        refuses_changes(&message, Kind::Rsa);
    }
}
