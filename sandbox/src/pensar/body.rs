//! JSON bodies of requests.

use doorkey_core::http::HttpRequest;
use serde_json::Value;

use super::refusal::{INVALID_REQUEST, Refusal};

/// The fields of a body.
pub(super) struct Body(Value);

impl Body {
    /// Reads a body that says that it is a JSON object, and is one.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let content_type = request.header_value("content-type").unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        if !content_type.eq_ignore_ascii_case("application/json") {
            return Err(INVALID_REQUEST);
        }
        let value: Value = serde_json::from_slice(request.body.as_bytes()).map_err(|_| INVALID_REQUEST)?;
        value.is_object().then_some(Self(value)).ok_or(INVALID_REQUEST)
    }

    /// A text in it.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.0.get(name).and_then(Value::as_str).ok_or(INVALID_REQUEST)
    }
}
