//! ITI-39, Cross Gateway Retrieve (ITI TF-2 3.39).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use tracing::{error, info};

use super::disclosure::{Disclosed, Disclosure, Wanted};
use super::failure::Failure;
use super::record::Drafted;
use super::reply::{Reply, Unavailable};
use super::transfer::{Piece, Progress, Transfer};
use super::visit::Visit;
use super::{Arrival, Gateway, Settings, Transaction};
use crate::audit::{self, Event, Receipt, Retrieved, Room};
use crate::ids::{DocumentId, HomeCommunityId, PatientId, RepositoryId};
use crate::metrics::PartnerLabels;
use crate::repository::{Content, Items};
use crate::soap;
use crate::xds::{
    self, DocumentRequest, DocumentResponse, ErrorCode, Placement, RegistryError, RetrieveRequest,
};
use crate::xml::Node;

/// Answers a retrieve.
pub(super) async fn answer(gateway: &Arc<Gateway>, arrival: Arrival) -> Result<Reply, Unavailable> {
    let visit = Visit::begin(
        gateway,
        Transaction::Retrieve,
        &arrival.peer,
        arrival.content_type.as_deref(),
    )?;
    let fetch = move |gateway: &Arc<Gateway>, visit: &mut Visit| fetch(gateway, &arrival, visit);
    gateway.work(visit, fetch).await
}

/// The stages in their order.
fn fetch(gateway: &Gateway, arrival: &Arrival, visit: &mut Visit) -> Result<Drafted, Failure> {
    let read = |body: Node<'_, '_>| Ok(xds::read_retrieve(body)?);
    let (access, request) = gateway.admit(arrival, visit, note, read)?;
    let disclosure = gateway.disclose(visit, &access, &wanted(gateway, &request))?;
    visit.notes.extend(disclosure.notes.iter().map(ToString::to_string));
    let settled = gateway.settle(&request, &disclosure);
    let opened = gateway.open(&request, settled);
    let delivered: Vec<_> = opened.iter().flatten().map(|o| Arc::clone(&o.disclosed)).collect();
    let effect = gateway.weigh(visit, &access, &delivered, &disclosure.withheld);

    // the transaction's own records come last: who has seen them has seen all
    let mut events = effect.events;
    events.extend(Event::retrieved(&visit.transaction(), &retrieved(&opened, &visit.documents)));
    let mut errors: Vec<RegistryError> = Vec::new();
    let mut documents = Vec::new();
    for (request, opened) in request.documents.into_iter().zip(opened) {
        match opened {
            Ok(opened) => documents.push(Document { request, opened }),
            Err(missing) => errors.push(missing.error),
        }
    }
    errors.extend(effect.warning);
    Ok(fetched(documents, errors, events, effect.room))
}

/// What audit knows of the request, whatever becomes of it.
pub(super) fn note(body: Node<'_, '_>, visit: &mut Visit) {
    let Ok(request) = xds::read_retrieve(body) else { return };
    visit.documents = request.documents.iter().map(asked).collect();
}

fn asked(request: &DocumentRequest) -> audit::Document {
    audit::Document {
        unique_id: request.document.clone(),
        repository: request.repository.clone(),
        home: request.home.clone(),
    }
}

/// Whether any document of the request would be looked for here.
pub(super) fn rehearse(settings: &Settings, body: Node<'_, '_>) -> Result<(), Failure> {
    let request = xds::read_retrieve(body)?;
    let mut outcomes = request.documents.iter().map(|document| settings.own(document));
    let first = outcomes.next().unwrap_or(Ok(()));
    if first.is_err() && !outcomes.any(|outcome| outcome.is_ok()) {
        return Ok(first?);
    }
    Ok(())
}

/// The documents that are ours to look for.
fn wanted(gateway: &Gateway, request: &RetrieveRequest) -> Wanted {
    let ours = request.documents.iter().filter(|document| gateway.settings.own(document).is_ok());
    let mut ids: Vec<_> = ours.filter_map(|d| DocumentId::parse(&d.document).ok()).collect();
    ids.sort();
    ids.dedup();
    Wanted::Items(Items::UniqueIds(ids))
}

/// A Failure in the transaction's own words.
pub(super) fn failure(
    gateway: &Gateway,
    visit: &Visit,
    receipt: Receipt,
    error: RegistryError,
) -> Reply {
    let home = &gateway.settings.home;
    let body = xds::retrieve_response(home, &[error.at(home)], &[]);
    visit.answer(receipt, visit.envelope(body.len(), |out| out.push_str(&body)))
}

