//! From outcome to durable record to reply: the way out, the same for both transactions.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{error, info};

use super::failure::{Failure, Gravity, Refused, Wire};
use super::reply::{Reply, Unavailable};
use super::visit::Visit;
use super::{Gateway, Transaction, iti38, iti39};
use crate::audit::{Event, Outcome, Receipt, Room};
use crate::metrics::{Metrics, TransactionLabels};
use crate::saml::{Peer, Pending};

/// What is to be recorded, and the answer that then may leave.
pub(super) struct Drafted {
    pub(super) events: Vec<Event>,
    /// The metric's label.
    pub(super) outcome: &'static str,
    /// Whether an answer to break-glass depends on the record.
    pub(super) room: Room,
    pub(super) answer: Answer,
}

/// Builds the answer, once there is a receipt for it.
pub(super) type Answer = Box<dyn FnOnce(&Arc<Gateway>, &Visit, Receipt) -> Reply + Send>;

/// What the committer hands back: all of it at once, so that the request's task wakes up once.
pub(super) struct Recorded {
    visit: Visit,
    answer: Answer,
    receipt: Result<Receipt, Unavailable>,
}

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
        if self.crowded(&visit) {
            return Err(self.busy(&visit));
        }
        let drafted = self.refusal(&visit, &Failure::Http(refused));
        let (done, recorded) = oneshot::channel();
        self.hand_over(visit, drafted, done);
        self.recorded(recorded).await
    }

    /// What a failure is recorded as, and its answer.
    pub(super) fn refusal(&self, visit: &Visit, failure: &Failure) -> Drafted {
        let outcome = match failure.gravity() {
            Gravity::Serious => Outcome::serious(failure.reason()),
            Gravity::Major => Outcome::major(failure.reason()),
        };
        let mut events = match failure {
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
        events.extend(self.alert(visit, failure));
        let (reason, wire) = (failure.label(), failure.wire(visit.transaction));
        let answer = move |gateway: &Arc<Self>, visit: &Visit, receipt| {
            info!(
                transaction = visit.transaction.name(),
                partner = visit.partner_label(),
                message_id = visit.message_id.as_deref().unwrap_or("-"),
                reason,
                "refused"
            );
            match (wire, visit.transaction) {
                (Wire::Fault(fault), transaction) => {
                    let envelope = fault.envelope(visit.message_id.as_deref());
                    let action = transaction.response_action();
                    visit.pack(receipt, fault.http_status(), action, envelope)
                }
                (Wire::Body(error), Transaction::Query) => {
                    iti38::failure(gateway, visit, receipt, error)
                }
                (Wire::Body(error), Transaction::Retrieve) => {
                    iti39::failure(gateway, visit, receipt, error)
                }
            }
        };
        Drafted { events, outcome: reason, room: Room::Ordinary, answer: Box::new(answer) }
    }

    /// Gives the records to the journal, after what must not be used again is remembered; visit, answer and receipt
    /// come back together.
    pub(super) fn hand_over(
        &self,
        mut visit: Visit,
        drafted: Drafted,
        done: oneshot::Sender<Recorded>,
    ) {
        let Drafted { events, outcome, room, answer } = drafted;
        let labels = TransactionLabels {
            transaction: visit.transaction.name(),
            partner: visit.partner_label(),
            outcome,
        };
        let metrics = Arc::clone(&self.metrics);
        if let Some(Err(error)) = visit.pending.take().map(Pending::wait) {
            error!(%error, "an assertion for one time is not remembered, so no answer");
            count(&metrics, labels, false);
            let receipt = Err(Unavailable::NotRecorded);
            let _gone = done.send(Recorded { visit, answer, receipt });
            return;
        }
        self.journal.hand_over(visit.at, &events, room, move |receipt| {
            let receipt = receipt.map_err(|error| {
                error!(%error, "no audit record, so no answer");
                Unavailable::NotRecorded
            });
            count(&metrics, labels, receipt.is_ok());
            // a sender that hangs up during the commit ends the wait, not the record
            let _gone = done.send(Recorded { visit, answer, receipt });
        });
    }

    /// Turns a request away that was not looked at: there is no record of it but in the next alert.
    pub(super) fn turn_away(&self, visit: Visit, done: oneshot::Sender<Recorded>) {
        let receipt = Err(self.busy(&visit));
        let answer = self.refusal(&visit, &Failure::Busy).answer;
        let _gone = done.send(Recorded { visit, answer, receipt });
    }

    /// Waits for the records; without them there is no answer.
    pub(super) async fn recorded(
        self: &Arc<Self>,
        recorded: oneshot::Receiver<Recorded>,
    ) -> Result<Reply, Unavailable> {
        let recorded = recorded.await.map_err(|_| {
            error!("the request was dropped, so no answer");
            Unavailable::NotRecorded
        })?;
        let Recorded { visit, answer, receipt } = recorded;
        Ok(answer(self, &visit, receipt?))
    }
}

/// Counts a transaction, whether or not its sender still waits.
fn count(metrics: &Metrics, mut labels: TransactionLabels, recorded: bool) {
    if !recorded {
        // whatever was decided, nobody hears of it
        labels.outcome = "not-recorded";
    }
    metrics.transactions.get_or_create(&labels).inc();
}
