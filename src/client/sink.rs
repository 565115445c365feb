use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A document that a gateway sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The community that it comes from, as written.
    pub home: Option<String>,
    /// The repository that it comes from.
    pub repository: String,
    /// Its unique id.
    pub document: String,
    /// Its MIME type.
    pub mime_type: String,
    /// How many bytes came; 0 until all have.
    pub size: u64,
    /// SHA-1 of those bytes in lower-case hex, empty until all have come.
    pub sha1_hex: String,
}

/// Where the bytes of documents go, one document after the other.
pub trait Sink: Send {
    /// A document begins.
    fn begin(&mut self, document: &Received) -> io::Result<()>;
    /// Its next bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// It is complete; `document` has its size and hash.
    fn end(&mut self, document: &Received) -> io::Result<()>;
}

/// Drops all bytes; size and hash are still known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Sink for Discard {
    fn begin(&mut self, _: &Received) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &Received) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps all bytes in memory, in the order in which documents came.
#[derive(Default)]
pub struct Memory {
    /// The bytes of every document.
    pub documents: Vec<Vec<u8>>,
}

/// Documents are a patient's affair, so `Debug` counts them.
impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("documents", &self.documents.len()).finish()
    }
}

impl Sink for Memory {
    fn begin(&mut self, _: &Received) -> io::Result<()> {
        self.documents.push(Vec::new());
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(document) = self.documents.last_mut() {
            document.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end(&mut self, _: &Received) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a file for each document into a directory, named by its unique id.
#[derive(Debug)]
pub struct Directory {
    directory: PathBuf,
    partial: Option<File>,
    /// The files that are complete.
    pub files: Vec<PathBuf>,
}

impl Directory {
    /// Makes the directory where it is missing.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned(), partial: None, files: Vec::new() })
    }

    fn partial_path(&self) -> PathBuf {
        self.directory.join(".partial")
    }
}

impl Sink for Directory {
    fn begin(&mut self, _: &Received) -> io::Result<()> {
        self.partial = Some(File::create(self.partial_path())?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.partial.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    fn end(&mut self, document: &Received) -> io::Result<()> {
        if let Some(file) = self.partial.take() {
            file.sync_all()?;
        }
        let path = self.directory.join(file_name(document));
        fs::rename(self.partial_path(), &path)?;
        self.files.push(path);
        Ok(())
    }
}

/// A name that cannot leave the directory, whatever id the other side sends.
fn file_name(document: &Received) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
    let stem: String = document.document.chars().take(128).map(plain).collect();
    let extension = match document.mime_type.split(';').next().unwrap_or_default().trim() {
        "text/xml" | "application/xml" | "application/hl7-v3+xml" => "xml",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "application/fhir+json" | "application/json" => "json",
        _ => "bin",
    };
    match stem.trim_start_matches('.') {
        "" => format!("document.{extension}"),
        stem => format!("{stem}.{extension}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(document: &str, mime_type: &str) -> Received {
        Received {
            home: None,
            repository: "2.999.1.2".to_owned(),
            document: document.to_owned(),
            mime_type: mime_type.to_owned(),
            size: 0,
            sha1_hex: String::new(),
        }
    }

    #[test]
    fn file_names_stay_in_their_directory() {
        for (document, mime_type, name) in [
            ("2.999.1.4.1001.1", "text/xml; charset=utf-8", "2.999.1.4.1001.1.xml"),
            ("../../etc/passwd", "text/plain", "_.._etc_passwd.txt"),
            ("2.999^a/b", "x/y", "2.999_a_b.bin"),
            ("..", "application/pdf", "document.pdf"),
        ] {
            assert_eq!(file_name(&received(document, mime_type)), name);
        }
    }

    #[test]
    fn a_directory_holds_complete_documents_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut sink = Directory::open(directory.path()).unwrap();
        let document = received("1.2", "text/plain");
        sink.begin(&document).unwrap();
        sink.write(b"ab").unwrap();
        assert!(!directory.path().join("1.2.txt").exists());
        sink.write(b"c").unwrap();
        sink.end(&document).unwrap();
        assert_eq!(fs::read(directory.path().join("1.2.txt")).unwrap(), b"abc");
        assert_eq!(sink.files, [directory.path().join("1.2.txt")]);
    }
}
