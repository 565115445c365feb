//! ITI-38, Cross Gateway Query (ITI TF-2 3.38).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::info;

use super::disclosure::{Disclosed, Disclosure, Wanted, high_water};
use super::failure::Failure;
use super::glass::Effect;
use super::record::Drafted;
use super::reply::{Reply, Unavailable};
use super::visit::Visit;
use super::{Arrival, Gateway, Settings, Transaction, UnknownPatient};
use crate::audit::{Event, Outcome, Receipt};
use crate::ids::HomeCommunityId;
use crate::limits;
use crate::policy::Access;
use crate::repository::{Criteria, Items, Status};
use crate::xds::{
    self, Availability, ErrorCode, Ids, Query, QueryRequest, RegistryError, ReturnType, Searched,
};
use crate::xml::{self, Node};

/// Answers a query.
pub(super) async fn answer(gateway: &Arc<Gateway>, arrival: Arrival) -> Result<Reply, Unavailable> {
    let visit =
        Visit::begin(gateway, Transaction::Query, &arrival.peer, arrival.content_type.as_deref())?;
    let find = move |gateway: &Arc<Gateway>, visit: &mut Visit| find(gateway, &arrival, visit);
    gateway.work(visit, find).await
}

/// The stages in their order.
fn find(gateway: &Gateway, arrival: &Arrival, visit: &mut Visit) -> Result<Drafted, Failure> {
    let read = |body: Node<'_, '_>| read(&gateway.settings, body);
    let (access, query) = gateway.admit(arrival, visit, note, read)?;
    let disclosure = match wanted(&query.query) {
        Some(wanted) => gateway.disclose(visit, &access, &wanted)?,
        None => Disclosure::default(),
    };
    let matching = matching(&query, &disclosure).and_then(|all| one_patient(&query, all));
    let matching = matching.inspect_err(|failure| {
        gateway.declared_for_an_error(visit, &access, &disclosure, failure);
    })?;
    let effect = weigh(gateway, visit, &access, &matching, &disclosure)?;
    if disclosure.nobody && gateway.settings.unknown_patient == UnknownPatient::Error {
        visit.alerts = effect.events;
        let context = "the patient is not known here";
        return Err(RegistryError::new(ErrorCode::XDSUnknownPatientId, context).into());
    }
    Ok(found(visit, &gateway.settings.home, &query, &matching, effect))
}

/// What audit knows of the query, whatever becomes of it.
pub(super) fn note(body: Node<'_, '_>, visit: &mut Visit) {
    let written = xds::as_written(body);
    visit.query.id = written.id.unwrap_or_default();
    visit.query.home = written.home;
    visit.query.patient = written.patient;
    visit.query.request =
        body.document().input_text().get(body.range()).unwrap_or_default().to_owned();
}

/// The query, which names our community if it names one.
pub(super) fn read(settings: &Settings, body: Node<'_, '_>) -> Result<QueryRequest, Failure> {
    let query = xds::read_query(body)?;
    match query.home() {
        Some(home) if HomeCommunityId::parse(home).as_ref() != Ok(&settings.home) => {
            let context = "home is not a community that is reached here";
            Err(RegistryError::new(ErrorCode::XDSUnknownCommunity, context).into())
        }
        _ => Ok(query),
    }
}

fn wanted(query: &Query) -> Option<Wanted> {
    match query {
        Query::FindDocuments(find) => {
            let criteria = Criteria::All {
                statuses: find.statuses().iter().map(|status| stored(*status)).collect(),
                created_from: find.created_from().map(str::to_owned),
                created_to: find.created_to().map(str::to_owned),
            };
            Some(Wanted::Patient(find.patient().clone(), criteria))
        }
        Query::GetDocuments(get) => Some(Wanted::Items(match get.ids() {
            Ids::EntryUuids(uuids) => Items::EntryUuids(uuids.clone()),
            Ids::UniqueIds(ids) => Items::UniqueIds(ids.clone()),
        })),
        Query::Empty(_) => None,
    }
}

fn stored(status: Availability) -> Status {
    match status {
        Availability::Approved => Status::Approved,
        Availability::Deprecated => Status::Deprecated,
    }
}

/// Of what may leave, what was asked for.
fn matching(query: &QueryRequest, disclosure: &Disclosure) -> Result<Vec<Arc<Disclosed>>, Failure> {
    let mut matching = Vec::new();
    for disclosed in &disclosure.released {
        let mut entry = Searched::read(&disclosed.entry.searched)
            .ok_or(Failure::Internal("a stored entry cannot be read; load it again"))?;
        // what is not shown is not found either
        if disclosed.level_alone {
            entry = entry.without_labels();
        }
        let matches = match &query.query {
            Query::FindDocuments(find) => find.matches(&entry),
            Query::GetDocuments(get) => get.matches(&entry),
            Query::Empty(_) => false,
        };
        if matches {
            matching.push(Arc::clone(disclosed));
        }
    }
    if matching.len() > limits::QUERY_ENTRIES {
        let context = "more documents than one answer may hold; narrow the query";
        return Err(RegistryError::new(ErrorCode::XDSTooManyResults, context).into());
    }
    Ok(matching)
}

