use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openssl::sha::sha1;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::blobs::{Blobs, hex};
use super::{Error, schema};
use crate::consent::{Facts, ItemKey, PatientKey, Screen, Span, Stored};
use crate::ids::{DocumentId, EntryUuid, Oid, PatientId};
use crate::repository::{
    Candidate, Content, ContentBytes, Criteria, Damage, Items, Released, Sifted, Status, Subject,
};

/// What a candidate is made of, its facts only where it passes the screen; `hidden` documents were entered in error.
const CANDIDATE: &str = "SELECT id, created, unique_id,
    CASE WHEN NOT ?3
      AND (?4 IS NULL OR level IS NULL OR level BETWEEN 0 AND ?4)
      AND (?5 IS NULL OR first IS NULL OR first >= ?5 AND after <= ?6)
      AND (?7 IS NULL OR first IS NULL OR after <= ?7 OR first >= ?8)
    THEN facts END, rules
  FROM document WHERE id BETWEEN ?1 AND ?2 AND status <> 'hidden'";

pub(super) fn patient(connection: &Connection, id: &PatientId) -> Result<Option<Subject>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT patient FROM identifier WHERE authority = ?1 AND value = ?2")?;
    let number = statement
        .query_row(params![id.authority().as_str(), id.id()], |row| row.get(0))
        .optional()?;
    number.map_or(Ok(None), |number| subject(connection, PatientKey(number)))
}

pub(super) fn subject(connection: &Connection, key: PatientKey) -> Result<Option<Subject>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT resource_id FROM patient WHERE number = ?1")?;
    let resource_id = statement.query_row([key.0], |row| row.get::<_, String>(0)).optional()?;
    let Some(resource_id) = resource_id else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "SELECT authority, value FROM identifier WHERE patient = ?1 ORDER BY position",
    )?;
    let mut identifiers = Vec::new();
    let mut rows = statement.query([key.0])?;
    while let Some(row) = rows.next()? {
        let (authority, value): (String, String) = (row.get(0)?, row.get(1)?);
        // both were read as such before they were written
        identifiers.extend(Oid::parse(&authority).and_then(|oid| PatientId::new(&value, oid)).ok());
    }
    Ok(Some(Subject { key, references: vec![format!("Patient/{resource_id}")], identifiers }))
}

pub(super) fn patients_of(connection: &Connection, items: &Items) -> Result<Vec<Subject>, Error> {
    let (column, names) = named(items);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id FROM document WHERE {column} = ?1 AND status <> 'hidden'"
    ))?;
    let mut subjects = BTreeMap::new();
    for name in names {
        let rowid: Option<i64> = statement.query_row([name], |row| row.get(0)).optional()?;
        let Some(key) = rowid.map(schema::patient_of) else { continue };
        if !subjects.contains_key(&key) {
            subjects.extend(subject(connection, key)?.map(|subject| (key, subject)));
        }
    }
    Ok(subjects.into_values().collect())
}

