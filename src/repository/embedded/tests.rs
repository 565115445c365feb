mod sift;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::consent::{Facts, ItemKey};
use crate::ids::{DocumentId, EntryUuid};
use crate::repository::evidence::{access, all, any, grant_in, permit, subject};
use crate::repository::{Change, ContentBytes, Damage, Draft, Status};

struct Fixture {
    directory: tempfile::TempDir,
    store: Store,
    one: Subject,
    two: Subject,
}

/// Two patients, 1 and 2.
fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&Settings::new(directory.path())).unwrap();
    let mut batch = store.begin().unwrap();
    for number in ["1", "2"] {
        let id = PatientId::parse(&format!("{number}^^^&2.999.1.3&ISO")).unwrap();
        batch.put_patient(&format!("p{number}"), "{}", &[id]).unwrap();
    }
    batch.commit().unwrap();
    let (one, two) = (subject(&store, "1").unwrap(), subject(&store, "2").unwrap());
    Fixture { directory, store, one, two }
}

fn draft(id: u32, patient: &Subject) -> Draft {
    Draft {
        resource_id: format!("d{id}"),
        patient: patient.key,
        unique_id: DocumentId::parse(&format!("2.999.1.4.{id}")).unwrap(),
        entry_uuid: EntryUuid::parse(&format!("urn:uuid:00000000-0000-4000-8000-{id:012}"))
            .unwrap(),
        status: Status::Approved,
        created: "20250101".into(),
        mime_type: "text/plain".into(),
        facts: Facts {
            key: ItemKey(0),
            patient: PatientKey(0),
            resource_type: "DocumentReference".into(),
            reference: format!("DocumentReference/d{id}"),
            identifiers: vec![],
            labels: vec![],
            unreadable_labels: false,
            origin: None,
            classes: vec![],
            codes: vec![],
            authors: vec![],
            related: vec![],
            date: None,
        },
        searched: b"{}".to_vec(),
        rendered: format!("<rim:ExtrinsicObject id=\"{id}\"/>"),
        labels: 0..0,
        rules: String::new(),
        source: "{}".to_owned(),
        links: vec![],
    }
}

fn put(store: &Store, draft: &Draft, bytes: &[u8]) -> Result<Change, Error> {
    let mut batch = store.begin()?;
    let mut writer = batch.blob();
    writer.write(bytes)?;
    let blob = writer.finish()?;
    let change = batch.put_document(draft, &blob)?;
    batch.commit()?;
    Ok(change)
}

fn unique_ids(candidates: &[Candidate]) -> Vec<&str> {
    candidates.iter().map(|c| c.unique_id.trim_start_matches("2.999.1.4.")).collect()
}

