use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::{AnswerError, ReportedError};
use crate::limits;
use crate::xds::error::Status;
use crate::xml::ns;

/// What a gateway answers to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryAnswer {
    /// How it ended.
    pub status: Status,
    /// Errors and warnings.
    pub errors: Vec<ReportedError>,
    /// The entries of a LeafClass answer.
    pub documents: Vec<FoundDocument>,
    /// The ids of an ObjectRef answer, each with its community.
    pub object_refs: Vec<(String, Option<String>)>,
}

/// One entry of an answer, as much as is needed to show and retrieve it; all values as written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FoundDocument {
    /// `ExtrinsicObject/@id`.
    pub entry_uuid: String,
    /// The document's id.
    pub unique_id: String,
    /// The patient.
    pub patient_id: String,
    /// The community that holds it.
    pub home: Option<String>,
    /// The repository that holds it.
    pub repository_unique_id: String,
    /// The MIME type.
    pub mime_type: String,
    /// The title.
    pub title: Option<String>,
    /// When the document was made.
    pub creation_time: Option<String>,
    /// How many bytes, where that is a number.
    pub size: Option<u64>,
    /// SHA-1 in hex.
    pub hash: Option<String>,
    /// The confidentiality codes, without their schemes.
    pub confidentiality_codes: Vec<String>,
}

/// Patient ids stay out of logs.
impl fmt::Debug for FoundDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundDocument")
            .field("entry_uuid", &self.entry_uuid)
            .field("unique_id", &self.unique_id)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// Reads an `AdhocQueryResponse`, bare or in its envelope, in one pass: answers may be huge.
pub fn read_query_response(xml: &str) -> Result<QueryAnswer, AnswerError> {
    let mut reader = NsReader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    loop {
        match reader.read_resolved_event().map_err(malformed)? {
            (namespace, Event::Start(start)) => {
                reading.open(Place::of(&namespace, &start), &start)?;
            }
            (_, Event::End(_)) => reading.close(),
            (_, Event::Text(text)) => reading.text(&text.xml10_content()),
            (_, Event::CData(text)) => reading.text(&text.xml10_content()),
            (_, Event::GeneralRef(reference)) => reading.reference(&reference)?,
            (_, Event::DocType(_)) => return Err(malformed("a DTD is not allowed")),
            (_, Event::Eof) => return reading.finish(),
            (_, Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_)) => {}
        }
    }
}

/// The elements that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Response,
    Error,
    Document,
    ObjectRef,
    Classification,
    ExternalIdentifier,
    Name,
    LocalizedString,
    Slot,
    Value,
    Elsewhere,
}

impl Place {
    fn of(namespace: &ResolveResult<'_>, start: &BytesStart<'_>) -> Self {
        let ResolveResult::Bound(Namespace(namespace)) = namespace else { return Self::Elsewhere };
        match (*namespace, start.local_name().as_ref()) {
            (ns::QUERY, "AdhocQueryResponse") => Self::Response,
            (ns::RS, "RegistryError") => Self::Error,
            (ns::RIM, "ExtrinsicObject") => Self::Document,
            (ns::RIM, "ObjectRef") => Self::ObjectRef,
            (ns::RIM, "Classification") => Self::Classification,
            (ns::RIM, "ExternalIdentifier") => Self::ExternalIdentifier,
            (ns::RIM, "Name") => Self::Name,
            (ns::RIM, "LocalizedString") => Self::LocalizedString,
            (ns::RIM, "Slot") => Self::Slot,
            (ns::RIM, "Value") => Self::Value,
            _ => Self::Elsewhere,
        }
    }
}

#[derive(Debug, Default)]
struct Reading {
    path: Vec<Place>,
    status: Option<String>,
    errors: Vec<ReportedError>,
    documents: Vec<FoundDocument>,
    object_refs: Vec<(String, Option<String>)>,
    slot: String,
    value: String,
}

