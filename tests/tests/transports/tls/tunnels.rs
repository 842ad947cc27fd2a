//! TLS through a proxy, which may itself be reached by TLS.

use std::net::TcpListener;
use std::sync::Arc;

use doorkey_core::http::FailureKind;
use doorkey_core::url::Url;
use rustls::ServerConfig;

use super::authority::Shown;
use super::for_both_inside;
use crate::client::Kind;
use crate::proxies::through;
use crate::server::{Server, ok, serve_at};

for_both_inside!(
    a_way_through_a_proxy_is_used_again,
    a_proxy_may_talk_tls_itself,
    a_proxy_that_is_not_who_it_should_be_is_told_nothing,
    a_host_behind_a_proxy_must_be_who_it_should_be,
);

/// A proxy that says yes and then is the host that was asked for.
fn proxy(tls: Option<Arc<ServerConfig>>, host: &Shown<'_>) -> Server {
    let host = host.config();
    serve_at(TcpListener::bind("127.0.0.1:0").unwrap(), tls, move |mut peer| {
        peer.request();
        peer.say("HTTP/1.1 200 Connection established\r\n\r\n");
        let mut host = peer.secured(Arc::clone(&host));
        while host.request().is_some() {
            host.say(ok("behind"));
        }
    })
}

fn api() -> Url {
    Url::parse("https://api.example").unwrap()
}

fn a_way_through_a_proxy_is_used_again(kind: Kind) {
    let proxy = proxy(None, &Shown::For("api.example"));
    let mut client = kind.client_through(through(format!("http://{}", proxy.address)));
    for _ in 0..2 {
        assert_eq!(client.get(&api()).unwrap().body.as_bytes(), b"behind");
    }
    let [asked, first, second] = proxy.requests().try_into().unwrap();
    assert!(asked.starts_with("CONNECT api.example:443 "), "{asked}");
    assert!(
        first.starts_with("GET /x?device_id=s3cret ") && second.starts_with("GET /x"),
        "{first} {second}"
    );
    assert_eq!(proxy.accepted(), 1);
}

fn a_proxy_may_talk_tls_itself(kind: Kind) {
    let proxy = proxy(Some(Shown::For("127.0.0.1").config()), &Shown::For("api.example"));
    let mut client = kind.client_through(through(format!("https://u:p@{}", proxy.address)));
    assert_eq!(client.get(&api()).unwrap().body.as_bytes(), b"behind");
    let [asked, request] = proxy.requests().try_into().unwrap();
    assert!(asked.to_lowercase().contains("proxy-authorization: basic dtpw\r\n"), "{asked}");
    assert!(!request.to_lowercase().contains("authorization"), "{request}");
}

fn a_proxy_that_is_not_who_it_should_be_is_told_nothing(kind: Kind) {
    let proxy = proxy(Some(Shown::SelfSigned("127.0.0.1").config()), &Shown::For("api.example"));
    let mut client = kind.client_through(through(format!("https://u:p@{}", proxy.address)));
    assert_eq!(client.get(&api()).unwrap_err().kind, FailureKind::NotSent);
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

/// The proxy's own certificate is no help.
fn a_host_behind_a_proxy_must_be_who_it_should_be(kind: Kind) {
    let proxy = proxy(Some(Shown::For("127.0.0.1").config()), &Shown::For("127.0.0.1"));
    let mut client = kind.client_through(through(format!("https://{}", proxy.address)));
    assert_eq!(client.get(&api()).unwrap_err().kind, FailureKind::NotSent);
    assert_eq!(proxy.requests().len(), 1);
}
