//! From outcome to durable record to reply: the way out, the same for both transactions.

use std::sync::Arc;

use tokio::runtime::Handle;
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
    pub(super) visit: Visit,
    pub(super) answer: Answer,
    pub(super) receipt: Result<Receipt, Unavailable>,
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
        let (done, recorded) = oneshot::channel();
        self.turn_away(visit, &Failure::Http(refused), done, &Handle::current());
        self.recorded(recorded).await
    }

    /// What a failure is recorded as, and its answer.
    pub(super) fn refusal(&self, visit: &mut Visit, failure: &Failure) -> Drafted {
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
        let answer = Self::refused(failure, visit.transaction);
        Drafted { events, outcome: failure.label(), room: visit.room(), answer }
    }

    /// The answer to a failure.
    pub(super) fn refused(failure: &Failure, transaction: Transaction) -> Answer {
        let (reason, wire) = (failure.label(), failure.wire(transaction));
        let answer = move |gateway: &Arc<Self>, visit: &Visit, receipt| {
            info!(
                transaction = visit.transaction.name(),
                partner = visit.partner_label(),
                message_id = visit.message_id.as_deref().unwrap_or("-"),
                reason,
                "refused"
            );
            let error = match wire {
                Wire::Fault(fault) => {
                    let envelope = fault.envelope(visit.message_id.as_deref());
                    let action = transaction.response_action();
                    return visit.pack(receipt, fault.http_status(), action, envelope);
                }
                Wire::Body(error) => error.at(&gateway.settings.home),
            };
            let warning = visit.warned.then(|| gateway.not_honoured());
            let errors: Vec<_> = std::iter::once(error).chain(warning).collect();
            match transaction {
                Transaction::Query => iti38::failure(gateway, visit, receipt, &errors),
                Transaction::Retrieve => iti39::failure(gateway, visit, receipt, &errors),
            }
        };
        Box::new(answer)
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
        let labels = labels(&visit, outcome);
        let metrics = Arc::clone(&self.metrics);
        if !is_remembered(&mut visit) {
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
    pub(super) fn turn_away_unread(&self, visit: Visit, done: oneshot::Sender<Recorded>) {
        let receipt = Err(self.busy(&visit));
        let answer = Self::refused(&Failure::Busy, visit.transaction);
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

/// Waits until what must not be used again is remembered; blocks.
pub(super) fn is_remembered(visit: &mut Visit) -> bool {
    let pending = std::mem::take(&mut visit.pending);
    let Err(error) = pending.into_iter().try_for_each(Pending::wait) else { return true };
    error!(%error, "an assertion for one time is not remembered, so no answer");
    false
}

pub(super) fn labels(visit: &Visit, outcome: &'static str) -> TransactionLabels {
    let transaction = visit.transaction.name();
    TransactionLabels { transaction, partner: visit.partner_label(), outcome }
}

/// Counts a transaction, whether or not its sender still waits.
pub(super) fn count(metrics: &Metrics, mut labels: TransactionLabels, recorded: bool) {
    if !recorded {
        // whatever was decided, nobody hears of it
        labels.outcome = "not-recorded";
    }
    metrics.transactions.get_or_create(&labels).inc();
}
