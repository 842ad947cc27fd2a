//! Servers that are not there, or not as they must be.

use std::net::{TcpListener, TcpStream};

use crate::sealed::hostile::{Answer, Hostile};
use crate::setup::{Setup, date};

/// An address where nobody listens, nor can anybody as long as a connection leaves from there.
fn closed() -> (String, (TcpListener, TcpStream)) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let leaving = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (leaving.local_addr().unwrap().to_string(), (listener, leaving))
}

/// `pentify` with this API, and pages that can be reached.
fn with_api(name: &str, api: &str) -> Setup {
    let mut setup = Setup::pentify(name);
    setup.sealed.set("PENTIFY_API_URL", api);
    setup
}

#[test]
fn every_obstacle_has_its_own_code() {
    let (closed, _held) = closed();
    with_api("refused", &format!("http://{closed}"))
        .doctor(&[])
        .expect(7, &["(keychain_absent)", "connection_refused"]);

    // It hangs up where TLS is spoken.
    let plain = Hostile::start(Vec::new());
    let tls = format!("https://127.0.0.1:{}", plain.port());
    with_api("tls", &tls).doctor(&[]).expect(7, &["(keychain_absent)", "tls_failed"]);

    let silent = Hostile::start(vec![Answer::Silence]);
    with_api("silent", &silent.url()).doctor(&[]).expect(7, &["(keychain_absent)", "no_answer"]);

    // Without a network, no name is found; loopback is down, too.
    let mut setup = Setup::new("name");
    setup.put(
        "config.toml",
        "active = \"work\"\nstore = \"plain-file\"\n[profiles.work]\nissuer = \"https://a.invalid\"\ntoken_endpoint = \"https://a.invalid/token\"\n",
    );
    setup.before = Some("true");
    setup.doctor(&[]).expect(7, &["host_not_found"]);
}

#[test]
fn pages_that_cannot_be_reached_are_a_warning() {
    let mut setup = Setup::pentify("pages");
    let (closed, _held) = closed();
    setup.sealed.set("PENTIFY_APP_URL", format!("http://{closed}"));
    setup.doctor(&[]).expect(0, &["(keychain_absent)", "(connection_refused)"]);
}

#[test]
fn proxies() {
    let mut setup = with_api("unusable", "https://api.pentify.example");
    setup.sealed.set("PENTIFY_APP_URL", "https://api.pentify.example");
    setup.sealed.set("HTTPS_PROXY", "socks5://someone:secret@127.0.0.1:1080");
    let seen = setup.doctor(&[]);
    seen.expect(2, &["(keychain_absent)", "unusable_proxy"]);
    assert!(!seen.json.to_string().contains("secret"), "{seen:?}");

    let (closed, _held) = closed();
    setup.sealed.set("HTTPS_PROXY", format!("http://{closed}"));
    setup.doctor(&[]).expect(7, &["(keychain_absent)", "proxy_unreachable", "(proxy_unreachable)"]);

    let proxy = Hostile::start(vec![Answer::json(403, "{}")]);
    setup.sealed.set("HTTPS_PROXY", proxy.url());
    setup.doctor(&[]).expect(7, &["(keychain_absent)", "proxy_refused", "(proxy_refused)"]);
}

#[test]
fn a_clock_that_is_wrong() {
    for (headers, codes) in [
        (date(3600), &["(keychain_absent)", "(clock_skew)"][..]),
        // A cache answered.
        (format!("{}age: 3600\r\n", date(3600)), &["(keychain_absent)"]),
    ] {
        let api = Hostile::start(vec![Answer::with_headers(200, &headers, "{}")]);
        with_api("clock", &api.url()).doctor(&[]).expect(0, codes);
    }
}

#[test]
fn any_answer_will_do() {
    for status in [204, 302, 404, 503] {
        let api = Hostile::start(vec![Answer::with_headers(status, "location: https://a.invalid/\r\n", "")]);
        let seen = with_api("status", &api.url()).doctor(&[]);
        seen.expect(0, &["(keychain_absent)"]);
        assert_eq!(api.connections(), 2, "no redirect is followed, nothing is tried twice");
        assert!(api.requests().iter().all(|request| !request.to_ascii_lowercase().contains("authorization")));
    }
}
