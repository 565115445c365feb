//! The syslog message around an audit record (RFC 5424, ITI TF-2 3.20.4.1.2).

use crate::audit::{Event, Source, dicom};
use crate::clock::Timestamp;

/// Facility 10 (security), severity 5 (notice), version 1.
const HEAD: &str = "<85>1 ";
/// APP-NAME.
const APPLICATION: &str = "glassgate";
/// MSGID as IHE spells it.
const MESSAGE_ID: &str = "IHE+RFC-3881";

/// In whose name records are written: what is the same in all of them.
pub(in crate::audit) struct Author {
    source: Source,
    /// The journal's name.
    journal: String,
    /// What follows the time.
    head: String,
}

impl Author {
    pub(in crate::audit) fn new(source: Source, journal: String) -> Self {
        let (host, process) = (host(&source.host), source.process_id);
        let head = format!(" {host} {APPLICATION} {process} {MESSAGE_ID} - ");
        Self { source, journal, head }
    }

    /// The journal's name.
    pub(in crate::audit) fn journal(&self) -> &str {
        &self.journal
    }

    /// Writes `<85>1 TIME HOST glassgate PID IHE+RFC-3881 - <?xml ...`, in one line, without BOM.
    pub(in crate::audit) fn draft(&self, now: Timestamp, event: &Event) -> Draft {
        let mut text = String::with_capacity(8 * 1024);
        text.push_str(HEAD);
        text.push_str(&now.to_string());
        text.push_str(&self.head);
        let number_at = dicom::write(&mut text, event, &self.source, Some(&self.journal));
        Draft { text, number_at }
    }
}

/// A syslog message that lacks only its record's number.
#[derive(Clone)]
pub(in crate::audit) struct Draft {
    text: String,
    number_at: usize,
}

impl Draft {
    /// A text that its number follows.
    #[cfg(test)]
    pub(in crate::audit) fn of(text: String) -> Self {
        Self { number_at: text.len(), text }
    }

    /// Bytes without the number.
    pub(in crate::audit) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Appends the whole message, final.
    pub(in crate::audit) fn write(&self, seq: u64, out: &mut Vec<u8>) {
        let (before, after) = self.text.split_at_checked(self.number_at).unwrap_or_default();
        out.extend(before.as_bytes());
        out.extend(seq.to_string().as_bytes());
        out.extend(after.as_bytes());
    }
}

/// HOSTNAME: 1 to 255 visible ASCII characters, `-` for none.
fn host(name: &str) -> String {
    let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let host: String = name.chars().take(255).map(visible).collect();
    if host.is_empty() { "-".to_owned() } else { host }
}
