use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::sha::sha256;
use openssl::x509::X509Ref;

use super::authorities::Authorities;
use super::certificates::{Standing, Unfit, subject_line};
use super::demands::Demands;
use crate::clock::Timestamp;
use crate::dsig;
use crate::ids::HomeCommunityId;

/// Whom to trust: partners, issuers, and which pairs of both.
#[derive(Debug, Default)]
pub struct Settings {
    /// Who signs assertions, each name once.
    pub issuers: Vec<Issuer>,
    /// The communities that may ask.
    pub partners: Vec<Partner>,
    /// Rises with every change of these settings, so that nothing cached outlives one.
    pub generation: u64,
}

/// A community that may ask, and what its assertions must meet.
#[derive(Debug, Clone)]
pub struct Partner {
    /// The name of the partner in configuration, log and audit.
    pub name: String,
    /// The communities it may speak for.
    pub communities: Vec<HomeCommunityId>,
    /// SHA-256 of each TLS client certificate (DER) that is the partner's.
    pub tls_fingerprints: Vec<[u8; 32]>,
    /// The names of the issuers whose assertions it may bring.
    pub issuers: Vec<String>,
    /// Audiences that mean us; an AudienceRestriction must name one of them.
    pub audiences: Vec<String>,
    /// Recipients that mean us, where SubjectConfirmationData names one; none where any will do.
    pub recipients: Option<Vec<String>>,
    /// How far the clocks of its issuers may be off, either way.
    pub clock_skew: Duration,
    /// The longest time from NotBefore to NotOnOrAfter.
    pub longest_lifetime: Duration,
    /// Whether an assertion must say how its subject was authenticated.
    pub require_authn_statement: bool,
    /// The ways of authentication that suffice; none means any.
    pub authn_contexts: Vec<String>,
    /// Whether an assertion is good for one request alone.
    pub one_time: bool,
    /// Whether an ID that an issuer gave to two assertions refuses the second.
    pub unique_ids: bool,
    /// What its messages must show beside the issuer's signature.
    pub demands: Demands,
    /// What a second assertion in each message must meet; none where one comes alone.
    pub relationship: Option<Relationship>,
}

/// A second assertion that confirms the treatment relationship of the first one's user to a patient (eHDSI).
#[derive(Debug, Clone)]
pub struct Relationship {
    /// The names of the issuers that may confirm it.
    pub issuers: Vec<String>,
    /// The NameQualifier that its Issuer must have, where one issuer signs assertions of several kinds.
    pub qualifier: Option<String>,
    /// The longest time from NotBefore to NotOnOrAfter.
    pub longest_lifetime: Duration,
}

/// Who signs assertions.
#[derive(Debug)]
pub struct Issuer {
    /// The exact text of the Issuer element.
    pub name: String,
    /// What its signatures are verified with.
    pub keys: Keys,
}

/// Where the key of an issuer comes from; never from a message alone.
#[derive(Debug)]
pub enum Keys {
    /// The keys it signs with, current and coming; KeyInfo is not read.
    Pinned(Vec<dsig::Key>),
    /// The same, of certificates whose OCSP responders are asked.
    Asked(Asked),
    /// A certificate in KeyInfo counts once it chains to these roots and bears the issuer's name.
    Authorities(Box<Authorities>),
}

/// Pinned keys, each as good as its certificate stands.
#[derive(Debug, Default)]
pub struct Asked {
    keys: Vec<dsig::Key>,
    standings: Vec<([u8; 32], Standing)>,
}

impl FromIterator<(dsig::Key, Standing)> for Asked {
    fn from_iter<T: IntoIterator<Item = (dsig::Key, Standing)>>(pinned: T) -> Self {
        let mut asked = Self::default();
        for (key, standing) in pinned {
            asked.standings.push((*key.fingerprint(), standing));
            asked.keys.push(key);
        }
        asked
    }
}

impl Keys {
    /// The keys that configuration gives, where it does.
    pub(super) fn pinned(&self) -> Option<&[dsig::Key]> {
        match self {
            Self::Pinned(keys) => Some(keys),
            Self::Asked(asked) => Some(&asked.keys),
            Self::Authorities(_) => None,
        }
    }

