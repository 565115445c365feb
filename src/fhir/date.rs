use std::time::Duration;

use crate::clock::Timestamp;

/// A FHIR date or dateTime: the span of moments that it may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// The first moment that it may mean.
    pub first: Timestamp,
    /// The first moment after it.
    pub after: Timestamp,
    /// How much of it was written.
    pub precision: Precision,
}

/// How much of a date was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2024`
    Year,
    /// `2024-05`
    Month,
    /// `2024-05-01`
    Day,
    /// With a time of day.
    Time,
}

/// Added to its first day, since the year after 9999 cannot be written.
const DECEMBER: Duration = Duration::from_secs(31 * 86_400);

impl Date {
    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` (as UTC) or a full dateTime with its offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let day = |year: i32, month: u8, day: u8| {
            Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z"))
        };
        let mut parts = text.splitn(3, '-');
        let year = number(parts.next()?, 4)?;
        let (first, after, precision) = match (parts.next(), parts.next()) {
            (None, _) => (day(year, 1, 1)?, day(year, 12, 1)?.plus(DECEMBER), Precision::Year),
            (Some(month), None) => {
                let month: u8 = number(month, 2)?;
                let after = if month == 12 {
                    day(year, 12, 1)?.plus(DECEMBER)
                } else {
                    day(year, month.checked_add(1)?, 1)?
                };
                (day(year, month, 1)?, after, Precision::Month)
            }
            (Some(_), Some(rest)) if rest.len() == 2 => {
                let first = Timestamp::parse(&format!("{text}T00:00:00Z"))?;
                (first, first.plus(Duration::from_secs(86_400)), Precision::Day)
            }
            (Some(_), Some(_)) => {
                let first = Timestamp::parse(text)?;
                (first, first.plus(Duration::from_secs(1)), Precision::Time)
            }
        };
        Some(Self { first, after, precision })
    }

    /// XDS form in UTC with as many digits as were written (ITI TF-3 4.2.3.1.7, DTM).
    #[must_use]
    pub fn to_dtm(self) -> String {
        let digits = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Time => 14,
        };
        self.first.to_dtm().chars().take(digits).collect()
    }
}

/// Reads just so many digits: `parse` would take a sign for one.
fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    let all_digits = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_keep_their_precision() {
        for (text, dtm) in [
            ("2024", "2024"),
            ("2024-05", "202405"),
            ("2024-12", "202412"),
            ("2024-05-01", "20240501"),
            ("2024-05-01T10:00:00+02:00", "20240501080000"),
        ] {
            assert_eq!(Date::parse(text).map(Date::to_dtm).as_deref(), Some(dtm));
        }
        for bad in ["", "24", "2024-13", "2024-02-30", "2024-05-01T25:00:00Z", "+202", "2024-+5"] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
        let year = Date::parse("2024").unwrap();
        assert_eq!(year.after, Date::parse("2025").unwrap().first);
        // what stands for no end
        let after = ["9999", "9999-12", "9999-12-31"].map(|text| Date::parse(text).unwrap().after);
        assert!(after.iter().all(|moment| *moment == after[0]));
    }
}
