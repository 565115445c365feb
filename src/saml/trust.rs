use std::net::IpAddr;
use std::time::Duration;

use crate::dsig;
use crate::ids::HomeCommunityId;

use super::demands::Demands;

/// Whom to trust, and what an assertion must name to be meant for us.
#[derive(Debug)]
pub struct Settings {
    /// Audiences that mean us; an AudienceRestriction must name one of them.
    pub audiences: Vec<String>,
    /// Recipients that mean us; a SubjectConfirmationData that names a Recipient must name one of them.
    pub recipients: Vec<String>,
    /// How far the clocks of issuers may be off, either way.
    pub clock_skew: Duration,
    /// The communities that may ask.
    pub partners: Vec<Partner>,
    /// Rises with every change of these settings, so that nothing cached outlives one.
    pub generation: u64,
}

/// A community that may ask.
#[derive(Debug)]
pub struct Partner {
    /// The name of the partner in configuration, log and audit.
    pub name: String,
    /// The communities it may speak for.
    pub communities: Vec<HomeCommunityId>,
    /// SHA-256 of each TLS client certificate (DER) that is the partner's.
    pub tls_fingerprints: Vec<[u8; 32]>,
    /// The issuers whose assertions it may bring, each name once.
    pub issuers: Vec<Issuer>,
    /// The longest time from NotBefore to NotOnOrAfter.
    pub longest_lifetime: Duration,
    /// Whether an assertion must say how its subject was authenticated.
    pub require_authn_statement: bool,
    /// What its messages must show beside the issuer's signature.
    pub demands: Demands,
}

/// Who signs assertions.
#[derive(Debug)]
pub struct Issuer {
    /// The exact text of the Issuer element.
    pub name: String,
    /// The keys it signs with, current and coming.
    pub keys: Vec<dsig::Key>,
}

/// The TLS client, as the server found it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// SHA-256 of the client certificate (DER).
    pub fingerprint: [u8; 32],
    /// SHA-256 of its SubjectPublicKeyInfo (DER).
    pub key_fingerprint: [u8; 32],
    /// Where the connection comes from.
    pub address: IpAddr,
    /// The certificate's subject, for audit.
    pub subject: String,
}

/// The settings, ready to be asked.
#[derive(Debug)]
pub struct Trust {
    settings: Settings,
}

impl Trust {
    /// Takes the settings as configuration read them.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// What was configured.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The partner whose TLS certificate this is; none where two partners list it.
    #[must_use]
    pub fn partner(&self, fingerprint: &[u8; 32]) -> Option<&Partner> {
        let mut owners = self
            .settings
            .partners
            .iter()
            .filter(|partner| partner.tls_fingerprints.contains(fingerprint));
        owners.next().filter(|_| owners.next().is_none())
    }
}

impl Partner {
    pub(super) fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::fixture;

    #[test]
    fn a_certificate_names_one_partner_or_none() {
        let trust = Trust::new(fixture::settings());
        assert_eq!(trust.partner(&[7; 32]).map(|p| p.name.as_str()), Some("Riverside"));
        assert!(trust.partner(&[8; 32]).is_none());

        let mut shared = fixture::settings();
        shared.partners.extend(fixture::settings().partners);
        assert!(Trust::new(shared).partner(&[7; 32]).is_none());
    }
}
