use std::collections::BTreeSet;

use super::access::{Access, BreakGlass, Declared};
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
    let terms = &agreement.break_glass;
    let mut telling = None;
    let break_glass = match declared {
        None => {
            // only of treatment is there more to be had by break-glass
            let treats = treatment.iter().all(|purpose| purpose.is_a(Purpose::TREAT));
            if treats && agreement.allows(Purpose::BTG) && terms.entitled(claims).is_ok() {
                telling = Some(terms.telling.clone());
            }
            BreakGlass::NotDeclared
        }
        Some(as_received) => match terms.hold(claims) {
            Ok(rationale) => BreakGlass::Honoured(Declared { as_received, rationale }),
            Err(why) => BreakGlass::NotHonoured(why),
        },
    };
    let (stated, answer) = (claims.purposes.coded.clone(), terms.not_honoured);
    Ok(Access { principal: principal.clone(), treatment, break_glass, stated, telling, answer })
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
) -> Option<Coded> {
    let declares = |purpose: Purpose| {
        purpose == Purpose::BTG
            || purpose == Purpose::ETREAT && agreement.etreat == Etreat::BreakGlass
    };
    purposes.retain(|purpose| !declares(*purpose));
    let declaring = |coded: &&Coded| concept(coded).is_ok_and(declares);
    claims.purposes.coded.iter().find(declaring).cloned()
}

#[cfg(test)]
mod tests;
