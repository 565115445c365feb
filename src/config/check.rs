use std::fmt::Display;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::seen::Seen;
use crate::clock::{Clock, SystemClock};
use crate::ids::{Coded, HomeCommunityId, Oid, RepositoryId};
use crate::saml::certificates::Watched;
use crate::saml::certificates::ocsp::Inquiries;

/// What the sections share while they are read: the file's place, its lines, and what was found wrong.
pub(super) struct Check<'t> {
    text: &'t str,
    base: PathBuf,
    /// Every file that was read.
    pub(super) files: Vec<Seen>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    /// Every certificate that was read.
    pub(super) watched: Vec<Watched>,
    /// The certificates that partners connect with, by the setting that names them, each with what its file holds too.
    pub(super) clients: Vec<(String, Vec<X509>)>,
    /// What responders have said so far, and what they are to be asked.
    pub(super) inquiries: Inquiries,
}

impl<'t> Check<'t> {
    pub(super) fn new(path: &Path, text: &'t str, inquiries: Inquiries) -> Self {
        let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let (files, problems, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            text,
            base,
            files,
            problems,
            warnings,
            watched: Vec::new(),
            clients: Vec::new(),
            inquiries,
        }
    }

    /// Notes that a key is wrong, and what to do about it.
    pub(super) fn problem(&mut self, key: &str, what: impl Display, mend: &str) {
        let line = line_of(self.text, key);
        let (what, mend) = (what.to_string(), mend.to_owned());
        self.problems.push(Problem { key: key.to_owned(), line, what, mend });
    }

    /// A path relative to the file.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// The file's bytes.
    pub(super) fn bytes(&mut self, key: &str, path: &Path) -> Option<Vec<u8>> {
        let whole = self.path(path);
        self.files.push(Seen::of(&whole));
        match fs::read(&whole) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let what = format!("cannot read {}: {error}", whole.display());
                self.problem(key, what, "name a file that exists and that this user may read");
                None
            }
        }
    }

    /// All certificates of a PEM file, at least one.
    pub(super) fn certificates(&mut self, key: &str, path: &Path) -> Option<Vec<X509>> {
        let pem = self.bytes(key, path)?;
        match X509::stack_from_pem(&pem) {
            Ok(certificates) if !certificates.is_empty() => {
                let name = path.display().to_string();
                let watched = certificates.iter().map(|one| Watched::new(key, &name, one));
                self.watched.extend(watched.filter_map(Result::ok));
                Some(certificates)
            }
            _ => {
                let what = format!("{} holds no certificate", path.display());
                self.problem(key, what, "name a PEM file with BEGIN CERTIFICATE");
                None
            }
        }
    }

    /// Warns of each certificate that ends soon.
    pub(super) fn warn_of_ends(&mut self) {
        let now = SystemClock.now();
        self.warnings.extend(self.watched.iter().filter_map(|watched| watched.warning(now)));
    }

    /// A private key from a PEM file.
    pub(super) fn private_key(&mut self, key: &str, path: &Path) -> Option<PKey<Private>> {
        let pem = self.bytes(key, path)?;
        // without a callback OpenSSL would ask the terminal for a passphrase
        match PKey::private_key_from_pem_callback(&pem, |_| Ok(0)) {
            Ok(private) => Some(private),
            Err(_) => {
                let what = format!("{} holds no private key without a passphrase", path.display());
                self.problem(key, what, "name an unencrypted PEM key that only this user may read");
                None
            }
        }
    }

    pub(super) fn home(&mut self, key: &str, text: &str) -> Option<HomeCommunityId> {
        let id = HomeCommunityId::parse(text);
        self.parsed(key, id, "write `urn:oid:` and the community's OID, as in urn:oid:2.999.1")
    }

    pub(super) fn oid(&mut self, key: &str, text: &str) -> Option<Oid> {
        self.parsed(key, Oid::parse(text), "write an OID, as in 2.999.1.3")
    }

    pub(super) fn repository(&mut self, key: &str, text: &str) -> Option<RepositoryId> {
        self.parsed(key, RepositoryId::parse(text), "write an OID, as in 2.999.1.2")
    }

    /// Whether codes of others can be compared by this code system: their systems are OIDs and URIs, never names.
    pub(super) fn code_system(&mut self, key: &str, text: &str) {
        let bare = Coded::new("", text).system;
        if Oid::parse(&bare).is_err() && !is_uri(&bare) && !is_uuid(&bare) {
            let mend = "write the code system's OID or URI, as in 2.16.840.1.113883.6.96 or http://snomed.info/sct";
            self.problem(key, format!("`{text}` is neither an OID nor a URI"), mend);
        }
    }

    /// Whether a key is that of the certificate which comes first.
    pub(super) fn pair(&mut self, key: &str, chain: &[X509], private: &PKey<Private>) {
        let public = chain.first().and_then(|first| first.public_key().ok());
        if !public.is_some_and(|public| public.public_eq(private)) {
            let its =
                key.rsplit_once('.').map_or(String::new(), |(section, _)| format!("{section}.key"));
            let mend = format!("check that `{its}` belongs to the first certificate of `{key}`");
            self.problem(key, "is another's than the key", &mend);
        }
    }

    /// Refuses the store's folder for what must outlive it: who clears or restores the one must not touch the other.
    pub(super) fn apart(&mut self, (key, path): (&str, &Path), (its_key, store): (&str, &Path)) {
        for (key, path) in [(key, path), (its_key, store)] {
            if path.as_os_str().is_empty() {
                return self.problem(
                    key,
                    "is empty",
                    "name a folder; it is made when it is not there",
                );
            }
        }
        let (one, other) = (found(&self.path(path)), found(&self.path(store)));
        if one.starts_with(&other) || other.starts_with(&one) {
            let what = format!(
                "{} and the store, {}, lie in one another",
                path.display(),
                store.display()
            );
            self.problem(key, what, "give each a folder of its own, such as journal and store");
        }
    }

    /// The value, or a problem with what to do.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        key: &str,
        value: Result<T, E>,
        mend: &str,
    ) -> Option<T> {
        value.map_err(|error| self.problem(key, error, mend)).ok()
    }

    /// Seconds between 1 and a ceiling.
    pub(super) fn seconds(&mut self, key: &str, value: u64, ceiling: u64) -> Option<Duration> {
        if (1..=ceiling).contains(&value) {
            return Some(Duration::from_secs(value));
        }
        let mend = format!("write a number of seconds from 1 to {ceiling}");
        self.problem(key, format!("{value} is out of range"), &mend);
        None
    }
}

