//! Identifiers as the standards name them, each checked once, where it enters.

use std::fmt;

/// Why a text is not the identifier that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not dotted decimal, or over 64 characters.
    #[error("not an OID of at most 64 characters")]
    Oid,
    /// Not `id^^^&OID&ISO`.
    #[error("not a patient id of the form `id^^^&OID&ISO`")]
    PatientId,
    /// Empty, over 128 characters, or with white space.
    #[error("not a document id: 1 to 128 visible ASCII characters")]
    DocumentId,
    /// Not `urn:uuid:` with a UUID.
    #[error("not a `urn:uuid:` UUID")]
    Uuid,
}

/// An ISO object identifier in dotted form, at most 64 characters (ITI TF-3 4.2.3.1.7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Box<str>);

impl Oid {
    /// Reads an OID with or without the `urn:oid:` prefix.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bare = strip_urn(text.trim(), "urn:oid:");
        let arcs_ok = bare.split('.').all(|arc| {
            !arc.is_empty()
                && arc.bytes().all(|b| b.is_ascii_digit())
                && (arc == "0" || !arc.starts_with('0'))
        });
        if bare.len() > 64 || !arcs_ok || !bare.contains('.') || !bare.starts_with(['0', '1', '2'])
        {
            return Err(Error::Oid);
        }
        Ok(Self(bare.into()))
    }

    /// The dotted form, without a prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A community in cross-community access, shown as `urn:oid:` and its OID (ITI TF-2 3.38.4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HomeCommunityId(Oid);

impl HomeCommunityId {
    /// Reads a home community id with or without `urn:oid:`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Oid::parse(text).map(Self)
    }

    /// The OID without the prefix.
    #[must_use]
    pub fn oid(&self) -> &Oid {
        &self.0
    }
}

impl fmt::Display for HomeCommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "urn:oid:{}", self.0)
    }
}

/// A document repository, an OID without prefix (ITI TF-3 4.2.3.2.18).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(Oid);

impl RepositoryId {
    /// Reads a repository id with or without `urn:oid:`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Oid::parse(text).map(Self)
    }

    /// The dotted form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A patient as one assigning authority numbers him, `id^^^&OID&ISO` (ITI TF-3 4.2.3.1.7, CX).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientId {
    id: Box<str>,
    authority: Oid,
}

impl PatientId {
    /// Joins a number and its assigning authority.
    pub fn new(id: &str, authority: Oid) -> Result<Self, Error> {
        let visible = |c: char| !c.is_control() && !matches!(c, '^' | '&' | '~' | '|');
        if id.is_empty() || id.len() > 256 || id.trim() != id || !id.chars().all(visible) {
            return Err(Error::PatientId);
        }
        Ok(Self { id: id.into(), authority })
    }

    /// Reads `id^^^&OID&ISO`; nothing may stand in any other component.
    pub fn parse(cx: &str) -> Result<Self, Error> {
        let (id, rest) = cx.trim().split_once("^^^").ok_or(Error::PatientId)?;
        // some senders name the authority too, or use the OID alone with `urn:oid:`
        let mut parts = rest.split('&');
        let (name, oid, kind) = (parts.next(), parts.next(), parts.next());
        match (name, oid, kind, parts.next()) {
            (Some(""), Some(oid), Some("ISO"), None) => {
                Self::new(id, Oid::parse(oid).map_err(|_| Error::PatientId)?)
            }
            _ => Err(Error::PatientId),
        }
    }

    /// The number that the authority assigned.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The assigning authority.
    #[must_use]
    pub fn authority(&self) -> &Oid {
        &self.authority
    }
}

impl fmt::Display for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}^^^&{}&ISO", self.id, self.authority)
    }
}

/// Patient ids stay out of logs, so `Debug` shows the authority alone.
impl fmt::Debug for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PatientId(_^^^&{}&ISO)", self.authority)
    }
}

/// A document's uniqueId, opaque, 1 to 128 visible ASCII characters (ITI TF-3 4.2.3.2.26).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(Box<str>);

