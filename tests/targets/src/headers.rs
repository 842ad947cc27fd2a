//! What the headers of an answer say about time.

use std::time::Duration;

use doorkey_core::envelope::{retry_after, retry_after_at};
use doorkey_core::http::HttpResponse;
use doorkey_core::http_date::{answered_at, parse};
use doorkey_core::time::WallTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Lines: a date, `Age`, `Retry-After`. A date that is read is the same when it is written out and read again; what is to be
/// waited is never more than what was said.
pub fn headers(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let (date, age, wait) = (lines.next(), lines.next(), lines.next());
    let read = date.and_then(parse);
    if let Some(time) = read {
        assert_eq!(time.as_unix_millis() % 1000, 0);
        assert_eq!(parse(&written(time)), Some(time), "{date:?}");
    }
    let mut response = HttpResponse::new(429, "");
    for (name, value) in [("date", date), ("age", age), ("retry-after", wait)] {
        if let Some(value) = value {
            response = response.header(name, value);
        }
    }
    let fresh = age.is_none_or(|age| age.trim() == "0");
    assert_eq!(answered_at(&response), read.filter(|_| fresh));
    let now = WallTime::from_unix_millis(1_700_000_000_000);
    let (by_its_own_clock, by_ours) = (retry_after(&response), retry_after_at(&response, now));
    assert!(by_its_own_clock.is_none() || by_its_own_clock == by_ours);
    if let Some(waits) = by_ours {
        let until = wait.and_then(parse);
        let most = until.map_or(u64::from(u32::MAX) * 1000, WallTime::as_unix_millis);
        assert!(waits <= Duration::from_millis(most), "{wait:?}");
    }
}

/// By an algorithm of its own: a day at a time would be slow, so it is whole cycles of 400 years first.
fn written(time: WallTime) -> String {
    let seconds = time.as_unix_seconds();
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970 + days / 146_097 * 400;
    days %= 146_097;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("Day, {:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", days + 1, MONTHS[month])
}
