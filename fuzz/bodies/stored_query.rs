//! Bodies of ITI-38 requests.

use glassgate::client;
use glassgate::xds::{
    Author, Entry, Query, QueryRequest, ReturnType, Searched, StoredQuery, as_written,
    query_request, read_query, write_list, write_string,
};
use glassgate::xml::{self, Bounds, Node, ns, parse};

const AUTHOR: &str = "$XDSDocumentEntryAuthorPerson";

/// What is asked reads the same as our client would write it; values of any text are asked for as they are.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    values(text);
    let Ok(document) = parse(text, Bounds::REQUEST) else { return };
    let stated = as_written(document.root());
    let Ok(asked) = read_query(document.root()) else { return };
    assert_eq!(stated.home, asked.home);
    assert_eq!(stated.patient.as_ref(), asked.patient());
    assert_eq!(stated.id.map(|id| id.trim().to_ascii_lowercase()).as_deref(), Some(asked.id()));
    assert!(!asked.needs_home() || asked.home().is_some());
    matches(&asked, &Searched::default());

    let slots = slots(document.root());
    let written = query_request(asked.stored, asked.home(), asked.return_type, &slots);
    assert_eq!(read(&written), Some(asked));
}

fn matches(asked: &QueryRequest, entry: &Searched<'_>) -> bool {
    match &asked.query {
        Query::FindDocuments(find) => find.matches(entry),
        Query::GetDocuments(get) => get.matches(entry),
        Query::Empty(_) => false,
    }
}

fn read(body: &str) -> Option<QueryRequest> {
    let document = parse(body, Bounds::REQUEST).ok()?;
    read_query(document.root()).ok()
}

/// Every slot with its Values, undecoded.
fn slots(root: Node<'_, '_>) -> Vec<(String, Vec<String>)> {
    let query = xml::only_child(root, ns::RIM, "AdhocQuery").expect("it was read");
    let slot = |slot| {
        let lists = xml::children(slot, ns::RIM, "ValueList");
        let values = lists.flat_map(|list| xml::children(list, ns::RIM, "Value"));
        let values = values.map(|value| xml::text(value).into_owned()).collect();
        (xml::attribute(slot, "name").unwrap_or_default().to_owned(), values)
    };
    xml::children(query, ns::RIM, "Slot").map(slot).collect()
}

/// The lines of a text as values of a parameter, in one list, in lists of our client's length, and each by itself.
fn values(text: &str) {
    let fits = |line: &&str| {
        line.len() < 80 && line.chars().all(|c| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    let lines: Vec<&str> = text.split('\n').filter(fits).take(8).collect();
    let find = || client::Query::find_documents("P-1^^^&2.999.1.3&ISO");
    let listed = read(&find().list(AUTHOR, &lines).body());
    // a text that spells `xmlns` too often is no request
    let Some(listed) = listed else { return assert!(text.contains("xmlns")) };
    let each = lines.iter().map(|line| write_string(line)).collect();
    assert_eq!(read(&find().written(AUTHOR, each).body()).as_ref(), Some(&listed));
    for line in &lines {
        let author = Author { person: Some((*line).to_owned()), ..Author::default() };
        let entry = Entry { authors: vec![author], ..Entry::default() };
        let stored = Searched::from(&entry).write().expect("it is stored so");
        let entry = Searched::read(&stored).expect("we wrote it");
        assert!(matches(&listed, &entry), "{line:?} is asked for and not found");
    }
    let lists = lines.iter().map(|line| write_list(&[line])).collect();
    assert_eq!(read(&find().written(AUTHOR, lists).body()).as_ref(), Some(&listed));
    assert_eq!(
        (listed.stored, listed.return_type),
        (StoredQuery::FindDocuments, ReturnType::LeafClass)
    );
}
