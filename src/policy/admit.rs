use std::collections::BTreeSet;

use super::access::{Access, BreakGlass, Declared, NotHonoured};
use super::agreement::{Agreement, Etreat, Settings};
use crate::ids::Coded;
use crate::principal::{Claims, Principal};
use crate::purpose::{self, Purpose, concept, resolve};

/// Why a request is refused before any consent is looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The partner has none.
    #[error("the partner has no agreement")]
    NoAgreement,
    /// None was stated.
    #[error("no purpose of use is stated")]
    NoPurpose,
    /// One that we do not know.
    #[error(transparent)]
    Purpose(purpose::Error),
    /// One in a system that the partner did not agree to.
    #[error("purpose of use in code system {0}, which is outside the partner's agreement")]
    CodeSystem(String),
    /// One that the partner did not agree to.
    #[error("purpose of use {} is outside the partner's agreement", .0.code())]
    OutsideAgreement(Purpose),
    /// Break-glass is for treatment alone.
    #[error("purpose of use {} stands beside break-glass", .0.code())]
    BesideBreakGlass(Purpose),
}

impl Refusal {
    /// A stable name for audit and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAgreement => "no-agreement",
            Self::NoPurpose => "no-purpose",
            Self::Purpose(_) => "unknown-purpose",
            Self::CodeSystem(_) => "code-system",
            Self::OutsideAgreement(_) => "outside-agreement",
            Self::BesideBreakGlass(_) => "beside-break-glass",
        }
    }
}

/// Holds a principal to the agreement of the partner that vouches for him.
pub fn admit(principal: &Principal, settings: &Settings) -> Result<Access, Refusal> {
    let claims = principal.claims();
    let agreement = settings
        .agreements
        .iter()
        .find(|agreement| agreement.partner == claims.partner)
        .ok_or(Refusal::NoAgreement)?;
    let mut treatment = resolve(&claims.purposes).map_err(|error| match error {
        purpose::Error::None => Refusal::NoPurpose,
        unknown => Refusal::Purpose(unknown),
    })?;
    if let Some(system) = foreign_system(claims, agreement) {
        return Err(Refusal::CodeSystem(system.to_owned()));
    }
    let declared = declaration(&mut treatment, claims, agreement);
    if declared.is_some() {
        let beside = treatment.iter().find(|purpose| !purpose.is_a(Purpose::TREAT));
        if let Some(purpose) = beside {
            return Err(Refusal::BesideBreakGlass(*purpose));
        }
        if !agreement.allows(Purpose::BTG) {
            return Err(Refusal::OutsideAgreement(Purpose::BTG));
        }
        if treatment.is_empty() {
            treatment.insert(Purpose::TREAT);
        }
    }
    if let Some(purpose) = treatment.iter().find(|purpose| !agreement.allows(**purpose)) {
        return Err(Refusal::OutsideAgreement(*purpose));
    }
    let break_glass = match declared {
        None => BreakGlass::NotDeclared,
        Some(declared) if agreement.may_break_glass(&claims.roles) => {
            BreakGlass::Honoured(declared)
        }
        Some(_) => BreakGlass::NotHonoured(NotHonoured::Role),
    };
    let stated = claims.purposes.coded.clone();
    Ok(Access { principal: principal.clone(), treatment, break_glass, stated })
}

/// Whether somebody who says this of himself would declare break-glass, believed or not.
#[must_use]
pub fn declares(claims: &Claims, partner: &str, settings: &Settings) -> bool {
    let agreement = settings.agreements.iter().find(|agreement| agreement.partner == partner);
    let purposes = resolve(&claims.purposes).ok();
    agreement.zip(purposes).is_some_and(|(agreement, mut purposes)| {
        declaration(&mut purposes, claims, agreement).is_some()
    })
}

/// A system that a stated purpose is coded in and that was not agreed.
fn foreign_system<'c>(claims: &'c Claims, agreement: &Agreement) -> Option<&'c str> {
    let agreed = &agreement.code_systems;
    let mut systems = claims.purposes.coded.iter().map(|coded| coded.system.as_str());
    systems.find(|system| !agreed.is_empty() && !agreed.iter().any(|one| one == system))
}

