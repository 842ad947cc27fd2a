//! Points of the sandbox's own time.

use doorkey_core::time::WallTime;
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, Time};

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Milliseconds since the Unix epoch by the sandbox's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Milliseconds from `earlier` to `self`; zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `millis` later.
    pub(crate) fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// `millis` earlier.
    pub(crate) fn minus(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// Whole seconds since the epoch, rounded down.
    pub(crate) fn as_seconds(self) -> u64 {
        self.0 / SECOND
    }

    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// As the API writes dates.
    pub(crate) fn to_rfc3339(self) -> String {
        self.date_time().format(&Rfc3339).unwrap_or_default()
    }

    /// The same with its milliseconds, for evidence.
    pub(crate) fn to_precise_rfc3339(self) -> String {
        let whole = self.to_rfc3339();
        format!("{}.{:03}Z", whole.trim_end_matches('Z'), self.0 % SECOND)
    }

    /// As a `Date` header has it: an IMF-fixdate (RFC 9110 §5.6.7).
    pub(crate) fn to_http_date(self) -> String {
        let at = self.date_time();
        let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
        let (weekday, month) = (weekday.get(..3).unwrap_or_default(), month.get(..3).unwrap_or_default());
        let (hour, minute, second) = at.to_hms();
        format!("{weekday}, {:02} {month} {} {hour:02}:{minute:02}:{second:02} GMT", at.day(), at.year())
    }

    /// As the pages write dates.
    pub(crate) fn for_people(self) -> String {
        let at = self.date_time();
        format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
    }

    /// The first moments of this month and of the next.
    pub(crate) fn month(self) -> (String, String) {
        let date = self.date_time().date();
        let start = date.replace_day(1).unwrap_or(date);
        let next = start.saturating_add(time::Duration::days(31));
        let end = next.replace_day(1).unwrap_or(next);
        (midnight(start), midnight(end))
    }

    fn date_time(self) -> OffsetDateTime {
        // Whole seconds: a date of the API has no fraction.
        let seconds = i64::try_from(self.0 / SECOND).unwrap_or(i64::MAX);
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<WallTime> for Moment {
    fn from(now: WallTime) -> Self {
        Self(now.as_unix_millis())
    }
}

fn midnight(date: Date) -> String {
    OffsetDateTime::new_utc(date, Time::MIDNIGHT).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_api_does() {
        let moment = Moment(1_767_139_201_999);
        assert_eq!(moment.to_rfc3339(), "2025-12-31T00:00:01Z");
        assert_eq!(moment.to_precise_rfc3339(), "2025-12-31T00:00:01.999Z");
        assert_eq!(moment.for_people(), "2025-12-31 00:00 UTC");
        assert_eq!(moment.to_http_date(), "Wed, 31 Dec 2025 00:00:01 GMT");
        assert_eq!(moment.month(), ("2025-12-01T00:00:00Z".to_owned(), "2026-01-01T00:00:00Z".to_owned()));
        assert_eq!(Moment(u64::MAX).to_rfc3339(), "1970-01-01T00:00:00Z");
    }
}
