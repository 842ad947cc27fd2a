//! Where an answer ends.

use std::time::{Duration, Instant};

use doorkey_core::http::FailureKind;

use crate::client::Kind;
use crate::for_both;
use crate::server::{Peer, answering, answering_once, serve};
use crate::{LIMIT, SHORT};

for_both!(
    chunks_are_put_together_wherever_they_are_torn,
    chunks_end_the_body_not_the_connection,
    chunks_whose_last_line_end_is_missing_are_whole,
    what_is_no_chunk_is_no_answer,
    framing_without_end_is_given_up,
    a_body_that_ends_with_the_connection_is_whole,
    a_length_that_lies_is_noticed,
    lengths_that_disagree_are_refused,
    http_1_0_ends_with_the_connection,
    chunks_win_over_a_length_and_the_connection_is_not_trusted,
);

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const CHUNKS: &str = "5\r\nhello\r\n1;name=value\r\n \r\n00A\r\n0123456789\r\n0\r\ntrailer: t\r\n\r\n";
const BODY: &[u8] = b"hello 0123456789";

fn chunks_are_put_together_wherever_they_are_torn(kind: Kind) {
    let whole = format!("{CHUNKED}{CHUNKS}");
    let length = whole.len();
    // The connection's number is where it is torn.
    let server = serve(move |mut peer| {
        peer.request();
        let (first, second) = whole.split_at(peer.number);
        peer.say(first);
        // Most of the time the two are then read apart.
        std::thread::sleep(Duration::from_millis(1));
        peer.say(second);
    });
    for at in 0..=length {
        let response = kind.get(&server.url()).unwrap_or_else(|e| panic!("{at}: {e:?}"));
        assert_eq!(response.body.as_bytes(), BODY, "{at}");
    }
    let dripping = serve(|mut peer| {
        peer.request();
        peer.drip(format!("{CHUNKED}{CHUNKS}").as_bytes());
    });
    assert_eq!(kind.get(&dripping.url()).unwrap().body.as_bytes(), BODY);
}

fn chunks_end_the_body_not_the_connection(kind: Kind) {
    let server = answering(format!("{CHUNKED}{CHUNKS}"));
    let mut client = kind.client();
    for _ in 0..3 {
        assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), BODY);
    }
    assert_eq!(server.accepted(), 1);
}

/// Everything has come that was to come: a token must not be thrown away for the missing line end.
fn chunks_whose_last_line_end_is_missing_are_whole(kind: Kind) {
    let server = answering_once(format!("{CHUNKED}5\r\nhello\r\n0\r\n"));
    assert_eq!(kind.get(&server.url()).unwrap().body.as_bytes(), b"hello");
}

fn what_is_no_chunk_is_no_answer(kind: Kind) {
    for chunks in [
        "5\r\nhel",
        "5\r\nhello",
        "5\r\nhello\r\n",
        "x\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "fffffffffffffffffffff\r\nhello",
        "\r\n\r\n",
    ] {
        let server = answering_once(format!("{CHUNKED}{chunks}"));
        assert_eq!(kind.failure(&server.url()), FailureKind::AnswerLost, "{chunks:?}");
    }
}

/// However much comes, neither does memory grow nor does the limit stop to count.
fn framing_without_end_is_given_up(kind: Kind) {
    let endless: [(&str, &str); 4] = [
        // The length of a chunk, one line of a trailer, lines of a trailer, answers before the answer.
        (CHUNKED, "00000000000000000000"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "xxxxxxxxxxxxxxxxxxxx"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "x: y\r\nx: y\r\nx: y\r\n"),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ];
    for (start, goes_on) in endless {
        let flood = goes_on.repeat(1000);
        let server = serve(move |mut peer: Peer| {
            peer.request();
            peer.say(start);
            while peer.say(&flood) {}
        });
        let started = Instant::now();
        let failure = kind.get_within(&server.url(), SHORT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::AnswerLost, "{start:?} {goes_on:?}");
        assert!(started.elapsed() < LIMIT, "{start:?} {goes_on:?}");
    }
}

fn a_body_that_ends_with_the_connection_is_whole(kind: Kind) {
    let server = answering_once("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    let mut client = kind.client();
    for _ in 0..2 {
        assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), b"until the end");
    }
}

fn a_length_that_lies_is_noticed(kind: Kind) {
    // Too long: the rest never comes. Too short: what is over is nobody's answer.
    let server = answering_once("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    assert_eq!(kind.failure(&server.url()), FailureKind::AnswerLost);
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi, and more");
    let mut client = kind.client();
    for _ in 0..2 {
        assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), b"hi");
    }
    assert_eq!(server.accepted(), 2);
}

/// RFC 9112 §6.3: what cannot be delimited is not an answer.
fn lengths_that_disagree_are_refused(kind: Kind) {
    for lengths in ["2\r\ncontent-length: 3", "2, 3", "+2", "-2", "0x2", "", "99999999999999999999999"] {
        let server = answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {lengths}\r\n\r\nhi!"));
        assert_eq!(kind.failure(&server.url()), FailureKind::AnswerLost, "{lengths:?}");
    }
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi");
    assert_eq!(kind.get(&server.url()).unwrap().body.as_bytes(), b"hi");
}

fn http_1_0_ends_with_the_connection(kind: Kind) {
    let server = answering_once("HTTP/1.0 200 OK\r\n\r\nold");
    assert_eq!(kind.get(&server.url()).unwrap().body.as_bytes(), b"old");
    for (header, connections) in [("x: y", 2), ("connection: keep-alive", 1), ("connection: close", 2)] {
        let server = answering(format!("HTTP/1.0 200 OK\r\n{header}\r\ncontent-length: 3\r\n\r\nold"));
        let mut client = kind.client();
        for _ in 0..2 {
            assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), b"old");
        }
        assert_eq!(server.accepted(), connections, "{header}");
    }
}

/// RFC 9112 §6.1, §6.3: both together are how answers are smuggled past what stands in between.
fn chunks_win_over_a_length_and_the_connection_is_not_trusted(kind: Kind) {
    let both =
        "HTTP/1.1 200 OK\r\ncontent-length: 30\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let server = answering(both);
    let mut client = kind.client();
    for _ in 0..2 {
        assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), b"hi");
    }
    // ureq takes the chunks for the end and goes on with the connection.
    assert_eq!(server.accepted(), if kind == Kind::Async { 2 } else { 1 });
}
