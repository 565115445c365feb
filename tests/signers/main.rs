//! What `xmlsec1` and Python `signxml` sign is verified, what we sign they verify, and no changed byte gets through.

mod message;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use glassgate::clock::Timestamp;
use glassgate::dsig::{
    Algorithms, Cache, Key, Reject, SigningKey, canonicalize, gate, sign, verify,
};
use glassgate::xml::{Bounds, ns, parse};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};

const ID_ATTRIBUTE: &str = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion";

#[test]
fn xmlsec1_signs_and_we_verify() {
    for kind in Kind::BOTH {
        for (prefix_list, digest, hash) in [
            ("", "sha256", "http://www.w3.org/2001/04/xmlenc#sha256"),
            ("saml xs #default", "sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384"),
            ("unused x", "sha512", "http://www.w3.org/2001/04/xmlenc#sha512"),
        ] {
            let method = format!("http://www.w3.org/2001/04/xmldsig-more#{}-{digest}", kind.name());
            let template = template(&method, hash, prefix_list);
            let in_place = envelope(&assertion(&template));
            let signed = xmlsec1_sign(&in_place, kind);
            let octets = check(&signed, kind).unwrap();
            assert!(octets.starts_with("<saml:Assertion ") && !octets.contains("Signature"));
            refuses_changes(&signed, kind);
        }
        // signed alone, then put into a message with other namespaces
        let method = format!("http://www.w3.org/2001/04/xmldsig-more#{}-sha256", kind.name());
        let alone = assertion(&template(&method, "http://www.w3.org/2001/04/xmlenc#sha256", "xs"));
        let alone = alone.replacen("<saml:Assertion", "<saml:Assertion xmlns:xs=\"urn:xs\"", 1);
        let signed = xmlsec1_sign(&alone, kind);
        let (_, element) = signed.split_once("?>").unwrap();
        check(&envelope(element.trim()), kind).unwrap();
    }
}

#[test]
fn we_sign_and_xmlsec1_verifies() {
    for kind in Kind::BOTH {
        let signed = sign(&assertion(""), "_a1", &kind.signing_key()).unwrap();
        for message in [signed.clone(), envelope(&signed)] {
            assert!(xmlsec1_verifies(&message, kind), "{}", kind.name());
            assert!(!xmlsec1_verifies(&message.replacen("dr.lake", "dr.pond", 1), kind));
        }
        check(&envelope(&signed), kind).unwrap();
    }
}

#[test]
fn signxml_signs_and_we_verify() {
    const PROGRAM: &str = "
import sys
from lxml import etree
from signxml import XMLSigner, methods
key, certificate, algorithm, source = sys.argv[1:]
signer = XMLSigner(method=methods.enveloped, signature_algorithm=algorithm, digest_algorithm='sha256',
                   c14n_algorithm='http://www.w3.org/2001/10/xml-exc-c14n#')
root = etree.parse(source).getroot()
signed = signer.sign(root, key=open(key, 'rb').read(), cert=open(certificate).read(),
                     reference_uri='_a1', id_attribute='ID')
sys.stdout.buffer.write(etree.tostring(signed))
";
    let placeholder = format!("<ds:Signature xmlns:ds=\"{}\" Id=\"placeholder\"/>", ns::DSIG);
    for kind in Kind::BOTH {
        let source = scratch(&assertion(&placeholder));
        let algorithm = format!("{}-sha256", kind.name());
        let signed =
            python(PROGRAM, &[&kind.key(), &kind.certificate(), algorithm.as_ref(), &source]);
        let message = envelope(&signed);
        check(&message, kind).unwrap();
        refuses_changes(&message, kind);
    }
}

#[test]
fn we_sign_and_signxml_verifies() {
    const PROGRAM: &str = "
import sys
from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier
certificate, source = sys.argv[1:]
config = SignatureConfiguration(location='./')
verified = XMLVerifier().verify(etree.parse(source).getroot(), x509_cert=open(certificate).read(),
                                id_attribute='ID', expect_config=config)
sys.stdout.buffer.write(etree.tostring(verified.signed_xml, method='c14n', exclusive=True))
";
    for kind in Kind::BOTH {
        let signed = sign(&assertion(""), "_a1", &kind.signing_key()).unwrap();
        let read = python(PROGRAM, &[&kind.certificate(), &scratch(&signed)]);
        assert_eq!(read, check(&envelope(&signed), kind).unwrap());
    }
}

