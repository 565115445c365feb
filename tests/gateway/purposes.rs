//! Purposes of use: which are admitted, and one answer to all that are not.

use glassgate::client::{Ask, Query};
use glassgate::clock::{Clock as _, SystemClock, SystemRandom};
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::dsig::{self, SigningKey};
use glassgate::ids::Coded;
use glassgate::saml::issue::{self, Order};
use glassgate::soap::Packaging;
use glassgate::xds::Status;

use crate::asked::{codes, numbered, numbers, without_uuids};
use crate::record::kinds;
use crate::world::{order, run, shared};

const NHIN: &str = "2.16.840.1.113883.3.18.7.1";
const ISO_14265: &str = "1.0.14265.1";

fn find() -> String {
    Query::find_documents(&world::patient_id(1002)).body()
}

fn stating(purposes: &[(&str, &str)]) -> Order {
    let purposes = purposes.iter().map(|(code, system)| Coded::new(code, system)).collect();
    Order { purposes, ..order(&RIVERSIDE, "TREAT") }
}

fn act_reasons(codes: &[&str]) -> Order {
    stating(&codes.iter().map(|code| (*code, world::ACT_REASON)).collect::<Vec<_>>())
}

/// A request whose assertion states purposes by this XML besides those ordered.
fn adding(order: &Order, attributes: &str) -> Ask {
    let unsigned = issue::assertion(order, &SystemRandom, SystemClock.now()).unwrap();
    let end = "</saml2:AttributeStatement>";
    assert!(unsigned.xml.contains(end));
    let xml = unsigned.xml.replace(end, &format!("{attributes}{end}"));
    let read = |file| std::fs::read(shared().stage.layout.partner("riverside", file)).unwrap();
    let key = SigningKey::from_pem(&read("saml.key"), &read("saml.crt")).unwrap();
    let assertion = dsig::sign(&xml, &unsigned.id, &key).unwrap();
    Ask { assertion, ..shared().ask(&RIVERSIDE, order) }
}

/// An attribute of that name with these values.
fn attribute(name: &str, values: &str) -> String {
    format!("<saml2:Attribute Name=\"{name}\">{values}</saml2:Attribute>")
}

fn plain(value: &str) -> String {
    let value = format!("<saml2:AttributeValue>{value}</saml2:AttributeValue>");
    attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", &value)
}

fn coded(name: &str, code: &str) -> String {
    let value = format!(
        "<saml2:AttributeValue><PurposeOfUse xmlns=\"urn:hl7-org:v3\" code=\"{code}\" \
         codeSystem=\"{}\"/></saml2:AttributeValue>",
        world::ACT_REASON
    );
    attribute(name, &value)
}

fn ask(order: &Order) -> Ask {
    shared().ask(&RIVERSIDE, order)
}

#[test]
fn all_refusals_of_policy_are_one_answer_with_their_own_reason_in_audit() {
    let unsaid = || stating(&[]);
    let refusals = [
        (ask(&unsaid()), "no purpose of use is stated"),
        (ask(&act_reasons(&["HPAYMT"])), "HPAYMT is outside"),
        (ask(&act_reasons(&["HRESCH"])), "HRESCH is outside"),
        (ask(&act_reasons(&["PurposeOfUse"])), "PurposeOfUse is outside"),
        (ask(&act_reasons(&["BTG", "HPAYMT"])), "HPAYMT stands beside break-glass"),
        (ask(&act_reasons(&["TREAT", "HPAYMT"])), "HPAYMT is outside"),
        (ask(&act_reasons(&["treat"])), "is unknown in"),
        (ask(&stating(&[("TREATMENT", world::ACT_REASON)])), "is unknown in"),
        (ask(&stating(&[("TREAT", "2.999.66")])), "unknown system"),
        (ask(&stating(&[("TREAT", NHIN)])), "is unknown in"),
        (ask(&stating(&[("EMERGENCY", NHIN), ("PAYMENT", NHIN)])), "is outside"),
        (ask(&stating(&[("9", ISO_14265)])), "is unknown in"),
        (adding(&unsaid(), &plain("TREAT")), "has no code system"),
        (adding(&act_reasons(&["TREAT"]), &plain("research")), "has no code system"),
        (adding(&act_reasons(&["TREAT"]), &coded("urn:x:PurposeOfUse", "HPAYMT")), "is outside"),
    ];
    run(async {
        let (mut queries, mut retrieves) = (Vec::new(), Vec::new());
        for (ask, reason) in &refusals {
            let asked = shared().query_as(&RIVERSIDE, ask, &find()).await;
            assert_eq!(asked.answer.status, Status::Failure, "{reason}");
            assert_eq!(codes(&asked.answer.errors), ["XDSRegistryError"], "{reason}");
            assert_eq!(kinds(&asked.records), [("ITI-38", "8")], "{reason}");
            assert!(asked.records[0].description.contains(reason), "{:?}", asked.records);
            queries.push(without_uuids(&asked.raw.body));

            let again =
                Ask { message_id: shared().ask(&RIVERSIDE, &unsaid()).message_id, ..ask.clone() };
            let documents = [numbered(1002, 1)];
            let asked = shared().retrieve_as(&RIVERSIDE, &again, &documents, Packaging::Mtom).await;
            assert_eq!(asked.answer.status, Status::Failure, "{reason}");
            assert_eq!(codes(&asked.answer.errors), ["XDSRepositoryError"], "{reason}");
            assert_eq!(kinds(&asked.records), [("ITI-39", "8")], "{reason}");
            assert!(asked.records[0].description.contains(reason), "{:?}", asked.records);
            retrieves.push(without_uuids(&asked.raw.body));
        }
        queries.dedup();
        retrieves.dedup();
        assert_eq!((queries.len(), retrieves.len()), (1, 1));
    });
}

