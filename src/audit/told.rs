//! A record as a person reads it: what its AuditMessage says, in a few fields.

use std::fmt;

use super::Record;
use crate::clock::Timestamp;
use crate::xml::{self, Bounds, Node, attribute, text};

/// What one record says.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// EventID, such as `110112`.
    pub id: String,
    /// EventTypeCode, such as `ITI-38`; empty where there is none.
    pub kind: String,
    /// EventOutcomeIndicator: 0, 4, 8 or 12.
    pub outcome: String,
    /// UserID of the person who asked; of the node that did where nobody is vouched for.
    pub requestor: String,
    /// UserID of the node that asked; empty where a person did so here.
    pub node: String,
    /// The patients it names.
    pub patients: Vec<String>,
    /// EventOutcomeDescription.
    pub description: String,
}

impl Told {
    /// Reads a record; `None` for one that is no AuditMessage.
    #[must_use]
    pub fn read(record: &Record) -> Option<Self> {
        let document = message(record)?;
        let root = document.root();
        let first = |name: &'static str| named(root, name).next();
        let code = |name: &'static str| {
            let code = first(name).and_then(|node| attribute(node, "csd-code"));
            code.unwrap_or_default().to_owned()
        };
        let event = first("EventIdentification")?;
        let asks = |node: &Node<'_, '_>| attribute(*node, "UserIsRequestor") == Some("true");
        let user = |node: &Node<'_, '_>| attribute(*node, "UserID").map(str::to_owned);
        // of those who ask, a person alone has no place in the network
        let is_node = |node: &Node<'_, '_>| attribute(*node, "NetworkAccessPointID").is_some();
        let asking: Vec<_> = named(root, "ActiveParticipant").filter(asks).collect();
        let node = asking.iter().find(|one| is_node(one)).and_then(user);
        let person = asking.iter().find(|one| !is_node(one)).and_then(user);
        // a person and a patient are what they are by type and role (DICOM PS3.15 A.5.1)
        let is_patient = |node: &Node<'_, '_>| {
            attribute(*node, "ParticipantObjectTypeCode") == Some("1")
                && attribute(*node, "ParticipantObjectTypeCodeRole") == Some("1")
        };
        let patient = |node| attribute(node, "ParticipantObjectID").map(str::to_owned);
        Some(Self {
            seq: record.seq,
            at: record.at,
            id: code("EventID"),
            kind: code("EventTypeCode"),
            outcome: attribute(event, "EventOutcomeIndicator").unwrap_or_default().to_owned(),
            requestor: person.or_else(|| node.clone()).unwrap_or_default(),
            node: node.unwrap_or_default(),
            patients: named(root, "ParticipantObjectIdentification")
                .filter(is_patient)
                .filter_map(patient)
                .collect(),
            description: first("EventOutcomeDescription")
                .map(|node| text(node).into_owned())
                .unwrap_or_default(),
        })
    }
}

/// The AuditMessage of a record as XML, without the syslog head.
#[must_use]
pub fn xml_of(record: &Record) -> Option<&str> {
    let message = str::from_utf8(&record.message).ok()?;
    message.find("<?xml").and_then(|at| message.get(at..))
}

fn message(record: &Record) -> Option<xml::Document<'_>> {
    xml::parse(xml_of(record)?, Bounds::REQUEST).ok()
}

fn named<'d, 'i: 'd>(root: Node<'d, 'i>, name: &'d str) -> impl Iterator<Item = Node<'d, 'i>> + 'd {
    root.descendants().filter(move |node| node.is_element() && node.tag_name().name() == name)
}

/// Patients and users stay out of logs.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told")
            .field("seq", &self.seq)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Endpoint, Event, Outcome, Peer, Query, Requestor, Source, Transaction};

    #[test]
    fn a_record_tells_what_was_recorded() {
        let at = Timestamp::from_micros(1_790_000_000_000_000);
        let gateway =
            Endpoint { uri: "https://gw.example".to_owned(), host: "gw.example".to_owned() };
        let source = Source {
            enterprise_site: "2.999.1".to_owned(),
            id: "gw".to_owned(),
            host: "gw.example".to_owned(),
            process_id: 1,
        };
        let mut event = Event::application_start(at, &gateway);
        event.outcome = event.outcome.noting("all < is well");
        let message = format!("<85>1 - {}", event.to_dicom(&source)).into();
        let told = Told::read(&Record { seq: 7, at, message }).unwrap();
        assert_eq!((told.seq, told.id.as_str(), told.kind.as_str()), (7, "110100", "110120"));
        assert_eq!((told.outcome.as_str(), told.description.as_str()), ("0", "all < is well"));
        assert!(told.patients.is_empty());
        let no_xml = Record { seq: 1, at, message: "<85>1 no xml".into() };
        assert_eq!(Told::read(&no_xml), None);

        let mut transaction = Transaction {
            at,
            requestor: Some(Requestor { user_id: "dr.x".to_owned(), ..Requestor::default() }),
            peer: Peer { id: "CN=riverside".to_owned(), address: "192.0.2.1".parse().unwrap() },
            endpoint: gateway,
            purposes: Vec::new(),
            message_id: None,
            notes: Vec::new(),
        };
        let who = |transaction: &Transaction| {
            let event = Event::query(transaction, &Query::default(), Outcome::success());
            let message = format!("<85>1 - {}", event.to_dicom(&source)).into();
            let told = Told::read(&Record { seq: 7, at, message }).unwrap();
            (told.requestor, told.node)
        };
        assert_eq!(who(&transaction), ("dr.x".to_owned(), "CN=riverside".to_owned()));
        transaction.requestor = None;
        assert_eq!(who(&transaction), ("CN=riverside".to_owned(), "CN=riverside".to_owned()));
    }
}