#[test]
fn libxml2_writes_the_same_canonical_octets() {
    const PROGRAM: &str = "
import sys
from lxml import etree
node = etree.parse(sys.argv[1]).getroot().find('.//{*}apex')
sys.stdout.buffer.write(etree.tostring(node, method='c14n', exclusive=True, with_comments=False,
                                       inclusive_ns_prefixes=sys.argv[2].split() or None))
";
    for xml in [
        "<r xmlns='urn:d' xmlns:p='urn:p' xmlns:q='urn:q'><p:apex q:b='1' a=\"'&gt;&#9;&#10;&#13;\">\
         <c xmlns=''><d xmlns='urn:d'/></c><p:e xmlns:p='urn:2' p:k=''/></p:apex></r>",
        "<r xmlns:z='urn:a' xmlns:a='urn:z'><apex z:k='1' a:k='2' xml:lang='en' k='3'>&#13;\r\nü&#x1F600;\
         <!-- c --><?pi  a b ?><![CDATA[<&>]]></apex></r>",
        "<r xmlns='urn:d' xmlns:p='urn:p'><p:apex><p:b xmlns=''><c/></p:b></p:apex></r>",
    ] {
        for prefixes in ["", "p", "q p none"] {
            let document = parse(xml, Bounds::REQUEST).unwrap();
            let apex = document.root().first_element_child().unwrap();
            let list: Vec<_> = prefixes.split(' ').filter(|prefix| !prefix.is_empty()).collect();
            let theirs = python(PROGRAM, &[&scratch(xml), prefixes.as_ref()]);
            assert_eq!(canonicalize(apex, &list, None), theirs, "{prefixes} {xml}");
        }
    }
}

/// Changes one byte after another: each message is malformed, refused, or says exactly the same.
fn refuses_changes(message: &str, kind: Kind) {
    let genuine = check(message, kind).unwrap();
    let start = message.find("<saml:Assertion").unwrap();
    let end = message.find("</saml:Assertion>").unwrap();
    let key_info = message.find("<ds:KeyInfo").unwrap()..message.find("</ds:KeyInfo>").unwrap();
    let (mut refused, mut same) = (0, 0);
    // every third byte touches every name, value and text, in a third of the time
    for at in (start..end).step_by(3) {
        let mut bytes = message.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        if parse(&changed, Bounds::REQUEST).is_err() {
            continue;
        }
        match check(&changed, kind) {
            Err(_) => refused += 1,
            Ok(octets) => {
                assert_eq!(octets, genuine);
                // only what nobody reads may differ: KeyInfo, comments
                assert!(key_info.contains(&at) || message[at - 12..at].contains("<!--"), "{at}");
                same += 1;
            }
        }
    }
    assert!(refused > 200, "{refused} refused, {same} the same");
}

fn check(message: &str, kind: Kind) -> Result<String, Reject> {
    let document = parse(message, Bounds::REQUEST).unwrap();
    let certificate = std::fs::read(kind.certificate()).unwrap();
    let keys = [Key::from_certificate_pem(&certificate).unwrap()];
    let now = Timestamp::from_micros(0);
    let signed = verify(&gate(&document, Algorithms::default())?, &keys, &Cache::new(), 1, now)?;
    Ok(signed.octets().to_owned())
}

fn assertion(signature: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"{}\" ID=\"_a1\" Version=\"2.0\"><saml:Issuer>https://sts.example</saml:Issuer>{signature}\n  \
         <saml:Subject><saml:NameID>dr.lake</saml:NameID></saml:Subject><!-- comment -->\n  \
         <saml:AttributeStatement><saml:Attribute Name=\"a &amp; &#10;b\"><saml:AttributeValue \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">M&#252;ller \
         <![CDATA[<&>]]></saml:AttributeValue><saml:AttributeValue><Role xmlns=\"urn:hl7-org:v3\" \
         code=\"1\"/></saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>",
        ns::SAML
    )
}

fn envelope(security: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{}\" xmlns=\"urn:default\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:x=\"urn:x\"><s:Header><wsse:Security xmlns:wsse=\"{}\">{security}</wsse:Security>\
         </s:Header><s:Body/></s:Envelope>",
        ns::SOAP,
        ns::WSSE
    )
}

