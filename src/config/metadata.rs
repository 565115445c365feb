//! SAML 2.0 metadata of an issuer: its name and its signing certificates (SAML metadata 2.3.2, 2.4.1.1).
//!
//! The file is believed as the rest of the configuration is; a signature in it is not looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;

use crate::xml::{self, Bounds, Node, ns};

const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";

/// What an EntityDescriptor says of an issuer.
#[derive(Debug)]
pub(super) struct Entity {
    /// entityID, which is the text of Issuer.
    pub(super) name: String,
    /// The certificates it signs with.
    pub(super) certificates: Vec<X509>,
}

/// Why a file does not describe an issuer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("is not UTF-8")]
    Encoding,
    #[error("cannot be read: {0}")]
    Xml(#[from] xml::Error),
    #[error("is no EntityDescriptor")]
    NotMetadata,
    #[error("has no EntityDescriptor of `{0}`; it has {1}")]
    Unknown(String, String),
    #[error("describes several entities: {0}; write the one you mean into `name`")]
    Several(String),
    #[error("has an EntityDescriptor without entityID")]
    NoName,
    #[error("has no signing certificate for `{0}`")]
    NoCertificate(String),
    #[error("has a certificate that cannot be read")]
    Certificate,
}

/// Reads one entity, that of the name where one is given.
pub(super) fn read(bytes: &[u8], name: Option<&str>) -> Result<Entity, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding)?;
    let document = xml::parse(text, Bounds::REQUEST)?;
    let is = |node: &Node<'_, '_>, local: &str| node.has_tag_name((METADATA, local));
    let entities: Vec<_> =
        document.root().descendants().filter(|node| is(node, "EntityDescriptor")).collect();
    let named = |node: &Node<'_, '_>| xml::attribute(*node, "entityID").unwrap_or("").to_owned();
    let all = || entities.iter().map(named).collect::<Vec<_>>().join(", ");
    let entity = match (entities.as_slice(), name) {
        ([], _) => return Err(Error::NotMetadata),
        (several, Some(name)) => several
            .iter()
            .find(|node| named(node) == name)
            .ok_or_else(|| Error::Unknown(name.to_owned(), all()))?,
        ([one], None) => one,
        (_, None) => return Err(Error::Several(all())),
    };
    let name = named(entity);
    if name.is_empty() {
        return Err(Error::NoName);
    }
    let certificates = entity
        .descendants()
        .filter(|node| is(node, "KeyDescriptor"))
        // a service provider's keys sign requests, not assertions
        .filter(|node| !node.ancestors().any(|outer| is(&outer, "SPSSODescriptor")))
        .filter(|node| xml::attribute(*node, "use").is_none_or(|purpose| purpose == "signing"))
        .flat_map(|key| key.descendants())
        .filter(|node| node.has_tag_name((ns::DSIG, "X509Certificate")))
        .map(certificate)
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        Err(Error::NoCertificate(name))
    } else {
        Ok(Entity { name, certificates })
    }
}

fn certificate(node: Node<'_, '_>) -> Result<X509, Error> {
    let base64: String = xml::text(node).split_whitespace().collect();
    let der = STANDARD.decode(base64).map_err(|_| Error::Certificate)?;
    X509::from_der(&der).map_err(|_| Error::Certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of the tests' PKI in base64.
    fn base64(path: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("certs").join(path);
        let pem = std::fs::read_to_string(path).unwrap();
        pem.lines().filter(|line| !line.starts_with("---")).collect::<Vec<_>>().join("\n   ")
    }

    fn entity(name: &str, roles: &str) -> String {
        format!(
            "<EntityDescriptor xmlns='{METADATA}' xmlns:ds='{}' entityID='{name}'>{roles}</EntityDescriptor>",
            ns::DSIG
        )
    }

    fn key(purpose: &str, path: &str) -> String {
        format!(
            "<KeyDescriptor{purpose}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}\
             </ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>",
            base64(path)
        )
    }

    #[test]
    fn signing_certificates_of_whoever_issues_are_read() {
        let (rsa, ec) = ("partners/riverside/saml.crt", "partners/riverside/saml-ec.crt");
        let roles = format!(
            "<IDPSSODescriptor>{}{}{}</IDPSSODescriptor><SPSSODescriptor>{}</SPSSODescriptor>",
            key(" use='signing'", rsa),
            key(" use='encryption'", "partners/riverside/tls.crt"),
            key("", ec),
            key("", "partners/hilltop/saml.crt"),
        );
        let read_one = |text: &str, name| read(text.as_bytes(), name);
        let found = read_one(&entity("urn:sts", &roles), None).unwrap();
        assert_eq!((found.name.as_str(), found.certificates.len()), ("urn:sts", 2));

        let both = format!(
            "<EntitiesDescriptor xmlns='{METADATA}'>{}{}</EntitiesDescriptor>",
            entity("urn:a", &roles),
            entity("urn:b", "<IDPSSODescriptor/>")
        );
        assert_eq!(read_one(&both, Some("urn:a")).unwrap().certificates.len(), 2);
        let several = Error::Several("urn:a, urn:b".into());
        assert_eq!(read_one(&both, None).unwrap_err(), several);
        let unknown = Error::Unknown("urn:c".into(), "urn:a, urn:b".into());
        assert_eq!(read_one(&both, Some("urn:c")).unwrap_err(), unknown);
        let none = Error::NoCertificate("urn:b".into());
        assert_eq!(read_one(&both, Some("urn:b")).unwrap_err(), none);
        assert_eq!(read_one("<a/>", None).unwrap_err(), Error::NotMetadata);
        assert_eq!(read_one(&entity("", &roles), None).unwrap_err(), Error::NoName);
        let broken = entity("urn:x", &roles.replace("MII", "!MII"));
        assert_eq!(read_one(&broken, None).unwrap_err(), Error::Certificate);
        assert!(matches!(read_one("<!DOCTYPE a><a/>", None), Err(Error::Xml(_))));
        assert_eq!(read(b"\xff", None).unwrap_err(), Error::Encoding);
    }
}
