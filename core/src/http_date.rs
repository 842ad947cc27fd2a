//! Dates of HTTP headers (RFC 9110 §5.6.7).

use crate::http::HttpResponse;
use crate::time::WallTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The issuer's clock when it answered: `Date`, unless a cache says by `Age` that the answer is not fresh.
pub fn answered_at(response: &HttpResponse) -> Option<WallTime> {
    if response.header_value("age").is_some_and(|age| age.trim() != "0") {
        return None;
    }
    parse(response.header_value("date")?)
}

/// Reads the preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete ones are hints nobody needs.
pub fn parse(text: &str) -> Option<WallTime> {
    let mut words = text.trim().split(' ');
    let (_weekday, day, month, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    if zone != "GMT" || words.next().is_some() || day.len() != 2 || year.len() != 4 {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)?;
    let mut parts = time.split(':').map(|part| number(part).filter(|_| part.len() == 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let (day, year) = (number(day)?, number(year)?);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_before(year, month)? + day - 1;
    Some(WallTime::from_unix_millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000))
}

/// Days from 1970 to the first of a month.
fn days_before(year: u64, month: usize) -> Option<u64> {
    const BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = year.checked_sub(1970)?;
    // Leap days of the whole years before this one.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(is_leap && month > 1);
    Some(past * 365 + leaps(year - 1) - leaps(1969) + BEFORE_MONTH.get(month)? + leap_day)
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_second() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:60 GMT", Some(1_709_251_200)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200)),
            ("Sun, 01 Mar 2026 00:00:00 GMT", Some(1_772_323_200)),
            ("Wed, 31 Dec 2099 23:59:59 GMT", Some(4_102_444_799)),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1969 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1994 +8:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(WallTime::as_unix_seconds), seconds, "{text}");
        }
    }

    #[test]
    fn a_stale_answer_tells_no_time() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let response = || HttpResponse::new(200, "").header("date", date);
        assert!(answered_at(&response()).is_some());
        assert!(answered_at(&response().header("age", "0")).is_some());
        assert_eq!(answered_at(&response().header("age", "86400")), None);
    }
}
