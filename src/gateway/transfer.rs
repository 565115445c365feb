//! Documents on their way: read from disk while they are sent, in recycled buffers.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use tokio::task::JoinHandle;

use crate::repository::{Content, ContentBytes};

/// Bytes of one read: about 256 KiB, in whole pages, and in whole base64 quanta.
const CHUNK_BYTES: usize = 63 * 4096;

/// A piece of an answer.
pub(super) enum Piece {
    /// Ready bytes.
    Bytes(Bytes),
    /// A document as it is.
    Raw(Content),
    /// A document in base64, for a sender that asked without MTOM.
    Base64(Content),
}

/// An answer that is read while it is sent.
pub struct Transfer {
    pieces: VecDeque<Piece>,
    reading: Option<Reading>,
    pool: Pool,
    length: u64,
    sent: u64,
    aborted: Option<Aborted>,
}

/// Called once when a transfer does not reach its end.
type Aborted = Box<dyn FnOnce(Progress) + Send + Sync>;

/// How far a transfer came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Bytes handed to the connection.
    pub(super) sent: u64,
    /// Bytes in all.
    pub(super) length: u64,
}

/// A file being read, and the chunk under way.
struct Reading {
    left: u64,
    base64: bool,
    chunk: JoinHandle<io::Result<(File, Lent)>>,
}

impl Transfer {
    /// An answer of these pieces; `aborted` hears of a transfer that broke off.
    pub(super) fn new(
        pieces: Vec<Piece>,
        aborted: impl FnOnce(Progress) + Send + Sync + 'static,
    ) -> Self {
        let length = pieces.iter().map(Piece::length).fold(0, u64::saturating_add);
        Self {
            pieces: pieces.into(),
            reading: None,
            pool: Pool::default(),
            length,
            sent: 0,
            aborted: Some(Box::new(aborted)),
        }
    }

    /// Bytes in all.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes without waiting, or a file to wait for.
    fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            let (content, base64) = match self.pieces.pop_front()? {
                Piece::Bytes(bytes) => return Some(bytes),
                Piece::Raw(content) => (content, false),
                Piece::Base64(content) => (content, true),
            };
            match content.bytes {
                ContentBytes::Inline(bytes) if base64 => {
                    return Some(Bytes::from(STANDARD.encode(&bytes)));
                }
                ContentBytes::Inline(bytes) => return Some(bytes),
                ContentBytes::File(_) if content.size == 0 => {}
                ContentBytes::File(file) => {
                    let chunk = read(file, content.size, &self.pool);
                    self.reading = Some(Reading { left: content.size, base64, chunk });
                    return Some(Bytes::new());
                }
            }
        }
    }

    fn count(&mut self, bytes: Bytes) -> Poll<Option<io::Result<Bytes>>> {
        self.sent = self.sent.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Poll::Ready(Some(Ok(bytes)))
    }
}

impl Stream for Transfer {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(mut reading) = self.reading.take() else {
                match self.next_piece() {
                    None => return Poll::Ready(None),
                    Some(bytes) if bytes.is_empty() => continue,
                    Some(bytes) => return self.count(bytes),
                }
            };
            let done = match Pin::new(&mut reading.chunk).poll(cx) {
                Poll::Pending => {
                    self.reading = Some(reading);
                    return Poll::Pending;
                }
                Poll::Ready(done) => done.unwrap_or_else(|died| Err(io::Error::other(died))),
            };
            let (file, lent) = match done {
                Ok(done) => done,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            let left = reading.left.saturating_sub(lent.length());
            if left > 0 {
                // the next chunk is read while this one is sent
                let chunk = read(file, left, &self.pool);
                self.reading = Some(Reading { left, base64: reading.base64, chunk });
            }
            let bytes = if reading.base64 {
                Bytes::from(STANDARD.encode(lent.as_ref()))
            } else {
                Bytes::from_owner(lent)
            };
            return self.count(bytes);
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.sent < self.length
            && let Some(aborted) = self.aborted.take()
        {
            aborted(Progress { sent: self.sent, length: self.length });
        }
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("length", &self.length).field("sent", &self.sent).finish()
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Raw(content) => content.size,
            Self::Base64(content) => content.size.div_ceil(3).saturating_mul(4),
        }
    }
}

/// Buffers that come back when their bytes were sent.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

/// A filled buffer on loan.
struct Lent {
    buffer: Vec<u8>,
    pool: Pool,
}

impl Lent {
    fn length(&self) -> u64 {
        u64::try_from(self.buffer.len()).unwrap_or(u64::MAX)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Ok(mut free) = self.pool.0.lock() {
            free.push(std::mem::take(&mut self.buffer));
        }
    }
}

/// Reads the next chunk where blocking is allowed.
fn read(mut file: File, left: u64, pool: &Pool) -> JoinHandle<io::Result<(File, Lent)>> {
    let pool = pool.clone();
    tokio::task::spawn_blocking(move || {
        let free = pool.0.lock().ok().and_then(|mut free| free.pop());
        let mut buffer = free.unwrap_or_default();
        let wanted = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        buffer.resize(wanted, 0);
        file.read_exact(&mut buffer)?;
        Ok((file, Lent { buffer, pool }))
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::StreamExt;

    use super::*;

    fn file_of(bytes: &[u8]) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        Content {
            size: bytes.len() as u64,
            mime_type: "application/pdf".to_owned(),
            sha1_hex: String::new(),
            bytes: ContentBytes::File(file),
        }
    }

    async fn collect(mut transfer: Transfer) -> (u64, Vec<u8>) {
        let mut all = Vec::new();
        let length = transfer.length();
        while let Some(chunk) = transfer.next().await {
            all.extend_from_slice(&chunk.unwrap());
        }
        (length, all)
    }

    #[tokio::test]
    async fn bytes_arrive_as_they_are_and_as_many_as_announced() {
        let document: Vec<u8> = (0..CHUNK_BYTES * 2 + 17).map(|i| (i % 251) as u8).collect();
        let never = |_| panic!("not aborted");
        let pieces = vec![
            Piece::Bytes(Bytes::from_static(b"<")),
            Piece::Raw(file_of(&document)),
            Piece::Raw(file_of(b"")),
            Piece::Bytes(Bytes::from_static(b">")),
        ];
        let (length, all) = collect(Transfer::new(pieces, never)).await;
        assert_eq!(length, all.len() as u64);
        assert_eq!(&all[1..all.len() - 1], &document[..]);

        let pieces = vec![Piece::Base64(file_of(&document))];
        let (length, all) = collect(Transfer::new(pieces, never)).await;
        assert_eq!(length, all.len() as u64);
        assert_eq!(STANDARD.decode(all).unwrap(), document);
    }

    #[tokio::test]
    async fn a_transfer_that_breaks_off_says_how_far_it_came() {
        let heard = Arc::new(AtomicU64::new(u64::MAX));
        let told = Arc::clone(&heard);
        let document = vec![7; CHUNK_BYTES * 3];
        let aborted = move |progress: Progress| told.store(progress.sent, Ordering::SeqCst);
        let mut transfer = Transfer::new(vec![Piece::Raw(file_of(&document))], aborted);
        transfer.next().await.unwrap().unwrap();
        drop(transfer);
        assert_eq!(heard.load(Ordering::SeqCst), CHUNK_BYTES as u64);
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_is_an_error_not_an_end() {
        let mut content = file_of(b"short");
        content.size = 500;
        let mut transfer = Transfer::new(vec![Piece::Raw(content)], |_| ());
        assert!(transfer.next().await.unwrap().is_err());
    }
}
