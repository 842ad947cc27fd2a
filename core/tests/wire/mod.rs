//! Requests in the canonical form of `tests/fixtures`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use doorkey_core::http::HttpRequest;
use serde_json::Value;

/// The request as it stands on the wire, values replaced by what they are called.
pub fn canonical(request: &HttpRequest, values: &[(&str, &str)]) -> String {
    let mut headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    headers.push(("host", request.url.origin().host()));
    headers.sort_unstable();
    let mut text =
        format!("{} {} HTTP/1.1\n", request.method.as_str(), request.url.expose_target().expose_secret());
    for (name, value) in headers {
        text += &format!("{name}: {value}\n");
    }
    text += "\n";
    if !request.body.is_empty() {
        let body: Value = serde_json::from_slice(request.body.as_bytes()).unwrap();
        text += &format!("{body}\n");
    }
    for (value, name) in values {
        text = text.replace(value, &format!("<{name}>"));
    }
    text
}

pub fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/pensar");
    std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap()
}
