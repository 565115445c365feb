use std::fmt::{self, Write as _};
use std::ops::Range;

use super::author::Author;
use super::code::Code;
use super::entry::Entry;
use super::slot::VALUE_CHARS;
use crate::ids::HomeCommunityId;
use crate::xml;

/// The objectType of a stable entry (ITI TF-3 4.2.5.2).
const STABLE: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";
/// The classification scheme of confidentialityCode (ITI TF-3 4.2.5.1).
const CONFIDENTIALITY: &str = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
/// Characters of a title (ITI TF-3 4.2.3.2.25).
const TITLE_CHARS: usize = 128;
/// Characters of a LocalizedString: `FreeFormText` of the ebRIM schema.
const TEXT_CHARS: usize = 1024;

impl Entry {
    /// Writes the entry as a `rim:ExtrinsicObject`, children in the schema's order (ITI TF-3 4.2.3.2).
    ///
    /// The prefix `rim` is left for the answer to declare. What the schema cannot hold is left out.
    #[must_use]
    pub fn extrinsic_object(&self, home: &HomeCommunityId) -> String {
        self.render(home).object
    }

    /// As [`Entry::extrinsic_object`], and where those of its confidentialityCodes stand that are sensitive themselves.
    #[must_use]
    pub fn render(&self, home: &HomeCommunityId) -> Rendered {
        let mut object =
            Writer { out: String::with_capacity(8 * 1024), entry: self, parts_written: 0 };
        object.out.push_str("<rim:ExtrinsicObject");
        object.attribute("id", &self.entry_uuid);
        object.attribute("objectType", STABLE);
        object.attribute("status", self.status.urn());
        object.attribute("mimeType", &self.mime_type);
        object.attribute("home", &home.to_string());
        object.out.push('>');
        object.slots();
        object.text("Name", self.title.as_deref(), TITLE_CHARS);
        object.text("Description", self.comments.as_deref(), TEXT_CHARS);
        object.classifications();
        let (level, others) = self.level_and_labels();
        object.codes(CONFIDENTIALITY, level);
        let start = object.out.len();
        object.codes(CONFIDENTIALITY, others);
        let labels = start..object.out.len();
        object.external_identifiers();
        object.out.push_str("</rim:ExtrinsicObject>");
        Rendered { object: object.out, labels }
    }
}

/// An entry as a `rim:ExtrinsicObject`.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The whole of it.
    pub object: String,
    /// The bytes of all confidentialityCodes but the level (N, R ...): without them, it shows that one alone.
    pub labels: Range<usize>,
}

/// Entries speak of patients, so they stay out of logs.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered").field("labels", &self.labels).finish_non_exhaustive()
    }
}

/// Where the confidentialityCodes stand in an entry that an earlier version rendered, the level among them.
#[must_use]
pub fn labels_in(object: &str) -> Range<usize> {
    const END: &str = "</rim:Classification>";
    let mark = format!("classificationScheme=\"{CONFIDENTIALITY}\"");
    let found = || {
        let (before, _) = object.split_at_checked(object.find(&mark)?)?;
        let (_, after) = object.split_at_checked(object.rfind(&mark)?)?;
        let end = object.len().checked_sub(after.len())?.checked_add(after.find(END)?)?;
        Some(before.rfind("<rim:Classification")?..end.checked_add(END.len())?)
    };
    found().unwrap_or(0..0)
}

/// Writes a `rim:ObjectRef` (ITI TF-2 3.38.4.1.3).
#[must_use]
pub fn object_ref(entry_uuid: &str, home: &HomeCommunityId) -> String {
    let mut out = String::from("<rim:ObjectRef id=\"");
    xml::escape_attribute(&mut out, entry_uuid);
    let _ = write!(out, "\" home=\"{home}\"/>");
    out
}

/// A UUID that the same parts always give, as `urn:uuid:`: SHA-1 in the form of version 5 (RFC 9562 5.5).
pub(super) fn derived_uuid(parts: &[&str]) -> String {
    let digest = openssl::sha::sha1(parts.join("\n").as_bytes());
    let first = digest.iter().take(16);
    let mut number = first.fold(0_u128, |number, &byte| number << 8 | u128::from(byte));
    number = number & !(0xf << 76) | (5 << 76);
    number = number & !(0b11 << 62) | (0b10 << 62);
    let mut urn = String::from("urn:uuid:");
    for (at, digit) in format!("{number:032x}").chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            urn.push('-');
        }
        urn.push(digit);
    }
    urn
}

struct Writer<'e> {
    out: String,
    entry: &'e Entry,
    parts_written: usize,
}

