use super::logic::{Match, any};
use crate::ids::Coded;
use crate::labels::canonical;
use crate::principal::Claims;

/// Whom a consent means by a reference that says nothing outside its own server, such as `Group/privileged-users`.
///
/// One of the values suffices, and whoever states values of such a kind, and none of these, is certainly not meant.
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
        let community = claims.home_community.as_ref().map(|home| home.oid().as_str());
        let organizations = claims.organization_ids.iter().map(String::as_str).chain(community);
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
            among(&self.organizations, organizations),
            among(&self.providers, claims.provider_ids.iter().map(String::as_str)),
            any(self.roles.iter().map(roles)),
        ];
        found.into_iter().flatten().max().unwrap_or(Match::Unknown)
    }
}

/// Whether one of the listed is stated; `None` where none is listed.
fn among<'a>(listed: &[String], stated: impl Iterator<Item = &'a str>) -> Option<Match> {
    let mut stated = stated.peekable();
    if listed.is_empty() {
        return None;
    }
    if stated.peek().is_none() {
        return Some(Match::Unknown);
    }
    let bare = |text: &str| text.strip_prefix("urn:oid:").unwrap_or(text).to_owned();
    let listed: Vec<_> = listed.iter().map(|text| bare(text)).collect();
    Some(Match::from(stated.any(|text| listed.contains(&bare(text)))))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("2.999.3", "x", "224535009", Match::No),
            // whoever states no provider may be that one
            ("2.999.3", "", "224535009", Match::Unknown),
            ("2.999.3", "x", "", Match::Unknown),
            ("", "", "", Match::Unknown),
        ] {
            let found = group.recognises(&claims(organization, provider, role));
            assert_eq!(found, expected, "{organization} {provider} {role}");
        }
        let person = Party { providers: vec![npi.into()], ..Party::default() };
        assert_eq!(person.recognises(&claims("2.999.2", "x", "")), Match::No);
        assert_eq!(person.recognises(&claims("2.999.2", "", "")), Match::Unknown);
        assert_eq!(Party::default().recognises(&claims("2.999.2", npi, "")), Match::Unknown);
    }
}
