//! What comes back.

use doorkey_core::http::FailureKind;

use crate::client::Kind;
use crate::for_both;
use crate::server::{answering, answering_once, ok, serve};

const CAP: usize = 1024 * 1024;
/// The longest head of an answer that is taken.
const MOST_HEAD: usize = 64 * 1024;

for_both!(
    error_statuses_are_answers_with_their_bodies,
    a_redirect_is_returned_not_followed,
    a_body_of_exactly_the_cap_is_taken_one_more_is_not,
    answers_without_a_body_need_no_end,
    interim_answers_are_passed_over,
    a_switch_of_protocols_is_an_answer,
    a_head_of_exactly_the_limit_is_taken_one_more_is_not,
    values_that_are_not_ascii_are_left_out,
    an_answer_before_the_request_was_read_is_taken,
);

fn error_statuses_are_answers_with_their_bodies(kind: Kind) {
    let server = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nRetry-After: 7\r\n\r\ngone");
    let response = kind.get(&server.url()).unwrap();
    assert_eq!((response.status, response.body.as_bytes()), (404, &b"gone"[..]));
    assert_eq!(response.header_value("retry-after"), Some("7"));
}

fn a_redirect_is_returned_not_followed(kind: Kind) {
    let elsewhere = answering(ok("gotcha"));
    for body in ["", "moved"] {
        let location = elsewhere.url().join("/").expose();
        let server = answering(format!(
            "HTTP/1.1 307 T\r\nlocation: {}\r\ncontent-length: {}\r\n\r\n{body}",
            location.expose_secret(),
            body.len()
        ));
        let response = kind.get(&server.url()).unwrap();
        assert_eq!((response.status, response.body.as_bytes()), (307, body.as_bytes()));
    }
    assert_eq!(elsewhere.accepted(), 0);
}

fn a_body_of_exactly_the_cap_is_taken_one_more_is_not(kind: Kind) {
    let server = answering(ok(vec![b'x'; CAP]));
    assert_eq!(kind.get(&server.url()).unwrap().body.len(), CAP);
    let server = answering(ok(vec![b'x'; CAP + 1]));
    assert_eq!(kind.failure(&server.url()), FailureKind::BodyTooLarge);
    // Without a length, too.
    let mut until_closed = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    until_closed.resize(3 * CAP, b'x');
    let server = answering_once(until_closed);
    assert_eq!(kind.failure(&server.url()), FailureKind::BodyTooLarge);
    let endless = serve(|mut peer| {
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while peer.say("5\r\nhello\r\n") {}
    });
    assert_eq!(kind.failure(&endless.url()), FailureKind::BodyTooLarge);
}

/// RFC 9110 §15.3.5, §15.4.5: whatever length is told, nothing follows.
fn answers_without_a_body_need_no_end(kind: Kind) {
    for status in [204, 304] {
        let server = answering(format!("HTTP/1.1 {status} T\r\ncontent-length: 9\r\n\r\n"));
        let mut client = kind.client();
        for _ in 0..2 {
            let response = client.get(&server.url()).unwrap();
            assert_eq!((response.status, response.body.len()), (status, 0));
        }
        assert_eq!(server.accepted(), 1, "{status}");
    }
}

fn interim_answers_are_passed_over(kind: Kind) {
    let mut answer =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style>\r\n\r\n".to_vec();
    answer.extend(ok("final"));
    let server = serve(move |mut peer| {
        while peer.request().is_some() {
            peer.drip(&answer);
        }
    });
    let response = kind.get(&server.url()).unwrap();
    assert_eq!((response.status, response.body.as_bytes()), (200, &b"final"[..]));
    assert_eq!(response.header_value("link"), None);
}

/// Nobody asked for it, but it is final (RFC 9110 §15.2.2): what follows is no HTTP.
fn a_switch_of_protocols_is_an_answer(kind: Kind) {
    let server = answering("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
    let mut client = kind.client();
    for _ in 0..2 {
        assert_eq!(client.get(&server.url()).unwrap().status, 101);
    }
    assert_eq!(server.accepted(), 2);
}

fn a_head_of_exactly_the_limit_is_taken_one_more_is_not(kind: Kind) {
    for (length, taken) in [(MOST_HEAD, true), (MOST_HEAD + 1, false)] {
        let mut head = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: ".to_vec();
        head.resize(length - 4, b'y');
        head.extend(b"\r\n\r\n");
        let server = answering(head);
        let kinds = kind.get(&server.url()).map(|response| response.status).map_err(|e| e.kind);
        assert_eq!(kinds, if taken { Ok(200) } else { Err(FailureKind::AnswerLost) }, "{length}");
    }
    // One line or many without an end.
    for piece in ["y".repeat(1000), format!("y: {}\r\n", "y".repeat(1000))] {
        let server = serve(move |mut peer| {
            peer.request();
            peer.say("HTTP/1.1 200 OK\r\nx: ");
            while peer.say(&piece) {}
        });
        assert_eq!(kind.failure(&server.url()), FailureKind::AnswerLost);
    }
}

fn values_that_are_not_ascii_are_left_out(kind: Kind) {
    let server = answering(
        b"HTTP/1.1 200 OK\r\nx-first: \xff\xfe\r\nx-second: \xc3\xbc\r\nx-third: plain\r\ncontent-length: 2\r\n\r\nhi",
    );
    let response = kind.get(&server.url()).unwrap();
    let values = ["x-first", "x-second", "x-third"].map(|name| response.header_value(name));
    assert_eq!(values, [None, None, Some("plain")]);
    assert_eq!(response.body.as_bytes(), b"hi");
}

fn an_answer_before_the_request_was_read_is_taken(kind: Kind) {
    let server = serve(|mut peer| {
        peer.say(ok("early"));
        peer.request();
        peer.until_closed();
    });
    assert_eq!(kind.get(&server.url()).unwrap().body.as_bytes(), b"early");
}
