use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::{Availability, Entry, is_level};
use crate::ids::Coded;

/// The first byte of what [`Searched::write`] writes; a change of the fields needs another one.
const FORMAT: u8 = 1;

/// What stored queries compare of an entry, stored apart and read without copies (ITI TF-2 3.18.4.1.2.3.7).
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Searched<'a> {
    #[serde(borrow)]
    pub(super) entry_uuid: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) unique_id: Cow<'a, str>,
    pub(super) status: Availability,
    #[serde(borrow)]
    pub(super) class_code: Option<Code<'a>>,
    #[serde(borrow)]
    pub(super) type_code: Option<Code<'a>>,
    #[serde(borrow)]
    pub(super) format_code: Option<Code<'a>>,
    #[serde(borrow)]
    pub(super) facility_type_code: Option<Code<'a>>,
    #[serde(borrow)]
    pub(super) practice_setting_code: Option<Code<'a>>,
    #[serde(borrow)]
    pub(super) confidentiality_codes: Vec<Code<'a>>,
    #[serde(borrow)]
    pub(super) event_codes: Vec<Code<'a>>,
    #[serde(borrow)]
    pub(super) authors: Vec<Author<'a>>,
    #[serde(borrow)]
    pub(super) creation_time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) service_start_time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) service_stop_time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) reference_ids: Vec<Text<'a>>,
}

/// A text inside an option or a list, where serde borrows nothing by itself.
#[derive(Serialize, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A [`Code`](super::Code) without its display name.
#[derive(Serialize, Deserialize)]
pub(super) struct Code<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    scheme: Cow<'a, str>,
}

/// An [`Author`](super::Author) by name.
#[derive(Serialize, Deserialize)]
pub(super) struct Author<'a> {
    #[serde(borrow)]
    pub(super) person: Option<Text<'a>>,
}

impl<'a> Searched<'a> {
    /// Reads what [`Searched::write`] wrote; earlier versions stored the whole [`Entry`] as JSON.
    #[must_use]
    pub fn read(stored: &'a [u8]) -> Option<Self> {
        match stored.split_first() {
            Some((&FORMAT, fields)) => postcard::from_bytes(fields).ok(),
            _ => serde_json::from_slice(stored).ok(),
        }
    }

    /// Without all confidentialityCodes but the level, as a partner sees it who is shown no others.
    #[must_use]
    pub fn without_labels(mut self) -> Self {
        let level = self.confidentiality_codes.first().filter(|code| is_level(&code.scheme));
        let kept = usize::from(level.is_some());
        self.confidentiality_codes.truncate(kept);
        self
    }

    /// For the store: JSON would take seven times as long to read.
    pub fn write(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_extend(self, vec![FORMAT])
    }
}

impl<'a> From<&'a Entry> for Searched<'a> {
    fn from(entry: &'a Entry) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(Text::from);
        let code = |code: &'a Option<super::Code>| code.as_ref().map(Code::from);
        let person = |author: &'a super::Author| Author { person: text(&author.person) };
        Self {
            entry_uuid: Cow::from(&entry.entry_uuid),
            unique_id: Cow::from(&entry.unique_id),
            status: entry.status,
            class_code: code(&entry.class_code),
            type_code: code(&entry.type_code),
            format_code: code(&entry.format_code),
            facility_type_code: code(&entry.facility_type_code),
            practice_setting_code: code(&entry.practice_setting_code),
            confidentiality_codes: entry.confidentiality_codes.iter().map(Code::from).collect(),
            event_codes: entry.event_codes.iter().map(Code::from).collect(),
            authors: entry.authors.iter().map(person).collect(),
            creation_time: text(&entry.creation_time),
            service_start_time: text(&entry.service_start_time),
            service_stop_time: text(&entry.service_stop_time),
            reference_ids: entry.reference_ids.iter().map(|id| Text::from(id.as_str())).collect(),
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::from(text))
    }
}

impl<'a> From<&'a super::Code> for Code<'a> {
    fn from(code: &'a super::Code) -> Self {
        Self { code: Cow::from(&code.code), scheme: Cow::from(&code.scheme) }
    }
}

impl Code<'_> {
    /// Whether this is the code that a query asks for, brought to one spelling before.
    pub(super) fn is(&self, asked: &Coded) -> bool {
        let scheme = self.scheme.strip_prefix("urn:oid:").unwrap_or(&self.scheme);
        self.code == asked.code && scheme == asked.system
    }
}

/// Authors may identify people, so they stay out of logs.
impl fmt::Debug for Searched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searched").field("entry_uuid", &self.entry_uuid).finish_non_exhaustive()
    }
}
