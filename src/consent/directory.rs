use super::logic::{Match, any};
use crate::ids::{Coded, Oid};
use crate::labels::canonical;
use crate::principal::Claims;

/// Whom a consent means by a reference that says nothing outside its own server, such as `Group/privileged-users`.
///
/// One of the values suffices. Certainly not meant is only who states, beside each listed one, another of its kind: an
/// OID beside an OID, an identifier beside one of the same root, a role beside one of the same system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// The reference as consents write it.
    pub reference: String,
    /// Organisations and communities: OIDs or `urn:hl7ii:<root>:<extension>`.
    pub organizations: Vec<String>,
    /// People by provider identifier: `urn:hl7ii:<root>:<extension>`.
    pub providers: Vec<String>,
    /// Everybody of a role.
    pub roles: Vec<Coded>,
}

impl Party {
    pub(super) fn recognises(&self, claims: &Claims) -> Match {
        // a community may be meant, and does not tell which of its organisations is not
        let community = claims.home_community.as_ref().map(|home| home.oid().as_str());
        let roles = |role: &Coded| {
            any(claims.roles.iter().map(|stated| {
                let comparable = !stated.system.is_empty()
                    && canonical(&stated.system) == canonical(&role.system);
                match (comparable, stated.code == role.code) {
                    (true, same) => Match::from(same),
                    (false, _) => Match::Unknown,
                }
            }))
            .unwrap_or(Match::Unknown)
        };
        let found = [
            among(&self.organizations, &claims.organization_ids, community),
            among(&self.providers, &claims.provider_ids, None),
            any(self.roles.iter().map(roles)),
        ];
        found.into_iter().flatten().max().unwrap_or(Match::Unknown)
    }
}

/// Whether one of the listed is stated, or the `other`; `None` where none is listed.
fn among(listed: &[String], stated: &[String], other: Option<&str>) -> Option<Match> {
    let is = |text: &str| {
        let mut all = stated.iter().map(String::as_str).chain(other);
        let found = all.any(|stated| bare(stated) == bare(text));
        let kind = kind(text);
        let comparable =
            || kind.is_some() && stated.iter().any(|stated| self::kind(stated) == kind);
        match found {
            true => Match::Yes,
            false if comparable() => Match::No,
            false => Match::Unknown,
        }
    };
    any(listed.iter().map(|text| is(text)))
}

fn bare(text: &str) -> &str {
    text.strip_prefix("urn:oid:").unwrap_or(text)
}

/// What an identifier can be told apart from: the root of `urn:hl7ii:<root>:<extension>`, empty for an OID.
fn kind(text: &str) -> Option<&str> {
    match text.strip_prefix("urn:hl7ii:") {
        Some(rest) => rest.split_once(':').map(|(root, _)| root),
        None => Oid::parse(text).is_ok().then_some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HomeCommunityId;

    const SNOMED: &str = "2.16.840.1.113883.6.96";

    fn claims(organization: &str, provider: &str, role: &str) -> Claims {
        let some =
            |text: &str| [text].iter().filter(|t| !t.is_empty()).map(|&t| t.into()).collect();
        Claims {
            organization_ids: some(organization),
            provider_ids: some(provider),
            roles: [role].iter().filter(|r| !r.is_empty()).map(|r| Coded::new(r, SNOMED)).collect(),
            ..Claims::default()
        }
    }

    #[test]
    fn a_party_is_known_by_any_of_its_values() {
        let npi = "urn:hl7ii:2.16.840.1.113883.4.6:17";
        let other = "urn:hl7ii:2.16.840.1.113883.4.6:18";
        let group = Party {
            reference: "Group/g".into(),
            organizations: vec!["urn:oid:2.999.2".into()],
            providers: vec![npi.into()],
            roles: vec![Coded::new("309343006", "http://snomed.info/sct")],
        };
        for (organization, provider, role, expected) in [
            ("2.999.2", "", "", Match::Yes),
            ("", npi, "", Match::Yes),
            ("2.999.3", "x", "309343006", Match::Yes),
            ("2.999.3", other, "224535009", Match::No),
            // whoever states no provider may be that one
            ("2.999.3", "", "224535009", Match::Unknown),
            ("2.999.3", other, "", Match::Unknown),
            // nor is what is stated otherwise another one
            ("2.999.3", "x", "224535009", Match::Unknown),
            ("2.999.3", "urn:hl7ii:2.999.7:18", "224535009", Match::Unknown),
            ("https://clinic.example", other, "224535009", Match::Unknown),
            ("urn:hl7ii:2.999.1:7", other, "224535009", Match::Unknown),
            ("", "", "", Match::Unknown),
        ] {
            let found = group.recognises(&claims(organization, provider, role));
            assert_eq!(found, expected, "{organization} {provider} {role}");
        }
        let person = Party { providers: vec![npi.into()], ..Party::default() };
        assert_eq!(person.recognises(&claims("2.999.2", other, "")), Match::No);
        assert_eq!(person.recognises(&claims("2.999.2", "x", "")), Match::Unknown);
        assert_eq!(person.recognises(&claims("2.999.2", "", "")), Match::Unknown);
        assert_eq!(Party::default().recognises(&claims("2.999.2", npi, "")), Match::Unknown);
    }

    #[test]
    fn a_community_may_be_meant_and_does_not_exclude_its_organisations() {
        let clinic = Party { organizations: vec!["2.999.2.1".into()], ..Party::default() };
        let of = |organization: &str, community: &str| {
            let home_community = HomeCommunityId::parse(community).ok();
            clinic.recognises(&Claims { home_community, ..claims(organization, "", "") })
        };
        assert_eq!(of("", "2.999.2"), Match::Unknown);
        assert_eq!(of("https://clinic.example", "2.999.2"), Match::Unknown);
        assert_eq!(of("", "2.999.2.1"), Match::Yes);
        assert_eq!(of("2.999.2.7", "2.999.2"), Match::No);
        // each that is listed must be told apart
        let two = vec!["2.999.2.1".into(), "urn:hl7ii:2.999.1:7".into()];
        let two = Party { organizations: two, ..Party::default() };
        assert_eq!(two.recognises(&claims("2.999.2.7", "", "")), Match::Unknown);
    }
}
