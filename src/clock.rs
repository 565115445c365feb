//! Time and randomness, always arguments.

use std::fmt;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A moment in UTC, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00Z
const FIRST_MICROS: i64 = -62_167_219_200_000_000;
/// 9999-12-31T23:59:59.999999Z
const LAST_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// A moment from microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads an `xs:dateTime`; without an offset it counts as UTC (SAML core 1.3.3).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let moment = match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(moment) => moment,
            Err(_) => OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339).ok()?,
        };
        i64::try_from(moment.unix_timestamp_nanos() / 1_000).ok().map(Self)
    }

    /// The moment `span` later, or the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The moment `span` earlier, or the beginning of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// XDS form in UTC, `YYYYMMDDhhmmss` (ITI TF-3 4.2.3.1.7, DTM).
    #[must_use]
    pub fn to_dtm(self) -> String {
        let t = self.calendar();
        let (date, time) = (t.date(), t.time());
        format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    fn calendar(self) -> PrimitiveDateTime {
        // what is written has years of four digits; a moment before or after shows as the first or last of them
        let micros = self.0.clamp(FIRST_MICROS, LAST_MICROS);
        let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let moment = OffsetDateTime::from_unix_timestamp(seconds)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .saturating_add(time::Duration::microseconds(micros));
        PrimitiveDateTime::new(moment.date(), moment.time())
    }
}

/// RFC 3339 in UTC with microseconds, as syslog and SAML take it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.calendar();
        let (date, time) = (t.date(), t.time());
        // each record and log line has some, and seven numbers are much for a formatter
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (end, number) in [
            (4, date.year().unsigned_abs()),
            (7, u8::from(date.month()).into()),
            (10, date.day().into()),
            (13, time.hour().into()),
            (16, time.minute().into()),
            (19, time.second().into()),
            (26, time.microsecond()),
        ] {
            let mut rest = number;
            let places = text.iter_mut().take(end).rev();
            for place in places.take_while(|place| place.is_ascii_digit()) {
                *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
                rest /= 10;
            }
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000;
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still, for tests.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Gives random bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills the slice, or says that there is no randomness to be had.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The random source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no randomness to be had")]
pub struct NoRandomness;

/// OpenSSL's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        openssl::rand::rand_bytes(bytes).map_err(|_| NoRandomness)
    }
}

/// A random UUID (version 4), lower-case, without a prefix.
pub fn uuid(random: &dyn Random) -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes)?;
    let mut number = u128::from_be_bytes(bytes);
    number = number & !(0xf << 76) | (4 << 76);
    number = number & !(0b11 << 62) | (0b10 << 62);
    let hex = format!("{number:032x}");
    let mut uuid = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    Ok(uuid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn date_times_are_read_in_every_offset() {
        let utc = Timestamp::parse("2026-11-22T09:50:00.123Z").unwrap();
        assert_eq!(utc.to_string(), "2026-11-22T09:50:00.123000Z");
        assert_eq!(Timestamp::parse("2026-11-22T10:50:00.123+01:00"), Some(utc));
        assert_eq!(Timestamp::parse("2026-11-22T09:50:00.123"), Some(utc));
        assert_eq!(utc.to_dtm(), "20261122095000");
        for bad in ["", "2026-11-22", "yesterday", "2026-13-22T09:50:00Z"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_shows_as_the_calendar_has_it(micros in FIRST_MICROS..=LAST_MICROS) {
            let moment = Timestamp::from_micros(micros);
            let nanos = i128::from(micros) * 1_000;
            let calendar = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
            let shown = OffsetDateTime::parse(&moment.to_string(), &Rfc3339).unwrap();
            prop_assert_eq!(shown, calendar);
            prop_assert_eq!(moment.to_string().len(), 27);
        }
    }

    #[test]
    fn moments_beyond_four_digits_show_as_the_nearest() {
        for (text, shown) in [
            ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z"),
            ("0000-01-01T00:00:00+14:00", "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), shown);
        }
        let last = Timestamp::from_micros(LAST_MICROS);
        assert_eq!(Timestamp::parse(&last.to_string()), Some(last));
        assert_eq!(
            Timestamp::parse("0000-01-01T00:00:00Z"),
            Some(Timestamp::from_micros(FIRST_MICROS))
        );
    }

    #[test]
    fn uuids_say_version_and_variant() {
        let id = uuid(&SystemRandom).unwrap();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