/// A UUID, which HL7 takes for a code system's id too; eHDSI's purposes have one.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// A scheme, a colon and something without spaces.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(plain)
        && !rest.is_empty()
        && !rest.contains(char::is_whitespace)
}

/// A path without links and dots, as far as it exists.
fn found(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut found = PathBuf::new();
    for part in whole.components() {
        found = match part {
            Component::ParentDir => found.parent().map(Path::to_path_buf).unwrap_or_default(),
            part => found.join(part),
        };
        found = fs::canonicalize(&found).unwrap_or(found);
    }
    found
}

/// The line of `a.b[1].c`, or of the nearest parent that is written; 0 where none is.
fn line_of(text: &str, key: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 0 };
    let mut at = None;
    let mut value: Option<&DeValue<'_>> = None;
    for segment in key.split('.') {
        let (name, index) = match segment.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (segment, None),
        };
        let fields = match value {
            None => Some(table.get_ref()),
            Some(value) => value.as_table(),
        };
        let Some((written, found)) = fields.and_then(|fields| fields.get_key_value(name)) else {
            break;
        };
        at = Some(written.span().start);
        value = Some(found.get_ref());
        if let Some(element) = index.and_then(|index| value?.as_array()?.get(index)) {
            at = Some(element.span().start);
            value = Some(element.get_ref());
        }
    }
    at.map_or(0, |at| text.bytes().take(at).filter(|b| *b == b'\n').count().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_system_is_an_oid_or_a_uri() {
        let mut check = Check::new(Path::new("glassgate.toml"), "", Inquiries::default());
        for good in ["2.16.840.1.113883.6.96", "urn:oid:2.999.1", "http://snomed.info/sct", "urn:x"]
        {
            check.code_system("k", good);
        }
        assert!(check.problems.is_empty(), "{:?}", check.problems);
        for bad in ["SNOMED", "SNOMED CT", "snomed:", "http://a b", "2.16.x", ""] {
            check.code_system("k", bad);
            assert!(check.problems.pop().is_some(), "{bad}");
        }
    }

    #[test]
    fn neither_of_two_folders_lies_in_the_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        std::os::unix::fs::symlink("store", folder.path().join("link")).unwrap();
        let mut check = Check::new(&folder.path().join("glassgate.toml"), "", Inquiries::default());
        for (journal, store) in [("journal", "store"), ("store-journal", "store"), ("a/b", "a/c")] {
            check.apart(("k", Path::new(journal)), ("s", Path::new(store)));
        }
        assert!(check.problems.is_empty(), "{:?}", check.problems);
        for (journal, store) in [
            ("", "store"),
            ("journal", ""),
            ("store", "store"),
            ("store/journal", "store"),
            ("./x/../store/j", "store"),
            ("link/j", "store"),
            ("data", "data/store"),
            ("journal", "."),
        ] {
            check.apart(("k", Path::new(journal)), ("s", Path::new(store)));
            assert!(check.problems.pop().is_some(), "{journal} {store}");
        }
    }

    #[test]
    fn keys_are_found_on_their_lines() {
        let text = "[server]\nlisten = 1\n\n[[partner]]\nname = 2\n[[partner]]\nname = 3\n[[issuer]]\nx = 4\n";
        for (key, line) in [
            ("server.listen", 2),
            ("server.missing", 1),
            ("partner[0].name", 5),
            ("partner[1].name", 7),
            ("issuer[0].x", 9),
            ("nowhere", 0),
        ] {
            assert_eq!(line_of(text, key), line, "{key}");
        }
    }
}
