//! An OCSP responder of the tests' CA: `openssl ocsp` makes what it says, and it can be made to misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::ExtendedKeyUsage;
use openssl::x509::{X509, X509Extension, X509Name};
use tempfile::TempDir;

/// The tests' certificates.
pub(crate) fn certs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certs")
}

pub(crate) fn certificate(name: &str) -> X509 {
    X509::from_pem(&std::fs::read(certs().join(format!("{name}.crt"))).unwrap()).unwrap()
}

/// A certificate of the CA that is good for two days, with an extension of its own.
pub(crate) fn issue(
    name: &str,
    key: &PKey<Private>,
    issuer_key: &PKey<Private>,
    extension: X509Extension,
) -> X509 {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(77).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    builder.set_subject_name(&subject.build()).unwrap();
    builder.set_issuer_name(certificate("ca").subject_name()).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.append_extension(extension).unwrap();
    builder.sign(issuer_key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// The CA's key.
pub(crate) fn authority_key() -> PKey<Private> {
    PKey::private_key_from_pem(&std::fs::read(certs().join("ca.key")).unwrap()).unwrap()
}

pub(crate) fn generated() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// What is said of every certificate that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Good,
    /// Of this certificate; the others are good.
    Revoked(&'static str),
    Unknown,
}

/// Who signs an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The CA itself.
    Authority,
    /// A certificate of the CA for just this.
    Delegate,
    /// A certificate of the CA for something else.
    Client,
    /// Another CA.
    Stranger,
    /// A certificate for just this that says that it is of the CA.
    Forged,
}

/// What makes answers.
pub(crate) struct Signing {
    directory: TempDir,
}

impl Signing {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, issuer_key) in [("delegate", authority_key()), ("forged", generated())] {
            let key = generated();
            let usage = ExtendedKeyUsage::new().other("OCSPSigning").build().unwrap();
            let made = issue(name, &key, &issuer_key, usage);
            let file = |kind: &str| directory.path().join(format!("{name}.{kind}"));
            std::fs::write(file("crt"), made.to_pem().unwrap()).unwrap();
            std::fs::write(file("key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        }
        Self { directory }
    }

    /// The answer to a request, good for a day or, where that is false, without nextUpdate.
    pub(crate) fn answer(&self, request: &[u8], status: Status, by: By, dated: bool) -> Vec<u8> {
        let own = |name: &str| self.directory.path().join(name);
        let mut index = String::new();
        if status != Status::Unknown {
            for name in CERTIFICATES {
                let of = certificate(name);
                let serial = of.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string();
                let (kind, since) = match status {
                    Status::Revoked(revoked) if revoked == name => ("R", "260101000000Z"),
                    _ => ("V", ""),
                };
                index.push_str(&format!(
                    "{kind}\t491231235959Z\t{since}\t{serial}\tunknown\t/CN={}\n",
                    name.replace('/', "-")
                ));
            }
        }
        std::fs::write(own("index.txt"), index).unwrap();
        std::fs::write(own("request.der"), request).unwrap();
        let (signer, key) = match by {
            By::Authority => (certs().join("ca.crt"), certs().join("ca.key")),
            By::Delegate => (own("delegate.crt"), own("delegate.key")),
            By::Client => {
                let hilltop = certs().join("partners/hilltop");
                (hilltop.join("tls.crt"), hilltop.join("tls.key"))
            }
            By::Stranger => (certs().join("stranger/saml.crt"), certs().join("stranger/saml.key")),
            By::Forged => (own("forged.crt"), own("forged.key")),
        };
        let mut command = Command::new("openssl");
        command.arg("ocsp").arg("-index").arg(own("index.txt"));
        command.arg("-CA").arg(certs().join("ca.crt"));
        command.arg("-rsigner").arg(signer).arg("-rkey").arg(key);
        command.arg("-reqin").arg(own("request.der")).arg("-respout").arg(own("answer.der"));
        if dated {
            command.args(["-ndays", "1"]);
        }
        let made = command.stdout(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::read(own("answer.der")).unwrap()
    }
}

/// Whom the CA knows.
const CERTIFICATES: [&str; 6] = [
    "partners/riverside/saml",
    "partners/riverside/saml-ec",
    "partners/riverside/tls",
    "partners/hilltop/saml",
    "partners/hilltop/saml-ec",
    "partners/hilltop/tls",
];

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Says(Status, By),
    /// Bytes that are no OCSP.
    Garbage,
    /// More bytes than an answer has.
    Huge,
    /// Nothing, over a connection that stays.
    Hangs,
    /// The connection closed.
    Closes,
    /// HTTP 302 to where it would be good.
    Redirects,
}

/// A responder on a port of its own.
pub(crate) struct Responder {
    pub(crate) url: String,
    manner: Arc<Mutex<Manner>>,
}

impl Responder {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let url = format!("http://{}/ca", listener.local_addr().unwrap());
        let manner = Arc::new(Mutex::new(manner));
        let (now, signing) = (Arc::clone(&manner), Arc::new(Mutex::new(Signing::new())));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (now, signing) = (Arc::clone(&now), Arc::clone(&signing));
                // one that hangs keeps nobody else waiting
                thread::spawn(move || answer(stream, &now, &signing));
            }
        });
        Self { url, manner }
    }

    pub(crate) fn is(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

fn answer(stream: TcpStream, manner: &Mutex<Manner>, signing: &Mutex<Signing>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    assert!(head.starts_with("POST /ca HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/ocsp-request\r\n"), "{head}");
    let mut request = vec![0; length];
    reader.read_exact(&mut request).unwrap();
    let mut stream = reader.into_inner();
    let manner = *manner.lock().unwrap();
    let body = match manner {
        Manner::Says(status, by) => signing.lock().unwrap().answer(&request, status, by, true),
        Manner::Garbage => b"<html>under construction</html>".to_vec(),
        Manner::Huge => vec![0x30; 1024 * 1024],
        Manner::Hangs => {
            // until the other side has had enough
            let _closed = stream.read(&mut [0]);
            return;
        }
        Manner::Closes => return,
        Manner::Redirects => {
            let head = "HTTP/1.1 302 Found\r\nLocation: /ca\r\nContent-Length: 0\r\n\r\n";
            let _closed = stream.write_all(head.as_bytes());
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _closed = stream.write_all(&[head.as_bytes(), &body].concat());
}