/// A signature for `xmlsec1` to fill in.
fn template(method: &str, digest: &str, prefix_list: &str) -> String {
    let list = if prefix_list.is_empty() {
        String::new()
    } else {
        format!(
            "<e:InclusiveNamespaces xmlns:e=\"{}\" PrefixList=\"{prefix_list}\"/>",
            ns::EXC_C14N
        )
    };
    format!(
        "<ds:Signature xmlns:ds=\"{dsig}\">\n <ds:SignedInfo>\n  \
         <ds:CanonicalizationMethod Algorithm=\"{c14n}\">{list}</ds:CanonicalizationMethod>\n  \
         <ds:SignatureMethod Algorithm=\"{method}\"/>\n  <ds:Reference URI=\"#_a1\">\n   <ds:Transforms>\
         <ds:Transform Algorithm=\"{dsig}enveloped-signature\"/>\
         <ds:Transform Algorithm=\"{c14n}\">{list}</ds:Transform></ds:Transforms>\n   \
         <ds:DigestMethod Algorithm=\"{digest}\"/><ds:DigestValue></ds:DigestValue>\n  </ds:Reference>\n \
         </ds:SignedInfo>\n <ds:SignatureValue/>\n <ds:KeyInfo><ds:X509Data/></ds:KeyInfo>\n</ds:Signature>",
        dsig = ns::DSIG,
        c14n = ns::EXC_C14N
    )
}

fn xmlsec1_sign(xml: &str, kind: Kind) -> String {
    let pair = format!("{},{}", kind.key().display(), kind.certificate().display());
    let template = scratch(xml);
    let output = xmlsec1(&["--sign".as_ref(), "--privkey-pem".as_ref(), pair.as_ref()], &template);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn xmlsec1_verifies(xml: &str, kind: Kind) -> bool {
    let certificate = kind.certificate();
    let arguments: [&Path; 5] = [
        "--verify".as_ref(),
        "--enabled-key-data".as_ref(),
        "key-name".as_ref(),
        "--pubkey-cert-pem".as_ref(),
        &certificate,
    ];
    xmlsec1(&arguments, &scratch(xml)).status.success()
}

fn xmlsec1(arguments: &[&Path], file: &Path) -> Output {
    Command::new("xmlsec1")
        .args(arguments)
        .args(["--id-attr:ID", ID_ATTRIBUTE])
        .arg(file)
        .output()
        .unwrap_or_else(|error| panic!("xmlsec1 does not run ({error}): `make test` installs it"))
}

/// Runs a program that needs signxml and lxml, with the interpreter that GLASSGATE_PYTHON names.
fn python(program: &str, arguments: &[&Path]) -> String {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python");
    let interpreter = std::env::var("GLASSGATE_PYTHON").unwrap_or_else(|_| installed.to_owned());
    let output = Command::new(&interpreter).arg("-c").arg(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{interpreter} does not run: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !errors.contains("ModuleNotFoundError"),
        "{interpreter} lacks signxml: `make test` installs it and sets GLASSGATE_PYTHON"
    );
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A new file with that text, under cargo's target directory.
fn scratch(text: &str) -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let path = directory().join(format!("{}.xml", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, text).unwrap();
    path
}

/// Where keys and messages of this run lie.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signers");
        std::fs::create_dir_all(&directory).unwrap();
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let ec = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        for (kind, key) in [(Kind::Rsa, rsa), (Kind::Ec, ec)] {
            let name = kind.name();
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            std::fs::write(directory.join(format!("{name}.key")), pem).unwrap();
            let certificate = certificate_of(&key).to_pem().unwrap();
            std::fs::write(directory.join(format!("{name}.crt")), certificate).unwrap();
        }
        directory
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa,
    Ec,
}

impl Kind {
    const BOTH: [Self; 2] = [Self::Rsa, Self::Ec];

    fn name(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ec => "ecdsa",
        }
    }

    fn key(self) -> PathBuf {
        directory().join(format!("{}.key", self.name()))
    }

    fn certificate(self) -> PathBuf {
        directory().join(format!("{}.crt", self.name()))
    }

    fn signing_key(self) -> SigningKey {
        let read = |path| std::fs::read(path).unwrap();
        SigningKey::from_pem(&read(self.key()), &read(self.certificate())).unwrap()
    }
}

/// A self-signed certificate with what strict readers ask of one.
fn certificate_of(key: &PKey<Private>) -> X509 {
    use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "sts.example").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder
        .append_extension(KeyUsage::new().digital_signature().key_cert_sign().build().unwrap())
        .unwrap();
    let identifier =
        SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(identifier).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