/// A document that is not delivered: what the sender hears, the true reason, and whose it is if that is known.
struct Missing {
    error: RegistryError,
    reason: String,
    patient: Option<PatientId>,
}

/// A document that is, with its bytes.
struct Opened {
    disclosed: Arc<Disclosed>,
    content: Content,
}

impl Gateway {
    /// Settles each requested document; withheld, foreign and unknown ones get the same error.
    fn settle(
        &self,
        request: &RetrieveRequest,
        disclosure: &Disclosure,
    ) -> Vec<Result<Arc<Disclosed>, Missing>> {
        let released: HashMap<&str, &Arc<Disclosed>> =
            disclosure.released.iter().map(|d| (d.entry.unique_id.as_str(), d)).collect();
        let settle = |document: &DocumentRequest| {
            if let Err(error) = self.settings.own(document) {
                let reason = error.context.clone();
                return Err(Missing {
                    error: error.at(&self.settings.home),
                    reason,
                    patient: None,
                });
            }
            let id = DocumentId::parse(&document.document).ok();
            let found = id.as_ref().and_then(|id| released.get(id.as_str()));
            if let Some(disclosed) = found {
                return Ok(Arc::clone(disclosed));
            }
            let withheld = id.as_ref().and_then(|id| {
                disclosure.withheld.iter().find(|withheld| withheld.unique_id == id.as_str())
            });
            let reason = withheld.map_or("no such document for this request", |w| w.why.as_str());
            Err(self.missing(document, reason, withheld.map(|w| w.patient.clone())))
        };
        request.documents.iter().map(settle).collect()
    }

    fn missing(
        &self,
        document: &DocumentRequest,
        reason: &str,
        patient: Option<PatientId>,
    ) -> Missing {
        let error = RegistryError::document_unavailable(&document.document, &self.settings.home);
        Missing { error, reason: reason.to_owned(), patient }
    }

    /// Opens what may leave; a document that cannot be read spoils no other.
    fn open(
        &self,
        request: &RetrieveRequest,
        settled: Vec<Result<Arc<Disclosed>, Missing>>,
    ) -> Vec<Result<Opened, Missing>> {
        let open = |(document, settled): (&DocumentRequest, Result<Arc<Disclosed>, Missing>)| {
            let disclosed = settled?;
            match self.open_one(&disclosed) {
                Ok(content) => Ok(Opened { disclosed, content }),
                Err(reason) => {
                    Err(self.missing(document, &reason, Some(disclosed.patient.clone())))
                }
            }
        };
        request.documents.iter().zip(settled).map(open).collect()
    }

    /// The bytes that were decided on, or why they cannot be had.
    fn open_one(&self, disclosed: &Disclosed) -> Result<Content, String> {
        match self.repository.open(&disclosed.permit) {
            Ok(Some(content)) if content.sha1_hex == disclosed.entry.sha1_hex => Ok(content),
            Ok(Some(_)) => Err("the document changed while it was decided on".to_owned()),
            Ok(None) => Err("the document went while it was decided on".to_owned()),
            Err(error) => {
                error!(%error, "a stored document cannot be read");
                Err(error.to_string())
            }
        }
    }
}

impl Settings {
    /// Whether a request means our community and our repository.
    fn own(&self, document: &DocumentRequest) -> Result<(), RegistryError> {
        if let Some(error) = document.incomplete() {
            return Err(error);
        }
        let home = document.home.as_deref().map(HomeCommunityId::parse);
        let repository = RepositoryId::parse(&document.repository);
        let (code, context) = match (home, repository) {
            (Some(Ok(home)), Ok(id)) if home == self.home && id == self.repository => {
                return Ok(());
            }
            (Some(Ok(home)), _) if home == self.home => {
                (ErrorCode::XDSUnknownRepositoryId, "RepositoryUniqueId is not known here")
            }
            _ => (ErrorCode::XDSUnknownCommunity, "HomeCommunityId is not reached here"),
        };
        Err(RegistryError::new(code, context))
    }
}

/// The outcome of each document as audit records it, with the patient where one is known here.
fn retrieved(opened: &[Result<Opened, Missing>], requested: &[audit::Document]) -> Vec<Retrieved> {
    let outcome = |(document, opened): (&audit::Document, &Result<Opened, Missing>)| {
        let (patient, failure) = match opened {
            Ok(opened) => (Some(opened.disclosed.patient.clone()), None),
            Err(missing) => (missing.patient.clone(), Some(missing.reason.clone())),
        };
        Retrieved { document: document.clone(), patient, failure }
    };
    requested.iter().zip(opened).map(outcome).collect()
}

