//! The syslog message around an audit record (RFC 5424, ITI TF-2 3.20.4.1.2).

use crate::audit::{Event, Source, dicom};
use crate::clock::Timestamp;

/// Facility 10 (security), severity 5 (notice), version 1.
const HEAD: &str = "<85>1 ";
/// APP-NAME.
const APPLICATION: &str = "glassgate";
/// MSGID as IHE spells it.
const MESSAGE_ID: &str = "IHE+RFC-3881";

/// A syslog message that lacks only its record's number.
#[derive(Clone)]
pub(in crate::audit) struct Draft {
    text: String,
    number_at: usize,
}

impl Draft {
    /// Writes `<85>1 TIME HOST glassgate PID IHE+RFC-3881 - <?xml ...`, in one line, without BOM.
    pub(in crate::audit) fn new(
        now: Timestamp,
        event: &Event,
        source: &Source,
        journal: &str,
    ) -> Self {
        let mut text = String::with_capacity(8 * 1024);
        text.push_str(HEAD);
        let host = host(&source.host);
        let fields = [&now.to_string(), &host, APPLICATION, &source.process_id.to_string()];
        for field in fields.into_iter().chain([MESSAGE_ID, "-"]) {
            text.push_str(field);
            text.push(' ');
        }
        let number_at = dicom::write(&mut text, event, source, Some(journal));
        Self { text, number_at }
    }

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
