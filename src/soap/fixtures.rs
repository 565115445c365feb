//! Walks `fixtures/soap`: whole HTTP entities, the first line the Content-Type, then an empty line.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Error, Message, Request};
use crate::xml;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = Bytes::from(std::fs::read(path).unwrap());
    let line = bytes.iter().position(|b| *b == b'\n').unwrap();
    assert_eq!(bytes[line + 1], b'\n', "{} lacks its empty line", path.display());
    let content_type = std::str::from_utf8(&bytes[..line]).unwrap();
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    let message = Message::unpack(content_type, bytes.slice(line + 2..))?;
    let document = xml::parse(message.xml(), xml::Bounds::REQUEST)?;
    let request = Request::read(&document)?;
    let includes = request.body.descendants().filter(|n| n.has_tag_name((xml::ns::XOP, "Include")));
    for include in includes {
        let href = xml::attribute(include, "href").unwrap();
        assert!(message.attachment(href).is_some(), "{}: no part {href}", path.display());
    }
    Ok(request.action)
}

#[test]
fn what_the_field_sends_is_accepted() {
    let paths = files(&root().join("accept"));
    assert!(paths.len() > 8);
    for path in paths {
        let action = read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(action.starts_with("urn:ihe:iti:"), "{}: {action}", path.display());
    }
}

#[test]
fn what_is_refused_is_refused_for_its_reason() {
    let folders = files(&root().join("reject"));
    assert!(folders.len() > 20);
    for folder in folders {
        let reason = folder.file_name().unwrap().to_str().unwrap();
        for path in files(&folder) {
            match read(&path) {
                Ok(_) => panic!("{} was accepted", path.display()),
                Err(error) => assert_eq!(error.code(), reason, "{}: {error}", path.display()),
            }
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/soap")
}
