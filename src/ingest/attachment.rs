use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use serde_json::Value;

use super::Error;
use super::parcel::Parcel;
use super::survey::{SourceFile, Survey, Unit};
use crate::fhir::Attachment;
use crate::repository::embedded::{Batch, Blob};

/// Bytes read at a time, however large the document is.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where the resource with the attachment stands.
pub(super) struct Source<'s> {
    pub(super) parcel: &'s Parcel,
    pub(super) survey: &'s Survey,
    pub(super) unit: Unit,
}

/// Stores an attachment's bytes, from wherever they are, and holds them to the stated size and hash.
pub(super) fn store(
    batch: &mut Batch<'_>,
    attachment: &Attachment,
    source: &Source<'_>,
) -> Result<Blob, Error> {
    let blob = match (attachment.data.as_deref(), attachment.url.as_deref()) {
        (Some(data), _) => decode(batch, data)?,
        (None, Some(url)) => match url.strip_prefix("Binary/") {
            Some(id) => {
                let binary = match source.parcel.binaries.get(id) {
                    Some(binary) => binary,
                    None => &source.survey.binary(id)?,
                };
                let data = binary.get("data").and_then(Value::as_str).ok_or(Error::NoBytes)?;
                decode(batch, data)?
            }
            None => {
                let file = source.survey.file(source.unit).ok_or(Error::NoBytes)?;
                let bytes = File::open(resolve(file, url)?).map_err(Error::Unreadable)?;
                pump(batch, bytes, Error::Unreadable)?
            }
        },
        (None, None) => return Err(Error::NoBytes),
    };
    check(attachment, &blob)?;
    Ok(blob)
}

/// The file that a relative URL names, inside the loaded folder, wherever links on the way lead.
pub(super) fn resolve(file: &SourceFile, url: &str) -> Result<PathBuf, Error> {
    let relative = Path::new(url);
    if url.is_empty() || relative.has_root() || url.contains("://") || url.starts_with("urn:") {
        return Err(Error::Url(url.to_owned()));
    }
    let folder = file.path.parent().unwrap_or(&file.root);
    let path = folder.join(relative).canonicalize().map_err(|_| Error::NoFile(url.to_owned()))?;
    if !path.starts_with(&file.root) {
        return Err(Error::OutsideFolder(url.to_owned()));
    }
    if path.is_file() { Ok(path) } else { Err(Error::NoFile(url.to_owned())) }
}

fn decode(batch: &mut Batch<'_>, data: &str) -> Result<Blob, Error> {
    // line breaks are allowed in xs:base64Binary
    let joined: String;
    let data = if data.contains(|c: char| c.is_ascii_whitespace()) {
        joined = data.split_ascii_whitespace().collect();
        &joined
    } else {
        data
    };
    pump(batch, DecoderReader::new(data.as_bytes(), &STANDARD), Error::Base64)
}

fn pump(
    batch: &mut Batch<'_>,
    mut bytes: impl Read,
    failed: impl Fn(io::Error) -> Error,
) -> Result<Blob, Error> {
    let mut writer = batch.blob();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok(writer.finish()?),
            Ok(count) => writer.write(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

fn check(attachment: &Attachment, blob: &Blob) -> Result<(), Error> {
    if let Some(stated) = attachment.size
        && stated != blob.size()
    {
        return Err(Error::Size { stated, computed: blob.size() });
    }
    let computed = STANDARD.encode(blob.sha1());
    match attachment.hash.as_deref().map(str::trim) {
        Some(stated) if stated != computed => {
            Err(Error::Hash { stated: stated.to_owned(), computed })
        }
        _ => Ok(()),
    }
}
