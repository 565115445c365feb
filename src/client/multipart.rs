//! Reads a `multipart/related` as it arrives, so that no document is ever whole in memory (RFC 2046 5.1.1).

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem::{self, Finder};

use super::error::Error;
use crate::limits;

/// What comes next in a multipart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins.
    Head(PartHead),
    /// The next bytes of that part.
    Content(Bytes),
    /// The part is complete.
    End,
}

/// The headers of a part that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// Without angle brackets; empty where the part has none.
    pub(super) content_id: String,
    /// As written; empty where the part has none.
    pub(super) content_type: String,
}

/// Takes bytes in pieces of any size and gives events; it keeps at most a part's head or one boundary back.
#[derive(Debug)]
pub(super) struct Reader {
    finder: Finder<'static>,
    buffer: BytesMut,
    /// Bytes at the front of the buffer that belong to the head's end, not to the content.
    lead: usize,
    state: State,
    parts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Head,
    Content,
    Epilogue,
}

/// Where the next delimiter line stands in the buffer.
enum Found {
    /// From `start`; what follows it begins at `end`, unless it is the `last`.
    Line { start: usize, end: usize, last: bool },
    /// Perhaps at `start`: its end has not arrived.
    Undecided { start: usize },
    /// Not in what has arrived.
    Nothing,
}

impl Reader {
    /// Starts at the first byte of an entity with that boundary.
    #[must_use]
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}");
        Self {
            finder: Finder::new(delimiter.as_bytes()).into_owned(),
            // the very first boundary has no line end before it
            buffer: BytesMut::from(&b"\r\n"[..]),
            lead: 0,
            state: State::Preamble,
            parts: 0,
        }
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.state != State::Epilogue {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// The next event, or `None` until more has been pushed.
    pub(super) fn poll(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.state {
                State::Preamble => {
                    if self.through_preamble() {
                        continue;
                    }
                    return Ok(None);
                }
                State::Head => return Ok(self.head()?.map(Event::Head)),
                State::Content => return Ok(self.content()),
                State::Epilogue => return Ok(None),
            }
        }
    }

    /// Refuses an entity that ends before its closing boundary.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.state == State::Epilogue { Ok(()) } else { Err(Error::Truncated) }
    }

    fn through_preamble(&mut self) -> bool {
        let keep_from = match self.find() {
            Found::Line { end, last, .. } => {
                self.begin_part(end, last);
                return true;
            }
            Found::Undecided { start } => start,
            Found::Nothing => self.decided(),
        };
        self.buffer.advance(keep_from);
        false
    }

    /// Passes a delimiter line up to its own line end, which counts as the head's beginning.
    fn begin_part(&mut self, end: usize, last: bool) {
        self.buffer.advance(end.min(self.buffer.len()));
        self.state = if last { State::Epilogue } else { State::Head };
        if last {
            self.buffer.clear();
        }
    }

    fn head(&mut self) -> Result<Option<PartHead>, Error> {
        let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            // the last head that may be has its empty line still to come
            let limit = limits::MIME_HEADER_BYTES.saturating_add(3);
            return if self.buffer.len() > limit { Err(Error::PartHead) } else { Ok(None) };
        };
        if end > limits::MIME_HEADER_BYTES || self.parts > limits::RETRIEVE_DOCUMENTS {
            return Err(Error::PartHead);
        }
        let head = read_head(self.buffer.get(..end).unwrap_or_default())?;
        // the empty line's end stays: it may begin a delimiter already
        self.buffer.advance(end.saturating_add(2));
        self.lead = 2;
        self.parts = self.parts.saturating_add(1);
        self.state = State::Content;
        Ok(Some(head))
    }

    fn content(&mut self) -> Option<Event> {
        loop {
            let (length, complete) = match self.find() {
                Found::Line { start: 0, end, last } => {
                    self.begin_part(end, last);
                    return Some(Event::End);
                }
                Found::Line { start, .. } => (start, true),
                Found::Undecided { start } => (start, false),
                Found::Nothing => (self.decided(), false),
            };
            let content = length.checked_sub(self.lead)?;
            self.buffer.advance(std::mem::take(&mut self.lead));
            if content > 0 {
                return Some(Event::Content(self.buffer.split_to(content).freeze()));
            }
            if !complete {
                return None;
            }
        }
    }

    /// How many bytes at the front can no longer begin a delimiter.
    fn decided(&self) -> usize {
        let needle = self.finder.needle().len();
        self.buffer.len().saturating_sub(needle.saturating_sub(1))
    }

    fn find(&self) -> Found {
        let needle = self.finder.needle().len();
        let mut from = 0_usize;
        while let Some(at) = self.buffer.get(from..).and_then(|rest| self.finder.find(rest)) {
            let start = from.saturating_add(at);
            let after = start.saturating_add(needle);
            match line_end(self.buffer.get(after..).unwrap_or_default()) {
                LineEnd::Next(padding) => {
                    return Found::Line { start, end: after.saturating_add(padding), last: false };
                }
                LineEnd::Last => return Found::Line { start, end: after, last: true },
                LineEnd::Undecided => return Found::Undecided { start },
                // a longer line only begins like the boundary: it is content
                LineEnd::Content => from = after,
            }
        }
        Found::Nothing
    }
}