fn read(content: Content) -> Vec<u8> {
    match content.bytes {
        ContentBytes::Inline(bytes) => bytes.to_vec(),
        ContentBytes::File(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            bytes
        }
    }
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

#[test]
fn find_and_open_give_the_patients_own_documents_back() {
    let Fixture { directory: _kept, store, one, two } = fixture();
    put(&store, &draft(1, &one), b"first").unwrap();
    put(&store, &draft(2, &two), b"second").unwrap();
    for (patient, number, bytes) in [(&one, "1", b"first".as_slice()), (&two, "2", b"second")] {
        let found = all(&store, patient);
        assert_eq!(unique_ids(&found), [number]);
        assert_eq!(found[0].facts.patient, patient.key);
        let permit = permit(&store, patient, &found[0]);
        let entry = store.snapshot().unwrap().release(&permit).unwrap().unwrap();
        assert_eq!((entry.size, entry.key), (bytes.len() as u64, permit.item()));
        let content = store.open(&permit).unwrap().unwrap();
        assert_eq!((content.size, &content.sha1_hex), (entry.size, &entry.sha1_hex));
        assert_eq!(read(content), bytes);
    }
    // asking for another's document by its id finds nothing
    let items = Items::UniqueIds(vec![DocumentId::parse("2.999.1.4.2").unwrap()]);
    let state = store.snapshot().unwrap();
    let grant = grant_in(&*state, &one);
    assert!(state.find(&grant, &Criteria::Items(items.clone())).unwrap().is_empty());
    assert_eq!(state.patients_of(&access(), &items).unwrap(), [two]);
}

#[test]
fn a_snapshot_shows_no_document_without_its_consent() {
    let Fixture { directory: _kept, store, one, .. } = fixture();
    let found = |state: &dyn Snapshot, grant: &Grant| state.find(grant, &any()).unwrap().len();
    let before = store.snapshot().unwrap();
    let grant = grant_in(&*before, &one);
    // a load that comes between the consents and the documents
    let mut batch = store.begin().unwrap();
    batch.put_consent("c", one.key, "{}").unwrap();
    let blob = batch.blob().finish().unwrap();
    batch.put_document(&draft(1, &one), &blob).unwrap();
    batch.commit().unwrap();
    assert_eq!(found(&*before, &grant), 0);
    let after = store.snapshot().unwrap();
    assert_eq!(after.consents(&access(), one.key).unwrap().len(), 1);
    assert_eq!(found(&*after, &grant_in(&*after, &one)), 1);
}

#[test]
fn writing_again_changes_only_what_differs_and_keeps_the_key() {
    let Fixture { directory: _kept, store, one, two } = fixture();
    assert_eq!(put(&store, &draft(1, &one), b"bytes").unwrap(), Change::Added);
    let key = all(&store, &one)[0].facts.key;
    assert_eq!(put(&store, &draft(1, &one), b"bytes").unwrap(), Change::Unchanged);
    assert_eq!(put(&store, &draft(1, &one), &[b'x'; 100_000]).unwrap(), Change::Updated);
    let deprecated = Draft { status: Status::Deprecated, ..draft(1, &one) };
    assert_eq!(put(&store, &deprecated, b"other bytes").unwrap(), Change::Updated);
    let found = all(&store, &one);
    assert_eq!((found.len(), found[0].facts.key), (1, key));
    let content = store.open(&permit(&store, &one, &found[0])).unwrap().unwrap();
    assert_eq!(read(content), b"other bytes");
    assert!(matches!(
        put(&store, &draft(1, &two), b"bytes"),
        Err(Error::Conflict(Conflict::OtherPatient))
    ));
}

#[test]
fn ids_are_unique_in_the_store() {
    let Fixture { directory: _kept, store, one, two } = fixture();
    put(&store, &draft(1, &one), b"bytes").unwrap();
    let same_unique_id = Draft { unique_id: draft(1, &one).unique_id, ..draft(2, &two) };
    let conflict = Conflict::UniqueId { holder: "d1".into() };
    assert!(matches!(put(&store, &same_unique_id, b""), Err(Error::Conflict(c)) if c == conflict));
    let same_uuid = Draft { entry_uuid: draft(1, &one).entry_uuid, ..draft(2, &two) };
    let conflict = Conflict::EntryUuid { holder: "d1".into() };
    assert!(matches!(put(&store, &same_uuid, b""), Err(Error::Conflict(c)) if c == conflict));
    let conflict = Conflict::Identifier { holder: "p1".into() };
    let taken = store.begin().unwrap().put_patient("p3", "{}", &one.identifiers);
    assert!(matches!(taken, Err(Error::Conflict(c)) if c == conflict));
}

#[test]
fn a_batch_that_is_not_committed_never_was() {
    let Fixture { directory, store, one, .. } = fixture();
    let bytes = vec![7; 200_000];
    {
        let mut batch = store.begin().unwrap();
        let mut writer = batch.blob();
        writer.write(&bytes).unwrap();
        let blob = writer.finish().unwrap();
        batch.put_document(&draft(1, &one), &blob).unwrap();
        // a crash here leaves a file that no row names
    }
    let blobs = directory.path().join("blobs");
    assert_eq!(files(&blobs), 1);
    drop(store);
    let store = Store::open(&Settings::new(directory.path())).unwrap();
    assert!(all(&store, &one).is_empty());
    assert_eq!(put(&store, &draft(1, &one), &bytes).unwrap(), Change::Added);
    assert_eq!(files(&blobs), 1);
    let permit = permit(&store, &one, &all(&store, &one)[0]);
    assert_eq!(read(store.open(&permit).unwrap().unwrap()), bytes);
}

#[test]
fn a_failed_attempt_leaves_the_rest_of_its_batch() {
    let Fixture { directory: _kept, store, one, .. } = fixture();
    let mut batch = store.begin().unwrap();
    let write = |batch: &mut Batch<'_>, id: u32| {
        let blob = batch.blob().finish()?;
        batch.put_document(&draft(id, &one), &blob)
    };
    batch.attempt(|batch| write(batch, 1)).unwrap();
    let spoiled: Result<(), Error> = batch.attempt(|batch| {
        write(batch, 2)?;
        Err(Conflict::Full.into())
    });
    assert!(spoiled.is_err());
    batch.attempt(|batch| write(batch, 3)).unwrap();
    batch.commit().unwrap();
    assert_eq!(unique_ids(&all(&store, &one)), ["1", "3"]);
}

