//! Bearer tokens in requests.

use doorkey_core::http::HttpRequest;

/// The bearer token of a request (RFC 6750 §2.1). The scheme's name is case-insensitive (RFC 9110 §11.1).
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.header_value("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
