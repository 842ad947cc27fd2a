//! Bodies of requests: JSON, or a form where OAuth has one.

use doorkey_core::http::HttpRequest;
use serde_json::Value;

use super::refusal::{INVALID_REQUEST, Refusal};
use crate::form::Form;

/// The fields of a body.
pub(super) struct Body {
    fields: Value,
    /// Whether they came as a form.
    pub(super) is_form: bool,
}

impl Body {
    /// Reads a body that says that it is a JSON object, and is one.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let content_type = request.header_value("content-type").unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        if !content_type.eq_ignore_ascii_case("application/json") {
            return Err(INVALID_REQUEST);
        }
        let fields: Value = serde_json::from_slice(request.body.as_bytes()).map_err(|_| INVALID_REQUEST)?;
        fields.is_object().then_some(Self { fields, is_form: false }).ok_or(INVALID_REQUEST)
    }

    /// Reads a JSON object, or the form in which OAuth's own clients send the same (RFC 6749, appendix B). No parameter
    /// comes twice (RFC 6749 §3.2).
    pub(super) fn of_oauth(request: &HttpRequest) -> Result<Self, Refusal> {
        let Some(form) = Form::of(request) else { return Self::of(request) };
        let fields = form.once_each().ok_or(INVALID_REQUEST)?;
        let fields = fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        Ok(Self { fields: Value::Object(fields), is_form: true })
    }

    /// A text in it.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.fields.get(name).and_then(Value::as_str).ok_or(INVALID_REQUEST)
    }
}
