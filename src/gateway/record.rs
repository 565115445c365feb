//! From outcome to durable record to reply: the way out, the same for both transactions.

use std::sync::Arc;

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
        self: &Arc<Self>,
        transaction: Transaction,
        peer: &Peer,
        content_type: Option<&str>,
        refused: Refused,
    ) -> Result<Reply, Unavailable> {
        let visit = Visit::begin(self, transaction, peer, content_type)?;
        self.fail(visit, Failure::Http(refused)).await
    }

    /// Records a failure and answers it.
    pub(super) async fn fail(
        self: &Arc<Self>,
        mut visit: Visit,
        failure: Failure,
    ) -> Result<Reply, Unavailable> {
        let receipt = match self.counted(&mut visit, &failure).await? {
            Some(receipt) => {
                drop(self.count(&visit, failure.label()));
                receipt
            }
            None => self.record_failure(&mut visit, &failure).await?,
        };
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
            Wire::Body(error) => {
                let mut errors = vec![error.at(&self.settings.home)];
                errors.extend(visit.warned.then(|| self.not_honoured()));
                match visit.transaction {
                    Transaction::Query => iti38::failure(self, &visit, receipt, &errors),
                    Transaction::Retrieve => iti39::failure(self, &visit, receipt, &errors),
                }
            }
        })
    }

    async fn record_failure(
        &self,
        visit: &mut Visit,
        failure: &Failure,
    ) -> Result<Receipt, Unavailable> {
        let outcome = match failure.gravity() {
            Gravity::Serious => Outcome::serious(failure.reason()),
            Gravity::Major => Outcome::major(failure.reason()),
        };
        let mut events = std::mem::take(&mut visit.alerts);
        if let Some(why) = visit.refused {
            let patient = visit.query.patient.as_ref();
            events.push(Event::override_refused(&visit.transaction(), patient, why.reason()));
            self.count_break_glass(visit, "not-honoured");
        }
        events.extend(match failure {
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
        });
        self.record(visit, events, failure.label()).await
    }

    fn count<'g>(&'g self, visit: &Visit, outcome: &'static str) -> Count<'g> {
        let labels = TransactionLabels {
            transaction: visit.transaction.name(),
            partner: visit.partner_label(),
            outcome,
        };
        Count { metrics: &self.metrics, labels }
    }

    /// Makes the records durable; without them there is no answer.
    pub(super) async fn record(
        &self,
        visit: &Visit,
        events: Vec<Event>,
        outcome: &'static str,
    ) -> Result<Receipt, Unavailable> {
        let mut count = self.count(visit, outcome);
        self.journal.record(visit.at, &events).await.map_err(|error| {
            // whatever was decided, nobody hears of it
            count.labels.outcome = "not-recorded";
            error!(%error, "no audit record, so no answer");
            Unavailable
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