#[test]
fn purposes_of_treatment_are_admitted_in_any_vocabulary() {
    let treat = || act_reasons(&["TREAT"]);
    let xspa = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
    let admitted = [
        (ask(&act_reasons(&["COC"])), vec!["COC"]),
        (ask(&act_reasons(&["TREAT", "COC"])), vec!["TREAT", "COC"]),
        (ask(&stating(&[("TREATMENT", NHIN)])), vec!["TREATMENT"]),
        (
            ask(&stating(&[("TREATMENT", "http://healthit.gov/nhin/purposeofuse")])),
            vec!["TREATMENT"],
        ),
        (ask(&stating(&[("1", ISO_14265)])), vec!["1"]),
        (ask(&stating(&[("T-TREAT", "2.16.840.1.113883.3.7204.1.5.2.1")])), vec!["T-TREAT"]),
        (
            ask(&stating(&[("TREAT", "http://terminology.hl7.org/CodeSystem/v3-ActReason")])),
            vec!["TREAT"],
        ),
        (adding(&treat(), &plain("TREAT")), vec!["TREAT"]),
        (adding(&treat(), &plain("treat")), vec!["TREAT"]),
        (adding(&treat(), &coded(xspa, "TREAT")), vec!["TREAT"]),
        (
            adding(&treat(), &coded("urn:oasis:names:tc:xacml:2.0:action:purpose", "TREAT")),
            vec!["TREAT"],
        ),
    ];
    run(async {
        for (ask, purposes) in admitted {
            let asked = shared().query_as(&RIVERSIDE, &ask, &find()).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4], "{purposes:?}");
            assert!(asked.answer.errors.is_empty(), "{purposes:?}");
            assert_eq!(kinds(&asked.records), [("ITI-38", "0")]);
            assert_eq!(asked.records[0].purposes, purposes);
        }
    });
}

#[test]
fn break_glass_may_stand_beside_treatment() {
    let beside = coded("urn:oasis:names:tc:xacml:2.0:action:purpose", "BTG");
    let swiss = stating(&[("EMER", "2.16.756.5.30.1.127.3.10.5")]);
    let asks = [
        ask(&act_reasons(&["TREAT", "BTG"])),
        ask(&act_reasons(&["BTG", "COC"])),
        ask(&swiss),
        adding(&act_reasons(&["TREAT"]), &beside),
        adding(&act_reasons(&["BTG"]), &beside),
    ];
    run(async {
        for ask in asks {
            let asked = shared().query_as(&RIVERSIDE, &ask, &find()).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5, 6]);
            assert_eq!(kinds(&asked.records), [("110127", "0"), ("ITI-38", "0")]);
            let mut named = asked.records[0].documents.clone();
            named.sort();
            assert_eq!(named, [5, 6].map(|n| world::document_id(1002, n)));
        }
    });
}
