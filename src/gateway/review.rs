//! What a privacy office hears of break-glass: review items, what is overdue, who declares too often.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::{error, warn};

use super::Gateway;
use super::visit::Visit;
use crate::audit::review::{Document, Evidence, Glass};
use crate::audit::{self, Event};
use crate::ids::PatientId;
use crate::limits;
use crate::policy::{self, Access, BreakGlass, Declared, NotHonoured, Over};

/// How often a look is taken at what is due; reviews are due in hours.
const LOOK: Duration = Duration::from_secs(60);
/// How long an answer waits for the file of reviews; all requests share a few threads.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long where another had to give up, and was not yet made up for.
const LITTLE_PATIENCE: Duration = Duration::from_millis(5);

impl Gateway {
    /// Counts a declaration that is honoured, tells where there are too many, and holds it back where the domain says so.
    pub(super) fn watch_rate(&self, access: Access, visit: &mut Visit) -> Access {
        if !matches!(access.break_glass(), BreakGlass::Honoured(_)) {
            return access;
        }
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = access.principal().claims();
        let declaration = policy::Declaration::of(claims, visit.query.patient.clone());
        let over = rates.count(declaration, visit.at);
        let blocked = rates.block() && !over.is_empty();
        drop(rates);
        let shared = visit.transaction();
        let told = over.iter().filter(|over| over.tell);
        let alerts = told.map(|over| Event::unusual_rate(&shared, &unusual(over), blocked));
        visit.alerts.extend(alerts);
        if blocked { access.held_back(NotHonoured::Rate) } else { access }
    }

    /// Opens the reviews of a request, or adds to those that are open; the answer never waits long for a file that
    /// fails or that others hold, since the journal has it all.
    pub(super) fn open_reviews(&self, all: Vec<Glass>) -> Vec<Option<i64>> {
        if all.is_empty() {
            return Vec::new();
        }
        let unopened = || self.unopened.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = if unopened().is_empty() { PATIENCE } else { LITTLE_PATIENCE };
        match self.reviews.note_within(&all, patience) {
            Ok(ids) => ids.into_iter().map(Some).collect(),
            Err(error) => {
                error!(%error, "a review of break-glass could not be opened; it is tried again");
                let mut unopened = unopened();
                let room = limits::UNOPENED_REVIEWS.saturating_sub(unopened.len());
                let (count, lost) = (all.len(), all.len().saturating_sub(room));
                if lost > 0 {
                    error!(lost, "reviews of break-glass are not tried again: too many wait");
                }
                unopened.extend(all.into_iter().take(room));
                vec![None; count]
            }
        }
    }

    /// Looks after reviews until the gateway is gone; needs a tokio runtime.
    pub fn look_after_reviews(self: &Arc<Self>) {
        let gateway = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(gateway) = gateway.upgrade() {
                let looking = tokio::task::spawn_blocking(move || gateway.tell_overdue());
                let _cut_short = looking.await;
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Opens what could not be opened, and puts each overdue review on record once; blocks.
    pub fn tell_overdue(&self) {
        self.open_unopened();
        let now = self.clock.now();
        let told = self.reviews.overdue(now).and_then(|items| {
            for item in items {
                let event = Event::review_overdue(now, &self.program(), &item);
                match self.journal.record_blocking(now, &[event]) {
                    Ok(_receipt) => self.reviews.escalated(item.id, now)?,
                    Err(error) => {
                        error!(%error, "an overdue review is not on record");
                        return Ok(());
                    }
                }
                warn!(review = item.id, "a review of break-glass is overdue");
            }
            Ok(())
        });
        if let Err(error) = told {
            error!(%error, "nobody knows which reviews of break-glass are overdue");
        }
    }

    /// Tries once more, up to the first that fails; no answer waits for it.
    fn open_unopened(&self) {
        let unopened = || self.unopened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = std::mem::take(&mut *unopened()).into_iter();
        while let Some(glass) = waiting.next() {
            if self.reviews.note(&glass).is_err() {
                unopened().extend(std::iter::once(glass).chain(waiting));
                return;
            }
        }
    }

    /// Counts what was declared before the last start.
    pub(super) fn remember_rates(&self, window: Duration) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        match self.reviews.since(self.clock.now().minus(window)) {
            Ok(known) => {
                for one in known {
                    let declaration = policy::Declaration {
                        partner: one.partner,
                        issuer: one.issuer,
                        subject: one.subject,
                        organization: one.organization,
                        assertion_id: one.assertion_id,
                        patient: one.patient,
                    };
                    let _told_then = rates.count(declaration, one.at);
                }
            }
            Err(error) => error!(%error, "break-glass before this start is not counted"),
        }
    }
}

/// A break-glass as its review shows it: what it released, or why nothing.
pub(super) fn glass(
    visit: &Visit,
    access: &Access,
    declared: &Declared,
    patient: Option<&PatientId>,
    came_of_it: Result<&[audit::Released], String>,
) -> Glass {
    let claims = access.principal().claims();
    let (documents, in_vain) = match came_of_it {
        Ok(released) => (released.iter().map(document).collect(), None),
        Err(why) => (Vec::new(), Some(why)),
    };
    Glass {
        partner: claims.partner.clone(),
        issuer: claims.issuer.clone(),
        subject: claims.subject.clone(),
        user_name: access.principal().user_name(),
        organization: policy::Declaration::of(claims, None).organization,
        patient: patient.cloned(),
        declared: declared.as_received.code.clone(),
        rationale: declared.rationale.clone(),
        evidence: Evidence {
            at: visit.at,
            transaction: visit.transaction.name().to_owned(),
            message_id: visit.message_id.clone(),
            assertion_id: claims.declaration_id().to_owned(),
            documents,
            in_vain,
        },
    }
}

fn document(released: &audit::Released) -> Document {
    Document {
        unique_id: released.document.unique_id.clone(),
        labels: released.labels.clone(),
        rules: released.rules.iter().map(ToString::to_string).collect(),
        grounds: released.grounds.clone(),
    }
}

fn unusual(over: &Over) -> String {
    let Over { whose, count, limit, .. } = over;
    let kind = whose.kind();
    format!("break-glass was declared {count} times of late by one {kind}; {limit} are usual")
}
