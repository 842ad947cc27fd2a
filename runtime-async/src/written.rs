//! A request as it goes over the wire (RFC 9112 §2, §3).

use doorkey_core::http::{HttpRequest, Method, RequestFailure};
use http::HeaderName;
use zeroize::Zeroizing;

use crate::connection::not_sent;

/// Told by the transport alone: they say where the request ends and who it is for.
const OURS: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

/// Head and body, in memory that is wiped.
///
/// # Errors
/// If something in it would make another request of it.
pub(crate) fn written(request: &HttpRequest, user_agent: &str) -> Result<Zeroizing<Vec<u8>>, RequestFailure> {
    let target = request.url.expose_target();
    let target = target.expose_secret();
    // A fragment is nobody's but the client's (RFC 9110 §7.1).
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(not_sent("the path cannot stand in a request"));
    }
    let origin = request.url.origin().to_string();
    let host = origin.split_once("://").map_or(&*origin, |(_, host)| host);
    let body = request.body.as_bytes();
    let length = body.len().to_string();
    // An empty body is announced, too, but for those methods that have none (RFC 9110 §8.6).
    let has_body = !body.is_empty() || !matches!(request.method, Method::Get | Method::Delete);

    let mut lines = vec![("host", host)];
    for (name, default) in [("user-agent", user_agent), ("accept", "*/*")] {
        if request.header_value(name).is_none() {
            lines.push((name, default));
        }
    }
    for (name, value) in &request.headers {
        if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
            return Err(not_sent("a header that only the transport may set"));
        }
        lines.push((name, value.expose()));
    }
    if has_body {
        lines.push(("content-length", &length));
    }

    let pieces = [request.method.as_str(), " ", target, " HTTP/1.1\r\n"].into_iter();
    let mut pieces: Vec<&str> = pieces.collect();
    for (name, value) in lines {
        if HeaderName::from_bytes(name.as_bytes()).is_err() || !value.bytes().all(may_stand_in_value) {
            return Err(not_sent("a header that cannot stand in a request"));
        }
        pieces.extend([name, ": ", value, "\r\n"]);
    }
    pieces.push("\r\n");
    // Its size is known: growing would leave copies behind.
    let size = pieces.iter().map(|piece| piece.len()).sum::<usize>() + body.len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    for piece in pieces {
        bytes.extend_from_slice(piece.as_bytes());
    }
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// RFC 9110 §5.5.
fn may_stand_in_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
