//! Ways through a proxy.

use std::time::Duration;

use doorkey_core::http::{FailureKind, HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use doorkey_host::ProxySettings;

use crate::LIMIT;
use crate::client::{Kind, get};
use crate::for_both;
use crate::server::{Server, answering, answering_once, ok, serve};

for_both!(
    loopback_goes_past_a_proxy_and_anything_else_through_it,
    credentials_are_shown_to_the_proxy_and_to_nobody_else,
    an_ipv6_address_is_asked_for_in_brackets,
    a_proxy_that_gives_no_way_has_sent_nothing,
    a_proxy_that_never_stops_talking_has_sent_nothing,
    a_proxy_that_says_nothing_has_sent_nothing,
    an_unusable_proxy_is_an_error_and_nothing_is_sent,
);

pub fn through(proxy: String) -> ProxySettings {
    ProxySettings { proxy: Some(("HTTPS_PROXY".into(), Secret::new(proxy))), no_proxy: None }
}

fn outside() -> Url {
    Url::parse("https://api.example").unwrap()
}

/// Lets nobody through.
fn closed() -> Server {
    answering_once("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
}

fn loopback_goes_past_a_proxy_and_anything_else_through_it(kind: Kind) {
    let proxy = closed();
    let mut client = kind.client_through(through(format!("http://{}", proxy.address)));
    client.get(&answering(ok("direct")).url()).unwrap();
    assert_eq!(proxy.accepted(), 0);
    assert_eq!(client.get(&outside()).unwrap_err().kind, FailureKind::NotSent);
    let asked = proxy.next_request();
    assert!(asked.starts_with("CONNECT api.example:443 HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked.to_lowercase().contains("\r\nhost: api.example:443\r\n"), "{asked:?}");
    assert!(!asked.to_lowercase().contains("authorization") && !asked.contains("s3cret"), "{asked:?}");
}

fn credentials_are_shown_to_the_proxy_and_to_nobody_else(kind: Kind) {
    let proxy = closed();
    let mut client = kind.client_through(through(format!("http://us%40er:p%3Aw@{}", proxy.address)));
    let failure = client.get(&outside()).unwrap_err();
    assert!(!format!("{failure:?}").contains("p:w"), "{failure:?}");
    let asked = proxy.next_request().to_lowercase();
    // `us@er:p:w` (RFC 7617 §2).
    assert!(asked.contains("\r\nproxy-authorization: basic dxnazxi6cdp3\r\n"), "{asked:?}");
    // A server on loopback is no proxy.
    let direct = answering(ok("direct"));
    client.get(&direct.url()).unwrap();
    assert!(!direct.next_request().to_lowercase().contains("authorization"));
}

fn an_ipv6_address_is_asked_for_in_brackets(kind: Kind) {
    let proxy = closed();
    let mut client = kind.client_through(through(format!("http://{}", proxy.address)));
    client.get(&Url::parse("https://[2001:db8::1]").unwrap()).unwrap_err();
    let asked = proxy.next_request();
    assert!(asked.starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"), "{asked:?}");
}

fn a_proxy_that_gives_no_way_has_sent_nothing(kind: Kind) {
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Service Unavailable\r\n\r\n",
        // Nothing, half a head, rubbish.
        "",
        "HTTP/1.1 200 Connection esta",
        "HTTP/1.1 200 OK\r\nx: y\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "SSH 200 2\r\n\r\n",
        "\x1b[2J\r\n\r\n",
        // A way that leads nowhere: what follows is not TLS.
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let proxy = answering_once(answer);
        let mut client = kind.client_through(through(format!("http://{}", proxy.address)));
        let request = HttpRequest::new(Method::Post, outside().join("/x")).body("text/plain", "s3cret");
        let failure = client.send(&request, LIMIT).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{answer:?} {failure:?}");
        assert!(failure.detail.ends_with(" (by the proxy in HTTPS_PROXY)"), "{answer:?} {failure:?}");
        assert!(!failure.detail.contains('\x1b'), "{failure:?}");
        assert!(!proxy.next_request().contains("s3cret"));
    }
}

fn a_proxy_that_never_stops_talking_has_sent_nothing(kind: Kind) {
    for (start, goes_on) in [("HTTP/1.1 200 OK\r\nx: ", "yyyyyyyy"), ("", "HTTP/1.1 100 Continue\r\n\r\n")] {
        let flood = goes_on.repeat(1000);
        let proxy = serve(move |mut peer| {
            peer.request();
            peer.say(start);
            while peer.say(&flood) {}
        });
        let mut client = kind.client_through(through(format!("http://{}", proxy.address)));
        let failure = client.get(&outside()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotSent, "{failure:?}");
    }
}

fn a_proxy_that_says_nothing_has_sent_nothing(kind: Kind) {
    let proxy = serve(|mut peer| {
        peer.request();
        peer.until_closed();
    });
    let mut client = kind.client_through(through(format!("http://{}", proxy.address)));
    let failure = client.send(&get(&outside()), Duration::from_millis(600)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotSent, "{failure:?}");
    assert!(failure.detail.ends_with(" (by the proxy in HTTPS_PROXY)"), "{failure:?}");
}

fn an_unusable_proxy_is_an_error_and_nothing_is_sent(kind: Kind) {
    for unusable in ["socks5://x:1", "http://", "http://p:x"] {
        let failure = kind.client_through(through(unusable.to_owned())).get(&outside()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Misconfigured, "{unusable}");
        assert!(failure.detail.contains("HTTPS_PROXY"), "{failure:?}");
    }
}