impl Writer<'_> {
    fn slots(&mut self) {
        let entry = self.entry;
        let size = entry.size.to_string();
        for (name, value) in [
            ("creationTime", entry.creation_time.as_deref()),
            ("languageCode", entry.language_code.as_deref()),
            ("serviceStartTime", entry.service_start_time.as_deref()),
            ("serviceStopTime", entry.service_stop_time.as_deref()),
            ("hash", Some(entry.hash.as_str())),
            ("size", Some(size.as_str())),
            ("repositoryUniqueId", Some(entry.repository_unique_id.as_str())),
            ("sourcePatientId", Some(entry.source_patient_id.as_str())),
            ("legalAuthenticator", entry.legal_authenticator.as_deref()),
            ("URI", entry.uri.as_deref()),
        ] {
            self.slot(name, value);
        }
        self.slot("sourcePatientInfo", entry.source_patient_info.iter().map(String::as_str));
        let references = entry.reference_ids.iter().map(String::as_str);
        self.slot("urn:ihe:iti:xds:2013:referenceIdList", references);
    }

    fn classifications(&mut self) {
        let entry = self.entry;
        for author in &entry.authors {
            self.author(author);
        }
        let codes: [(&str, &[Code]); 6] = [
            ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", entry.class_code.as_slice()),
            ("urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", &entry.event_codes),
            ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", entry.format_code.as_slice()),
            ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", entry.facility_type_code.as_slice()),
            (
                "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead",
                entry.practice_setting_code.as_slice(),
            ),
            ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", entry.type_code.as_slice()),
        ];
        for (scheme, codes) in codes {
            self.codes(scheme, codes);
        }
    }

    fn codes(&mut self, scheme: &str, codes: &[Code]) {
        for code in codes.iter().filter(|code| fits(&code.code) && fits(&code.scheme)) {
            self.open_classification(scheme, &code.code);
            self.slot("codingScheme", [code.scheme.as_str()]);
            let name = code.display.as_deref().unwrap_or(&code.code);
            self.text("Name", Some(name), TEXT_CHARS);
            self.out.push_str("</rim:Classification>");
        }
    }

    fn author(&mut self, author: &Author) {
        self.open_classification("urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d", "");
        self.slot("authorPerson", author.person.as_deref());
        for (name, values) in [
            ("authorInstitution", &author.institutions),
            ("authorRole", &author.roles),
            ("authorSpecialty", &author.specialties),
            ("authorTelecommunication", &author.telecom),
        ] {
            self.slot(name, values.iter().map(String::as_str));
        }
        self.out.push_str("</rim:Classification>");
    }

    fn open_classification(&mut self, scheme: &str, code: &str) {
        let entry = self.entry;
        self.out.push_str("<rim:Classification");
        let id = self.next_id();
        self.attribute("id", &id);
        self.attribute(
            "objectType",
            "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification",
        );
        self.attribute("classificationScheme", scheme);
        self.attribute("classifiedObject", &entry.entry_uuid);
        self.attribute("nodeRepresentation", code);
        self.out.push('>');
    }

    fn external_identifiers(&mut self) {
        let entry = self.entry;
        for (scheme, name, value) in [
            (
                "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
                "XDSDocumentEntry.patientId",
                &entry.patient_id,
            ),
            (
                "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
                "XDSDocumentEntry.uniqueId",
                &entry.unique_id,
            ),
        ] {
            self.out.push_str("<rim:ExternalIdentifier");
            let id = self.next_id();
            self.attribute("id", &id);
            self.attribute(
                "objectType",
                "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier",
            );
            self.attribute("registryObject", &entry.entry_uuid);
            self.attribute("identificationScheme", scheme);
            self.attribute("value", value);
            self.out.push('>');
            self.text("Name", Some(name), TEXT_CHARS);
            self.out.push_str("</rim:ExternalIdentifier>");
        }
    }

    /// An id of its own for each part, the same at each writing.
    fn next_id(&mut self) -> String {
        self.parts_written = self.parts_written.saturating_add(1);
        derived_uuid(&[&self.entry.entry_uuid, &self.parts_written.to_string()])
    }

    fn slot<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) {
        let mut values = values.into_iter().filter(|value| fits(value)).peekable();
        if values.peek().is_none() {
            return;
        }
        self.out.push_str("<rim:Slot");
        self.attribute("name", name);
        self.out.push_str("><rim:ValueList>");
        for value in values {
            self.out.push_str("<rim:Value>");
            xml::escape_text(&mut self.out, value);
            self.out.push_str("</rim:Value>");
        }
        self.out.push_str("</rim:ValueList></rim:Slot>");
    }

    fn text(&mut self, element: &str, text: Option<&str>, at_most: usize) {
        let Some(text) = text else { return };
        let cut: String = text.chars().take(at_most).collect();
        let _ = write!(self.out, "<rim:{element}><rim:LocalizedString");
        self.attribute("value", &cut);
        let _ = write!(self.out, "/></rim:{element}>");
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let _ = write!(self.out, " {name}=\"");
        xml::escape_attribute(&mut self.out, value);
        self.out.push('"');
    }
}

