//! The latest records, kept in memory: who follows closely reads no disk.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Record;
use super::reader::Batch;

/// Bytes kept at most: what is recorded in a twentieth of a second, and delivery comes every hundredth.
const KEPT_BYTES: usize = 2 << 20;

/// What the latest commits of this process wrote.
#[derive(Debug, Default)]
pub(super) struct Recent {
    commits: VecDeque<Commit>,
    bytes: usize,
}

/// The frames of one commit, and the numbers of the records in them.
#[derive(Debug)]
struct Commit {
    first: u64,
    last: u64,
    frames: Bytes,
}

impl Recent {
    /// Keeps what was made durable, in place of the oldest.
    pub(super) fn keep(&mut self, first: u64, last: u64, frames: Bytes) {
        if first > last {
            return;
        }
        self.bytes = self.bytes.saturating_add(frames.len());
        self.commits.push_back(Commit { first, last, frames });
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.commits.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(oldest.frames.len());
        }
    }

    /// The records that follow `seq` without a gap, in order, as far as they are here: none may be.
    pub(super) fn after(&self, seq: u64, limit: usize) -> Vec<Record> {
        let (mut batch, mut after) = (Batch::new(u64::MAX, limit), seq);
        for commit in self.commits.iter().skip_while(|commit| commit.last <= seq) {
            // what another process wrote in between is on disk alone
            let keep = |message| commit.frames.slice_ref(message);
            if commit.first > after.saturating_add(1)
                || !batch.take_all(&commit.frames, &mut after, keep)
            {
                break;
            }
        }
        batch.records
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame;
    use super::*;
    use crate::clock::Timestamp;

    const AT: Timestamp = Timestamp::from_micros(7);

    /// Keeps a commit of orders with so many records each, of so many bytes.
    fn keep(recent: &mut Recent, first: u64, orders: &[usize], bytes: usize) -> u64 {
        let (mut frames, mut next) = (Vec::new(), first);
        frame::cursor(&mut frames, "arr", 1);
        for records in orders {
            let all = vec![(); *records];
            frame::records(&mut frames, next, AT, &all, |(), seq, out| {
                let number = seq.to_string();
                out.extend("0".repeat(bytes.saturating_sub(number.len())).into_bytes());
                out.extend(number.into_bytes());
            });
            next += *records as u64;
        }
        recent.keep(first, next - 1, frames.into());
        next
    }

    fn seqs(recent: &Recent, seq: u64, limit: usize) -> Vec<u64> {
        let records = recent.after(seq, limit);
        for record in &records {
            let number = str::from_utf8(&record.message).unwrap().parse();
            assert_eq!((number, record.at), (Ok(record.seq), AT));
        }
        records.iter().map(|record| record.seq).collect()
    }

    #[test]
    fn records_follow_from_any_on_and_no_more_than_wanted() {
        let mut recent = Recent::default();
        assert!(seqs(&recent, 0, 9).is_empty());
        let next = keep(&mut recent, 5, &[1, 3], 1);
        keep(&mut recent, next, &[2], 1);
        for seq in 4..=10 {
            for limit in 0..9 {
                let wanted: Vec<_> = (seq + 1..=10).take(limit).collect();
                assert_eq!(seqs(&recent, seq, limit), wanted);
            }
        }
        assert!(seqs(&recent, 99, 9).is_empty());
    }

    #[test]
    fn what_is_not_here_ends_it() {
        let mut recent = Recent::default();
        keep(&mut recent, 5, &[1], 1);
        // 6 is another process's
        keep(&mut recent, 7, &[2], 1);
        assert!(seqs(&recent, 3, 9).is_empty());
        assert_eq!(seqs(&recent, 4, 9), [5]);
        assert!(seqs(&recent, 5, 9).is_empty());
        assert_eq!(seqs(&recent, 6, 9), [7, 8]);
    }

    #[test]
    fn the_oldest_go_and_commits_without_records_take_no_room() {
        let (mut recent, mut next) = (Recent::default(), 1);
        for _ in 0..10 {
            next = keep(&mut recent, next, &[1], KEPT_BYTES / 4);
            recent.keep(next, next - 1, Bytes::from_static(&[0; 64]));
        }
        assert!(seqs(&recent, 6, 9).is_empty());
        assert_eq!(seqs(&recent, 7, 1), [8]);
        assert!(recent.bytes <= KEPT_BYTES && recent.commits.len() == 3);
    }
}
