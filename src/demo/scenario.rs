//! Plays the scenario through a real client over the network.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::files::{self, Readers};
use super::judge::{self, event_types};
use super::report::{Report, Sight};
use super::stage::Stage;
use super::steps::{Act, Flaw, Outcome, STEPS, Step};
use super::{documents, world};
use crate::client::{Ask, Client, Discard, Outcome as Answered, Query, Signer};
use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::ids::HomeCommunityId;
use crate::saml::issue::Order;
use crate::soap::action;
use crate::xds::{Availability, DocumentRequest, Severity, Status, StoredQuery};

/// How long audit records may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// A patient whom nobody knows.
const UNKNOWN: u32 = 9999;

/// Plays every step in order and tells each as soon as it is over.
pub async fn play(stage: &Stage, mut tell: impl FnMut(&Report)) -> Result<bool, Error> {
    let mut all_passed = true;
    let mut clients = Vec::new();
    let mut reasons = BTreeSet::new();
    for partner in world::PARTNERS {
        clients.push((partner, stage.client(partner.name)?));
    }
    for (number, step) in (1..).zip(STEPS) {
        let Some((_, client)) = clients.iter().find(|(partner, _)| *partner == step.partner) else {
            continue;
        };
        let begun = Instant::now();
        let (mut outcome, sight) = Player { stage, client, step }.act().await?;
        if outcome == Some(Outcome::Fault) && !reasons.insert(sight.remarks.clone()) {
            // the same true reason twice: one of the flaws was not seen
            outcome = None;
        }
        let report = Report::new(number, step, outcome, sight, begun.elapsed().as_millis());
        all_passed &= report.passed();
        tell(&report);
    }
    Ok(all_passed)
}

/// One step under way.
struct Player<'s> {
    stage: &'s Stage,
    client: &'s Client,
    step: Step,
}

