use std::fmt;

use bytes::Bytes;

use super::transfer::Transfer;
use crate::audit::Receipt;

/// An answer whose audit record is durable; without a [`Receipt`] there is none.
///
/// ```compile_fail
/// // private fields: nobody but `gateway` builds one, and `gateway` needs a receipt
/// let _ = glassgate::gateway::Reply { status: 200 };
/// ```
pub struct Reply {
    status: u16,
    content_type: String,
    length: u64,
    body: ReplyBody,
}

/// The bytes of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// All at once.
    Whole(Bytes),
    /// Documents, read while they are sent.
    Stream(Box<Transfer>),
}

/// Why there is no reply, and no record of the transaction either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// The record could not be made durable, so nothing may be said.
    NotRecorded,
    /// Too many requests of this sender failed; an alert tells how many were turned away.
    Busy {
        /// When to come again.
        retry_after_s: u32,
    },
}

impl Reply {
    /// An answer in one piece; the receipt is spent on it.
    pub(super) fn whole(_: Receipt, status: u16, content_type: String, body: Bytes) -> Self {
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        Self { status, content_type, length, body: ReplyBody::Whole(body) }
    }

    /// An answer with documents; the receipt is spent on it.
    pub(super) fn stream(_: Receipt, content_type: String, transfer: Transfer) -> Self {
        let length = transfer.length();
        Self { status: 200, content_type, length, body: ReplyBody::Stream(Box::new(transfer)) }
    }

    /// HTTP status, Content-Type, Content-Length and body.
    #[must_use]
    pub fn into_parts(self) -> (u16, String, u64, ReplyBody) {
        (self.status, self.content_type, self.length, self.body)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
