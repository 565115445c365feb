use super::{Config, OpenError, Operator};
use crate::audit::review::{self, Evidence, Filter, Item, Judgement, Reviews, Verdict};
use crate::audit::{self, Event};
use crate::clock::{Clock, SystemClock};

/// Why reviews cannot be shown or judged.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The journal.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What cannot be put on record is neither shown nor done.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The items.
    #[error(transparent)]
    Review(#[from] review::Error),
}

/// An item with all that belongs to it.
#[derive(Debug)]
pub struct Dossier {
    /// The item.
    pub item: Item,
    /// What came of each request.
    pub evidence: Vec<Evidence>,
    /// What was made of it.
    pub judgements: Vec<Judgement>,
}

impl Config {
    /// Lists reviews, once that is on record.
    pub fn reviews(&self, operator: &Operator, filter: &Filter) -> Result<Vec<Item>, ReviewError> {
        let items = Reviews::open(&self.reviews)?.list(filter)?;
        let what = format!("{} reviews of break-glass listed", items.len());
        self.looked_at(operator, &what, filter.patient.as_ref())?;
        Ok(items)
    }

    /// Shows one review, once that is on record.
    pub fn review(&self, operator: &Operator, id: i64) -> Result<Dossier, ReviewError> {
        let reviews = Reviews::open(&self.reviews)?;
        let item = reviews.item(id)?.ok_or(review::Error::Unknown(id))?;
        let (evidence, judgements) = (reviews.evidence(id)?, reviews.judgements(id)?);
        let what = format!("review {id} of break-glass shown");
        self.looked_at(operator, &what, item.patient.as_ref())?;
        Ok(Dossier { item, evidence, judgements })
    }

    /// Judges a break-glass, once that is on record.
    pub fn judge(
        &self,
        operator: &Operator,
        id: i64,
        verdict: Verdict,
        note: Option<String>,
        rationale: Option<String>,
    ) -> Result<Item, ReviewError> {
        let journal = self.journal()?;
        let at = SystemClock.now();
        let account = operator.account().to_owned();
        let judgement = Judgement { at, operator: account, verdict, note, rationale };
        Reviews::open(&self.reviews)?.judge(id, &judgement, |item| {
            let event = Event::review_judged(&self.operated(operator), item, &judgement);
            let _receipt = journal.record_blocking(at, &[event])?;
            Ok(())
        })
    }

    fn looked_at(
        &self,
        operator: &Operator,
        what: &str,
        patient: Option<&crate::ids::PatientId>,
    ) -> Result<(), ReviewError> {
        let log = format!("file://{}", self.reviews.path.display());
        let event = Event::audit_log_used(&self.operated(operator), &log, what, patient);
        let _receipt = self.journal()?.record_blocking(SystemClock.now(), &[event])?;
        Ok(())
    }
}
