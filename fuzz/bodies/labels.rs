//! Documents that are read for their codes, and value sets.

use std::sync::OnceLock;

use glassgate::ids::Coded;
use glassgate::labels::{Confidentiality, Evidence, Labelled, Labeller, Settings, Stated};

/// Whatever a document's bytes are: nothing stated is lost or lowered, and no label that reveals hiding is shown.
pub fn check(bytes: &[u8]) {
    static LABELLER: OnceLock<Labeller> = OnceLock::new();
    let labeller =
        LABELLER.get_or_init(|| Labeller::compile(&Settings::default()).expect("they are ours"));
    let act = |code| Coded::new(code, "2.16.840.1.113883.5.4");
    let normal = Confidentiality::Normal.label();
    for stated in [vec![], vec![normal.clone()], vec![act("MASK"), normal, act("HIV")]] {
        let stated = Stated { labels: stated, unreadable: false };
        let alone = labeller.label(&stated, &Evidence::default());
        for mime_type in ["text/xml", "application/fhir+json"] {
            let mut evidence = Evidence::default();
            labeller.content(&mut evidence, mime_type, bytes);
            let labelled = labeller.label(&stated, &evidence);
            raised(&alone, &labelled);
        }
    }
    let own =
        Settings { value_sets: vec![("own".to_owned(), bytes.to_vec())], ..Settings::default() };
    if let Ok(own) = Labeller::compile(&own) {
        assert_ne!(own.version(), labeller.version(), "other rules have another version");
    }
}

fn raised(before: &Labelled, after: &Labelled) {
    let level = |labelled: &Labelled| Confidentiality::of(&labelled.labels);
    assert!(level(after) >= level(before), "lowered");
    let others = before.labels.iter().filter(|l| Confidentiality::from_label(l).is_none());
    for label in others {
        assert!(after.labels.iter().any(|kept| kept.same_as(label)), "lost {}", label.code);
    }
    let levels = after.labels.iter().filter(|l| Confidentiality::from_label(l).is_some());
    assert!(levels.count() <= 1, "several confidentialities");
    assert!(after.shown.iter().all(|label| label.code != "MASK"), "a label reveals hiding");
}