impl Reading {
    fn open(&mut self, place: Place, start: &BytesStart<'_>) -> Result<(), AnswerError> {
        if self.path.len() >= limits::XML_DEPTH {
            return Err(malformed("nested too deep"));
        }
        match place {
            Place::Response => self.status = Some(attribute(start, "status")?.unwrap_or_default()),
            Place::Error => self.errors.push(ReportedError {
                code: attribute(start, "errorCode")?.unwrap_or_default(),
                context: attribute(start, "codeContext")?.unwrap_or_default(),
                severity: attribute(start, "severity")?.unwrap_or_default(),
                location: attribute(start, "location")?,
            }),
            Place::Document => self.documents.push(FoundDocument {
                entry_uuid: attribute(start, "id")?.unwrap_or_default(),
                home: attribute(start, "home")?,
                mime_type: attribute(start, "mimeType")?.unwrap_or_default(),
                ..FoundDocument::default()
            }),
            Place::ObjectRef if !self.path.contains(&Place::Document) => {
                let id = attribute(start, "id")?.unwrap_or_default();
                self.object_refs.push((id, attribute(start, "home")?));
            }
            Place::Classification => self.classified(start)?,
            Place::ExternalIdentifier => self.identified(start)?,
            Place::LocalizedString if self.path.ends_with(&[Place::Document, Place::Name]) => {
                let title = attribute(start, "value")?;
                if let Some(document) = self.documents.last_mut() {
                    document.title = document.title.take().or(title);
                }
            }
            Place::Slot => self.slot = attribute(start, "name")?.unwrap_or_default(),
            Place::Value => self.value.clear(),
            _ => {}
        }
        self.path.push(place);
        Ok(())
    }