impl DocumentId {
    /// Takes the id as it is; `urn:oid:` in front of an OID is dropped, as XDS writes OIDs bare.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let bare = match Oid::parse(trimmed) {
            Ok(_) => strip_urn(trimmed, "urn:oid:"),
            Err(_) => trimmed,
        };
        if bare.is_empty() || bare.len() > 128 || !bare.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::DocumentId);
        }
        Ok(Self(bare.into()))
    }

    /// The id as XDS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An entryUUID, `urn:uuid:` and a lower-case UUID (ITI TF-3 4.2.3.2.6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryUuid(Box<str>);

impl EntryUuid {
    /// Reads a `urn:uuid:` in either case.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lower = text.trim().to_ascii_lowercase();
        let uuid = lower.strip_prefix("urn:uuid:").ok_or(Error::Uuid)?;
        let groups = [8, 4, 4, 4, 12];
        let ok = uuid.split('-').count() == groups.len()
            && uuid.split('-').zip(groups).all(|(group, length)| {
                group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit())
            });
        if ok { Ok(Self(lower.into())) } else { Err(Error::Uuid) }
    }

    /// The whole URN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A code, the system that defines it, and how people say it.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Coded {
    /// The code itself, trimmed.
    pub code: String,
    /// The code system: a bare OID, or a URI as written.
    pub system: String,
    /// The display name, where one was given.
    pub display: Option<String>,
}

impl Coded {
    /// Makes a code; `urn:oid:` in front of the system is dropped, so that both spellings are one.
    #[must_use]
    pub fn new(code: &str, system: &str) -> Self {
        Self {
            code: code.trim().to_owned(),
            system: strip_urn(system.trim(), "urn:oid:").to_owned(),
            display: None,
        }
    }

    /// Adds the display name.
    #[must_use]
    pub fn with_display(mut self, display: &str) -> Self {
        self.display = Some(display.to_owned()).filter(|d| !d.is_empty());
        self
    }

    /// Whether code and system are the same, whatever the display says.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.code == other.code && self.system == other.system
    }
}

/// Removes a URN prefix in any case; one that stands twice is none, so that nobody takes off the second.
fn strip_urn<'t>(text: &'t str, prefix: &str) -> &'t str {
    let rest = |text: &'t str| {
        let head = text.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..)).flatten()
    };
    rest(text).filter(|bare| rest(bare).is_none()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oids_are_read_with_and_without_prefix() {
        for good in ["2.999.1", "urn:oid:2.999.1", "URN:OID:1.2.3", "0.9.2342"] {
            assert!(Oid::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "2", "2..1", "2.01", "3.1", "2.999.x", "urn:uuid:2.1", "urn:oid:urn:oid:1.2"]
        {
            assert_eq!(Oid::parse(bad), Err(Error::Oid), "{bad}");
        }
        assert!(Oid::parse(&format!("1.{}", "2".repeat(63))).is_err());
    }

    #[test]
    fn patient_ids_hold_nothing_but_number_and_authority() {
        let id = PatientId::parse("P-1001^^^&2.999.1.3&ISO").unwrap();
        assert_eq!((id.id(), id.authority().as_str()), ("P-1001", "2.999.1.3"));
        assert_eq!(id.to_string(), "P-1001^^^&2.999.1.3&ISO");
        assert!(!format!("{id:?}").contains("1001"));
        for bad in [
            "P-1001",
            "P^^^Lake&2.999.1.3&ISO",
            "P^^^&2.999.1.3&DNS",
            "^^^&2.9&ISO",
            "P^^x^&2.9&ISO",
        ] {
            assert!(PatientId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn document_ids_are_opaque_but_for_the_oid_prefix() {
        assert_eq!(
            DocumentId::parse("urn:oid:2.999.1.4.1001.1").unwrap().as_str(),
            "2.999.1.4.1001.1"
        );
        assert_eq!(DocumentId::parse("2.999.1^ext").unwrap().as_str(), "2.999.1^ext");
        assert!(DocumentId::parse("a b").is_err());
    }

    #[test]
    fn entry_uuids_are_lower_case() {
        let id = EntryUuid::parse("urn:uuid:14D4DEBF-8F97-4251-9A74-A90016B0AF0D").unwrap();
        assert_eq!(id.as_str(), "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d");
        assert!(EntryUuid::parse("14d4debf-8f97-4251-9a74-a90016b0af0d").is_err());
    }
}