/// Takes BTG, and ETREAT where the partner means that, out of the purposes; the code as received is kept.
fn declaration(
    purposes: &mut BTreeSet<Purpose>,
    claims: &Claims,
    agreement: &Agreement,
) -> Option<Declared> {
    let declares = |purpose: Purpose| {
        purpose == Purpose::BTG
            || purpose == Purpose::ETREAT && agreement.etreat == Etreat::BreakGlass
    };
    purposes.retain(|purpose| !declares(*purpose));
    let declaring = |coded: &&Coded| concept(coded).is_ok_and(declares);
    let as_received = claims.purposes.coded.iter().find(declaring)?.clone();
    Some(Declared { as_received })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purpose::Stated;
    use proptest::prelude::*;

    const PHYSICIAN: (&str, &str) = ("309343006", "2.16.840.1.113883.6.96");
    const NURSE: (&str, &str) = ("224535009", "2.16.840.1.113883.6.96");

    fn settings() -> Settings {
        let agreement = |partner: &str, etreat| Agreement {
            partner: partner.into(),
            purposes: vec![Purpose::TREAT, Purpose::BTG],
            code_systems: vec![],
            break_glass_roles: vec![Coded::new(PHYSICIAN.0, PHYSICIAN.1)],
            etreat,
        };
        Settings {
            agreements: vec![
                agreement("riverside", Etreat::Treatment),
                agreement("hilltop", Etreat::BreakGlass),
            ],
        }
    }

    fn ask(partner: &str, role: (&str, &str), codes: &[&str]) -> Result<Access, Refusal> {
        let coded = codes.iter().map(|code| Coded::new(code, "2.16.840.1.113883.5.8")).collect();
        let claims = Claims {
            partner: partner.into(),
            roles: vec![Coded::new(role.0, role.1)],
            purposes: Stated { coded, plain: vec![] },
            ..Claims::default()
        };
        admit(&Principal::assertion(claims), &settings())
    }

    fn honoured(access: &Access) -> bool {
        matches!(access.break_glass(), BreakGlass::Honoured(_))
    }

    #[test]
    fn the_scenario_is_admitted_as_it_says() {
        let access = ask("riverside", NURSE, &["TREAT"]).unwrap();
        assert_eq!(access.break_glass(), &BreakGlass::NotDeclared);
        let access = ask("riverside", PHYSICIAN, &["BTG"]).unwrap();
        assert!(honoured(&access));
        assert_eq!(access.treatment_purposes(), &BTreeSet::from([Purpose::TREAT]));
        let access = ask("riverside", NURSE, &["BTG"]).unwrap();
        assert_eq!(access.break_glass(), &BreakGlass::NotHonoured(NotHonoured::Role));
        let access = ask("riverside", PHYSICIAN, &["ETREAT"]).unwrap();
        assert_eq!(access.break_glass(), &BreakGlass::NotDeclared);
        assert_eq!(access.treatment_purposes(), &BTreeSet::from([Purpose::ETREAT]));
        let access = ask("hilltop", PHYSICIAN, &["ETREAT"]).unwrap();
        let BreakGlass::Honoured(declared) = access.break_glass() else { panic!("not honoured") };
        assert_eq!(declared.as_received.code, "ETREAT");
        assert_eq!(access.treatment_purposes(), &BTreeSet::from([Purpose::TREAT]));
        assert!(!honoured(&ask("hilltop", PHYSICIAN, &["ERTREAT"]).unwrap()));
        let outside = Refusal::OutsideAgreement(Purpose::HPAYMT);
        assert_eq!(ask("riverside", PHYSICIAN, &["HPAYMT"]).unwrap_err(), outside);
    }

    #[test]
    fn what_break_glass_may_not_stand_beside_refuses() {
        for other in ["HPAYMT", "HRESCH", "HOPERAT"] {
            let refused = ask("riverside", PHYSICIAN, &["BTG", other]).unwrap_err();
            assert_eq!(refused.code(), "beside-break-glass", "{other}");
        }
        assert!(honoured(&ask("riverside", PHYSICIAN, &["BTG", "TREAT", "COC"]).unwrap()));
    }

    #[test]
    fn what_was_not_agreed_refuses() {
        assert_eq!(ask("elsewhere", PHYSICIAN, &["TREAT"]).unwrap_err(), Refusal::NoAgreement);
        assert_eq!(ask("riverside", PHYSICIAN, &[]).unwrap_err(), Refusal::NoPurpose);
        assert_eq!(ask("riverside", PHYSICIAN, &["x"]).unwrap_err().code(), "unknown-purpose");
        let only = |purposes: &[Purpose]| {
            let mut settings = settings();
            settings.agreements[0].purposes = purposes.to_vec();
            let coded = vec![Coded::new("BTG", "2.16.840.1.113883.5.8")];
            let purposes = Stated { coded, plain: vec![] };
            let claims = Claims { partner: "riverside".into(), purposes, ..Claims::default() };
            admit(&Principal::assertion(claims), &settings).map(|_| ())
        };
        // BTG is below TREAT in the vocabulary, not in an agreement; and without TREAT it stands on nothing
        assert_eq!(only(&[Purpose::TREAT]), Err(Refusal::OutsideAgreement(Purpose::BTG)));
        assert_eq!(only(&[Purpose::BTG]), Err(Refusal::OutsideAgreement(Purpose::TREAT)));
    }

    #[test]
    fn a_purpose_counts_in_the_systems_that_were_agreed() {
        let mut settings = settings();
        settings.agreements[0].code_systems = vec!["2.16.840.1.113883.3.18.7.1".into()];
        let ask = |codes: &[(&str, &str)]| {
            let coded = codes.iter().map(|(code, system)| Coded::new(code, system)).collect();
            let purposes = Stated { coded, plain: vec![] };
            let claims = Claims { partner: "riverside".into(), purposes, ..Claims::default() };
            admit(&Principal::assertion(claims), &settings).map(|_| ()).map_err(|r| r.code())
        };
        let nhin = ("TREATMENT", "urn:oid:2.16.840.1.113883.3.18.7.1");
        let hl7 = ("TREAT", "2.16.840.1.113883.5.8");
        assert_eq!(ask(&[nhin]), Ok(()));
        assert_eq!(ask(&[hl7]), Err("code-system"));
        assert_eq!(ask(&[nhin, hl7]), Err("code-system"));
    }

    #[test]
    fn who_would_declare_break_glass_is_told_without_belief() {
        let told = |partner: &str, codes: &[&str]| {
            let coded = codes.iter().map(|code| Coded::new(code, "2.16.840.1.113883.5.8"));
            let purposes = Stated { coded: coded.collect(), plain: vec![] };
            declares(&Claims { purposes, ..Claims::default() }, partner, &settings())
        };
        assert!(told("riverside", &["BTG"]) && told("hilltop", &["ETREAT"]));
        assert!(!told("riverside", &["ETREAT"]) && !told("riverside", &["TREAT"]));
        assert!(!told("nobody", &["BTG"]) && !told("riverside", &["BTG", "x"]));
    }

    #[test]
    fn a_role_counts_by_code_and_system() {
        let honours = |code, system| honoured(&ask("riverside", (code, system), &["BTG"]).unwrap());
        assert!(honours(PHYSICIAN.0, "http://snomed.info/sct"));
        assert!(honours(PHYSICIAN.0, "urn:oid:2.16.840.1.113883.6.96"));
        assert!(!honours(PHYSICIAN.0, ""));
        assert!(!honours(PHYSICIAN.0, "2.16.840.1.113883.6.101"));
    }

    proptest! {
        #[test]
        fn nothing_outside_treatment_is_ever_admitted_with_break_glass(
            picks in proptest::collection::vec(0..Purpose::ALL.len(), 1..4),
            hilltop: bool,
        ) {
            let codes: Vec<_> = picks.iter().map(|pick| Purpose::ALL[*pick].code()).collect();
            let partner = if hilltop { "hilltop" } else { "riverside" };
            if let Ok(access) = ask(partner, PHYSICIAN, &codes) {
                let purposes = access.treatment_purposes();
                prop_assert!(!purposes.is_empty() && !purposes.contains(&Purpose::BTG));
                prop_assert!(purposes.iter().all(|purpose| purpose.is_a(Purpose::TREAT)));
                prop_assert_eq!(honoured(&access), codes.contains(&"BTG") || hilltop && codes.contains(&"ETREAT"));
            }
        }
    }
}
