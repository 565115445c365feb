use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use super::entry::Availability;
use crate::ids::Coded;

/// What stored queries compare of an entry, read from its stored attributes without copies (ITI TF-2 3.18.4.1.2.3.7).
#[derive(Default, Deserialize)]
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
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A [`Code`](super::Code) without its display name.
#[derive(Deserialize)]
pub(super) struct Code<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    scheme: Cow<'a, str>,
}

/// An [`Author`](super::Author) by name.
#[derive(Deserialize)]
pub(super) struct Author<'a> {
    #[serde(borrow)]
    pub(super) person: Option<Text<'a>>,
}

impl<'a> Searched<'a> {
    /// Reads an [`Entry`](super::Entry) as serde wrote it.
    pub fn read(attributes: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(attributes)
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