impl Player<'_> {
    async fn act(&self) -> Result<(Option<Outcome>, Sight), Error> {
        match self.step.act {
            Act::Query => self.query(self.ask(None)?).await,
            Act::Untrusted(flaw) => self.query(self.ask(Some(flaw))?).await,
            Act::QueryLikeNobody => self.query_like_nobody().await,
            Act::RetrieveWithheld => self.retrieve_withheld().await,
            Act::RetrieveLarge => self.retrieve_large().await,
        }
    }

    async fn query(&self, ask: Ask) -> Result<(Option<Outcome>, Sight), Error> {
        let patient = self.step.patient;
        let query = Query::find_documents(&world::patient_id(patient));
        if let Some(name) = self.step.captured() {
            let message = ask.envelope(action::QUERY, self.client.query_url(), &query.body());
            let path = self.stage.layout.captured().join(name);
            files::write(&path, message.as_bytes(), Readers::Owner)?;
        }
        let answer = self.client.query(&ask, &query).await?;
        let records = self.records(&ask).await;
        let mut sight = Sight { audit: event_types(&records), ..Sight::default() };
        let answer = match answer.outcome {
            Answered::Fault(fault) => {
                sight.remarks.push(format!("the sender reads: {}", fault.reason));
                let reasons = records.iter().filter_map(|record| judge::reason(record));
                sight.remarks.extend(reasons.map(|reason| format!("audit reads: {reason}")));
                return Ok((self.audited(Some(Outcome::Fault), &records, false), sight));
            }
            Answered::Answered(answer) => answer,
        };
        for error in &answer.errors {
            sight.remarks.push(format!("{}: {}", error.code, error.context));
        }
        sight.documents = answer.documents.iter().map(|d| d.unique_id.clone()).collect();
        sight.documents.sort();
        let outcome = match answer.status {
            Status::Success => judge::found(patient, &mut sight, &records),
            Status::PartialSuccess | Status::Failure => Some(Outcome::Refused),
        };
        let warned = answer.errors.iter().any(|error| error.severity == Severity::Warning.urn());
        Ok((self.audited(outcome, &records, warned), sight))
    }

    /// The opted-out patient's answer must be, byte for byte, that for an unknown patient and for one without documents.
    async fn query_like_nobody(&self) -> Result<(Option<Outcome>, Sight), Error> {
        let ask = self.ask(None)?;
        let id = world::patient_id(self.step.patient);
        let answer = self.client.query(&ask, &Query::find_documents(&id)).await?;
        let records = self.records(&ask).await;
        let unknown = Query::find_documents(&world::patient_id(UNKNOWN));
        let unknown = self.client.query(&ask, &unknown).await?;
        let empty = Query::new(StoredQuery::FindDocuments)
            .text("$XDSDocumentEntryPatientId", &world::patient_id(1001))
            .list("$XDSDocumentEntryStatus", &[Availability::Deprecated.urn()]);
        let empty = self.client.query(&ask, &empty).await?;
        let mut sight = Sight { audit: event_types(&records), ..Sight::default() };
        let same = |other: &str| answer.xml == other;
        let alike = same(&unknown.xml) && same(&empty.xml);
        sight.remarks.push(format!(
            "byte for byte like an unknown patient: {}, like one without documents: {}",
            same(&unknown.xml),
            same(&empty.xml)
        ));
        let answered = answer.outcome.answered();
        sight.withheld_visible = answered.is_none_or(|a| !a.documents.is_empty());
        let success = answered.is_some_and(|a| a.status == Status::Success);
        let absent = alike && success && !sight.withheld_visible;
        Ok((self.audited(absent.then_some(Outcome::Absent), &records, false), sight))
    }

    /// A withheld document's answer must be that for one that does not exist, but for the id that was asked.
    async fn retrieve_withheld(&self) -> Result<(Option<Outcome>, Sight), Error> {
        let ask = self.ask(None)?;
        let listed = documents::shelved(self.step.patient);
        let withheld = listed.iter().find(|(_, restricted)| *restricted);
        let withheld = withheld.map(|(id, _)| id.clone()).unwrap_or_default();
        let nowhere = world::document_id(self.step.patient, 999);
        let answer = self.retrieve(&ask, &withheld).await?;
        let records = self.records(&ask).await;
        let other = self.retrieve(&ask, &nowhere).await?;
        let mut sight = Sight { audit: event_types(&records), ..Sight::default() };
        sight.withheld_visible = answer.documents > 0;
        let alike = answer.xml.replace(&withheld, &nowhere) == other.xml;
        sight.remarks.push(format!("byte for byte like a document that does not exist: {alike}"));
        let absent = alike && answer.documents == 0 && answer.status == Some(Status::Failure);
        Ok((self.audited(absent.then_some(Outcome::Absent), &records, false), sight))
    }

    async fn retrieve_large(&self) -> Result<(Option<Outcome>, Sight), Error> {
        let ask = self.ask(None)?;
        let id = world::large_document_id();
        let found = self.client.query(&ask, &Query::get_documents(world::HOME, &[&id])).await?;
        let found = found.outcome.answered().and_then(|a| a.documents.first().cloned());
        let ask = self.ask(None)?;
        let answer = self.client.retrieve(&ask, &[request(&id)], &mut Discard).await?;
        let records = self.records(&ask).await;
        let mut sight = Sight { audit: event_types(&records), ..Sight::default() };
        let received = answer.outcome.answered().and_then(|a| a.documents.first().cloned());
        let (Some(found), Some(received)) = (found, received) else {
            return Ok((Some(Outcome::Absent), sight));
        };
        sight.documents.push(received.document.clone());
        let same = found.size == Some(received.size)
            && found.hash.as_deref() == Some(&received.sha1_hex)
            && received.size == world::LARGE_BYTES;
        sight.remarks.push(format!("{} bytes, SHA-1 {}", received.size, received.sha1_hex));
        Ok((self.audited(same.then_some(Outcome::Delivered), &records, false), sight))
    }

    async fn retrieve(&self, ask: &Ask, id: &str) -> Result<Retrieved, Error> {
        let answer = self.client.retrieve(ask, &[request(id)], &mut Discard).await?;
        let body = answer.outcome.answered();
        Ok(Retrieved {
            status: body.map(|b| b.status),
            documents: body.map_or(0, |b| b.documents.len()),
            xml: answer.xml,
        })
    }

    /// The outcome, unless audit tells another story.
    fn audited(
        &self,
        outcome: Option<Outcome>,
        records: &[String],
        warned: bool,
    ) -> Option<Outcome> {
        outcome.filter(|outcome| judge::audited(&self.step, *outcome, records, warned))
    }

    /// The records of one request: its own arrives last.
    async fn records(&self, ask: &Ask) -> Vec<String> {
        let complete = |records: &[String]| {
            let last = |code: &String| matches!(code.as_str(), "ITI-38" | "ITI-39" | "110122");
            event_types(records).iter().any(last)
        };
        self.stage.receiver.wait(&ask.message_id, PATIENCE, complete).await
    }

    fn ask(&self, flaw: Option<Flaw>) -> Result<Ask, Error> {
        let key = match flaw {
            Some(Flaw::Stranger) => self.stage.layout.pki().join("stranger/saml"),
            _ => self.stage.layout.partner(self.step.partner.name, "saml"),
        };
        let read = |kind: &str| {
            let path = key.with_extension(kind);
            fs::read(&path).map_err(Error::file(&path))
        };
        let signer = Signer::from_pem(
            &read("key")?,
            &read("crt")?,
            Arc::new(SystemClock),
            Arc::new(SystemRandom),
        )?;
        let mut ask = signer.ask(&self.order(flaw))?;
        match flaw {
            Some(Flaw::Tampered) => {
                ask.assertion = ask.assertion.replace("code=\"TREAT\"", "code=\"ETREAT\"");
            }
            Some(Flaw::Unsigned) => ask.assertion = unsigned(&ask.assertion),
            Some(Flaw::Stranger | Flaw::Expired) | None => {}
        }
        Ok(ask)
    }

    fn order(&self, flaw: Option<Flaw>) -> Order {
        let partner = self.step.partner;
        let hour = Duration::from_secs(3600);
        let past = (flaw == Some(Flaw::Expired)).then(|| SystemClock.now().minus(hour * 2));
        Order {
            issuer: partner.issuer.to_owned(),
            subject: format!("user-7@{}.example", partner.name),
            subject_name: Some("Ada Example".to_owned()),
            audience: world::HOME.to_owned(),
            not_before: past,
            lifetime: hour,
            purposes: vec![world::purpose(self.step.purpose)],
            roles: vec![world::role(self.step.role)],
            organization: Some(partner.display.to_owned()),
            organization_id: Some(partner.home.to_owned()),
            home_community: HomeCommunityId::parse(partner.home).ok(),
            ..Order::default()
        }
    }
}

/// What one retrieve came to.
struct Retrieved {
    status: Option<Status>,
    documents: usize,
    xml: String,
}

fn request(id: &str) -> DocumentRequest {
    DocumentRequest {
        home: Some(world::HOME.to_owned()),
        repository: world::REPOSITORY.to_owned(),
        document: id.to_owned(),
    }
}

/// The assertion with its signature cut out.
fn unsigned(assertion: &str) -> String {
    let cut = assertion.split_once("<ds:Signature").and_then(|(before, rest)| {
        rest.split_once("</ds:Signature>").map(|(_, after)| format!("{before}{after}"))
    });
    cut.unwrap_or_else(|| assertion.to_owned())
}
