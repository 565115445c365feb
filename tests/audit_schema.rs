//! Every kind of audit record is valid by the DICOM schema (DICOM PS3.15 A.5.1, `dicom2017c.xsd`).

mod kinds;

use std::path::{Path, PathBuf};

use glassgate::audit::{Event, Journal, Settings, Shape};
use glassgate::clock::SystemRandom;
use glassgate::limits::AUDIT_MESSAGE_BYTES;
use kinds::{NASTY, NOW, Sender, endpoint, every_kind, source, validate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Audit messages by others, and the schema.
fn foreign() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign/atna")
}

#[test]
fn messages_by_others_are_valid_and_read() {
    let files = std::fs::read_dir(foreign()).unwrap().map(|file| file.unwrap().path());
    let (messages, others): (Vec<_>, Vec<_>) =
        files.partition(|file| file.extension().is_some_and(|e| e == "xml"));
    assert_eq!((messages.len(), others.len()), (11, 3));
    validate(&messages);
    for message in messages {
        let text = std::fs::read_to_string(&message).unwrap();
        let document = glassgate::xml::parse(&text, glassgate::xml::Bounds::REQUEST).unwrap();
        assert_eq!(document.root().tag_name().name(), "AuditMessage", "{}", message.display());
    }
}

#[test]
fn every_kind_is_valid_as_rendered_and_as_journaled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let journal =
        Journal::open(Settings { path, source: source(), shape: Shape::default() }, &SystemRandom)
            .unwrap();
    let mut files = Vec::new();
    let mut write = |xml: &str| {
        assert!(!xml.contains(['\n', '\r', '\u{85}', '\u{2028}']), "more than one line: {xml}");
        let path = folder.path().join(format!("{}.xml", files.len()));
        std::fs::write(&path, xml).unwrap();
        files.push(path);
    };
    for events in ["", NASTY, &NASTY.repeat(2_000)].map(|text| every_kind(&Sender::of(text))) {
        events.iter().for_each(|event| write(&event.to_dicom(&source())));
        let _receipt = journal.record_blocking(NOW, &events).unwrap();
    }
    let mut seq = 0;
    loop {
        let records = journal.after(seq, 100).unwrap();
        let Some(last) = records.last() else { break };
        seq = last.seq;
        for record in &records {
            assert!(record.message.len() <= AUDIT_MESSAGE_BYTES, "{}", record.message.len());
            let message = str::from_utf8(&record.message).unwrap();
            write(message.split_once(" - ").unwrap().1);
        }
    }
    assert_eq!(files.len(), 2 * usize::try_from(seq).unwrap());
    validate(&files);
}

/// Any sender, decent or not.
fn any_sender() -> impl Strategy<Value = Sender> {
    let piece = prop_oneof![Just(NASTY.to_owned()), any::<String>(), Just("\"".to_owned())];
    let times = prop_oneof![Just(1_usize), 0..40_usize, 200..400_usize];
    (piece, times, 0..500_usize, 0..120_usize, 0..60_usize).prop_map(
        |(piece, times, codes, documents, rules)| Sender {
            text: piece.repeat(times),
            codes,
            documents,
            rules,
        },
    )
}

#[test]
fn whatever_a_sender_writes_every_receiver_can_take_it_and_each_document_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let journal =
        Journal::open(Settings { path, source: source(), shape: Shape::default() }, &SystemRandom)
            .unwrap();
    let mut runner = TestRunner::deterministic();
    let mut files = Vec::new();
    let mut longest = 0;
    for _ in 0..10 {
        let sender = any_sender().new_tree(&mut runner).unwrap().current();
        let events = every_kind(&sender);
        let receipt = journal.record_blocking(NOW, &events).unwrap();
        let mut named = 0;
        for (seq, event) in receipt.records().zip(&events) {
            let record = journal.after(seq - 1, 1).unwrap().remove(0);
            assert!(record.message.len() <= AUDIT_MESSAGE_BYTES, "{} bytes", record.message.len());
            longest = longest.max(record.message.len());
            let message = str::from_utf8(&record.message).unwrap();
            assert_eq!(
                message.matches("<ParticipantObjectIdentification ").count(),
                event.objects.len()
            );
            named += message.matches("\"2.999.1.4.1002.").count();
            let path = folder.path().join(format!("{}.xml", files.len()));
            std::fs::write(&path, message.split_once(" - ").unwrap().1).unwrap();
            files.push(path);
        }
        // delivered, withheld, broken off, released by an override, loaded
        assert_eq!(named, 5 * (1 + sender.documents));
    }
    assert!(longest > AUDIT_MESSAGE_BYTES / 2, "the longest has {longest} bytes");
    validate(&files);
}

#[test]
#[should_panic(expected = "RoleIDCode")]
fn the_schema_refuses_what_is_wrong() {
    let event = Event::application_start(NOW, &endpoint("gateway"));
    let xml = event.to_dicom(&source()).replace("csd-code=\"110150\"", "code=\"110150\"");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.xml");
    std::fs::write(&path, xml).unwrap();
    validate(&[path]);
}
