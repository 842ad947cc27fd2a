//! Which connections are used again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use doorkey_async::Transport;
use doorkey_core::http::{FailureKind, HttpRequest, Method};
use futures_lite::FutureExt;
use futures_lite::future::block_on;

use crate::client::{Client, Kind, get};
use crate::for_both;
use crate::server::{answering, ok, serve};
use crate::{LIMIT, SHORT};

for_both!(
    connections_are_used_again,
    a_server_that_closes_is_obeyed,
    rubbish_after_an_answer_is_nobodys_answer,
    a_connection_closed_while_idle_is_replaced_and_the_request_sent_once,
    a_connection_closed_upon_a_request_loses_the_answer_and_nothing_is_sent_twice,
    a_connection_with_an_answer_pending_is_not_used_again,
);

fn connections_are_used_again(kind: Kind) {
    let server = answering(ok("hi"));
    let mut client = kind.client();
    for _ in 0..3 {
        client.get(&server.url()).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (1, 3));
}

fn a_server_that_closes_is_obeyed(kind: Kind) {
    // It says so, but leaves it to the client.
    let server = answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
    let mut client = kind.client();
    for _ in 0..2 {
        client.get(&server.url()).unwrap();
    }
    assert_eq!(server.accepted(), 2);
}

fn rubbish_after_an_answer_is_nobodys_answer(kind: Kind) {
    let (said, heard) = channel();
    let server = serve(move |mut peer| {
        while peer.request().is_some() {
            peer.say(ok("mine"));
            // Read apart from the answer, and before the next request.
            std::thread::sleep(Duration::from_millis(20));
            peer.say(ok("yours"));
            let _ = said.send(());
        }
    });
    let mut client = kind.client();
    for _ in 0..3 {
        assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), b"mine");
        heard.recv_timeout(LIMIT).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (3, 3));
}

fn a_connection_closed_while_idle_is_replaced_and_the_request_sent_once(kind: Kind) {
    let (closed, is_closed) = channel();
    let server = serve(move |mut peer| {
        peer.request();
        peer.say(ok("hi"));
        peer.hang_up();
        let _ = closed.send(());
    });
    let mut client = kind.client();
    for _ in 0..3 {
        client.get(&server.url()).unwrap();
        is_closed.recv_timeout(LIMIT).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (3, 3));
}

/// Between the close and the next request only luck tells: the request may have been acted on.
fn a_connection_closed_upon_a_request_loses_the_answer_and_nothing_is_sent_twice(kind: Kind) {
    let server = serve(|mut peer| {
        peer.request();
        peer.say(ok("hi"));
        peer.request();
        peer.hang_up();
    });
    let mut client = kind.client();
    client.get(&server.url()).unwrap();
    for method in [Method::Post, Method::Get] {
        let request = HttpRequest::new(method, server.url().join("/x"));
        let failure = client.send(&request, LIMIT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::AnswerLost);
        client.get(&server.url()).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (3, 5));
}

fn a_connection_with_an_answer_pending_is_not_used_again(kind: Kind) {
    let (given_up, goes_on) = channel();
    let goes_on = std::sync::Mutex::new(goes_on);
    let server = serve(move |mut peer| {
        peer.request();
        if peer.number == 0 {
            // Late: the client waits no longer.
            let _ = goes_on.lock().unwrap().recv_timeout(LIMIT);
        }
        peer.say(ok(format!("answer {}", peer.number)));
        peer.until_closed();
    });
    let mut client = kind.client();
    let failure = client.send(&get(&server.url()), SHORT).unwrap_err();
    assert_eq!(failure.kind, FailureKind::AnswerLost);
    given_up.send(()).unwrap();
    assert_eq!(client.get(&server.url()).unwrap().body.as_bytes(), b"answer 1");
}

/// Dropping is what the blocking one has no way to do.
#[test]
fn a_dropped_request_closes_its_connection() {
    let (asked, is_asked) = channel();
    let (closed, is_closed) = channel();
    let server = serve(move |mut peer| {
        peer.request();
        if peer.number == 0 {
            asked.send(()).unwrap();
            peer.until_closed();
            closed.send(()).unwrap();
        } else {
            peer.say(ok("another"));
        }
    });
    let Client::Async(transport) = Kind::Async.client() else { unreachable!() };
    let sending = transport.send(get(&server.url()), LIMIT);
    // Whichever of the two ends first, the other is dropped.
    let asked = async {
        smol::unblock(move || is_asked.recv_timeout(LIMIT).unwrap()).await;
        None
    };
    assert!(block_on(async { Some(sending.await) }.or(asked)).is_none());
    is_closed.recv_timeout(LIMIT).unwrap();
    let response = block_on(transport.send(get(&server.url()), LIMIT)).unwrap();
    assert_eq!(response.body.as_bytes(), b"another");
}

#[test]
fn a_burst_leaves_few_connections_behind() {
    let (count, kept) = (40, 16);
    let all_here = Arc::new(Barrier::new(count));
    let closed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&closed);
    let server = serve(move |mut peer| {
        peer.request();
        all_here.wait();
        peer.say(ok("hi"));
        peer.until_closed();
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let Client::Async(transport) = Kind::Async.client() else { unreachable!() };
    let sending = (0..count).map(|_| smol::spawn(transport.send(get(&server.url()), LIMIT)));
    for answer in sending.collect::<Vec<_>>() {
        assert_eq!(block_on(answer).unwrap().status, 200);
    }
    let closed = || closed.load(Ordering::SeqCst);
    doorkey_tests::wait_for("connections to be closed", || (closed() >= count - kept).then_some(()));
    assert_eq!(closed(), count - kept);
}
