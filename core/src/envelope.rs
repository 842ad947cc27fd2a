//! Reading answers: the error envelope, bodies of known shape, `Retry-After`.

use alloc::string::String;
use core::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::http::HttpResponse;
use crate::text::harmless;
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
pub fn json_object(response: &HttpResponse) -> Option<Value> {
    serde_json::from_slice::<Value>(response.body.as_bytes()).ok().filter(Value::is_object)
}

/// `Retry-After` in whole seconds (RFC 9110 §10.2.3).
pub fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.header_value("retry-after")?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}
