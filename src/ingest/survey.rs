use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, DirEntry, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::attachment::resolve;
use super::parcel::{Kind, id_of, kind_of, resources};
use super::{Error, Place, Refused, Report};

/// Bytes of one file's or one line's JSON: it is held in memory; larger documents lie in files of their own.
const UNIT_BYTES: u64 = 256 * 1024 * 1024;

/// All that is to be loaded: read once to know the order, read again piece by piece to be loaded.
pub(super) struct Survey {
    files: Vec<SourceFile>,
    units: Vec<Unit>,
    /// Where each Binary is, unless it is in several places.
    binaries: HashMap<String, Option<Unit>>,
}

/// A file with resources.
pub(super) struct SourceFile {
    /// Without symbolic links.
    pub(super) path: PathBuf,
    /// The loaded folder, without symbolic links.
    pub(super) root: PathBuf,
    shown: PathBuf,
}

/// One Bundle or single resource: a file, or a line of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    file: usize,
    line: Option<usize>,
    offset: u64,
    length: u64,
    /// The last of the kinds in it, as that one decides when it can be loaded.
    kind: Option<Kind>,
}

impl Survey {
    /// Finds and reads all files; files that a DocumentReference points at are documents, not resources.
    pub(super) fn of(paths: &[PathBuf]) -> (Self, Report) {
        let mut survey = Self { files: Vec::new(), units: Vec::new(), binaries: HashMap::new() };
        let mut found = BTreeMap::new();
        let mut report = Report::default();
        for path in paths {
            let refused = walk(path, &mut found).into_iter().map(|(file, error)| {
                let at = Place { file, line: None, entry: None };
                Refused { at, resource: String::new(), reason: Error::Unreadable(error) }
            });
            report.refused.extend(refused);
        }
        survey.files = found.into_values().collect();
        let (mut attached, mut refused) = (BTreeSet::new(), Vec::new());
        for file in 0..survey.files.len() {
            if let Err((line, error)) = survey.examine(file, &mut attached, &mut refused) {
                refused.push((file, line, error));
            }
        }
        let is_attached =
            |file: usize| survey.files.get(file).is_some_and(|f| attached.contains(&f.path));
        survey.units.retain(|unit| !is_attached(unit.file));
        survey.binaries.retain(|_, unit| unit.is_none_or(|unit| !is_attached(unit.file)));
        refused.retain(|(file, ..)| !is_attached(*file));
        survey.units.sort_by_key(|unit| (unit.kind, unit.file, unit.offset));
        report.refused.extend(refused.into_iter().map(|(file, line, reason)| {
            let at = survey.place_of(file, line);
            Refused { at, resource: String::new(), reason }
        }));
        (survey, report)
    }

    /// What is to be loaded: what has patients alone, then with consents, then with documents.
    pub(super) fn units(&self) -> &[Unit] {
        &self.units
    }

    pub(super) fn place(&self, unit: Unit) -> Place {
        self.place_of(unit.file, unit.line)
    }

    pub(super) fn file(&self, unit: Unit) -> Option<&SourceFile> {
        self.files.get(unit.file)
    }

    /// Reads one piece again.
    pub(super) fn read(&self, unit: Unit) -> Result<Value, Error> {
        let path = self.file(unit).map(|file| file.path.as_path()).unwrap_or(Path::new(""));
        let mut bytes = Vec::new();
        let mut file = File::open(path).map_err(Error::Unreadable)?;
        file.seek(SeekFrom::Start(unit.offset)).map_err(Error::Unreadable)?;
        file.take(unit.length).read_to_end(&mut bytes).map_err(Error::Unreadable)?;
        parse(&bytes)
    }

    /// Finds a Binary by id anywhere in the load.
    pub(super) fn binary(&self, id: &str) -> Result<Value, Error> {
        let name = || format!("Binary/{id}");
        let unit = self.binaries.get(id).ok_or_else(|| Error::UnknownBinary(name()))?;
        let value = self.read(unit.ok_or_else(|| Error::AmbiguousBinary(name()))?)?;
        let mut found = resources(&value).into_iter();
        let binary =
            found.find(|value| is_binary(value) && id_of(value, None).as_deref() == Some(id));
        binary.cloned().ok_or_else(|| Error::UnknownBinary(name()))
    }

    fn place_of(&self, file: usize, line: Option<usize>) -> Place {
        let file = self.files.get(file).map(|file| file.shown.clone()).unwrap_or_default();
        Place { file, line, entry: None }
    }

    /// Notes each piece of a file; a line that is no JSON spoils no other.
    fn examine(
        &mut self,
        file: usize,
        attached: &mut BTreeSet<PathBuf>,
        refused: &mut Vec<(usize, Option<usize>, Error)>,
    ) -> Result<(), (Option<usize>, Error)> {
        let Some(path) = self.files.get(file).map(|file| file.path.clone()) else { return Ok(()) };
        let lines = path.extension().is_some_and(|extension| extension == "ndjson");
        let open = File::open(&path).map_err(|error| (None, Error::Unreadable(error)))?;
        let mut reader = BufReader::new(open);
        let (mut offset, mut bytes) = (0, Vec::new());
        for number in 1.. {
            let line = lines.then_some(number);
            bytes.clear();
            let mut piece = reader.by_ref().take(UNIT_BYTES + 1);
            let read = if lines {
                piece.read_until(b'\n', &mut bytes)
            } else {
                piece.read_to_end(&mut bytes)
            };
            let length = read.map_err(|error| (line, Error::Unreadable(error)))? as u64;
            if length == 0 && (lines || number > 1) {
                return Ok(());
            }
            if length > UNIT_BYTES {
                return Err((line, Error::TooLong { limit: UNIT_BYTES }));
            }
            let unit = Unit { file, line, offset, length, kind: None };
            offset += length;
            if lines && bytes.trim_ascii().is_empty() {
                continue;
            }
            match parse(&bytes) {
                Ok(value) => self.note(unit, &value, attached),
                Err(error) => refused.push((file, line, error)),
            }
        }
        Ok(())
    }

