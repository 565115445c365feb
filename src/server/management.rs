use std::sync::Arc;

use axum::Router;
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tracing::warn;

use crate::audit::delivery::{Delivery, Standing};
use crate::gateway::Gateway;
use crate::metrics::{Metrics, TargetLabels};

/// What health and metrics look at.
#[derive(Clone)]
pub(super) struct State {
    pub(super) gateway: Arc<Gateway>,
    pub(super) delivery: Arc<Delivery>,
}

/// Health and metrics, in plain HTTP on a loopback address.
pub(super) async fn serve(listener: TcpListener, state: State) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state);
    if let Err(error) = axum::serve(listener, router).await {
        warn!(%error, "the management listener ended");
    }
}

async fn ready(Extract(state): Extract<State>) -> Response {
    match state.gateway.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(what) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {what}\n")).into_response()
        }
    }
}

async fn metrics(Extract(state): Extract<State>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    // reading how targets stand asks the journal, which blocks
    let text = tokio::task::spawn_blocking(move || {
        let metrics = state.gateway.metrics();
        for standing in state.delivery.standing().unwrap_or_default() {
            show(metrics, standing);
        }
        metrics.encode()
    });
    match text.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn show(metrics: &Metrics, standing: Standing) {
    let labels = TargetLabels { target: standing.target };
    for (gauge, number) in [
        (&metrics.audit_backlog, standing.backlog),
        (&metrics.audit_sent, standing.sent),
        (&metrics.audit_confirmed, standing.confirmed),
        (&metrics.audit_skipped, standing.skipped),
        (&metrics.audit_failures, standing.failures),
        (&metrics.audit_connected, u64::from(standing.connected)),
    ] {
        gauge.get_or_create(&labels).set(i64::try_from(number).unwrap_or(i64::MAX));
    }
}
