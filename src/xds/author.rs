use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::code::Code;
use crate::fhir::{CodeableConcept, HumanName, Identifier, Reference};
use crate::ids::Oid;

/// One author of a document (ITI TF-3 4.2.3.2.1).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Author {
    /// The person or machine, an XCN.
    pub person: Option<String>,
    /// The organizations, each an XON.
    pub institutions: Vec<String>,
    /// What the author was to the patient: a text, or `code^^^&OID&ISO`.
    pub roles: Vec<String>,
    /// What the author specializes in: a text, or `code^^^&OID&ISO`.
    pub specialties: Vec<String>,
    /// Phone and mail, each an XTN.
    pub telecom: Vec<String>,
}

impl Author {
    /// Reads a reference to a contained Practitioner, PractitionerRole, Organization, Device or Patient; a bare
    /// display name is enough, and nothing at all is no author.
    #[must_use]
    pub fn from_fhir(reference: &Reference, contained: &[Value]) -> Option<Self> {
        let mut author = Self::default();
        let party = contained_party(reference, contained);
        match party.as_ref().map(|party| party.resource_type.as_str()) {
            Some("PractitionerRole") => author.add_role(party.as_ref()?, contained),
            Some("Organization") => author.institutions.extend(party.as_ref()?.xon()),
            Some(_) => {
                author.person = party.as_ref()?.xcn();
                author.telecom = party.as_ref()?.xtn();
            }
            None => {}
        }
        if author.person.is_none() && author.institutions.is_empty() {
            author.person = xcn_of_display(reference);
        }
        let told = author.person.is_some()
            || !author.institutions.is_empty()
            || !author.telecom.is_empty();
        told.then_some(author)
    }

    fn add_role(&mut self, role: &Party, contained: &[Value]) {
        let person = contained_party(&role.practitioner, contained);
        self.person = match &person {
            Some(person) => person.xcn(),
            None => xcn_of_display(&role.practitioner),
        };
        self.telecom = role.xtn();
        self.telecom.extend(person.iter().flat_map(Party::xtn));
        self.institutions.extend(match contained_party(&role.organization, contained) {
            Some(organization) => organization.xon(),
            None => {
                role.organization.display.as_deref().and_then(nonempty).map(|name| escape(&name))
            }
        });
        self.roles = role.code.iter().filter_map(coded_text).collect();
        self.specialties = role.specialty.iter().filter_map(coded_text).collect();
    }
}

/// NPIs and names stay out of logs.
impl fmt::Debug for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Author").finish_non_exhaustive()
    }
}

/// The legal authenticator of a document as an XCN (ITI TF-3 4.2.3.2.14).
pub(super) fn legal_authenticator(reference: &Reference, contained: &[Value]) -> Option<String> {
    Author::from_fhir(reference, contained)?.person
}

/// The part of the contained resources that XDS can hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Party {
    resource_type: String,
    identifier: Vec<Identifier>,
    name: Option<Names>,
    device_name: Vec<DeviceName>,
    telecom: Vec<Telecom>,
    practitioner: Reference,
    organization: Reference,
    code: Vec<CodeableConcept>,
    specialty: Vec<CodeableConcept>,
}

