use std::fmt;
use std::fs::File;

use bytes::Bytes;

/// A document's bytes, at hand or to be read.
#[derive(Debug)]
pub struct Content {
    /// How many bytes, checked against what is there.
    pub size: u64,
    /// The MIME type.
    pub mime_type: String,
    /// The SHA-1 in lower-case hexadecimal, as the metadata say: of bytes at hand it was checked, of a file whoever
    /// reads it must.
    pub sha1_hex: String,
    /// The bytes.
    pub bytes: ContentBytes,
}

/// Small documents are at hand, large ones are read from their file.
pub enum ContentBytes {
    /// The whole document.
    Inline(Bytes),
    /// Open at its beginning.
    File(File),
}

/// Documents stay out of logs.
impl fmt::Debug for ContentBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inline(_) => "Inline",
            Self::File(_) => "File",
        })
    }
}