#[test]
fn a_hidden_document_is_not_there() {
    let Fixture { directory: _kept, store, one, two } = fixture();
    put(&store, &draft(1, &one), b"bytes").unwrap();
    let permit = permit(&store, &one, &all(&store, &one)[0]);
    let hide = |patient: &Subject| {
        let mut batch = store.begin().unwrap();
        let change = batch.hide_document("d1", patient.key)?;
        batch.commit()?;
        Ok::<_, Error>(change)
    };
    assert!(matches!(hide(&two), Err(Error::Conflict(Conflict::OtherPatient))));
    assert_eq!(hide(&one).unwrap(), Some(Change::Updated));
    assert_eq!(hide(&one).unwrap(), Some(Change::Unchanged));
    assert!(all(&store, &one).is_empty());
    assert!(store.open(&permit).unwrap().is_none());
    let items = Items::EntryUuids(vec![draft(1, &one).entry_uuid]);
    let state = store.snapshot().unwrap();
    assert!(state.patients_of(&access(), &items).unwrap().is_empty());
    assert!(state.release(&permit).unwrap().is_none());
    assert_eq!(put(&store, &draft(1, &one), b"bytes").unwrap(), Change::Updated);
    assert_eq!(all(&store, &one).len(), 1);
}

#[test]
fn a_damaged_file_is_told() {
    let Fixture { directory, store, one, .. } = fixture();
    put(&store, &draft(1, &one), &[7; 200_000]).unwrap();
    let permit = permit(&store, &one, &all(&store, &one)[0]);
    let mut path = directory.path().join("blobs");
    while path.is_dir() {
        path = fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    let damage = || match store.open(&permit) {
        Err(crate::repository::Error::Damaged { damage, .. }) => Some(damage),
        _ => None,
    };
    fs::write(&path, b"cut").unwrap();
    assert_eq!(damage(), Some(Damage::Size { stated: 200_000, found: 3 }));
    fs::remove_file(&path).unwrap();
    assert_eq!(damage(), Some(Damage::Missing));
}

#[test]
fn damaged_bytes_at_hand_are_told() {
    let Fixture { directory, store, one, .. } = fixture();
    put(&store, &draft(1, &one), b"right").unwrap();
    let permit = permit(&store, &one, &all(&store, &one)[0]);
    let database = Connection::open(directory.path().join("glassgate.db")).unwrap();
    let damage = |content: &[u8]| {
        database.execute("UPDATE bytes SET content = ?1", [content]).unwrap();
        match store.open(&permit) {
            Err(crate::repository::Error::Damaged { damage, .. }) => Some(damage),
            _ => None,
        }
    };
    assert_eq!(damage(b"wrong"), Some(Damage::Hash));
    assert_eq!(damage(b"cut"), Some(Damage::Size { stated: 5, found: 3 }));
    assert_eq!(damage(b"right"), None);
    database.execute("DELETE FROM bytes", []).unwrap();
    assert_eq!(damage(b""), Some(Damage::Missing));
}

#[test]
fn the_newest_come_first_and_criteria_narrow() {
    let Fixture { directory: _kept, store, one, .. } = fixture();
    for (id, created, status) in [
        (1, "20240101", Status::Approved),
        (2, "2025", Status::Approved),
        (3, "20240101", Status::Deprecated),
        (4, "20260101120000", Status::Approved),
    ] {
        let draft = Draft { created: created.into(), status, ..draft(id, &one) };
        put(&store, &draft, b"bytes").unwrap();
    }
    let state = store.snapshot().unwrap();
    let grant = grant_in(&*state, &one);
    let find = |statuses: &[Status], from: Option<&str>, to: Option<&str>| {
        let criteria = Criteria::All {
            statuses: statuses.to_vec(),
            created_from: from.map(str::to_owned),
            created_to: to.map(str::to_owned),
        };
        unique_ids(&state.find(&grant, &criteria).unwrap()).join(" ")
    };
    assert_eq!(find(&[], None, None), "4 2 1 3");
    assert_eq!(find(&[Status::Deprecated], None, None), "3");
    assert_eq!(find(&[Status::Approved], None, None), "4 2 1");
    assert_eq!(find(&[], Some("20240102"), None), "4 2");
    assert_eq!(find(&[], Some("20250601"), Some("2026")), "4 2");
    assert_eq!(find(&[], None, Some("20241231")), "1 3");
    let wanted = ["2.999.1.4.1", "2.999.1.4.4", "2.999.1.4.1", "2.999.1.4.99"];
    let ids = wanted.into_iter().map(|id| DocumentId::parse(id).unwrap()).collect();
    let found = state.find(&grant, &Criteria::Items(Items::UniqueIds(ids))).unwrap();
    assert_eq!(unique_ids(&found), ["4", "1"]);
}

#[test]
fn an_edited_consent_counts_at_once() {
    let Fixture { directory: _kept, store, one, two } = fixture();
    let write = |patient: &Subject, json: &str| {
        let mut batch = store.begin().unwrap();
        let change = batch.put_consent("c", patient.key, json)?;
        batch.commit()?;
        Ok::<_, Error>(change)
    };
    let stored = |patient: &Subject| {
        let consents = store.snapshot().unwrap().consents(&access(), patient.key).unwrap();
        consents.into_iter().map(|c| (c.version, c.json)).collect::<Vec<_>>()
    };
    assert_eq!(write(&one, "1").unwrap(), Change::Added);
    assert_eq!(write(&one, "1").unwrap(), Change::Unchanged);
    assert_eq!(stored(&one), [("1".to_owned(), "1".to_owned())]);
    assert_eq!(write(&one, "2").unwrap(), Change::Updated);
    assert_eq!(stored(&one), [("2".to_owned(), "2".to_owned())]);
    assert!(write(&two, "2").is_err());
    assert!(stored(&two).is_empty());
}

#[test]
fn a_patient_is_found_by_each_identifier_that_he_has_now() {
    let Fixture { directory: _kept, store, .. } = fixture();
    let id = |cx: &str| PatientId::parse(cx).unwrap();
    let (home, other) = (id("9^^^&2.999.1.3&ISO"), id("9^^^&2.999.1.1&ISO"));
    let mut batch = store.begin().unwrap();
    batch.put_patient("p9", "1", &[home.clone(), other.clone()]).unwrap();
    batch.commit().unwrap();
    let patient = |id| store.snapshot().unwrap().patient(&access(), id).unwrap();
    let found = patient(&other).unwrap();
    assert_eq!(found.identifiers, [home.clone(), other.clone()]);
    assert_eq!(found.references, ["Patient/p9"]);
    let mut batch = store.begin().unwrap();
    assert_eq!(batch.put_patient("p9", "2", &[home]).unwrap().1, Change::Updated);
    batch.commit().unwrap();
    assert!(patient(&other).is_none());
}

#[test]
fn a_store_of_a_later_program_is_left_alone() {
    let Fixture { directory, store, .. } = fixture();
    store.ready().unwrap();
    drop(store);
    let database = Connection::open(directory.path().join("glassgate.db")).unwrap();
    let page_size: i64 = database.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    assert_eq!(page_size, 16_384);
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let opened = Store::open(&Settings::new(directory.path()));
    assert!(matches!(opened, Err(Error::Newer { found: 99, known: 2 })));
}

#[test]
fn what_an_earlier_version_stored_is_kept_and_counts_as_unclassified() {
    let Fixture { directory, store, one, .. } = fixture();
    put(&store, &draft(1, &one), b"bytes").unwrap();
    drop(store);
    // as schema 1 was
    let database = Connection::open(directory.path().join("glassgate.db")).unwrap();
    let undo = "DROP INDEX document_rules; DROP TABLE source; DROP TABLE member; DROP TABLE link;
        ALTER TABLE document DROP COLUMN rules; ALTER TABLE document DROP COLUMN labels_from;
        ALTER TABLE document DROP COLUMN labels_to; PRAGMA user_version = 1;";
    database.execute_batch(undo).unwrap();
    drop(database);
    let rules = "1-today".to_owned();
    let store = Store::open(&Settings { rules, ..Settings::new(directory.path()) }).unwrap();
    let found = all(&store, &one);
    assert!(found[0].facts.unreadable_labels);
    let entry = store.snapshot().unwrap().release(&permit(&store, &one, &found[0]));
    let entry = entry.unwrap().unwrap();
    assert_eq!((entry.labels, entry.is_unclassified), (None, true));
    let batch = store.begin().unwrap();
    assert_eq!(batch.unclassified("1-today").unwrap(), [found[0].facts.key]);
    assert_eq!(batch.labelled(found[0].facts.key).unwrap().unwrap().source, None);
    drop(batch);
    let today = Draft { rules: "1-today".to_owned(), ..draft(1, &one) };
    assert_eq!(put(&store, &today, b"bytes").unwrap(), Change::Updated);
    assert!(!all(&store, &one)[0].facts.unreadable_labels);
    assert!(store.begin().unwrap().unclassified("1-today").unwrap().is_empty());
}

#[test]
fn nobody_else_may_read_whatever_the_folder_allows() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = Store::open(&Settings::new(directory.path())).unwrap();
    let mut batch = store.begin().unwrap();
    let id = PatientId::parse("1^^^&2.999.1.3&ISO").unwrap();
    batch.put_patient("p1", "{}", &[id]).unwrap();
    batch.commit().unwrap();
    put(&store, &draft(1, &subject(&store, "1").unwrap()), &[7; 200_000]).unwrap();
    let mut seen = 0;
    let mut open = vec![directory.path().to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            let wanted = if entry.path().is_dir() { 0o700 } else { 0o600 };
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, wanted, "{}", entry.path().display());
            seen += 1;
            open.extend(entry.path().is_dir().then(|| entry.path()));
        }
    }
    // the database with -wal and -shm, blobs with two folders and a file
    assert_eq!(seen, 7);
}

#[test]
fn a_store_whose_folder_is_gone_is_not_ready() {
    let Fixture { directory, store, .. } = fixture();
    fs::remove_dir_all(directory.path()).unwrap();
    assert!(store.ready().is_err());
}
