use std::fmt;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::{Error, patient};
use crate::clock::Timestamp;
use crate::ids::PatientId;

/// A break-glass that was declared and allowed, whatever came of it.
#[derive(Clone)]
pub struct Glass {
    /// The partner.
    pub partner: String,
    /// Who vouches for the user.
    pub issuer: String,
    /// The user as the issuer knows him.
    pub subject: String,
    /// The user as audit names him.
    pub user_name: String,
    /// His organization, where stated.
    pub organization: Option<String>,
    /// Whose documents, where that is known.
    pub patient: Option<PatientId>,
    /// The purpose that declared it, as received.
    pub declared: String,
    /// Why, where the assertion says it; else it is owed.
    pub rationale: Option<String>,
    /// What came of it.
    pub evidence: Evidence,
}

/// What came of one request under break-glass.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When.
    #[serde(skip, default = "epoch")]
    pub at: Timestamp,
    /// `ITI-38` or `ITI-39`.
    pub transaction: String,
    /// wsa:MessageID, which joins journal, log and answer.
    pub message_id: Option<String>,
    /// The assertion's id.
    pub assertion_id: String,
    /// The documents that only the override released, each with its labels and what was overridden for it.
    pub documents: Vec<Document>,
    /// Why there are none.
    #[serde(default)]
    pub in_vain: Option<String>,
}

/// A document that only the override released.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its uniqueId.
    pub unique_id: String,
    /// Its labels, as codes.
    pub labels: Vec<String>,
    /// The rules that withhold it for treatment.
    pub rules: Vec<String>,
    /// What the override rests on.
    #[serde(default)]
    pub grounds: Vec<String>,
}

fn epoch() -> Timestamp {
    Timestamp::from_micros(0)
}

/// One review.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub id: i64,
    /// When the break-glass was.
    pub opened: Timestamp,
    /// When it is due.
    pub due: Timestamp,
    /// How it stands.
    pub state: State,
    /// The partner.
    pub partner: String,
    /// Who vouches for the user.
    pub issuer: String,
    /// The user as the issuer knows him.
    pub subject: String,
    /// The user as audit names him.
    pub user_name: String,
    /// His organization, where stated.
    pub organization: Option<String>,
    /// Whose documents, where that is known.
    pub patient: Option<PatientId>,
    /// Whether anything was released that treatment does not get.
    pub is_override: bool,
    /// The purpose that declared it.
    pub declared: String,
    /// Why; `None` while it is owed.
    pub rationale: Option<String>,
    /// When its delay was told.
    pub escalated: Option<Timestamp>,
}

impl Item {
    /// Whether its reason is still to be given: where nothing was released, none is asked for.
    #[must_use]
    pub fn owes_rationale(&self) -> bool {
        self.is_override && self.rationale.is_none()
    }
}

/// A declaration that was known before.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    /// When.
    pub at: Timestamp,
    /// The partner.
    pub partner: String,
    /// Who vouches for the user.
    pub issuer: String,
    /// The user as the issuer knows him.
    pub subject: String,
    /// His organization, where stated.
    pub organization: Option<String>,
    /// The assertion's id.
    pub assertion_id: String,
    /// Whose documents, where that is known.
    pub patient: Option<PatientId>,
}

/// How an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody judged it.
    Open,
    /// Whoever judged it asks for more.
    NeedsInfo,
    /// It was necessary and appropriate.
    Justified,
    /// It was not.
    NotJustified,
}

impl State {
    const ALL: [Self; 4] = [Self::Open, Self::NeedsInfo, Self::Justified, Self::NotJustified];

    /// How it is written.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::NeedsInfo => "needs-info",
            Self::Justified => "justified",
            Self::NotJustified => "not-justified",
        }
    }

    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Justified | Self::NotJustified)
    }
}

/// What somebody makes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was necessary and appropriate.
    Justified,
    /// It was not.
    NotJustified,
    /// More must be known; the item is not closed by it.
    NeedsInfo,
}

impl Verdict {
    /// How an item stands after it.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Justified => State::Justified,
            Self::NotJustified => State::NotJustified,
            Self::NeedsInfo => State::NeedsInfo,
        }
    }
}

/// Who made what of an item.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// When.
    #[serde(skip, default = "epoch")]
    pub at: Timestamp,
    /// The operator.
    pub operator: String,
    /// What he makes of it.
    pub verdict: Verdict,
    /// What else he says.
    pub note: Option<String>,
    /// The reason for the break-glass, where it was owed.
    pub rationale: Option<String>,
}

/// Which items are wanted.
#[derive(Clone, Default)]
pub struct Filter {
    /// Closed ones too.
    pub all: bool,
    /// Of one patient.
    pub patient: Option<PatientId>,
    /// Of users whose name contains this.
    pub user: Option<String>,
    /// Opened since.
    pub since: Option<Timestamp>,
    /// Only those that released something.
    pub overrides: bool,
}

/// Users, patients and reasons stay out of logs.
macro_rules! reticent {
    ($($type:ident)*) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($type))
            }
        })*
    };
}

reticent! { Glass Evidence Document Item Known Judgement Filter }

