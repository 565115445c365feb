use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::clock::{Clock, SystemClock};
use crate::gateway::Gateway;
use crate::limits;
use crate::metrics::ResponderLabels;
use crate::saml::certificates::ocsp::{Answer, Inquiries, Inquiry, News, Unanswered};

/// How often it is looked at what is due; what is new is asked at once.
const LOOK: Duration = Duration::from_secs(5);

/// Asks responders about what is wanted or due, a few at once; no request waits for any of it.
pub(super) async fn ask(inquiries: Inquiries, gateway: Arc<Gateway>) {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .http1_only()
        .timeout(limits::OCSP_TIME)
        .build();
    let http = match http {
        Ok(http) => http,
        Err(error) => {
            error!(%error, "no OCSP responder can be asked");
            return;
        }
    };
    let (mut asking, mut crowded) = (JoinSet::new(), false);
    loop {
        let free = limits::OCSP_AT_ONCE.saturating_sub(asking.len());
        for inquiry in inquiries.due(SystemClock.now(), free) {
            asking.spawn(settle(http.clone(), inquiry, Arc::clone(&gateway)));
        }
        if inquiries.count() >= limits::OCSP_INQUIRIES && !crowded {
            warn!(limit = limits::OCSP_INQUIRIES, "OCSP leaves out further certificates");
        }
        crowded = inquiries.count() >= limits::OCSP_INQUIRIES;
        tokio::select! {
            () = inquiries.wanted() => {}
            Some(_told) = asking.join_next() => {}
            () = sleep(LOOK) => {}
        }
        while asking.try_join_next().is_some() {}
    }
}

/// Asks once, and tells metrics, and the log what is new.
async fn settle(http: reqwest::Client, inquiry: Arc<Inquiry>, gateway: Arc<Gateway>) {
    let heard = answer(&http, &inquiry).await;
    let news = inquiry.hear(heard.as_ref(), SystemClock.now());
    let responder = inquiry.responder().unwrap_or("-");
    let outcome = match &heard {
        Ok(answer) if answer.revoked => "revoked",
        Ok(_) => "good",
        Err(unanswered) => unanswered.code(),
    };
    let labels = ResponderLabels { responder: responder.to_owned(), outcome };
    gateway.metrics().ocsp_answers.get_or_create(&labels).inc();
    let certificate = inquiry.subject();
    match (news, &heard) {
        (News::Revoked, _) => {
            error!(certificate, responder, "revoked, as its OCSP responder says; it is refused");
        }
        (News::Restored, _) => {
            warn!(certificate, responder, "no longer revoked, as its OCSP responder says");
        }
        (News::Silent, Err(why)) => warn!(
            certificate,
            responder,
            %why,
            "the OCSP responder says nothing usable"
        ),
        _ => info!(certificate, responder, outcome, "OCSP responder asked"),
    }
}

async fn answer(http: &reqwest::Client, inquiry: &Inquiry) -> Result<Answer, Unanswered> {
    let responder = inquiry.responder().ok_or(Unanswered::NoResponder)?;
    let request = inquiry.request().map_err(|_| Unanswered::Unreadable)?;
    let asked = http
        .post(responder)
        .header(CONTENT_TYPE, "application/ocsp-request")
        .header(ACCEPT, "application/ocsp-response")
        .body(request);
    let mut response = asked.send().await.map_err(unreachable)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(Unanswered::Status(response.status().as_u16()));
    }
    let mut der = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if der.len().saturating_add(chunk.len()) > limits::OCSP_BYTES {
            return Err(Unanswered::TooLarge);
        }
        der.extend_from_slice(&chunk);
    }
    inquiry.judge(&der, SystemClock.now())
}

/// The innermost cause: reqwest's own text has the address, which is told beside it.
fn unreachable(error: reqwest::Error) -> Unanswered {
    if error.is_timeout() {
        return Unanswered::Unreachable(format!("not within {} s", limits::OCSP_TIME.as_secs()));
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Unanswered::Unreachable(cause.to_string())
}
