use std::time::Duration;

use glassgate::demo::world::RIVERSIDE;
use glassgate::saml::issue::Order;
use glassgate::xml::ns;

use super::{Draft, Letter, now, piece, riverside, signed};
use crate::world::{reason, run, shared};

const NAME: &str = "<saml2:NameID>user-7</saml2:NameID>";

fn name(text: &str) -> String {
    NAME.replace("user-7", text)
}

#[test]
fn rsa_and_ec_keys_of_the_issuer() {
    run(async {
        let draft = Draft::new(&riverside());
        Letter::new(draft.signed()).is_believed().await;
        let ec = draft.signed_by("partners/riverside/saml-ec");
        assert!(ec.contains("#ecdsa-sha256"), "{ec}");
        Letter::new(ec).is_believed().await;
    });
}

#[test]
fn assertions_and_ids_may_be_used_again() {
    run(async {
        let assertion = signed(&riverside());
        Letter::new(assertion.clone()).is_believed().await;
        let again = Letter::new(assertion);
        again.is_believed().await;
        // the same message, octet for octet
        again.is_believed().await;
        let needle = &again.ask.message_id;
        let patience = Duration::from_secs(20);
        let records =
            shared().stage.receiver.wait(needle, patience, |found| found.len() == 2).await;
        assert_eq!(records.len(), 2);
        for subject in ["user-7", "user-8"] {
            let (id, subject) = (Some("_constant".to_owned()), subject.to_owned());
            let user = format!("UserID=\"{subject}\"");
            let order = Order { id, subject, ..riverside() };
            let record = Letter::new(signed(&order)).is_believed().await;
            assert!(record.contains(&user), "{record}");
        }
    });
}

#[test]
fn clocks_may_differ_by_a_minute() {
    run(async {
        let lifetime = Duration::from_secs(300);
        let skew = Duration::from_secs(50);
        let ahead = Order { not_before: Some(now().plus(skew)), ..riverside() };
        Letter::new(signed(&ahead)).is_believed().await;
        let behind =
            Order { not_before: Some(now().minus(lifetime + skew)), lifetime, ..riverside() };
        Letter::new(signed(&behind)).is_believed().await;
        let draft = Draft::new(&riverside());
        let issued = draft.piece("IssueInstant=\"", "\"");
        let ahead = format!("IssueInstant=\"{}\"", now().plus(skew));
        Letter::new(draft.edited(&issued, &ahead).signed()).is_believed().await;
    });
}

#[test]
fn what_may_be_left_out() {
    run(async {
        let draft = Draft::new(&riverside());
        let conditions = draft.piece("<saml2:Conditions", ">");
        let end = piece(&conditions, " NotOnOrAfter=\"", "\"");
        let session = draft.piece(" SessionNotOnOrAfter=\"", "\"");
        let data = draft.piece("<saml2:SubjectConfirmationData", "/>");
        let home = draft.piece(
            "<saml2:Attribute Name=\"urn:nhin:names:saml:homeCommunityId\"",
            "</saml2:Attribute>",
        );
        for (from, to) in [
            (conditions.clone(), conditions.replace(&end, "")),
            (conditions, "<saml2:Conditions>".to_owned()),
            (session, String::new()),
            (data, String::new()),
            (home, String::new()),
        ] {
            Letter::new(draft.edited(&from, &to).signed()).is_believed().await;
        }
        let recipient = Some(format!("{}/xca/query", shared().stage.url));
        Letter::new(signed(&Order { recipient, ..riverside() })).is_believed().await;
        let audience = format!("{}/xca/retrieve", shared().stage.url);
        Letter::new(signed(&Order { audience, ..riverside() })).is_believed().await;
    });
}

#[test]
fn a_name_is_read_in_full_however_it_is_written() {
    run(async {
        for written in [
            "user<!-- nobody -->-7",
            "<!-- nobody -->user-7",
            "<![CDATA[user]]>-7",
            "<![CDATA[user-7]]>",
            "&#117;ser&#x2d;7",
            " user-7\n",
            "us<![CDATA[e]]>r<!-- x -->-&#55;",
        ] {
            let draft = Draft::new(&riverside()).edited(NAME, &name(written));
            let record = Letter::new(draft.signed()).is_believed().await;
            assert!(record.contains("UserID=\"user-7\""), "{written}: {record}");
        }
        // canonical octets are without comments, so one may come and go after signing
        let commented = signed(&riverside()).replace(">user-7<", ">user<!-- root -->-7<");
        let record = Letter::new(commented).is_believed().await;
        assert!(record.contains("UserID=\"user-7\""), "{record}");
    });
}

#[test]
fn a_byte_order_mark_and_a_declaration_may_stand_in_front() {
    run(async {
        for front in [
            "\u{feff}",
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
            "\u{feff}<?xml version='1.0'?>",
        ] {
            let letter = Letter::new(signed(&riverside()));
            letter.edited("<env:Envelope", &format!("{front}<env:Envelope")).is_believed().await;
        }
    });
}

#[test]
fn a_second_signature_over_the_message_grants_nothing_and_harms_nothing() {
    run(async {
        let assertion = signed(&riverside());
        let timestamp = format!(
            "<u:Timestamp xmlns:u=\"{}\" u:Id=\"TS-1\"><u:Created>{now}</u:Created>\
             <u:Expires>{now}</u:Expires></u:Timestamp>",
            ns::WSU,
            now = now()
        );
        // the assertion's signature with other values: of the right shape, over nothing that is there
        let signature = piece(&assertion, "<ds:Signature ", "</ds:Signature>");
        let reference = piece(&signature, " URI=\"", "\"");
        let signature = signature.replace(&reference, " URI=\"#TS-1\"");
        for security in [
            format!("{timestamp}{signature}{assertion}"),
            format!("{assertion}{timestamp}{signature}"),
        ] {
            let record = Letter::new(security).is_believed().await;
            assert!(reason(&record).contains("message signature unverified: "), "{record}");
        }
        // and it does not stand in for the assertion's own
        let own = piece(&assertion, "<ds:Signature ", "</ds:Signature>");
        let unsigned = assertion.replace(&own, "");
        let letter = Letter::new(format!("{unsigned}{timestamp}{own}"));
        let answer = letter.send(&RIVERSIDE).await;
        assert!(answer.outcome.fault().is_some(), "{}", answer.xml);
        let records = shared().records(&letter.ask).await;
        assert!(records[0].contains("the assertion is not signed"), "{}", records[0]);
    });
}
