//! Many who ask at once, until the gateway is gone or they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::house::{House, LOOK, PATIENCE};
use crate::parcel::Paper;
use crate::questions::{Ending, Question, Told};

/// Requests under way at any time.
pub(crate) const AT_ONCE: usize = 20;

/// A crowd at work.
pub(crate) struct Crowd {
    asking: Vec<JoinHandle<Vec<Told>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Crowd {
    /// Begins to ask for everything, documents among these; to be called inside the runtime.
    pub(crate) fn begin(house: &House, papers: &[Paper], chance: &mut Chance) -> Self {
        let (counts, papers) = (Arc::new(Counts::default()), Arc::new(papers.to_vec()));
        let client = house.client();
        let asking = (0..AT_ONCE).map(|_| {
            let (client, signer, mut chance) =
                (client.clone(), Arc::clone(&house.signer), chance.fork());
            let (counts, papers) = (Arc::clone(&counts), Arc::clone(&papers));
            tokio::spawn(async move {
                let mut all = Vec::new();
                while !counts.over.load(Ordering::SeqCst) {
                    let question = Question::any(&mut chance, &papers);
                    let told = question.ask(&client, &signer).await;
                    let (ending, counted) = (told.ending, &counts);
                    all.push(told);
                    match ending {
                        Ending::Answered => counted.answered.fetch_add(1, Ordering::SeqCst),
                        Ending::Refused => counted.refused.fetch_add(1, Ordering::SeqCst),
                        Ending::BrokenOff | Ending::Nothing => break,
                    };
                }
                all
            })
        });
        Self { asking: asking.collect(), counts }
    }

    /// Waits for so many answers.
    pub(crate) async fn answered(&self, count: usize) {
        self.wait(|counts| counts.answered.load(Ordering::SeqCst) >= count).await;
    }

    /// Waits for so many refusals.
    pub(crate) async fn refused(&self, count: usize) {
        self.wait(|counts| counts.refused.load(Ordering::SeqCst) >= count).await;
    }

    /// All that was asked, once the last request under way has ended.
    pub(crate) async fn end(self) -> Vec<Told> {
        self.counts.over.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for asking in self.asking {
            all.extend(asking.await.unwrap());
        }
        all
    }

    async fn wait(&self, enough: impl Fn(&Counts) -> bool) {
        let begun = Instant::now();
        while !enough(&self.counts) {
            assert!(begun.elapsed() < PATIENCE, "too few answers");
            tokio::time::sleep(LOOK / 5).await;
        }
    }
}

/// How many ended so.
pub(crate) fn count(all: &[Told], ending: Ending) -> usize {
    all.iter().filter(|told| told.ending == ending).count()
}
