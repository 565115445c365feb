//! From outcome to durable record to reply: the way out, the same for both transactions.

use tracing::{error, info};

use super::failure::{Failure, Gravity, Refused, Wire};
use super::reply::{Reply, Unavailable};
use super::visit::Visit;
use super::{Gateway, Transaction, iti38, iti39};
use crate::audit::{Event, Outcome, Receipt};
use crate::metrics::{Metrics, TransactionLabels};
use crate::saml::Peer;

impl Gateway {
    /// Turns away what was never read as a request.
    pub async fn refuse(
        &self,
        transaction: Transaction,
        peer: &Peer,
        content_type: Option<&str>,
        refused: Refused,
    ) -> Result<Reply, Unavailable> {
        let visit = Visit::begin(self, transaction, peer, content_type)?;
        let failure = if self.crowded(&visit) { Failure::Busy } else { Failure::Http(refused) };
        self.fail(visit, failure).await
    }

    /// Records a failure and answers it.
    pub(super) async fn fail(
        &self,
        mut visit: Visit,
        failure: Failure,
    ) -> Result<Reply, Unavailable> {
        if matches!(failure, Failure::Busy) {
            self.turn_away(&visit);
            return Err(Unavailable::Busy { retry_after_s: 1 });
        }
        let outcome = match failure.gravity() {
            Gravity::Serious => Outcome::serious(failure.reason()),
            Gravity::Major => Outcome::major(failure.reason()),
        };
        let mut events = match &failure {
            Failure::Untrusted(untrusted) => {
                vec![Event::user_authentication_failure(&visit.authentication_failure(untrusted))]
            }
            _ => match visit.transaction {
                Transaction::Query => {
                    vec![Event::query(&visit.transaction(), &visit.query, outcome)]
                }
                Transaction::Retrieve => {
                    Event::retrieve(&visit.transaction(), None, &visit.documents, &outcome)
                }
            },
        };
        events.extend(self.alert(&visit, &failure));
        let receipt = self.record(&mut visit, events, failure.label()).await?;
        info!(
            transaction = visit.transaction.name(),
            partner = visit.partner_label(),
            message_id = visit.message_id.as_deref().unwrap_or("-"),
            reason = failure.label(),
            "refused"
        );
        Ok(match failure.wire(visit.transaction) {
            Wire::Fault(fault) => {
                let envelope = fault.envelope(visit.message_id.as_deref());
                let action = visit.transaction.response_action();
                visit.pack(receipt, fault.http_status(), action, envelope)
            }
            Wire::Body(error) => match visit.transaction {
                Transaction::Query => iti38::failure(self, &visit, receipt, error),
                Transaction::Retrieve => iti39::failure(self, &visit, receipt, error),
            },
        })
    }

    /// Makes the records durable; without them there is no answer, nor while a used assertion could be used again.
    pub(super) async fn record(
        &self,
        visit: &mut Visit,
        events: Vec<Event>,
        outcome: &'static str,
    ) -> Result<Receipt, Unavailable> {
        let labels = TransactionLabels {
            transaction: visit.transaction.name(),
            partner: visit.partner_label(),
            outcome,
        };
        let mut count = Count { metrics: &self.metrics, labels };
        if let Some(pending) = visit.pending.take() {
            pending.written().await.map_err(|error| {
                count.labels.outcome = "not-recorded";
                error!(%error, "an assertion for one time is not remembered, so no answer");
                Unavailable::NotRecorded
            })?;
        }
        self.journal.record(visit.at, &events).await.map_err(|error| {
            // whatever was decided, nobody hears of it
            count.labels.outcome = "not-recorded";
            error!(%error, "no audit record, so no answer");
            Unavailable::NotRecorded
        })
    }
}

/// Counts a transaction when it is dropped: a sender that hangs up during the commit ends the wait, not the record.
struct Count<'g> {
    metrics: &'g Metrics,
    labels: TransactionLabels,
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.metrics.transactions.get_or_create(&self.labels).inc();
    }
}
