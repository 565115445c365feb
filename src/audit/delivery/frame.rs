//! Octet-counted frames on a TLS stream, `MSG-LEN SP SYSLOG-MSG` (RFC 5425 4.3).

/// Bytes of one message: other senders are read too, ours keep to `AUDIT_MESSAGE_BYTES`.
pub const FRAME_BYTES: usize = 1024 * 1024;

/// Why a stream is not one of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The length is not a decimal number without leading zero, followed by a space.
    #[error("frame does not begin with its length")]
    Length,
    /// The message is larger than `FRAME_BYTES`.
    #[error("frame is larger than {FRAME_BYTES} bytes")]
    TooLarge,
}

/// Appends a message as a frame; the length counts octets.
pub fn encode(out: &mut Vec<u8>, message: &[u8]) {
    out.extend_from_slice(message.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(message);
}

/// Bytes of a message's frame at most.
pub(super) fn length(message: &[u8]) -> usize {
    message.len().saturating_add(8)
}

/// Takes a stream apart into messages, however it was cut on its way.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Bytes at the start of `buffer` that were given out already.
    taken: usize,
    /// The length of the message under way, once it was read.
    length: Option<usize>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until more was received. After an error the stream is of no use.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(length) = self.length()? else { return Ok(None) };
        let end = self.taken.saturating_add(length);
        let Some(message) = self.buffer.get(self.taken..end) else { return Ok(None) };
        let message = message.to_vec();
        self.taken = end;
        self.length = None;
        Ok(Some(message))
    }

    /// Whether the stream may end here, between two messages.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.length.is_none() && self.taken == self.buffer.len()
    }

    fn length(&mut self) -> Result<Option<usize>, Error> {
        if self.length.is_some() {
            return Ok(self.length);
        }
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let mut length = 0_usize;
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                b'0' if at == 0 => return Err(Error::Length),
                b'0'..=b'9' => length = length * 10 + usize::from(byte - b'0'),
                b' ' if at > 0 => {
                    self.taken += at + 1;
                    self.length = Some(length);
                    return Ok(self.length);
                }
                _ => return Err(Error::Length),
            }
            if length > FRAME_BYTES {
                return Err(Error::TooLarge);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode<'s>(pieces: impl IntoIterator<Item = &'s [u8]>) -> Result<Vec<Vec<u8>>, Error> {
        let (mut decoder, mut messages) = (Decoder::new(), Vec::new());
        for piece in pieces {
            decoder.push(piece);
            while let Some(message) = decoder.next_message()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    proptest! {
        #[test]
        fn any_split_of_the_stream_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            size in 1_usize..40,
        ) {
            let mut stream = Vec::new();
            messages.iter().for_each(|message| encode(&mut stream, message));
            prop_assert_eq!(decode(stream.chunks(size)), Ok(messages.clone()));
            prop_assert_eq!(decode([stream.as_slice()]), Ok(messages));
        }

        #[test]
        fn garbage_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 1..64)) {
            let starts_well = matches!(bytes[0], b'1'..=b'9');
            let decoded = decode(bytes.chunks(3));
            prop_assert!(starts_well || decoded == Err(Error::Length));
        }
    }

    #[test]
    fn lengths_are_canonical_and_bounded() {
        for bad in ["0 ", "01 x", " x", "-1 x", "1x", "x", "+1 x"] {
            assert_eq!(decode([bad.as_bytes()]), Err(Error::Length), "{bad}");
        }
        for large in ["1048577 ", "99999999999999999999999999"] {
            assert_eq!(decode([large.as_bytes()]), Err(Error::TooLarge), "{large}");
        }
        assert_eq!(decode([b"1048576".as_slice()]), Ok(vec![]));
    }

    #[test]
    fn a_torn_end_shows() {
        let mut decoder = Decoder::new();
        decoder.push(b"3 abc4 de");
        assert_eq!(decoder.next_message(), Ok(Some(b"abc".to_vec())));
        assert_eq!(decoder.next_message(), Ok(None));
        assert!(!decoder.is_between_messages());
        decoder.push(b"fg");
        assert_eq!(decoder.next_message(), Ok(Some(b"defg".to_vec())));
        assert!(decoder.is_between_messages());
    }
}
