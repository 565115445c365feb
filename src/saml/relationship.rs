//! Two assertions that belong together: who asks, and that he treats this patient (eHDSI SAML profile).

use crate::dsig::Gated;
use crate::principal::{Claims, Relationship};
use crate::purpose::{self, Stated};

use super::assertion::Assertion;
use super::trust;
use super::untrusted::quote;

/// Why two assertions do not belong together; no user and no patient is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrelated {
    /// Two identities, or relationships to others.
    #[error("neither assertion names another in its Advice")]
    Absent,
    /// Neither can be the identity.
    #[error("each assertion names the other in its Advice")]
    Mutual,
    /// The one that is named is not here, or not alone.
    #[error("its Advice names another assertion than the one that it came with, or several")]
    Reference,
    /// The partner may not bring relationships of this issuer.
    #[error("the issuer is not listed for the partner's treatment relationships")]
    Issuer,
    /// The issuer signs other kinds, too.
    #[error("its Issuer's NameQualifier is {0:?}, and no treatment relationship's")]
    Qualifier(String),
    /// Of another user.
    #[error("its subject is not the one of the identity assertion")]
    Subject,
    /// Of another community's user.
    #[error("its home community is not the one of the identity assertion")]
    Home,
    /// Of nobody who can be compared.
    #[error("it names no patient, several, or one that cannot be compared")]
    NoPatient,
    /// Of another patient.
    #[error("its patient is not the one of the identity assertion, or that one cannot be compared")]
    Patient,
    /// For another purpose.
    #[error("its purpose of use is not the one of the identity assertion")]
    Purpose,
}

impl Unrelated {
    /// The stable name for metrics, audit and tests, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "no-relationship",
            Self::Mutual => "relationship-mutual",
            Self::Reference => "relationship-reference",
            Self::Issuer => "relationship-issuer",
            Self::Qualifier(_) => "relationship-qualifier",
            Self::Subject => "relationship-subject",
            Self::Home => "relationship-home",
            Self::NoPatient => "relationship-no-patient",
            Self::Patient => "relationship-patient",
            Self::Purpose => "relationship-purpose",
        }
    }
}

/// Which of two is the identity, which the relationship that names it, as they say; [`confirm`] holds them to it.
pub(super) fn roles<'g, 'd, 'i>(
    [first, second]: &'g [Gated<'d, 'i>; 2],
) -> Result<(&'g Gated<'d, 'i>, &'g Gated<'d, 'i>), Unrelated> {
    let names = |one: &Gated<'_, '_>, other: &Gated<'_, '_>| {
        one.claimed_references().any(|reference| reference == other.claimed_id().trim())
    };
    match (names(first, second), names(second, first)) {
        (true, true) => Err(Unrelated::Mutual),
        (false, true) => Ok((first, second)),
        (true, false) => Ok((second, first)),
        (false, false) => {
            let mut named = first.claimed_references().chain(second.claimed_references());
            Err(if named.next().is_some() { Unrelated::Reference } else { Unrelated::Absent })
        }
    }
}

/// What two assertions say together; only [`confirm`] makes one.
pub(super) struct Confirmed(Claims);

impl Confirmed {
    /// What is said of the user.
    pub(super) fn claims(self) -> Claims {
        self.0
    }
}

/// Holds two assertions of a partner, each read from signed octets, against each other.
pub(super) fn confirm(
    partner: &str,
    identity: &Assertion,
    relationship: &Assertion,
    agreed: &trust::Relationship,
) -> Result<Confirmed, Unrelated> {
    let (who, treats) = (&identity.claims, &relationship.claims);
    if identity.references.contains(&treats.assertion_id) {
        return Err(Unrelated::Mutual);
    }
    if relationship.references != [who.assertion_id.as_str()] {
        return Err(Unrelated::Reference);
    }
    if agreed.qualifier.is_some() && agreed.qualifier != relationship.qualifier {
        let found = relationship.qualifier.as_deref().unwrap_or_default();
        return Err(Unrelated::Qualifier(quote(found)));
    }
    if who.subject != treats.subject {
        return Err(Unrelated::Subject);
    }
    if treats.home_community.is_some() && who.home_community != treats.home_community {
        return Err(Unrelated::Home);
    }
    patient(who, treats)?;
    let purposes = purposes(&who.purposes, &treats.purposes)?.clone();
    let mut claims = Claims { partner: partner.to_owned(), ..who.clone() };
    claims.patients.clone_from(&treats.patients);
    claims.purposes = purposes;
    // of several ceilings the lowest holds
    claims.confidentiality_ceilings.extend(treats.confidentiality_ceilings.iter().cloned());
    claims.others.extend(treats.others.iter().cloned());
    claims.relationship = Some(Relationship {
        assertion_id: treats.assertion_id.clone(),
        issuer: treats.issuer.clone(),
    });
    Ok(Confirmed(claims))
}

/// The relationship is to one patient; whoever the identity speaks of is that one.
fn patient(who: &Claims, treats: &Claims) -> Result<(), Unrelated> {
    let hidden = |claims: &Claims| claims.unassigned_patients > 0 || claims.unreadable_patients > 0;
    let [patient] = treats.patients.as_slice() else { return Err(Unrelated::NoPatient) };
    if hidden(treats) {
        return Err(Unrelated::NoPatient);
    }
    if hidden(who) || who.patients.iter().any(|other| other != patient) {
        return Err(Unrelated::Patient);
    }
    Ok(())
}

/// The purposes of the relationship, else of the identity; where both state some, they mean the same.
fn purposes<'c>(who: &'c Stated, treats: &'c Stated) -> Result<&'c Stated, Unrelated> {
    let nothing = Stated::default();
    if *treats == nothing {
        return Ok(who);
    }
    let same = || match (purpose::resolve(who), purpose::resolve(treats)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    // what is unknown to both is policy's to refuse
    if *who == nothing || who == treats || same() { Ok(treats) } else { Err(Unrelated::Purpose) }
}
