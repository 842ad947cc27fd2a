//! Requests without an answer: what is known of them (invariant 9), when they are given up, what they tell.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use doorkey_core::http::FailureKind;
use doorkey_core::url::Url;
use doorkey_tests::closed_port::ClosedPort;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};

use crate::client::{Kind, get};
use crate::for_both;
use crate::server::serve;
use crate::{LIMIT, SHORT};

for_both!(
    silence_and_dripping_end_at_the_limit,
    a_limit_that_runs_out_while_connecting_sent_nothing,
    a_limit_of_any_length_is_no_limit,
    what_was_surely_not_sent_is_told_from_what_may_have_been,
    a_request_that_was_reset_may_have_been_sent,
    a_failure_repeats_no_secret,
);

fn silence_and_dripping_end_at_the_limit(kind: Kind) {
    let silent = serve(|mut peer| peer.until_closed());
    let dripping = serve(|mut peer| {
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        while peer.say(".") {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    for server in [silent, dripping] {
        let start = Instant::now();
        let failure = kind.get_within(&server.url(), SHORT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::AnswerLost);
        // The server says nothing else for as long as LIMIT.
        assert!(start.elapsed() >= SHORT && start.elapsed() < LIMIT, "{:?}", start.elapsed());
    }
}

/// A listener that accepts nobody and whose queue is full: as far as a client can tell, packets are lost.
fn lost_in_the_net() -> (SocketAddr, OwnedFd, TcpStream) {
    let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address: SockaddrIn = getsockname(listener.as_raw_fd()).unwrap();
    let address = SocketAddr::from((address.ip(), address.port()));
    // The one for which there is room.
    let queued = TcpStream::connect(address).unwrap();
    (address, listener, queued)
}

fn a_limit_that_runs_out_while_connecting_sent_nothing(kind: Kind) {
    let (address, _listener, _queued) = lost_in_the_net();
    let url = Url::parse(&format!("http://{address}")).unwrap();
    let start = Instant::now();
    let failure = kind.get_within(&url, SHORT / 10).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotSent, "{failure:?}");
    // The system itself would try for two minutes.
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

fn a_limit_of_any_length_is_no_limit(kind: Kind) {
    let server = crate::server::answering(crate::server::ok("hi"));
    assert_eq!(kind.get_within(&server.url(), Duration::MAX).unwrap().status, 200);
}

fn what_was_surely_not_sent_is_told_from_what_may_have_been(kind: Kind) {
    let closed = ClosedPort::any();
    let refused = Url::parse(&format!("http://{}", closed.address())).unwrap();
    assert_eq!(kind.failure(&refused), FailureKind::NotSent);
    let nowhere = Url::parse("https://no-such-host.invalid").unwrap();
    assert_eq!(kind.failure(&nowhere), FailureKind::NotSent);
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "HTTP/1.1 2", "nonsense\r\n\r\n"] {
        let server = serve(move |mut peer| {
            peer.request();
            peer.say(answer);
            peer.hang_up();
        });
        assert_eq!(kind.failure(&server.url()), FailureKind::AnswerLost, "{answer:?}");
    }
}

/// Accepted, and closed with the request unread: the client is told by a reset.
fn a_request_that_was_reset_may_have_been_sent(kind: Kind) {
    let server = serve(drop);
    assert_eq!(kind.failure(&server.url()), FailureKind::AnswerLost);
}

fn a_failure_repeats_no_secret(kind: Kind) {
    let server = serve(|mut peer| {
        peer.request();
        peer.hang_up();
    });
    let failure = kind.client().send(&get(&server.url()), LIMIT).unwrap_err();
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
}
