use rusqlite::{Connection, TransactionBehavior};

use super::Error;
use crate::consent::{PatientKey, Span};
use crate::labels::Confidentiality;

/// The schema that this program reads and writes.
const VERSION: i64 = 2;

/// Bits of a document's rowid that number the documents of one patient; the rest is the patient's number.
const SEQUENCE_BITS: u32 = 20;

/// Connections wait as long as this for another process's write.
const BUSY_MILLISECONDS: u32 = 10_000;

/// KiB of page cache of one connection.
const CACHE_KIB: u32 = 65_536;

/// Metadata rows are clustered by patient; bytes lie in a table of their own so that these rows stay dense.
const TABLES: &str = "
CREATE TABLE patient (
  number INTEGER PRIMARY KEY,
  resource_id TEXT NOT NULL UNIQUE,
  json TEXT NOT NULL
);
CREATE TABLE identifier (
  authority TEXT NOT NULL,
  value TEXT NOT NULL,
  patient INTEGER NOT NULL REFERENCES patient,
  position INTEGER NOT NULL,
  PRIMARY KEY (authority, value)
) WITHOUT ROWID;
CREATE INDEX identifier_of_patient ON identifier (patient);
CREATE TABLE consent (
  number INTEGER PRIMARY KEY,
  resource_id TEXT NOT NULL UNIQUE,
  patient INTEGER NOT NULL REFERENCES patient,
  version INTEGER NOT NULL,
  json TEXT NOT NULL
);
CREATE INDEX consent_of_patient ON consent (patient);
CREATE TABLE document (
  id INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  created TEXT NOT NULL,
  resource_id TEXT NOT NULL UNIQUE,
  unique_id TEXT NOT NULL UNIQUE,
  entry_uuid TEXT NOT NULL UNIQUE,
  mime_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha1 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  inline INTEGER NOT NULL,
  digest BLOB NOT NULL,
  rules TEXT NOT NULL DEFAULT '', -- the rule set that labelled it
  labels_from INTEGER, -- where its labels stand in what is rendered
  labels_to INTEGER,
  facts TEXT NOT NULL,
  attributes BLOB NOT NULL, -- what queries compare
  rendered TEXT NOT NULL
);
CREATE TABLE bytes (
  document INTEGER PRIMARY KEY REFERENCES document,
  content BLOB NOT NULL
);
";

/// What a screen looks at, beside the facts that it stands in: NULL where nobody wrote it, so that all is decided.
///
/// Whoever writes facts and not these leaves NULL. `level` is a rank, -1 without one; an unknown time is all of time.
const TRAITS: &str = "
ALTER TABLE document ADD COLUMN level INTEGER;
ALTER TABLE document ADD COLUMN first INTEGER;
ALTER TABLE document ADD COLUMN after INTEGER;
CREATE TRIGGER document_facts AFTER UPDATE OF facts ON document WHEN NEW.level IS NOT NULL BEGIN
  UPDATE document SET level = NULL, first = NULL, after = NULL WHERE id = NEW.id;
END;
";

/// What labels are worked out from again when the rules change: metadata without bytes, and the codes of resources
/// that belong to documents, with what refers to what.
const LABELLING: &str = "
CREATE INDEX document_rules ON document (rules);
CREATE TABLE source (
  document INTEGER PRIMARY KEY REFERENCES document,
  json TEXT NOT NULL
);
CREATE TABLE member (
  reference TEXT PRIMARY KEY,
  patient INTEGER NOT NULL REFERENCES patient,
  json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE link (
  source TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (source, target)
) WITHOUT ROWID;
CREATE INDEX link_to_target ON link (target);
";

/// The columns that [`TABLES`] had not in schema 1; what was loaded before was labelled by no rules.
const FROM_1_TO_2: &str = "
ALTER TABLE document ADD COLUMN rules TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN labels_from INTEGER;
ALTER TABLE document ADD COLUMN labels_to INTEGER;
";

/// Sets the writing connection up, makes the tables where there are none, and brings an earlier schema up to date.
pub(super) fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(&format!(
        "PRAGMA busy_timeout = {BUSY_MILLISECONDS}; PRAGMA page_size = 16384;"
    ))?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::NoWriteAheadLog { mode });
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -{CACHE_KIB};"
    ))?;
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match found {
        0 => transaction.execute_batch(TABLES)?,
        1 => transaction.execute_batch(FROM_1_TO_2)?,
        VERSION => {}
        _ => return Err(Error::Newer { found, known: VERSION }),
    }
    if found != VERSION {
        transaction.execute_batch(LABELLING)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    let traits: i64 = transaction.query_row(
        "SELECT count(*) FROM pragma_table_info('document') WHERE name = 'level'",
        [],
        |row| row.get(0),
    )?;
    if traits == 0 {
        transaction.execute_batch(TRAITS)?;
    }
    Ok(transaction.commit()?)
}

/// Sets a reading connection up; it can write nothing.
pub(super) fn prepare_reader(connection: &Connection) -> Result<(), Error> {
    Ok(connection.execute_batch(&format!(
        "PRAGMA busy_timeout = {BUSY_MILLISECONDS}; PRAGMA query_only = ON;
         PRAGMA cache_size = -{CACHE_KIB};"
    ))?)
}

/// A confidentiality's rank; -1 without one.
pub(super) fn level(confidentiality: Option<Confidentiality>) -> i64 {
    confidentiality.map_or(-1, |found| found as i64)
}

/// A time as columns; all of time where it is not known, so that it is neither within nor outside of any.
pub(super) fn time(date: Option<Span>) -> (i64, i64) {
    date.map_or((i64::MIN, i64::MAX), |span| (span.first, span.after))
}

/// The first and the last rowid that documents of a patient can have.
pub(super) fn rowids(patient: PatientKey) -> (i64, i64) {
    let first = patient.0 << SEQUENCE_BITS;
    (first, first | ((1 << SEQUENCE_BITS) - 1))
}

/// Whose document a rowid is.
pub(super) fn patient_of(rowid: i64) -> PatientKey {
    PatientKey(rowid >> SEQUENCE_BITS)
}
