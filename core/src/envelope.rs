//! Reading answers: the error envelope, bodies of known shape, `Retry-After`.

use alloc::string::String;
use core::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::http::HttpResponse;
use crate::http_date::{self, answered_at};
use crate::json::Json;
use crate::text::harmless;
use crate::time::WallTime;
use crate::url::Url;

/// A page's address with more bytes is nothing to print in an error message.
const LONGEST_PAGE: usize = 500;

/// The one form of every error: `{"error":{"code","message","details"?,"request_id"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// What to switch on.
    pub code: String,
    /// For people; never switched on.
    pub message: Option<String>,
    /// For the service's support.
    pub request_id: Option<String>,
    /// Where to buy more, if the service says so: an https page.
    pub top_up_url: Option<String>,
}

impl Envelope {
    /// Reads an envelope; `None` if the body is anything else. All texts come out harmless.
    pub fn read(response: &HttpResponse) -> Option<Self> {
        #[derive(Deserialize)]
        struct Outer {
            error: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            code: String,
            #[serde(default)]
            message: Value,
            #[serde(default)]
            details: Value,
            #[serde(default)]
            request_id: Value,
        }
        let outer: Outer = serde_json::from_slice(response.body.as_bytes()).ok()?;
        let text = |value: &Value| value.as_str().map(harmless).filter(|text| !text.is_empty());
        let top_up = outer.error.details.get("top_up_url").and_then(Value::as_str);
        Some(Self {
            code: harmless(&outer.error.code),
            message: text(&outer.error.message),
            request_id: text(&outer.error.request_id),
            top_up_url: top_up
                .filter(|url| url.len() <= LONGEST_PAGE && Url::parse(url).is_ok())
                .map(String::from),
        })
    }
}

/// The body as a JSON object, whatever the content type says; `None` if it is anything else.
pub fn json_object(response: &HttpResponse) -> Option<Json> {
    Json::read(response.body.as_bytes()).filter(|body| body.is_object())
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is compared with the answer's own `Date`.
pub fn retry_after(response: &HttpResponse) -> Option<Duration> {
    wait(response, answered_at(response))
}

/// The same; a date is compared with `now`, our wall clock, if the answer has no `Date` of its own.
pub fn retry_after_at(response: &HttpResponse, now: WallTime) -> Option<Duration> {
    wait(response, answered_at(response).or(Some(now)))
}

fn wait(response: &HttpResponse, now: Option<WallTime>) -> Option<Duration> {
    let text = response.header_value("retry-after")?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit ask for more time than anybody waits.
        return Some(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let (until, now) = (http_date::parse(text)?, now?);
    Some(Duration::from_millis(until.as_unix_millis().saturating_sub(now.as_unix_millis())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let our = WallTime::from_unix_millis(784_111_777_000);
        for (retry_after, date, with_clock, without) in [
            ("7", None, Some(7), Some(7)),
            (" 0 ", None, Some(0), Some(0)),
            ("99999999999999999999", None, Some(u64::from(u32::MAX)), Some(u64::from(u32::MAX))),
            // A day ahead of our clock, which is nobody's business.
            ("Mon, 07 Nov 1994 08:50:07 GMT", Some("Mon, 07 Nov 1994 08:49:37 GMT"), Some(30), Some(30)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, Some(30), None),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some("yesterday"), Some(30), None),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(date), Some(0), Some(0)),
            ("-1", None, None, None),
            ("1.5", None, None, None),
            ("soon", Some(date), None, None),
            ("", None, None, None),
        ] {
            let mut response = HttpResponse::new(429, "").header("retry-after", retry_after);
            if let Some(date) = date {
                response = response.header("date", date);
            }
            let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
            assert_eq!(seconds(retry_after_at(&response, our)), with_clock, "{retry_after}");
            assert_eq!(seconds(super::retry_after(&response)), without, "{retry_after}");
        }
        assert_eq!(retry_after_at(&HttpResponse::new(429, ""), our), None);
    }
}
