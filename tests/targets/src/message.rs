//! Answers of servers as texts that people can read and fuzzers can change.

use doorkey_core::http::HttpResponse;

/// The status on the first line, headers up to an empty one, and the body.
pub fn response(bytes: &[u8]) -> HttpResponse {
    let (head, body) = match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &b""[..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n');
    let status = lines.next().and_then(|status| status.trim().parse().ok()).unwrap_or(200);
    let mut response = HttpResponse::new(status, body.to_vec());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        // No other value comes through a driver.
        if value.bytes().all(|b| b == b'\t' || (b' '..0x7f).contains(&b)) {
            response = response.header(&name.trim().to_ascii_lowercase(), value.trim());
        }
    }
    response
}
