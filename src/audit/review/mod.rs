//! What a privacy office looks at: an item for each break-glass that was allowed, with what came of it.
//!
//! The items lie in an SQLite file of their own. The journal stays the record of what happened; an item is where people
//! say what they think of it.

mod error;
mod item;
mod schema;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::clock::Timestamp;
use crate::ids::PatientId;

pub use error::Error;
pub use item::{Document, Evidence, Filter, Glass, Item, Judgement, Known, State, Verdict};

/// How long a break-glass goes on: further requests of one user for one patient are evidence of the same.
pub const EPISODE: Duration = Duration::from_secs(12 * 3600);

/// How soon who cannot wait long looks again whether the items are free.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Where the items lie, and when they are due.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The SQLite file.
    pub path: PathBuf,
    /// How long after it was opened an item is due.
    pub due: Duration,
}

/// All review items; other processes may work on them at the same time.
pub struct Reviews {
    connection: Mutex<Connection>,
    due: Duration,
}

impl Reviews {
    /// Opens the items, and makes the file where there is none.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let connection = Mutex::new(schema::open(&settings.path)?);
        Ok(Self { connection, due: settings.due })
    }

    /// Opens an item for a break-glass, or adds to the one that is open for it; gives its number. Blocks.
    pub fn note(&self, glass: &Glass) -> Result<i64, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = self.noted(&transaction, glass)?;
        transaction.commit()?;
        Ok(id)
    }

    /// The same for all of a request, or for none, and for who cannot wait: whoever holds the items, here or in another
    /// process, makes it fail before long.
    pub fn note_within(&self, all: &[Glass], patience: Duration) -> Result<Vec<i64>, Error> {
        let mut connection = self.lock_within(patience)?;
        connection.busy_timeout(patience)?;
        let noted = self.all_noted(&mut connection, all);
        connection.busy_timeout(schema::BUSY_TIME)?;
        noted
    }

    fn all_noted(&self, connection: &mut Connection, all: &[Glass]) -> Result<Vec<i64>, Error> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids =
            all.iter().map(|glass| self.noted(&transaction, glass)).collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(ids)
    }

    fn noted(&self, transaction: &Transaction<'_>, glass: &Glass) -> Result<i64, Error> {
        let begin = glass.evidence.at.minus(EPISODE).micros();
        let patient = glass.patient.as_ref().map(ToString::to_string).unwrap_or_default();
        let who = params![glass.partner, glass.issuer, glass.subject, patient, begin];
        let open: Option<i64> = transaction
            .query_row(
                // an item whose delay was told is told of no more
                "SELECT id FROM item WHERE partner = ?1 AND issuer = ?2 AND subject = ?3
                   AND patient = ?4 AND opened > ?5 AND state = 'open' AND escalated IS NULL
                 ORDER BY id DESC LIMIT 1",
                who,
                |row| row.get(0),
            )
            .optional()?;
        let id = match open {
            Some(id) => {
                transaction.execute(
                    "UPDATE item SET rationale = coalesce(rationale, ?2) WHERE id = ?1",
                    params![id, glass.rationale],
                )?;
                id
            }
            None => {
                let at = glass.evidence.at;
                transaction.execute(
                    "INSERT INTO item (opened, due, state, partner, issuer, subject, user_name,
                       organization, patient, declared, rationale)
                     VALUES (?1, ?2, 'open', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    params![
                        at.micros(),
                        at.plus(self.due).micros(),
                        glass.partner,
                        glass.issuer,
                        glass.subject,
                        glass.user_name,
                        glass.organization,
                        patient,
                        glass.declared,
                        glass.rationale
                    ],
                )?;
                transaction.last_insert_rowid()
            }
        };
        item::add_evidence(transaction, id, &glass.evidence)?;
        Ok(id)
    }

    /// The items that a filter lets through, the oldest first.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Item>, Error> {
        item::list(&self.lock(), filter)
    }

    /// One item.
    pub fn item(&self, id: i64) -> Result<Option<Item>, Error> {
        item::find(&self.lock(), id)
    }

    /// What came of each request under an item, in order.
    pub fn evidence(&self, id: i64) -> Result<Vec<Evidence>, Error> {
        item::evidence(&self.lock(), id)
    }

    /// What people said of an item, in order.
    pub fn judgements(&self, id: i64) -> Result<Vec<Judgement>, Error> {
        item::judgements(&self.lock(), id)
    }

    /// Judges an item, unless `record` fails to put it on record first.
    pub fn judge<E: From<Error>>(
        &self,
        id: i64,
        judgement: &Judgement,
        record: impl FnOnce(&Item) -> Result<(), E>,
    ) -> Result<Item, E> {
        let mut connection = self.lock();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::from)?;
        let mut item = item::find(&transaction, id)?.ok_or(Error::Unknown(id))?;
        if item.state.is_final() {
            return Err(Error::Closed { id, state: item.state }.into());
        }
        item.rationale = item.rationale.or_else(|| judgement.rationale.clone());
        if judgement.verdict == Verdict::Justified && item.owes_rationale() {
            return Err(Error::RationaleOwed(id).into());
        }
        item.state = judgement.verdict.state();
        item::add_judgement(&transaction, &item, judgement)?;
        record(&item)?;
        transaction.commit().map_err(Error::from)?;
        Ok(item)
    }

    /// The items that are due and whose delay nobody was told of.
    pub fn overdue(&self, now: Timestamp) -> Result<Vec<Item>, Error> {
        item::overdue(&self.lock(), now)
    }

    /// Remembers that the delay of an item was told.
    pub fn escalated(&self, id: i64, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE item SET escalated = ?2 WHERE id = ?1";
        self.lock().execute(sql, params![id, now.micros()])?;
        Ok(())
    }

    /// Who declared break-glass since then, each piece of evidence in order of time.
    pub fn since(&self, begin: Timestamp) -> Result<Vec<Known>, Error> {
        item::since(&self.lock(), begin)
    }

    fn lock_within(&self, patience: Duration) -> Result<MutexGuard<'_, Connection>, Error> {
        let mut waited = Duration::ZERO;
        loop {
            match self.connection.try_lock() {
                Ok(connection) => return Ok(connection),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if waited >= patience => return Err(Error::Busy),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_AGAIN),
            }
            waited = waited.saturating_add(LOOK_AGAIN);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // a transaction that a panic cut short was undone
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reviews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reviews").field("due", &self.due).finish_non_exhaustive()
    }
}

/// How a patient of an item is written: nothing, where none is known.
fn patient(id: i64, text: &str) -> Result<Option<PatientId>, Error> {
    let read = (!text.is_empty()).then(|| PatientId::parse(text));
    read.transpose().map_err(|_| Error::Damaged(id))
}

#[cfg(test)]
mod tests;
