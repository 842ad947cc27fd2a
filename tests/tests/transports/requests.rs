//! What is sent.

use std::net::TcpListener;

use doorkey_core::http::{FailureKind, HttpRequest, Method};
use doorkey_core::secret::Secret;

use crate::LIMIT;
use crate::client::{Kind, get};
use crate::for_both;
use crate::server::{answering, ok, serve_at};

for_both!(
    a_get_has_no_body_and_names_us,
    a_post_without_a_body_says_that_there_is_none,
    bodies_are_announced_with_their_length,
    headers_of_the_request_win,
    heads_of_every_length_arrive_whole,
    a_large_body_arrives_whole,
    what_would_split_a_request_is_not_sent,
    an_ipv6_address_is_reached_and_named_in_brackets,
);

fn a_get_has_no_body_and_names_us(kind: Kind) {
    let server = answering(ok("hi"));
    let response = kind.get(&server.url()).unwrap();
    assert_eq!((response.status, response.body.as_bytes()), (200, &b"hi"[..]));
    let request = server.next_request().to_lowercase();
    assert!(request.starts_with("get /x?device_id=s3cret http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: {}\r\n", server.address)), "{request}");
    assert!(request.contains("user-agent: test/1") && request.contains("accept: */*"), "{request}");
    assert!(!request.contains("content-length") && !request.contains("transfer-encoding"), "{request}");
}

fn a_post_without_a_body_says_that_there_is_none(kind: Kind) {
    let server = answering(ok("hi"));
    let request = HttpRequest::new(Method::Post, server.url().join("/x"));
    kind.client().send(&request, LIMIT).unwrap();
    let request = server.next_request().to_lowercase();
    assert!(request.contains("content-length: 0") && !request.contains("transfer-encoding"), "{request}");
}

fn bodies_are_announced_with_their_length(kind: Kind) {
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        let server = answering(ok("hi"));
        let request = HttpRequest::new(method, server.url().join("/x")).body("text/plain", "a body");
        kind.client().send(&request, LIMIT).unwrap();
        let request = server.next_request().to_lowercase();
        assert!(request.contains("content-length: 6\r\n"), "{method:?} {request}");
        assert!(
            !request.contains("transfer-encoding") && request.ends_with("a body"),
            "{method:?} {request}"
        );
    }
}

fn headers_of_the_request_win(kind: Kind) {
    let server = answering(ok("hi"));
    let request = get(&server.url()).header("accept", "application/json").header("user-agent", "mine/2");
    kind.client().send(&request, LIMIT).unwrap();
    let request = server.next_request().to_lowercase();
    assert!(request.contains("accept: application/json\r\n") && !request.contains("*/*"), "{request}");
    assert!(request.contains("user-agent: mine/2\r\n") && !request.contains("test/1"), "{request}");
}

/// Tokens may be long: no length of a head may meet with the end of some buffer.
fn heads_of_every_length_arrive_whole(kind: Kind) {
    let server = answering(ok("hi"));
    let mut client = kind.client();
    for length in (3_700..4_200).chain(8_000..8_200).chain([16_000, 32_000]) {
        let token = "t".repeat(length);
        let request = HttpRequest::new(Method::Post, server.url().join("/x"))
            .bearer(&Secret::from(&*token))
            .body("text/plain", "b".repeat(300));
        client.send(&request, LIMIT).unwrap_or_else(|e| panic!("{length}: {e:?}"));
        let request = server.next_request();
        assert!(request.contains(&format!("Bearer {token}\r\n")), "{length}");
        assert!(request.ends_with(&format!("\r\n\r\n{}", "b".repeat(300))), "{length}");
    }
}

fn a_large_body_arrives_whole(kind: Kind) {
    let server = answering(ok("hi"));
    let body = "0123456789".repeat(300_000);
    let request = HttpRequest::new(Method::Post, server.url().join("/x")).body("text/plain", &*body);
    kind.client().send(&request, LIMIT).unwrap();
    assert!(server.next_request().ends_with(&format!("\r\n\r\n{body}")));
}

fn what_would_split_a_request_is_not_sent(kind: Kind) {
    let server = answering(ok("hi"));
    for value in ["a\r\nx-injected: b", "a\nb", "a\rb", "a\0b"] {
        let request = get(&server.url()).header("x-value", Secret::from(value));
        let failure = kind.client().send(&request, LIMIT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{value:?}");
    }
    for name in ["x\r\nx-injected", "x:", "x y", ""] {
        let request = get(&server.url()).header(name, "v");
        let failure = kind.client().send(&request, LIMIT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{name:?}");
    }
    for path in ["/x HTTP/1.1\r\nx-injected: b\r\n\r\n", "/x y", "/x\ty"] {
        let request = HttpRequest::new(Method::Get, server.url().join(path));
        let failure = kind.client().send(&request, LIMIT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{path:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

fn an_ipv6_address_is_reached_and_named_in_brackets(kind: Kind) {
    let server = serve_at(TcpListener::bind("[::1]:0").unwrap(), None, |mut peer| {
        peer.request();
        peer.say(ok("six"));
    });
    assert_eq!(kind.get(&server.url()).unwrap().body.as_bytes(), b"six");
    let request = server.next_request().to_lowercase();
    assert!(request.contains(&format!("\r\nhost: [::1]:{}\r\n", server.address.port())), "{request}");
}

/// Where a request ends and who it is for are the transport's to say; `ureq` makes sense of what it is told instead.
#[test]
fn what_says_where_a_request_ends_is_not_taken_from_its_headers() {
    let server = answering(ok("hi"));
    for name in ["host", "content-length", "transfer-encoding", "connection", "Content-Length"] {
        let request =
            HttpRequest::new(Method::Post, server.url().join("/x")).header(name, "1").body("a/b", "body");
        let failure = Kind::Async.client().send(&request, LIMIT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{name}");
    }
    let fragment = HttpRequest::new(Method::Get, server.url().join("/x#y"));
    assert_eq!(Kind::Async.client().send(&fragment, LIMIT).unwrap_err().kind, FailureKind::NotSent);
    assert_eq!(server.requests(), Vec::<String>::new());
}
