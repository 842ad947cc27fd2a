//! Servers that are, or are not, who they should be.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use doorkey_blocking::{HttpTransport, Obstacle, ProxySettings};
use doorkey_core::http::FailureKind;
use doorkey_core::url::Url;

use super::authority::Shown;
use super::{for_both_inside, https};
use crate::LIMIT;
use crate::client::Kind;
use crate::server::{Server, ok, serve, serve_at};

for_both_inside!(
    a_private_authority_is_trusted,
    a_host_whose_certificate_is_not_accepted_is_sent_nothing,
    a_server_that_talks_no_tls_was_sent_nothing,
    a_server_that_does_not_finish_the_handshake_was_sent_nothing,
);

/// A server with that certificate, which answers whoever still asks.
fn showing(shown: &Shown<'_>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve_at(listener, Some(shown.config()), |mut peer| {
        while peer.request().is_some() {
            peer.say(ok("hi"));
        }
    })
}

fn a_private_authority_is_trusted(kind: Kind) {
    let server = showing(&Shown::For("127.0.0.1"));
    let mut client = kind.client();
    for _ in 0..3 {
        assert_eq!(client.get(&https(&server)).unwrap().body.as_bytes(), b"hi");
    }
    assert_eq!((server.accepted(), server.requests().len()), (1, 3));
    assert_eq!(obstacle(&https(&server)), None);
    // By its name, too.
    let server = showing(&Shown::For("localhost"));
    let url = Url::parse(&format!("https://localhost:{}", server.address.port())).unwrap();
    assert_eq!(kind.get(&url).unwrap().status, 200);
    let host = format!("\r\nhost: localhost:{}\r\n", server.address.port());
    assert!(server.next_request().to_lowercase().contains(&host));
}

fn a_host_whose_certificate_is_not_accepted_is_sent_nothing(kind: Kind) {
    for shown in [
        Shown::For("127.0.0.2"),
        Shown::For("api.example"),
        Shown::Expired("127.0.0.1"),
        Shown::NotYet("127.0.0.1"),
        Shown::SelfSigned("127.0.0.1"),
        Shown::OfAnother("127.0.0.1"),
    ] {
        let server = showing(&shown);
        let failure = kind.get(&https(&server)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{failure:?}");
        assert_eq!(obstacle(&https(&server)), Some(Obstacle::Tls));
        assert_eq!(server.requests(), Vec::<String>::new());
    }
}

/// What the blocking transport says is in the way there.
fn obstacle(url: &Url) -> Option<Obstacle> {
    let mut transport = HttpTransport::new(ProxySettings::default(), "test");
    transport.reach(url, LIMIT).err().map(|(obstacle, _)| obstacle)
}

fn a_server_that_talks_no_tls_was_sent_nothing(kind: Kind) {
    for answer in
        [&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], b"\x15\x03\x01\x00\x02\x02\x28", b""]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer);
            }
        });
        let failure = kind.get(&url).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{answer:?} {failure:?}");
        assert_eq!(obstacle(&url), Some(Obstacle::Tls), "{answer:?}");
    }
}

fn a_server_that_does_not_finish_the_handshake_was_sent_nothing(kind: Kind) {
    let server = serve(|mut peer| peer.until_closed());
    let failure = kind.get_within(&https(&server), Duration::from_millis(600)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotSent, "{failure:?}");
}
