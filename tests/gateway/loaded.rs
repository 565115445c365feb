//! What was loaded is on record before anybody can ask for it.

use glassgate::demo::world;

use crate::record::Record;
use crate::world::shared;

#[test]
fn a_load_is_recorded_by_patient_with_what_it_brought() {
    let patient = world::patient_id(1002);
    let mut documents = Vec::new();
    for loaded in shared().journal.after(0, 1_000).unwrap() {
        let text = String::from_utf8(loaded.message.into()).unwrap();
        if text.contains("csd-code=\"110107\"") && text.contains(&patient.replace('&', "&amp;")) {
            assert!(text.contains("Consent/c1002") && text.contains("Patient/p1002"), "{text}");
            documents.extend(Record::read(&text).documents);
        }
    }
    documents.sort();
    let expected: Vec<_> = (1..=6).map(|n| world::document_id(1002, n)).collect();
    assert_eq!(documents, expected);
}
