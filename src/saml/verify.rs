use crate::clock::Timestamp;
use crate::dsig;
use crate::principal::Principal;
use crate::xml::{self, Bounds, Document};

use super::assertion::Assertion;
use super::authorities::{Authorities, Unchained};
use super::check::{Check, Witness};
use super::element::Malformed;
use super::message::{Moment, Proofs};
use super::replay::{Mark, Pending, Remembered, Replay, Rule};
use super::rules::{self, Held};
use super::trust::{Keys, Peer, Trust};
use super::untrusted::{Claimed, Reason, Untrusted, VerifiedSubject};

/// A principal for whom a trusted issuer vouches, here and now; only [`verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    principal: Principal,
    notes: Vec<String>,
    remembered: Remembered,
}

/// What assertions are verified with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Who is trusted.
    pub trust: &'a Trust,
    /// Signatures verified lately.
    pub signatures: &'a dsig::Cache,
    /// Assertions believed before; without one, what is verified is for no answer.
    pub replay: Option<&'a Replay>,
    /// The present moment.
    pub now: Timestamp,
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

    /// Whether the assertion's ID stood over other octets before.
    #[must_use]
    pub fn repeated_id(&self) -> bool {
        self.remembered.repeated_id
    }

    /// What an answer has to wait for: that an assertion which is good for one time is remembered on disk.
    pub fn pending(&mut self) -> Option<Pending> {
        self.remembered.pending.take()
    }
}

/// Believes a SOAP message's assertion, or says why not.
pub fn verify(
    document: &Document<'_>,
    peer: &Peer,
    means: &Means<'_>,
    witness: &mut dyn Witness,
) -> Result<Verified, Untrusted> {
    let mut known = Known::default();
    believe(document, peer, means, witness, &mut known).map_err(|reason| Untrusted {
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
    means: &Means<'_>,
    witness: &mut dyn Witness,
    known: &mut Known,
) -> Result<Verified, Reason> {
    let Means { trust, now, .. } = *means;
    let partner = trust.partner(&peer.fingerprint).ok_or(Reason::UnknownPeer);
    let partner = seen(witness, Check::Client, partner)?;
    known.partner = Some(partner.name.clone());
    let gated = dsig::gate(document, partner.demands.algorithms).map_err(Reason::from);
    let gated = seen(witness, Check::Structure, gated)?;
    let issuer = trust.issuer(partner, gated.claimed_issuer().trim());
    let issuer = seen(witness, Check::Issuer, issuer.ok_or(Reason::IssuerNotListed))?;
    let offered;
    let keys = match &issuer.keys {
        Keys::Authorities(authorities) => {
            offered = seen(witness, Check::Key, offered_key(authorities, &gated, now))?;
            std::slice::from_ref(&offered)
        }
        pinned => pinned.pinned().unwrap_or_default(),
    };
    let generation = trust.settings().generation;
    let signed = dsig::verify(&gated, keys, means.signatures, generation, now);
    let signed = seen(witness, Check::Signature, signed.map_err(Reason::from))?;
    // each time anew, also where the signature was remembered: a responder may have answered since
    issuer.keys.unrevoked(signed.key_fingerprint()).map_err(Unchained::from)?;

    // from here on the message is out of sight: only what was digested is read
    let octets = xml::parse(signed.octets(), Bounds::REQUEST).map_err(Malformed::from)?;
    let assertion = seen(witness, Check::Reading, read(&octets, &issuer.name))?;
    let mut claims = assertion.claims.clone();
    claims.partner.clone_from(&partner.name);
    known.subject =
        Some(VerifiedSubject { user_name: claims.user_name(), subject: claims.subject.clone() });
    let moment = Moment { skew: partner.clock_skew, now };
    let confirmed: Vec<_> = assertion.holder_keys().collect();
    let proofs = Proofs::examine(&gated, &confirmed, peer, &partner.demands, moment);
    let proofs = seen(witness, Check::Message, proofs.map_err(Reason::from))?;
    rules::hold(&Held { assertion: &assertion, partner, proofs: &proofs, now }, witness)?;

    // last, since what any rule refuses was not used
    let remembered = match means.replay {
        Some(replay) => {
            let mark = Mark::of(&claims.issuer, &claims.assertion_id, signed.octets());
            let one_time = partner.one_time || assertion.conditions.one_time_use();
            let rule = Rule { one_time, unique_id: partner.unique_ids };
            let until = assertion.conditions.over_for_all(assertion.issued);
            let remembered = replay.remember(mark, rule, until, now).map_err(Reason::from);
            seen(witness, Check::Replay, remembered)?
        }
        None => Remembered::default(),
    };
    let notes = proofs.notes().collect();
    Ok(Verified { principal: Principal::assertion(claims), notes, remembered })
}

/// Lets the witness see what came of a check.
fn seen<T>(
    witness: &mut dyn Witness,
    check: Check,
    outcome: Result<T, Reason>,
) -> Result<T, Reason> {
    witness.saw(check, outcome.as_ref().map(|_| ()));
    outcome
}

/// The key of a certificate that the message offers, once it chains to the issuer's roots.
fn offered_key(
    authorities: &Authorities,
    gated: &dsig::Gated<'_, '_>,
    now: Timestamp,
) -> Result<dsig::Key, Reason> {
    Ok(authorities.key(&gated.offered_certificates()?, now)?)
}

/// The assertion that was digested, which is the issuer's whose key verified.
fn read(octets: &Document<'_>, issuer: &str) -> Result<Assertion, Reason> {
    let assertion = Assertion::read(octets.root())?;
    if assertion.claims.issuer == issuer { Ok(assertion) } else { Err(Reason::IssuerDiffers) }
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
        settings.issuers[0].keys = Keys::Pinned(vec![key().key().clone()]);
        Trust::new(settings)
    }

    fn signed(assertion: &str) -> String {
        fixture::message(&sign(assertion, "_a1", key()).unwrap())
    }

    fn peer(client: u8) -> Peer {
        Peer {
            fingerprint: [client; 32],
            key_fingerprint: [0; 32],
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            subject: "CN=client".into(),
        }
    }

    fn ask(message: &str, client: u8, cache: &Cache, now: &str) -> Result<Verified, Untrusted> {
        let document = xml::parse(message, Bounds::REQUEST).unwrap();
        let peer = peer(client);
        let now = Timestamp::parse(now).unwrap();
        let means = Means { trust: &trust(), signatures: cache, replay: None, now };
        verify(&document, &peer, &means, &mut ())
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

    #[test]
    fn what_was_used_is_remembered_for_as_long_as_any_partner_may_bring_it() {
        let (message, replay) = (signed(ASSERTION), Replay::forgetful());
        let ask = |skew: u64, now: &str| {
            let mut settings = fixture::settings();
            settings.issuers[0].keys = Keys::Pinned(vec![key().key().clone()]);
            settings.partners[0].one_time = true;
            settings.partners[0].clock_skew = std::time::Duration::from_secs(skew);
            let (trust, signatures) = (Trust::new(settings), &Cache::new());
            let now = Timestamp::parse(now).unwrap();
            let means = Means { trust: &trust, signatures, replay: Some(&replay), now };
            let document = xml::parse(&message, Bounds::REQUEST).unwrap();
            let peer = peer(7);
            verify(&document, &peer, &means, &mut ()).map_err(|untrusted| untrusted.reason.code())
        };
        assert!(ask(60, NOW).is_ok());
        // a minute after it was over for a partner whose clock may be off by no more
        assert_eq!(ask(300, "2026-11-22T12:07:00Z").unwrap_err(), "replayed");
    }
}
