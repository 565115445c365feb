use serde::Deserialize;
use serde_json::Value;

use super::directory::Party;
use super::logic::{Match, any};
use crate::fhir::{CodeableConcept, Identifier, Reference};
use crate::ids::{HomeCommunityId, Oid};
use crate::principal::Claims;

/// Which side of a release an actor stands on (v3-ParticipationType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Who receives: IRCP, PRCP, GRANTEE.
    Recipient,
    /// Who holds the data, we: CST.
    Custodian,
    /// Who wrote the data: AUT.
    Author,
    Unknown,
}

impl Role {
    pub(super) fn read(role: &CodeableConcept) -> Self {
        let roles = role.coded().map(|coded| match (coded.system.as_str(), coded.code.as_str()) {
            (
                "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
                | "http://hl7.org/fhir/v3/ParticipationType"
                | "2.16.840.1.113883.5.90",
                code,
            ) => match code {
                "IRCP" | "PRCP" => Self::Recipient,
                "CST" => Self::Custodian,
                "AUT" => Self::Author,
                _ => Self::Unknown,
            },
            (
                "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
                | "http://hl7.org/fhir/v3/RoleCode"
                | "2.16.840.1.113883.5.111",
                "GRANTEE",
            ) => Self::Recipient,
            _ => Self::Unknown,
        });
        // codings that say different things say nothing
        roles
            .reduce(|one, other| if one == other { one } else { Self::Unknown })
            .unwrap_or(Self::Unknown)
    }
}

/// By what a rule names a person, an organisation or a resource.
#[derive(Debug)]
pub(super) struct Names {
    /// A literal reference without its version.
    reference: Option<String>,
    /// Logical references, its own and those of the contained resource that it points at: system and value.
    identifiers: Vec<(String, String)>,
    /// Whether an organisation is meant, by what the reference says of its type or by the resource it points at.
    is_organization: bool,
}

impl Names {
    pub(super) fn read(reference: &Reference, contained: &[Value]) -> Self {
        let literal = reference.reference.as_deref().map(|text| {
            let bare = text.split_once("/_history/").map_or(text, |(bare, _)| bare);
            bare.trim().to_owned()
        });
        let mut identifiers: Vec<_> = reference.identifier.iter().filter_map(named).collect();
        let local = literal.as_deref().and_then(|text| text.strip_prefix('#'));
        let mut types: Vec<&str> = reference.type_.as_deref().into_iter().collect();
        types.extend(literal.as_deref().and_then(kind));
        let is_it = |resource: &&Value| {
            local.is_some() && resource.get("id").and_then(Value::as_str) == local
        };
        for resource in contained.iter().filter(is_it) {
            types.extend(resource.get("resourceType").and_then(Value::as_str));
            let listed = resource.get("identifier").and_then(Value::as_array);
            let read = listed.into_iter().flatten().map(Identifier::deserialize);
            identifiers.extend(read.filter_map(|identifier| named(&identifier.ok()?)));
        }
        let is_organization = !types.is_empty() && types.iter().all(|one| *one == "Organization");
        let reference = literal.clone().filter(|text| !text.is_empty());
        Self { reference, identifiers, is_organization }
    }

