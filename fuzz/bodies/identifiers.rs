//! Identifiers, codes, times and header values, which stand alone in a text.

use std::fmt::{Debug, Display};
use std::time::Duration;

use glassgate::clock::Timestamp;
use glassgate::fhir::{Date, Precision};
use glassgate::ids::{Coded, DocumentId, EntryUuid, HomeCommunityId, Oid, PatientId, RepositoryId};
use glassgate::purpose::concept;
use glassgate::soap::{ContentType, same_content_id};

/// What is read is the same when it is shown and read again.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    shown(text, |text| Oid::parse(text).ok());
    shown(text, |text| HomeCommunityId::parse(text).ok());
    shown(text, |text| RepositoryId::parse(text).ok());
    shown(text, |text| PatientId::parse(text).ok());
    shown(text, |text| DocumentId::parse(text).ok());
    shown(text, |text| EntryUuid::parse(text).ok());
    shown(text, |text| Timestamp::parse(text).map(|moment| moment.to_string()));
    date(text);
    content_type(text);
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    assert!(same_content_id(one, one));
    assert_eq!(same_content_id(one, other), same_content_id(other, one));
    let coded = Coded::new(one, other);
    // codes that nobody knows are no purpose, whatever they say
    let known = concept(&coded).is_ok();
    assert!(!known || coded.code.bytes().all(|b| b.is_ascii_graphic()));
}

fn shown<T: Display + Debug + PartialEq>(text: &str, parse: impl Fn(&str) -> Option<T>) {
    if let Some(read) = parse(text) {
        assert_eq!(parse(&read.to_string()).as_ref(), Some(&read), "{text:?}");
    }
}

/// A date means a span of time that has not ended when it begins.
fn date(text: &str) {
    let Some(date) = Date::parse(text) else { return };
    let longest = match date.precision {
        Precision::Year => 366,
        Precision::Month => 31,
        Precision::Day | Precision::Time => 1,
    };
    assert!(date.first < date.after, "{text:?}");
    assert!(date.after.since(date.first) <= Duration::from_secs(longest * 86_400), "{text:?}");
    let written = text.trim().as_bytes();
    assert!(
        written.iter().take(7).enumerate().all(|(at, b)| b.is_ascii_digit() == (at != 4)),
        "{text:?}"
    );
    let dtm = date.to_dtm();
    assert!(
        matches!(dtm.len(), 4 | 6 | 8 | 14) && dtm.bytes().all(|b| b.is_ascii_digit()),
        "{text:?} {dtm}"
    );
}

/// A boundary or start that is read is read again from the quoted form that we would write.
fn content_type(text: &str) {
    let Ok(read) = ContentType::parse(text) else { return };
    let quoted = |name: &str, value: &Option<String>| match value {
        Some(value) => format!("; {name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        None => String::new(),
    };
    let written =
        format!("a/b{}{}", quoted("boundary", &read.boundary), quoted("start", &read.start));
    let again = ContentType::parse(&written).expect("we wrote it");
    assert_eq!((again.boundary, again.start), (read.boundary, read.start));
}
