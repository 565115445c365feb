use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::HomeCommunityId;

use super::assertion::Assertion;
use super::check::{Check, Which, Witness};
use super::confirmation::Confirmation;
use super::message::Proofs;
use super::trust::{Partner, Relationship};
use super::untrusted::{Reason, quote};

/// A signed assertion, and what it is held to.
pub(super) struct Held<'a> {
    pub(super) assertion: &'a Assertion,
    pub(super) partner: &'a Partner,
    /// What is agreed of this one, where it is a second assertion, that of a treatment relationship.
    pub(super) relationship: Option<&'a Relationship>,
    pub(super) proofs: &'a Proofs,
    pub(super) now: Timestamp,
}

impl Held<'_> {
    /// The longest time from NotBefore to NotOnOrAfter.
    pub(super) fn longest_lifetime(&self) -> Duration {
        self.relationship.map_or(self.partner.longest_lifetime, |agreed| agreed.longest_lifetime)
    }
}

type Rule = fn(&Held<'_>) -> Result<(), Reason>;

/// Every rule that a signed assertion must keep, in the order in which one is told of (ITI TF-2 3.40.4.1.3).
const RULES: [(Check, Rule); 10] = [
    (Check::Version, version_holds),
    (Check::Issued, issue_holds),
    (Check::Validity, |held| held.assertion.conditions.hold_now(held)),
    (Check::Conditions, |held| held.assertion.conditions.are_known()),
    (Check::Audience, |held| held.assertion.conditions.hold_for_us(held.partner)),
    (Check::AuthnStatement, authn_statement_holds),
    (Check::AuthnContext, authn_context_holds),
    (Check::Session, session_holds),
    (Check::Confirmation, confirmation_holds),
    (Check::HomeCommunity, homes_hold),
];

/// Checks every rule anew, up to the first that is broken, or all of them where the witness wants to see all.
pub(super) fn hold(held: &Held<'_>, which: Which, witness: &mut dyn Witness) -> Result<(), Reason> {
    let mut broken = None;
    for (check, rule) in RULES {
        let outcome = rule(held);
        witness.saw(which, check, outcome.as_ref().copied());
        if let Err(reason) = outcome {
            broken.get_or_insert(reason);
            if !witness.wants_all() {
                break;
            }
        }
    }
    broken.map_or(Ok(()), Err)
}

fn version_holds(held: &Held<'_>) -> Result<(), Reason> {
    match held.assertion.version.as_str() {
        "2.0" => Ok(()),
        other => Err(Reason::Version(quote(other))),
    }
}

fn issue_holds(held: &Held<'_>) -> Result<(), Reason> {
    let (issued, now) = (held.assertion.issued, held.now);
    if issued > now.plus(held.partner.clock_skew) {
        return Err(Reason::IssuedInFuture { issued, now });
    }
    Ok(())
}

fn authn_statement_holds(held: &Held<'_>) -> Result<(), Reason> {
    if held.assertion.sessions.is_empty() && held.partner.require_authn_statement {
        return Err(Reason::NoAuthnStatement);
    }
    Ok(())
}

/// Where ways of authentication are agreed, one of them is stated; by the identity, as a relationship has no way of
/// its own but the session that it was made in.
fn authn_context_holds(held: &Held<'_>) -> Result<(), Reason> {
    if held.relationship.is_some() {
        return Ok(());
    }
    let agreed = &held.partner.authn_contexts;
    let stated = held.assertion.claims.authn_context.as_deref();
    if agreed.is_empty() || stated.is_some_and(|stated| agreed.iter().any(|one| one == stated)) {
        return Ok(());
    }
    Err(Reason::AuthnContext(quote(stated.unwrap_or("none"))))
}

fn session_holds(held: &Held<'_>) -> Result<(), Reason> {
    let now = held.now;
    for until in held.assertion.sessions.iter().flatten().copied() {
        if now >= until.plus(held.partner.clock_skew) {
            return Err(Reason::SessionEnded { until, now });
        }
    }
    Ok(())
}

fn confirmation_holds(held: &Held<'_>) -> Result<(), Reason> {
    let Held { assertion, partner, proofs, now, .. } = *held;
    Ok(Confirmation::any_holds(&assertion.confirmations, partner, proofs, now)?)
}

/// Where homes are stated, all are the same one, and it is the partner's.
fn homes_hold(held: &Held<'_>) -> Result<(), Reason> {
    let mut known = None;
    for text in &held.assertion.homes {
        let home = HomeCommunityId::parse(text)
            .ok()
            .filter(|home| held.partner.communities.contains(home))
            .ok_or_else(|| Reason::HomeCommunity(quote(text)))?;
        if *known.get_or_insert_with(|| home.clone()) != home {
            return Err(Reason::HomeCommunities);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::saml::Settings;
    use crate::saml::fixture::{self, ASSERTION, NOW};
    use crate::xml::{self, Bounds};
    use proptest::prelude::*;

    fn check_with(text: &str, settings: &Settings, now: &str) -> Result<(), Reason> {
        let document = xml::parse(text, Bounds::REQUEST).unwrap();
        let assertion = Assertion::read(document.root())?;
        let (partner, now) = (&settings.partners[0], Timestamp::parse(now).unwrap());
        let (relationship, proofs) = (None, &Proofs::none());
        let held = Held { assertion: &assertion, partner, relationship, proofs, now };
        hold(&held, Which::Message, &mut ())
    }

    fn check(text: &str, now: &str) -> Result<(), Reason> {
        check_with(text, &fixture::settings(), now)
    }

    /// The code of the refusal once `from` reads `to`; "accepted" if there is none.
    fn after(from: &str, to: &str) -> &'static str {
        assert!(ASSERTION.contains(from), "{from}");
        check(&ASSERTION.replace(from, to), NOW).map_or_else(|r| r.code(), |()| "accepted")
    }

    proptest! {
        #[test]
        fn no_edit_gives_longer_life_or_panics(at in 0..ASSERTION.len(), text in "[0-9TZ:<>/\"= a-z-]{0,6}") {
            let mut edited = ASSERTION.to_owned();
            edited.replace_range(at..(at + text.len()).min(ASSERTION.len()), &text);
            let Ok(document) = xml::parse(&edited, Bounds::REQUEST) else { return Ok(()) };
            let Ok(assertion) = Assertion::read(document.root()) else { return Ok(()) };
            let settings = fixture::settings();
            let far = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
            let (partner, proofs) = (&settings.partners[0], &Proofs::none());
            let held = Held { assertion: &assertion, partner, relationship: None, proofs, now: far };
            prop_assert!(hold(&held, Which::Message, &mut ()).is_err());
        }
    }

    #[test]
    fn the_untouched_assertion_is_accepted() {
        assert_eq!(check(ASSERTION, NOW), Ok(()));
    }

    #[test]
    fn each_rule_refuses() {
        let audience = "<saml:Audience>urn:oid:2.999.1</saml:Audience>";
        let restriction = &format!(
            "<saml:AudienceRestriction>{audience}<saml:Audience>x</saml:Audience></saml:AudienceRestriction>"
        );
        let other =
            "<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>";
        let home = "urn:oid:2.999.2</saml:AttributeValue>";
        let name = "<saml:NameID SPProvidedID=\"JD\">john.doe</saml:NameID>";
        let issuer = "<saml:Issuer>https://sts.riverside.example</saml:Issuer>";
        let bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
        let session = "SessionNotOnOrAfter=\"2026-11-22T12:30:00Z\"";
        let in_recipient = "Recipient=\"https://127.0.0.1:8443/xca/query\"";
        let data_end = "NotOnOrAfter=\"2026-11-22T12:05:00Z\"";
        for (from, to, code) in [
            ("Version=\"2.0\"", "Version=\"2.1\"", "version"),
            (" Version=\"2.0\"", "", "version"),
            ("IssueInstant=\"2026-11-22T12:00:00Z\"", "", "malformed-assertion"),
            (
                "IssueInstant=\"2026-11-22T12:00:00Z\"",
                "IssueInstant=\"now\"",
                "malformed-assertion",
            ),
            (
                "IssueInstant=\"2026-11-22T12:00:00Z\"",
                "IssueInstant=\"2026-11-22T12:02:01Z\"",
                "issued-in-future",
            ),
            (" ID=\"_a1\"", "", "malformed-assertion"),
            (issuer, "", "malformed-assertion"),
            (issuer, &format!("{issuer}{issuer}"), "malformed-assertion"),
            ("NotBefore=\"2026-11-22T11:59:00Z\"", "NotBefore=\"\"", "malformed-assertion"),
            (
                "NotBefore=\"2026-11-22T11:59:00Z\"",
                "NotBefore=\"2026-11-22T12:02:01Z\"",
                "not-yet-valid",
            ),
            ("NotBefore=\"2026-11-22T11:59:00Z\"", "", "accepted"),
            (
                "NotBefore=\"2026-11-22T11:59:00Z\" NotOnOrAfter=\"2026-11-22T13:00:00Z\"",
                "NotBefore=\"2026-11-22T12:01:50Z\" NotOnOrAfter=\"2026-11-22T12:01:50Z\"",
                "no-lifetime",
            ),
            (
                "NotOnOrAfter=\"2026-11-22T13:00:00Z\"",
                "NotOnOrAfter=\"2026-11-22T12:00:00Z\"",
                "expired",
            ),
            ("NotOnOrAfter=\"2026-11-22T13:00:00Z\"", "", "accepted"),
            (
                "NotOnOrAfter=\"2026-11-22T13:00:00Z\"",
                "NotOnOrAfter=\"2026-11-22T15:59:00.000001Z\"",
                "lifetime",
            ),
            (
                "NotOnOrAfter=\"2026-11-22T13:00:00Z\"",
                "NotOnOrAfter=\"9999-12-31T23:59:59Z\"",
                "lifetime",
            ),
            (audience, "", "audience"),
            ("urn:oid:2.999.1</saml:Audience>", "urn:oid:2.999.12</saml:Audience>", "audience"),
            ("urn:oid:2.999.1</saml:Audience>", " urn:oid:2.999.1\n</saml:Audience>", "accepted"),
            (restriction, "", "no-audience"),
            (restriction, &format!("{restriction}{other}"), "audience"),
            (restriction, &format!("{restriction}{restriction}"), "accepted"),
            (restriction, &format!("{restriction}<saml:OneTimeUse/>"), "accepted"),
            (
                restriction,
                &format!("{restriction}<saml:ProxyRestriction Count=\"0\"/>"),
                "accepted",
            ),
            (restriction, &format!("{restriction}<saml:Condition/>"), "unknown-condition"),
            (
                restriction,
                &format!("{restriction}<x:AudienceRestriction xmlns:x=\"urn:x\"/>"),
                "unknown-condition",
            ),
            ("<saml:Conditions ", "<saml:Conditions/><saml:Conditions ", "malformed-assertion"),
            (session, "SessionNotOnOrAfter=\"2026-11-22T12:00:00Z\"", "session-ended"),
            (session, "SessionNotOnOrAfter=\"soon\"", "malformed-assertion"),
            (session, "", "accepted"),
            (bearer, "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key", "holder-key"),
            (bearer, "urn:oasis:names:tc:SAML:2.0:cm:other", "confirmation-method"),
            (bearer, "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches", "confirmation-method"),
            (in_recipient, "Recipient=\"https://elsewhere.example/\"", "recipient"),
            (in_recipient, "Recipient=\"\"", "recipient"),
            (in_recipient, "InResponseTo=\"_x\" Address=\"192.0.2.1\"", "accepted"),
            (data_end, "NotOnOrAfter=\"2026-11-22T12:00:00Z\"", "confirmation-expired"),
            (data_end, "NotBefore=\"2026-11-22T12:02:01Z\"", "confirmation-not-yet-valid"),
            (data_end, "NotBefore=\"?\"", "malformed-assertion"),
            ("<saml:SubjectConfirmationData ", "<saml:Advice ", "accepted"),
            (
                "<saml:SubjectConfirmationData ",
                "<saml:SubjectConfirmationData/><saml:SubjectConfirmationData ",
                "malformed-assertion",
            ),
            (name, "", "malformed-assertion"),
            (name, "<saml:NameID> </saml:NameID>", "malformed-assertion"),
            (name, "<saml:EncryptedID/>", "malformed-assertion"),
            (name, &format!("{name}<saml:BaseID/>"), "malformed-assertion"),
            (name, &format!("{name}{name}"), "malformed-assertion"),
            ("</saml:Subject>", "</saml:Subject><saml:Subject/>", "malformed-assertion"),
            (home, "urn:oid:2.999.9</saml:AttributeValue>", "home-community"),
            (home, "2.999.2</saml:AttributeValue>", "accepted"),
            (home, "Riverside</saml:AttributeValue>", "home-community"),
            (home, "</saml:AttributeValue>", "accepted"),
            (
                home,
                "2.999.2</saml:AttributeValue><saml:AttributeValue>2.999.22</saml:AttributeValue>",
                "home-communities-differ",
            ),
            (
                "</saml:AttributeStatement>",
                "<saml:EncryptedAttribute/></saml:AttributeStatement>",
                "malformed-assertion",
            ),
        ] {
            assert_eq!(after(from, to), code, "{from} -> {to}");
        }
    }

    #[test]
    fn without_confirmation_or_authentication_nothing_goes() {
        let cut = |from: &str, to: &str| {
            let (start, end) = (ASSERTION.find(from).unwrap(), ASSERTION.find(to).unwrap());
            format!("{}{}", &ASSERTION[..start], &ASSERTION[end + to.len()..])
        };
        let unconfirmed = cut("<saml:SubjectConfirmation ", "</saml:SubjectConfirmation>");
        assert_eq!(check(&unconfirmed, NOW).unwrap_err().code(), "no-confirmation");
        let unsaid = cut("<saml:AuthnStatement ", "</saml:AuthnStatement>");
        assert_eq!(check(&unsaid, NOW), Err(Reason::NoAuthnStatement));
        let mut waived = fixture::settings();
        waived.partners[0].require_authn_statement = false;
        assert_eq!(check_with(&unsaid, &waived, NOW), Ok(()));
        let unconditional = cut("<saml:Conditions ", "</saml:Conditions>");
        assert_eq!(check(&unconditional, NOW), Err(Reason::NoAudience));
    }

    #[test]
    fn one_good_confirmation_among_several_is_enough() {
        let stale = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
            <saml:SubjectConfirmationData NotOnOrAfter=\"2020-01-01T00:00:00Z\"/>\
            </saml:SubjectConfirmation>";
        let key =
            "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\"/>";
        let good = "<saml:SubjectConfirmation ";
        assert_eq!(after(good, &format!("{stale}{key}{good}")), "accepted");
        let bad = format!("{key}{stale}<saml:Advice ");
        let text = ASSERTION
            .replace(good, &bad)
            .replace("</saml:SubjectConfirmation></saml:Subject>", "</saml:Advice></saml:Subject>");
        assert_eq!(check(&text, NOW).unwrap_err().code(), "holder-key");
        let unknown = text.replace("cm:holder-of-key", "cm:other");
        assert_eq!(check(&unknown, NOW).unwrap_err().code(), "confirmation-expired");
    }

    #[test]
    fn the_clocks_may_differ_by_the_skew_and_no_more() {
        let open = ASSERTION
            .replace("NotOnOrAfter=\"2026-11-22T12:05:00Z\" ", "")
            .replace("SessionNotOnOrAfter=\"2026-11-22T12:30:00Z\"", "");
        for (now, code) in [
            ("2026-11-22T11:58:59.999999Z", "issued-in-future"),
            ("2026-11-22T11:59:00Z", "accepted"),
            ("2026-11-22T13:00:59.999999Z", "accepted"),
            ("2026-11-22T13:01:00Z", "expired"),
        ] {
            let found = check(&open, now).map_or_else(|r| r.code(), |()| "accepted");
            assert_eq!(found, code, "{now}");
        }
        let endless = open.replace("NotOnOrAfter=\"2026-11-22T13:00:00Z\"", "");
        assert_eq!(check(&endless, "2026-11-22T16:00:59.999999Z"), Ok(()));
        assert_eq!(check(&endless, "2026-11-22T16:01:00Z").unwrap_err().code(), "expired");
        let mut eager = fixture::settings();
        eager.partners[0].clock_skew = Duration::MAX;
        assert_eq!(check_with(&endless, &eager, "9999-01-01T00:00:00Z"), Ok(()));
    }

    #[test]
    fn reasons_do_not_name_the_subject() {
        let text = ASSERTION.replace("urn:oid:2.999.1<", "urn:oid:2.999.7<");
        let reason = check(&text, NOW).unwrap_err();
        assert_eq!(reason.to_string(), "meant for another audience: urn:oid:2.999.7 x");
        assert!(!format!("{reason:?}{reason}").contains("john"));
    }
}
