//! An audit record as tests look at it.

use roxmltree::{Document, Node};

/// What a record says, in the words of DICOM PS3.15 A.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// EventTypeCode.
    pub(crate) kind: String,
    /// EventOutcomeIndicator.
    pub(crate) outcome: String,
    /// EventOutcomeDescription.
    pub(crate) description: String,
    /// The codes of PurposeOfUse.
    pub(crate) purposes: Vec<String>,
    /// The ids of objects whose role is patient (1).
    pub(crate) patients: Vec<String>,
    /// The ids of objects whose role is report (3).
    pub(crate) documents: Vec<String>,
    /// The ids of objects whose role is query (24).
    pub(crate) queries: Vec<String>,
}

impl Record {
    /// Reads a syslog message.
    pub(crate) fn read(message: &str) -> Self {
        let xml = message.split_once("<?xml").map(|(_, rest)| format!("<?xml{rest}")).unwrap();
        let document = Document::parse(&xml).unwrap();
        let event = child(document.root_element(), "EventIdentification").unwrap();
        let codes = |name: &str| {
            let found = event.children().filter(|node| node.has_tag_name(name));
            found.map(|node| attribute(node, "csd-code")).collect::<Vec<_>>()
        };
        let objects = |role: &str| {
            let all = document.root_element().children();
            let found = all
                .filter(|node| node.has_tag_name("ParticipantObjectIdentification"))
                .filter(|node| attribute(*node, "ParticipantObjectTypeCodeRole") == role);
            found.map(|node| attribute(node, "ParticipantObjectID")).collect()
        };
        Self {
            kind: codes("EventTypeCode").concat(),
            outcome: attribute(event, "EventOutcomeIndicator"),
            description: child(event, "EventOutcomeDescription")
                .and_then(|node| node.text().map(str::to_owned))
                .unwrap_or_default(),
            purposes: codes("PurposeOfUse"),
            patients: objects("1"),
            documents: objects("3"),
            queries: objects("24"),
        }
    }

    /// Kind and outcome.
    pub(crate) fn is(&self, kind: &str, outcome: &str) -> bool {
        self.kind == kind && self.outcome == outcome
    }
}

/// Kind and outcome of each.
pub(crate) fn kinds(records: &[Record]) -> Vec<(&str, &str)> {
    records.iter().map(|record| (record.kind.as_str(), record.outcome.as_str())).collect()
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name).unwrap_or_default().to_owned()
}