enum LineEnd {
    /// A line end after so many blanks.
    Next(usize),
    /// `--`
    Last,
    Content,
    Undecided,
}

/// What follows `--boundary`: `--`, or padding and a line end.
fn line_end(rest: &[u8]) -> LineEnd {
    /// Blanks that transport may add; none has been seen.
    const PADDING: usize = 64;
    if rest.starts_with(b"--") {
        return LineEnd::Last;
    }
    let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    match rest.get(padding..).unwrap_or_default() {
        _ if padding > PADDING => LineEnd::Content,
        [b'\r', b'\n', ..] => LineEnd::Next(padding),
        [] | [b'\r'] => LineEnd::Undecided,
        [b'-'] if padding == 0 => LineEnd::Undecided,
        _ => LineEnd::Content,
    }
}

/// Reads header lines, folded ones joined (RFC 5322 2.2.3).
fn read_head(bytes: &[u8]) -> Result<PartHead, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::PartHead)?;
    let unfolded = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut head = PartHead::default();
    for line in unfolded.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(Error::PartHead)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-id" => value.trim_matches(['<', '>']).clone_into(&mut head.content_id),
            "content-type" => value.clone_into(&mut head.content_type),
            "content-transfer-encoding"
                if !["binary", "8bit", "7bit"].iter().any(|e| value.eq_ignore_ascii_case(e)) =>
            {
                return Err(Error::TransferEncoding(value.to_owned()));
            }
            _ => {}
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Heads with their whole contents.
    fn read(pieces: &[&[u8]]) -> Result<Vec<(PartHead, Vec<u8>)>, Error> {
        let mut reader = Reader::new("b");
        let mut parts = Vec::new();
        let mut ended = 0;
        for piece in pieces {
            reader.push(piece);
            while let Some(event) = reader.poll()? {
                match event {
                    Event::Head(head) => parts.push((head, Vec::new())),
                    Event::Content(bytes) => {
                        assert!(!bytes.is_empty());
                        parts.last_mut().unwrap().1.extend_from_slice(&bytes);
                    }
                    Event::End => ended += 1,
                }
            }
        }
        reader.finish()?;
        assert_eq!(ended, parts.len());
        Ok(parts)
    }

    #[test]
    fn content_is_everything_between_the_delimiter_lines() {
        let text = "pre\r\n--b \t\r\nContent-ID: <1>\r\n\r\nx\r\n--bc\r\n--b\r\n\r\n\r\n--b\r\n\
                    A: b\r\n\r\n--b\r\n\r\n\r\n--b--end\r\n--b\r\n";
        let parts = read(&[text.as_bytes()]).unwrap();
        let contents: Vec<&[u8]> = parts.iter().map(|(_, content)| content.as_slice()).collect();
        assert_eq!(contents, [&b"x\r\n--bc"[..], b"", b"", b""]);
        assert_eq!(parts[0].0.content_id, "1");
    }

    #[test]
    fn heads_are_unfolded_and_bounded() {
        let part = |head: &str| format!("--b\r\n{head}\r\n\r\nx\r\n--b--");
        let folded = part("Content-Type: a/b;\r\n c=d\r\ncontent-id: <i>");
        let parts = read(&[folded.as_bytes()]).unwrap();
        assert_eq!(parts[0].0.content_type, "a/b; c=d");
        assert_eq!(parts[0].0.content_id, "i");
        for bad in ["no colon", "Content-Transfer-Encoding: base64"] {
            assert!(read(&[part(bad).as_bytes()]).is_err(), "{bad}");
        }
        let long = part(&format!("A: {}", "a".repeat(limits::MIME_HEADER_BYTES)));
        assert!(matches!(read(&[long.as_bytes()]), Err(Error::PartHead)));
        // the longest, its line end before it included, whole and byte by byte
        let longest = part(&format!("A: {}", "a".repeat(limits::MIME_HEADER_BYTES - 5)));
        assert!(read(&[longest.as_bytes()]).is_ok());
        assert!(read(&longest.as_bytes().chunks(1).collect::<Vec<_>>()).is_ok());
        let many = "--b\r\n\r\n\r\n".repeat(limits::RETRIEVE_DOCUMENTS + 2) + "--b--";
        assert!(matches!(read(&[many.as_bytes()]), Err(Error::PartHead)));
    }

    #[test]
    fn an_entity_cut_short_is_refused() {
        for bad in ["", "--b", "--b\r\n", "--b\r\n\r\nabc", "--b\r\n\r\nabc\r\n--b-"] {
            assert!(matches!(read(&[bad.as_bytes()]), Err(Error::Truncated)), "{bad}");
        }
    }

    #[test]
    fn little_is_kept_back() {
        let mut reader = Reader::new("b");
        reader.push(b"--b\r\n\r\n");
        let mut seen = 0;
        for _ in 0..1_000 {
            reader.push(&[b'\r'; 1_000]);
            while let Some(event) = reader.poll().unwrap() {
                if let Event::Content(bytes) = event {
                    seen += bytes.len();
                }
            }
            assert!(reader.buffer.len() < 16);
        }
        assert!(seen > 999_000);
    }

    /// Contents that look as much like delimiters as they may.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let pieces =
            prop::sample::select(vec!["\r", "\n", "-", "--", "b", "\r\n--", "--b", "x", " "]);
        prop::collection::vec(pieces, 0..12)
            .prop_map(|pieces| pieces.concat().into_bytes())
            .prop_filter("no delimiter", |content| {
                let framed = [b"\r\n", content.as_slice(), b"\r\n--b"].concat();
                memmem::find_iter(&framed, b"\r\n--b").count() == 1
            })
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_parts(
            contents in prop::collection::vec(content(), 0..5),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut entity = b"--b".to_vec();
            for (n, content) in contents.iter().enumerate() {
                entity.extend_from_slice(format!("\r\nContent-ID: <{n}>\r\n\r\n").as_bytes());
                entity.extend_from_slice(content);
                entity.extend_from_slice(b"\r\n--b");
            }
            entity.extend_from_slice(b"--\r\n");
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(entity.len())).collect();
            at.extend([0, entity.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &entity[pair[0]..pair[1]]).collect();
            let parts = read(&pieces).unwrap();
            let read: Vec<&Vec<u8>> = parts.iter().map(|(_, content)| content).collect();
            prop_assert_eq!(read, contents.iter().collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&[&b"--b\r\n"[..], &bytes]);
        }

        #[test]
        fn near_multiparts_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "--b", "\r\n", "--", "Content-ID: <1>", ":", " ", "x", "\r\n\r\n"]), 0..24)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            let whole = pieces.concat();
            let (cut, uncut) = (read(&pieces), read(&[&whole]));
            prop_assert_eq!(cut.ok(), uncut.ok());
        }
    }
}