/// People have names, an organization has one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    People(Vec<HumanName>),
    Organization(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DeviceName {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Telecom {
    system: Option<String>,
    value: Option<String>,
}

impl Party {
    /// `id^family^given^further given^^^^^&OID&ISO` (ITI TF-3 4.2.3.1.7, XCN).
    fn xcn(&self) -> Option<String> {
        let (id, authority) = self.identified().unwrap_or_default();
        let names = match &self.name {
            Some(Names::People(people)) => people.first().and_then(name_components),
            Some(Names::Organization(name)) => nonempty(name).map(|name| escape(&name)),
            None => None,
        };
        let device = self.device_name.iter().find_map(|device| nonempty(&device.name));
        let names = names.or(device.map(|name| escape(&name))).unwrap_or_default();
        let mut components = vec![id, names];
        if !authority.is_empty() {
            // the assigning authority is the ninth component
            let used = components.iter().map(|part| part.split('^').count()).sum::<usize>();
            components.resize(components.len() + 8_usize.saturating_sub(used), String::new());
            components.push(authority);
        }
        joined(&components)
    }

    /// `name^^^^^&OID&ISO^^^^id` (ITI TF-3 4.2.3.1.7, XON).
    fn xon(&self) -> Option<String> {
        let Some(Names::Organization(name)) = &self.name else { return None };
        let name = escape(&nonempty(name)?);
        // an organization that is an OID itself needs no authority
        let own = self.identifier.iter().find_map(|identifier| {
            Oid::parse(identifier.value.as_deref()?)
                .ok()
                .filter(|_| identifier.system.as_deref() == Some("urn:ietf:rfc:3986"))
        });
        Some(match (own, self.identified()) {
            (Some(oid), _) => format!("{name}^^^^^^^^^{oid}"),
            (None, Some((id, authority))) => format!("{name}^^^^^{authority}^^^^{id}"),
            (None, None) => name,
        })
    }

    /// Phone numbers and mail addresses (ITI TF-3 4.2.3.1.7, XTN).
    fn xtn(&self) -> Vec<String> {
        let form = |telecom: &Telecom| {
            let value = escape(&nonempty(telecom.value.as_deref()?)?);
            match telecom.system.as_deref()? {
                "phone" => Some(format!("^^PH^^^^^^^^^{value}")),
                "fax" => Some(format!("^^FX^^^^^^^^^{value}")),
                "email" => Some(format!("^^Internet^{value}")),
                _ => None,
            }
        };
        self.telecom.iter().filter_map(form).collect()
    }

    /// The first identifier whose authority has an OID, with that authority as `&OID&ISO`.
    fn identified(&self) -> Option<(String, String)> {
        self.identifier.iter().find_map(|identifier| {
            let system = match identifier.system.as_deref()? {
                "http://hl7.org/fhir/sid/us-npi" => "2.16.840.1.113883.4.6",
                system => system,
            };
            let authority = Oid::parse(system).ok()?;
            let value = nonempty(identifier.value.as_deref()?)?;
            Some((escape(&value), format!("&{authority}&ISO")))
        })
    }
}

/// The contained resource that a reference points at.
fn contained_party(reference: &Reference, contained: &[Value]) -> Option<Party> {
    let id = reference.reference.as_deref()?.strip_prefix('#')?;
    let value = contained.iter().find(|v| v.get("id").and_then(Value::as_str) == Some(id))?;
    Party::deserialize(value).ok()
}

/// Family and given names; a name that is text alone stands as the family name.
pub(super) fn name_components(name: &HumanName) -> Option<String> {
    let mut components = vec![escape(name.family.as_deref().unwrap_or(""))];
    let mut given = name.given.iter();
    components.extend(given.next().map(|first| escape(first)));
    let further: Vec<String> = given.map(|name| escape(name)).collect();
    if !further.is_empty() {
        components.push(further.join(" "));
    }
    joined(&components).or_else(|| name.text.as_deref().and_then(nonempty).map(|n| escape(&n)))
}

fn xcn_of_display(reference: &Reference) -> Option<String> {
    reference.display.as_deref().and_then(nonempty).map(|name| format!("^{}", escape(&name)))
}

/// `code^^^&OID&ISO` where the system has an OID, otherwise what a person reads.
fn coded_text(concept: &CodeableConcept) -> Option<String> {
    let code = Code::all(concept).next();
    if let Some(code) = &code
        && let Ok(scheme) = Oid::parse(&code.scheme)
    {
        return Some(format!("{}^^^&{scheme}&ISO", escape(&code.code)));
    }
    let text = concept.text.clone().or(code.and_then(|code| code.display))?;
    nonempty(&text).map(|text| escape(&text))
}

/// Components joined by `^` without empty ones at the end; nothing where all are empty.
fn joined(components: &[String]) -> Option<String> {
    nonempty(components.join("^").trim_end_matches('^'))
}

fn nonempty(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Escapes the delimiters of HL7 version 2 (2.5 section 2.7).
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\\' => out.push_str("\\E\\"),
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn author(contained: &Value) -> Author {
        let reference = Reference { reference: Some("#a".to_owned()), ..Reference::default() };
        Author::from_fhir(&reference, contained.as_array().unwrap()).unwrap()
    }

    #[test]
    fn a_practitioner_becomes_an_xcn() {
        let author = author(&json!([{
            "resourceType": "Practitioner", "id": "a",
            "identifier": [
                {"system": "https://local.example", "value": "x"},
                {"system": "urn:oid:2.999.7", "value": "4711"}],
            "name": [{"family": "O^Neil", "given": ["Ann", "May"]}],
            "telecom": [{"system": "email", "value": "ann@lakeside.example"}, {"value": "?"}]
        }]));
        assert_eq!(author.person.as_deref(), Some("4711^O\\S\\Neil^Ann^May^^^^^&2.999.7&ISO"));
        assert_eq!(author.telecom, ["^^Internet^ann@lakeside.example"]);
    }

    #[test]
    fn a_role_joins_person_and_organization() {
        let author = author(&json!([
            {"resourceType": "PractitionerRole", "id": "a",
             "practitioner": {"display": "Dr. Roe"}, "organization": {"reference": "#o"},
             "code": [{"coding": [{"system": "http://snomed.info/sct", "code": "309343006"}]}],
             "specialty": [{"text": "Cardiology"}]},
            {"resourceType": "Organization", "id": "o", "name": "Lakeside",
             "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.1"}]}
        ]));
        assert_eq!(author.person.as_deref(), Some("^Dr. Roe"));
        assert_eq!(author.institutions, ["Lakeside^^^^^^^^^2.999.1"]);
        assert_eq!(author.roles, ["309343006^^^&2.16.840.1.113883.6.96&ISO"]);
        assert_eq!(author.specialties, ["Cardiology"]);
    }

    #[test]
    fn an_organization_or_a_display_name_is_enough() {
        let alone = author(&json!([{"resourceType": "Organization", "id": "a", "name": "Lakeside",
            "identifier": [{"system": "urn:oid:2.999.8", "value": "12"}]}]));
        assert_eq!(alone.institutions, ["Lakeside^^^^^&2.999.8&ISO^^^^12"]);
        assert_eq!(alone.person, None);
        let display = Reference { display: Some("Dr. Roe".to_owned()), ..Reference::default() };
        assert_eq!(Author::from_fhir(&display, &[]).unwrap().person.as_deref(), Some("^Dr. Roe"));
        assert_eq!(Author::from_fhir(&Reference::default(), &[]), None);
    }

    proptest! {
        #[test]
        fn no_name_breaks_the_components(name in "\\PC*") {
            let escaped = escape(&name);
            prop_assert!(!escaped.contains(['^', '&', '~', '|']));
        }
    }
}