    /// The OIDs, as a URN or as identifiers without another system.
    fn oids(&self) -> impl Iterator<Item = Oid> + '_ {
        let urn = self.reference.as_deref().filter(|text| text.starts_with("urn:oid:"));
        let plain =
            |(system, _): &&(String, String)| matches!(system.as_str(), "" | "urn:ietf:rfc:3986");
        let values = self.identifiers.iter().filter(plain).map(|(_, value)| value.as_str());
        urn.into_iter().chain(values).filter_map(|text| Oid::parse(text).ok())
    }

    /// Whether the principal, his organisation or his community is meant; `parties` are whom our domain knows.
    pub(super) fn recipient(&self, claims: &Claims, parties: &[Party]) -> Match {
        let known = |party: &&Party| self.reference.as_deref() == Some(party.reference.as_str());
        if let Some(party) = parties.iter().find(known) {
            return party.recognises(claims);
        }
        let stated = |text: &str| claims.organization_ids.iter().any(|id| id == text);
        let forms = self.identifiers.iter().filter_map(stated_form);
        if forms.into_iter().any(|form| claims.provider_ids.contains(&form) || stated(&form)) {
            return Match::Yes;
        }
        let community = claims.home_community.as_ref().map(HomeCommunityId::oid);
        let organizations: Vec<Oid> =
            claims.organization_ids.iter().filter_map(|id| Oid::parse(id).ok()).collect();
        let mut oids = self.oids().peekable();
        // only who states an organisation by OID is certainly not another one; a person may have an OID too
        let comparable = self.is_organization && oids.peek().is_some() && !organizations.is_empty();
        if oids.any(|oid| community == Some(&oid) || organizations.contains(&oid)) {
            return Match::Yes;
        }
        if comparable { Match::No } else { Match::Unknown }
    }

    /// Whether we are meant.
    pub(super) fn custodian(&self, home: Option<&HomeCommunityId>) -> Match {
        let ours = home.is_some_and(|home| self.oids().any(|oid| oid == *home.oid()));
        if ours { Match::Yes } else { Match::Unknown }
    }

    /// Whether one of an item's authors is meant.
    pub(super) fn author(&self, authors: &[String]) -> Match {
        match any(authors.iter().map(|author| self.is(author))) {
            None => Match::Unknown,
            Some(Match::No) => {
                // two references into one resource type are two authors; anything else may be the same
                let kind = self.reference.as_deref().and_then(kind);
                let another = |author: &String| kind.is_some() && self::kind(author) == kind;
                if authors.iter().all(another) { Match::No } else { Match::Unknown }
            }
            Some(found) => found,
        }
    }

    /// Whether this very item is meant.
    pub(super) fn item(&self, reference: &str, identifiers: &[String]) -> Match {
        let names = std::iter::once(reference).chain(identifiers.iter().map(String::as_str));
        let found = any(names.map(|name| self.is(name))).unwrap_or(Match::Unknown);
        if found != Match::No {
            return found;
        }
        match &self.reference {
            Some(text) if kind(text).is_some() => Match::No,
            // an absolute URL may be ours
            Some(text) => {
                Match::from(!text.contains("://") || ends_in(text, reference)).min(Match::Unknown)
            }
            None if !self.identifiers.is_empty() && !identifiers.is_empty() => Match::No,
            None => Match::Unknown,
        }
    }

    /// Whether an item that belongs to these is meant, by the encounter, episode or care plan that it belongs to.
    pub(super) fn related(&self, related: &[String]) -> Match {
        match any(related.iter().map(|name| self.is(name))) {
            Some(Match::No) => {
                let kind = self.reference.as_deref().and_then(kind);
                let stated = matches!(kind, Some("Encounter" | "EpisodeOfCare" | "CarePlan"))
                    && related.iter().any(|name| self::kind(name) == kind);
                // one of another name may still be the same
                let comparable = related.iter().all(|name| self::kind(name).is_some());
                if stated && comparable { Match::No } else { Match::Unknown }
            }
            found => found.unwrap_or(Match::Unknown),
        }
    }

    /// Whether `name` is it: for certain by a reference or a globally unique value, perhaps by any other value.
    fn is(&self, name: &str) -> Match {
        let same = |text: &str| bare(text) == bare(name);
        if self.reference.as_deref().is_some_and(same) {
            return Match::Yes;
        }
        match self.identifiers.iter().find(|(_, value)| same(value)) {
            Some((_, value)) => {
                let unique =
                    value.starts_with("urn:") || value.contains("://") || Oid::parse(value).is_ok();
                if unique { Match::Yes } else { Match::Unknown }
            }
            None => Match::No,
        }
    }
}

fn named(identifier: &Identifier) -> Option<(String, String)> {
    let value = identifier.value.as_deref()?.trim();
    let system = identifier.system.as_deref().unwrap_or("").trim();
    (!value.is_empty()).then(|| (system.to_owned(), value.to_owned()))
}

/// An identifier as claims state it: `urn:hl7ii:<root>:<extension>`, or a URI as it is.
fn stated_form((system, value): &(String, String)) -> Option<String> {
    match system.as_str() {
        "urn:ietf:rfc:3986" => Some(value.clone()),
        "http://hl7.org/fhir/sid/us-npi" => {
            Some(format!("urn:hl7ii:2.16.840.1.113883.4.6:{value}"))
        }
        system => Some(format!("urn:hl7ii:{}:{value}", system.strip_prefix("urn:oid:")?)),
    }
}

fn bare(text: &str) -> &str {
    text.strip_prefix("urn:oid:").unwrap_or(text)
}

/// Whether a URL ends in this relative reference.
pub(super) fn ends_in(url: &str, reference: &str) -> bool {
    url.strip_suffix(reference).is_some_and(|head| head.ends_with('/'))
}

/// The resource type of a relative reference.
fn kind(reference: &str) -> Option<&str> {
    let (kind, id) = reference.split_once('/')?;
    let plain = |c: char| c.is_ascii_alphanumeric();
    let literal = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(plain);
    (literal && !id.is_empty() && !id.contains('/')).then_some(kind)
}
