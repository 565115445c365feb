use super::logic::{Match, any};
use crate::fhir::{CodeableConcept, Reference};
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
    /// A logical reference: system and value.
    identifier: Option<(String, String)>,
}

impl Names {
    pub(super) fn read(reference: &Reference) -> Self {
        let literal = reference.reference.as_deref().map(|text| {
            let bare = text.split_once("/_history/").map_or(text, |(bare, _)| bare);
            bare.trim().to_owned()
        });
        let identifier = reference.identifier.as_ref().and_then(|identifier| {
            let value = identifier.value.as_deref()?.trim();
            let system = identifier.system.as_deref().unwrap_or("").trim();
            (!value.is_empty()).then(|| (system.to_owned(), value.to_owned()))
        });
        Self { reference: literal.filter(|text| !text.is_empty()), identifier }
    }

    /// An OID, as a URN or as an identifier without another system.
    fn oid(&self) -> Option<Oid> {
        let urn = self.reference.as_deref().filter(|text| text.starts_with("urn:oid:"));
        if let Some(text) = urn {
            return Oid::parse(text).ok();
        }
        let (system, value) = self.identifier.as_ref()?;
        matches!(system.as_str(), "" | "urn:ietf:rfc:3986")
            .then(|| Oid::parse(value).ok())
            .flatten()
    }

    /// Whether the principal, his organisation or his community is meant.
    pub(super) fn recipient(&self, claims: &Claims) -> Match {
        let mut organizations = claims.organization_ids.iter();
        if let Some(oid) = self.oid() {
            let community = claims.home_community.as_ref().map(HomeCommunityId::oid);
            let mut stated = organizations.filter_map(|id| Oid::parse(id).ok()).peekable();
            // only who states an organisation by OID is certainly not another one
            let comparable = stated.peek().is_some();
            let same = community == Some(&oid) || stated.any(|organization| organization == oid);
            return match (same, comparable) {
                (true, _) => Match::Yes,
                (false, true) => Match::No,
                (false, false) => Match::Unknown,
            };
        }
        let known = self.stated_form().is_some_and(|form| {
            claims.provider_ids.contains(&form) || organizations.any(|id| *id == form)
        });
        if known { Match::Yes } else { Match::Unknown }
    }

    /// An identifier as claims state it: `urn:hl7ii:<root>:<extension>`, or a URI as it is.
    fn stated_form(&self) -> Option<String> {
        let (system, value) = self.identifier.as_ref()?;
        match system.as_str() {
            "urn:ietf:rfc:3986" => Some(value.clone()),
            "http://hl7.org/fhir/sid/us-npi" => {
                Some(format!("urn:hl7ii:2.16.840.1.113883.4.6:{value}"))
            }
            system => Some(format!("urn:hl7ii:{}:{value}", system.strip_prefix("urn:oid:")?)),
        }
    }

    /// Whether we are meant.
    pub(super) fn custodian(&self, home: Option<&HomeCommunityId>) -> Match {
        let ours = self.oid().zip(home).is_some_and(|(oid, home)| oid == *home.oid());
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
            None if self.identifier.is_some() && !identifiers.is_empty() => Match::No,
            None => Match::Unknown,
        }
    }

    /// Whether `name` is it: for certain by a reference or a globally unique value, perhaps by any other value.
    fn is(&self, name: &str) -> Match {
        let same = |text: &str| bare(text) == bare(name);
        if self.reference.as_deref().is_some_and(same) {
            return Match::Yes;
        }
        match &self.identifier {
            Some((_, value)) if same(value) => {
                let unique =
                    value.starts_with("urn:") || value.contains("://") || Oid::parse(value).is_ok();
                if unique { Match::Yes } else { Match::Unknown }
            }
            _ => Match::No,
        }
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
