//! Connections that break: TLS tells an end from a cut (RFC 8446 §6.1).

use std::io::Write;
use std::net::TcpListener;

use doorkey_core::http::FailureKind;

use super::authority::Shown;
use super::{for_both_inside, https};
use crate::client::Kind;
use crate::server::{Peer, Server, ok, serve_at};

for_both_inside!(
    a_body_that_ends_with_the_connection_must_be_ended,
    a_body_with_a_length_needs_no_farewell,
    what_breaks_after_the_request_loses_the_answer,
    a_connection_ended_while_idle_is_replaced,
);

fn serving(handler: impl Fn(Peer) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve_at(listener, Some(Shown::For("127.0.0.1").config()), handler)
}

fn a_body_that_ends_with_the_connection_must_be_ended(kind: Kind) {
    let until = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
    let ended = serving(move |mut peer| {
        peer.request();
        peer.say(until);
        peer.farewell();
    });
    assert_eq!(kind.get(&https(&ended)).unwrap().body.as_bytes(), b"until the end");
    let cut = serving(move |mut peer| {
        peer.request();
        peer.say(until);
        peer.hang_up();
    });
    let got = kind.get(&https(&cut)).map_err(|failure| failure.kind);
    match kind {
        Kind::Async => assert_eq!(got, Err(FailureKind::AnswerLost)),
        // ureq does not tell the two apart here: what was cut is for its reader to find out.
        Kind::Blocking => assert_eq!(got.unwrap().body.as_bytes(), b"until the end"),
    }
}

fn a_body_with_a_length_needs_no_farewell(kind: Kind) {
    let server = serving(|mut peer| {
        peer.request();
        peer.say(ok("hi"));
        peer.hang_up();
    });
    assert_eq!(kind.get(&https(&server)).unwrap().body.as_bytes(), b"hi");
}

fn what_breaks_after_the_request_loses_the_answer(kind: Kind) {
    type Breaking = fn(&mut Peer);
    let ways: [Breaking; 4] = [
        // A cut, an end, something that is no TLS, a fatal alert in plain.
        |peer| peer.hang_up(),
        |peer| peer.farewell(),
        |peer| (&mut peer.socket()).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap(),
        |peer| (&mut peer.socket()).write_all(b"\x15\x03\x03\x00\x02\x02\x28").unwrap(),
    ];
    for (at, way) in ways.into_iter().enumerate() {
        for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
            let server = serving(move |mut peer| {
                peer.request();
                peer.say(said);
                way(&mut peer);
                peer.until_closed();
            });
            assert_eq!(kind.failure(&https(&server)), FailureKind::AnswerLost, "{at} {said:?}");
        }
    }
}

fn a_connection_ended_while_idle_is_replaced(kind: Kind) {
    let (ended, is_ended) = std::sync::mpsc::channel();
    let server = serving(move |mut peer| {
        peer.request();
        peer.say(ok("hi"));
        peer.farewell();
        drop(peer);
        let _ = ended.send(());
    });
    let mut client = kind.client();
    for _ in 0..3 {
        client.get(&https(&server)).unwrap();
        is_ended.recv_timeout(crate::LIMIT).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (3, 3));
}
