//! A question with all that comes of it: status, body, records.

use glassgate::client::{Ask, Memory, Query, Raw, Retrieved};
use glassgate::demo::world::{self, Partner};
use glassgate::gateway::Transaction;
use glassgate::saml::issue::Order;
use glassgate::soap::{Message, Packaging, action};
use glassgate::xds::{
    DocumentRequest, QueryAnswer, ReportedError, RetrieveAnswer, Status, read_query_response,
    read_retrieve_response, retrieve_request,
};
use glassgate::xml::{self, Bounds, ns};

use crate::record::Record;
use crate::world::World;

/// What came back, and what the journal held when it did.
pub(crate) struct Asked<T> {
    pub(crate) raw: Raw,
    pub(crate) xml: String,
    pub(crate) answer: T,
    pub(crate) records: Vec<Record>,
}

impl World {
    /// Asks ITI-38 in the packaging that is right for it.
    pub(crate) async fn query(
        &self,
        partner: &Partner,
        order: &Order,
        query: &Query,
    ) -> Asked<QueryAnswer> {
        self.query_as(partner, &self.ask(partner, order), &query.body()).await
    }

    /// As [`World::query`], with an assertion and a body of the test's own.
    pub(crate) async fn query_as(
        &self,
        partner: &Partner,
        ask: &Ask,
        body: &str,
    ) -> Asked<QueryAnswer> {
        let raw = self.post(partner, ask, Transaction::Query, body, Packaging::Simple).await;
        assert_eq!(raw.status, 200);
        let xml = envelope(&raw);
        let answer = read_query_response(&xml).unwrap();
        Asked { raw, xml, answer, records: self.journalled(ask) }
    }

    /// Asks ITI-39 in the packaging that is right for it; the bytes are kept in memory.
    pub(crate) async fn retrieve(
        &self,
        partner: &Partner,
        order: &Order,
        documents: &[DocumentRequest],
    ) -> (Retrieved, Memory, Vec<Record>) {
        let ask = self.ask(partner, order);
        let mut memory = Memory::default();
        let answer = self.client(partner).retrieve(&ask, documents, &mut memory).await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.content_type.starts_with("multipart/related"), "{}", answer.content_type);
        (answer.outcome.answered().unwrap().clone(), memory, self.journalled(&ask))
    }

    /// Asks ITI-39 for a small answer and keeps it as it came.
    pub(crate) async fn retrieve_as(
        &self,
        partner: &Partner,
        ask: &Ask,
        documents: &[DocumentRequest],
        packaging: Packaging,
    ) -> Asked<RetrieveAnswer> {
        let body = retrieve_request(documents);
        let raw = self.post(partner, ask, Transaction::Retrieve, &body, packaging).await;
        assert_eq!(raw.status, 200);
        let xml = envelope(&raw);
        let document = xml::parse(&xml, Bounds::REQUEST).unwrap();
        let body = xml::only_child(document.root(), ns::SOAP, "Body").unwrap();
        let answer = read_retrieve_response(body.first_element_child().unwrap()).unwrap();
        Asked { raw, xml, answer, records: self.journalled(ask) }
    }

    /// Posts a body and takes whatever comes.
    pub(crate) async fn post(
        &self,
        partner: &Partner,
        ask: &Ask,
        transaction: Transaction,
        body: &str,
        packaging: Packaging,
    ) -> Raw {
        let action = match transaction {
            Transaction::Query => action::QUERY,
            Transaction::Retrieve => action::RETRIEVE,
        };
        let url = format!("{}{}", self.stage.url, transaction.path());
        self.client(partner).post(&url, ask.entity(action, &url, body, packaging)).await.unwrap()
    }

    /// The records of a request that are durable now; all of them are, once it is answered.
    pub(crate) fn journalled(&self, ask: &Ask) -> Vec<Record> {
        let mut seen = self.seen.lock().unwrap();
        loop {
            let fresh = self.journal.after(u64::try_from(seen.len()).unwrap(), 1_000).unwrap();
            if fresh.is_empty() {
                break;
            }
            seen.extend(fresh.into_iter().map(|r| String::from_utf8(r.message.into()).unwrap()));
        }
        let about = seen.iter().filter(|message| message.contains(&ask.message_id));
        about.map(|message| Record::read(message)).collect()
    }
}

/// The envelope, whatever it is packed in.
pub(crate) fn envelope(raw: &Raw) -> String {
    Message::unpack(Some(&raw.content_type), raw.body.clone()).unwrap().xml().to_owned()
}

/// A request for a document of ours.
pub(crate) fn document(id: &str) -> DocumentRequest {
    DocumentRequest {
        home: Some(world::HOME.to_owned()),
        repository: world::REPOSITORY.to_owned(),
        document: id.to_owned(),
    }
}

/// A request for a patient's document by its number.
pub(crate) fn numbered(patient: u32, n: u32) -> DocumentRequest {
    document(&world::document_id(patient, n))
}

/// Codes of errors and warnings in their order; each must name us as its place.
pub(crate) fn codes(errors: &[ReportedError]) -> Vec<&str> {
    for error in errors {
        assert_eq!(error.location.as_deref(), Some(world::HOME));
    }
    errors.iter().map(|error| error.code.as_str()).collect()
}

/// Unique ids in the answer's order.
pub(crate) fn unique_ids(answer: &QueryAnswer) -> Vec<&str> {
    answer.documents.iter().map(|document| document.unique_id.as_str()).collect()
}

/// The numbers of a patient's documents in an answer without errors, sorted.
pub(crate) fn numbers(answer: &QueryAnswer) -> Vec<u32> {
    assert_eq!(answer.status, Status::Success);
    let number = |id: &str| id.rsplit_once('.').and_then(|(_, n)| n.parse().ok()).unwrap();
    let mut numbers: Vec<u32> = unique_ids(answer).into_iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Lower-case UUIDs become zeros: a MessageID and a boundary differ from request to request.
pub(crate) fn without_uuids(bytes: &[u8]) -> String {
    const NIL: &str = "00000000-0000-0000-0000-000000000000";
    let mut text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut at = 0;
    while at + NIL.len() <= text.len() {
        let here = at..at + NIL.len();
        if text.get(here.clone()).is_some_and(is_uuid) {
            text.replace_range(here.clone(), NIL);
            at = here.end;
        } else {
            at += 1;
        }
    }
    text
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    })
}
