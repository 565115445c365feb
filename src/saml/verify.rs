use crate::clock::Timestamp;
use crate::dsig;
use crate::principal::{Claims, Principal};
use crate::xml::{self, Bounds, Document};

use super::assertion::Assertion;
use super::attributes::Naming;
use super::authorities::{Authorities, Unchained};
use super::check::{Check, Which, Witness};
use super::element::Malformed;
use super::message::{Confirmed, Moment, Proofs};
use super::pair;
use super::relationship;
use super::replay::{Mark, Pending, Remembered, Replay, Rule};
use super::rules::{self, Held};
use super::trust::{Alone, Brings, Issuer, Keys, Partner, Peer, Trust};
use super::untrusted::{Claimed, Reason, Untrusted, VerifiedSubject};

/// A principal for whom a trusted issuer vouches, here and now; only [`verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    principal: Principal,
    notes: Vec<String>,
    repeated_id: bool,
    pending: Vec<Pending>,
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

    /// Whether an assertion's ID stood over other octets before.
    #[must_use]
    pub fn repeated_id(&self) -> bool {
        self.repeated_id
    }

    /// What an answer has to wait for: that assertions which are good for one time are remembered on disk.
    pub fn pending(&mut self) -> Vec<Pending> {
        std::mem::take(&mut self.pending)
    }

    /// What one assertion says, once nothing more can refuse it.
    fn of_one(alone: &Alone<'_>, claims: Claims, proofs: &Proofs, remembered: Remembered) -> Self {
        Self::of(Claims { partner: alone.name().to_owned(), ..claims }, proofs, [remembered])
    }

    /// What two say together.
    pub(super) fn of_two(
        confirmed: relationship::Confirmed,
        proofs: &Proofs,
        remembered: [Remembered; 2],
    ) -> Self {
        Self::of(confirmed.claims(), proofs, remembered)
    }

    fn of(
        claims: Claims,
        proofs: &Proofs,
        remembered: impl IntoIterator<Item = Remembered>,
    ) -> Self {
        let principal = Principal::assertion(claims);
        let notes = proofs.notes().collect();
        let mut verified = Self { principal, notes, repeated_id: false, pending: Vec::new() };
        for Remembered { repeated_id, pending } in remembered {
            verified.repeated_id |= repeated_id;
            verified.pending.extend(pending);
        }
        verified
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
pub(super) struct Known {
    partner: Option<String>,
    subject: Option<VerifiedSubject>,
}

impl Known {
    /// A trusted key signed who asks.
    pub(super) fn user(&mut self, claims: &Claims) {
        self.subject = Some(VerifiedSubject {
            user_name: claims.user_name(),
            subject: claims.subject.clone(),
            assertion_id: claims.assertion_id.clone(),
        });
    }
}

fn believe(
    document: &Document<'_>,
    peer: &Peer,
    means: &Means<'_>,
    witness: &mut dyn Witness,
    known: &mut Known,
) -> Result<Verified, Reason> {
    let partner = means.trust.partner(&peer.fingerprint).ok_or(Reason::UnknownPeer);
    witness.saw(Which::Message, Check::Client, partner.as_ref().map(|_| ()));
    let partner = partner?;
    known.partner = Some(partner.name.clone());
    let mut course = Course { partner, peer, means, witness };
    match partner.brings() {
        Brings::One(alone) => one(document, &alone, &mut course, known),
        Brings::Two(agreed) => pair::believe(document, agreed, &mut course, known),
    }
}

/// Believes an assertion that comes alone.
fn one(
    document: &Document<'_>,
    alone: &Alone<'_>,
    course: &mut Course<'_, '_>,
    known: &mut Known,
) -> Result<Verified, Reason> {
    let (which, partner, now) = (Which::Message, course.partner, course.means.now);
    let gated = dsig::gate(document, partner.demands.algorithms).map_err(Reason::from);
    let gated = course.seen(which, Check::Structure, gated)?;
    let issuer = course.listed(&partner.issuers, &gated).ok_or(Reason::IssuerNotListed);
    let issuer = course.seen(which, Check::Issuer, issuer)?;
    let signed = course.signed(which, &gated, issuer)?;
    let assertion = course.read(which, &signed, issuer, Naming::User)?;
    known.user(&assertion.claims);
    let own: Vec<_> = assertion.holder_keys().collect();
    let proofs = course.proofs(&gated, Confirmed { own: &own, beside: &[] })?;
    let held = Held { assertion: &assertion, partner, relationship: None, proofs: &proofs, now };
    rules::hold(&held, which, course.witness)?;
    // last, since what any rule refuses was not used
    let remembered = course.remember(which, &assertion, &signed)?;
    Ok(Verified::of_one(alone, assertion.claims.clone(), &proofs, remembered))
}

/// The checks of one message, in the order in which they are made.
pub(super) struct Course<'a, 'w> {
    pub(super) partner: &'a Partner,
    pub(super) peer: &'a Peer,
    pub(super) means: &'a Means<'a>,
    pub(super) witness: &'w mut dyn Witness,
}

impl<'a> Course<'a, '_> {
    /// Lets the witness see what came of a check.
    pub(super) fn seen<T>(
        &mut self,
        which: Which,
        check: Check,
        outcome: Result<T, Reason>,
    ) -> Result<T, Reason> {
        self.witness.saw(which, check, outcome.as_ref().map(|_| ()));
        outcome
    }

    /// The issuer that an assertion claims, where it is listed.
    pub(super) fn listed(
        &self,
        listed: &[String],
        gated: &dsig::Gated<'_, '_>,
    ) -> Option<&'a Issuer> {
        self.means.trust.issuer(listed, gated.claimed_issuer().trim())
    }

    /// The octets that a key of the issuer signed.
    pub(super) fn signed(
        &mut self,
        which: Which,
        gated: &dsig::Gated<'_, '_>,
        issuer: &Issuer,
    ) -> Result<dsig::Signed, Reason> {
        let Means { trust, signatures, now, .. } = *self.means;
        let offered;
        let keys = match &issuer.keys {
            Keys::Authorities(authorities) => {
                let key = offered_key(authorities, gated, now);
                offered = self.seen(which, Check::Key, key)?;
                std::slice::from_ref(&offered)
            }
            pinned => pinned.pinned().unwrap_or_default(),
        };
        let generation = trust.settings().generation;
        let signed = dsig::verify(gated, keys, signatures, generation, now);
        let signed = self.seen(which, Check::Signature, signed.map_err(Reason::from))?;
        // each time anew, also where the signature was remembered: a responder may have answered since
        issuer.keys.unrevoked(signed.key_fingerprint(), now).map_err(Unchained::from)?;
        Ok(signed)
    }

    /// The assertion that was digested: from here on the message is out of sight.
    pub(super) fn read(
        &mut self,
        which: Which,
        signed: &dsig::Signed,
        issuer: &Issuer,
        naming: Naming,
    ) -> Result<Assertion, Reason> {
        let octets = xml::parse(signed.octets(), Bounds::REQUEST).map_err(Malformed::from)?;
        self.seen(which, Check::Reading, read(&octets, &issuer.name, naming))
    }

    /// What the message itself proves, where assertions name those keys.
    pub(super) fn proofs(
        &mut self,
        gated: &dsig::Gated<'_, '_>,
        confirmed: Confirmed<'_>,
    ) -> Result<Proofs, Reason> {
        let moment = Moment { skew: self.partner.clock_skew, now: self.means.now };
        let proofs = Proofs::examine(gated, confirmed, self.peer, &self.partner.demands, moment);
        self.seen(Which::Message, Check::Message, proofs.map_err(Reason::from))
    }

    /// Remembers an assertion that is believed, in earnest.
    pub(super) fn remember(
        &mut self,
        which: Which,
        assertion: &Assertion,
        signed: &dsig::Signed,
    ) -> Result<Remembered, Reason> {
        let Some(replay) = self.means.replay else { return Ok(Remembered::default()) };
        let claims = &assertion.claims;
        let mark = Mark::of(&claims.issuer, &claims.assertion_id, signed.octets());
        let one_time = self.partner.one_time || assertion.conditions.one_time_use();
        let rule = Rule { one_time, unique_id: self.partner.unique_ids };
        let until = assertion.conditions.over_for_all(assertion.issued);
        let remembered = replay.remember(mark, rule, until, self.means.now);
        self.seen(which, Check::Replay, remembered.map_err(Reason::from))
    }
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
fn read(octets: &Document<'_>, issuer: &str, naming: Naming) -> Result<Assertion, Reason> {
    let assertion = Assertion::read_naming(octets.root(), naming)?;
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
