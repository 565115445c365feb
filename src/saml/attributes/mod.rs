//! Reads the attributes of an assertion, in every shape seen in the field, into [`Claims`] (ITI TF-2 3.40.4.1.2).
//!
//! A value that cannot be read never vanishes where it could matter: an unreadable purpose stays as plain text,
//! which no table knows, an unreadable patient is counted, an unreadable home community stays to be refused.

mod coded;
mod identifier;
mod value;

use crate::ids::HomeCommunityId;
use crate::principal::Claims;
use crate::purpose::Stated;
use crate::xml::{self, Node, ns};

use super::element::{Malformed, stated};
use identifier::Patient;
use value::Value;

/// Attribute values of one assertion: the richest seen has 33, and each is compared with its kin.
const VALUES: usize = 1_000;

/// Purposes that are read of who is not believed: each is compared with the others, and one or two are usual.
const CLAIMED_PURPOSES: usize = 32;

/// The highest confidentiality that a request asks for, a code of v3-Confidentiality; no profile has a name for it.
pub(super) const CEILING: &str = "urn:glassgate:1.0:environment:confidentiality-ceiling";
/// Bytes of all attributes that only an agreement may know: a reason has 200, and one assertion none but it.
const OTHERS_BYTES: usize = 16 * 1024;

/// Whom subject-id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// The user, as people call him.
    User,
    /// The patient, as in eHDSI's treatment relationship, unless it is a plain name.
    Patient,
}

/// What an attribute speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Purpose,
    Role,
    Patient,
    Name,
    Organization,
    OrganizationId,
    ProviderId,
    HomeCommunity,
    Ceiling,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        // senders write purposeofuse, purposeOfUse, PurposeOfUse
        let last = name.rsplit(':').next().unwrap_or(name);
        if last.eq_ignore_ascii_case("purposeofuse") {
            return Some(Self::Purpose);
        }
        Some(match name {
            "urn:oasis:names:tc:xacml:2.0:action:purpose" => Self::Purpose,
            "urn:oasis:names:tc:xacml:2.0:subject:role"
            | "urn:oasis:names:tc:xspa:1.0:subject:role" => Self::Role,
            "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
            | "urn:oasis:names:tc:xacml:1.0:resource:resource-id" => Self::Patient,
            "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
            | "urn:oasis:names:tc:xacml:1.0:subject:subject-id" => Self::Name,
            "urn:oasis:names:tc:xspa:1.0:subject:organization" => Self::Organization,
            "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
            | "urn:oasis:names:tc:xspa:1.0:subject:child-organization" => Self::OrganizationId,
            "urn:oasis:names:tc:xspa:1.0:subject:npi"
            | "urn:oasis:names:tc:xspa:2.0:subject:npi"
            | "urn:ihe:iti:xua:2017:subject:provider-identifier" => Self::ProviderId,
            "urn:ihe:iti:xca:2010:homeCommunityId"
            | "urn:nhin:names:saml:homeCommunityId"
            | "urn:no:ehelse:saml:1.0:subject:homeCommunityId" => Self::HomeCommunity,
            CEILING => Self::Ceiling,
            _ => return None,
        })
    }
}

impl Naming {
    /// What a value of that attribute speaks of.
    fn kind(self, kind: Kind, value: &Value) -> Kind {
        match (self, kind) {
            (Self::Patient, Kind::Name) if identifier::is_one(value) => Kind::Patient,
            _ => kind,
        }
    }
}

/// Adds to the claims what all AttributeStatements of an assertion say; gives every homeCommunityId as written.
pub(super) fn read(
    assertion: Node<'_, '_>,
    naming: Naming,
    claims: &mut Claims,
) -> Result<Vec<String>, Malformed> {
    let mut homes = Vec::new();
    let mut count = 0_usize;
    for statement in xml::children(assertion, ns::SAML, "AttributeStatement") {
        if xml::child(statement, ns::SAML, "EncryptedAttribute").is_some() {
            return Err(Malformed::Unreadable("EncryptedAttribute"));
        }
        for attribute in xml::children(statement, ns::SAML, "Attribute") {
            let Some(name) = stated(attribute, "Name") else { continue };
            let Some(kind) = Kind::of(name) else {
                keep_others(name, attribute, claims);
                continue;
            };
            for node in xml::children(attribute, ns::SAML, "AttributeValue") {
                // an empty value is no value, whether or not it says `xsi:nil`
                let Some(value) = Value::read(node) else { continue };
                count = count.saturating_add(value.elements.len().max(1));
                if count > VALUES {
                    return Err(Malformed::TooManyValues { limit: VALUES });
                }
                take(naming.kind(kind, &value), value, claims, &mut homes);
            }
        }
    }
    claims.home_community = homes.iter().find_map(|home| HomeCommunityId::parse(home).ok());
    Ok(homes)
}

