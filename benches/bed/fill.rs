//! A large store in minutes: rows as ingest writes them, but with short metadata, straight into SQLite.

use std::path::Path;

use rusqlite::Connection;

use super::Failed;

/// The number of the first patient, `P-100000`; each has twenty documents.
pub(crate) const FIRST: i64 = 100_000;

/// Facts, attributes and rendered entry have 1.2 KB in all: five million of full size would be 45 GB.
const ROWS: &str = "
WITH RECURSIVE n(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?2)
INSERT INTO document
  (id, status, created, resource_id, unique_id, entry_uuid, mime_type, size, sha1, sha256, inline, digest, facts,
   attributes, rendered, rules)
SELECT
  ((100 + n / 20) << 20) + n % 20, 'approved', '20250101120000', printf('f%d', n),
  printf('2.999.1.4.9.%d', n), printf('urn:uuid:%08x-0000-4000-8000-000000000000', n),
  'text/plain', 1, '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8',
  'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', 1, x'00',
  printf('{\"key\":0,\"patient\":%d,\"resource_type\":\"DocumentReference\",\"reference\":\"DocumentReference/f%d\",\"identifiers\":[],\"labels\":[{\"code\":\"N\",\"system\":\"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\",\"display\":null}],\"classes\":[],\"codes\":[],\"authors\":[],\"date\":null}', 100 + n / 20, n),
  printf('{\"uniqueId\":\"2.999.1.4.9.%d\",\"status\":\"approved\",\"creationTime\":\"20250101120000\"}', n),
  printf('<rim:ExtrinsicObject id=\"urn:uuid:%08x-0000-4000-8000-000000000000\"><rim:Name>%s</rim:Name></rim:ExtrinsicObject>', n, ?3),
  (SELECT rules FROM document WHERE rules <> '' LIMIT 1)
FROM n";

/// Adds so many entries, twenty a patient.
pub(crate) fn fill(database: &Path, entries: i64) -> Result<(), Failed> {
    const STEP: i64 = 500_000;
    let connection = Connection::open(database)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;")?;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(
        "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
         INSERT INTO patient SELECT 100 + n, printf('f%d', n), '{}' FROM n",
        [entries / 20],
    )?;
    transaction.execute(
        "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
         INSERT INTO identifier SELECT '2.999.1.3', printf('P-%d', n + ?2), 100 + n, 0 FROM n",
        [entries / 20, FIRST],
    )?;
    transaction.commit()?;
    let title = "discharge summary ".repeat(30);
    for start in (0..entries).step_by(usize::try_from(STEP)?) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute(ROWS, (start, (start + STEP).min(entries), &title))?;
        transaction.commit()?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