/// Evidence that cannot be read may be of anything, so it counts as an override.
const COLUMNS: &str = "SELECT id, opened, due, state, partner, issuer, subject, user_name,
    organization, patient, declared, rationale, escalated,
    EXISTS (SELECT 1 FROM evidence WHERE evidence.item = item.id
      AND CASE WHEN json_valid(evidence.evidence)
        THEN json_array_length(evidence.evidence, '$.documents') IS NOT 0 ELSE 1 END) AS override
  FROM item";

pub(super) fn list(connection: &Connection, filter: &Filter) -> Result<Vec<Item>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "{COLUMNS} WHERE (?1 OR state IN ('open', 'needs-info')) AND (?2 IS NULL OR patient = ?2)
           AND (?3 IS NULL OR instr(user_name, ?3) > 0) AND (?4 IS NULL OR opened >= ?4)
           AND (override OR NOT ?5)
         ORDER BY id"
    ))?;
    let patient = filter.patient.as_ref().map(ToString::to_string);
    let since = filter.since.map(Timestamp::micros);
    read(statement.query(params![filter.all, patient, filter.user, since, filter.overrides])?)
}

pub(super) fn overdue(connection: &Connection, now: Timestamp) -> Result<Vec<Item>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "{COLUMNS} WHERE state IN ('open', 'needs-info') AND due <= ?1 AND escalated IS NULL
         ORDER BY id"
    ))?;
    read(statement.query([now.micros()])?)
}

pub(super) fn find(connection: &Connection, id: i64) -> Result<Option<Item>, Error> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?;
    Ok(read(statement.query([id])?)?.pop())
}

pub(super) fn since(connection: &Connection, begin: Timestamp) -> Result<Vec<Known>, Error> {
    let mut statement = connection.prepare(
        "SELECT item, at, evidence, partner, issuer, subject, organization, patient
         FROM evidence JOIN item ON item.id = item WHERE at > ?1 ORDER BY at",
    )?;
    let mut rows = statement.query([begin.micros()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // one that cannot be read costs no other
        let id = row.get(0)?;
        let Ok(evidence) = read_evidence(id, row.get(1)?, &row.get::<_, String>(2)?) else {
            continue;
        };
        found.push(Known {
            at: evidence.at,
            partner: row.get(3)?,
            issuer: row.get(4)?,
            subject: row.get(5)?,
            organization: row.get(6)?,
            assertion_id: evidence.assertion_id,
            patient: patient(id, &row.get::<_, String>(7)?).unwrap_or_default(),
        });
    }
    Ok(found)
}

pub(super) fn evidence(connection: &Connection, id: i64) -> Result<Vec<Evidence>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT at, evidence FROM evidence WHERE item = ?1 ORDER BY rowid")?;
    let mut rows = statement.query([id])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read_evidence(id, row.get(0)?, &row.get::<_, String>(1)?)?);
    }
    Ok(all)
}

fn read_evidence(id: i64, at: i64, json: &str) -> Result<Evidence, Error> {
    let evidence: Evidence = serde_json::from_str(json).map_err(|_| Error::Damaged(id))?;
    Ok(Evidence { at: Timestamp::from_micros(at), ..evidence })
}

pub(super) fn judgements(connection: &Connection, id: i64) -> Result<Vec<Judgement>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT at, judgement FROM judgement WHERE item = ?1 ORDER BY rowid")?;
    let mut rows = statement.query([id])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let judgement: Judgement =
            serde_json::from_str(&row.get::<_, String>(1)?).map_err(|_| Error::Damaged(id))?;
        all.push(Judgement { at: Timestamp::from_micros(row.get(0)?), ..judgement });
    }
    Ok(all)
}

pub(super) fn add_evidence(
    connection: &Connection,
    id: i64,
    evidence: &Evidence,
) -> Result<(), Error> {
    let json = serde_json::to_string(evidence).map_err(|_| Error::Damaged(id))?;
    let sql = "INSERT INTO evidence (item, at, evidence) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![id, evidence.at.micros(), json])?;
    Ok(())
}

pub(super) fn add_judgement(
    connection: &Connection,
    item: &Item,
    judgement: &Judgement,
) -> Result<(), Error> {
    let json = serde_json::to_string(judgement).map_err(|_| Error::Damaged(item.id))?;
    let sql = "INSERT INTO judgement (item, at, judgement) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![item.id, judgement.at.micros(), json])?;
    let sql = "UPDATE item SET state = ?2, rationale = ?3 WHERE id = ?1";
    connection.execute(sql, params![item.id, item.state.code(), item.rationale])?;
    Ok(())
}

fn read(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(item(row)?);
    }
    Ok(items)
}

fn item(row: &Row<'_>) -> Result<Item, Error> {
    let id = row.get(0)?;
    let state: String = row.get(3)?;
    let at = |micros: i64| Timestamp::from_micros(micros);
    Ok(Item {
        id,
        opened: at(row.get(1)?),
        due: at(row.get(2)?),
        state: *State::ALL.iter().find(|s| s.code() == state).ok_or(Error::Damaged(id))?,
        partner: row.get(4)?,
        issuer: row.get(5)?,
        subject: row.get(6)?,
        user_name: row.get(7)?,
        organization: row.get(8)?,
        patient: patient(id, &row.get::<_, String>(9)?)?,
        is_override: row.get(13)?,
        declared: row.get(10)?,
        rationale: row.get(11)?,
        escalated: row.get::<_, Option<i64>>(12)?.map(at),
    })
}
