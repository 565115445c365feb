//! ITI-38, seen from the responding gateway (ITI TF-2 3.38.4.1.4, 3.18.5.1.2).

use std::fmt;

use super::Transaction;
use crate::audit::fit::sha256_hex;
use crate::audit::{Action, Event, Object, Outcome, code};
use crate::ids::PatientId;

/// Bytes of a query that a record quotes: real ones have 2 KB, one by 100 document ids 6; in base64 it takes 15 KB.
const QUERY_BYTES: usize = 11 * 1024;

/// A query as it was asked.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// The patient, where the query names one.
    pub patient: Option<PatientId>,
    /// The stored query's `urn:uuid:`, or what stood in its place.
    pub id: String,
    /// The AdhocQueryRequest element as XML.
    pub request: String,
    /// homeCommunityId with `urn:oid:`, where known.
    pub home: Option<String>,
}

/// The query holds patient ids, which stay out of logs.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Event {
    /// A cross gateway query, answered or refused.
    #[must_use]
    pub fn query(transaction: &Transaction, query: &Query, outcome: Outcome) -> Self {
        let peer = transaction.peer.participant(Some(code::SOURCE), true);
        let gateway = transaction.endpoint.participant(code::DESTINATION);
        let objects = query.patient.iter().map(Object::patient).chain([object(query)]).collect();
        transaction.event(
            code::QUERY,
            code::ITI_38,
            Action::Execute,
            outcome,
            [peer, gateway],
            objects,
        )
    }
}

fn object(query: &Query) -> Object {
    let mut object =
        Object::query(&query.id, code::ITI_38).with_detail("QueryEncoding", "UTF-8".to_owned());
    if let Some(home) = &query.home {
        object = object.with_detail("urn:ihe:iti:xca:2010:homeCommunityId", home.clone());
    }
    let longest = QUERY_BYTES.min(query.request.len());
    let quoted = (0..=longest).rev().find_map(|end| query.request.get(..end)).unwrap_or_default();
    if quoted.len() < query.request.len() {
        let (all, digest) = (query.request.len(), sha256_hex(&query.request));
        let cut = format!("first {} of {all} bytes, sha-256 {digest}", quoted.len());
        object = object.with_detail("query-cut", cut);
    }
    object.query = Some(quoted.to_owned());
    object
}