    fn note(&mut self, unit: Unit, value: &Value, attached: &mut BTreeSet<PathBuf>) {
        let resources = resources(value);
        for resource in &resources {
            if is_binary(resource)
                && let Some(id) = id_of(resource, None)
            {
                self.binaries.entry(id).and_modify(|place| *place = None).or_insert(Some(unit));
            }
            let urls = resource.get("content").and_then(Value::as_array).into_iter().flatten();
            let urls = urls.filter_map(|content| content.pointer("/attachment/url")?.as_str());
            if let Some(file) = self.files.get(unit.file) {
                attached.extend(urls.filter_map(|url| resolve(file, url).ok()));
            }
        }
        let kind = resources.into_iter().filter_map(Kind::of).max();
        self.units.push(Unit { kind, ..unit });
    }
}

fn is_binary(value: &Value) -> bool {
    kind_of(value) == Some("Binary")
}

fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let value: Value = serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
        .map_err(Error::Json)?;
    if kind_of(&value).is_some() { Ok(value) } else { Err(Error::NoType) }
}

/// Finds the file, or the `.json` and `.ndjson` files of a folder and its folders; hidden ones are left out.
///
/// Gives back what cannot be read; the rest is found all the same.
fn walk(given: &Path, found: &mut BTreeMap<PathBuf, SourceFile>) -> Vec<(PathBuf, io::Error)> {
    let path = match given.canonicalize() {
        Ok(path) => path,
        Err(error) => return vec![(given.to_owned(), error)],
    };
    if !path.is_dir() {
        let root = path.parent().unwrap_or(&path).to_owned();
        let file = SourceFile { path: path.clone(), root, shown: given.to_owned() };
        found.entry(path).or_insert(file);
        return Vec::new();
    }
    let shown = |real: &Path| given.join(real.strip_prefix(&path).unwrap_or(real));
    let (mut unread, mut folders) = (Vec::new(), vec![path.clone()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                unread.push((shown(&folder), error));
                continue;
            }
        };
        for entry in entries {
            let place = entry.as_ref().map_or(folder.clone(), DirEntry::path);
            match entry.and_then(|entry| look(&entry)) {
                Ok(Entry::Folder(folder)) => folders.push(folder),
                // a symbolic link counts where it leads, which must be inside
                Ok(Entry::File(real)) if real.starts_with(&path) => {
                    let shown = shown(&real);
                    let file = SourceFile { path: real.clone(), root: path.clone(), shown };
                    found.entry(real).or_insert(file);
                }
                Ok(Entry::File(_) | Entry::Nothing) => {}
                Err(error) => unread.push((shown(&place), error)),
            }
        }
    }
    unread
}

/// What a folder's entry is to a load.
enum Entry {
    Folder(PathBuf),
    /// Resources, without symbolic links.
    File(PathBuf),
    /// Hidden, or of another kind; a symbolic link to a folder too.
    Nothing,
}

fn look(entry: &DirEntry) -> io::Result<Entry> {
    if entry.file_name().as_encoded_bytes().starts_with(b".") {
        return Ok(Entry::Nothing);
    }
    if entry.file_type()?.is_dir() {
        return Ok(Entry::Folder(entry.path()));
    }
    let real = entry.path().canonicalize()?;
    let kind = real.extension().and_then(|extension| extension.to_str());
    let resources = real.is_file() && matches!(kind, Some("json" | "ndjson"));
    Ok(if resources { Entry::File(real) } else { Entry::Nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consents_come_before_documents_and_patients_before_both() {
        let directory = tempfile::tempdir().unwrap();
        let lines = ["DocumentReference", "Consent", "Patient", "Observation", "Consent"]
            .map(|kind| format!("{{\"resourceType\": \"{kind}\"}}\n"));
        fs::write(directory.path().join("b.ndjson"), lines.concat()).unwrap();
        let both = serde_json::json!({"resourceType": "Bundle", "entry": [
            {"resource": {"resourceType": "Consent"}}, {"resource": {"resourceType": "Patient"}}]});
        fs::write(directory.path().join("a.json"), both.to_string()).unwrap();
        fs::write(directory.path().join(".hidden.json"), "{").unwrap();
        fs::write(directory.path().join("notes.txt"), "{").unwrap();
        let (survey, report) = Survey::of(&[directory.path().to_owned()]);
        assert!(report.is_complete());
        let lines: Vec<_> = survey.units().iter().map(|unit| unit.line).collect();
        assert_eq!(lines, [Some(4), Some(3), None, Some(2), Some(5), Some(1)]);
    }
}
