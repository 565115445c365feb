//! The demo's and the tests' keys and certificates: two authorities, the gateway, partners, a stranger.

use std::fs;
use std::path::Path;
use std::time::Duration;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

use super::error::Error;
use super::files::{self, Readers};
use crate::clock::{Clock, Random, Timestamp};

/// How long a demo's certificates last: 10 years.
pub const LIFETIME: Duration = Duration::from_secs(10 * 365 * DAY.as_secs());
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a PKI was made or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// All keys and certificates are new.
    Created,
    /// A whole PKI was there and is kept.
    Reused,
}

/// Makes `ca.crt`, `gateway/`, `partners/`, `receiver/` and `stranger/` in the directory, unless all are there.
///
/// Certificates are good from a day before now for `lifetime`. RSA keys have 2048 bits, `saml-ec` is on P-256.
pub fn create(
    directory: &Path,
    lifetime: Duration,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Made, Error> {
    if missing(directory).is_none() {
        return Ok(Made::Reused);
    }
    let marker = directory.join(MARKER);
    if marker.exists() {
        fs::remove_file(&marker).map_err(Error::file(&marker))?;
    }
    let now = clock.now();
    let validity = Validity { from: now.minus(DAY), until: now.plus(lifetime) };
    let lakeside = Authority::create("Lakeside", validity, random)?;
    let stranger = Authority::create("Stranger", validity, random)?;
    for leaf in LEAVES {
        let authority = if leaf.path.starts_with("stranger/") { &stranger } else { &lakeside };
        let (certificate, key) = authority.issue(leaf, validity, random)?;
        write_pair(directory, leaf.path, &certificate, &key)?;
    }
    let certificate = stranger.certificate.to_pem()?;
    files::write(&directory.join("stranger/ca.crt"), &certificate, Readers::All)?;
    // ca.crt comes last: where it stands, everything else does
    write_pair(directory, "ca", &lakeside.certificate, &lakeside.key)?;
    Ok(Made::Created)
}

/// Copies a whole PKI, as the tests do with `certs/`; keys are readable by their owner alone.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(missing) = missing(from) {
        return Err(Error::IncompletePki { directory: from.to_owned(), missing });
    }
    for name in names() {
        let path = from.join(&name);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        let readers = if name.ends_with(".key") { Readers::Owner } else { Readers::All };
        files::write(&to.join(&name), &bytes, readers)?;
    }
    Ok(())
}

const MARKER: &str = "ca.crt";

/// The first file that a whole PKI would have and this directory has not.
fn missing(directory: &Path) -> Option<String> {
    names().find(|name| !directory.join(name).is_file())
}

/// All files, the marker last.
fn names() -> impl Iterator<Item = String> {
    LEAVES
        .iter()
        .flat_map(|leaf| [format!("{}.key", leaf.path), format!("{}.crt", leaf.path)])
        .chain(["stranger/ca.crt".to_owned(), "ca.key".to_owned(), MARKER.to_owned()])
}

fn write_pair(
    directory: &Path,
    path: &str,
    certificate: &X509,
    key: &PKey<Private>,
) -> Result<(), Error> {
    let pem = key.private_key_to_pem_pkcs8()?;
    files::write(&directory.join(format!("{path}.key")), &pem, Readers::Owner)?;
    let pem = certificate.to_pem()?;
    files::write(&directory.join(format!("{path}.crt")), &pem, Readers::All)
}

/// A certificate that ends a chain.
struct Leaf {
    path: &'static str,
    common_name: &'static str,
    purpose: Purpose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Listens on this machine, and asks others too.
    LocalPeer,
    /// Listens on this machine.
    LocalServer,
    /// Asks others.
    Client,
    /// Signs assertions with RSA.
    Issuer,
    /// Signs assertions with ECDSA.
    EcIssuer,
}

const LEAVES: &[Leaf] = &[
    leaf("gateway/tls", "gateway.lakeside.example", Purpose::LocalPeer),
    leaf("receiver/tls", "audit.lakeside.example", Purpose::LocalServer),
    leaf("partners/riverside/tls", "gateway.riverside.example", Purpose::Client),
    leaf("partners/riverside/saml", "sts.riverside.example", Purpose::Issuer),
    leaf("partners/riverside/saml-ec", "sts-ec.riverside.example", Purpose::EcIssuer),
    leaf("partners/hilltop/tls", "gateway.hilltop.example", Purpose::Client),
    leaf("partners/hilltop/saml", "sts.hilltop.example", Purpose::Issuer),
    leaf("partners/hilltop/saml-ec", "sts-ec.hilltop.example", Purpose::EcIssuer),
    leaf("stranger/tls", "gateway.stranger.example", Purpose::Client),
    leaf("stranger/saml", "sts.stranger.example", Purpose::Issuer),
];

const fn leaf(path: &'static str, common_name: &'static str, purpose: Purpose) -> Leaf {
    Leaf { path, common_name, purpose }
}

#[derive(Clone, Copy)]
struct Validity {
    from: Timestamp,
    until: Timestamp,
}

struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    fn create(organization: &str, validity: Validity, random: &dyn Random) -> Result<Self, Error> {
        let key = rsa()?;
        let subject = name(organization, &format!("{organization} demo CA, never trust it"))?;
        let mut builder = builder(&subject, &subject, &key, validity, random)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build()?;
        builder.append_extension(usage)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { certificate: builder.build(), key })
    }

    fn issue(
        &self,
        leaf: &Leaf,
        validity: Validity,
        random: &dyn Random,
    ) -> Result<(X509, PKey<Private>), Error> {
        let key = if leaf.purpose == Purpose::EcIssuer { p256()? } else { rsa()? };
        let organization = leaf.common_name.split('.').nth(1).unwrap_or("demo");
        let subject = name(organization, leaf.common_name)?;
        let mut builder =
            builder(&subject, self.certificate.subject_name(), &key, validity, random)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature();
        if !matches!(leaf.purpose, Purpose::Issuer | Purpose::EcIssuer) {
            usage.key_encipherment();
        }
        builder.append_extension(usage.build()?)?;
        match leaf.purpose {
            Purpose::LocalPeer => {
                let both = ExtendedKeyUsage::new().server_auth().client_auth().build()?;
                builder.append_extension(both)?;
            }
            Purpose::LocalServer => {
                builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
            }
            Purpose::Client => {
                builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
            }
            Purpose::Issuer | Purpose::EcIssuer => {}
        }
        let mut names = SubjectAlternativeName::new();
        names.dns(leaf.common_name);
        if matches!(leaf.purpose, Purpose::LocalPeer | Purpose::LocalServer) {
            names.dns("localhost").ip("127.0.0.1");
        }
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let extensions = [
            names.build(&context)?,
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        for extension in extensions {
            builder.append_extension(extension)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok((builder.build(), key))
    }
}

/// A version 3 certificate without extensions and without a signature.
fn builder(
    subject: &X509Name,
    issuer: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
    validity: Validity,
    random: &dyn Random,
) -> Result<X509Builder, Error> {
    let mut serial = [0_u8; 16];
    random.fill(&mut serial)?;
    let mut serial = BigNum::from_slice(&serial)?;
    // never zero, never negative (RFC 5280 4.1.2.2)
    serial.set_bit(126)?;
    serial.mask_bits(127)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*moment(validity.from)?)?;
    builder.set_not_after(&*moment(validity.until)?)?;
    Ok(builder)
}

fn moment(at: Timestamp) -> Result<Asn1Time, Error> {
    Ok(Asn1Time::from_unix(at.micros().div_euclid(1_000_000))?)
}

fn name(organization: &str, common_name: &str) -> Result<X509Name, Error> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, organization)?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

fn rsa() -> Result<PKey<Private>, Error> {
    Ok(PKey::from_rsa(Rsa::generate(2048)?)?)
}

fn p256() -> Result<PKey<Private>, Error> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;
    use crate::clock::{SystemClock, SystemRandom};

    fn verify(authority: &Path, certificate: &Path, purpose: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore"]);
        if !purpose.is_empty() {
            command.args(["-purpose", purpose]);
        }
        let output = command.arg("-CAfile").arg(authority).arg(certificate).output().unwrap();
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }

    #[test]
    fn every_certificate_passes_the_strict_check_and_only_under_its_own_authority() {
        let directory = tempfile::tempdir().unwrap();
        let pki = directory.path().join("pki");
        assert_eq!(create(&pki, LIFETIME, &SystemClock, &SystemRandom).unwrap(), Made::Created);
        let (ours, theirs) = (pki.join("ca.crt"), pki.join("stranger/ca.crt"));
        for authority in [&ours, &theirs] {
            let said = verify(authority, authority, "");
            assert!(said.trim_end().ends_with(": OK"), "{said}");
        }
        for leaf in LEAVES {
            let certificate = pki.join(format!("{}.crt", leaf.path));
            let (good, bad) = if leaf.path.starts_with("stranger/") {
                (&theirs, &ours)
            } else {
                (&ours, &theirs)
            };
            let purposes: &[&str] = match leaf.purpose {
                Purpose::LocalPeer => &["sslserver", "sslclient"],
                Purpose::LocalServer => &["sslserver"],
                Purpose::Client => &["sslclient"],
                Purpose::Issuer | Purpose::EcIssuer => &[""],
            };
            for purpose in purposes {
                let said = verify(good, &certificate, purpose);
                assert!(said.trim_end().ends_with(": OK"), "{said}");
                assert!(!verify(bad, &certificate, purpose).contains(": OK"));
            }
            let key = fs::read(pki.join(format!("{}.key", leaf.path))).unwrap();
            assert!(key.starts_with(b"-----BEGIN PRIVATE KEY-----"));
            let key = PKey::private_key_from_pem(&key).unwrap();
            let certificate = X509::from_pem(&fs::read(&certificate).unwrap()).unwrap();
            assert!(certificate.public_key().unwrap().public_eq(&key));
            let bits = if leaf.purpose == Purpose::EcIssuer { 256 } else { 2048 };
            assert_eq!(key.bits(), bits, "{}", leaf.path);
        }
        for name in names().filter(|name| name.ends_with(".key")) {
            let mode = fs::metadata(pki.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        is_reused_while_whole(&pki);
        is_copied_whole(&pki, &directory.path().join("copy"));
    }

    fn is_reused_while_whole(pki: &Path) {
        let before = fs::read(pki.join("ca.crt")).unwrap();
        assert_eq!(create(pki, LIFETIME, &SystemClock, &SystemRandom).unwrap(), Made::Reused);
        assert_eq!(fs::read(pki.join("ca.crt")).unwrap(), before);
    }

    fn is_copied_whole(pki: &Path, copied: &Path) {
        copy(pki, copied).unwrap();
        for name in names() {
            assert_eq!(fs::read(pki.join(&name)).unwrap(), fs::read(copied.join(&name)).unwrap());
        }
        fs::remove_file(copied.join("receiver/tls.key")).unwrap();
        let error = copy(copied, pki).unwrap_err();
        assert!(error.to_string().contains("receiver/tls.key"), "{error}");
    }
}
