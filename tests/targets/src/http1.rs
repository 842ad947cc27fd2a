//! Answers of HTTP/1.1, as the asynchronous driver reads them: its own code, on a connection in memory.

#[path = "../../../runtime-async/src/http1.rs"]
#[allow(dead_code, reason = "what else is in it is the driver's")]
mod included;

use doorkey_core::http::{HttpRequest, HttpResponse, Method, RequestFailure};
use doorkey_core::url::Url;
use doorkey_host::limits::BODY_CAP;
use futures_lite::future::block_on;

use crate::connection::Connection;

/// However the bytes come, they are the same answer; a body is as long as was announced, and never longer than allowed.
pub fn http1(bytes: &[u8]) {
    let whole = exchange(bytes, bytes.len().max(1));
    for piece in [1, 13] {
        assert_eq!(
            exchange(bytes, piece).map(|(response, _)| response),
            whole.clone().map(|(response, _)| response)
        );
    }
    let Ok((response, goes_on)) = whole else { return };
    // Nobody asked for another protocol, but that answer is one (RFC 9110 §15.2.2).
    assert!(matches!(response.status, 101 | 200..1000), "{}", response.status);
    assert!(!(response.status == 101 && goes_on), "what comes next is not HTTP");
    assert!(response.body.len() <= BODY_CAP && response.body.len() <= bytes.len());
    for (name, value) in &response.headers {
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()));
        assert!(value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)), "{value:?}");
    }
    let has_body = !matches!(response.status, 101 | 204 | 300..=399);
    let length =
        response.header_value("content-length").and_then(|length| length.trim().parse::<usize>().ok());
    if let (Some(length), None, true) = (length, response.header_value("transfer-encoding"), has_body) {
        assert_eq!(response.body.len(), length);
    }
    if goes_on {
        let closes =
            response.header_value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        assert!(!closes, "it is used again though the server closes it");
    }
}

fn exchange(answer: &[u8], piece: usize) -> Result<(HttpResponse, bool), RequestFailure> {
    let url = Url::parse("http://127.0.0.1:8001/v1/usage").expect("a URL");
    let request = HttpRequest::new(Method::Get, url);
    block_on(included::exchange(&mut Connection::saying(answer, piece), &request, "doorkey"))
}
