//! What is explained is what is decided.

use std::collections::BTreeSet;

use glassgate::client::Query;
use glassgate::config;
use glassgate::demo::world::{self, HILLTOP, NURSE, PHYSICIAN, Partner, RIVERSIDE};
use glassgate::gateway::{Declaration, Explanation, Supposed};
use glassgate::ids::{HomeCommunityId, PatientId};
use glassgate::policy::NotHonoured;
use glassgate::principal::Claims;
use glassgate::purpose::Stated;
use glassgate::saml::issue::Order;
use glassgate::xds::Status;

use crate::asked::unique_ids;
use crate::record::Record;
use crate::world::{order, run, shared};

pub(crate) fn supposed(
    partner: &Partner,
    purpose: &str,
    role: (&str, &str),
    patient: u32,
) -> Supposed {
    Supposed {
        patient: PatientId::parse(&world::patient_id(patient)).unwrap(),
        claims: Claims {
            partner: partner.name.to_owned(),
            subject: format!("supposed-{purpose}-{patient}"),
            roles: vec![world::role(role)],
            home_community: HomeCommunityId::parse(partner.home).ok(),
            purposes: Stated { coded: vec![world::purpose(purpose)], plain: vec![] },
            ..Claims::default()
        },
    }
}

fn explain(supposed: &Supposed) -> Explanation {
    let config = config::read(&shared().stage.layout.config()).unwrap();
    config.explain(&config.operator().unwrap(), supposed).unwrap()
}

#[test]
fn each_decision_is_the_gateway_s_own() {
    for (partner, purpose, role) in [
        (RIVERSIDE, "TREAT", NURSE),
        (RIVERSIDE, "BTG", PHYSICIAN),
        (RIVERSIDE, "BTG", NURSE),
        (RIVERSIDE, "ETREAT", PHYSICIAN),
        (HILLTOP, "ETREAT", PHYSICIAN),
        (RIVERSIDE, "HPAYMT", PHYSICIAN),
    ] {
        for patient in [1001, 1002, 1003, 1004] {
            let explanation = explain(&supposed(&partner, purpose, role, patient));
            let permitted: BTreeSet<_> = explanation
                .entries
                .iter()
                .filter(|entry| entry.outcome().permits)
                .map(|entry| entry.document.clone())
                .collect();
            let order = Order { roles: vec![world::role(role)], ..order(&partner, purpose) };
            let find = Query::find_documents(&world::patient_id(patient));
            let asked = run(shared().query(&partner, &order, &find));
            let found: BTreeSet<_> =
                unique_ids(&asked.answer).into_iter().map(str::to_owned).collect();
            assert_eq!(permitted, found, "{} {purpose} {role:?} {patient}", partner.name);
            assert_eq!(explanation.admitted.is_err(), asked.answer.status == Status::Failure);
        }
    }
}

#[test]
fn each_decision_names_consent_version_provision_and_element() {
    let explanation = explain(&supposed(&RIVERSIDE, "BTG", PHYSICIAN, 1002));
    assert_eq!(explanation.admitted, Ok(Declaration::Honoured));
    assert_eq!(explanation.entries.len(), 6);
    for entry in &explanation.entries {
        let restricted = entry.labels.contains(&"R".to_owned());
        assert_eq!(
            (entry.treatment.permits, entry.outcome().is_override),
            (!restricted, restricted)
        );
        for told in [Some(&entry.treatment), entry.break_glass.as_ref()].into_iter().flatten() {
            assert_eq!(told.consent, Some(("c1002".to_owned(), "1".to_owned())));
            let (provision, element) = if restricted {
                ("provision.provision[0]", "securityLabel")
            } else {
                ("provision", told.element)
            };
            assert_eq!((told.provision.as_str(), told.element), (provision, element));
        }
    }
    let nurse = explain(&supposed(&RIVERSIDE, "BTG", NURSE, 1002));
    assert_eq!(nurse.admitted, Ok(Declaration::NotHonoured(NotHonoured::Role)));
    let barred = explain(&supposed(&RIVERSIDE, "BTG", PHYSICIAN, 1003));
    let bars: Vec<_> = barred.entries.iter().filter_map(|entry| entry.outcome().bar).collect();
    assert_eq!(bars, ["forbidden", "forbidden"]);
    let billing = explain(&supposed(&RIVERSIDE, "HPAYMT", PHYSICIAN, 1002));
    assert_eq!(billing.admitted.unwrap_err().code(), "outside-agreement");
    assert!(billing.entries.is_empty());
}

#[test]
fn it_is_on_record_as_a_simulation_by_an_operator() {
    let supposed = supposed(&RIVERSIDE, "TREAT", NURSE, 1002);
    let config = config::read(&shared().stage.layout.config()).unwrap();
    let operator = config.operator().unwrap();
    let before = shared().journal.last().unwrap();
    config.explain(&operator, &supposed).unwrap();
    let records = shared().journal.after(before, 1_000).unwrap();
    let messages = records.iter().map(|record| String::from_utf8(record.message.to_vec()).unwrap());
    let about = |message: &String| message.contains("supposed-TREAT-1002");
    let messages: Vec<_> = messages.filter(about).collect();
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert!(message.contains("<EventID csd-code=\"110110\""), "{message}");
    assert!(message.contains(&format!("UserID=\"{}\"", operator.account())), "{message}");
    assert!(message.contains("Consent/c1002/_history/1"), "{message}");
    let record = Record::read(message);
    assert!(record.is("explanation", "0"));
    assert!(record.description.starts_with("simulation, nothing was released"));
    assert_eq!(record.patients, [world::patient_id(1002)]);
    assert_eq!((record.documents.len(), record.purposes), (6, vec!["TREAT".to_owned()]));
}

#[test]
fn nobody_is_explained_who_is_not_known_and_that_is_on_record_too() {
    let supposed = supposed(&RIVERSIDE, "TREAT", NURSE, 9999);
    let config = config::read(&shared().stage.layout.config()).unwrap();
    let before = shared().journal.last().unwrap();
    let unknown = config.explain(&config.operator().unwrap(), &supposed).unwrap_err();
    assert!(unknown.to_string().starts_with("the patient is not known here"), "{unknown}");
    let records = shared().journal.after(before, 1_000).unwrap();
    let looked = |message: &[u8]| String::from_utf8_lossy(message).contains("supposed-TREAT-9999");
    assert_eq!(records.iter().filter(|record| looked(&record.message)).count(), 1);
}
