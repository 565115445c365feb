//! Pairs of assertions that do not belong together: one fault to the sender, the true reason to audit.

use glassgate::client::Query;
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::soap::{Fault, Packaging};
use glassgate::xds::retrieve_request;

use super::{
    Draft, GATEWAY, PROVIDER, PROVIDER_KEY, ask, assertion, attribute, both, countries, identity,
    relationship, run,
};
use crate::asked::{envelope, numbered};
use crate::record::kinds;
use crate::world::{between, shared};

/// Sends it by both transactions; gives the reason, which audit alone knows.
async fn refused(name: &str, security: &str) -> String {
    let mut reasons = Vec::new();
    let query = Query::find_documents(&world::patient_id(1001)).body();
    let retrieve = retrieve_request(&[numbered(1001, 1)]);
    for (transaction, body, packaging) in [
        (Transaction::Query, &query, Packaging::Simple),
        (Transaction::Retrieve, &retrieve, Packaging::Mtom),
    ] {
        let one = ask(security.to_owned());
        let raw = countries().post(&RIVERSIDE, &one, transaction, body, packaging).await;
        assert_eq!(raw.status, 400, "{name}");
        let relates = format!("urn:uuid:{}", one.message_id);
        assert_eq!(envelope(&raw), Fault::security().envelope(Some(&relates)), "{name}");
        let records = countries().journalled(&one);
        assert_eq!(kinds(&records), [("110122", "8")], "{name}");
        reasons.push(records[0].description.split("; ").next().unwrap().to_owned());
    }
    assert_eq!(reasons[0], reasons[1], "{name}");
    reasons.remove(0)
}

#[test]
fn what_is_not_confirmed_is_refused_alike() {
    run(async {
        let (who, treats) = both(1001);
        let (first, second) = (who.signed(), treats.signed());
        let reference = format!("<saml2:AssertionIDRef>{}</saml2:AssertionIDRef>", who.id);
        let issuer = format!(">{GATEWAY}<");
        let other_patient = attribute(
            "urn:oasis:names:tc:xacml:2.0:resource:resource-id",
            &world::patient_id(1002).replace('&', "&amp;"),
        );
        let end = "</saml2:AttributeStatement>";
        let of = |draft: Draft| format!("{first}{}", draft.signed());
        let not_a_key =
            "treatment relationship: signature: the signature was not made by a key of the issuer";
        for (name, security, why) in [
            (
                "identity alone",
                first.clone(),
                "signature: the message has one saml:Assertion where two are agreed",
            ),
            (
                "relationship alone",
                second.clone(),
                "signature: the message has one saml:Assertion where two are agreed",
            ),
            (
                "three",
                format!("{first}{second}{}", relationship(&who.id, 1002).signed()),
                "signature: the message has more saml:Assertion elements than agreed",
            ),
            (
                "two identities",
                format!("{first}{}", identity().signed()),
                "treatment relationship: neither assertion names another in its Advice",
            ),
            (
                "of another identity",
                of(relationship("_other", 1001)),
                "treatment relationship: its Advice names another assertion than the one that it came with, or several",
            ),
            (
                "in Advice",
                of(treats.edited(&reference, &format!("{reference}{first}"))),
                "signature: a saml:Assertion lies inside another one",
            ),
            (
                "unsigned",
                format!("{first}{}", treats.xml),
                "signature: the assertion is not signed",
            ),
            (
                "tampered",
                format!("{first}{}", second.replace("P-1001^", "P-1002^")),
                "treatment relationship: signature: the assertion is not what was signed",
            ),
            ("by the provider's key", of(treats.by(PROVIDER_KEY)), not_a_key),
            ("by a stranger", of(treats.by("stranger/saml")), not_a_key),
            (
                "by another country",
                of(treats.edited(&issuer, ">urn:initgw:YY:countryB<")),
                "treatment relationship: the issuer is not listed for the partner's treatment relationships",
            ),
            (
                "by the provider",
                of(treats.edited(&issuer, &format!(">{PROVIDER}<")).by(PROVIDER_KEY)),
                "treatment relationship: the issuer is not listed for the partner's treatment relationships",
            ),
            (
                "of next of kin",
                of(treats.edited("assertions:trc", "assertions:nok")),
                "treatment relationship: its Issuer's NameQualifier is \"urn:ehdsi:assertions:nok\", and no treatment relationship's",
            ),
            (
                "of another user",
                of(treats.edited(">lake@", ">pond@")),
                "treatment relationship: its subject is not the one of the identity assertion",
            ),
            (
                "of nobody",
                of(treats.edited("P-1001^^^&amp;2.999.1.3&amp;ISO", "Ada Lake")),
                "treatment relationship: it names no patient, several, or one that cannot be compared",
            ),
            (
                "identity of another patient",
                {
                    let who = who.edited(end, &format!("{other_patient}{end}"));
                    format!("{}{second}", who.signed())
                },
                "treatment relationship: its patient is not the one of the identity assertion, or that one cannot be compared",
            ),
            (
                "for another purpose",
                of(treats.edited("code=\"TREATMENT\"", "code=\"EMERGENCY\"")),
                "treatment relationship: its purpose of use is not the one of the identity assertion",
            ),
            (
                "to another audience",
                of(treats.edited("audience:x-border", "audience:x")),
                "treatment relationship: meant for another audience: urn:ehdsi:assertions.audience:x",
            ),
            (
                "bearer",
                of(treats.edited("cm:sender-vouches", "cm:bearer")),
                "treatment relationship: subject confirmation: method urn:oasis:names:tc:SAML:2.0:cm:bearer is not accepted",
            ),
        ] {
            assert_eq!(refused(name, &security).await, why, "{name}");
        }
        // both for four hours, of which a relationship may have two
        let (_, long) = assertion("trc", GATEWAY, 4, &reference, "");
        let conditions = |xml: &str| between(xml, "<saml2:Conditions", ">").unwrap();
        let long = treats.edited(&conditions(&treats.xml), &conditions(&long));
        let why = refused("too long", &of(long)).await;
        assert_eq!(why, "treatment relationship: valid for 14400s, longer than 7200s");
        let elsewhere = ask(first.clone());
        let body = Query::find_documents(&world::patient_id(1001)).body();
        let body = format!("{}{second}", body.trim_end());
        let raw = countries()
            .post(&RIVERSIDE, &elsewhere, Transaction::Query, &body, Packaging::Simple)
            .await;
        // two elements in the Body are no request at all
        assert_eq!(raw.status, 400);
        assert_eq!(kinds(&countries().journalled(&elsewhere)), [("ITI-38", "8")]);
    });
}

#[test]
fn who_agreed_on_one_may_not_send_two() {
    shared().runtime.block_on(async {
        let (who, treats) = both(1001);
        let one = ask(format!("{}{}", who.signed(), treats.signed()));
        let body = Query::find_documents(&world::patient_id(1001)).body();
        let raw =
            shared().post(&RIVERSIDE, &one, Transaction::Query, &body, Packaging::Simple).await;
        let relates = format!("urn:uuid:{}", one.message_id);
        assert_eq!(envelope(&raw), Fault::security().envelope(Some(&relates)));
        let records = shared().journalled(&one);
        assert_eq!(kinds(&records), [("110122", "8")]);
        let why = "signature: the message has more saml:Assertion elements than agreed";
        assert!(records[0].description.starts_with(why), "{records:?}");
    });
}