    fn close(&mut self) {
        // path: Document, Slot, ValueList, Value
        let of_document = matches!(
            self.path.as_slice(),
            [.., Place::Document, Place::Slot, Place::Elsewhere, Place::Value]
        );
        if self.path.pop() != Some(Place::Value) || !of_document {
            return;
        }
        let Some(document) = self.documents.last_mut() else { return };
        let value = self.value.trim();
        match self.slot.as_str() {
            "creationTime" => document.creation_time = Some(value.to_owned()),
            "size" => document.size = value.parse().ok(),
            "hash" => document.hash = Some(value.to_owned()),
            "repositoryUniqueId" => value.clone_into(&mut document.repository_unique_id),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.path.last() == Some(&Place::Value) {
            self.value.push_str(text);
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), AnswerError> {
        if let Some(c) = reference.resolve_char_ref().map_err(malformed)? {
            self.text(c.encode_utf8(&mut [0; 4]));
            return Ok(());
        }
        let text = quick_xml::escape::resolve_predefined_entity(reference)
            .ok_or_else(|| malformed("an unknown entity"))?;
        self.text(text);
        Ok(())
    }

    fn classified(&mut self, start: &BytesStart<'_>) -> Result<(), AnswerError> {
        let scheme = attribute(start, "classificationScheme")?;
        let confidentiality = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
        if self.path.last() == Some(&Place::Document)
            && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(confidentiality))
            && let Some(code) = attribute(start, "nodeRepresentation")?
            && let Some(document) = self.documents.last_mut()
        {
            document.confidentiality_codes.push(code);
        }
        Ok(())
    }

    fn identified(&mut self, start: &BytesStart<'_>) -> Result<(), AnswerError> {
        let Some(document) = self.documents.last_mut() else { return Ok(()) };
        if self.path.last() != Some(&Place::Document) {
            return Ok(());
        }
        let value = attribute(start, "value")?.unwrap_or_default();
        let scheme = attribute(start, "identificationScheme")?.unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" => document.unique_id = value,
            "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" => document.patient_id = value,
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<QueryAnswer, AnswerError> {
        if !self.path.is_empty() {
            return Err(malformed("cut off"));
        }
        let written =
            self.status.ok_or(AnswerError::WrongBody { expected: "AdhocQueryResponse" })?;
        let status = Status::parse(&written).ok_or(AnswerError::UnknownStatus(written))?;
        let Self { errors, documents, object_refs, .. } = self;
        Ok(QueryAnswer { status, errors, documents, object_refs })
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, AnswerError> {
    let mut attributes = start.attributes();
    for attribute in attributes.with_checks(false) {
        let attribute = attribute.map_err(malformed)?;
        if attribute.key.as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(malformed)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn malformed(problem: impl ToString) -> AnswerError {
    AnswerError::Malformed(problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HomeCommunityId;
    use crate::xds::{Code, Entry, query_response};
    use proptest::prelude::*;

    #[test]
    fn our_own_entries_are_read_back() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let entry = Entry {
            entry_uuid: "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0".to_owned(),
            unique_id: "2.999.1.4.1001.1".to_owned(),
            patient_id: "P-1001^^^&2.999.1.3&ISO".to_owned(),
            mime_type: "text/plain".to_owned(),
            title: Some("A & \"B\"".to_owned()),
            creation_time: Some("20240501".to_owned()),
            repository_unique_id: "2.999.1.2".to_owned(),
            size: 17,
            hash: "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned(),
            type_code: Some(Code { display: Some("not the title".to_owned()), ..code("t") }),
            confidentiality_codes: vec![code("N"), code("R")],
            ..Entry::default()
        };
        let object = entry.extrinsic_object(&home);
        let mut answer = String::new();
        query_response(&mut answer, &home, &[], [object.as_str(), object.as_str()]);
        let read = read_query_response(&format!("<e:E xmlns:e='e'>{answer}</e:E>")).unwrap();
        let found = FoundDocument {
            entry_uuid: entry.entry_uuid,
            unique_id: entry.unique_id,
            patient_id: entry.patient_id,
            home: Some("urn:oid:2.999.1".to_owned()),
            repository_unique_id: entry.repository_unique_id,
            mime_type: entry.mime_type,
            title: entry.title,
            creation_time: entry.creation_time,
            size: Some(17),
            hash: Some(entry.hash),
            confidentiality_codes: vec!["N".to_owned(), "R".to_owned()],
        };
        assert!(!format!("{found:?}").contains("P-1001"));
        assert_eq!((read.status, read.errors.len()), (Status::Success, 0));
        assert_eq!(read.documents, [found.clone(), found]);
    }

    fn code(code: &str) -> Code {
        Code { code: code.to_owned(), scheme: "2.999".to_owned(), display: None }
    }

    #[test]
    fn errors_after_the_list_and_references_in_text_are_read() {
        let answer = format!(
            "<q:AdhocQueryResponse xmlns:q='{}' xmlns='{}' status='{}'><RegistryObjectList>\
             <ExtrinsicObject id='x'><Slot name='hash'><ValueList><Value>a&#98;&amp;<![CDATA[<]]></Value></ValueList></Slot>\
             </ExtrinsicObject></RegistryObjectList>\
             <r:RegistryErrorList xmlns:r='{}'><r:RegistryError errorCode='XDSRegistryError'/></r:RegistryErrorList>\
             </q:AdhocQueryResponse>",
            ns::QUERY,
            ns::RIM,
            Status::PartialSuccess.urn(),
            ns::RS
        );
        let read = read_query_response(&answer).unwrap();
        assert_eq!((read.status, read.errors.len()), (Status::PartialSuccess, 1));
        assert_eq!(read.documents.first().unwrap().hash.as_deref(), Some("ab&<"));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for xml in ["", "<a/>", "<!DOCTYPE a><a/>", "<a>", "<a>&x;</a>"] {
            assert!(read_query_response(xml).is_err(), "{xml}");
        }
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        assert!(matches!(read_query_response(&deep), Err(AnswerError::Malformed(_))));
        let status = format!("<q:AdhocQueryResponse xmlns:q='{}' status='Maybe'/>", ns::QUERY);
        assert!(matches!(read_query_response(&status), Err(AnswerError::UnknownStatus(_))));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(xml in "(<[a/ '=]*>|[&;#x<>a-c!\\[\\]-]){0,20}|\\PC*") {
            let _ = read_query_response(&xml);
        }
    }
}
