//! Answers of the API: JSON, and one envelope for every error.

use doorkey_core::http::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;

use crate::digest::Digest;
use crate::moment::Moment;

/// A refusal of the API.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, retry_after: None }
    }

    pub(crate) const fn too_fast(seconds: u64) -> Self {
        Self {
            status: 429,
            code: "rate_limited",
            message: "Too many requests. Wait as long as Retry-After says.",
            retry_after: Some(seconds),
        }
    }

    /// The envelope.
    pub(crate) fn into_response(self, request: &HttpRequest, now: Moment) -> HttpResponse {
        let request_id = request_id(request, now);
        let error = json!({"code": self.code, "message": self.message, "request_id": request_id});
        let response = json_response(self.status, &json!({ "error": error }));
        match self.retry_after {
            Some(seconds) => response.header("retry-after", seconds.to_string()),
            None => response,
        }
    }
}

/// A JSON answer that nobody may keep.
pub(crate) fn json_response(status: u16, body: &impl Serialize) -> HttpResponse {
    // Writing a value into memory has no way to fail.
    HttpResponse::new(status, serde_json::to_vec(body).unwrap_or_default())
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff")
}

/// Names a request to people. It is derived and not counted, so that asking leaves no mark on the state.
fn request_id(request: &HttpRequest, now: Moment) -> String {
    let target = request.url.expose_target();
    let parts = [request.method.as_str().as_bytes(), target.expose_secret().as_bytes(), &now.to_bytes()];
    format!("req_{}", Digest::of_parts("request", &parts).short())
}
