//! What partners ask under load, and what comes of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use glassgate::client::{Client, Error, Query, Received, Signer, Sink};
use glassgate::demo::world;
use glassgate::saml::issue::Order;
use glassgate::xds::{DocumentRequest, QueryAnswer, Status};

use crate::chance::Chance;
use crate::parcel::Paper;

/// A request, and what of it must be true.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// A patient's documents, for treatment.
    Find(u32),
    /// The same, and the glass is broken.
    BreakGlass(u32),
    /// Documents, each with its SHA-1 where the test knows it.
    Retrieve(Vec<(String, Option<String>)>),
}

/// How a request ended, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Wholly answered.
    Answered,
    /// 503: the gateway may say nothing.
    Refused,
    /// An answer had begun when the connection broke.
    BrokenOff,
    /// Nothing came that the sender could use.
    Nothing,
}

/// A request that was made.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) message_id: String,
    pub(crate) question: Question,
    pub(crate) ending: Ending,
}

impl Question {
    /// Something of everything, of these documents.
    pub(crate) fn any(chance: &mut Chance, papers: &[Paper]) -> Self {
        match chance.below(60) {
            0..25 => Self::Find(1002),
            25..40 => Self::BreakGlass(1002),
            40 => Self::Retrieve(vec![(world::large_document_id(), None)]),
            _ => {
                let at = chance.below(u64::try_from(papers.len()).unwrap());
                Self::of(&papers[usize::try_from(at).unwrap()..][..1])
            }
        }
    }

    /// These documents.
    pub(crate) fn of(papers: &[Paper]) -> Self {
        let known = |paper: &Paper| (paper.unique_id.clone(), Some(paper.sha1_hex.clone()));
        Self::Retrieve(papers.iter().map(known).collect())
    }

    /// The EventTypeCodes that an answer must have left.
    pub(crate) fn records(&self) -> &'static [&'static str] {
        match self {
            Self::Find(_) => &["ITI-38"],
            Self::BreakGlass(_) => &["110127", "ITI-38"],
            Self::Retrieve(_) => &["ITI-39"],
        }
    }

    /// Asks, and holds the answer to what is known of it.
    pub(crate) async fn ask(self, client: &Client, signer: &Signer) -> Told {
        let purpose = if matches!(self, Self::BreakGlass(_)) { "BTG" } else { "TREAT" };
        let ask = signer.ask(&order(purpose)).unwrap();
        let ending = match &self {
            Self::Find(patient) | Self::BreakGlass(patient) => {
                let query = Query::find_documents(&world::patient_id(*patient));
                match client.query(&ask, &query).await {
                    Ok(answer) => {
                        let got = answer.outcome.answered();
                        assert!(got.is_none_or(|got| got.status == Status::Success), "{self:?}");
                        ending(answer.status, got.is_some())
                    }
                    Err(error) => broken(&error),
                }
            }
            Self::Retrieve(wanted) => {
                let documents: Vec<_> = wanted.iter().map(|(id, _)| request(id)).collect();
                let mut seen = Seen(false);
                match client.retrieve(&ask, &documents, &mut seen).await {
                    Ok(answer) => {
                        let got = answer.outcome.answered();
                        if let Some(got) = got {
                            assert_eq!(got.status, Status::Success, "{wanted:?}");
                            assert_eq!(got.documents.len(), wanted.len());
                            for (got, (id, sha1)) in got.documents.iter().zip(wanted) {
                                let sha1 = sha1.as_ref().unwrap_or(&got.sha1_hex);
                                assert_eq!((&got.document, &got.sha1_hex), (id, sha1));
                            }
                        }
                        assert!(got.is_some() || !seen.0, "a document in a refusal");
                        ending(answer.status, got.is_some())
                    }
                    Err(error) => broken(&error),
                }
            }
        };
        Told { message_id: ask.message_id, question: self, ending }
    }
}

/// All entries of a patient.
pub(crate) async fn find(client: &Client, signer: &Arc<Signer>, patient: u32) -> QueryAnswer {
    let ask = signer.ask(&order("TREAT")).unwrap();
    let query = Query::find_documents(&world::patient_id(patient));
    let answer = client.query(&ask, &query).await.unwrap();
    let answer = answer.outcome.answered().unwrap().clone();
    assert_eq!(answer.status, Status::Success);
    answer
}

fn ending(status: u16, answered: bool) -> Ending {
    match (status, answered) {
        (200, true) => Ending::Answered,
        (503, false) => Ending::Refused,
        other => panic!("{other:?}"),
    }
}

/// How a request ended that has no whole answer.
fn broken(error: &Error) -> Ending {
    match error {
        // whether a head was cut or none came, the HTTP client does not say
        Error::Exchange(error) if !error.is_body() && !error.is_decode() => Ending::Nothing,
        // the head had come, so all else is an answer that was cut: within envelope, part or document
        _ => Ending::BrokenOff,
    }
}

fn order(purpose: &str) -> Order {
    Order {
        issuer: world::RIVERSIDE.issuer.to_owned(),
        subject: "user-7".to_owned(),
        audience: world::HOME.to_owned(),
        lifetime: Duration::from_secs(300),
        purposes: vec![world::purpose(purpose)],
        roles: vec![world::role(world::PHYSICIAN)],
        ..Order::default()
    }
}

fn request(id: &str) -> DocumentRequest {
    DocumentRequest {
        home: Some(world::HOME.to_owned()),
        repository: world::REPOSITORY.to_owned(),
        document: id.to_owned(),
    }
}

/// Whether a document began to arrive.
struct Seen(bool);

impl Sink for Seen {
    fn begin(&mut self, _: &Received) -> io::Result<()> {
        self.0 = true;
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &Received) -> io::Result<()> {
        Ok(())
    }
}