    /// Whether no certificate with the key that signed was revoked, as far as responders have said by now.
    pub(super) fn unrevoked(&self, fingerprint: &[u8; 32], now: Timestamp) -> Result<(), Unfit> {
        match self {
            Self::Pinned(_) => Ok(()),
            Self::Asked(asked) => {
                let mut of_key = asked.standings.iter().filter(|(key, _)| key == fingerprint);
                of_key.try_for_each(|(_, standing)| standing.unrevoked())
            }
            // what was said before was heard with the key
            Self::Authorities(authorities) => authorities.signed(fingerprint, now),
        }
    }
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

impl Peer {
    /// The client that showed this certificate.
    pub fn of(certificate: &X509Ref, address: IpAddr) -> Result<Self, ErrorStack> {
        let digest = certificate.digest(MessageDigest::sha256())?;
        Ok(Self {
            fingerprint: <[u8; 32]>::try_from(&*digest).unwrap_or_default(),
            key_fingerprint: sha256(&certificate.public_key()?.public_key_to_der()?),
            address,
            subject: subject_line(certificate.subject_name()),
        })
    }
}

/// The settings, ready to be asked.
#[derive(Debug)]
pub struct Trust {
    settings: Settings,
    /// By TLS certificate; none where two partners list it.
    clients: HashMap<[u8; 32], Option<usize>>,
    /// By name.
    issuers: HashMap<String, usize>,
}

/// How many assertions a partner brings in a message.
pub(super) enum Brings<'a> {
    /// One.
    One(Alone<'a>),
    /// Another one, too, which must meet that.
    Two(&'a Relationship),
}

/// A partner whose assertions come alone; only [`Partner::brings`] makes one.
pub(super) struct Alone<'a>(&'a Partner);

impl Alone<'_> {
    /// The partner's name.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }
}

impl Partner {
    /// What is agreed of the number of its assertions.
    pub(super) fn brings(&self) -> Brings<'_> {
        match &self.relationship {
            None => Brings::One(Alone(self)),
            Some(agreed) => Brings::Two(agreed),
        }
    }

    /// A partner of that name with nothing that it may do: no certificate, no issuer, no audience.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            communities: Vec::new(),
            tls_fingerprints: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            recipients: Some(Vec::new()),
            clock_skew: Duration::ZERO,
            longest_lifetime: Duration::ZERO,
            require_authn_statement: true,
            authn_contexts: Vec::new(),
            one_time: false,
            unique_ids: false,
            demands: Demands::default(),
            relationship: None,
        }
    }
}

impl Trust {
    /// Takes the settings as configuration read them.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let mut clients = HashMap::new();
        for (at, partner) in settings.partners.iter().enumerate() {
            for fingerprint in &partner.tls_fingerprints {
                let owner = clients.entry(*fingerprint).or_insert(Some(at));
                if *owner != Some(at) {
                    *owner = None;
                }
            }
        }
        let named = |(at, issuer): (usize, &Issuer)| (issuer.name.clone(), at);
        let issuers = settings.issuers.iter().enumerate().map(named).collect();
        Self { settings, clients, issuers }
    }

    /// Takes the place of others: their generation is over.
    pub fn succeed(&mut self, before: &Self) {
        self.settings.generation = before.settings.generation.saturating_add(1);
    }

    /// What was configured.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The partner whose TLS certificate this is; none where two partners list it.
    #[must_use]
    pub fn partner(&self, fingerprint: &[u8; 32]) -> Option<&Partner> {
        let at = self.clients.get(fingerprint)?.as_ref()?;
        self.settings.partners.get(*at)
    }

    /// The issuer of that name, where it is listed for what is brought.
    pub(super) fn issuer(&self, listed: &[String], name: &str) -> Option<&Issuer> {
        if !listed.iter().any(|listed| listed == name) {
            return None;
        }
        self.settings.issuers.get(*self.issuers.get(name)?)
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

    #[test]
    fn an_issuer_serves_whom_it_is_listed_for() {
        let mut settings = fixture::settings();
        let issuer = settings.issuers[0].name.clone();
        let other = |name: &str, issuers| Partner {
            tls_fingerprints: vec![[8; 32]],
            issuers,
            ..Partner::named(name)
        };
        settings.partners.push(other("Hilltop", vec![issuer.clone()]));
        settings.partners.push(Partner { tls_fingerprints: vec![], ..other("Plain", vec![]) });
        let trust = Trust::new(settings);
        let listed =
            |at: usize| trust.issuer(&trust.settings.partners[at].issuers, &issuer).is_some();
        assert!(listed(0) && listed(1) && !listed(2));
        // a name that no [[issuer]] has names nobody
        assert!(trust.issuer(&["urn:x".into()], "urn:x").is_none());
    }
}
