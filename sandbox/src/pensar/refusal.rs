//! Refusals: JSON in the form of OAuth 2.0 (RFC 6749 §5.2), at all of Pensar's places.

use doorkey_core::http::HttpResponse;
use serde_json::json;

use crate::envelope::json_response;

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: &'static str,
    description: &'static str,
}

impl Refusal {
    pub(super) const fn new(status: u16, error: &'static str, description: &'static str) -> Self {
        Self { status, error, description }
    }

    pub(super) fn into_response(self) -> HttpResponse {
        let body = json!({"error": self.error, "error_description": self.description});
        let response = json_response(self.status, &body);
        if self.status == 401 && self != INVALID_CLIENT {
            // Without any credential there is no error to name (RFC 6750 §3.1).
            let challenge = if self == NO_TOKEN { "Bearer" } else { "Bearer error=\"invalid_token\"" };
            return response.header("www-authenticate", challenge);
        }
        response
    }
}

/// Whether an answer is this refusal.
pub(super) fn is(refusal: Refusal, response: &HttpResponse) -> bool {
    *response.body.as_bytes() == *refusal.into_response().body.as_bytes()
}

pub(super) const NOT_FOUND: Refusal = Refusal::new(404, "not_found", "There is no such resource.");
pub(super) const WRONG_METHOD: Refusal =
    Refusal::new(405, "method_not_allowed", "The resource does not know this method.");
pub(super) const NO_TOKEN: Refusal = Refusal::new(401, "unauthorized", "This needs a bearer token.");
pub(super) const INVALID_TOKEN: Refusal =
    Refusal::new(401, "invalid_token", "The token is unknown, has expired or was revoked.");
pub(super) const INVALID_CLIENT: Refusal =
    Refusal::new(401, "invalid_client", "There is no client of this id.");
pub(super) const INVALID_REQUEST: Refusal =
    Refusal::new(400, "invalid_request", "The body must be JSON with all that this needs.");
pub(super) const INVALID_GRANT: Refusal =
    Refusal::new(400, "invalid_grant", "The code or token is unknown, was used or was revoked.");

/// Too many requests. Without an `error`: it is no answer of OAuth's.
pub(crate) fn too_fast(seconds: u64) -> HttpResponse {
    let body = json!({"message": "Too many requests. Wait as long as Retry-After says."});
    json_response(429, &body).header("retry-after", seconds.to_string())
}
