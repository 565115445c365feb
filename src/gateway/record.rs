//! From outcome to durable record to reply: the way out, the same for both transactions.

use tracing::{error, info};

use super::failure::{Failure, Gravity, Refused, Wire};
use super::reply::{Reply, Unavailable};
use super::visit::Visit;
use super::{Gateway, Transaction, iti38, iti39};
use crate::audit::{Event, Outcome, Receipt};
use crate::metrics::TransactionLabels;
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
        self.fail(visit, Failure::Http(refused)).await
    }

    /// Records a failure and answers it.
    pub(super) async fn fail(&self, visit: Visit, failure: Failure) -> Result<Reply, Unavailable> {
        let outcome = match failure.gravity() {
            Gravity::Serious => Outcome::serious(failure.reason()),
            Gravity::Major => Outcome::major(failure.reason()),
        };
        let events = match &failure {
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
        let receipt = self.record(&visit, events, failure.label()).await?;
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

    /// Makes the records durable; without them there is no answer.
    pub(super) async fn record(
        &self,
        visit: &Visit,
        events: Vec<Event>,
        outcome: &'static str,
    ) -> Result<Receipt, Unavailable> {
        let recorded = self.journal.record(visit.at, &events).await;
        let labels = TransactionLabels {
            transaction: visit.transaction.name(),
            partner: visit.partner_label(),
            // whatever was decided, nobody hears of it
            outcome: if recorded.is_ok() { outcome } else { "not-recorded" },
        };
        self.metrics.transactions.get_or_create(&labels).inc();
        recorded.map_err(|error| {
            error!(%error, "no audit record, so no answer");
            Unavailable
        })
    }
}
