//! What the journal holds and what the receiver got, record by record.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use openssl::sha::sha256;
use roxmltree::Document;

use crate::house::{House, until};
use crate::parcel::Parcel;
use crate::questions::{Ending, Told};

/// Everything seen so far; each look reads on from there.
#[derive(Default)]
pub(crate) struct Evidence {
    /// The digest of each record, record 1 first.
    digests: Vec<[u8; 32]>,
    /// The journal's name in its record ids.
    name: String,
    /// EventTypeCodes by message id.
    kinds: HashMap<String, Vec<String>>,
    /// The records of loads.
    loads: Vec<String>,
    /// Bytes of the receiver's file that were read.
    offset: u64,
    /// The last record that the receiver has, all before it included.
    pub(crate) received: usize,
    /// Records that the receiver got again.
    pub(crate) again: usize,
}

impl Evidence {
    /// Reads what the journal has more by now: no number is left out, and no record is torn.
    pub(crate) fn read(&mut self, house: &House) {
        let seen = u64::try_from(self.digests.len()).unwrap();
        for message in house.journal(seen) {
            self.take(&message);
        }
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> usize {
        self.digests.len()
    }

    /// Whether this is the earlier journal, and more.
    pub(crate) fn goes_on(&self, earlier: &Self) -> bool {
        self.digests.starts_with(&earlier.digests)
    }

    fn take(&mut self, message: &[u8]) {
        self.digests.push(sha256(message));
        let text = str::from_utf8(message).unwrap();
        // RFC 5424: priority, version, time, host, program, process, kind of message, no structured data
        let (head, xml) = text.split_once(" - <?xml").expect(text);
        let head: Vec<_> = head.split(' ').collect();
        assert_eq!(
            (head.len(), head[0], head[3], head[5]),
            (6, "<85>1", "glassgate", "IHE+RFC-3881")
        );
        let xml = format!("<?xml{xml}");
        let document = Document::parse(&xml).expect(&xml);
        assert_eq!(document.root_element().tag_name().name(), "AuditMessage");
        let (name, seq) = record_id(text).expect(text);
        assert_eq!(seq, self.digests.len(), "{text}");
        if self.name.is_empty() {
            name.clone_into(&mut self.name);
        }
        assert_eq!(name, self.name);

        let find = |element| document.descendants().find(|node| node.has_tag_name(element));
        let code = |element| find(element).and_then(|node| node.attribute("csd-code"));
        if code("EventID") == Some("110107") {
            self.loads.push(xml.clone());
        }
        let told = find("EventOutcomeDescription").and_then(|node| node.text()).unwrap_or_default();
        if let Some(id) = between(told, "message-id \"urn:uuid:", "\"") {
            let kind = code("EventTypeCode").unwrap().to_owned();
            self.kinds.entry(id.to_owned()).or_default().push(kind);
        }
    }

    /// The journal has what it must have of a request.
    pub(crate) fn holds(&self, told: &Told) {
        let kinds = self.kinds.get(&told.message_id).map_or(&[][..], Vec::as_slice);
        match told.ending {
            Ending::Answered | Ending::BrokenOff => {
                for kind in told.question.records() {
                    assert!(kinds.iter().any(|found| found == kind), "{told:?} left {kinds:?}");
                }
            }
            Ending::Refused => assert!(kinds.is_empty(), "{told:?} left {kinds:?}"),
            // recorded, and then the gateway died before it could speak
            Ending::Nothing => {}
        }
    }

    /// What shows of a parcel was announced before, and named afterwards where the load was acknowledged.
    pub(crate) fn holds_load(&self, parcel: &Parcel, acknowledged: bool) {
        let folder = parcel.folder.display().to_string();
        let of_it: Vec<_> = self.loads.iter().filter(|text| text.contains(&folder)).collect();
        assert!(of_it.iter().any(|text| text.contains("load begins")), "{folder}");
        for paper in parcel.papers().iter().filter(|_| acknowledged) {
            let named = format!("ParticipantObjectID=\"{}\"", paper.unique_id);
            assert!(of_it.iter().any(|text| text.contains(&named)), "{named}");
        }
    }

    /// How many loads were recorded as stopped by the store.
    pub(crate) fn loads_stopped(&self) -> usize {
        self.loads.iter().filter(|text| text.contains("EventOutcomeIndicator=\"12\"")).count()
    }

    /// Waits until the receiver has all that was read of the journal: in order, byte for byte, some of it repeatedly.
    pub(crate) fn arrives(&mut self, house: &House) {
        let mut log = File::open(house.layout.received()).unwrap();
        let all = self.digests.len();
        until("every record arrives", || {
            let mut fresh = Vec::new();
            log.seek(SeekFrom::Start(self.offset)).unwrap();
            log.read_to_end(&mut fresh).unwrap();
            let whole = fresh.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            for line in fresh[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
            {
                self.receive(house, line);
            }
            self.offset += u64::try_from(whole).unwrap();
            (self.received >= all).then_some(())
        });
    }

    fn receive(&mut self, house: &House, line: &[u8]) {
        let text = str::from_utf8(line).unwrap();
        let (name, seq) = record_id(text).expect(text);
        if name != self.name {
            return;
        }
        // recorded since, and recorded before it was sent
        if seq > self.digests.len() {
            self.read(house);
        }
        assert!(seq <= self.received + 1, "{seq} comes before {}", self.received + 1);
        assert_eq!(sha256(line), self.digests[seq - 1], "not as it stands in the journal: {text}");
        if seq == self.received + 1 {
            self.received = seq;
        } else {
            self.again += 1;
        }
    }
}

/// The journal's name and the record's number.
fn record_id(text: &str) -> Option<(&str, usize)> {
    let (name, seq) = between(text, "record-id ", "<")?.split_once('/')?;
    Some((name, seq.parse().ok()?))
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}