/// Whether the schema's `LongName` can hold a value.
fn fits(value: &str) -> bool {
    !value.is_empty() && value.chars().nth(VALUE_CHARS).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EntryUuid;
    use crate::xml::ns;
    use std::collections::BTreeSet;

    fn entry() -> Entry {
        let code =
            |code: &str| Code { code: code.to_owned(), scheme: "2.999".to_owned(), display: None };
        Entry {
            entry_uuid: derived_uuid(&["an entry"]),
            unique_id: "2.999.1.4.1001.1".to_owned(),
            patient_id: "P-1001^^^&2.999.1.3&ISO".to_owned(),
            title: Some("x".repeat(200)),
            comments: Some("<a & b>".to_owned()),
            type_code: Some(code("t")),
            confidentiality_codes: vec![code("N"), code("R")],
            authors: vec![Author { person: Some("^Roe".to_owned()), ..Author::default() }],
            legal_authenticator: Some("y".repeat(300)),
            mime_type: "text/plain".to_owned(),
            ..Entry::default()
        }
    }

    #[test]
    fn children_stand_in_the_order_of_the_schema() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let object = entry().extrinsic_object(&home);
        let xml = object.replacen(' ', &format!(" xmlns:rim=\"{}\" ", ns::RIM), 1);
        let document = xml::parse(&xml, xml::Bounds::REQUEST).unwrap();
        let order =
            ["Slot", "Name", "Description", "VersionInfo", "Classification", "ExternalIdentifier"];
        let mut ids = BTreeSet::new();
        for node in document.root().descendants().filter(roxmltree::Node::is_element) {
            let places: Vec<_> = node
                .children()
                .filter_map(|child| order.iter().position(|name| *name == child.tag_name().name()))
                .collect();
            assert!(places.is_sorted(), "{node:?}");
            if let Some(id) = node.attribute("id") {
                assert!(ids.insert(id.to_owned()) && EntryUuid::parse(id).is_ok(), "{id}");
            }
        }
        assert_eq!(ids.len(), 1 + 4 + 2);
        assert_eq!(document.root().attribute("home"), Some("urn:oid:2.999.1"));
        // a title is cut, a slot value that is too long is left out
        assert!(object.contains(&format!("\"{}\"", "x".repeat(128))) && !object.contains("yyy"));
        assert!(object.contains("nodeRepresentation=\"\""));
        assert_eq!(object, entry().extrinsic_object(&home));
    }

    #[test]
    fn all_labels_but_the_level_can_be_cut_out() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let read = |entry: &Entry| {
            let Rendered { mut object, labels } = entry.render(&home);
            object.replace_range(labels, "");
            let xml = object.replacen(' ', &format!(" xmlns:rim=\"{}\" ", ns::RIM), 1);
            let document = xml::parse(&xml, xml::Bounds::REQUEST).unwrap();
            let labels = document
                .root()
                .children()
                .filter(|node| node.attribute("classificationScheme") == Some(CONFIDENTIALITY));
            let codes = labels.filter_map(|label| label.attribute("nodeRepresentation"));
            codes.map(str::to_owned).collect::<Vec<_>>()
        };
        let of = |codes: &[(&str, &str)]| {
            let code = |(code, scheme): &(&str, &str)| Code {
                code: (*code).to_owned(),
                scheme: (*scheme).to_owned(),
                display: None,
            };
            let confidentiality_codes = codes.iter().map(code).collect();
            read(&Entry { confidentiality_codes, ..entry() })
        };
        let (level, sensitivity) = ("2.16.840.1.113883.5.25", "2.16.840.1.113883.5.4");
        assert_eq!(of(&[("R", level), ("HIV", sensitivity), ("k", "2.999")]), ["R"]);
        assert!(of(&[("HIV", sensitivity), ("PSY", sensitivity)]).is_empty());
        // an earlier version wrote them behind each other too, and did not note where
        let both = Entry { title: Some("classificationScheme=\"x\"".into()), ..entry() };
        let Rendered { object, labels } = both.render(&home);
        let (all, first) = (labels_in(&object), &object[labels_in(&object)]);
        assert!(all.end == labels.end && first.starts_with("<rim:Classification id="));
        assert_eq!(first.matches("nodeRepresentation=").count(), 2);
        assert_eq!(labels_in("<rim:ExtrinsicObject/>"), 0..0);
        let plain = Entry { confidentiality_codes: vec![], ..entry() };
        assert!(read(&plain).is_empty());
        assert!(plain.render(&home).labels.is_empty());
    }
}
