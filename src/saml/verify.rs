use crate::clock::Timestamp;
use crate::dsig;
use crate::principal::Principal;
use crate::xml::{self, Bounds, Document};

use super::assertion::Assertion;
use super::element::Malformed;
use super::message::{Moment, Proofs};
use super::rules;
use super::trust::{Peer, Trust};
use super::untrusted::{Claimed, Reason, Untrusted, VerifiedSubject};

/// A principal for whom a trusted issuer vouches, here and now; only [`verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    principal: Principal,
    notes: Vec<String>,
}

impl Verified {
    /// Who asks, and for what.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The partner that carried the assertion.
    #[must_use]
    pub fn partner(&self) -> &str {
        &self.principal.claims().partner
    }

    /// What audit should know of it: signatures over the message that prove nothing.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Believes a SOAP message's assertion, or says why not.
pub fn verify(
    document: &Document<'_>,
    peer: &Peer,
    trust: &Trust,
    cache: &dsig::Cache,
    now: Timestamp,
) -> Result<Verified, Untrusted> {
    let mut known = Known::default();
    believe(document, peer, trust, cache, now, &mut known).map_err(|reason| Untrusted {
        reason,
        claimed: Claimed::quote(document).map(Box::new),
        partner: known.partner,
        verified_subject: known.subject.map(Box::new),
    })
}

/// What is certain of the sender so far.
#[derive(Default)]
struct Known {
    partner: Option<String>,
    subject: Option<VerifiedSubject>,
}

fn believe(
    document: &Document<'_>,
    peer: &Peer,
    trust: &Trust,
    cache: &dsig::Cache,
    now: Timestamp,
    known: &mut Known,
) -> Result<Verified, Reason> {
    let settings = trust.settings();
    let partner = trust.partner(&peer.fingerprint).ok_or(Reason::UnknownPeer)?;
    known.partner = Some(partner.name.clone());
    let gated = dsig::gate(document, partner.demands.algorithms)?;
    let issuer = partner.issuer(gated.claimed_issuer().trim()).ok_or(Reason::IssuerNotListed)?;
    let signed = dsig::verify(&gated, &issuer.keys, cache, settings.generation, now)?;

    // from here on the message is out of sight: only what was digested is read
    let octets = xml::parse(signed.octets(), Bounds::REQUEST).map_err(Malformed::from)?;
    let assertion = Assertion::read(octets.root())?;
    if assertion.claims.issuer != issuer.name {
        return Err(Reason::IssuerDiffers);
    }
    let mut claims = assertion.claims.clone();
    claims.partner.clone_from(&partner.name);
    known.subject =
        Some(VerifiedSubject { user_name: claims.user_name(), subject: claims.subject.clone() });
    let moment = Moment { skew: settings.clock_skew, now };
    let confirmed: Vec<_> = assertion.holder_keys().collect();
    let proofs = Proofs::examine(&gated, &confirmed, peer, &partner.demands, moment)?;
    rules::hold(&assertion, partner, settings, &proofs, now)?;
    let notes = proofs.notes().collect();
    Ok(Verified { principal: Principal::assertion(claims), notes })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::OnceLock;

    use super::*;
    use crate::dsig::{Cache, SigningKey, sign};
    use crate::saml::fixture::{self, ASSERTION, NOW};

    fn key() -> &'static SigningKey {
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        KEY.get_or_init(fixture::signing_key)
    }

    fn trust() -> Trust {
        let mut settings = fixture::settings();
        settings.partners[0].issuers[0].keys.push(key().key().clone());
        Trust::new(settings)
    }

    fn signed(assertion: &str) -> String {
        fixture::message(&sign(assertion, "_a1", key()).unwrap())
    }

    fn ask(message: &str, client: u8, cache: &Cache, now: &str) -> Result<Verified, Untrusted> {
        let document = xml::parse(message, Bounds::REQUEST).unwrap();
        let peer = Peer {
            fingerprint: [client; 32],
            key_fingerprint: [0; 32],
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            subject: "CN=client".into(),
        };
        verify(&document, &peer, &trust(), cache, Timestamp::parse(now).unwrap())
    }

    fn refused(message: &str) -> Untrusted {
        ask(message, 7, &Cache::new(), NOW).unwrap_err()
    }

    #[test]
    fn a_trusted_assertion_names_the_principal() {
        let verified = ask(&signed(ASSERTION), 7, &Cache::new(), NOW).unwrap();
        assert_eq!(verified.partner(), "Riverside");
        let principal = verified.principal();
        assert_eq!(principal.user_name(), "JD<john.doe@https://sts.riverside.example>");
        assert_eq!(principal.claims().assertion_id, "_a1");
        assert!(!format!("{verified:?}").contains("john"));
    }

    #[test]
    fn text_around_a_comment_is_read_in_full() {
        let text = signed(ASSERTION).replace(">john.doe<", ">john<!-- x -->.doe<");
        let verified = ask(&text, 7, &Cache::new(), NOW).unwrap();
        assert_eq!(verified.principal().claims().subject, "john.doe");
    }

    #[test]
    fn the_client_names_the_partner_and_the_partner_the_issuer() {
        let stranger = ask(&signed(ASSERTION), 9, &Cache::new(), NOW).unwrap_err();
        assert_eq!((stranger.reason, stranger.partner), (Reason::UnknownPeer, None));
        let foreign = refused(&signed(&ASSERTION.replace("sts.riverside", "sts.hilltop")));
        assert_eq!(foreign.reason, Reason::IssuerNotListed);
        assert_eq!(foreign.partner.as_deref(), Some("Riverside"));
        assert_eq!(foreign.claimed.unwrap().issuer, "https://sts.hilltop.example");
    }

    #[test]
    fn what_is_not_signed_is_claimed_at_most() {
        for (message, code) in [
            (fixture::message(ASSERTION), "unsigned"),
            (signed(ASSERTION).replace(">john.doe<", ">jane.doe<"), "digest-mismatch"),
            (
                fixture::message(&sign(ASSERTION, "_a1", &fixture::signing_key()).unwrap()),
                "signature-mismatch",
            ),
        ] {
            let untrusted = refused(&message);
            assert_eq!(untrusted.reason.code(), code);
            assert!(untrusted.claimed.unwrap().subject.ends_with(".doe"));
            assert_eq!(untrusted.verified_subject, None);
        }
    }

    #[test]
    fn a_signed_subject_is_known_even_if_a_rule_fails() {
        let untrusted = refused(&signed(&ASSERTION.replace("urn:oid:2.999.1<", "urn:x<")));
        assert_eq!(untrusted.reason.code(), "audience");
        assert!(!format!("{untrusted:?}").contains("john"));
        let subject = untrusted.verified_subject.unwrap();
        assert_eq!(subject.user_name, "JD<john.doe@https://sts.riverside.example>");
    }

    #[test]
    fn a_remembered_signature_does_not_stop_the_clock() {
        let (message, cache) = (signed(ASSERTION), Cache::new());
        assert!(ask(&message, 7, &cache, NOW).is_ok());
        let late = ask(&message, 7, &cache, "2026-11-22T12:05:59Z");
        assert!(late.is_ok());
        let late = ask(&message, 7, &cache, "2026-11-22T12:06:00Z").unwrap_err();
        assert_eq!(late.reason.code(), "confirmation-expired");
        assert!(cache.hits() > 0);
    }
}