/// The purposes that a `saml:Assertion` states and nothing else of it: no key is parsed, and nothing is believed.
pub fn claimed_purposes(assertion: Node<'_, '_>) -> Result<Stated, Malformed> {
    let mut stated_purposes = Stated::default();
    let statements = xml::children(assertion, ns::SAML, "AttributeStatement");
    let attributes = statements.flat_map(|one| xml::children(one, ns::SAML, "Attribute"));
    let purposes =
        attributes.filter(|one| stated(*one, "Name").and_then(Kind::of) == Some(Kind::Purpose));
    let values = purposes.flat_map(|one| xml::children(one, ns::SAML, "AttributeValue"));
    for (count, value) in values.enumerate() {
        let Some(value) = Value::read(value) else { continue };
        if count.saturating_add(value.elements.len()) > CLAIMED_PURPOSES {
            return Err(Malformed::TooManyValues { limit: CLAIMED_PURPOSES });
        }
        coded::add_purposes(&value, &mut stated_purposes.coded, &mut stated_purposes.plain);
    }
    Ok(stated_purposes)
}

fn take(kind: Kind, value: Value, claims: &mut Claims, homes: &mut Vec<String>) {
    match kind {
        Kind::Purpose => {
            coded::add_purposes(&value, &mut claims.purposes.coded, &mut claims.purposes.plain);
        }
        Kind::Role => coded::add_roles(&value, &mut claims.roles),
        Kind::Patient => match identifier::patient(&value) {
            Patient::Of(patient) => push_new(&mut claims.patients, patient),
            Patient::Unassigned => count(&mut claims.unassigned_patients),
            Patient::Unreadable => count(&mut claims.unreadable_patients),
        },
        Kind::Name => keep_first(&mut claims.name, value.text),
        Kind::Organization => keep_first(&mut claims.organization, value.text),
        Kind::OrganizationId => push_new(&mut claims.organization_ids, identifier::of(&value)),
        Kind::ProviderId => push_new(&mut claims.provider_ids, identifier::of(&value)),
        Kind::HomeCommunity if value.text.is_empty() => homes.push(value.raw),
        Kind::HomeCommunity => homes.push(value.text),
        Kind::Ceiling => {
            let code = value.elements.iter().find_map(|element| element.code.clone());
            push_new(&mut claims.confidentiality_ceilings, code.unwrap_or(value.text));
        }
    }
}

/// An attribute that only an agreement may know, as its text; a coded value says what it displays.
fn keep_others(name: &str, attribute: Node<'_, '_>, claims: &mut Claims) {
    for node in xml::children(attribute, ns::SAML, "AttributeValue") {
        let text = xml::text(node);
        let coded = || {
            let shown = |element| {
                ["displayName", "code"].into_iter().find_map(|name| xml::attribute(element, name))
            };
            node.children().filter(Node::is_element).find_map(shown)
        };
        let text = if text.is_empty() { coded().unwrap_or_default() } else { &text };
        let kept: usize = claims.others.iter().map(|(name, text)| name.len() + text.len()).sum();
        if text.is_empty() || kept + name.len() + text.len() > OTHERS_BYTES {
            continue;
        }
        claims.others.push((name.to_owned(), text.to_owned()));
    }
}

fn count(counter: &mut usize) {
    *counter = counter.saturating_add(1);
}

fn keep_first(claim: &mut Option<String>, text: String) {
    if claim.is_none() && !text.is_empty() {
        *claim = Some(text);
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;