pub(super) fn consents(connection: &Connection, patient: PatientKey) -> Result<Vec<Stored>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT resource_id, version, json FROM consent WHERE patient = ?1 ORDER BY resource_id",
    )?;
    let rows = statement.query_map([patient.0], |row| {
        let version: i64 = row.get(1)?;
        Ok(Stored { id: row.get(0)?, version: version.to_string(), json: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn find(
    connection: &Connection,
    patient: PatientKey,
    criteria: &Criteria,
    screen: &Screen,
    rules: &str,
) -> Result<Sifted, Error> {
    let (first, last) = schema::rowids(patient);
    let level = screen.at_most.map(|limit| schema::level(Some(limit)));
    let span = |span: Option<Span>| span.map(|span| (span.first, span.after)).unzip();
    let ((within_first, within_after), (outside_first, outside_after)) =
        (span(screen.within), span(screen.outside));
    let screened: [&dyn ToSql; 8] = [
        &first,
        &last,
        &screen.closed,
        &level,
        &within_first,
        &within_after,
        &outside_first,
        &outside_after,
    ];
    let (mut found, mut withheld) = (BTreeMap::new(), BTreeSet::new());
    let mut read = |sql: &str, more: &[&dyn ToSql]| {
        let mut statement = connection.prepare_cached(&format!("{CANDIDATE} {sql}"))?;
        let mut rows = statement.query(&*[&screened, more].concat())?;
        while let Some(row) = rows.next()? {
            match candidate(row, patient, rules)? {
                Some(candidate) => found.extend([candidate]),
                None => _ = withheld.insert(row.get(2)?),
            }
        }
        Ok::<(), Error>(())
    };
    match criteria {
        Criteria::All { statuses, created_from, created_to } => {
            let wanted = |status: Status| statuses.contains(&status).then_some(status.as_str());
            let (approved, deprecated) = (wanted(Status::Approved), wanted(Status::Deprecated));
            // a creation time of less than full precision is compared as the span that it may mean
            let sql = "AND (?9 OR status = ?10 OR status = ?11)
                 AND (?12 IS NULL OR substr(created || '99999999999999', 1, 14) >= substr(?12, 1, 14))
                 AND (?13 IS NULL OR substr(created, 1, length(?13)) <= ?13)";
            let any = statuses.is_empty();
            read(sql, &[&any, &approved, &deprecated, created_from, created_to])?;
        }
        Criteria::Items(items) => {
            let (column, names) = named(items);
            for name in names {
                read(&format!("AND {column} = ?9"), &[&name])?;
            }
        }
    }
    let candidates = found.into_values().collect();
    Ok(Sifted { candidates, withheld: withheld.into_iter().collect() })
}

pub(super) fn release(
    connection: &Connection,
    item: ItemKey,
    rules: &str,
) -> Result<Option<Released>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT unique_id, entry_uuid, mime_type, size, sha1, attributes, rendered,
           labels_from, labels_to, rules FROM document
         WHERE id = ?1 AND status <> 'hidden'",
    )?;
    let released = statement.query_row([item.0], |row| {
        let (from, to): (Option<i64>, Option<i64>) = (row.get(7)?, row.get(8)?);
        let place = |at: Option<i64>| at.and_then(|at| usize::try_from(at).ok());
        Ok(Released {
            key: item,
            unique_id: row.get(0)?,
            entry_uuid: row.get(1)?,
            mime_type: row.get(2)?,
            size: row.get::<_, i64>(3)?.cast_unsigned(),
            sha1_hex: row.get(4)?,
            searched: row.get_ref(5)?.as_bytes()?.to_owned(),
            rendered: row.get(6)?,
            labels: place(from).zip(place(to)).map(|(from, to)| from..to),
            is_unclassified: row.get_ref(9)?.as_str()? != rules,
        })
    });
    Ok(released.optional()?)
}

pub(super) fn open(
    connection: &Connection,
    blobs: &Blobs,
    item: ItemKey,
) -> Result<Option<Content>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT size, mime_type, sha1, sha256, inline FROM document
         WHERE id = ?1 AND status <> 'hidden'",
    )?;
    let row = statement
        .query_row([item.0], |row| {
            Ok((
                row.get::<_, i64>(0)?.cast_unsigned(),
                row.get(1)?,
                row.get(2)?,
                row.get::<_, String>(3)?,
                row.get(4)?,
            ))
        })
        .optional()?;
    let Some((size, mime_type, sha1_hex, sha256_hex, inline)) = row else { return Ok(None) };
    let place = if inline {
        let mut statement =
            connection.prepare_cached("SELECT content FROM bytes WHERE document = ?1")?;
        let bytes: Option<Vec<u8>> = statement.query_row([item.0], |row| row.get(0)).optional()?;
        bytes.map(|bytes| (bytes.len() as u64, ContentBytes::Inline(Bytes::from(bytes))))
    } else {
        blobs.read(&sha256_hex)?.map(|(length, file)| (length, ContentBytes::File(file)))
    };
    let damaged = |damage| Err(Error::Damaged { item, damage });
    match place {
        None => damaged(Damage::Missing),
        Some((found, _)) if found != size => damaged(Damage::Size { stated: size, found }),
        Some((_, ContentBytes::Inline(bytes))) if hex(&sha1(&bytes)) != sha1_hex => {
            damaged(Damage::Hash)
        }
        Some((_, bytes)) => Ok(Some(Content { size, mime_type, sha1_hex, bytes })),
    }
}

/// The column that names these documents, and the names.
fn named(items: &Items) -> (&'static str, Vec<&str>) {
    match items {
        Items::UniqueIds(ids) => ("unique_id", ids.iter().map(DocumentId::as_str).collect()),
        Items::EntryUuids(ids) => ("entry_uuid", ids.iter().map(EntryUuid::as_str).collect()),
    }
}

/// The newest first, equals by key.
type Place = (std::cmp::Reverse<String>, ItemKey);

/// `None` for one that the screen leaves out.
fn candidate(
    row: &Row<'_>,
    patient: PatientKey,
    rules: &str,
) -> Result<Option<(Place, Candidate)>, Error> {
    let key = ItemKey(row.get(0)?);
    let Some(facts) = row.get_ref(3)?.as_str_or_null().map_err(rusqlite::Error::from)? else {
        return Ok(None);
    };
    let facts: Facts = serde_json::from_str(facts)
        .map_err(|_| Error::Damaged { item: key, damage: Damage::Unreadable("facts") })?;
    // what other rules labelled may lack any label
    let unclassified = row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)? != rules;
    let unreadable_labels = facts.unreadable_labels || unclassified;
    let facts = Facts { key, patient, unreadable_labels, ..facts };
    let candidate = Candidate { facts, unique_id: row.get(2)? };
    Ok(Some(((std::cmp::Reverse(row.get(1)?), key), candidate)))
}
