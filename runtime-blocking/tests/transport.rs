//! What the transport makes of good and bad servers, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, Method, RequestFailure};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;

const LIMIT: Duration = Duration::from_secs(10);

/// Serves each connection with `handler`, which gets the stream after the head of a request was read; tells every
/// head that came.
fn server(mut handler: impl FnMut(&mut TcpStream) + Send + 'static) -> (Url, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (heads, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            loop {
                let mut head = String::new();
                while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
                if head.is_empty() || heads.send(head).is_err() {
                    break;
                }
                handler(&mut stream);
            }
        }
    });
    (url, seen)
}

fn answering(answer: Vec<u8>) -> (Url, Receiver<String>) {
    server(move |stream| {
        // A client that has seen enough may be gone.
        let _ = stream.write_all(&answer);
    })
}

fn send(url: &Url, limit: Duration) -> Result<HttpResponse, RequestFailure> {
    let request = HttpRequest::new(Method::Get, url.join("/x").with("device_id", Secret::from("s3cret")));
    HttpTransport::new(ProxySettings::default(), "test/1").send(&request, limit)
}

fn ok(body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    answer
}

#[test]
fn a_get_has_no_body_and_names_us() {
    let (url, heads) = answering(ok(b"hi"));
    let response = send(&url, LIMIT).unwrap();
    assert_eq!((response.status, response.body.as_bytes()), (200, &b"hi"[..]));
    let head = heads.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /x?device_id=s3cret http/1.1"), "{head}");
    assert!(head.contains("user-agent: test/1") && !head.contains("content-length"), "{head}");
}

#[test]
fn a_post_without_a_body_says_that_there_is_none() {
    let (url, heads) = answering(ok(b"hi"));
    let request = HttpRequest::new(Method::Post, url.join("/x"));
    HttpTransport::new(ProxySettings::default(), "test/1").send(&request, LIMIT).unwrap();
    let head = heads.recv().unwrap().to_lowercase();
    assert!(head.contains("content-length: 0") && !head.contains("transfer-encoding"), "{head}");
}

#[test]
fn error_statuses_are_answers_with_their_bodies() {
    let (url, _heads) =
        answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nRetry-After: 7\r\n\r\ngone".to_vec());
    let response = send(&url, LIMIT).unwrap();
    assert_eq!((response.status, response.body.as_bytes()), (404, &b"gone"[..]));
    assert_eq!(response.header_value("retry-after"), Some("7"));
}

#[test]
fn a_redirect_is_returned_not_followed() {
    let (elsewhere, followed) = answering(ok(b"gotcha"));
    let location = elsewhere.join("/").expose();
    let head =
        format!("HTTP/1.1 307 T\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", location.expose_secret());
    let (url, _heads) = answering(head.into_bytes());
    assert_eq!(send(&url, LIMIT).unwrap().status, 307);
    assert!(followed.recv_timeout(Duration::from_millis(200)).is_err());
}

#[test]
fn a_body_of_exactly_the_cap_is_taken_one_more_is_not() {
    let cap = 1024 * 1024;
    let (url, _heads) = answering(ok(&vec![b'x'; cap]));
    assert_eq!(send(&url, LIMIT).unwrap().body.len(), cap);
    let (url, _heads) = answering(ok(&vec![b'x'; cap + 1]));
    assert_eq!(send(&url, LIMIT).unwrap_err().kind, FailureKind::BodyTooLarge);
    // Without a length, too.
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(3 * cap, b'x');
    let (url, _heads) = answering(endless);
    assert_eq!(send(&url, LIMIT).unwrap_err().kind, FailureKind::BodyTooLarge);
}

#[test]
fn silence_and_dripping_end_at_the_limit() {
    let limit = Duration::from_millis(600);
    let silent = server(|_| thread::sleep(LIMIT));
    let dripping = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        while stream.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    for (url, _heads) in [silent, dripping] {
        let start = Instant::now();
        assert_eq!(send(&url, limit).unwrap_err().kind, FailureKind::AnswerLost);
        assert!(start.elapsed() >= limit && start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
    }
}

#[test]
fn what_was_surely_not_sent_is_told_from_what_may_have_been() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = Url::parse(&format!("http://{}", closed.local_addr().unwrap())).unwrap();
    drop(closed);
    assert_eq!(send(&refused, LIMIT).unwrap_err().kind, FailureKind::NotSent);
    let nowhere = Url::parse("https://no-such-host.invalid").unwrap();
    assert_eq!(send(&nowhere, LIMIT).unwrap_err().kind, FailureKind::NotSent);
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "HTTP/1.1 2", "nonsense\r\n\r\n"] {
        let (url, _heads) = server(move |stream| {
            stream.write_all(answer.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        });
        assert_eq!(send(&url, LIMIT).unwrap_err().kind, FailureKind::AnswerLost, "{answer:?}");
    }
}

#[test]
fn a_failure_repeats_no_secret() {
    let (url, _heads) = server(|stream| stream.shutdown(std::net::Shutdown::Both).unwrap());
    let failure = send(&url, LIMIT).unwrap_err();
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
}

/// What makes no sense as TLS says nothing about when: the same bytes can be slipped in after the request.
#[test]
fn a_server_that_talks_no_tls_may_have_been_sent_something() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let https = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let failure = send(&https, LIMIT).unwrap_err();
    assert_eq!(failure.kind, FailureKind::AnswerLost, "{failure:?}");
}

#[test]
fn connections_are_used_again() {
    let (url, heads) = answering(ok(b"hi"));
    let mut transport = HttpTransport::new(ProxySettings::default(), "test/1");
    let request = HttpRequest::new(Method::Get, url.join("/"));
    for _ in 0..3 {
        transport.send(&request, LIMIT).unwrap();
    }
    // The server serves one connection at a time: a second one would wait for the first for ever.
    assert_eq!(heads.try_iter().count(), 3);
}

#[test]
fn loopback_goes_past_a_proxy_and_anything_else_through_it() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let (asked, asks) = channel();
    thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut line = String::new();
            BufReader::new(stream.unwrap()).read_line(&mut line).unwrap();
            asked.send(line).unwrap();
        }
    });
    let settings = ProxySettings {
        proxy: Some(("HTTPS_PROXY".into(), Secret::new(format!("http://{address}")))),
        no_proxy: None,
    };
    let mut transport = HttpTransport::new(settings, "test/1");
    let (url, _heads) = answering(ok(b"direct"));
    transport.send(&HttpRequest::new(Method::Get, url), LIMIT).unwrap();
    assert!(asks.try_recv().is_err());
    let outside = Url::parse("https://api.example/").unwrap();
    assert!(transport.send(&HttpRequest::new(Method::Get, outside), LIMIT).is_err());
    let asked = asks.recv_timeout(LIMIT).unwrap();
    assert!(asked.starts_with("CONNECT api.example:443 "), "{asked:?}");
}

#[test]
fn an_unusable_proxy_is_an_error_and_nothing_is_sent() {
    let settings =
        ProxySettings { proxy: Some(("ALL_PROXY".into(), Secret::from("socks5://x:1"))), no_proxy: None };
    let outside = Url::parse("https://api.example/").unwrap();
    let failure = HttpTransport::new(settings, "test/1")
        .send(&HttpRequest::new(Method::Get, outside), LIMIT)
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert!(failure.detail.contains("ALL_PROXY"), "{failure:?}");
}
