//! A message with two assertions: each is verified and read by itself, then both are held against each other.

use crate::dsig;
use crate::xml::Document;

use super::attributes::Naming;
use super::check::{Check, Which};
use super::message::Confirmed;
use super::relationship::{Unrelated, confirm, roles};
use super::rules::{self, Held};
use super::trust::Relationship;
use super::untrusted::Reason;
use super::verify::{Course, Known, Verified};

/// Believes a user whose treatment relationship to a patient is confirmed.
pub(super) fn believe(
    document: &Document<'_>,
    agreed: &Relationship,
    course: &mut Course<'_, '_>,
    known: &mut Known,
) -> Result<Verified, Reason> {
    let partner = course.partner;
    let gated = dsig::gate_pair(document, partner.demands.algorithms).map_err(Reason::from);
    let gated = course.seen(Which::Message, Check::Structure, gated)?;
    let (first, second) = roles(&gated).or_else(|unrelated| {
        course.seen(Which::Relationship, Check::Relationship, Err(unrelated.into()))
    })?;

    let issuer = course.listed(&partner.issuers, first).ok_or(Reason::IssuerNotListed);
    let issuer = course.seen(Which::Identity, Check::Issuer, issuer)?;
    let first_signed = course.signed(Which::Identity, first, issuer)?;
    let identity = course.read(Which::Identity, &first_signed, issuer, Naming::User)?;
    known.user(&identity.claims);

    let issuer = course.listed(&agreed.issuers, second).ok_or(Unrelated::Issuer.into());
    let issuer = course.seen(Which::Relationship, Check::Issuer, issuer)?;
    let second_signed = course.signed(Which::Relationship, second, issuer).map_err(of_second)?;
    let relationship = course
        .read(Which::Relationship, &second_signed, issuer, Naming::Patient)
        .map_err(of_second)?;
    let confirmed = confirm(&partner.name, &identity, &relationship, agreed).map_err(Reason::from);
    let confirmed = course.seen(Which::Relationship, Check::Relationship, confirmed)?;

    let (own, beside): (Vec<_>, Vec<_>) =
        (identity.holder_keys().collect(), relationship.holder_keys().collect());
    let proofs = course.proofs(first, Confirmed { own: &own, beside: &beside })?;
    let now = course.means.now;
    let held = Held { assertion: &identity, partner, relationship: None, proofs: &proofs, now };
    let first_holds = rules::hold(&held, Which::Identity, course.witness);
    if !course.witness.wants_all() {
        first_holds.clone()?;
    }
    let held = Held { assertion: &relationship, relationship: Some(agreed), ..held };
    let second_holds = rules::hold(&held, Which::Relationship, course.witness);
    first_holds.and(second_holds.map_err(of_second))?;

    // last, since what any rule refuses was not used; an identity whose relationship was used before counts as used
    let remembered = [
        course.remember(Which::Identity, &identity, &first_signed)?,
        course.remember(Which::Relationship, &relationship, &second_signed).map_err(of_second)?,
    ];
    Ok(Verified::of_two(confirmed, &proofs, remembered))
}

/// What the second assertion is not believed for.
fn of_second(reason: Reason) -> Reason {
    Reason::Relationship(Box::new(reason))
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole;
