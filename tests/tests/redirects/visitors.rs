//! Strangers at the listener: whatever they send, or do not send, the person's browser gets through.

use std::net::SocketAddr;
use std::thread;

use doorkey_host::redirect::MOST_CONNECTIONS;

use crate::for_both;
use crate::issuer::Issuer;
use crate::login::{Kind, Link, Login};
use crate::visitor::{Visitor, browsers_request};

for_both![
    who_is_not_awaited_gets_a_400,
    what_is_not_http_gets_a_400,
    whoever_says_nothing_makes_room,
    slow_talkers_are_in_nobodys_way,
    a_crowd_is_in_nobodys_way,
];

/// The right answer still comes through, and at once.
fn still_works(login: Login, link: &Link, issuer: &Issuer) {
    let browser = Visitor::get(link.address, &link.redirect("code=code-1"));
    issuer.asked().answer_tokens();
    assert!(browser.answer().contains("<h1>You are signed in</h1>"));
    assert!(login.end(link).is_ok());
    assert!(!issuer.was_asked());
}

fn is_refused(mut visitor: Visitor, bytes: impl AsRef<[u8]>) {
    let shown = String::from_utf8_lossy(bytes.as_ref()).chars().take(80).collect::<String>();
    visitor.mumble(bytes);
    let page = visitor.answer();
    assert!(page.starts_with("HTTP/1.1 400 ") && page.contains("this was not it"), "{shown:?}: {page}");
}

fn who_is_not_awaited_gets_a_400(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let at = link.address;
    let right = link.redirect("code=code-1");
    let named =
        |host: &str| browsers_request(at, &right).replace(&format!("Host: {at}"), &format!("Host: {host}"));
    for request in [
        browsers_request(at, "/"),
        browsers_request(at, "/favicon.ico"),
        browsers_request(at, "/callback"),
        browsers_request(at, "/callback?code=code-1"),
        browsers_request(at, &right.replace("state=", "state=x")),
        browsers_request(at, &format!("http://{at}{right}")),
        browsers_request(at, &right).replace("GET", "HEAD"),
        browsers_request(at, &right).replace("GET", "POST"),
        browsers_request(at, &right).replace("GET", "OPTIONS"),
        named("evil.example"),
        named(&format!("localhost:{}", at.port())),
        named(&format!("{at}\r\nHost: {at}")),
        format!("GET {right} HTTP/1.0\r\n\r\n"),
    ] {
        is_refused(Visitor::come(at), request);
    }
    still_works(login, &link, &issuer);
}

fn what_is_not_http_gets_a_400(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let tls: &[u8] = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03";
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    for garbage in [tls, b"\0\0\0\0", b"SSH-2.0-x\r\n", b"GET\r\n\r\n", long.as_bytes(), headers.as_bytes()] {
        is_refused(Visitor::come(link.address), garbage);
    }
    still_works(login, &link, &issuer);
}

fn half_requests(at: SocketAddr) -> Vec<Visitor> {
    let mut visitors = Vec::new();
    for part in ["", "G", "GET /callback?code=x", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut visitor = Visitor::come(at);
        visitor.say(part);
        visitors.push(visitor);
        let mut gone = Visitor::come(at);
        gone.say(part);
        drop(gone);
        let mut half_closed = Visitor::come(at);
        half_closed.say(part);
        half_closed.says_no_more();
        assert_eq!(half_closed.answer(), "", "no request, no answer: {part:?}");
    }
    visitors
}

fn whoever_says_nothing_makes_room(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let mut silent = half_requests(link.address);
    silent.extend((0..3 * MOST_CONNECTIONS).map(|_| Visitor::come(link.address)));
    still_works(login, &link, &issuer);
    // When it ends, everybody is hung up on.
    for visitor in silent {
        assert_eq!(visitor.answer(), "");
    }
}

fn slow_talkers_are_in_nobodys_way(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let mut slow: Vec<Visitor> = (0..4).map(|_| Visitor::come(link.address)).collect();
    // A header that never ends, a byte at a time, and an endless body after an answer.
    slow.iter_mut().for_each(|visitor| visitor.say("GET / HTTP/1.1\r\nX: "));
    let mut endless = Visitor::come(link.address);
    endless.say("POST / HTTP/1.1\r\n\r\n");
    thread::spawn(move || while endless.mumble("x".repeat(64 * 1024)) {});
    let mut browser = Visitor::get(link.address, &link.redirect("code=code-1"));
    let asked = issuer.asked();
    for _ in 0..100 {
        slow.iter_mut().for_each(|visitor| visitor.say("x"));
    }
    assert!(browser.waits());
    asked.answer_tokens();
    assert!(browser.answer().contains("<h1>You are signed in</h1>"));
    assert!(login.end(&link).is_ok());
}

fn a_crowd_is_in_nobodys_way(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    is_refused(
                        Visitor::come(link.address),
                        browsers_request(link.address, "/callback?state=x"),
                    );
                }
            });
        }
    });
    still_works(login, &link, &issuer);
}
