use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::gateway::{Arrival, Gateway, Refused, Reply, ReplyBody, Transaction, Unavailable};
use crate::limits;
use crate::saml::Peer;
use crate::soap::{self, Fault, FaultKind};

/// What answers, and how long a request's body may take.
#[derive(Clone)]
struct Served {
    gateway: Arc<Gateway>,
    body_time: Duration,
}

/// The transactions' paths; all else is not found, and no transaction either.
pub(super) fn router(gateway: Arc<Gateway>, body_time: Duration) -> Router {
    Router::new()
        .route(Transaction::Query.path(), any(query))
        .route(Transaction::Retrieve.path(), any(retrieve))
        .fallback(|| async { fault(StatusCode::NOT_FOUND, FaultKind::NotFound) })
        .with_state(Served { gateway, body_time })
}

async fn query(
    State(served): State<Served>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response {
    transact(&served, Transaction::Query, &peer, request).await
}

async fn retrieve(
    State(served): State<Served>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response {
    transact(&served, Transaction::Retrieve, &peer, request).await
}

async fn transact(
    Served { gateway, body_time }: &Served,
    transaction: Transaction,
    peer: &Peer,
    request: Request,
) -> Response {
    let wsdl = request.uri().query().is_some_and(|q| q.eq_ignore_ascii_case("wsdl"));
    if wsdl && request.method() == Method::GET {
        let content_type = [(header::CONTENT_TYPE, "text/xml; charset=UTF-8")];
        return (content_type, gateway.wsdl(transaction)).into_response();
    }
    // several headers of that name make none that can be read
    let content_types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let content_types: Vec<_> = content_types.map(|value| value.to_str().unwrap_or("")).collect();
    let content_type = (!content_types.is_empty()).then(|| content_types.join(", "));
    let refuse = |refused| gateway.refuse(transaction, peer, content_type.as_deref(), refused);
    let reply = if request.method() == Method::POST {
        match timeout(*body_time, read_body(request.into_body())).await {
            Ok(Ok(body)) => {
                let (peer, content_type) = (peer.clone(), content_type.clone());
                gateway.answer(transaction, Arrival { peer, content_type, body }).await
            }
            Ok(Err(refused)) => refuse(refused).await,
            Err(_) => refuse(Refused::TooSlow).await,
        }
    } else {
        refuse(Refused::Method).await
    };
    match reply {
        Ok(reply) => respond(reply),
        // the journal cannot record: nothing of the transaction may be said
        Err(Unavailable::NotRecorded) => {
            fault(StatusCode::SERVICE_UNAVAILABLE, FaultKind::Receiver)
        }
        Err(Unavailable::Busy { retry_after_s }) => {
            let mut response = fault(StatusCode::SERVICE_UNAVAILABLE, FaultKind::Receiver);
            let seconds = HeaderValue::from(retry_after_s);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            response
        }
    }
}

/// Keeps at most [`limits::REQUEST_BYTES`]; what follows is read past, so that the sender hears why it is refused.
async fn read_body(body: Body) -> Result<Bytes, Refused> {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    let mut count = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refused::Broken)?;
        count = count.saturating_add(chunk.len());
        if count <= limits::REQUEST_BYTES {
            whole.extend_from_slice(&chunk);
        } else if count <= limits::DISCARDED_BYTES {
            whole = BytesMut::new();
        } else {
            break;
        }
    }
    if count > limits::REQUEST_BYTES { Err(Refused::TooLarge) } else { Ok(whole.freeze()) }
}

fn respond(reply: Reply) -> Response {
    let (status, content_type, length, body) = reply.into_parts();
    let body = match body {
        ReplyBody::Whole(bytes) => Body::from(bytes),
        ReplyBody::Stream(transfer) => Body::from_stream(transfer),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == 405 {
        // the WSDL comes by GET (RFC 9110 15.5.6)
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

/// A fault outside of any transaction.
fn fault(status: StatusCode, kind: FaultKind) -> Response {
    let content_type = [(header::CONTENT_TYPE, soap::SIMPLE_CONTENT_TYPE)];
    (status, content_type, Fault::from(kind).envelope(None)).into_response()
}