/// Whole entries of several patients do not go into one answer (ITI TF-2 3.18.4.1.2.3.7).
fn one_patient(
    query: &QueryRequest,
    matching: Vec<Arc<Disclosed>>,
) -> Result<Vec<Arc<Disclosed>>, Failure> {
    let patients: BTreeSet<_> = matching.iter().map(|disclosed| &disclosed.patient).collect();
    if query.return_type == ReturnType::LeafClass && patients.len() > 1 {
        let context = "the documents belong to several patients; ask with returnType ObjectRef";
        return Err(RegistryError::new(ErrorCode::XDSResultNotSinglePatient, context).into());
    }
    Ok(matching)
}

fn weigh(
    gateway: &Gateway,
    visit: &mut Visit,
    access: &Access,
    matching: &[Arc<Disclosed>],
    disclosure: &Disclosure,
) -> Result<Effect, Failure> {
    visit.notes.extend(disclosure.remarks());
    visit.notes.extend(high_water(matching));
    gateway.weigh(visit, access, matching, disclosure)
}

/// The answer, and what is recorded of it.
fn found(
    visit: &Visit,
    home: &HomeCommunityId,
    query: &QueryRequest,
    matching: &[Arc<Disclosed>],
    effect: Effect,
) -> Drafted {
    let warnings = effect.warning.as_slice();
    let refs: Vec<String>;
    let written = query.home();
    let objects: Vec<Cow<'_, str>> = match query.return_type {
        ReturnType::LeafClass => {
            let named = |[first, rest]: [_; 2]| [named(first, home, written), Cow::Borrowed(rest)];
            matching.iter().flat_map(|d| named(shown(d))).collect()
        }
        ReturnType::ObjectRef => {
            let object_ref = |d: &Arc<Disclosed>| xds::object_ref(&d.entry.entry_uuid, home);
            refs = matching.iter().map(object_ref).collect();
            refs.iter().map(|text| named(text, home, written)).collect()
        }
    };
    // all of it is written once, in its place
    let room = objects.iter().map(|object| object.len()).sum::<usize>().saturating_add(1_024);
    let envelope = visit.envelope(room, |out| {
        xds::query_response(out, home, warnings, objects.iter().map(Cow::as_ref));
    });
    // the transaction's own record comes last: who has seen it has seen all
    let mut events = effect.events;
    events.push(Event::query(&visit.transaction(), &visit.query, Outcome::success()));
    let entries = matching.len();
    let answer = move |_: &Arc<Gateway>, visit: &Visit, receipt| {
        info!(
            transaction = visit.transaction.name(),
            partner = visit.partner_label(),
            message_id = visit.message_id.as_deref().unwrap_or("-"),
            entries,
            "answered"
        );
        visit.answer(receipt, envelope)
    };
    Drafted { events, outcome: "success", room: visit.room(), answer: Box::new(answer) }
}

/// Names our community as the request does: some senders compare the texts.
fn named<'t>(text: &'t str, home: &HomeCommunityId, written: Option<&str>) -> Cow<'t, str> {
    let Some(written) = written.filter(|written| *written != home.to_string()) else {
        return Cow::Borrowed(text);
    };
    let mut attribute = String::from(" home=\"");
    xml::escape_attribute(&mut attribute, written);
    attribute.push('"');
    // the first is the element's own: what stands in attributes before it is escaped
    Cow::Owned(text.replacen(&format!(" home=\"{home}\""), &attribute, 1))
}

/// An entry as the partner is shown it, in pieces: the labels that it is not shown are cut out.
fn shown(disclosed: &Disclosed) -> [&str; 2] {
    let whole = disclosed.entry.rendered.as_str();
    if !disclosed.level_alone {
        return [whole, ""];
    }
    let labels = disclosed.entry.labels.clone().unwrap_or_else(|| xds::labels_in(whole));
    let pieces = (whole.get(..labels.start), whole.get(labels.end..));
    let (Some(before), Some(after)) = pieces else { return ["", ""] };
    [before, after]
}

/// A Failure in the transaction's own words.
pub(super) fn failure(
    gateway: &Gateway,
    visit: &Visit,
    receipt: Receipt,
    errors: &[RegistryError],
) -> Reply {
    let home = &gateway.settings.home;
    visit.answer(receipt, visit.envelope(0, |out| xds::query_response(out, home, errors, [])))
}