/// A document that is about to leave.
struct Document {
    request: DocumentRequest,
    opened: Opened,
}

impl Document {
    fn mime_type(&self) -> &str {
        &self.opened.disclosed.entry.mime_type
    }
}

/// The answer, and what is recorded of it.
fn fetched(
    documents: Vec<Document>,
    errors: Vec<RegistryError>,
    events: Vec<Event>,
    room: Room,
) -> Drafted {
    let outcome = match (documents.is_empty(), errors.is_empty()) {
        (_, true) => "success",
        (false, false) => "partial",
        (true, false) => "document-unavailable",
    };
    let answer = move |gateway: &Arc<Gateway>, visit: &Visit, receipt| {
        let labels = PartnerLabels { partner: visit.partner_label() };
        let count = u64::try_from(documents.len()).unwrap_or(u64::MAX);
        gateway.metrics.documents.get_or_create(&labels).inc_by(count);
        info!(
            transaction = visit.transaction.name(),
            partner = visit.partner_label(),
            message_id = visit.message_id.as_deref().unwrap_or("-"),
            documents = count,
            errors = errors.len(),
            "answered"
        );
        assemble(gateway, visit, receipt, documents, &errors)
    };
    Drafted { events, outcome, room, answer: Box::new(answer) }
}

/// The envelope, and the documents as parts of it or in base64 inside it.
fn assemble(
    gateway: &Arc<Gateway>,
    visit: &Visit,
    receipt: Receipt,
    documents: Vec<Document>,
    errors: &[RegistryError],
) -> Reply {
    // a fresh UUID, so no request can hold it: the envelope is cut where it stands
    let place = |n: usize| match visit.multipart {
        true => Placement::Part(visit.mime.href(n)),
        false => Placement::Text(visit.mime.content_id(n)),
    };
    let responses: Vec<DocumentResponse<'_>> = documents
        .iter()
        .enumerate()
        .map(|(n, document)| DocumentResponse {
            request: &document.request,
            mime_type: document.mime_type(),
            placement: place(n),
        })
        .collect();
    let body = xds::retrieve_response(&gateway.settings.home, errors, &responses);
    let envelope = visit.envelope(body.len(), |out| out.push_str(&body));
    if documents.is_empty() {
        return visit.answer(receipt, envelope);
    }
    let aborted = aborted(gateway, visit, &documents);
    if visit.multipart {
        let mut pieces = vec![Piece::Bytes(visit.mime.root(&envelope))];
        for (n, document) in documents.into_iter().enumerate() {
            pieces.push(Piece::Bytes(visit.mime.part_head(n, document.mime_type())));
            pieces.push(Piece::Raw(document.opened.content));
        }
        pieces.push(Piece::Bytes(visit.mime.end()));
        let content_type = visit.mime.content_type(visit.transaction.response_action());
        return Reply::stream(receipt, content_type, Transfer::new(pieces, aborted));
    }
    let mut pieces = Vec::new();
    let mut rest = envelope.as_str();
    for (n, document) in documents.into_iter().enumerate() {
        let Some((before, after)) = rest.split_once(&visit.mime.content_id(n)) else { break };
        pieces.push(Piece::Bytes(Bytes::from(before.to_owned())));
        pieces.push(Piece::Base64(document.opened.content));
        rest = after;
    }
    pieces.push(Piece::Bytes(Bytes::from(rest.to_owned())));
    Reply::stream(receipt, soap::SIMPLE_CONTENT_TYPE.to_owned(), Transfer::new(pieces, aborted))
}

/// What happens when the transfer breaks off: a record for each patient, after the one of the answer.
fn aborted(
    gateway: &Arc<Gateway>,
    visit: &Visit,
    documents: &[Document],
) -> impl FnOnce(Progress) + Send + Sync + 'static {
    let gateway = Arc::clone(gateway);
    let mut transaction = visit.transaction();
    let mut patients: BTreeMap<PatientId, Vec<audit::Document>> = BTreeMap::new();
    for document in documents {
        let patient = document.opened.disclosed.patient.clone();
        patients.entry(patient).or_default().push(asked(&document.request));
    }
    move |progress| {
        transaction.at = gateway.clock.now();
        let events = patients.iter().flat_map(|(patient, documents)| {
            let Progress { sent, length } = progress;
            Event::transfer_failed(&transaction, Some(patient), documents, sent, length)
        });
        gateway.metrics.transfers_aborted.inc();
        gateway.report_now(&events.collect::<Vec<_>>());
    }
}
